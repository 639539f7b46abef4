//! A secret is in its place and nowhere else: not on a command line, not in a log of any level, not in JSON,
//! not in the text of an error, not in the ledger, not in a file's name.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base::Secret;
use pki::PrivateKey;
use tbpki_tests::{Outcome, Sandbox, Snapshot, Tool};

/// The secrets that a person gives, and the files that hold them afterwards.
const GIVEN: &[(&str, &[&str])] = &[
    ("passphrase of the authorities", &["ca.pass"]),
    ("a passphrase that does not fit", &["wrong.pass"]),
    ("a passphrase for the road", &["kit.pass"]),
    // No place: a PIN in a URI is refused before anything is written.
    ("hunter2-in-a-uri", &[]),
    ("ServerStorePassword", &["out/thingsboard.env", "out/docker-compose.tls.yml"]),
    ("ClientStorePassword", &["client.pass"]),
    ("LiteralKeyPassword", &["keygen.toml"]),
    (
        "OldServerPassword",
        &["keygen.properties", "old/pki/secrets/server-keystore", "old/pki/servers/tb.example/thingsboard.env"],
    ),
    ("OldClientPassword", &["keygen.properties", "old/pki/secrets/client-keystore"]),
    ("hunter2-in-a-table", &["table.toml"]),
    ("hunter2-mistyped", &["mistyped.toml"]),
    ("hunter2-open", &["open.toml"]),
    ("hunter2-of-a-shell", &["shell.properties"]),
    ("hunter2-quoted", &["quoted.properties"]),
    ("hunter2-behind", &["behind.properties"]),
    // Passwords that are refused: five characters, where keytool wants six, and letters that Java and OpenSSL encode
    // apart.
    ("tiny5", &[]),
    ("pässwört-of-the-store", &[]),
];

/// The files of private keys, with every file that holds the same key in plain PEM.
const KEYS: &[(&str, &[&str])] = &[
    ("pki/servers/tb.example/mqttserver_key.pem", &["out/mqttserver_key.pem"]),
    ("pki/devices/pump-1/key.pem", &["pki/devices/pump-1/pump-1.nopass.pem", "copy/key.pem", "copy/pump-1.nopass.pem"]),
    ("pki/ca/server-root/key.pem", &[]),
    ("pki/ca/server-issuing/key.pem", &[]),
    ("pki/ca/devices-root/key.pem", &[]),
    ("pki/ca/devices-issuing/key.pem", &[]),
    ("old/pki/ca/devices-issuing/key.pem", &[]),
    ("old/pki/servers/tb.example/mqttserver.pem", &[]),
];

/// Passwords that tbpki makes, with every other file that holds them.
const MADE: &[(&str, &[&str])] =
    &[("made/pki/secrets/server-tb.example.keystore-password", &["made/out/thingsboard.env"])];

const CONFIGURATION: &str = r#"version = 1
[ca]
passphrase = { file = "ca.pass" }
[server.keystore]
password = { env = "SERVER_STORE" }
[client]
formats = ["pem", "nopass", "pub", "cer", "p12", "jks"]
[client.keystore]
password = { file = "client.pass" }
key_password = "LiteralKeyPassword"
"#;

/// Files that a person has written.
const WRITTEN: &[(&str, &str)] = &[
    ("keygen.toml", CONFIGURATION),
    ("ca.pass", "passphrase of the authorities\n"),
    ("wrong.pass", "a passphrase that does not fit\n"),
    ("kit.pass", "a passphrase for the road\n"),
    ("client.pass", "ClientStorePassword\n"),
    (
        "keygen.properties",
        "DOMAIN_SUFFIX=tb.example\nSERVER_KEYSTORE_PASSWORD=OldServerPassword\n\
      CLIENT_KEYSTORE_PASSWORD=OldClientPassword\n",
    ),
    ("table.toml", "version = 1\n[ca]\npassphrase = { password = \"hunter2-in-a-table\" }\n"),
    ("mistyped.toml", "version = 1\n[ca]\npasphrase = \"hunter2-mistyped\"\n"),
    ("open.toml", "version = 1\n[ca]\npassphrase = \"hunter2-open\n"),
    ("shell.properties", "SERVER_KEYSTORE_PASSWORD=hunter2-of-a-shell$(date)\n"),
    ("quoted.properties", "SERVER_KEYSTORE_PASSWORD=\"hunter2-quoted\n"),
    ("behind.properties", "CLIENT_KEY_PASSWORD=x; echo hunter2-behind\n"),
];

/// A variable and its value, where one is set.
type Variable<'a> = Option<(&'a str, &'a str)>;

/// The commands that succeed, in this order.
const DONE: &[&[&str]] = &[
    &["init"],
    &["server", "--name", "tb.example", "--only-given-names", "--out", "out", "--environment", "env,compose"],
    &["client", "--device", "pump-1", "--out", "copy"],
    &["client", "--device", "pump-1", "--dry-run", "--force"],
    &["list", "--all"],
    &["config", "show", "--origin"],
    &["inspect", "pki/devices/pump-1/key.pem", "pki/devices/pump-1/pump-1.nopass.pem", "pki/devices/pump-1/chain.pem"],
    &["inspect", "pki/ca/devices-issuing/key.pem", "--passphrase-file", "ca.pass"],
    &["inspect", "pki/devices/pump-1/pump-1.jks", "--passphrase-file", "client.pass"],
    &["verify", "pki/devices/pump-1/chain.pem", "--key", "pki/devices/pump-1/key.pem"],
    &["init", "--config", "old/keygen.toml", "--from", "keygen.properties", "--insecure-no-passphrase"],
    &["server", "--config", "old/keygen.toml", "--only-given-names", "--single-file"],
    &["ca", "export", "devices", "--out", "kit", "--passphrase-file", "kit.pass", "--force"],
    &["init", "--config", "made/keygen.toml", "--insecure-no-passphrase"],
    &["server", "--config", "made/keygen.toml", "--name", "tb.example", "--only-given-names", "--out", "made/out"],
];

/// The commands that fail, with the variable that makes them fail.
const REFUSED: &[(&[&str], Variable<'_>)] = &[
    (&["client", "--device", "pump-2", "--ca-passphrase-file", "wrong.pass"], None),
    (&["client", "--device", "pump-2"], Some(("TBPKI_CLIENT_KEYSTORE_PASSWORD", "tiny5"))),
    (&["client", "--device", "pump-2"], Some(("TBPKI_CLIENT_KEYSTORE_PASSWORD", "pässwört-of-the-store"))),
    // Files in the wrong place: a parser that quotes what it could not read would show their text.
    (&["client", "--device", "pump-2", "--csr", "ca.pass"], None),
    (&["client", "--device", "pump-2", "--csr", "pki/devices/pump-1/key.pem"], None),
    (&["client", "--device", "pump-1", "--days", "4"], None),
    (&["inspect", "ca.pass"], None),
    (&["inspect", "half.pem"], None),
    (&["inspect", "pki/devices/pump-1/pump-1.p12", "--passphrase-file", "missing.pass"], None),
    (&["verify", "pki/devices/pump-1/chain.pem", "--key", "half.pem"], None),
    (&["verify", "pki/devices/pump-1/chain.pem", "--key", "pki/servers/tb.example/mqttserver_key.pem"], None),
    (
        &[
            "verify",
            "pki/devices/pump-1/chain.pem",
            "--key",
            "pki/ca/devices-root/key.pem",
            "--passphrase-file",
            "wrong.pass",
        ],
        None,
    ),
    (&["verify", "pki/devices/pump-1/key.pem"], None),
    (&["list", "--config", "ca.pass"], None),
    (&["list", "--config", "pki/devices/pump-1/key.pem"], None),
    // The message of a TOML parser has the line of the fault in it, and with it the password.
    (&["list", "--config", "table.toml"], None),
    (&["list", "--config", "mistyped.toml"], None),
    (&["list", "--config", "open.toml"], None),
    (&["init", "--config", "new/keygen.toml", "--insecure-no-passphrase", "--from", "shell.properties"], None),
    (&["init", "--config", "new/keygen.toml", "--insecure-no-passphrase", "--from", "quoted.properties"], None),
    (&["init", "--config", "new/keygen.toml", "--insecure-no-passphrase", "--from", "behind.properties"], None),
    (&["init", "--config", "new/keygen.toml", "--insecure-no-passphrase", "--from", "ca.pass"], None),
    (&["init", "--config", "new/keygen.toml", "--insecure-no-passphrase", "--devices-key", PIN_IN_URI], None),
    (&["init", "--config", "new/keygen.toml", "--ca-passphrase-file", "ca.pass", "--devices-ca", "half.pem"], None),
];

/// A text that a user might paste from elsewhere.
const PIN_IN_URI: &str = "pkcs11:token=fleet?module-path=/m.so&pin-value=hunter2-in-a-uri";

/// A secret in all the forms in which it could turn up, and the files in which it does.
struct Hidden {
    name: String,
    forms: Vec<Vec<u8>>,
    places: BTreeSet<String>,
}

impl Hidden {
    fn text(name: &str, text: &str, places: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            name: name.to_owned(),
            forms: vec![text.as_bytes().to_vec()],
            places: places.into_iter().map(Into::into).collect(),
        }
    }

    fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
    }
}

/// The private number of a P-256 key: raw, in hexadecimal, and as in the lines of both PEM forms.
fn number(sandbox: &Sandbox, file: &str, places: &[&str]) -> Hidden {
    let passphrase = Secret::from(GIVEN[0].0);
    let key = PrivateKey::from_pem_or_der(&sandbox.read(file), Some(&passphrase)).unwrap();
    let der = key.to_pkcs8_der();
    // Of PKCS#8 with an ECPrivateKey in it, in which the number comes first.
    let number = &der[36..68];
    assert_eq!(der[34..36], [4, 32], "{file} holds no P-256 key in the usual form");
    let hex = |upper: bool| {
        let digit = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        number.iter().map(digit).collect::<String>().into_bytes()
    };
    let mut forms = vec![number.to_vec(), hex(false), hex(true)];
    for pem in [key.to_pem(pki::key::KeyFormat::Pkcs8), key.to_pem(pki::key::KeyFormat::Traditional)] {
        let pem = pem.unwrap();
        // The first full line holds most of the number. Base64 depends on the offset, so each form has its own line.
        forms.extend(pem.lines().filter(|line| line.len() == 64).take(1).map(|line| line.as_bytes().to_vec()));
    }
    let is_plain = PrivateKey::from_pem_or_der(&sandbox.read(file), None).is_ok();
    let places = is_plain.then_some(file).into_iter().chain(places.iter().copied()).map(str::to_owned).collect();
    Hidden { name: file.to_owned(), forms, places }
}

/// tbpki under the eyes of strace, which notes in `log` every program that is started.
fn watched(tool: Tool, sandbox: &Sandbox, log: &Path) -> Tool {
    let command = tool.command();
    let mut strace = Tool::new("strace")
        // -f, since a program would be started by a child process.
        .args(["-f", "-qq", "-e", "trace=execve,execveat", "-o"])
        .arg(log)
        .arg("--")
        .arg(command.get_program())
        .args(command.get_args())
        .directory(sandbox.path())
        .clean_env();
    for (name, value) in command.get_envs() {
        strace = strace.env(name.to_str().unwrap(), value.unwrap_or_default());
    }
    strace
}

/// Runs a command in every way in which it talks, and looks that it starts no other program.
fn run(sandbox: &Sandbox, args: &[&str], variable: Variable<'_>, said: &mut Vec<Outcome>) -> Vec<i32> {
    // With and without logs and JSON: each has its own path for printing an error.
    let ways: &[&[&str]] = &[&["-vvv", "--json"], &["-v"], &[]];
    let mut statuses = Vec::new();
    for way in ways {
        let mut tool = sandbox.tbpki([args, way].concat()).env("SERVER_STORE", "ServerStorePassword");
        if let Some((name, value)) = variable {
            tool = tool.env(name, value);
        }
        let log = tempfile::NamedTempFile::new().unwrap();
        let outcome = watched(tool, sandbox, log.path()).run();
        let started = fs::read_to_string(log.path()).unwrap();
        // Another program would receive arguments and variables, which every user of the machine can list.
        assert_eq!(started.matches("execve").count(), 1, "{started}\nby {outcome}");
        statuses.push(outcome.status);
        said.push(outcome);
    }
    statuses
}

#[test]
fn a_secret_is_in_its_place_and_nowhere_else() {
    let sandbox = Sandbox::new();
    WRITTEN.iter().for_each(|(name, text)| drop(sandbox.write(name, text)));
    ["old", "made", "new"].iter().for_each(|directory| fs::create_dir(sandbox.join(directory)).unwrap());
    let mut said = Vec::new();
    for args in DONE {
        let statuses = run(&sandbox, args, None, &mut said);
        // `init` is done only once.
        let fails = statuses.iter().skip(usize::from(args[0] == "init")).any(|status| *status != 0);
        assert!(statuses[0] == 0 && (args[0] == "init" || !fails), "{}", said.last().unwrap());
    }
    let key = sandbox.text("pki/devices/pump-1/key.pem");
    // Half of a key is no key, and still a secret.
    sandbox.write("half.pem", key.lines().take(2).collect::<Vec<_>>().join("\n"));
    for (args, variable) in REFUSED {
        let statuses = run(&sandbox, args, *variable, &mut said);
        // Not 101: a panic would print what it was busy with.
        assert!(statuses.iter().all(|status| (1..=3).contains(status)), "{}", said.last().unwrap());
    }

    let mut hidden: Vec<Hidden> =
        GIVEN.iter().map(|(text, places)| Hidden::text(text, text, places.to_vec())).collect();
    for (file, places) in KEYS {
        let mut number = number(&sandbox, file, places);
        if *file == "pki/devices/pump-1/key.pem" {
            number.places.insert("half.pem".to_owned());
        }
        hidden.push(number);
    }
    for (file, places) in MADE {
        let password = sandbox.text(file).trim_end().to_owned();
        hidden.push(Hidden::text(file, &password, std::iter::once(*file).chain(places.iter().copied())));
    }

    for outcome in &said {
        for secret in &hidden {
            let shown = secret.is_in(&outcome.stdout) || secret.is_in(&outcome.stderr);
            assert!(!shown, "{} is shown by {outcome}", secret.name);
        }
    }
    let found = Snapshot::of(sandbox.path());
    for secret in &hidden {
        let holders: BTreeSet<String> = found
            .files()
            // Also the ledger, in which SQLite leaves rows that were deleted.
            .filter(|(_, _, bytes)| secret.is_in(bytes))
            .map(|(name, ..)| name.display().to_string())
            .collect();
        assert_eq!(holders, secret.places, "the files with {}", secret.name);
        // A secret in the name of a file would be visible to everyone who may list the directory.
        let called = found.names().find(|name| secret.is_in(name.as_os_str().as_encoded_bytes()));
        assert!(called.is_none(), "{called:?}");
    }
}

#[test]
fn no_flag_takes_a_secret_itself() {
    let sandbox = Sandbox::new();
    let mut flags = 0;
    for verb in
        ["init", "server", "client", "trust", "inspect", "verify", "list", "config show", "explain", "ca export"]
    {
        let args: Vec<&str> = verb.split(' ').chain(["--help"]).collect();
        let help = sandbox.ok(args).stdout_text();
        for line in help.lines().map(str::trim).filter(|line| line.starts_with("--")) {
            let flag = line.to_lowercase();
            if ["pass", "secret", "token", "api-key", "-pin"].iter().any(|word| flag.contains(word)) {
                // A value on the command line is in the list of processes.
                let is_place = line.contains("-file <FILE>") || line.starts_with("--insecure-no-passphrase");
                assert!(is_place, "tbpki {verb} {line}");
                flags += 1;
            }
        }
    }
    // Without this the test would pass if `--help` printed no flags at all.
    assert!(flags >= 6, "{flags}");
}

#[test]
fn one_option_of_a_command_reads_standard_input() {
    let sandbox = Sandbox::with_store();
    let secret = "long passphrase here";
    let twice: [&[&str]; 3] = [
        &["fleet", "issue", "--from", "-", "--out", "o", "--ca-passphrase-file", "-"],
        &["ca", "passphrase", "--new-passphrase-file", "-", "--ca-passphrase-file", "-"],
        &["inspect", "-", "--passphrase-file", "-"],
    ];
    for args in twice {
        let refused = sandbox.tbpki(args).stdin(format!("{secret}\nname\nstd-1\n")).hides([secret.to_owned()]).run();
        refused.ends(2).prints("TBPKI-0011");
    }
    let read = sandbox.tbpki(["fleet", "issue", "--from", "-", "--out", "-"]).stdin("name\nstd-1\n").run().ok();
    read.prints("issued      1 of 1");
}
