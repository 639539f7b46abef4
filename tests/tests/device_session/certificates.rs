//! Brokers that are not who they should be.

use device::record::Parts;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Listener, Mosquitto};

use crate::station::{Station, record};
use crate::world::{Device, Options};

/// Stops the test unless the device refuses this broker for this reason, with both versions of TLS.
#[track_caller]
fn refused(parts: &Parts, why: &str) {
    for at_most_tls_1_2 in [false, true] {
        let mut device = Device::new(record(parts.clone()), Options { at_most_tls_1_2, ..Options::default() });
        device.logs(&format!("tls: the broker's certificate is rejected: {why}"));
        assert!(!device.log().contains("login:"), "{}", device.log());
    }
}

#[test]
fn a_certificate_for_another_name_is_refused_unless_the_record_allows_it() {
    let station = Station::with_server("ec-p256", &["--name", "tb.example"]);
    let broker = Mosquitto::start(&station.listener());
    for host in ["localhost", "127.0.0.1"] {
        let parts = station.with_token(host, broker.port());
        refused(&parts, "it is not valid for the record's host");
        let mut device = Device::new(record(Parts { skip_host_name_check: true, ..parts }), Options::default());
        device.logs("login: pump-1 logged in with its token");
    }
}

/// The broker's log then has the reason, and not an unexpected end of the connection.
#[test]
fn a_refused_broker_is_told_why() {
    let (station, foreign) = (Station::new("ec-p256"), Station::new("ec-p256"));
    for at_most_tls_1_2 in [false, true] {
        let broker = Mosquitto::start(&foreign.listener());
        let parts = station.with_token("localhost", broker.port());
        let mut device = Device::new(record(parts), Options { at_most_tls_1_2, ..Options::default() });
        device.logs("no CA of the record issued it");
        device.runs_until("the alert", |_| broker.log().contains("alert unknown ca"));
    }
}

/// Not even where names are not looked at.
#[test]
fn a_certificate_of_a_foreign_ca_is_refused() {
    let (station, foreign) = (Station::new("ec-p256"), Station::new("ec-p256"));
    let broker = Mosquitto::start(&foreign.listener());
    let parts = Parts { skip_host_name_check: true, ..station.with_token("localhost", broker.port()) };
    refused(&parts, "no CA of the record issued it");
}

/// The thief of a station that issues devices is still not the broker.
#[test]
fn a_certificate_of_the_devices_ca_is_refused() {
    let station = Station::new("ec-p256");
    station.sandbox.ok(["client", "--device", "localhost"]);
    let device = |file: &str| station.file(&format!("pki/devices/localhost/{file}"));
    let broker = Mosquitto::start(&Listener::new(&device("chain.pem"), &device("key.pem")));
    let parts = Parts { skip_host_name_check: true, ..station.with_token("localhost", broker.port()) };
    refused(&parts, "no CA of the record issued it");
    // Even where the record trusts the devices' CAs by mistake: a device's certificate is for clients.
    let mistaken = Parts { ca_chain: station.sandbox.text("conf/clients-ca.pem"), ..parts };
    refused(&mistaken, "it or one of its issuers does not allow this use");
}

/// A server's certificate is no CA's, however well its own chain is in order.
#[test]
fn a_leaf_that_issues_is_refused() {
    let station = Station::new("ec-p256");
    let directory = station.sandbox.path();
    station.sandbox.write("forged.ext", "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n");
    openssl()
        .args(["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"])
        .args(["-keyout", "forged.key", "-out", "forged.csr"])
        .directory(directory)
        .run()
        .ok();
    openssl()
        .args(["x509", "-req", "-in", "forged.csr", "-days", "30", "-extfile", "forged.ext", "-out", "forged.leaf"])
        .args(["-CA", "conf/mqttserver.pem", "-CAkey", "conf/mqttserver_key.pem", "-set_serial", "7"])
        .directory(directory)
        .run()
        .ok();
    let chain = station.sandbox.text("forged.leaf") + &station.sandbox.text("conf/mqttserver.pem");
    let chain = station.sandbox.write("forged.pem", chain);
    let broker = Mosquitto::start(&Listener::new(&chain, &station.file("forged.key")));
    refused(&station.with_token("localhost", broker.port()), "no CA of the record issued it");
}

/// Ed25519 is among what tbpki can make, and not among what chips can read.
#[test]
fn a_record_with_ed25519_is_refused_by_name() {
    let station = Station::new("ec-p256");
    station.sandbox.ok(["client", "--device", "modern", "--alg", "ed25519"]);
    let device = |file: &str| station.sandbox.text(format!("pki/devices/modern/{file}"));
    let login = device::record::Login::Certificate { chain: device("chain.pem"), key: device("key.pem").into() };
    let record = record(Parts { login, ..station.with_token("localhost", 8883) });
    let error = Device::credentials_error(&record);
    assert!(error.starts_with("Mbed TLS cannot read client_chain"), "{error}");
}
