//! Servers that renew their certificates at a label of their own, if the operator has allowed it.

use std::fs;

use tbpki_tests::est::{Service, password, request, request_with, serial, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Listener, Mosquitto, Sandbox};

use super::host::Host;
use super::platform::Scene;
use super::renewal::{enrol, sql};

const NAME: &str = "broker.example";
const PRESENT: [&str; 4] =
    ["--cert", "pki/servers/broker.example/mqttserver.pem", "--key", "pki/servers/broker.example/mqttserver_key.pem"];
const OFF: &str = "this service renews no certificates of servers: [serve] servers is off";
const NAMES: &str = "subjectAltName=DNS:broker.example,IP:192.0.2.1";

/// A station with the server broker.example.
fn station_with_broker() -> Sandbox {
    let sandbox = station();
    sandbox.ok(["server", "--name", NAME, "--only-given-names", "--san", "192.0.2.1"]);
    sandbox
}

fn service(sandbox: &Sandbox) -> Service {
    Service::start(sandbox, &["--servers", "--issuances", "100"])
}

/// A signing request for these alternative names: FILE.key and FILE.b64.
#[track_caller]
fn request_for(sandbox: &Sandbox, file: &str, subject: &str, names: &str) {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-addext", names];
    request_with(sandbox, file, subject, &key);
}

/// The role of each generation of broker.example.
fn roles(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.ok(["list", "--all", "--kind", "server", "--name", NAME, "--json"]).json();
    let rows = listed["result"]["identities"].as_array().unwrap().iter();
    rows.map(|row| row["role"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn without_the_option_servers_are_refused() {
    let sandbox = station_with_broker();
    let service = Service::start(&sandbox, &[]);
    enrol(&sandbox, &service, "pump-1");
    request_for(&sandbox, "next", "/CN=broker.example", NAMES);
    for operation in ["servers/simplereenroll", "servers/simpleenroll", "simplereenroll", "simpleenroll"] {
        service.send(operation, "next.b64", &PRESENT).is(403, OFF);
    }
    service.ask("/.well-known/est/servers/cacerts", &[]).is(403, OFF);
    service.ask("/servers/.well-known/est/cacerts", &[]).is(403, OFF);
    for path in ["/.well-known/tbpki/confirm", "/.well-known/tbpki/servers/confirm"] {
        service.ask(path, &[&["-X", "POST"], &PRESENT[..]].concat()).is(403, OFF);
    }
    request(&sandbox, "pump", "/CN=pump-1");
    service.send("servers/simplereenroll", "pump.b64", &["--cert", "pump-1.pem", "--key", "pump-1.key"]).is(403, OFF);
    service.send("servers/simpleenroll", "pump.b64", &["-u", "pump-1:wrong"]).is(403, OFF);
    assert_eq!(roles(&sandbox), ["current"]);
    let log = sandbox.text("pki/serve/audit.jsonl");
    assert_eq!(log.matches("\"servers-off\"").count(), 8, "{log}");
}

#[test]
fn a_server_renews_with_its_certificate_and_keeps_its_names() {
    let sandbox = station_with_broker();
    let service = service(&sandbox);
    request_for(&sandbox, "next", "/CN=broker.example", NAMES);
    for (file, subject, names, text) in [
        ("subject", "/CN=other.example", NAMES, "its subject is CN=other.example"),
        ("fewer", "/CN=broker.example", "subjectAltName=DNS:broker.example", "its alternative names are not those"),
        ("more", "/CN=broker.example", &format!("{NAMES},DNS:other.example"), "its alternative names are not those"),
    ] {
        request_for(&sandbox, file, subject, names);
        service.send("servers/simplereenroll", &format!("{file}.b64"), &PRESENT).is(400, text);
    }
    service.send("simplereenroll", "next.b64", &PRESENT).is(403, "the label is not the one of this certificate");
    assert_eq!(roles(&sandbox), ["current"]);

    service.send("servers/simplereenroll", "next.b64", &PRESENT).save(&sandbox, "next.pem");
    service.send("servers/simplereenroll", "next.b64", &PRESENT).save(&sandbox, "again.pem");
    assert_eq!(sandbox.read("next.pem"), sandbox.read("again.pem"), "a lost answer");
    assert_eq!(roles(&sandbox), ["current", "pending"]);
    sandbox.write("sent.pem", service.ask("/.well-known/est/servers/cacerts", &[]).certificates());
    let verify = openssl().directory(sandbox.path()).args(["verify", "-x509_strict", "-purpose", "sslserver"]);
    let verify = verify.args(["-verify_hostname", NAME, "-verify_ip", "192.0.2.1", "-untrusted", "sent.pem"]);
    verify.args(["-CAfile", "pki/ca/server-root/cert.pem", "next.pem"]).run().ok();
    let text = |file: &str| {
        let shown = openssl().directory(sandbox.path()).args(["x509", "-noout", "-subject", "-issuer", "-ext"]);
        shown.args(["subjectAltName,extendedKeyUsage,keyUsage", "-in", file]).run().ok().stdout_text()
    };
    assert_eq!(text("next.pem"), text(PRESENT[1]));

    let confirm = |cert: &str, key: &str| {
        service.ask("/.well-known/tbpki/servers/confirm", &["-X", "POST", "--cert", cert, "--key", key])
    };
    confirm("next.pem", "next.key").is(200, "confirmed");
    assert_eq!(roles(&sandbox), ["superseded", "current"]);
    let replaced = "a later certificate of this identity is in use";
    request_for(&sandbox, "third", "/CN=broker.example", NAMES);
    service.send("servers/simplereenroll", "third.b64", &PRESENT).is(403, replaced);
    confirm(PRESENT[1], PRESENT[3]).is(403, replaced);
    let next = ["--cert", "next.pem", "--key", "next.key"];
    service.send("servers/simpleenroll", "third.b64", &next).save(&sandbox, "third.pem");

    sandbox.ok(["revoke", "--server", NAME]);
    for file in ["next", "third"] {
        let (cert, key) = (format!("{file}.pem"), format!("{file}.key"));
        let revoked = ["--cert", &cert, "--key", &key];
        service.send("servers/simplereenroll", "third.b64", &revoked).is(403, "the client certificate is revoked");
    }
    let log = sandbox.text("pki/serve/audit.jsonl");
    let issued: Vec<&str> = log.lines().filter(|line| line.contains("\"serial\"")).collect();
    assert!(
        issued.len() >= 3 && issued.iter().all(|line| line.contains(NAME) && line.contains("\"label\":\"servers\"")),
        "{log}"
    );
}

#[test]
fn the_label_is_for_servers_of_the_ledger_that_a_ca_of_the_store_has_issued() {
    let sandbox = station_with_broker();
    sandbox.ok(["server", "--name", "self.example", "--only-given-names", "--self-signed"]);
    let service = service(&sandbox);
    enrol(&sandbox, &service, "pump-1");
    let label = "the label is not the one of this certificate";
    request(&sandbox, "pump", "/CN=pump-1");
    let pump = ["--cert", "pump-1.pem", "--key", "pump-1.key"];
    for operation in ["servers/simplereenroll", "servers/simpleenroll"] {
        service.send(operation, "pump.b64", &pump).is(403, label);
    }
    // No password leads to the certificate of a server, whatever it was made for.
    request_for(&sandbox, "first", "/CN=other.example", "subjectAltName=DNS:other.example");
    let user = format!("other.example:{}", password(&sandbox, "other.example"));
    let first = "the first certificate of a server is made by `tbpki server`";
    service.send("servers/simpleenroll", "first.b64", &["-u", &user]).is(403, first);
    service.send("servers/simpleenroll", "first.b64", &[]).is(401, "");
    // One that names a server and was made elsewhere, for the key of the request.
    let forge = openssl().directory(sandbox.path()).args(["req", "-x509", "-new", "-days", "9", "-key", "first.key"]);
    forge.args(["-subj", "/CN=broker.example", "-out", "forged.pem"]).run().ok();
    let forged = ["--cert", "forged.pem", "--key", "first.key"];
    service.send("servers/simpleenroll", "first.b64", &forged).is(403, first);
    service.send("servers/simplereenroll", "first.b64", &forged).is(403, "the client certificate is unknown");

    let own = "pki/servers/self.example/mqttserver";
    let (cert, key) = (format!("{own}.pem"), format!("{own}_key.pem"));
    request_for(&sandbox, "self", "/CN=self.example", "subjectAltName=DNS:self.example");
    let other = "the client certificate is not of a CA that this service renews for";
    service.send("servers/simplereenroll", "self.b64", &["--cert", &cert, "--key", &key]).is(403, other);
    assert_eq!(roles(&sandbox), ["current"]);

    // The limit and the policy of a server are those of devices.
    assert_eq!(service.stop(), 0);
    let options = ["--servers", "--issuances", "2"];
    let policy = [("TBPKI_SERVE_LABEL_POLICIES", "servers=first-login")];
    let service = Service::start_in(&sandbox, &options, &policy);
    for name in ["a", "b", "c"] {
        request_for(&sandbox, name, "/CN=broker.example", NAMES);
    }
    service.send("servers/simplereenroll", "a.b64", &PRESENT).save(&sandbox, "a.pem");
    service.ask("/.well-known/est/servers/cacerts", &["--cert", "a.pem", "--key", "a.key"]).is(200, "");
    assert_eq!(roles(&sandbox), ["superseded", "current"]);
    let a = ["--cert", "a.pem", "--key", "a.key"];
    service.send("servers/simplereenroll", "b.b64", &a).save(&sandbox, "b.pem");
    service.send("servers/simplereenroll", "c.b64", &a).is(429, "an identity gets at most 2 certificates in a day");
}

#[test]
fn a_host_renews_the_files_of_its_broker_and_the_station_knows_that_its_own_are_earlier() {
    let station = station_with_broker();
    let start = || Service::start_in(&station, &["--issuances", "100"], &[("TBPKI_SERVE_SERVERS", "true")]);
    let service = start();
    let host = Host::new(&station, &service);
    host.sandbox.write("cert.pem", station.read(PRESENT[1]));
    host.sandbox.write("key.pem", station.read(PRESENT[3]));
    let renew = |service: &Service| {
        let files = ["renew", "--est", &service.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
        host.sandbox.tbpki(files.iter().chain(&["--label", "servers"])).run()
    };
    let first = host.serial();
    renew(&service).ok();
    let second = host.serial();
    assert_ne!(first, second);
    assert_eq!(host.sandbox.text("cert.pem").matches("BEGIN CERTIFICATE").count(), 2, "leaf and issuing CA");
    let broker = Mosquitto::start(&Listener::new(&host.sandbox.join("cert.pem"), &host.sandbox.join("key.pem")));
    let address = format!("localhost:{}", broker.port());
    let connect = openssl().directory(host.sandbox.path()).args(["s_client", "-connect", &address, "-CAfile"]);
    let connect = connect.args(["root.pem", "-verify_hostname", NAME, "-verify_return_error"]).stdin("");
    assert!(connect.run().ok().stdout_text().contains("Verification: OK"));

    // The ledger knows the present one, and the files of the store are not taken for it.
    assert_eq!(roles(&station), ["superseded", "current"]);
    let listed = station.ok(["list", "--kind", "server", "--name", NAME, "--json"]).json();
    assert_eq!(listed["result"]["identities"][0]["serial"], second.as_str());
    station.ok(["store", "check"]);
    let held = (station.read(PRESENT[1]), station.read(PRESENT[3]));
    let text = station.fails(["renew", "--server", NAME], 1, "TBPKI-0378").stderr_text();
    assert!(text.contains("tbpki renew --est"), "{text}");
    let check = station.tbpki(["check", "--server", "--offline"]).env("TBPKI_SERVER_NAME", NAME);
    check.run().ends(1).prints("TBPKI-0378").prints("`tbpki verify FILE --anchors ROOT --host broker.example`");
    let text = station.tbpki(["server", "--name", NAME, "--only-given-names", "--san", "192.0.2.1"]).run().ends(1);
    text.prints("its holder has fetched the present certificate over the network");
    station.tbpki(["renew", "--all", "--due"]).run().ok();
    station.tbpki(["renew", "--all", "--within", "9000d"]).run().ends(4).prints("TBPKI-0378");
    assert_eq!((station.read(PRESENT[1]), station.read(PRESENT[3])), held);

    // What does not depend on the certificate follows the CAs, and the operator brings it to the host.
    let clients = "pki/servers/broker.example/clients-ca.pem";
    let before = station.text(clients).matches("BEGIN CERTIFICATE").count();
    station.ok(["ca", "prepare", "devices-issuing"]).prints("TBPKI-0378").prints("copy cafile.pem and clients-ca.pem");
    assert_eq!(station.text(clients).matches("BEGIN CERTIFICATE").count(), before + 1);

    // Without the label, the help names the one of servers.
    let without = ["renew", "--est", &service.url, "--cafile", "root.pem", "--cert", "cert.pem", "--key", "key.pem"];
    host.sandbox.tbpki(without).run().ends(1).prints("TBPKI-0348").prints("--label servers");

    // The next certificate is of the CA that signs then.
    station.ok(["ca", "prepare", "server-issuing"]);
    station.ok(["ca", "activate", "server-issuing"]);
    assert_eq!(service.stop(), 0);
    let service = start();
    renew(&service).ok();
    let issuer = openssl().args(["x509", "-noout", "-issuer", "-in"]).arg(host.sandbox.join("cert.pem")).run().ok();
    assert!(issuer.stdout_text().contains("issuing CA G2"), "{issuer}");

    // A generation that an operator makes replaces that of the host.
    station.ok(["server", "--name", NAME, "--only-given-names", "--san", "192.0.2.1", "--force"]);
    let present = (host.sandbox.read("cert.pem"), host.sandbox.read("key.pem"));
    let outcome = renew(&service).ends(1).prints("a later certificate of this identity is in use");
    outcome.prints("run `tbpki server --name NAME --force` in the store");
    assert_eq!((host.sandbox.read("cert.pem"), host.sandbox.read("key.pem")), present);
    assert_eq!(serial(station.join(PRESENT[1])).len(), second.len());
    station.ok(["store", "check"]);
}

#[test]
fn a_server_waits_for_its_own_approval_and_not_for_that_of_a_device_with_its_name() {
    let sandbox = station_with_broker();
    let service = Service::start_in(&sandbox, &["--servers"], &[("TBPKI_SERVE_APPROVAL", "every")]);
    let waits = "an operator has to approve the certificate: ask again later";
    request(&sandbox, "device", "/CN=broker.example");
    let user = format!("{NAME}:{}", password(&sandbox, NAME));
    request_for(&sandbox, "next", "/CN=broker.example", NAMES);
    let (as_device, as_server) = (
        || service.send("simpleenroll", "device.b64", &["-u", &user]),
        || service.send("servers/simplereenroll", "next.b64", &PRESENT),
    );
    as_device().is(202, waits);
    as_server().is(202, waits);
    let listed = sandbox.ok(["enroll", "list", "--json"]).json();
    let requests = listed["result"]["requests"].as_array().unwrap();
    let named = |name: &str| requests.iter().find(|one| one["device"] == name).unwrap()["request"].as_str().unwrap();
    sandbox.ok(["enroll", "approve", named("servers/broker.example")]);
    as_device().is(202, waits);
    as_server().save(&sandbox, "next.pem");
    sandbox.ok(["enroll", "approve", named(NAME)]);
    as_device().save(&sandbox, "device.pem");
    assert_eq!(sandbox.ok(["enroll", "list"]).stderr_text().trim(), "no request waits");
}

#[test]
fn the_option_needs_the_key_of_the_servers_ca() {
    let sandbox = station_with_broker();
    fs::rename(sandbox.join("pki/ca/server-issuing/key.pem"), sandbox.join("key-elsewhere.pem")).unwrap();
    let args = ["serve", "--listen", "127.0.0.1:0", "--servers"];
    let text = sandbox.fails(args.iter().chain(&tbpki_tests::est::CERTIFICATE), 1, "TBPKI-0097").stderr_text();
    assert!(text.contains("[serve] servers renews the certificates of servers with it"), "{text}");
    // The others are served without it.
    assert_eq!(Service::start(&sandbox, &[]).stop(), 0);
}

#[test]
fn no_profile_gets_the_label_of_servers() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    let create = |name: &str| {
        let environment = scene.environment(scene.platform.url());
        let tool = sandbox.tbpki(["profile", "create", name]);
        environment.iter().fold(tool, |tool, (name, value)| tool.env(name, value)).run()
    };
    create("servers").ends(1).prints("TBPKI-0377");
    assert!(!sandbox.join("pki/ca/profile-servers").exists());
    // A profile that an earlier version has made keeps its label, and the option is refused.
    scene.create_profile("pumps");
    fs::rename(sandbox.join("pki/ca/profile-pumps"), sandbox.join("pki/ca/profile-servers")).unwrap();
    sql(sandbox, "UPDATE identity SET name = 'profile-servers' WHERE name = 'profile-pumps'");
    let args = ["serve", "--listen", "127.0.0.1:0", "--servers"];
    sandbox.fails(args.iter().chain(&tbpki_tests::est::CERTIFICATE), 1, "TBPKI-0377");
    let service = Service::start(sandbox, &[]);
    service.ask("/.well-known/est/servers/cacerts", &[]).is(200, "");
    let made = sandbox.ok(["enroll", "password", "--device", "pump-7", "--profile", "servers"]).stdout_text();
    request(sandbox, "p", "/CN=pump-7");
    service.send("servers/simpleenroll", "p.b64", &["-u", &format!("pump-7:{}", made.trim())]).save(sandbox, "p.pem");
}
