//! Passwords that would make keystores which some reader cannot open.

use tbpki_tests::{Sandbox, Tool};

use crate::{refused, refused_with, user};

/// The parts of a store with passwords, and the keys of keygen.toml for them.
const USES: &[(&[&str], &str, &str)] = &[
    (&["server", "--name", "tb.example", "--only-given-names"], "server.keystore", "password"),
    (&["server", "--name", "tb.example", "--format", "jks", "--out", "out"], "server.keystore", "key_password"),
    (&["client", "--device", "pump-1", "--format", "p12"], "client.keystore", "password"),
    (&["client", "--device", "pump-1", "--format", "jks"], "client.keystore", "key_password"),
    (&["client", "--device", "pump-1", "--format", "p12", "--self-signed"], "client.keystore", "key_password"),
];

/// Passwords that not every reader of keystores takes, each with its code and a part of the message.
const ODD: &[(&str, u16, &str)] = &[
    ("five5", 72, "fewer than 6 characters"),
    ("p\u{e4}ssword", 73, "printable ASCII"),
    ("\u{1f511}\u{1f511}\u{1f511}\u{1f511}\u{1f511}\u{1f511}", 73, "printable ASCII"),
    ("\u{43f}\u{430}\u{440}\u{43e}\u{43b}\u{44c}", 73, "printable ASCII"),
    ("tab\tulator", 73, "printable ASCII"),
    ("bell\u{7}bell", 73, "printable ASCII"),
    ("delete\u{7f}", 73, "printable ASCII"),
    ("two\nlines", 73, "printable ASCII"),
];

#[test]
fn passwords_that_not_every_reader_takes() {
    let sandbox = Sandbox::with_store();
    for (args, section, key) in USES {
        let whose = format!("{section}.{key}");
        let variable = format!("TBPKI_{}", whose.to_ascii_uppercase().replace('.', "_"));
        for (password, code, words) in ODD {
            let said = [*words, whose.as_str()];
            let expected = || user(*code, &said);
            sandbox.write("password", password);
            // By a file that keygen.toml names, with and without a line's end.
            sandbox.write("keygen.toml", format!("version = 1\n[{section}]\n{key} = {{ file = \"password\" }}\n"));
            refused(&sandbox, args, expected());
            // The end of a line of Windows is no part of the password either.
            sandbox.write("password", format!("{password}\r\n"));
            refused(&sandbox, args, expected());
            // By a variable that it names.
            sandbox.write("keygen.toml", format!("version = 1\n[{section}]\n{key} = {{ env = \"SECRET\" }}\n"));
            refused_with(&sandbox, args, |tool| tool.env("SECRET", password), expected());
            // In plain text, which is warned of.
            let quoted = serde_json::to_string(password).unwrap().replace('\u{7f}', "\\u007f");
            sandbox.write("keygen.toml", format!("version = 1\n[{section}]\n{key} = {quoted}\n"));
            refused(&sandbox, args, expected());
            // By the variables of the key.
            sandbox.write("keygen.toml", "version = 1\n");
            refused_with(&sandbox, args, |tool| tool.env(&variable, password), expected());
            refused_with(&sandbox, args, |tool| tool.env(&format!("{variable}_FILE"), "password"), expected());
        }
        refused_with(
            &sandbox,
            args,
            |tool| tool.env(&variable, "one-word").env(&format!("{variable}_FILE"), "password"),
            user(3, &[&variable, "both"]),
        );
    }
}

#[test]
fn passwords_of_any_length_are_taken_by_java() {
    let sandbox = Sandbox::with_store();
    let password = format!("{}long word!", "long word ".repeat(99));
    assert_eq!(password.len(), 1000);
    sandbox.hides(&password);
    sandbox.write("password", &password);
    sandbox.write("keygen.toml", "version = 1\n[client.keystore]\npassword = { file = \"password\" }\n");
    sandbox.ok(["client", "--device", "pump-1", "--format", "p12,jks"]);
    for (kind, name) in [("PKCS12", "pump-1.p12"), ("JKS", "pump-1.jks")] {
        let listing = Tool::new("keytool")
            .args(["-list", "-storetype", kind, "-storepass:file"])
            .arg(sandbox.join("password"))
            .arg("-keystore")
            .arg(sandbox.join("pki/devices/pump-1").join(name))
            .run()
            .ok();
        assert!(listing.stdout_text().contains("PrivateKeyEntry"), "{listing}");
    }
}

#[test]
fn passwords_that_are_missing_in_their_configured_place() {
    let sandbox = Sandbox::with_store();
    sandbox.write("empty", "");
    for (args, section, key) in USES {
        let whose = format!("{section}.{key}");
        for (place, word) in [
            ("{ file = \"missing\" }", "missing"),
            ("{ file = \"empty\" }", "empty"),
            ("{ file = \"pki\" }", "pki"),
            ("{ env = \"NOT_SET\" }", "NOT_SET"),
        ] {
            sandbox.write("keygen.toml", format!("version = 1\n[{section}]\n{key} = {place}\n"));
            refused(&sandbox, args, user(9, &[word]));
        }
        sandbox.write("keygen.toml", format!("version = 1\n[{section}]\n{key} = {{ prompt = true }}\n"));
        refused(&sandbox, args, crate::usage(10, &[whose.as_str()]));
    }
}
