//! The kit of a station issues devices, on its own, and can do nothing more.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tbpki_tests::leftovers::assert_private;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Sandbox, Snapshot, Tool};

const KEY: &str = "pki/ca/devices-issuing/key.pem";

/// A store with encrypted keys, a server and settings of its own.
#[track_caller]
fn home() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("home.pass", "passphrase at home\n");
    sandbox.write("kit.pass", "passphrase on the way\n");
    sandbox.write("short.pass", "short\n");
    sandbox.hides("passphrase at home");
    sandbox.hides("passphrase on the way");
    sandbox.write("platform-roots.pem", "# none yet\n");
    let settings = "version = 1\nstore = \"pki\"\n[subject]\norganization = \"Acme\"\n[ca]\npassphrase = { file = \"home.pass\" }\n\
        [server]\nout = \"etc\"\n[client]\ndays = 400\n[client.keystore]\npassword = { file = \"client.pass\" }\n\
        [platform]\nurl = \"https://tb.example\"\napi_key = \"literal-api-key\"\nca = \"platform-roots.pem\"\n";
    sandbox.write("keygen.toml", settings);
    sandbox.hides("literal-api-key");
    std::fs::create_dir(sandbox.join("etc")).unwrap();
    sandbox.private("etc");
    sandbox.ok(["init", "--no-input"]);
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    sandbox
}

const EXPORT: [&str; 6] = ["ca", "export", "devices", "--no-input", "--out", "kit"];
const PASSPHRASE: [&str; 2] = ["--passphrase-file", "kit.pass"];

/// The kit on a machine where nothing else is.
#[track_caller]
fn station(home: &Sandbox) -> Sandbox {
    let station = Sandbox::new();
    Tool::new("cp").arg("-a").arg(home.join("kit/.")).arg(station.path()).run().ok();
    station.write("the.pass", "passphrase on the way\n");
    station.hides("passphrase on the way");
    station
}

#[test]
fn a_bundle_that_is_there_is_finished_with_its_passphrase_only() {
    let home = home();
    let export = [&EXPORT[..], &PASSPHRASE].concat();
    home.ok(&export);
    let before = Snapshot::of(&home.join("kit"));
    let again = home.ok(&export);
    let is_ledger = |name: &Path| name.to_string_lossy().contains("ledger.db") || name.ends_with(".lock");
    before.clone().without(is_ledger).is_unchanged(&Snapshot::of(&home.join("kit")).without(is_ledger), &again);
    home.write("other.pass", "another passphrase\n");
    home.hides("another passphrase");
    let other = [&EXPORT[..], &["--passphrase-file", "other.pass"]].concat();
    let outcome = home.fails(other, 1, "TBPKI-0082").prints("this passphrase does not open").prints("--force");
    before.clone().without(is_ledger).is_unchanged(&Snapshot::of(&home.join("kit")).without(is_ledger), &outcome);
}

#[test]
fn a_station_issues_devices_that_verify_at_home() {
    let home = home();
    let exported = home.ok([&EXPORT[..], &PASSPHRASE].concat());
    // The secrets of home do not travel, and the station has to be told which ones it needs.
    assert!(exported.stderr_text().contains("client.keystore.password, platform.api_key"), "{exported}");
    let station = station(&home);
    let client = ["client", "--device", "pump-1", "--ca-passphrase-file"];
    station.fails([&client[..], &["missing"]].concat(), 1, "TBPKI-0009");
    station.ok([&client[..], &["the.pass"]].concat());
    openssl()
        .args(["verify", "-x509_strict", "-purpose", "sslclient", "-CAfile"])
        .arg(home.join("pki/ca/devices-root/cert.pem"))
        .arg("-untrusted")
        .arg(home.join("pki/ca/devices-issuing/cert.pem"))
        .arg(station.join("pki/devices/pump-1/cert.pem"))
        .run()
        .ok();
    // What the device trusts is our server's root.
    assert_eq!(station.read("pki/devices/pump-1/tb-server-chain.pem"), home.read("pki/ca/server-root/cert.pem"));
    station.ok(["list"]).prints("pump-1").prints("devices-issuing");
    let settings = station.ok(["config", "show"]).stdout_text();
    for line in ["Acme", "400", "tb.example", "client.pass", "platform-ca.pem"] {
        assert!(settings.contains(line), "{line} in {settings}");
    }
    // Under a name of the kit: the path at home may be one that the station does not have.
    assert_eq!(station.read("platform-ca.pem"), home.read("platform-roots.pem"));
    let written = station.text("keygen.toml");
    assert!(!written.contains("literal-api-key"));
    // Only the store at home knows the broker, and a station's own name is none.
    assert!(written.contains("\nmqtt_host = \"tb.example\"\n"), "{written}");
}

#[test]
fn a_kit_holds_one_key_and_that_encrypted() {
    let home = home();
    home.ok([&EXPORT[..], &PASSPHRASE].concat());
    let kit = home.join("kit");
    assert_private(home.path(), "ca export");
    let keys: Vec<_> = Snapshot::of(&kit)
        .files()
        .filter(|(_, _, bytes)| String::from_utf8_lossy(bytes).contains("PRIVATE KEY"))
        .map(|(name, mode, bytes)| (name.to_owned(), mode, String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    let [(name, mode, key)] = &keys[..] else { panic!("{keys:?}") };
    assert_eq!((name.as_path(), mode & 0o777), (Path::new(KEY), 0o600));
    assert!(key.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{key}");
    assert_eq!(std::fs::metadata(&kit).unwrap().permissions().mode() & 0o777, 0o700);
    // Another passphrase than at home opens it, and openssl reads it.
    let open = |pass: &str| {
        openssl().args(["pkey", "-noout", "-passin"]).arg(format!("file:{pass}")).arg("-in").arg(kit.join(KEY))
    };
    open(home.join("kit.pass").to_str().unwrap()).run().ok();
    open(home.join("home.pass").to_str().unwrap()).run().ends(1);
}

#[test]
fn a_station_makes_no_servers_and_no_cas() {
    let home = home();
    home.ok([&EXPORT[..], &PASSPHRASE].concat());
    let station = station(&home);
    let before = Snapshot::of(&station.join("pki/ca"));
    let server = ["server", "--name", "x.example", "--only-given-names"];
    for more in [&[][..], &["--dry-run"]] {
        station.fails([&server[..], more].concat(), 1, "TBPKI-0097").prints("make servers where the CAs were made");
    }
    let profile =
        ["profile", "create", "pumps", "--platform-url", "http://127.0.0.1:1", "--ca-passphrase-file", "the.pass"];
    station.fails(
        [&profile[..], &["--platform-user", "x", "--platform-password-file", "the.pass"]].concat(),
        1,
        "TBPKI-",
    );
    let outcome = station.fails(["init", "--insecure-no-passphrase"], 1, "TBPKI-0092");
    before.is_unchanged(&Snapshot::of(&station.join("pki/ca")), &outcome);
}

#[test]
fn nothing_is_written_without_a_passphrase_or_over_something() {
    let home = home();
    let before = Snapshot::of(home.path());
    let refused = |more: &[&str], status: i32, code: &str| {
        let outcome = home.fails([&EXPORT[..], more].concat(), status, code);
        before.is_unchanged(&Snapshot::of(home.path()), &outcome);
    };
    refused(&[], 2, "TBPKI-0010");
    refused(&["--passphrase-file", "short.pass"], 1, "TBPKI-0037");
    refused(&["--passphrase-file", "kit.pass", "--ca-passphrase-file", "kit.pass"], 1, "TBPKI-0033");
    // In the store it would be taken for a part of it, and copied with every backup.
    let inside = ["ca", "export", "devices", "--out", "pki/kit", "--passphrase-file", "kit.pass"];
    before.is_unchanged(&Snapshot::of(home.path()), home.fails(inside, 2, "TBPKI-0003"));
    let dry = home.ok([&EXPORT[..], &["--dry-run"]].concat()).prints("planned");
    before.is_unchanged(&Snapshot::of(home.path()), &dry);
    // The key is somewhere else.
    std::fs::rename(home.join(KEY), home.join("key-of-the-ca")).unwrap();
    home.fails([&EXPORT[..], &PASSPHRASE].concat(), 1, "TBPKI-0097");
    std::fs::rename(home.join("key-of-the-ca"), home.join(KEY)).unwrap();

    home.ok([&EXPORT[..], &PASSPHRASE].concat());
    let before = Snapshot::of(&home.join("kit"));
    // The same command again finds everything there.
    let outcome = home.ok([&EXPORT[..], &PASSPHRASE].concat());
    before.is_unchanged(&Snapshot::of(&home.join("kit")), &outcome);
    // The station has settings of its own.
    let settings = home.text("kit/keygen.toml").replace("days = 400", "days = 90");
    assert_ne!(settings, home.text("kit/keygen.toml"));
    home.write("kit/keygen.toml", &settings);
    let forced = home.ok([&EXPORT[..], &PASSPHRASE, &["--force"]].concat()).prints("replaced");
    assert!(forced.stderr_text().contains("than this store: client.days"), "{forced}");
    assert_eq!(home.text("kit/keygen.toml"), settings);

    // Over the bundle of another CA it is refused with --force as well.
    // A store with CAs of the same names and other keys.
    let other = self::home();
    std::fs::rename(home.join("kit"), other.join("kit")).unwrap();
    other.fails([&EXPORT[..], &PASSPHRASE, &["--force"]].concat(), 1, "TBPKI-0092");
}

#[test]
fn what_clients_trust_goes_along() {
    let home = home();
    std::fs::create_dir(home.join("other")).unwrap();
    home.ok(["server", "--name", "self.example", "--only-given-names", "--self-signed", "--out", "other"]);
    home.ok([&EXPORT[..], &PASSPHRASE].concat());
    let station = station(&home);
    station.ok(["client", "--device", "pump-1", "--ca-passphrase-file", "the.pass"]);
    let trusted = station.text("pki/devices/pump-1/tb-server-chain.pem");
    assert_eq!(trusted.matches("BEGIN CERTIFICATE").count(), 2);
    assert_eq!(trusted, station.text("server-anchors.pem"));
    home.ok(["client", "--device", "pump-1"]);
    assert_eq!(trusted, home.text("pki/devices/pump-1/tb-server-chain.pem"));
}
