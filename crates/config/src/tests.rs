//! The configuration as its user meets it.

use base::Error;
use pki::algorithm::Algorithm;
use proptest::prelude::*;

use super::*;

const SEED: &str = r#"version = 1
[subject]
country = "us"
organization = "ThingsBoard"
organizational_units = "Fleet"

[server]
name = "broker.example"
days = 90
formats = ["pem", "jks"]
[server.keystore]
password = { file = "secrets/ks" }
"#;

fn over(key: KeyName, text: &str, flag: &'static str) -> Override {
    Override { key, text: text.to_owned(), flag }
}

fn load(text: &str, environment: &Environment, overrides: &[Override]) -> Result<(Config, Vec<Finding>)> {
    Config::from_layers(&Document::new(text, Some(Path::new("dir/keygen.toml"))), environment, overrides)
}

/// The error for a file of this text, which begins below the version.
fn refused(text: &str) -> Error {
    parse(&format!("version = 1\n{text}")).unwrap_err()
}

#[test]
fn an_empty_configuration_means_the_defaults() {
    let (config, findings) = parse("version = 1").unwrap();
    assert_eq!(findings, []);
    assert_eq!(config.server.days.number(), 825);
    assert_eq!(config.server.days.origin, Origin::Default);
    assert_eq!(*config.client.alg, Algorithm::EcP256);
    assert_eq!(
        config.server.formats.value,
        [ServerFormat::Pem, ServerFormat::Pub, ServerFormat::Cer, ServerFormat::P12]
    );
    assert_eq!(config.server_keystore.alias.as_str(), "serveralias");
    assert_eq!(config.client_keystore.alias.as_str(), "clientalias");
    assert!(config.subject().unwrap().is_empty());
    assert_eq!(config.server.name.value, None);
}

#[test]
fn a_file_is_read_into_types() {
    let (config, _) = load(SEED, &Environment::default(), &[]).unwrap();
    assert_eq!(config.subject().unwrap().to_string(), "OU=Fleet,O=ThingsBoard,C=US");
    assert_eq!(config.server.name.as_ref().unwrap().as_str(), "broker.example");
    assert_eq!(config.server.formats.value, [ServerFormat::Pem, ServerFormat::Jks]);
    let Some(SecretRef::File(path)) = &config.server_keystore.password.value else { panic!() };
    assert_eq!(path.resolved(), Path::new("dir/secrets/ks"));
    assert_eq!(config.general.store.resolved(), Path::new("dir/pki"));
    assert!(config.server.days.is_explicit());
    assert!(!config.client.days.is_explicit());
}

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    let environment =
        // An empty variable counts as unset, because some runners (such as CI systems) cannot leave one out.
        Environment::of(&[("TBPKI_SERVER_DAYS", "91"), ("TBPKI_CLIENT_DAYS", "92"), ("TBPKI_CA_NAME", "")]);
    let (config, _) = load(SEED, &environment, &[over(key::server::days, "93", "--days")]).unwrap();
    let seen = |path: &str| {
        let shown = config.show().into_iter().find(|shown| shown.key == path).unwrap();
        (shown.value.unwrap_or_default(), shown.origin.to_string())
    };
    assert_eq!(seen("server.days"), ("93".into(), "--days".into()));
    assert_eq!(seen("client.days"), ("92".into(), "TBPKI_CLIENT_DAYS".into()));
    assert_eq!(seen("server.formats"), (r#"["pem", "jks"]"#.into(), "dir/keygen.toml:10".into()));
    assert_eq!(seen("ca.name"), ("\"tbpki\"".into(), "default".into()), "an empty variable is not set");
    assert_eq!(seen("server.keystore.password"), (r#"{ file = "secrets/ks" }"#.into(), "dir/keygen.toml:12".into()));
    assert_eq!(seen("firmware.mqtt_host"), ("\"broker.example\"".into(), "from server.name".into()));
}

#[test]
fn repeated_flags_and_commas_make_a_list() {
    let flags = [over(key::server::san, "a.example,192.0.2.1", "--san"), over(key::server::san, "a.example", "--san")];
    let (config, _) = load(SEED, &Environment::default(), &flags).unwrap();
    assert_eq!(
        config.server.san.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["dns:a.example", "ip:192.0.2.1"]
    );
}

#[test]
fn paths_of_the_command_line_begin_where_the_user_is() {
    let environment = Environment::of(&[("TBPKI_STORE", "here")]);
    let (config, _) = load(SEED, &environment, &[over(key::server::out, "out", "--out")]).unwrap();
    assert_eq!(config.general.store.resolved(), Path::new("here"));
    assert_eq!(config.server.out.as_ref().unwrap().resolved(), Path::new("out"));
}

#[test]
fn variables_and_flags_say_where_a_secret_is() {
    let environment =
        Environment::of(&[("TBPKI_CA_PASSPHRASE", "hunter2"), ("TBPKI_PLATFORM_API_KEY_FILE", "/run/key")]);
    let (config, _) =
        load(SEED, &environment, &[over(key::client_keystore::password, "-", "--password-file")]).unwrap();
    assert_eq!(config.ca.passphrase.value, Some(SecretRef::Variable("TBPKI_CA_PASSPHRASE".into())));
    assert!(
        matches!(&config.platform.api_key.value, Some(SecretRef::File(path)) if path.resolved() == Path::new("/run/key"))
    );
    assert!(
        matches!(&config.client_keystore.password.value, Some(SecretRef::File(path)) if path.written() == Path::new("-"))
    );
    assert!(!format!("{config:?}{:?}", config.show()).contains("hunter2"));
    let both = Environment::of(&[("TBPKI_CA_PASSPHRASE", "x"), ("TBPKI_CA_PASSPHRASE_FILE", "y")]);
    assert_eq!(load(SEED, &both, &[]).unwrap_err().code(), Code::BadValue);
}

#[test]
fn mistyped_variables_of_every_section_are_told() {
    for (name, told) in [
        ("TBPKI_SERVE_APPROVL", Some("TBPKI_SERVE_APPROVAL")),
        ("TBPKI_LEDGER_URI", Some("TBPKI_LEDGER_URL")),
        ("TBPKI_STORES", Some("TBPKI_STORE")),
        ("TBPKI_SEVER_DAYS", Some("TBPKI_SERVER_DAYS")),
        ("TBPKI_CRL_WHATEVER_THIS_MAY_BE", Some("ignored")),
        ("TBPKI_RENEWAL_X_Y_Z_1234567890", Some("ignored")),
        ("TBPKI_COMPANY_INTERNAL_SETTING", None),
        ("TBPKI_HOME", None),
    ] {
        let environment = Environment::of(&[(name, "1")]);
        let (_, findings) = Config::from_layers(&Document::new("version = 1", None), &environment, &[]).unwrap();
        let texts: Vec<String> = findings.iter().map(|finding| format!("{finding} {:?}", finding.fix)).collect();
        match told {
            Some(word) => assert!(texts.len() == 1 && texts[0].contains(word), "{name}: {texts:?}"),
            None => assert!(texts.is_empty(), "{name}: {texts:?}"),
        }
    }
    for name in OTHER_VARIABLES {
        let environment = Environment::of(&[(name, "1")]);
        let (_, findings) = Config::from_layers(&Document::new("version = 1", None), &environment, &[]).unwrap();
        assert_eq!(findings, [], "{name}");
    }
}

#[test]
fn another_version_has_one_code() {
    let environment = Environment::of(&[("TBPKI_VERSION", "2")]);
    let error = Config::from_layers(&Document::new("version = 1", None), &environment, &[]).unwrap_err();
    assert_eq!(error.code(), Code::ConfigVersion);
}

#[test]
fn two_policies_of_one_label_are_refused() {
    let error = parse("version = 1\n[serve]\nlabel_policies = [\"a=confirm\", \"a=issuance\"]\n").unwrap_err();
    assert!(
        error.code() == Code::BadValue && error.to_string().contains("the label \"a\" has two policies"),
        "{error}"
    );
    let twice = "version = 1\n[serve]\nlabel_policies = [\"a=confirm\", \"a=confirm\", \"b=issuance\"]\n";
    assert_eq!(parse(twice).unwrap().0.serve.label_policies.len(), 2);
    let environment = Environment::of(&[("TBPKI_SERVE_LABEL_POLICIES", "a=confirm,a=issuance")]);
    let error = Config::from_layers(&Document::new("version = 1", None), &environment, &[]).unwrap_err();
    assert_eq!(error.code(), Code::BadValue);
}

#[test]
fn a_secret_in_plain_text_is_taken_and_warned_about_and_never_shown() {
    let text = "version = 1\n[ca]\npassphrase = \"hunter2\"\n";
    for flags in [vec![], vec![over(key::ca::passphrase, "file", "--ca-passphrase-file")]] {
        let (config, findings) = load(text, &Environment::default(), &flags).unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(
            (findings[0].code, findings[0].location.line, findings[0].location.column),
            (Code::LiteralSecret, Some(3), Some(14))
        );
        assert!(!format!("{config:?}{:?}{findings:?}", config.show()).contains("hunter2"));
    }
}

#[test]
fn unknown_keys_are_placed_and_answered() {
    for (text, line, column, advice) in [
        ("[server]\nday = 3\n", 3, 1, "did you mean days?"),
        ("[sever]\ndays = 3\n", 2, 2, "did you mean server?"),
        ("server.dais = 3\n", 2, 8, "did you mean days?"),
        ("[server.keystore]\nalia = \"x\"\n", 3, 1, "did you mean alias?"),
        ("[server]\n  wifi_ssid = \"x\"\n", 3, 3, "wifi_ssid belongs into [firmware]"),
        ("alg = \"ec\"\n", 2, 1, "alg belongs into [ca] or [server] or [client]"),
        ("zzz = 1\nb = 2\n", 2, 1, "`tbpki config show`"),
        ("[server.days.x]\ny = 1\n", 2, 13, ""),
        ("\u{e4}\u{e4} = 1", 2, 1, ""),
    ] {
        let error = parse(&format!("version = 1\n{text}")).map(|_| ()).unwrap_err();
        let finding = error.finding();
        if advice.is_empty() {
            assert!(finding.location.line.is_some(), "{text}: {error:?}");
            continue;
        }
        assert_eq!(error.code(), Code::UnknownKey, "{text}");
        assert_eq!((finding.location.line, finding.location.column), (Some(line), Some(column)), "{text}");
        assert!(finding.fix.as_ref().unwrap().contains(advice), "{text}: {error:?}");
    }
}

#[test]
fn bad_values_are_placed_and_say_what_the_key_takes() {
    for (text, code, line, column) in [
        ("[server]\ndays = 0", Code::BadValue, 3, 8),
        ("[server]\ndays = -5", Code::BadValue, 3, 8),
        ("[server]\ndays = 36501", Code::BadValue, 3, 8),
        // More than the 64 bits of an integer in TOML: the error must still point at the value.
        ("[server]\ndays = 99999999999999999999999", Code::BadValue, 3, 8),
        ("[server]\ndays = \"90\"", Code::BadValue, 3, 8),
        ("[server]\ndays = 9.5", Code::BadValue, 3, 8),
        ("[server]\nalg = \"ec-p257\"", Code::UnknownAlgorithm, 3, 7),
        ("[server]\nsan = [\"a.example\", \"not a host!\"]", Code::BadSan, 3, 21),
        ("[server]\nsan = [\n  \"a.example\",\n  5,\n]", Code::BadValue, 5, 3),
        ("[server]\nformats = [\"p13\"]", Code::BadValue, 3, 12),
        ("[client]\nformats = [\"nopas\"]", Code::BadValue, 3, 12),
        ("[server]\ncredentials = \"keystroe\"", Code::BadValue, 3, 15),
        ("[server]\nsingle_file = \"yes\"", Code::BadValue, 3, 15),
        ("[server]\nanchors = { path = \"x\" }", Code::BadValue, 3, 11),
        ("[server]\nprefix = \"a/b\"", Code::BadValue, 3, 10),
        ("[subject]\ncountry = \"USA\"", Code::CountryCode, 3, 11),
        ("[subject]\norganization = \"\"", Code::NameEmpty, 3, 16),
        ("[subject]\norganization = \"\\u0000\"", Code::NameAlphabet, 3, 16),
        ("[firmware]\nmqtt_port = 0", Code::BadValue, 3, 13),
        ("[firmware]\nmqtt_port = 65536", Code::BadValue, 3, 13),
        ("[firmware]\nchip = \"esp8266\"", Code::UnknownChip, 3, 8),
        // Not a multiple of a sector, 0x1000.
        ("[firmware]\npartition_table_offset = 0xD100", Code::BadValue, 3, 26),
        ("[firmware]\npartition_table_offset = \"D000\"", Code::BadValue, 3, 26),
        ("[firmware]\napp_partition = \"\"", Code::BadValue, 3, 17),
        ("[firmware]\nntp_server = \"not a host!\"", Code::BadSan, 3, 14),
        ("[ca]\npassphrase = { prompt = false }", Code::BadValue, 3, 14),
        ("[ca]\npassphrase = { file = \"x\", env = \"Y\" }", Code::BadValue, 3, 14),
        ("[ca]\npassphrase = 5", Code::BadValue, 3, 14),
        ("store = \"\"", Code::BadValue, 2, 9),
        ("server = 5", Code::BadValue, 2, 10),
        ("[[server]]\ndays = 5", Code::BadValue, 2, 1),
    ] {
        let error = refused(text);
        assert_eq!(error.code(), code, "{text}: {error:?}");
        let place = &error.finding().location;
        assert_eq!((place.line, place.column), (Some(line), Some(column)), "{text}: {error:?}");
    }
    let error = refused("[server]\ndays = 0");
    assert_eq!(error.finding().why.as_deref(), Some("it takes a whole number of days from 1 to 36500"));
    assert_eq!(error.finding().location.item.as_deref(), Some("server.days"));
}

#[test]
fn a_bad_variable_or_flag_is_named() {
    let environment = Environment::of(&[("TBPKI_SERVER_DAYS", "many")]);
    let error = load(SEED, &environment, &[]).unwrap_err();
    assert_eq!(error.finding().location.item.as_deref(), Some("TBPKI_SERVER_DAYS"));
    let error = load(SEED, &Environment::default(), &[over(key::server::alg, "rot13", "--alg")]).unwrap_err();
    assert_eq!(error.finding().location.item.as_deref(), Some("--alg"));
}

#[test]
fn a_variable_that_is_nearly_a_key_is_warned_about() {
    // The other two are variables of the program and not keys.
    let environment = Environment::of(&[("TBPKI_SERVER_DAY", "5"), ("TBPKI_NO_PROGRESS", "1"), ("TBPKI_CONFIG", "x")]);
    let (_, findings) = load(SEED, &environment, &[]).unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].fix.as_deref(), Some("did you mean TBPKI_SERVER_DAYS?"));
}

#[test]
fn the_version_comes_first() {
    // The version is checked first: in a file of a later version an unknown key is no mistake.
    for text in ["", "[server]\nday = 3", "version = 2", "version = \"1\"", "version = 1.0", "version = []"] {
        assert_eq!(parse(text).unwrap_err().code(), Code::ConfigVersion, "{text}");
    }
}

#[test]
fn syntax_errors_are_placed_and_show_no_line_of_the_file() {
    for (text, line) in
        [("version = 1\n[ca]\npassphrase = \"hunter2\nx", 4), ("version = 1\nversion = 1", 2), ("version", 1)]
    {
        let error = parse(text).unwrap_err();
        assert_eq!((error.code(), error.finding().location.line), (Code::ConfigSyntax, Some(line)), "{text}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn columns_count_characters_behind_a_byte_order_mark_and_with_windows_newlines() {
    // An editor counts characters, the parser bytes; `ä` has two, and the byte order mark three.
    let error = parse("\u{feff}version = 1\r\n[subject]\r\ncountry = \"ä\"\r\n[x]").unwrap_err();
    assert_eq!((error.finding().location.line, error.finding().location.column), (Some(4), Some(2)));
    let error = parse("\u{feff}version = 2").unwrap_err();
    assert_eq!((error.finding().location.line, error.finding().location.column), (Some(1), Some(11)));
    let error = refused("subject.organization = \"äöü\"\nsubject = {}");
    assert_eq!(error.finding().location.line, Some(3));
}

#[test]
fn the_host_name_is_the_server_s_unless_it_is_no_name() {
    let (config, _) = load("version = 1", &Environment::default().with_host_name("Broker7"), &[]).unwrap();
    assert_eq!(config.server.name.as_ref().unwrap().as_str(), "broker7");
    assert_eq!(config.server.name.origin.to_string(), "from the host name");
    let (config, _) = load("version = 1", &Environment::default().with_host_name("not a host!"), &[]).unwrap();
    assert_eq!(config.server.name.value, None);
}

#[test]
fn a_file_that_is_missing_too_large_or_not_text_is_told_apart() {
    use std::io::Write as _;
    let load = |path: &Path| Config::load(path, &Environment::default(), &[]).unwrap_err();
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(load(&directory.path().join("keygen.toml")).code(), Code::ConfigMissing);
    assert_eq!(load(directory.path()).code(), Code::FileUnreadable);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"version = 1\nx = \"\xff\"").unwrap();
    let error = load(file.path());
    assert_eq!(
        (error.code(), error.finding().location.line, error.finding().location.column),
        (Code::ConfigSyntax, Some(2), Some(6))
    );
    for (text, what) in [
        ("version = 1\n[client]\ndays = 1\n[server]\n[client]\ndays = 2\n", "the section [client] occurs twice"),
        ("version = 1\n[client]\ndays = 1\ndays = 2\n", "the key \"days\" occurs twice in the section [client]"),
        ("version = 1\nversion = 1\n", "the key \"version\" occurs twice"),
    ] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let error = load(file.path());
        assert_eq!((error.code(), error.finding().what.as_str()), (Code::ConfigSyntax, what));
        assert!(error.finding().fix.is_some());
    }
    file.write_all(&vec![b'#'; 1024 * 1024]).unwrap();
    assert_eq!(load(file.path()).code(), Code::FileUnreadable);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), line in "[a-z_.]{1,12} = [-+0-9\"'{}\\[\\]a-z=, \\\\]{0,20}") {
        for text in [text.clone(), format!("version = 1\n{text}"), format!("version = 1\n{line}\n[server]\n{line}")] {
            if let Err(error) = parse(&text) {
                prop_assert!(error.finding().location.line.is_some());
            }
        }
    }

    #[test]
    fn no_value_of_a_known_key_makes_it_panic(index in 0..KEYS.len(), text in any::<String>(), number in any::<i64>()) {
        let path = KEYS[index].path;
        let text = quoting::quoted(&text);
        for value in [text.clone(), format!("[{text}]"), format!("{{ file = {text} }}"), number.to_string()] {
            let _: Result<(Config, Vec<Finding>)> = parse(&format!("version = 1\n{path} = {value}"));
        }
    }
}
