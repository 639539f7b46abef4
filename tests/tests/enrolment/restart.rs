//! A service that is killed, whose files change, and whose ledger is replaced.

use tbpki_tests::Sandbox;
use tbpki_tests::est::{Service, password, request, station};

use crate::renewal::sql;

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
