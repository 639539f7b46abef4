//! Conditions under which `init` does not begin.

use std::fs;

use tbpki_tests::Sandbox;

use crate::{Expected, refused, usage, user};

const OPEN: &str = "--insecure-no-passphrase";

#[test]
fn answers_that_no_certificate_may_hold() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(65);
    let rows: &[(&[&str], u16, &[&str])] = &[
        (&["--country", "USA"], 23, &["USA"]),
        (&["--organization", &long], 21, &["65 characters"]),
        (&["--organization", "a\tb"], 22, &["control"]),
        (&["--server-name", "not a host!"], 24, &["not a host!"]),
    ];
    for (flags, code, words) in rows {
        for extra in [&[][..], &["--dry-run"]] {
            refused(&sandbox, &[&["init", OPEN], *flags, extra].concat(), user(*code, words));
        }
    }
    refused(&sandbox, &["init", OPEN, "--alg", "md5"], usage(11, &["--alg", "'md5'", "ec-p256, ec-p384"]));
}

#[test]
fn passphrases_that_are_short_or_not_there() {
    let sandbox = Sandbox::new();
    sandbox.write("short", "seven77\n");
    sandbox.write("empty", "\n");
    sandbox.write("binary", b"\xff\xfe\xfd\xfc\xff\xfe\xfd\xfc");
    refused(&sandbox, &["init", "--ca-passphrase-file", "short"], user(37, &["8 characters"]));
    refused(&sandbox, &["init", "--ca-passphrase-file", "empty"], user(9, &["empty"]));
    refused(&sandbox, &["init", "--ca-passphrase-file", "binary"], user(9, &["UTF-8"]));
    refused(&sandbox, &["init", "--ca-passphrase-file", "missing"], user(9, &["missing", "No such file"]));
}

/// Directories that `--root-out` must refuse.
#[test]
fn directories_that_cannot_take_the_keys_of_the_roots() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "a file");
    sandbox.write("used/devices-root.key.pem", "the key of another fleet");
    sandbox.write("used/server-root.key.pem", "");
    sandbox.write("dirs/devices-root.key.pem/x", "");
    std::os::unix::fs::symlink(sandbox.path(), sandbox.join("link")).unwrap();
    let into = |extra: &[&str], dir: &str, expected: Expected<'_>| {
        refused(&sandbox, &[&["init", OPEN, "--root-out", dir], extra].concat(), expected);
    };
    for extra in [&[][..], &["--dry-run"]] {
        into(extra, "file", user(84, &["file"]));
        into(extra, "file/below", user(84, &["file"]));
        into(extra, "used", user(82, &["server-root.key.pem, devices-root.key.pem", "used", "move them away"]));
        into(extra, "dirs", user(81, &["a directory of this name"]));
        // Keys that were to be kept offline must not end up in the store, by whatever way its directory is written.
        for inside in ["pki", "pki/roots", "./pki/../pki/roots", "link/pki"] {
            into(extra, inside, usage(3, &["inside the store", inside, "--root-out"]));
        }
    }
    // Other files are not in the way.
    sandbox.write("stick/notes.txt", "a file");
    sandbox.ok(["init", "--no-input", OPEN, "--root-out", "stick"]);
    assert!(sandbox.join("stick/devices-root.key.pem").exists());
}

#[test]
fn a_store_is_made_once() {
    let sandbox = Sandbox::with_store();
    for args in [&["init", OPEN][..], &["init", OPEN, "--dry-run"]] {
        refused(&sandbox, args, user(92, &["pki"]));
    }
    // The keys of a store are worth more than its configuration.
    fs::remove_file(sandbox.join("keygen.toml")).unwrap();
    refused(&sandbox, &["init", OPEN], user(92, &["pki"]));
}

#[test]
fn properties_that_need_a_shell_or_make_no_sense() {
    let rows: &[(&str, u16, &[&str])] = &[
        ("DOMAIN_SUFFIX=$(curl example.org)\n", 6, &["keygen.properties:1"]),
        ("ORGANIZATION=Acme\nDOMAIN_SUFFIX=`hostname`\n", 6, &["keygen.properties:2"]),
        ("CITY=${HOME}\n", 6, &["keygen.properties:1"]),
        ("CITY=Berlin; rm -rf /\n", 6, &["keygen.properties:1"]),
        ("no equals sign\n", 6, &["keygen.properties:1"]),
        ("TWO_LETTER_COUNTRY_CODE=USA\n", 23, &["USA"]),
        ("SERVER_KEYSTORE_PASSWORD=abc\n", 72, &["SERVER_KEYSTORE_PASSWORD"]),
    ];
    for (text, code, words) in rows {
        let sandbox = Sandbox::new();
        sandbox.write("keygen.properties", text);
        refused(&sandbox, &["init", OPEN, "--from", "keygen.properties"], user(*code, words));
    }
    refused(&Sandbox::new(), &["init", OPEN, "--from", "keygen.properties"], user(80, &["keygen.properties"]));
}

#[test]
fn converted_passwords_are_where_keygen_toml_names_them() {
    let sandbox = Sandbox::new();
    sandbox.write("keygen.properties", "SERVER_KEYSTORE_PASSWORD=server_ks_password\n");
    let init = ["init", OPEN, "--from", "keygen.properties"];
    sandbox.tbpki(init).env("TBPKI_STORE", "st").run().ok().prints("base64 > st/secrets/$f)");
    assert!(sandbox.text("keygen.toml").contains("{ file = \"st/secrets/server-keystore\" }"));
    let server = ["server", "--name", "tb.example", "--only-given-names", "--format", "p12"];
    sandbox.tbpki(server).env("TBPKI_STORE", "st").run().ok();

    let sandbox = Sandbox::new();
    sandbox.write("keygen.properties", "SERVER_KEYSTORE_PASSWORD=server_ks_password\n");
    std::fs::create_dir(sandbox.join("my conf")).unwrap();
    let init = [&init[..], &["--config", "my conf/keygen.toml"]].concat();
    sandbox.ok(&init).prints("base64 > 'my conf/pki/secrets'/$f)");
    assert!(sandbox.text("my conf/keygen.toml").contains("{ file = \"pki/secrets/server-keystore\" }"));
    sandbox.ok(["server", "--config", "my conf/keygen.toml", "--name", "tb.example", "--format", "p12"]);
}

#[test]
fn the_next_step_does_not_name_another_directory_than_the_converted_one() {
    let sandbox = Sandbox::new();
    sandbox.write("keygen.properties", "SERVER_KEYSTORE_DIR=\"/opt/tb/conf\"\n");
    let outcome = sandbox.ok(["init", OPEN, "--from", "keygen.properties"]).prints("next: tbpki server\n");
    assert!(sandbox.text("keygen.toml").contains("out = \"/opt/tb/conf\""), "{outcome}");
    Sandbox::new().ok(["init", OPEN]).prints("next: tbpki server --out /etc/thingsboard/conf\n");
}
