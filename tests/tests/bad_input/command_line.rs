//! Command lines that make no sense.

use tbpki_tests::{Sandbox, Snapshot};

use crate::{has_expected, refused, usage, user};

/// An address of a server is checked before anything is read, and the advice is about hosts.
#[test]
fn a_server_is_a_host_and_perhaps_a_port() {
    let sandbox = Sandbox::with_store();
    for verb in [&["check", "--device", "pump-1"][..], &["trust"], &["renew", "--register", "--pending", "--broker"]] {
        for (address, code) in [
            ("user@h", 3),
            ("h/path", 3),
            ("h:8883:8883", 24),
            (":8883", 24),
            ("1.2.3.4.5", 24),
            ("h :8883", 24),
            ("a,b", 24),
            ("h:0", 3),
        ] {
            refused(&sandbox, &[verb, &[address]].concat(), usage(code, &["help:"]));
            let outcome = sandbox.tbpki([verb, &[address]].concat()).run();
            assert!(!outcome.stderr_text().contains("alternative name"), "{outcome}");
        }
        sandbox.tbpki([verb, &[""]].concat()).run().ends(2);
    }
}

#[test]
fn what_the_command_line_does_not_know_ends_with_2() {
    let sandbox = Sandbox::with_store();
    let before = Snapshot::of(sandbox.path());
    let rows: &[(&[&str], &str)] = &[
        (&[], "Usage:"),
        (&["clint", "--device", "pump-1"], "client"),
        (&["client", "--devise", "pump-1"], "--device"),
        (&["client"], "--device <NAME>"),
        (&["client", "--device"], "--device <NAME>"),
        (&["client", "a", "--out", "b", "--out", "c"], "--out"),
        (&["client", "--device", "a", "--days", "-4"], "-4"),
        (&["client", "--device", "a", "--csr", "a.csr", "--self-signed"], "--self-signed"),
        (&["client", "--device", "a", "--csr", "a.csr", "--alg", "ec-p256"], "--alg"),
        (&["client", "--device", "a", "--quiet", "--verbose"], "--quiet"),
        (&["server", "--service", "smtp"], "mqtt"),
        (&["server", "--environment", "systemd"], "kubernetes"),
        (&["init", "--insecure-no-passphrase", "--ca-passphrase-file", "p"], "--ca-passphrase-file"),
        (&["init", "--from", "keygen.properties", "--country", "US"], "--country"),
        (&["explain"], "<CODE>"),
        (&["config"], "show"),
        (&["completions", "cmd"], "bash"),
        (&["fleet", "issue", "--out", "d2"], "`--from` or `--count` is required"),
        (
            &["fleet", "issue", "--layout", "shard", "--count", "1", "--name-pattern", "d-{}"],
            "directories, shards, archive",
        ),
        (&["bundle-firmware", "--chip", "esp8266"], "use one of esp32, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2"),
        (&["list", "--state", "isued"], "did you mean issued"),
        (&["trust", "tb.example", "--timeout", "0"], "1..=600"),
    ];
    for (args, word) in rows {
        let outcome = sandbox.tbpki(*args).run().ends(2).prints(word);
        assert!(outcome.stdout.is_empty(), "{outcome}");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);

        // The same error is in the JSON envelope that all errors have.
        let outcome = sandbox.tbpki(args.iter().chain(&["--json"])).run().ends(2);
        let envelope = outcome.json();
        assert_eq!(envelope["version"], 1, "{outcome}");
        assert_eq!(envelope["error"]["code"], "TBPKI-0011", "{outcome}");
        assert!(envelope.get("result").is_none() && envelope["findings"].as_array().unwrap().is_empty(), "{outcome}");
        // An unknown verb is not repeated as one: the envelope then names the program.
        let verb = args.first().filter(|verb| **verb != "clint").unwrap_or(&"tbpki");
        assert!(envelope["verb"].as_str().unwrap().starts_with(verb), "{outcome}");
        let error = &envelope["error"];
        assert!(!error["what"].as_str().unwrap().is_empty() && error["fix"].is_string(), "{outcome}");
        if !args.is_empty() && *args != ["config"] {
            assert!(outcome.stderr_text().starts_with("error[TBPKI-0011]: "), "{outcome}");
        }
        if !args.is_empty() {
            let told = format!("{} {}", error["what"], error["fix"]);
            assert!(told.contains(word) || *args == ["config"], "{word:?} in {outcome}");
        }
    }
}

#[test]
fn a_name_of_a_flag_behind_two_hyphens_is_none() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.tbpki(["crl", "--", "--json"]).run().ends(2);
    assert!(outcome.stdout.is_empty(), "{outcome}");
}

#[test]
fn empty_values_are_refused_by_the_name_of_their_flag() {
    let sandbox = Sandbox::with_store();
    let before = Snapshot::of(sandbox.path());
    let device = ["client", "--device", "pump-1"];
    let server = ["server", "--only-given-names"];
    let rows: &[(&[&str], &[&str])] = &[
        (&device, &["--san", "--format", "--alg", "--days", "--out", "--csr", "--owner", "--ca-passphrase-file"]),
        (&server, &["--san", "--format", "--name", "--credentials", "--out", "--service", "--environment"]),
        (&["client"], &["--device"]),
        (&["init"], &["--organization", "--country", "--server-name", "--alg", "--from", "--root-out", "--server-ca"]),
        (&["list"], &["--kind", "--expiring", "--config"]),
        (&["verify", "chain.pem"], &["--host", "--anchors", "--at", "--purpose"]),
        (&["trust", "tb.example"], &["--sha256", "--out"]),
    ];
    for (verb, flags) in rows {
        for flag in *flags {
            for json in [&[][..], &["--json"]] {
                let outcome = sandbox.tbpki([*verb, &[*flag, ""], json].concat()).run().ends(2);
                assert!(outcome.stderr_text().contains(flag), "{flag} in {outcome}");
                if !json.is_empty() {
                    let envelope = outcome.json();
                    assert_eq!(envelope["error"]["code"], "TBPKI-0011", "{outcome}");
                    assert!(envelope["error"]["what"].as_str().unwrap().contains(flag), "{flag} in {outcome}");
                }
                before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
            }
        }
    }
    // Nor is an empty entry of a list left out.
    for list in ["tb.example,", ",tb.example", "tb.example,,mqtt.example"] {
        sandbox.tbpki([&server[..], &["--san", list]].concat()).run().ends(2).prints("--san");
    }
}

#[test]
fn names_that_are_not_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::with_store();
    let before = Snapshot::of(sandbox.path());
    let name = OsStr::from_bytes(b"pump-\xff");
    let outcome = sandbox.tbpki([OsStr::new("client"), OsStr::new("--device"), name]).run().ends(2).prints("UTF-8");
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
}

#[test]
fn arguments_that_do_not_go_together_are_named() {
    let sandbox = Sandbox::with_store();
    refused(&sandbox, &["list", "--kind", "token"], usage(11, &["--kind", "token", "ca, device, server"]));
    refused(&sandbox, &["explain", "999"], usage(11, &["999", "--list"]));
    refused(&sandbox, &["explain", "TBPKI-9999"], usage(11, &["TBPKI-9999"]));
}

#[test]
fn without_a_terminal_the_flag_that_answers_is_named() {
    let sandbox = Sandbox::new();
    for args in [&["init"][..], &["init", "--no-input"], &["init", "--organization", "Acme"]] {
        refused(&sandbox, args, usage(10, &["--ca-passphrase-file", "--insecure-no-passphrase"]));
    }
}

#[test]
fn options_without_an_effect_are_named() {
    let sandbox = Sandbox::with_store();
    for (option, with) in [
        (&["--label", "x"][..], "--register"),
        (&["--gateway"], "--register"),
        (&["--platform-url", "http://x"], "--register"),
        (&["--platform-password-file", "x"], "--register"),
        (&["--allow-plain-http"], "--register"),
        (&["--owner", "root"], "--out DIR"),
        (&["--group", "root"], "--out DIR"),
    ] {
        refused(&sandbox, &[&["client", "v9"], option].concat(), usage(11, &[option[0], with]));
    }
    refused(&sandbox, &["server", "--only-given-names", "--owner", "root"], usage(11, &["--owner", "--out DIR"]));
    // Settings that are there for every command are no mistake of this one.
    sandbox.tbpki(["client", "v9"]).env("TBPKI_PLATFORM_URL", "http://localhost:1").run().ok();
}

#[test]
fn verbs_that_print_other_formats_have_no_json() {
    let sandbox = Sandbox::new();
    for args in [["completions", "bash", "--json"], ["man", "client", "--json"]] {
        has_expected(&sandbox.tbpki(args).run(), true, usage(11, &["--json", "--install"]));
    }
}

#[test]
fn advice_names_verbs_and_options_that_exist() {
    let sandbox = Sandbox::with_store();
    refused(&sandbox, &["list", "--job", "1"], user(293, &["`tbpki fleet jobs` lists the jobs"]));
    for (pattern, out) in [("a-{}", "a"), ("b-{}", "b")] {
        sandbox.ok(["fleet", "issue", "--count", "1", "--name-pattern", pattern, "--out", out]);
    }
    sandbox.fails(["fleet", "register"], 1, "TBPKI-0264").prints("`--job N`");
}

#[test]
fn an_empty_variable_is_not_set() {
    let sandbox = Sandbox::with_store();
    sandbox.tbpki(["config", "show"]).env("TBPKI_CONFIG", "").run().ok();
    let show = |name, value| {
        let outcome = sandbox.tbpki(["config", "show", "--json"]).env(name, value).run().ok();
        let settings = outcome.json()["result"]["settings"].as_array().unwrap().clone();
        settings.into_iter().find(|one| one["key"] == "firmware.ntp_server").unwrap()["value"].clone()
    };
    assert_eq!(show("TBPKI_FIRMWARE_NTP_SERVER", ""), "pool.ntp.org");
    assert_eq!(show("TBPKI_FIRMWARE_NTP_SERVER", "none"), "");
    sandbox.tbpki(["list"]).env("TBPKI_VERSION", "2").run().ends(1).prints("TBPKI-0005");
}

#[test]
fn paths_are_shown_as_they_are_opened() {
    let sandbox = Sandbox::with_store();
    std::fs::create_dir(sandbox.join("w")).unwrap();
    let show = |store: &[(&str, &str)]| {
        let tool =
            sandbox.tbpki(["--config", "../keygen.toml", "config", "show", "--origin"]).directory(sandbox.join("w"));
        let text = store.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run().ok().stdout_text();
        text.lines().find(|line| line.starts_with("store ")).unwrap().to_owned()
    };
    let real = sandbox.path().canonicalize().unwrap();
    assert!(show(&[]).ends_with(&format!(": {}/w/../pki", real.display())), "{}", show(&[]));
    let from_variable = show(&[("TBPKI_STORE", "pki")]);
    assert!(from_variable.ends_with(&format!("# TBPKI_STORE: {}/w/pki", real.display())), "{from_variable}");
    let list = sandbox.tbpki(["--config", "../keygen.toml", "list"]).directory(sandbox.join("w"));
    list.env("TBPKI_STORE", "pki").run().ends(1).prints("TBPKI-0091").prints("tbpki config show --origin");
}
