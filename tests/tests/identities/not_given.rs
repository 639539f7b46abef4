//! A name that a person did not give chooses no other identity: server, broker, profile, CA and the rest come from the
//! directory, the store and the ledger.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox, Snapshot};

const ONE: &[&str] = &["server", "--name", "tb.example", "--only-given-names"];
const OTHER: &[&str] = &["server", "--name", "b.example", "--only-given-names"];

/// Everything but the ledger and the lock.
fn state(sandbox: &Sandbox) -> Snapshot {
    Snapshot::of(sandbox.path()).without(|name| {
        let name = name.to_string_lossy();
        name.starts_with("pki/ledger.db") || name == "pki/.lock"
    })
}

/// The result of a verb.
#[track_caller]
fn result(sandbox: &Sandbox, args: &[&str]) -> Value {
    sandbox.ok([args, &["--json"]].concat()).json()["result"].clone()
}

/// The subject of the certificate in a file.
#[track_caller]
fn subject(sandbox: &Sandbox, file: &str) -> String {
    openssl().args(["x509", "-noout", "-subject", "-issuer", "-in"]).arg(sandbox.join(file)).run().ok().stdout_text()
}

#[test]
fn a_server_without_a_name_is_the_one_of_the_store() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([ONE, &["--out", "conf"]].concat());
    for args in [&["server"][..], &["server", "--force"], &["server", "--force", "--out", "conf"]] {
        let report = result(&sandbox, args);
        assert_eq!(report["name"], "tb.example", "{args:?}");
        // The names of this machine were not wanted, and are not added now.
        assert_eq!(report["names"], serde_json::json!(["dns:tb.example"]), "{args:?}");
    }
    assert!(subject(&sandbox, "conf/mqttserver.pem").contains("CN = tb.example"));
    assert_eq!(fs::read_dir(sandbox.join("pki/servers")).unwrap().count(), 1);
}

#[test]
fn the_first_server_has_the_name_of_this_machine() {
    let sandbox = Sandbox::with_store();
    let name = result(&sandbox, &["server"])["name"].clone();
    assert_eq!(result(&sandbox, &["config", "show"])["settings"].as_array().unwrap().len(), settings(&sandbox).len());
    assert_eq!(result(&sandbox, &["server"])["name"], name);
}

#[test]
fn of_several_servers_none_is_guessed() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([ONE, &["--out", "conf"]].concat());
    sandbox.ok(OTHER);
    let before = state(&sandbox);
    let refused: &[&[&str]] =
        &[&["server"], &["server", "--force"], &["server", "--out", "new"], &["check", "--server"]];
    for args in refused {
        let outcome = sandbox.fails(*args, 1, "TBPKI-0017").prints("b.example, tb.example").prints("--name");
        before.is_unchanged(&state(&sandbox), &outcome);
    }
    // The directory names one.
    assert_eq!(result(&sandbox, &["server", "--out", "conf"])["name"], "tb.example");
    assert_eq!(result(&sandbox, &["server", "--out", "conf", "--force"])["name"], "tb.example");
    // So does keygen.toml.
    let named = sandbox.tbpki(["server", "--json"]).env("TBPKI_SERVER_NAME", "b.example").run().ok();
    assert_eq!(named.json()["result"]["name"], "b.example");
}

#[test]
fn no_server_takes_the_directory_of_another_one() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([ONE, &["--out", "conf"]].concat());
    sandbox.ok(OTHER);
    let before = state(&sandbox);
    for extra in [&["--out", "conf"][..], &["--out", "conf", "--force"], &["--out", "conf", "--dry-run"]] {
        let outcome = sandbox.fails([OTHER, extra].concat(), 1, "TBPKI-0017").prints("tb.example").prints("conf");
        before.is_unchanged(&state(&sandbox), &outcome);
    }
    // Also after its server has got a new certificate that the directory does not have yet.
    sandbox.ok([ONE, &["--force"]].concat());
    sandbox.fails([OTHER, &["--out", "conf", "--force"]].concat(), 1, "TBPKI-0017");
}

/// The values and origins of `config show`.
#[track_caller]
fn settings(sandbox: &Sandbox) -> Vec<(String, Value, String)> {
    let report = result(sandbox, &["config", "show"]);
    let row = |row: &Value| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("key"), row["value"].clone(), text("origin"))
    };
    report["settings"].as_array().unwrap().iter().map(row).collect()
}

#[track_caller]
fn setting(sandbox: &Sandbox, key: &str) -> (Value, String) {
    let found = settings(sandbox).into_iter().find(|(of, ..)| of == key).unwrap();
    (found.1, found.2)
}

/// The broker that `check`, `config show` and `bundle-firmware` mean; `None` if they name none.
#[track_caller]
fn brokers(sandbox: &Sandbox, variable: Option<(&str, &str)>) -> [Option<String>; 3] {
    let run = |args: &[&str]| -> Outcome {
        let tool = sandbox.tbpki(args);
        variable.map_or_else(|| sandbox.tbpki(args), |(name, value)| tool.env(name, value)).run()
    };
    let check = run(&["check", "--device", "pump-1", "--no-connect", "--timeout", "1", "--json"]);
    let checked = check.json()["result"]["server"].as_str().map(|server| server.split(':').next().unwrap().to_owned());
    let shown = run(&["config", "show", "--json"]).ok().json();
    let rows = shown["result"]["settings"].as_array().unwrap().iter();
    let shown = rows.filter(|row| row["key"] == "firmware.mqtt_host").find_map(|row| row["value"].as_str());
    let bundle = run(&[
        "bundle-firmware",
        "--device",
        "pump-1",
        "--chip",
        "esp32c3",
        "--app",
        "app.elf",
        "--wifi-ssid",
        "w",
        "--wifi-password-file",
        "wifi",
        "--dry-run",
        "--json",
    ]);
    let bundled = bundle.json()["result"]["broker"].as_str().map(str::to_owned);
    [checked, shown.map(str::to_owned), bundled]
}

#[test]
fn check_config_show_and_bundle_firmware_mean_the_same_broker() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox.write("app.elf", testkit::application::Sample::new("esp32c3").elf());
    sandbox.write("wifi", "a password\n");
    let all = |name: &str| [Some(name.to_owned()), Some(name.to_owned()), Some(name.to_owned())];
    assert_eq!(brokers(&sandbox, None), [None, None, None], "the name of this machine is no broker");
    sandbox.fails(["check", "--device", "pump-1"], 1, "TBPKI-0218").prints("HOST");
    sandbox.ok(ONE);
    assert_eq!(brokers(&sandbox, None), all("tb.example"));
    assert_eq!(
        setting(&sandbox, "firmware.mqtt_host"),
        ("tb.example".into(), "from the only server of the store".to_owned())
    );
    assert_eq!(setting(&sandbox, "server.name"), ("tb.example".into(), "from the only server of the store".to_owned()));
    sandbox.ok(OTHER);
    // With two servers neither is a safe guess: a device that was flashed with the wrong one never connects.
    assert_eq!(brokers(&sandbox, None), [None, None, None]);
    let outcome = sandbox.fails(["check", "--device", "pump-1"], 1, "TBPKI-0218");
    assert!(outcome.stderr_text().contains("several servers: b.example, tb.example"), "{outcome}");
    assert_eq!(brokers(&sandbox, Some(("TBPKI_SERVER_NAME", "b.example"))), all("b.example"));
    assert_eq!(brokers(&sandbox, Some(("TBPKI_FIRMWARE_MQTT_HOST", "c.example"))), all("c.example"));
}

#[test]
fn config_show_has_types() {
    let sandbox = Sandbox::with_store();
    assert_eq!(setting(&sandbox, "client.days").0, 3650);
    assert_eq!(setting(&sandbox, "server.single_file").0, false);
    assert_eq!(setting(&sandbox, "server.formats").0, serde_json::json!(["pem", "pub", "cer", "p12"]));
    assert_eq!(setting(&sandbox, "client.alg").0, "ec-p256");
    assert_eq!(setting(&sandbox, "subject.country").0, Value::Null);
    sandbox.write("pw", "a password");
    let args = ["config", "show", "--json"];
    let shown = sandbox.tbpki(args).env("TBPKI_CA_PASSPHRASE_FILE", "pw").run().ok().json();
    let rows = shown["result"]["settings"].as_array().unwrap();
    let secret = rows.iter().find(|row| row["key"] == "ca.passphrase").unwrap();
    assert!(secret["value"]["file"].as_str().unwrap().ends_with("pw"), "{secret}");
}

#[test]
fn a_device_keeps_its_issuer_algorithm_lifetime_and_names() {
    let sandbox = Sandbox::with_store();
    let client = ["client", "--device", "pump-1"];
    let first = ["--self-signed", "--alg", "ec-p384", "--days", "90", "--san", "pump-1.example"];
    sandbox.ok([&client[..], &first].concat());
    assert_eq!(result(&sandbox, &client)["done"], "unchanged");
    let forced = result(&sandbox, &[&client[..], &["--force"]].concat());
    assert_eq!(forced["certificate"]["algorithm"], "ec-p384");
    assert_eq!(forced["certificate"]["issuer"], forced["certificate"]["subject"]);
    assert_eq!(forced["names"], serde_json::json!(["dns:pump-1.example"]));
    assert_eq!(result(&sandbox, &client)["done"], "unchanged");
    // A person can change each of them.
    let own_ca = [&client[..], &["--default-ca"]].concat();
    sandbox.fails(&own_ca, 1, "TBPKI-0095").prints("issuer: \"self\" before, \"devices-issuing\" now");
    let changed = result(&sandbox, &[&own_ca[..], &["--force", "--alg", "ec-p256"]].concat());
    assert_eq!(changed["certificate"]["issuer"], "CN=tbpki devices issuing CA");
    assert_eq!(changed["certificate"]["algorithm"], "ec-p256");
    sandbox.fails(["client", "--device", "pump-1", "--default-ca", "--self-signed"], 2, "TBPKI-0011");
    // So can keygen.toml, which a person wrote; it is named, because it holds for all devices.
    let other = sandbox.tbpki(client).env("TBPKI_CLIENT_DAYS", "91").run();
    other.ends(1).prints("TBPKI-0095").prints("days: 90 before, 91 now");
}

#[test]
fn a_new_generation_goes_to_the_directory_of_the_one_before() {
    let sandbox = Sandbox::with_store();
    let client = ["client", "--device", "pump-1"];
    sandbox.ok([&client[..], &["--out", "out"]].concat());
    let old = sandbox.read("out/key.pem");
    sandbox.ok([&client[..], &["--force"]].concat());
    assert_ne!(sandbox.read("out/key.pem"), old);
    assert_eq!(sandbox.read("out/key.pem"), sandbox.read("pki/devices/pump-1/key.pem"));
    // What is there now is not of this store any more, and is left alone.
    sandbox.write("out/chain.pem", sandbox.read("pki/ca/devices-root/cert.pem"));
    let before = state(&sandbox);
    let outcome = sandbox.fails([&client[..], &["--force"]].concat(), 1, "TBPKI-0082").prints("out/chain.pem");
    before.is_unchanged(&state(&sandbox), &outcome);
    // The directory is still that of the device.
    fs::remove_file(sandbox.join("out/chain.pem")).unwrap();
    sandbox.ok([&client[..], &["--force"]].concat());
    assert_eq!(sandbox.read("out/key.pem"), sandbox.read("pki/devices/pump-1/key.pem"));
}

/// The serial numbers of kept files, `FILE.SERIAL`, in a directory.
fn kept(sandbox: &Sandbox, dir: &str, file: &str) -> Vec<PathBuf> {
    let prefix = format!("{file}.");
    let names = fs::read_dir(sandbox.join(dir)).unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name()));
    names.filter(|name| name.to_string_lossy().starts_with(&prefix)).collect()
}

#[test]
fn copies_that_fell_behind_are_delivered_and_the_old_ones_are_kept() {
    let sandbox = Sandbox::with_store();
    sandbox.ok([ONE, &["--out", "conf"]].concat());
    let first = sandbox.read("conf/mqttserver.pem");
    // The directory is restored from a backup after the renewal.
    let backup = sandbox.copy();
    sandbox.ok([ONE, &["--force", "--out", "conf"]].concat());
    fs::remove_dir_all(sandbox.join("conf")).unwrap();
    tbpki_tests::Tool::new("cp").arg("-a").arg(backup.join("conf")).arg(sandbox.path()).run().ok();
    // The settings name the directory of the copy with other bytes only if paths differ; here they are the same.
    sandbox.ok([ONE, &["--out", "conf"]].concat());
    assert_eq!(sandbox.read("conf/mqttserver.pem"), sandbox.read("pki/servers/tb.example/mqttserver.pem"));
    let old = kept(&sandbox, "conf", "mqttserver_key.pem");
    assert_eq!(old.len(), 1, "{old:?}");
    let chain = kept(&sandbox, "conf", "mqttserver.pem");
    assert_eq!(sandbox.read(PathBuf::from("conf").join(&chain[0])), first);
}

#[test]
fn a_request_with_the_key_of_a_fleet_member_is_refused() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "f-{}", "--out", "fleet"]);
    let shard = sandbox
        .files()
        .into_iter()
        .find(|file| file.starts_with("fleet") && sandbox.text(file).contains("PRIVATE KEY"));
    let text = sandbox.text(shard.unwrap());
    let begin = text.find("-----BEGIN PRIVATE KEY").or_else(|| text.find("-----BEGIN EC PRIVATE KEY")).unwrap();
    let end = text[begin..].find("-----END").unwrap() + begin;
    let end = text[end..].find('\n').unwrap() + end + 1;
    sandbox.write("stolen.key", &text[begin..end]);
    // Otherwise a key that was copied out of a shard could get an identity of its own.
    let request = openssl().args(["req", "-new", "-subj", "/", "-key"]).arg(sandbox.join("stolen.key"));
    request.arg("-out").arg(sandbox.join("stolen.csr")).run().ok();
    let before = state(&sandbox);
    let outcome = sandbox.fails(["client", "--device", "thief", "--csr", "stolen.csr"], 1, "TBPKI-0116").prints("f-");
    before.is_unchanged(&state(&sandbox), &outcome);
}
