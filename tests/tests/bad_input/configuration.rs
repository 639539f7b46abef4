//! Mistakes in keygen.toml, in its variables, and in the flags that stand for its keys.

use tbpki_tests::Sandbox;

use crate::{refused, refused_with, usage, user};

/// Mistakes, each with the place that has to be named marked by `§`, with its code and words.
const MISTAKES: &[(&str, u16, &[&str])] = &[
    // No TOML.
    ("version = 1\n[server§\ndays = 3\n", 1, &[]),
    ("version = 1\n[server]\ndays = §\n", 1, &[]),
    ("version = 1\n[server]\nname = \"tb§\n", 1, &[]),
    ("version = 1\n[server]\ndays = 1\n[§server]\ndays = 2\n", 1, &["occurs twice"]),
    // Unknown keys.
    ("version = 1\n[server]\n§dayz = 3\n", 2, &["server.dayz", "did you mean days?"]),
    ("version = 1\n[client]\n  §Days = 3\n", 2, &["client.Days", "did you mean days?"]),
    ("version = 1\n[§sever]\ndays = 3\n", 2, &["sever", "did you mean server?"]),
    ("version = 1\n[server.keystore]\n§pasword = { prompt = true }\n", 2, &["did you mean password?"]),
    ("version = 1\n§stores = \"pki\"\n", 2, &["did you mean store?"]),
    ("version = 1\n[server]\n§colour = \"red\"\n", 2, &["server.colour"]),
    // Values of the wrong kind.
    ("version = 1\n[server]\ndays = §\"many\"\n", 3, &["server.days", "days from 1 to"]),
    ("version = 1\n[server]\ndays = §1.5\n", 3, &["server.days"]),
    ("version = 1\n[server]\nformats = [\"pem\", §\"p13\"]\n", 3, &["p13", "did you mean p12?"]),
    ("version = 1\n[server]\nprefix = §\"a/b\"\n", 3, &["server.prefix"]),
    ("version = 1\n[server]\nprefix = §\"..\"\n", 3, &["server.prefix"]),
    ("version = 1\n[server]\nprefix = §\"\"\n", 3, &["server.prefix"]),
    ("version = 1\n[server]\ncredentials = §\"both\"\n", 3, &["keystore, pem"]),
    ("version = 1\n[server]\nanchors = §\"theirs\"\n", 3, &["\"ours\", \"system\""]),
    ("version = 1\n[server.keystore]\nalias = §\"älias\"\n", 3, &["server.keystore.alias"]),
    ("version = 1\n[server.keystore]\npassword = §{ fiel = \"p\" }\n", 3, &["server.keystore.password", "{ file = "]),
    // The version.
    ("version = §2\n", 5, &[]),
    ("§[server]\ndays = 3\n", 5, &["version = 1"]),
    // Names.
    ("version = 1\n[subject]\norganization = §\"\"\n", 20, &["subject.organization"]),
    ("version = 1\n[subject]\ncountry = §\"\"\n", 20, &["subject.country"]),
    ("version = 1\n[subject]\nlocality = §\"x€100\"\n", 21, &["128"]),
    ("version = 1\n[subject]\norganization = §\"x€65\"\n", 21, &["65 characters", "64"]),
    ("version = 1\n[subject]\norganizational_units = [\"a\", §\"x€65\"]\n", 21, &["65 characters"]),
    ("version = 1\n[subject]\norganization = §\"a\\u0000b\"\n", 22, &["control"]),
    ("version = 1\n[subject]\ncountry = §\"USA\"\n", 23, &["\"USA\"", "ISO 3166-1"]),
    ("version = 1\n[subject]\ncountry = §\"U\"\n", 23, &[]),
    ("version = 1\n[subject]\ncountry = §\"U1\"\n", 23, &[]),
    ("version = 1\n[subject]\ncountry = §\"ÄÖ\"\n", 23, &[]),
    ("version = 1\n[server]\nsan = [\"tb.example\", §\"not a host!\"]\n", 24, &["not a host!", "server.san"]),
    ("version = 1\n[server]\nname = §\"not a host!\"\n", 24, &["server.name"]),
    ("version = 1\n[server]\nsan = [§\"ip:300.1.2.3\"]\n", 24, &["300.1.2.3"]),
    ("version = 1\n[server]\nsan = [§\"a.*.example\"]\n", 24, &["*"]),
    ("version = 1\n[server]\nsan = [§\"email:jürgen@example.org\"]\n", 24, &[]),
    // Algorithms and lifetimes.
    ("version = 1\n[client]\nalg = §\"rsa-1024\"\n", 30, &["rsa-1024", "ec-p256", "rsa-4096"]),
    ("version = 1\n[client]\nalg = §\"dsa\"\n", 30, &["dsa"]),
    ("version = 1\n[server]\ndays = §0\n", 3, &["server.days", "1 to"]),
    ("version = 1\n[client]\ndays = §-1\n", 3, &["client.days", "1 to"]),
    ("version = 1\n[client]\ndays = §1000000\n", 3, &["client.days", "1 to"]),
    ("version = 1\n[ca]\nroot_days = §99999999999999999\n", 3, &["ca.root_days"]),
];

#[test]
fn mistakes_in_the_file_are_shown_with_line_and_column() {
    let sandbox = Sandbox::with_store();
    for (marked, code, words) in MISTAKES {
        let (line, column) = position(marked);
        let place = format!("keygen.toml:{line}:{column}");
        let words: Vec<&str> = words.iter().copied().chain([place.as_str()]).collect();
        sandbox.write("keygen.toml", filled(marked));
        for args in [&["client", "--device", "pump-1"][..], &["server", "--only-given-names"], &["list"]] {
            refused(&sandbox, args, user(*code, &words));
        }
    }
}

/// The position of the marker, both counted from 1.
fn position(marked: &str) -> (usize, usize) {
    let before = marked.split('§').next().unwrap();
    let line = before.rsplit('\n').next().unwrap();
    // Columns count characters and not bytes, as editors show them.
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// The text without its marker; `x€65` becomes that many letters.
fn filled(marked: &str) -> String {
    let text = marked.replace('§', "");
    text.replace("x€65", &"x".repeat(65)).replace("x€100", &"x".repeat(129))
}

#[test]
fn without_a_file_there_is_nothing_to_go_by() {
    let sandbox = Sandbox::new();
    refused(&sandbox, &["client", "--device", "pump-1"], user(4, &["tbpki init"]));
    refused(&sandbox, &["list", "--config", "elsewhere.toml"], user(4, &["elsewhere.toml"]));
    sandbox.write("keygen.toml", "version = 1\n");
    refused(&sandbox, &["client", "--device", "pump-1"], user(91, &["pki", "tbpki init"]));
    refused(&sandbox, &["list"], user(91, &["pki"]));
    sandbox.write("keygen.toml", b"version = 1 # \xff\n");
    refused(&sandbox, &["list"], user(1, &["keygen.toml", "UTF-8"]));
}

#[test]
fn flags_are_held_to_the_rules_of_the_keys_that_they_stand_for() {
    let sandbox = Sandbox::with_store();
    let rows: &[(&[&str], u16, &[&str])] = &[
        (&["--alg", "rsa-1024"], 11, &["--alg", "use one of ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096"]),
        (&["--days", "0"], 3, &["--days"]),
        (&["--days=-4"], 3, &["--days"]),
        (&["--days", "1000000"], 3, &["--days"]),
        (&["--days", "99999999999999999999999"], 3, &["--days"]),
        (&["--days", "a week"], 3, &["--days"]),
        (&["--format", "p13"], 11, &["--format", "did you mean p12", "cer, p12, jks"]),
        (&["--san", "not a host!"], 24, &["--san", "not a host!"]),
    ];
    for (flags, code, words) in rows {
        for verb in [&["client", "--device", "pump-1"][..], &["server", "--only-given-names"]] {
            refused(&sandbox, &[verb, flags].concat(), usage(*code, words));
        }
    }
    refused(&sandbox, &["server", "--name", "not a host!"], usage(24, &["--name"]));
    refused(&sandbox, &["server", "--credentials", "both"], usage(11, &["--credentials", "keystore, pem"]));
}

#[test]
fn variables_are_held_to_the_rules_of_the_keys_that_they_stand_for() {
    let sandbox = Sandbox::with_store();
    for (name, value, code) in [
        ("TBPKI_CLIENT_DAYS", "0", 3),
        ("TBPKI_CLIENT_ALG", "dsa", 30),
        ("TBPKI_SUBJECT_COUNTRY", "USA", 23),
        ("TBPKI_FIRMWARE_CHIP", "esp8266", 200),
    ] {
        let args = ["client", "--device", "pump-1"];
        refused_with(&sandbox, &args, |tool| tool.env(name, value), user(code, &[name]));
    }
}

#[test]
fn device_names_cannot_lead_out_of_the_store() {
    let sandbox = Sandbox::with_store();
    let long = "n".repeat(300);
    for (name, word) in [
        ("../pump-1", "'/'"),
        ("a/b", "'/'"),
        ("/etc/passwd", "'/'"),
        ("..", "dot"),
        (".", "dot"),
        (".hidden", "dot"),
        ("a\\b", "'\\'"),
        (" ", "space"),
        ("pump-1 ", "space"),
        ("pump\n1", "'\\n'"),
        // Right-to-left override: the name would be shown as another one.
        ("pump\u{202e}1", "U+202E"),
        (long.as_str(), "300 characters"),
    ] {
        for extra in [&[][..], &["--dry-run"], &["--force"], &["--self-signed"]] {
            refused(&sandbox, &[&["client", "--device", name], extra].concat(), usage(25, &["--device", word]));
        }
    }
}
