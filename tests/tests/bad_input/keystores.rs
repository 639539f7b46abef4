//! Passwords that would make keystores which somebody cannot open.

use tbpki_tests::Sandbox;

use crate::{refused, user};

/// What of a store is closed with a password, and by which key of keygen.toml.
const USES: &[(&[&str], &str, &str)] = &[
    (&["server", "--name", "tb.example", "--only-given-names"], "server.keystore", "password"),
    (&["server", "--name", "tb.example", "--format", "jks", "--out", "out"], "server.keystore", "key_password"),
    (&["client", "--device", "pump-1", "--format", "p12"], "client.keystore", "password"),
    (&["client", "--device", "pump-1", "--format", "jks"], "client.keystore", "key_password"),
    (&["client", "--device", "pump-1", "--format", "p12", "--self-signed"], "client.keystore", "key_password"),
];

#[test]
fn passwords_that_are_not_where_the_configuration_says() {
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
