//! Whole files, as people have them.

use proptest::prelude::*;

use super::*;
use crate::{Config, SecretRef};

/// The file of seed 001 and of ThingsBoard up to 3.2.
const OLD: &str = "\
DOMAIN_SUFFIX=\"$(hostname)\"
ORGANIZATIONAL_UNIT=ThingsBoard
ORGANIZATION=ThingsBoard
CITY=San Francisco
STATE_OR_PROVINCE=CA
TWO_LETTER_COUNTRY_CODE=US

SERVER_KEYSTORE_PASSWORD=server_ks_password
SERVER_KEY_PASSWORD=server_key_password

SERVER_KEY_ALIAS=\"serveralias\"
SERVER_FILE_PREFIX=\"mqttserver\"
SERVER_KEYSTORE_DIR=\"/etc/thingsboard/conf/\"

CLIENT_KEYSTORE_PASSWORD=password
CLIENT_KEY_PASSWORD=password

CLIENT_KEY_ALIAS=\"clientalias\"
CLIENT_FILE_PREFIX=\"mqttclient\"
";

/// Between 2021-02 and 3.3.1.
const MIDDLE: &str = "\
DOMAIN_SUFFIX=\"$(hostname)\"
SUBJECT_ALTERNATIVE_NAMES=\"ip:127.0.0.1\"
ORGANIZATIONAL_UNIT=Thingsboard
ORGANIZATION=Thingsboard
CITY=SF
STATE_OR_PROVINCE=CA
TWO_LETTER_COUNTRY_CODE=US
SERVER_KEYSTORE_PASSWORD=password
SERVER_KEY_PASSWORD=password
SERVER_KEY_ALIAS=\"serveralias\"
SERVER_FILE_PREFIX=\"server\"
SERVER_KEY_ALG=\"RSA\"
SERVER_KEY_SIZE=\"2048\"
SERVER_KEYSTORE_DIR=\"/etc/thingsboard/conf\"
CLIENT_KEYSTORE_PASSWORD=password
CLIENT_KEY_PASSWORD=password
CLIENT_KEY_ALIAS=\"clientalias\"
CLIENT_FILE_PREFIX=\"client\"
CLIENT_KEY_ALG=\"RSA\"
CLIENT_KEY_SIZE=\"4096\"
";

/// Since 3.3.2.
const NEW: &str = "\
#
# A license in comments
#

DOMAIN_SUFFIX=\"$(hostname)\"
SUBJECT_ALTERNATIVE_NAMES=\"dns:tb.example,ip:127.0.0.1\"
ORGANIZATIONAL_UNIT=ThingsBoard
ORGANIZATION=ThingsBoard
CITY=\"San Francisco\"
STATE_OR_PROVINCE=CA
TWO_LETTER_COUNTRY_CODE=US

SERVER_KEYSTORE_PASSWORD=password
SERVER_KEY_PASSWORD=password

SERVER_KEY_ALIAS=\"serveralias\"
SERVER_FILE_PREFIX=\"server\"
SERVER_KEY_ALG=\"EC\"
SERVER_KEY_GROUP_NAME=\"secp256r1\"
SERVER_KEYSTORE_DIR=\"/etc/thingsboard/conf\"

CLIENT_KEYSTORE_PASSWORD=password
CLIENT_KEY_PASSWORD=password

CLIENT_KEY_ALIAS=\"clientalias\"
CLIENT_FILE_PREFIX=\"client\"
CLIENT_KEY_ALG=\"EC\"
CLIENT_KEY_GROUP_NAME=\"secp384r1\"
";

/// The store that `init` makes without further options.
const PKI: StoreDir<'_> = StoreDir { in_config: "pki", from_here: "pki" };

fn convert(text: &str) -> Result<Converted> {
    parse(text)?.convert(PKI, &Environment::default().with_host_name("broker7"))
}

/// The configuration that a file becomes, through the text that `tbpki init` writes.
fn configured(text: &str) -> (Config, Converted) {
    let converted = convert(text).unwrap();
    let (config, findings) = crate::parse(&crate::render(&converted.answers)).unwrap();
    assert_eq!(findings, []);
    (config, converted)
}

fn shown(config: &Config, key: &str) -> String {
    config.show().into_iter().find(|shown| shown.key == key).unwrap().value.unwrap_or_default()
}

fn reports(converted: &Converted, words: &str) -> bool {
    converted.findings.iter().any(|finding| finding.to_string().contains(words))
}

#[test]
fn the_file_of_the_seed_converts_as_it_is() {
    let (config, converted) = configured(OLD);
    assert_eq!(config.subject().unwrap().to_string(), "OU=ThingsBoard,O=ThingsBoard,L=San Francisco,ST=CA,C=US");
    for (key, value) in [
        ("server.name", "\"broker7\""),
        ("server.san", "[]"),
        ("server.alg", "\"ec-p256\""),
        ("server.days", "825"),
        ("server.prefix", "\"mqttserver\""),
        ("server.formats", r#"["pem", "pub", "cer", "p12", "jks"]"#),
        ("server.out", "\"/etc/thingsboard/conf/\""),
        ("server.keystore.alias", "\"serveralias\""),
        ("server.keystore.password", "{ file = \"pki/secrets/server-keystore\" }"),
        ("server.keystore.key_password", "{ file = \"pki/secrets/server-key\" }"),
        ("client.prefix", "\"mqttclient\""),
        ("client.formats", r#"["pem", "nopass", "pub", "p12", "jks"]"#),
        ("client.days", "3650"),
        ("client.keystore.alias", "\"clientalias\""),
        ("client.keystore.password", "{ file = \"pki/secrets/client-keystore\" }"),
        ("client.keystore.key_password", "{ file = \"pki/secrets/client-key\" }"),
    ] {
        assert_eq!(shown(&config, key), value, "{key}");
    }
    let secrets: Vec<(&str, &str)> = converted.secrets.iter().map(|file| (file.name, file.secret.reveal())).collect();
    assert_eq!(
        secrets,
        [
            ("server-keystore", "server_ks_password"),
            ("server-key", "server_key_password"),
            ("client-keystore", "password"),
            ("client-key", "password"),
        ]
    );
    assert!(!crate::render(&converted.answers).contains("server_ks_password"));
}

#[test]
fn changes_are_reported() {
    let converted = convert(OLD).unwrap();
    for words in [
        "a device's common name is its own name",
        "instead of 9,999",
        "true JKS",
        "files of mode 0600 under pki/secrets",
        "EC on P-256",
        "the .p12 takes the key password",
        "without asking",
        "everyone knows them: SERVER_KEYSTORE_PASSWORD, SERVER_KEY_PASSWORD, CLIENT_KEYSTORE_PASSWORD, CLIENT_KEY_PASSWORD",
        "signed by CAs of your own",
    ] {
        assert!(reports(&converted, words), "{words}");
    }
    assert!(!format!("{:?}", converted.findings).contains("server_ks_password"));
    // The command replaces all of them: one that is left opens the keystore. A PKCS#12 file has one password, so that both of a
    // keystore get one value.
    let fixes: Vec<&str> = converted.findings.iter().filter_map(|finding| finding.fix.as_deref()).collect();
    let files = "for f in server client; do (umask 077; head -c 18 /dev/urandom | base64 | tee pki/secrets/$f-keystore > \
                 pki/secrets/$f-key); done`";
    assert!(fixes.iter().any(|fix| fix.contains(files)), "{fixes:?}");
    let directory = converted.findings.iter().find(|finding| finding.what.contains("without asking")).unwrap();
    assert_eq!((directory.location.item.as_deref(), directory.location.line), (Some("SERVER_KEYSTORE_DIR"), Some(13)));
}

#[test]
fn the_later_generations_keep_their_algorithms_and_names() {
    let (config, converted) = configured(MIDDLE);
    assert_eq!(
        (shown(&config, "server.alg"), shown(&config, "client.alg")),
        ("\"rsa-2048\"".into(), "\"rsa-4096\"".into())
    );
    assert_eq!(shown(&config, "server.san"), "[\"ip:127.0.0.1\"]");
    assert!(!reports(&converted, "EC on P-256"));
    assert!(!reports(&converted, "the .p12 takes the key password"), "the two are the same");
    let (config, _) = configured(NEW);
    assert_eq!(
        (shown(&config, "server.alg"), shown(&config, "client.alg")),
        ("\"ec-p256\"".into(), "\"ec-p384\"".into())
    );
    assert_eq!(shown(&config, "server.san"), "[\"dns:tb.example\", \"ip:127.0.0.1\"]");
    assert_eq!(shown(&config, "server.prefix"), "\"server\"");
    assert_eq!(shown(&config, "server.out"), "\"/etc/thingsboard/conf\"");
}

#[test]
fn windows_newlines_and_byte_order_marks_change_nothing() {
    // As Notepad saves it.
    let windows = format!("\u{feff}{}", OLD.replace('\n', "\r\n"));
    let (config, converted) = configured(&windows);
    let (expected, expected_converted) = configured(OLD);
    assert_eq!(config.show(), expected.show());
    assert_eq!(converted.secrets, expected_converted.secrets);
}

#[test]
fn the_last_of_two_counts_and_unknown_variables_are_named() {
    let (config, converted) = configured("CITY=A\nCITY=B\nDOMAIN_SUFIX=x\nJAVA_HOME=/opt\n");
    assert_eq!(shown(&config, "subject.locality"), "\"B\"");
    let again = &converted.findings[0];
    assert!(again.what.contains("CITY") && again.location.line == Some(2), "{again:?}");
    let unknown: Vec<_> = converted.findings.iter().filter(|finding| finding.code == Code::UnknownKey).collect();
    assert_eq!(unknown.len(), 2);
    assert_eq!((unknown[0].location.line, unknown[0].fix.as_deref()), (Some(3), Some("did you mean DOMAIN_SUFFIX?")));
}

#[test]
fn an_empty_file_means_the_defaults_in_all_formats() {
    let (config, converted) = configured("");
    assert_eq!(config.server.name.value, None);
    assert_eq!(config.server.formats.len(), 5);
    assert_eq!(converted.secrets, []);
    assert_eq!(config.server_keystore.password.value, None);
}

#[test]
fn an_empty_directory_for_the_keystore_is_none() {
    let (_, converted) = configured("SERVER_KEYSTORE_DIR=\n");
    let is_about = |finding: &&Finding| finding.location.item.as_deref() == Some("SERVER_KEYSTORE_DIR");
    assert_eq!(converted.findings.iter().filter(is_about).count(), 0);
}

#[test]
fn another_store_holds_the_secrets() {
    let properties = parse("SERVER_KEY_PASSWORD=server_key_password").unwrap();
    let store = StoreDir { in_config: "keys", from_here: "o'ther/keys" };
    let converted = properties.convert(store, &Environment::default()).unwrap();
    // The command in the help is for a shell in the working directory.
    let fixes: Vec<&str> = converted.findings.iter().filter_map(|finding| finding.fix.as_deref()).collect();
    assert!(fixes.iter().any(|fix| fix.contains(r"base64 > 'o'\''ther/keys/secrets'/$f)")), "{fixes:?}");
    let (config, _) = crate::parse(&crate::render(&converted.answers)).unwrap();
    let Some(SecretRef::File(path)) = &config.server_keystore.key_password.value else { panic!() };
    assert_eq!(path.written(), Path::new("keys/secrets/server-key"));
}

#[test]
fn a_wildcard_becomes_an_alternative_name() {
    let (config, _) = configured("DOMAIN_SUFFIX=*.fleet.example\nSUBJECT_ALTERNATIVE_NAMES=DNS:a.example");
    assert_eq!(shown(&config, "server.name"), "\"fleet.example\"");
    assert_eq!(shown(&config, "server.san"), "[\"dns:*.fleet.example\", \"dns:a.example\"]");
}

#[test]
fn commas_that_were_escaped_for_keytool_are_commas() {
    let (config, _) = configured("ORGANIZATION=\"Widgets\\, Inc.\"\nORGANIZATIONAL_UNIT=A\\B");
    assert_eq!(shown(&config, "subject.organization"), "\"Widgets, Inc.\"");
    assert_eq!(shown(&config, "subject.organizational_units"), "[\"AB\"]", "a shell eats an unquoted backslash");
}

#[test]
fn rsa_of_odd_sizes_becomes_the_next_that_there_is() {
    for (bits, alg, said) in [
        ("1024", "rsa-2048", true),
        ("2048", "rsa-2048", false),
        ("2049", "rsa-3072", true),
        ("8192", "rsa-4096", true),
    ] {
        let (config, converted) = configured(&format!("SERVER_KEY_ALG=rsa\nSERVER_KEY_SIZE={bits}\n"));
        assert_eq!(shown(&config, "server.alg"), format!("\"{alg}\""));
        assert_eq!(reports(&converted, "become keys of"), said, "{bits}");
    }
    // Since 3.3.2 the file contains the group even with RSA.
    let (config, _) = configured("CLIENT_KEY_ALG=RSA\nCLIENT_KEY_GROUP_NAME=secp256r1");
    assert_eq!(shown(&config, "client.alg"), "\"rsa-2048\"");
    let (config, _) = configured("CLIENT_KEY_ALG=EC\nCLIENT_KEY_SIZE=384");
    assert_eq!(shown(&config, "client.alg"), "\"ec-p384\"");
}

/// The new key of `DOMAIN_SUFFIX` came without algorithms, and old files kept the sizes.
#[test]
fn sizes_and_curves_without_an_algorithm_are_told_as_ignored() {
    let text =
        "DOMAIN_SUFFIX=tb.example.org\nCLIENT_KEY_SIZE=4096\nSERVER_KEY_SIZE=3072\nSERVER_KEY_GROUP_NAME=secp384r1\n";
    let (config, converted) = configured(text);
    assert_eq!(shown(&config, "client.alg"), "\"ec-p256\"");
    for (name, line) in [("CLIENT_KEY_SIZE", 2), ("SERVER_KEY_SIZE", 3), ("SERVER_KEY_GROUP_NAME", 4)] {
        let about = |finding: &&base::Finding| finding.location.item.as_deref() == Some(name);
        let finding = converted.findings.iter().find(about).unwrap();
        assert_eq!((finding.code, finding.severity), (Code::LegacyConverted, base::Severity::Warning));
        assert_eq!(finding.location.line, Some(line), "{name}");
        assert!(finding.what.contains("is ignored"), "{finding}");
    }
    let (_, converted) = configured("SERVER_KEY_ALG=EC\nSERVER_KEY_SIZE=384\nCLIENT_KEY_ALG=RSA\nCLIENT_KEY_SIZE=\n");
    assert!(!converted.findings.iter().any(|finding| finding.what.contains("is ignored")));
}

#[test]
fn values_that_cannot_be_are_refused_by_the_variable_s_name() {
    for (line, code) in [
        ("DOMAIN_SUFFIX=not a host!", Code::BadSan),
        // A wildcard for all names of a country or of an organization.
        ("DOMAIN_SUFFIX=*.org", Code::BadSan),
        ("SUBJECT_ALTERNATIVE_NAMES=dns:a.example,oid:1.2.3", Code::BadSan),
        ("TWO_LETTER_COUNTRY_CODE=USA", Code::CountryCode),
        ("CITY=\"a\u{7}b\"", Code::NameAlphabet),
        // RFC 5280 (appendix A.1) allows 64.
        (&format!("ORGANIZATION={}", "x".repeat(65)), Code::NameTooLong),
        ("SERVER_FILE_PREFIX=../x", Code::BadValue),
        ("SERVER_KEY_ALIAS=\"a b\"", Code::BadValue),
        ("SERVER_KEY_ALG=DSA", Code::UnknownAlgorithm),
        // keytool accepts no password of fewer than 6 characters.
        ("SERVER_KEY_PASSWORD=hunt2", Code::PasswordTooShort),
        ("SERVER_KEY_PASSWORD=", Code::PasswordTooShort),
        ("CLIENT_KEYSTORE_PASSWORD=hunter2ä", Code::PasswordAlphabet),
    ] {
        let name = line.split('=').next().unwrap();
        let error = convert(&format!("\n{line}")).unwrap_err();
        assert_eq!(error.code(), code, "{line}: {error:?}");
        assert_eq!(
            (error.finding().location.item.as_deref(), error.finding().location.line),
            (Some(name), Some(2)),
            "{line}"
        );
        assert!(!format!("{error:?}").contains("hunt"), "{error:?}");
    }
    for (text, fix) in [
        ("SERVER_KEY_ALG=EC\nSERVER_KEY_GROUP_NAME=secp521r1", "set SERVER_KEY_GROUP_NAME to secp256r1 or secp384r1"),
        ("CLIENT_KEY_ALG=EC\nCLIENT_KEY_SIZE=521", "set CLIENT_KEY_SIZE to 256 or 384"),
        ("CLIENT_KEY_ALG=DSA", "set CLIENT_KEY_ALG to EC or RSA"),
    ] {
        assert_eq!(convert(text).unwrap_err().finding().fix.as_deref(), Some(fix), "{text}");
    }
    for (text, blamed) in [
        ("SERVER_KEY_ALG=RSA\nSERVER_KEY_SIZE=big", "SERVER_KEY_SIZE"),
        ("CLIENT_KEY_ALG=EC\nCLIENT_KEY_GROUP_NAME=brainpoolP256r1", "CLIENT_KEY_GROUP_NAME"),
        ("CLIENT_KEY_ALG=EC\nCLIENT_KEY_SIZE=521", "CLIENT_KEY_SIZE"),
        ("CLIENT_KEY_ALG=EC\nCLIENT_KEY_GROUP_NAME=ed25519", "CLIENT_KEY_GROUP_NAME"),
    ] {
        let error = convert(text).unwrap_err();
        assert_eq!(
            (error.finding().location.item.as_deref(), error.finding().location.line),
            (Some(blamed), Some(2)),
            "{error:?}"
        );
    }
}

#[test]
fn a_host_without_a_name_cannot_expand_it() {
    let error = parse(OLD).unwrap().convert(PKI, &Environment::default()).unwrap_err();
    assert_eq!((error.code(), error.finding().location.item.as_deref()), (Code::NeedsShell, Some("DOMAIN_SUFFIX")));
}

#[test]
fn nothing_is_ever_run() {
    for line in [
        "CITY=$(touch /tmp/tbpki-was-here)",
        "CITY=\"`touch /tmp/tbpki-was-here`\"",
        "CITY=x; touch /tmp/tbpki-was-here",
        "CITY=x\ntouch /tmp/tbpki-was-here",
        "CITY=${x:=$(touch /tmp/tbpki-was-here)}",
        "CITY=<(touch /tmp/tbpki-was-here)",
    ] {
        let error = convert(line).unwrap_err();
        assert_eq!(error.code(), Code::NeedsShell, "{line}");
        assert!(error.finding().location.line.is_some() && error.finding().fix.is_some());
    }
    assert!(!Path::new("/tmp/tbpki-was-here").exists());
}

#[test]
fn a_file_is_read_with_its_name_in_every_message() {
    use std::io::Write as _;
    let environment = Environment::default().with_host_name("vm");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(OLD.as_bytes()).unwrap();
    let converted = load(file.path(), PKI, &environment).unwrap();
    assert!(converted.findings.iter().all(|finding| finding.location.file.as_deref() == Some(file.path())));
    // An `ä` in Latin-1, as old editors saved it.
    file.write_all(b"\n\xe4=x").unwrap();
    let error = load(file.path(), PKI, &environment).unwrap_err();
    assert_eq!((error.code(), error.finding().location.line), (Code::PropertiesSyntax, Some(21)));
    // One comment that makes the file too long: the limit counts before anything is parsed.
    file.write_all(&vec![b'#'; 1024 * 1024]).unwrap();
    assert_eq!(load(file.path(), PKI, &environment).unwrap_err().code(), Code::FileUnreadable);
    assert_eq!(load(Path::new("/no/such"), PKI, &environment).unwrap_err().code(), Code::FileUnreadable);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), value in "[ -~\\t\r\nä]{0,40}") {
        for name in ["DOMAIN_SUFFIX", "SUBJECT_ALTERNATIVE_NAMES", "ORGANIZATION", "SERVER_KEY_PASSWORD", "SERVER_KEY_SIZE", "X"] {
            for text in [text.clone(), format!("{name}={value}"), format!("SERVER_KEY_ALG=RSA\n{name}={text}")] {
                // What converts must also read back: `init` writes the file and reads it in the next run.
                if let Ok(converted) = convert(&text) {
                    prop_assert!(crate::parse(&crate::render(&converted.answers)).is_ok());
                }
            }
        }
    }

    #[test]
    fn single_quotes_keep_any_text_as_it_is(text in "[ -&(-~äß]{0,40}") {
        let properties = parse(&format!("ORGANIZATION='{text}'")).unwrap();
        let value = properties.variables["ORGANIZATION"].value.expand(None).unwrap();
        prop_assert_eq!(value.as_str(), text);
    }
}
