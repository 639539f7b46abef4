//! Devices that fetch their identity from `tbpki serve`, with keys of Mbed TLS as chips make them.

use device::enrolment::{CertificateRequest, RequestedNames, Signer};
use device::life::Hardware;
use device::mbedtls::ChipKeys;
use device::record::{EnrolmentSettings, Login, Parts};
use device::slots::{Owner, Slots};
use tbpki_tests::est::{Service, password, station};
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Listener, Mosquitto, Sandbox};

use crate::station::record;
use crate::time_server::TimeServer;
use crate::world::{Device, Options, SharedSlots, Urandom, today};

const DAY: u64 = 86_400;
const SALT: [u8; 16] = [9; 16];

/// A broker that accepts devices of the store alone.
fn broker(sandbox: &Sandbox) -> Mosquitto {
    let file = |name: &str| sandbox.join(format!("pki/servers/localhost/{name}"));
    let listener = Listener::new(&file("mqttserver.pem"), &file("mqttserver_key.pem"));
    Mosquitto::start(&listener.requiring_clients_of(&file("clients-ca.pem")))
}

/// The record of a device without a certificate.
fn pending(sandbox: &Sandbox, service: &Service, broker: &Mosquitto) -> Parts {
    let port = service.address.rsplit_once(':').unwrap().1.parse().unwrap();
    Parts {
        device_name: "pump-1".to_owned(),
        wifi_ssid: String::new(),
        wifi_password: "".into(),
        host: "localhost".to_owned(),
        port: broker.port(),
        ca_chain: sandbox.text("pki/ca/server-root/cert.pem"),
        login: Login::Pending,
        skip_host_name_check: false,
        ntp_server: "time.example".to_owned(),
        enrolment: Some(EnrolmentSettings {
            host: "localhost".to_owned(),
            port,
            label: String::new(),
            anchors: String::new(),
            password: password(sandbox, "pump-1").as_str().into(),
            renew_days: 0,
            salt: SALT,
        }),
    }
}

fn options(time: &TimeServer) -> Options {
    let mut options = Options::asking(time);
    options.settings.date = 30_000;
    options.settings.handshake = 60_000;
    options
}

/// The identities of the slots, newest first, and whether they are confirmed.
fn identities(slots: &SharedSlots) -> Vec<(u32, bool)> {
    let mut slots = Slots::open(slots.clone(), Owner::new("pump-1", &SALT)).unwrap();
    slots.identities().unwrap().iter().map(|one| (one.sequence(), one.is_confirmed)).collect()
}

/// The roles of the generations of the device in the ledger, oldest first.
fn roles(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.ok(["list", "--all", "--kind", "device", "--name", "pump-1", "--json"]).json();
    let identities = listed["result"]["identities"].as_array().unwrap().clone();
    identities.iter().map(|one| one["role"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn openssl_takes_the_keys_and_requests_of_a_chip() {
    let sandbox = Sandbox::new();
    let mut keys = ChipKeys::new(|| Some(Urandom::open()), || None);
    let mut seen = Vec::new();
    for _ in 0..10 {
        let text = keys.new_key().unwrap();
        sandbox.write("key.pem", text.expose().trim_end_matches('\0'));
        let mut key = keys.key(&text).unwrap();
        let request = CertificateRequest::new(RequestedNames::of_device("pump-1"), &mut key).unwrap();
        std::fs::write(sandbox.join("request.der"), request.as_der()).unwrap();
        let check = openssl().args(["req", "-inform", "DER", "-verify", "-noout", "-subject", "-in"]);
        let checked = check.arg(sandbox.join("request.der")).run().ok();
        assert!(checked.stdout_text().contains("CN = pump-1"), "{checked}");
        // The public key of the text is that of the request.
        let public = openssl().args(["ec", "-check", "-pubout", "-outform", "DER", "-in"]).arg(sandbox.join("key.pem"));
        let public = public.run().ok();
        assert!(public.stdout.ends_with(&key.public_key()), "{public}");
        seen.push(text.expose().to_owned());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 10, "each key is another one");
}

#[test]
fn a_chip_enrols_with_its_password_and_renews_with_its_certificate() {
    let sandbox = station();
    let service = Service::start_in(&sandbox, &["--issuances", "20"], &[("TBPKI_CLIENT_DAYS", "90")]);
    let (broker, time) = (broker(&sandbox), TimeServer::saying(today()));
    let (slots, parts) = (SharedSlots::blank(), pending(&sandbox, &service, &broker));
    let mut device = Device::enrolling(record(parts.clone()), slots.clone(), options(&time));
    device.logs("login: pump-1 logged in with its certificate");
    device.logs("telemetry: ");
    broker.logs("u'pump-1'");
    let log = device.log();
    assert!(log.contains("enrolment: the service has confirmed the certificate\nidentity: certificate 1, "), "{log}");
    assert_eq!((identities(&slots), roles(&sandbox)), (vec![(1, true)], vec!["current".to_owned()]));
    drop(device);

    // After a restart, it logs in without the service.
    let mut device = Device::enrolling(record(parts.clone()), slots.clone(), options(&time));
    device.logs("login: pump-1 logged in with its certificate");
    assert!(!device.log().contains("enrolment: "), "{}", device.log());
    drop(device);

    // In the last third of the lifetime, and before the end of the certificates of service and broker.
    let time = TimeServer::saying(today() + 75 * DAY);
    let mut device = Device::enrolling(record(parts), slots.clone(), options(&time));
    device.logs("enrolment: certificate 2 was stored");
    device.logs("identity: certificate 2, ");
    device.logs("login: pump-1 logged in with its certificate");
    assert_eq!(
        (identities(&slots), roles(&sandbox)),
        (vec![(2, true), (1, true)], vec!["superseded".to_owned(), "current".to_owned()],)
    );
}

#[test]
fn a_refused_password_is_named() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let (broker, time) = (broker(&sandbox), TimeServer::saying(today()));
    let mut parts = pending(&sandbox, &service, &broker);
    if let Some(enrolment) = &mut parts.enrolment {
        enrolment.password = "0123456789abcdef".into();
    }
    let slots = SharedSlots::blank();
    let mut device = Device::enrolling(record(parts), slots.clone(), options(&time));
    device.logs("enrolment: status 401: the name or the password is wrong");
    device.logs("retrying in 3600.0 s; ");
    assert_eq!((identities(&slots), roles(&sandbox)), (Vec::new(), Vec::new()));
    assert!(!broker.log().contains("pump-1"));
}

#[test]
fn a_service_behind_another_root_is_not_asked() {
    let (sandbox, other) = (station(), station());
    let service = Service::start(&sandbox, &[]);
    let (broker, time) = (broker(&sandbox), TimeServer::saying(today()));
    let ca_chain = other.text("pki/ca/server-root/cert.pem");
    let parts = Parts { ca_chain, ..pending(&sandbox, &service, &broker) };
    let slots = SharedSlots::blank();
    let mut device = Device::enrolling(record(parts), slots.clone(), options(&time));
    device.logs("enrolment: the service's certificate is rejected: no CA of the record issued it");
    assert_eq!((identities(&slots), roles(&sandbox)), (Vec::new(), Vec::new()));
}
