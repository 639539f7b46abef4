//! A machine for the session to run on: this one.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use device::Record;
use device::life::SlotKeeper;
use device::mbedtls::{ChipKeys, Clock, MbedTls};
use device::nvs::{Flash, FlashError};
use device::session::platform::{Datagrams, Log, Network, Random, Sensor, Time};
use device::session::{FixedIdentity, IdentityKeeper, Machine, NetworkFailure, Reading, SessionSettings, run};
use device::slots::{PARTITION, WritableFlash};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rand_core::{TryCryptoRng, TryRng};

use crate::time_server::TimeServer;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static CLOCK: Clock = Clock::new(uptime);

/// Mbed TLS is built for chips, which have one thread.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A device that runs in steps of the test.
pub(crate) struct Device {
    // Dropped in this order: the session uses the fields below.
    session: Pin<Box<dyn Future<Output = Infallible>>>,
    log: Lines,
    _alone: MutexGuard<'static, ()>,
}

/// The options of a device that tests change.
pub(crate) struct Options {
    pub(crate) settings: SessionSettings,
    /// The number of readings to take.
    pub(crate) readings: i32,
    pub(crate) at_most_tls_1_2: bool,
}

impl Default for Options {
    fn default() -> Self {
        let settings = SessionSettings {
            interval: 20,
            answer: 5_000,
            first_pause: 50,
            longest_pause: 200,
            date: 300,
            date_answer: 200,
            ..SessionSettings::for_build(today())
        };
        Self { settings, readings: 3, at_most_tls_1_2: false }
    }
}

impl Options {
    /// Those of a device that asks this time server. Its firmware was built ten minutes ago: a server that was set to the
    /// present date before the options were made must not be in the past.
    pub(crate) fn asking(server: &TimeServer) -> Self {
        let mut options = Self::default();
        options.settings.time_port = server.port();
        options.settings.build = today() - 600;
        options
    }
}

impl Device {
    pub(crate) fn new(record: Record, options: Options) -> Self {
        Self::start(options, |tls, options, lines| async move {
            session(&record, &options, tls, lines, FixedIdentity).await
        })
    }

    /// A device that fetches its identity into these slots.
    pub(crate) fn enrolling(record: Record, slots: SharedSlots, options: Options) -> Self {
        Self::start(options, |tls, options, lines| async move {
            let enrolment = record.enrolment().unwrap();
            let keys = ChipKeys::new(|| Some(Urandom::open()), || None);
            let keeper = SlotKeeper::new(&record, enrolment, slots, keys).unwrap();
            session(&record, &options, tls, lines, keeper).await
        })
    }

    fn start<S: Future<Output = Infallible> + 'static>(
        options: Options,
        session: impl FnOnce(mbedtls_rs::Tls<'static>, Options, Lines) -> S,
    ) -> Self {
        // A test that failed has poisoned the lock, and the others must still run.
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        CLOCK.install();
        let log = Lines::default();
        let lines = log.clone();
        let tls = mbedtls_rs::Tls::new(Box::leak(Box::new(Urandom::open()))).unwrap();
        Self { session: Box::pin(session(tls, options, lines)), log, _alone: alone }
    }

    /// Why Mbed TLS does not take what this record holds.
    pub(crate) fn credentials_error(record: &Record) -> String {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let tls = mbedtls_rs::Tls::new(Box::leak(Box::new(Urandom::open()))).unwrap();
        MbedTls::new(tls, record).err().map_or_else(String::new, |error| error.to_string())
    }

    /// Lets the device run until this holds.
    #[track_caller]
    pub(crate) fn runs_until(&mut self, what: &str, mut holds: impl FnMut(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut context = Context::from_waker(Waker::noop());
        while !holds(&self.log()) {
            assert!(Instant::now() < deadline, "never {what}:\n{}", self.log());
            // The session never ends, so that there is no other result (its output is `Infallible`).
            let Poll::Pending = self.session.as_mut().poll(&mut context);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Lets the device run until it has logged this.
    #[track_caller]
    pub(crate) fn logs(&mut self, text: &str) {
        self.runs_until(&format!("{text:?}"), |log| log.contains(text));
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.0.borrow().join("\n")
    }
}

/// The session of a device on this machine.
async fn session(
    record: &Record,
    options: &Options,
    tls: mbedtls_rs::Tls<'static>,
    log: Lines,
    identities: impl IdentityKeeper,
) -> Infallible {
    let mut tls = MbedTls::new(tls, record).unwrap();
    if options.at_most_tls_1_2 {
        tls = tls.at_most_tls_1_2();
    }
    let world = Machine {
        network: Loopback,
        datagrams: Loopback,
        tls,
        time: SystemClock,
        random: Urandom::open(),
        log,
        sensor: Counter { next: 0, end: options.readings },
        identities,
    };
    run(record, &options.settings, world).await
}

/// The partition of the slots, which a device leaves behind.
#[derive(Clone)]
pub(crate) struct SharedSlots(pub(crate) Rc<RefCell<Vec<u8>>>);

impl SharedSlots {
    pub(crate) fn blank() -> Self {
        Self(Rc::new(RefCell::new(vec![0xFF; PARTITION as usize])))
    }
}

impl Flash for SharedSlots {
    fn size(&self) -> u32 {
        PARTITION
    }

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        Flash::read(&mut *self.0.borrow_mut(), offset, bytes)
    }
}

impl WritableFlash for SharedSlots {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        WritableFlash::write(&mut *self.0.borrow_mut(), offset, bytes)
    }

    fn erase(&mut self, offset: u32) -> Result<(), FlashError> {
        self.0.borrow_mut().erase(offset)
    }
}

/// Seconds since 1970.
pub(crate) fn today() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn uptime() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap()
}

struct SystemClock;

impl Time for SystemClock {
    fn uptime(&self) -> u64 {
        uptime()
    }

    async fn sleep(&self, milliseconds: u64) {
        let end = uptime() + milliseconds;
        poll_fn(|_| if uptime() >= end { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn set_date(&self, unix_seconds: u64) {
        CLOCK.set_date(unix_seconds);
    }
}

/// Polled all the time, so no task has to be woken.
fn ready<T>(result: io::Result<T>) -> Poll<Result<T, ErrorKind>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result.map_err(|_| ErrorKind::Other)),
    }
}

struct Loopback;

/// A connection as chips have it: bytes leave it later than they are written, and closing discards the others.
struct Stream {
    socket: TcpStream,
    unsent: Vec<u8>,
}

impl Stream {
    fn send(&mut self) -> Poll<Result<(), ErrorKind>> {
        while !self.unsent.is_empty() {
            match ready(self.socket.write(&self.unsent)) {
                Poll::Ready(Ok(length)) => drop(self.unsent.drain(..length)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Network for Loopback {
    type Stream<'a> = Stream;

    async fn ready(&self) {}

    async fn connect(&mut self, host: &str, port: u16) -> Result<Stream, NetworkFailure> {
        // The brokers listen on IPv4, and `localhost` may be the other one first.
        if host == "nowhere.invalid" {
            return Err(NetworkFailure::UnknownHost);
        }
        assert!(["localhost", "127.0.0.1"].contains(&host), "no test leaves this machine");
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(|_| NetworkFailure::Refused)?;
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        Ok(Stream { socket: stream, unsent: Vec::new() })
    }
}

impl Datagrams for Loopback {
    async fn exchange(&self, _: &str, port: u16, request: &[u8], answer: &mut [u8]) -> Result<usize, NetworkFailure> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.send(request).map_err(|_| NetworkFailure::NoAnswer)?;
        poll_fn(|_| ready(socket.recv(answer))).await.map_err(|_| NetworkFailure::NoAnswer)
    }
}

impl ErrorType for Stream {
    type Error = ErrorKind;
}

impl Read for Stream {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, ErrorKind> {
        poll_fn(|_| {
            // Who waits for an answer has sent the question.
            let _ = self.send();
            ready(self.socket.read(bytes))
        })
        .await
    }
}

impl Write for Stream {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.unsent.extend(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        poll_fn(|_| self.send()).await
    }
}

/// The kernel's random numbers.
pub(crate) struct Urandom(File);

impl Urandom {
    pub(crate) fn open() -> Self {
        Self(File::open("/dev/urandom").unwrap())
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }
}

impl TryRng for Urandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_ne_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_ne_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.read_exact(bytes).unwrap();
        Ok(())
    }
}

impl TryCryptoRng for Urandom {}

impl Random for Urandom {
    fn next(&mut self) -> u32 {
        u32::from_ne_bytes(self.bytes())
    }
}

#[derive(Clone, Default)]
struct Lines(Rc<RefCell<Vec<String>>>);

impl Log for Lines {
    fn line(&self, line: fmt::Arguments<'_>) {
        self.0.borrow_mut().push(line.to_string());
    }
}

/// 1 degree more with each reading, so that their order can be told.
struct Counter {
    next: i32,
    end: i32,
}

impl Sensor for Counter {
    type Error = &'static str;

    async fn read(&mut self) -> Result<Reading, &'static str> {
        if self.next == self.end {
            return Err("that was all");
        }
        self.next += 1;
        Ok(Reading { temperature: 100 * (self.next - 1), humidity: 5_000 })
    }
}
