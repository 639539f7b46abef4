//! A service that is killed, whose files change, and whose ledger is replaced.

use std::os::unix::fs::PermissionsExt;

use tbpki_tests::est::{CERTIFICATE, Service, password, request, station};
use tbpki_tests::{Sandbox, Tool};

use crate::renewal::{enrol, sql};

/// The files of the ledger in a store.
const LEDGER: [&str; 2] = ["ledger.db", "ledger.db-wal"];

/// Copies the ledger of one store over that of another one, as `cp` does: the files stay the same ones.
fn copy_ledger(from: &Sandbox, to: &Sandbox) {
    for name in LEDGER {
        std::fs::write(to.join("pki").join(name), std::fs::read(from.join("pki").join(name)).unwrap()).unwrap();
    }
}

/// Enrolls devices, each with a password of its own.
struct Enroller<'a> {
    sandbox: &'a Sandbox,
    passwords: Vec<(&'static str, String)>,
}

impl<'a> Enroller<'a> {
    /// Makes the passwords and the signing requests, so that later only the service writes.
    fn new(sandbox: &'a Sandbox, devices: &[&'static str]) -> Self {
        let password_of = |device: &&'static str| {
            request(sandbox, device, &format!("/CN={device}"));
            (*device, password(sandbox, device))
        };
        Self { sandbox, passwords: devices.iter().map(password_of).collect() }
    }

    #[track_caller]
    fn ask(&self, service: &Service, device: &str) -> tbpki_tests::est::HttpAnswer {
        let (_, password) = self.passwords.iter().find(|(name, _)| *name == device).unwrap();
        service.send("simpleenroll", &format!("{device}.b64"), &["-u", &format!("{device}:{password}")])
    }

    /// Asks a service that ends by this request: whether its answer still arrives is open, and that it is no certificate is not.
    #[track_caller]
    fn ends(&self, service: &Service, device: &str) {
        let (_, password) = self.passwords.iter().find(|(name, _)| *name == device).unwrap();
        let (user, body) = (format!("{device}:{password}"), format!("@{device}.b64"));
        let args = ["-u", &user, "-H", "Content-Type: application/pkcs10", "--data-binary", &body];
        let outcome = service.curl("/.well-known/est/simpleenroll").args(args).run();
        assert!(!outcome.stdout_text().contains("200 OK"), "{outcome}");
    }

    /// The names that the ledger has.
    #[track_caller]
    fn names(&self) -> Vec<String> {
        let listed = self.sandbox.ok(["list", "--kind", "device", "--json"]).json();
        let rows = listed["result"]["identities"].as_array().unwrap().clone();
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_killed_service_leaves_nothing_that_stops_the_next_one() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    request(&sandbox, "a", "/CN=pump-1");
    service.send("simpleenroll", "a.b64", &["-u", &user]).save(&sandbox, "a.pem");
    service.kill();
    let service = Service::start(&sandbox, &[]);
    service.send("simpleenroll", "a.b64", &["-u", &user]).save(&sandbox, "again.pem");
    assert_eq!(sandbox.read("a.pem"), sandbox.read("again.pem"));
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_replaced_ledger_stops_the_service() {
    let sandbox = station();
    let mut service = Service::start(&sandbox, &[]);
    let user = format!("pump-1:{}", password(&sandbox, "pump-1"));
    request(&sandbox, "a", "/CN=pump-1");
    let copy = sandbox.copy();
    std::fs::rename(copy.join("pki/ledger.db"), sandbox.join("pki/ledger.db")).unwrap();
    // The request gets no certificate, whatever curl makes of the end.
    let outcome = service.curl("/.well-known/est/simpleenroll");
    let args = ["-u", &user, "-H", "Content-Type: application/pkcs10", "--data-binary", "@a.b64"];
    let outcome = outcome.args(args).run();
    assert!(!outcome.stdout_text().contains("200 OK"), "{outcome}");
    assert_eq!(service.wait(), 1);
}

#[test]
fn a_ledger_that_is_replaced_after_requests_stops_the_service() {
    let sandbox = station();
    let devices = Enroller::new(&sandbox, &["pump-1", "pump-2"]);
    let mut service = Service::start(&sandbox, &[]);
    devices.ask(&service, "pump-1").is(200, "");
    // With the same contents, and the count of changes of now. The service has the other file open.
    let copy = sandbox.copy();
    for name in LEDGER {
        std::fs::rename(copy.join("pki").join(name), sandbox.join("pki").join(name)).unwrap();
    }
    let outcome = service.curl("/.well-known/est/simpleenroll");
    let user = format!("pump-2:{}", devices.passwords[1].1);
    let args = ["-u", &user, "-H", "Content-Type: application/pkcs10", "--data-binary", "@pump-2.b64"];
    let outcome = outcome.args(args).run();
    assert!(!outcome.stdout_text().contains("200 OK"), "{outcome}");
    assert_eq!(service.wait(), 1);
    // Nothing was written to the new file, and no certificate is known to the old one alone.
    assert_eq!(devices.names(), ["pump-1"]);
}

#[test]
fn an_older_copy_over_the_ledger_of_a_busy_service_is_refused() {
    let sandbox = station();
    let devices = Enroller::new(&sandbox, &["pump-1", "pump-2", "pump-3"]);
    let older = sandbox.copy();
    let mut service = Service::start(&sandbox, &[]);
    devices.ask(&service, "pump-1").is(200, "");
    let newest = sandbox.copy();
    copy_ledger(&older, &sandbox);
    // The pages that the service has in memory would show the newest ledger.
    devices.ends(&service, "pump-2");
    assert_eq!(service.wait(), 1);
    super::platform::until("logged", || service.has_logged(&["TBPKI-0344", "an older copy"]));
    sandbox.fails(["client", "--device", "other"], 1, "TBPKI-0258");
    copy_ledger(&newest, &sandbox);
    let service = Service::start(&sandbox, &[]);
    devices.ask(&service, "pump-3").is(200, "");
    assert_eq!(devices.names(), ["pump-1", "pump-3"]);
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_busy_service_sees_what_other_verbs_did_to_its_ledger() {
    let sandbox = station();
    let devices = Enroller::new(&sandbox, &["pump-1", "pump-2", "pump-3", "pump-4"]);
    let mut service = Service::start(&sandbox, &[]);
    devices.ask(&service, "pump-1").is(200, "");
    // As after `store restore` and `ledger move`.
    for (column, value) in [("restored_at", "1"), ("moved_to", "'postgres://elsewhere'")] {
        sql(&sandbox, &format!("UPDATE status SET {column} = {value}"));
        devices.ends(&service, "pump-2");
        assert_eq!(service.wait(), 1);
        super::platform::until("logged", || service.has_logged(&["TBPKI-0344"]));
        sql(&sandbox, &format!("UPDATE status SET {column} = NULL"));
        service = Service::start(&sandbox, &[]);
        devices.ask(&service, "pump-3").is(200, "");
    }
    assert_eq!(devices.names(), ["pump-1", "pump-3"]);
    // Other verbs work next to the open connection.
    sandbox.ok(["revoke", "--device", "pump-1"]);
    sandbox.ok(["store", "repair"]);
    devices.ask(&service, "pump-4").is(200, "");
    // As by a version with another layout.
    sql(&sandbox, "PRAGMA user_version = 99");
    devices.ask(&service, "pump-2").is(500, "");
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_hang_up_ends_nothing_and_probes_may_ask_for_the_head_alone() {
    let sandbox = station();
    sandbox.ok(["crl"]);
    let service = Service::start(&sandbox, &[]);
    service.hang_up();
    // Both signals are handled in their order, if the first one is.
    for url in [format!("{}/healthz", service.status), format!("{}/devices-crl.pem", service.lists)] {
        let head = Tool::new("curl").args(["-sS", "-I", "--max-time", "60", &url]).run().ok().stdout_text();
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        let put = Tool::new("curl").args(["-sS", "-i", "-X", "PUT", "--max-time", "60", &url]).run().ok().stdout_text();
        assert!(put.starts_with("HTTP/1.1 405") && put.contains("Allow: GET, HEAD"), "{put}");
    }
    assert_eq!(service.stop(), 0);
}

#[test]
fn the_certificate_of_the_service_follows_its_files() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let before = sandbox.read("pki/servers/localhost/mqttserver.pem");
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--force"]);
    assert_ne!(before, sandbox.read("pki/servers/localhost/mqttserver.pem"));
    let leaf = tbpki_tests::est::serial(sandbox.join("pki/servers/localhost/mqttserver.pem"));
    let sent = || {
        let client = tbpki_tests::oracle::openssl().args(["s_client", "-connect", &service.address]).stdin("");
        let shown = client.run().stdout_text();
        let x509 = tbpki_tests::oracle::openssl().args(["x509", "-noout", "-serial"]).stdin(shown).run();
        x509.stdout_text().trim().trim_start_matches("serial=").to_owned()
    };
    let mut now = sent();
    for _ in 0..600 {
        if now == leaf {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
        now = sent();
    }
    assert_eq!(now, leaf);
}

#[test]
fn a_certificate_that_every_client_refuses_is_not_taken() {
    let sandbox = station();
    sandbox.ok(["client", "--device", "pump-1"]);
    let [_, chain, _, key] = tbpki_tests::est::CERTIFICATE;
    for (name, from) in [("chain.pem", chain), ("key.pem", key)] {
        sandbox.write(name, sandbox.read(from));
        sandbox.private(name);
    }
    let pem = sandbox.text("chain.pem");
    let end = "-----END CERTIFICATE-----\n";
    sandbox.write("leaf.pem", pem.split_inclusive(end).next().unwrap());
    let openssl = tbpki_tests::oracle::openssl().directory(sandbox.path());
    openssl.args(["pkey", "-in", "key.pem", "-aes256", "-passout", "pass:secret", "-out", "encrypted.pem"]).run().ok();
    sandbox.private("encrypted.pem");
    let device = ["pki/devices/pump-1/chain.pem", "pki/devices/pump-1/key.pem"];
    for ([cert, key], code, help) in [
        (device, "TBPKI-0053", "`tbpki server` makes them"),
        (["leaf.pem", "key.pem"], "TBPKI-0050", "name the file with the chain"),
        (["chain.pem", "encrypted.pem"], "TBPKI-0032", "openssl pkey -in KEY -out NEW"),
    ] {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--cert", cert, "--key", key];
        sandbox.fails(serve, 1, code).prints(help);
    }
    // The files of a running service are replaced by such a pair: it keeps the one that it has.
    let service = Service::start_with(&sandbox, &["--cert", "chain.pem", "--key", "key.pem"], &[], &[]);
    sandbox.write("chain.pem", sandbox.read(device[0]));
    sandbox.write("key.pem", sandbox.read(device[1]));
    super::platform::until("looked", || service.has_logged(&["keeping the service's earlier certificate"]));
    service.ask("/.well-known/est/cacerts", &[]).is(200, "");
}

/// The certificate of a service and its key, outside of the store.
pub(super) const OF_BUNDLE: [&str; 4] = ["--cert", "tls/mqttserver.pem", "--key", "tls/mqttserver_key.pem"];
/// The passphrase of a bundle's key, on the station.
pub(super) const PASSPHRASE: [&str; 2] = ["--ca-passphrase-file", "ca.pass"];

/// Exports a station bundle to a directory of the sandbox.
#[track_caller]
pub(super) fn export(home: &Sandbox, name: &str) {
    home.write("station.pass", "passphrase on the way\n");
    std::fs::set_permissions(home.join("station.pass"), std::fs::Permissions::from_mode(0o600)).unwrap();
    home.ok(["ca", "export", "devices", "--no-input", "--out", name, "--passphrase-file", "station.pass"]);
}

/// A station bundle on a machine of its own, with a certificate for its service.
#[track_caller]
pub(super) fn bundle(home: &Sandbox, name: &str) -> Sandbox {
    export(home, name);
    let station = Sandbox::new();
    Tool::new("cp").arg("-a").arg(home.join(name).join(".")).arg(station.path()).run().ok();
    for file in [CERTIFICATE[1], CERTIFICATE[3]] {
        station.write(file.replace("pki/servers/localhost", "tls"), home.read(file));
        station.private(file.replace("pki/servers/localhost", "tls"));
    }
    station.write("ca.pass", "passphrase on the way\n");
    station.private("ca.pass");
    station
}

/// Two bundles of one CA.
fn two_stations() -> [Sandbox; 2] {
    let home = station();
    ["one", "two"].map(|name| bundle(&home, name))
}

#[test]
fn another_ledger_in_the_place_of_a_running_service_stops_it() {
    let [one, two] = two_stations();
    let start = |station: &Sandbox| Service::start_with(station, &OF_BUNDLE, &PASSPHRASE, &[]);
    let mut service = start(&one);
    enrol(&one, &service, "pump-1");
    let other = start(&two);
    enrol(&two, &other, "pump-2");
    assert_eq!(other.stop(), 0);
    // With its note, and into the same files, as `cp` copies.
    copy_ledger(&two, &one);
    std::fs::write(one.join("pki/ledger.note"), two.read("pki/ledger.note")).unwrap();
    assert_eq!(service.wait(), 1);
    super::platform::until("logged", || service.has_logged(&["TBPKI-0344", "another ledger was put in the place"]));
    assert_eq!(one.read("pki/ledger.note"), two.read("pki/ledger.note"));
}

#[test]
fn another_ledger_is_noticed_at_the_start_of_a_service_that_only_enrols() {
    let [one, two] = two_stations();
    let service = Service::start_with(&one, &OF_BUNDLE, &PASSPHRASE, &[]);
    enrol(&one, &service, "pump-1");
    assert_eq!(service.stop(), 0);
    let saved = one.copy();
    let note = one.read("pki/ledger.note");
    let other = Service::start_with(&two, &OF_BUNDLE, &PASSPHRASE, &[]);
    enrol(&two, &other, "pump-2");
    assert_eq!(other.stop(), 0);
    copy_ledger(&two, &one);
    let serve = [&["serve", "--listen", "127.0.0.1:0"][..], &OF_BUNDLE, &PASSPHRASE].concat();
    one.fails(&serve, 1, "TBPKI-0258").prints("not the one of this store");
    assert_eq!(one.read("pki/ledger.note"), note);
    copy_ledger(&saved, &one);
    let service = Service::start_with(&one, &OF_BUNDLE, &PASSPHRASE, &[]);
    service.confirm("pump-1.pem", "pump-1.key").is(200, "confirmed");
    assert_eq!(service.stop(), 0);
    // A whole bundle brings a note of its own.
    std::fs::remove_dir_all(two.join("pki/serve")).unwrap();
    Tool::new("cp").arg("-r").arg(two.join("pki/.")).arg(one.join("pki")).run().ok();
    std::fs::remove_dir_all(one.join(".local")).unwrap();
    one.fails(&serve, 1, "TBPKI-0258").prints("not the one of this store");
    one.fails(["client", "--device", "n", PASSPHRASE[0], PASSPHRASE[1]], 1, "TBPKI-0258");
}

#[test]
fn a_lost_ledger_of_a_store_that_only_enrols_is_noticed_and_revocations_come_back() {
    let sandbox = station();
    for file in [CERTIFICATE[1], CERTIFICATE[3]] {
        sandbox.write(file.replace("pki/servers/localhost", "tls"), sandbox.read(file));
        sandbox.private(file.replace("pki/servers/localhost", "tls"));
    }
    let service = Service::start_with(&sandbox, &OF_BUNDLE, &[], &[]);
    enrol(&sandbox, &service, "pump-1");
    enrol(&sandbox, &service, "pump-2");
    sandbox.ok(["crl"]);
    sandbox.ok(["revoke", "--device", "pump-1"]);
    assert_eq!(service.stop(), 0);
    // A store has no files of what its service has issued.
    std::fs::remove_dir_all(sandbox.join("pki/servers")).unwrap();
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        drop(std::fs::remove_file(sandbox.join("pki").join(file)));
    }
    let note = sandbox.read("pki/ledger.note");
    let lists = sandbox.read("pki/devices-crl.pem");
    let serve = [&["serve", "--listen", "127.0.0.1:0"][..], &OF_BUNDLE].concat();
    for has_note in [true, false] {
        if !has_note {
            std::fs::remove_file(sandbox.join("pki/ledger.note")).unwrap();
        }
        for args in [&["list"][..], &["crl"], &["enroll", "password", "--device", "pump-3"], &serve] {
            sandbox.fails(args, 1, "TBPKI-0093").prints("store repair");
        }
        assert!(!sandbox.join("pki/ledger.db").exists());
    }
    sandbox.write("pki/ledger.note", note);
    assert_eq!(sandbox.read("pki/devices-crl.pem"), lists);
    sandbox.ok(["store", "repair"]).prints("1 revocation");
    sandbox.ok(["crl"]).prints("1 revoked");
}
