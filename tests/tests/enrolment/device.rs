//! The enrolment of a device as its firmware does it, against `tbpki serve`: the same code, with a flash in memory, keys of
//! this machine and TLS of rustls.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use device::enrolment::{
    EnrolmentFailure, EnrolmentMachine, EnrolmentServer, FetchFailure, PUBLIC_KEY, Proof, Retry, SignError, Signer,
    confirm_identity, fetch,
};
use device::nvs::{Flash, FlashError};
use device::slots::{Generation, Owner, PARTITION, SlotError, Slots, WritableFlash};
use device::{Identity, Secret};
use embassy_futures::block_on;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tbpki_tests::Sandbox;
use tbpki_tests::est::{Service, password, station};
use tbpki_tests::oracle::openssl;

/// A flash in memory whose power fails after a number of writes and erasures.
struct Memory {
    bytes: Vec<u8>,
    left: usize,
}

impl Flash for Memory {
    fn size(&self) -> u32 {
        PARTITION
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        Flash::read(&mut self.bytes, offset, bytes)
    }
}

impl Memory {
    fn step(&mut self) -> Result<(), FlashError> {
        self.left = self.left.checked_sub(1).ok_or(FlashError)?;
        Ok(())
    }
}

impl WritableFlash for Memory {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.step()?;
        WritableFlash::write(&mut self.bytes, offset, bytes)
    }

    fn erase(&mut self, offset: u32) -> Result<(), FlashError> {
        self.step()?;
        self.bytes.erase(offset)
    }
}

/// A key of this machine.
struct Key(KeyPair);

impl Signer for Key {
    fn public_key(&self) -> [u8; PUBLIC_KEY] {
        self.0.der_bytes().try_into().unwrap()
    }

    fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        SigningKey::sign(&self.0, message).map_err(|_| SignError)
    }
}

/// A TLS connection. An answer that is lost ends it before the first byte.
struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    is_answer_lost: bool,
}

impl ErrorType for Connection {
    type Error = ErrorKind;
}

impl Read for Connection {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ErrorKind> {
        let length = self.stream.read(bytes).map_err(|_| ErrorKind::ConnectionReset)?;
        // After the read: the service has answered by then, so it has issued what the device never gets.
        if self.is_answer_lost { Err(ErrorKind::ConnectionReset) } else { Ok(length) }
    }
}

impl Write for Connection {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.stream.write(bytes).map_err(|_| ErrorKind::ConnectionReset)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.stream.flush().map_err(|_| ErrorKind::ConnectionReset)
    }
}

/// A device without a body.
struct Machine {
    port: u16,
    anchors: String,
    /// The number of the connection whose answer is lost, from 0.
    lost: Option<usize>,
    connections: usize,
}

impl EnrolmentMachine for Machine {
    type Stream<'a> = Connection;
    type Error = String;
    type Key = Key;

    async fn connect(&mut self, identity: Option<Identity<'_>>) -> Result<Connection, String> {
        let mut roots = RootCertStore::empty();
        for anchor in certificates(&self.anchors) {
            roots.add(anchor).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_slice(identity.key.expose().as_bytes()).unwrap();
                builder.with_client_auth_cert(certificates(identity.chain), key).unwrap()
            }
        };
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
        let socket = TcpStream::connect(("127.0.0.1", self.port)).map_err(|error| error.to_string())?;
        let is_answer_lost = self.lost == Some(self.connections);
        self.connections += 1;
        Ok(Connection { stream: StreamOwned::new(client, socket), is_answer_lost })
    }

    fn new_key(&mut self) -> Result<Secret, SignError> {
        let key = KeyPair::generate().map_err(|_| SignError)?;
        Ok(format!("{}\0", key.serialize_pem()).into())
    }

    fn key(&mut self, text: &Secret) -> Result<Key, SignError> {
        KeyPair::from_pem(text.expose().trim_end_matches('\0')).map(Key).map_err(|_| SignError)
    }

    fn now(&mut self) -> u64 {
        std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
    }
}

/// The certificates of a text in PEM and a NUL.
fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect()
}

/// The first certificate of a chain.
fn leaf(pem: &str) -> pki::Certificate {
    pki::Certificate::from_der(certificates(pem).first().unwrap()).unwrap()
}

/// A device: its flash, its machine, and the service that it knows.
struct Device {
    name: String,
    flash: Vec<u8>,
    machine: Machine,
}

impl Device {
    fn new(sandbox: &Sandbox, service: &Service, name: &str) -> Self {
        let port = service.address.rsplit_once(':').unwrap().1.parse().unwrap();
        let anchors = format!("{}\0", sandbox.text("pki/ca/server-root/cert.pem"));
        let machine = Machine { port, anchors, lost: None, connections: 0 };
        Self { name: name.to_owned(), flash: vec![0xFF; PARTITION as usize], machine }
    }

    fn slots(&self, left: usize) -> Slots<Memory> {
        let flash = Memory { bytes: self.flash.clone(), left };
        Slots::open(flash, Owner::new(&self.name, &[1; 16])).unwrap()
    }

    /// The newest identity, and whether it is confirmed.
    fn newest(&self) -> Option<(Generation, bool)> {
        let mut slots = self.slots(0);
        let newest = slots.identities().unwrap().into_iter().next()?;
        Some((slots.load(&newest).unwrap(), newest.is_confirmed))
    }

    /// Fetches the next identity and confirms it, as a device does after a start: an unconfirmed one is confirmed, and not
    /// fetched again. The power fails after `left` writes.
    fn renew(&mut self, password: Option<&Secret>, left: usize) -> Result<(), FetchFailure<String>> {
        let mut slots = self.slots(left);
        let done = Self::step(&mut slots, &mut self.machine, &self.name, password);
        self.flash = slots.into_flash().bytes;
        self.machine.connections = 0;
        done
    }

    fn step(
        slots: &mut Slots<Memory>,
        machine: &mut Machine,
        name: &str,
        password: Option<&Secret>,
    ) -> Result<(), FetchFailure<String>> {
        let server = EnrolmentServer { host: "localhost", port: machine.port, label: "" };
        let present = slots.identities()?.into_iter().next();
        let mut identity = match present {
            Some(identity) if !identity.is_confirmed => identity,
            Some(identity) => {
                let generation = slots.load(&identity)?;
                block_on(fetch(slots, machine, &server, Proof::Identity((&generation).into())))?
            }
            None => {
                let password = password.expect("a first identity needs a password");
                block_on(fetch(slots, machine, &server, Proof::Password { device_name: name, password }))?
            }
        };
        let generation = slots.load(&identity)?;
        machine.anchors.clone_from(&generation.certificate.anchors);
        block_on(confirm_identity(machine, &server, (&generation).into(), &generation.certificate.anchors))?;
        Ok(slots.confirm(&mut identity)?)
    }
}

/// The roles of the generations of a device in the ledger, oldest first.
fn roles(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let listed = sandbox.ok(["list", "--all", "--kind", "device", "--name", name, "--json"]).json();
    let identities = listed["result"]["identities"].as_array().unwrap().clone();
    identities.iter().map(|one| one["role"].as_str().unwrap().to_owned()).collect()
}

const WHOLE: usize = usize::MAX;

#[test]
fn a_device_enrols_with_its_password_and_renews_with_its_certificate() {
    let sandbox = station();
    let service = Service::start(&sandbox, &["--issuances", "10"]);
    // A MAC address: its colons are also what separates the password in Basic authentication. And a letter beyond
    // ASCII.
    let mut device = Device::new(&sandbox, &service, "a4:cf:12:ü");
    let secret = Secret::from(password(&sandbox, &device.name));
    device.renew(Some(&secret), WHOLE).unwrap();
    for renewals in 1..=4 {
        let (before, is_confirmed) = device.newest().unwrap();
        assert!(is_confirmed);
        device.renew(None, WHOLE).unwrap();
        let (after, is_confirmed) = device.newest().unwrap();
        assert!(is_confirmed && after.key != before.key, "the renewal has a key of its own");
        let mut expected = vec!["superseded"; renewals];
        expected.push("current");
        assert_eq!(roles(&sandbox, &device.name), expected);
    }
    // The chain verifies without the CAs of the store, except for its root.
    let (newest, _) = device.newest().unwrap();
    sandbox.write("chain.pem", newest.certificate.chain.trim_end_matches('\0'));
    let root = sandbox.join("pki/ca/devices-root/cert.pem");
    let verify = openssl().args(["verify", "-purpose", "sslclient", "-CAfile"]).arg(root);
    verify.arg("-untrusted").arg(sandbox.join("chain.pem")).arg(sandbox.join("chain.pem")).run().ok();
    let anchors = newest.certificate.anchors.trim_end_matches('\0').trim();
    assert_eq!(anchors, sandbox.text("pki/ca/server-root/cert.pem").trim());
    let leaf = leaf(&newest.certificate.chain);
    let dates = (leaf.not_before().unix_timestamp(), leaf.not_after().unix_timestamp());
    assert_eq!((newest.certificate.not_before as i64, newest.certificate.not_after as i64), dates);
}

#[test]
fn a_device_is_known_to_trust_the_root_that_came_with_its_renewal() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let mut device = Device::new(&sandbox, &service, "pump-1");
    let secret = Secret::from(password(&sandbox, &device.name));
    device.renew(Some(&secret), WHOLE).unwrap();
    assert_eq!(service.stop(), 0);
    sandbox.ok(["ca", "prepare", "server-root"]);
    sandbox.fails(["ca", "activate", "server-root"], 1, "TBPKI-0320").prints("pump-1");
    let service = Service::start(&sandbox, &[]);
    device.machine.port = Device::new(&sandbox, &service, "pump-1").machine.port;
    device.renew(None, WHOLE).unwrap();
    sandbox.ok(["ca", "activate", "server-root"]);
}

#[test]
fn a_power_failure_at_any_write_ends_with_one_identity() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    // One write more in each round, until a whole run needs no more: each write was then the last one once.
    for left in 0.. {
        let was_whole = lives_through(&sandbox, &service, &format!("pump-{left}"), left, None);
        if was_whole {
            // Eight sectors are erased before the key and the certificate are written.
            assert!(left > 12, "{left}");
            break;
        }
    }
}

#[test]
fn any_lost_answer_ends_with_one_identity() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    for (lost, name) in ["the certificate", "the hierarchy", "the anchors", "the confirmation"].into_iter().enumerate()
    {
        assert!(!lives_through(&sandbox, &service, name, WHOLE, Some(lost)), "{name}");
    }
    // There is no fifth connection, so nothing is lost.
    assert!(lives_through(&sandbox, &service, "none", WHOLE, Some(4)));
}

/// A device enrols and renews, each with a power failure after `left` writes or with a lost answer, and then again. Returns
/// whether neither was interrupted.
fn lives_through(sandbox: &Sandbox, service: &Service, name: &str, left: usize, lost: Option<usize>) -> bool {
    let mut device = Device::new(sandbox, service, name);
    let secret = Secret::from(password(sandbox, name));
    let mut was_whole = true;
    for (password, expected) in [(Some(&secret), &["current"][..]), (None, &["superseded", "current"])] {
        let before = device.newest();
        device.machine.lost = lost;
        let done = device.renew(password, left);
        device.machine.lost = None;
        match &done {
            Ok(()) => {}
            Err(FetchFailure::Slot(SlotError::Flash(_))) => assert!(lost.is_none(), "{name}"),
            Err(FetchFailure::Enrolment(EnrolmentFailure::Closed)) => assert!(lost.is_some(), "{name}"),
            Err(other) => panic!("{name}: {other}"),
        }
        if done.is_err() {
            was_whole = false;
            let newest = device.newest();
            assert!(newest == before || newest.is_some_and(|(_, is_confirmed)| !is_confirmed), "{name}");
            // The same again finishes, and the service has issued once.
            device.renew(password, WHOLE).unwrap();
        }
        assert_eq!(roles(sandbox, name), expected, "{name}");
        let (newest, is_confirmed) = device.newest().unwrap();
        assert!(is_confirmed && before.is_none_or(|(before, _)| before != newest), "{name}");
    }
    was_whole
}

#[test]
fn a_renewal_keeps_the_names_of_a_factory_certificate() {
    let sandbox = station();
    sandbox.ok(["client", "--device", "valve", "--san", "dns:valve.example"]);
    let service = Service::start(&sandbox, &[]);
    let mut device = Device::new(&sandbox, &service, "valve");
    let chain = format!("{}\0", sandbox.text("pki/devices/valve/chain.pem"));
    let key = Secret::from(format!("{}\0", sandbox.text("pki/devices/valve/key.pem")));
    let server = EnrolmentServer { host: "localhost", port: device.machine.port, label: "" };
    let mut slots = device.slots(WHOLE);
    let proof = Proof::Identity(Identity { chain: &chain, key: &key });
    let identity = block_on(fetch(&mut slots, &mut device.machine, &server, proof)).unwrap();
    let renewed = slots.load(&identity).unwrap();
    let (old, new) = (leaf(&chain), leaf(&renewed.certificate.chain));
    assert_eq!(new.subject(), old.subject());
    let text = openssl().args(["x509", "-noout", "-ext", "subjectAltName"]).stdin(new.to_pem()).run().ok();
    assert!(text.stdout_text().contains("DNS:valve.example"), "{text}");
    block_on(confirm_identity(&mut device.machine, &server, (&renewed).into(), &renewed.certificate.anchors)).unwrap();
    assert_eq!(roles(&sandbox, "valve"), ["superseded", "current"]);
}

#[test]
fn a_refusal_has_its_status_and_text_and_leaves_the_key() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let mut device = Device::new(&sandbox, &service, "pump-1");
    let secret = Secret::from(password(&sandbox, "pump-1"));
    let refused = |failure: Result<(), FetchFailure<String>>, status: u16, text: &str| {
        let Err(FetchFailure::Enrolment(failure)) = failure else { panic!("{failure:?}") };
        let expected = EnrolmentFailure::Refused { status, text: text.to_owned(), retry: Retry::Never };
        assert_eq!(failure, expected);
        assert_eq!(failure.to_string(), format!("status {status}: {text}"));
    };
    refused(device.renew(Some(&"wrong".into()), WHOLE), 401, "the name or the password is wrong");
    let pending = device.slots(0).pending_key().unwrap().unwrap();
    device.renew(Some(&secret), WHOLE).unwrap();
    assert_eq!(device.newest().unwrap().0.key, pending.key, "the key that waited is used");
    // A device whose flash was erased cannot use its password again.
    let mut erased = Device::new(&sandbox, &service, "pump-1");
    refused(erased.renew(Some(&secret), WHOLE), 403, "the password has been used");
    sandbox.ok(["revoke", "--device", "pump-1"]);
    refused(device.renew(None, WHOLE), 403, "the client certificate is revoked");
    // The service is gone.
    service.kill();
    let failure = device.renew(None, WHOLE).unwrap_err();
    assert!(matches!(failure, FetchFailure::Connection(_)), "{failure}");
}

/// The firmware's own way: everything that it knows comes from the record of its image.
#[test]
fn an_image_without_a_certificate_enrols_and_renews() {
    let sandbox = station();
    let service = Service::start(&sandbox, &[]);
    let url = service.url.clone();
    sandbox.write("app.elf", testkit::application::Sample::new("esp32c3").elf());
    let bundle = ["bundle-firmware", "--chip", "esp32c3", "--app", "app.elf", "--broker", "broker.example"];
    let enrol = ["--wifi-ssid", "open", "--device", "pump-1", "--enroll", &url, "--out", "out"];
    sandbox.ok(bundle.iter().chain(&enrol));
    let record = device::Record::read(&sandbox.read("out/pump-1/credentials.bin")[..]).unwrap();
    let enrolment = record.enrolment().unwrap();
    let mut device = Device::new(&sandbox, &service, record.device_name());
    assert_eq!((enrolment.host.as_str(), enrolment.port), ("localhost", device.machine.port));
    device.machine.anchors = record.ca_chain().to_owned();
    device.renew(Some(&enrolment.password), WHOLE).unwrap();
    device.renew(None, WHOLE).unwrap();
    assert_eq!(roles(&sandbox, "pump-1"), ["superseded", "current"]);

    // Its flash was erased: an image with a new password, because its key was never here.
    let again = bundle.iter().chain(&enrol).chain(&["--force"]);
    sandbox.ok(again);
    let record = device::Record::read(&sandbox.read("out/pump-1/credentials.bin")[..]).unwrap();
    let password = &record.enrolment().unwrap().password;
    assert!(record.login() == &device::record::Login::Pending && !password.is_empty());
    let mut erased = Device::new(&sandbox, &service, "pump-1");
    erased.renew(Some(password), WHOLE).unwrap();
    assert_eq!(roles(&sandbox, "pump-1"), ["superseded", "superseded", "current"]);
}
