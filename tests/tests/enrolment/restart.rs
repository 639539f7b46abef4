//! A service that is killed, whose files change, and whose ledger is replaced.

use tbpki_tests::est::{Service, password, request, station};

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
