//! A world for a device in which months pass in seconds: a clock, a network, a time server, a service and a broker.

mod peers;

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::convert::Infallible;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use base64ct::{Base64, Encoding};
use embedded_io_async::{ErrorType, Read, Write};

use self::peers::{Connection, issuing};
use super::hardware::Hardware;
use super::keeper::SlotKeeper;
use crate::date::Date;
use crate::enrolment::samples::{certificate, key_of_leaf, pem, requested_key};
use crate::enrolment::{PUBLIC_KEY, SignError, Signer};
use crate::nvs::{Flash, FlashError};
use crate::record::{EnrolmentSettings, Login, Parts, Record};
use crate::secret::Secret;
use crate::session::platform::{Datagrams, Log, Network, Random, Sensor, Time, Tls, TlsPeer};
use crate::session::{
    CertificateFaults, Machine, NetworkFailure, Reading, SessionSettings, TlsFailure, run as run_session,
};
use crate::slots::simulated::SimulatedFlash;
use crate::slots::{Owner, Slots, WritableFlash};

pub(super) const NAME: &str = "pump-1";
pub(super) const PASSWORD: &str = "0123456789abcdef0123456789abcdef";
/// The date at which a test begins, 2027-01-15.
pub(super) const BEGIN: u64 = 1_800_000_000;
pub(super) const HOUR: u64 = 3600;
pub(super) const DAY: u64 = 24 * HOUR;
/// The lifetime of the certificates that the service issues.
pub(super) const LIFETIME: u64 = 90 * DAY;

const BROKER: u16 = 8883;
const SERVICE: u16 = 9443;

/// The settings of a record for the service of this world.
pub(super) fn enrolment() -> EnrolmentSettings {
    EnrolmentSettings {
        host: "enroll.example".to_string(),
        port: SERVICE,
        label: String::new(),
        anchors: String::new(),
        password: PASSWORD.into(),
        renew_days: 0,
        salt: [7; 16],
    }
}

/// The parts of a record without a certificate.
pub(super) fn parts() -> Parts {
    Parts {
        device_name: NAME.to_string(),
        wifi_ssid: String::new(),
        wifi_password: "".into(),
        host: "broker.example".to_string(),
        port: BROKER,
        ca_chain: anchor("root 1"),
        login: Login::Pending,
        skip_host_name_check: false,
        ntp_server: "time.example".to_string(),
        enrolment: Some(enrolment()),
    }
}

/// A root in PEM.
pub(super) fn anchor(name: &str) -> String {
    pem(&certificate(name, name, &key_info(1), dates(BEGIN - DAY, BEGIN + 7_000 * DAY), None))
}

fn dates(from: u64, to: u64) -> [String; 2] {
    [from, to].map(|date| {
        let ((year, month, day), (hour, minute, second)) = (Date(date).civil(), Date(date).time());
        format!("{:02}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z", year % 100)
    })
}

/// A `SubjectPublicKeyInfo` that a key of this number has.
fn key_info(number: u8) -> Vec<u8> {
    requested_key(&Base64::encode_string(
        crate::enrolment::CertificateRequest::new(crate::enrolment::RequestedNames::of_device("x"), &mut Key(number))
            .unwrap()
            .as_der(),
    ))
}

/// A certificate that the service knows.
#[derive(Clone)]
pub(super) struct Issued {
    pub(super) key: Vec<u8>,
    pub(super) not_after: u64,
    is_confirmed: bool,
}

/// Everything that changes.
pub(super) struct State {
    uptime: u64,
    /// The date at uptime 0 in seconds; a restart sets it.
    epoch: u64,
    wakeups: Vec<u64>,
    pub(super) log: Vec<String>,
    /// The number of readings that the broker has acknowledged.
    pub(super) readings: usize,
    keys: u8,
    random: u32,
    peer: Option<(String, Option<String>)>,
    pub(super) has_time: bool,
    pub(super) has_service: bool,
    /// The roots of the service and of the broker, and the anchors that the service sends.
    pub(super) service_root: String,
    pub(super) broker_root: String,
    pub(super) anchors: Vec<String>,
    pub(super) password: String,
    pub(super) bound_key: Option<Vec<u8>>,
    pub(super) issued: Vec<Issued>,
    /// True if all certificates that the service has issued are refused by it from now on.
    pub(super) disowns: usize,
    /// The number of confirmations that are answered with 202.
    pub(super) platform_delay: usize,
    /// The key that the broker accepts; `None` for each certificate of the service.
    pub(super) credential: Option<Vec<u8>>,
    /// True if the broker takes the key of each confirmation.
    pub(super) follows: bool,
    /// The keys in the order of their logins, without repetitions.
    pub(super) logins: Vec<Vec<u8>>,
    pub(super) refused: usize,
    pub(super) requests: Vec<String>,
    /// The body of the last confirmation.
    pub(super) stated: String,
}

#[derive(Clone)]
pub(super) struct World(pub(super) Rc<RefCell<State>>);

impl World {
    pub(super) fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            uptime: 0,
            epoch: BEGIN,
            wakeups: Vec::new(),
            log: Vec::new(),
            readings: 0,
            keys: 0,
            random: 1,
            peer: None,
            has_time: true,
            has_service: true,
            service_root: anchor("root 1"),
            broker_root: anchor("root 1"),
            anchors: vec![anchor("root 1")],
            password: PASSWORD.to_string(),
            bound_key: None,
            issued: Vec::new(),
            disowns: 0,
            platform_delay: 0,
            credential: None,
            follows: false,
            logins: Vec::new(),
            refused: 0,
            requests: Vec::new(),
            stated: String::new(),
        })))
    }

    /// The date in seconds.
    pub(super) fn now(&self) -> u64 {
        let state = self.0.borrow();
        state.epoch + state.uptime / 1_000
    }

    /// True if a line of the log contains a text.
    pub(super) fn has_logged(&self, text: &str) -> bool {
        self.0.borrow().log.iter().any(|line| line.contains(text))
    }

    /// The whole log, for a failure of a test.
    pub(super) fn log(&self) -> String {
        self.0.borrow().log.join("\n")
    }

    /// A certificate that the service has issued for the factory: its chain and its key.
    pub(super) fn factory(&self) -> Login {
        let key = self.clone().new_key().unwrap();
        let info = key_info(number(&key));
        let now = self.now();
        let leaf = self.0.borrow_mut().issue(&info, now);
        self.0.borrow_mut().issued.iter_mut().for_each(|issued| issued.is_confirmed = true);
        let chain = pem(&leaf) + &pem(&issuing());
        // As in a record that is being made: without the NUL.
        let key = format!("-----BEGIN {}-----END ", key.expose().trim_end_matches('\0'));
        Login::Certificate { chain, key: key.into() }
    }
}

/// A device that runs until its power fails.
pub(super) struct Device {
    session: Pin<Box<dyn Future<Output = Infallible>>>,
    world: World,
    flash: SharedFlash,
}

impl Device {
    /// Switches a device on.
    pub(super) fn start(world: &World, parts: Parts, flash: SimulatedFlash) -> Self {
        let flash = SharedFlash(Rc::new(RefCell::new(flash)));
        {
            let mut state = world.0.borrow_mut();
            // The time goes on, and the uptime begins again.
            state.epoch += state.uptime / 1_000;
            state.uptime = 0;
        }
        let (on, slots) = (world.clone(), flash.clone());
        let session = Box::pin(async move {
            let record = Record::new(parts).unwrap();
            let settings = SessionSettings {
                interval: 600_000,
                keep_alive_seconds: 3_600,
                ..SessionSettings::for_build(BEGIN - 30 * DAY)
            };
            let identities = SlotKeeper::new(&record, record.enrolment().unwrap(), slots, on.clone()).unwrap();
            let machine = Machine {
                network: on.clone(),
                datagrams: on.clone(),
                tls: on.clone(),
                time: on.clone(),
                random: on.clone(),
                log: on.clone(),
                sensor: on.clone(),
                identities,
            };
            run_session(&record, &settings, machine).await
        });
        Self { session, world: world.clone(), flash }
    }

    /// Lets time pass until this holds, at most for so many days.
    #[track_caller]
    pub(super) fn until(&mut self, what: &str, days: u64, mut holds: impl FnMut(&World) -> bool) {
        let end = self.world.now() + days * DAY;
        while !holds(&self.world) {
            assert!(self.world.now() < end, "never {what}:\n{}", self.world.log());
            self.step();
        }
    }

    /// Lets so much time pass, in seconds.
    pub(super) fn passes(&mut self, seconds: u64) {
        let end = self.world.now() + seconds;
        while self.world.now() < end {
            self.step();
        }
    }

    fn step(&mut self) {
        self.world.0.borrow_mut().wakeups.clear();
        let Poll::Pending = self.session.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let mut state = self.world.0.borrow_mut();
        let next = state.wakeups.iter().min().copied().expect("the device sleeps for ever");
        state.uptime = state.uptime.max(next);
    }

    /// Switches it off.
    pub(super) fn off(self) -> SimulatedFlash {
        drop(self.session);
        self.flash.0.borrow().restarted()
    }

    /// The bytes written and sectors erased in all.
    pub(super) fn off_with_count(self) -> u64 {
        self.flash.0.borrow().done
    }

    /// Whether the power of the flash has failed.
    pub(super) fn is_cut(&self) -> bool {
        let mut byte = [0; 4];
        self.flash.clone().read(0, &mut byte).is_err()
    }

    /// The sequences of the identities in the slots, newest first, and whether they are confirmed.
    pub(super) fn identities(&self) -> Vec<(u32, bool)> {
        let flash = self.flash.0.borrow().restarted();
        let mut slots = Slots::open(flash, Owner::new(NAME, &[7; 16])).unwrap();
        slots.identities().unwrap().iter().map(|one| (one.sequence(), one.is_confirmed)).collect()
    }
}

#[derive(Clone)]
struct SharedFlash(Rc<RefCell<SimulatedFlash>>);

impl Flash for SharedFlash {
    fn size(&self) -> u32 {
        self.0.borrow().size()
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.0.borrow_mut().read(offset, bytes)
    }
}

impl WritableFlash for SharedFlash {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.0.borrow_mut().write(offset, bytes)
    }

    fn erase(&mut self, offset: u32) -> Result<(), FlashError> {
        self.0.borrow_mut().erase(offset)
    }
}

impl Time for World {
    fn uptime(&self) -> u64 {
        self.0.borrow().uptime
    }

    async fn sleep(&self, milliseconds: u64) {
        let end = self.uptime() + milliseconds;
        poll_fn(|_| {
            let mut state = self.0.borrow_mut();
            if state.uptime >= end {
                return Poll::Ready(());
            }
            state.wakeups.push(end);
            Poll::Pending
        })
        .await;
    }

    fn set_date(&self, _unix_seconds: u64) {}
}

impl Random for World {
    fn next(&mut self) -> u32 {
        let mut state = self.0.borrow_mut();
        state.random = state.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.random
    }
}

impl Log for World {
    fn line(&self, line: fmt::Arguments<'_>) {
        let line = line.to_string();
        if !line.starts_with("telemetry: ") {
            let now = Date(self.now());
            self.0.borrow_mut().log.push(format!("{now} {line}"));
        }
    }
}

impl Sensor for World {
    type Error = Infallible;

    async fn read(&mut self) -> Result<Reading, Infallible> {
        Ok(Reading { temperature: 0, humidity: 0 })
    }
}

impl Datagrams for World {
    async fn exchange(&self, _: &str, _: u16, request: &[u8], answer: &mut [u8]) -> Result<usize, NetworkFailure> {
        if !self.0.borrow().has_time {
            return Err(NetworkFailure::NoAnswer);
        }
        let seconds = (self.now() + 2_208_988_800) as u32;
        answer[0] = 0x24;
        answer[1] = 2;
        answer[24..32].copy_from_slice(&request[40..]);
        answer[40..44].copy_from_slice(&seconds.to_be_bytes());
        Ok(48)
    }
}

impl Hardware for World {
    type Key = Key;

    fn new_key(&mut self) -> Result<Secret, SignError> {
        let mut state = self.0.borrow_mut();
        state.keys += 1;
        Ok(format!("key {}\0", state.keys).into())
    }

    fn key(&mut self, text: &Secret) -> Result<Key, SignError> {
        Ok(Key(number(text)))
    }

    fn free_memory(&self) -> Option<usize> {
        Some(50_000)
    }
}

fn number(key: &Secret) -> u8 {
    // The key of a record has the marks of PEM around it.
    key.expose().chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// A key of a number.
pub(super) struct Key(u8);

impl Signer for Key {
    fn public_key(&self) -> [u8; PUBLIC_KEY] {
        [self.0; PUBLIC_KEY]
    }

    fn sign(&mut self, _message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(vec![0x30, 0])
    }
}

impl Network for World {
    type Stream<'a> = Connection;

    async fn ready(&self) {}

    async fn connect(&mut self, host: &str, port: u16) -> Result<Connection, NetworkFailure> {
        let has_service = self.0.borrow().has_service;
        match (host, port) {
            ("broker.example", BROKER) => {}
            ("enroll.example", SERVICE) if has_service => {}
            _ => return Err(NetworkFailure::Refused),
        }
        Ok(Connection::new(self.clone(), port))
    }
}

impl Tls for World {
    type Refusal = Infallible;
    type Stream<'a, S: Read + Write + 'a> = Shown<S>;

    fn set_peer(&mut self, peer: &TlsPeer<'_>) -> Result<(), Infallible> {
        assert!(peer.anchors.ends_with('\0') && !peer.anchors[..peer.anchors.len() - 1].contains('\0'));
        let chain = peer.identity.map(|identity| {
            // The key of a chain is shown with it, or the handshake would fail.
            assert_eq!(key_of_leaf(identity.chain), key_info(number(identity.key)));
            identity.chain.to_string()
        });
        self.0.borrow_mut().peer = Some((peer.anchors.to_string(), chain));
        Ok(())
    }

    async fn handshake<'a, S: Read + Write + 'a>(
        &'a self,
        mut stream: S,
    ) -> Result<(Shown<S>, &'static str), TlsFailure> {
        let (anchors, chain) = self.0.borrow().peer.clone().expect("the peer is set");
        // The stream tells the chain to the other end, as a handshake does; the answer is the root of the other end.
        let hello = format!("{}\n", chain.unwrap_or_default().replace('\n', " "));
        stream.write_all(hello.as_bytes()).await.unwrap();
        let mut root = vec![0; anchor("root 1").len()];
        stream.read_exact(&mut root).await.map_err(|_| TlsFailure::Closed)?;
        let root = String::from_utf8(root).unwrap();
        if !anchors.contains(root.trim()) {
            let faults = CertificateFaults { not_trusted: true, ..Default::default() };
            return Err(TlsFailure::Certificate(faults));
        }
        Ok((Shown(stream), "TLS 1.3"))
    }
}

/// A stream after its handshake.
pub(super) struct Shown<S>(S);

impl<S: ErrorType> ErrorType for Shown<S> {
    type Error = S::Error;
}

impl<S: Read> Read for Shown<S> {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, S::Error> {
        self.0.read(bytes).await
    }
}

impl<S: Write> Write for Shown<S> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, S::Error> {
        self.0.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), S::Error> {
        self.0.flush().await
    }
}
