//! The session on this chip: Wi-Fi, network, TLS, and the traits of `device::session::platform`.

use alloc::boxed::Box;
use core::convert::Infallible;
use core::fmt;

use device::Record;
use device::life::SlotKeeper;
use device::mbedtls::{ChipKeys, Clock, MbedTls};
use device::record::Login;
use device::session::platform::{Log, Random, Time};
use device::session::{FixedIdentity, IdentityKeeper, Machine, SessionSettings, SimulatedSensor, run};
use embassy_executor::Spawner;
use embassy_net::{Config, Runner, Stack, StackResources};
use embassy_time::{Instant, Timer};
use esp_hal::peripherals::WIFI;
use esp_hal::rng::{Rng, Trng};
use esp_radio::wifi::Interface;

use crate::flash::Partition;
use crate::network::{ChipDatagrams, ChipNetwork};
use crate::wifi::Station;

/// The number of sockets: DHCP, DNS, SNTP, and the broker.
const SOCKETS: usize = 4;

/// The build time in seconds since 1970.
const BUILD_DATE: u64 = parse(env!("TBPKI_BUILD_DATE"));

static CLOCK: Clock = Clock::new(uptime);

/// The reason why the session cannot start.
pub(crate) type StartError = alloc::string::String;

/// Joins the network and runs the session. Returns only if the session cannot start.
pub(crate) async fn start(
    spawner: Spawner,
    wifi: WIFI<'static>,
    record: Record,
    slots: Option<Partition>,
) -> Result<Infallible, StartError> {
    // Leaked on purpose: tasks need `'static`, and the session never ends.
    let record: &'static Record = Box::leak(Box::new(record));
    if record.wifi_ssid().is_empty() {
        return Err("wifi: the record has no network".into());
    }
    let keeper = keeper(record, slots)?;
    let earliest = keeper.as_ref().map_or(0, |(_, earliest)| *earliest);
    // The clock never goes below the date of the newest certificate: a wrong time server cannot revive an older one.
    let settings: &'static SessionSettings = Box::leak(Box::new(SessionSettings::for_build(BUILD_DATE.max(earliest))));
    let station = Station::new(wifi, record, settings)
        .map_err(|error| alloc::format!("wifi: the radio cannot start: {error:?}"))?;

    // The random number generator takes its entropy from the radio, which must be on.
    let random = Trng::try_new().map_err(|error| alloc::format!("random: no entropy: {error:?}"))?;
    // For the port and sequence numbers of TCP.
    let seed = u64::from(Rng::new().random()) << 32 | u64::from(Rng::new().random());
    let resources = Box::leak(Box::new(StackResources::<SOCKETS>::new()));
    let (stack, runner) = embassy_net::new(Interface::station(), Config::dhcpv4(Default::default()), resources, seed);
    spawner.spawn(keep_wifi(station).map_err(|_| "wifi: its task is already running")?);
    spawner.spawn(run_network(runner).map_err(|_| "network: its task is already running")?);

    let tls = mbedtls_rs::Tls::new(Box::leak(Box::new(random))).map_err(|_| "tls: it is already in use")?;
    let tls = MbedTls::new(tls, record).map_err(|error| alloc::format!("record: {error}"))?;
    CLOCK.install();
    match keeper {
        Some((keeper, _)) => run_with(record, settings, stack, tls, keeper).await,
        None => run_with(record, settings, stack, tls, FixedIdentity).await,
    }
}

/// The keeper of the identity slots.
type Keeper = SlotKeeper<'static, Partition, ChipKeys<Trng>>;

/// The keeper of the slots and the earliest date of the clock, if the record names an enrolment service.
fn keeper(record: &'static Record, slots: Option<Partition>) -> Result<Option<(Keeper, u64)>, StartError> {
    let Some(enrolment) = record.enrolment() else { return Ok(None) };
    let keys = ChipKeys::new(|| Trng::try_new().ok(), || Some(esp_alloc::HEAP.free()));
    let why: StartError = match slots.map(|slots| SlotKeeper::new(record, enrolment, slots, keys)) {
        Some(Ok(mut keeper)) => match keeper.earliest_date() {
            Ok(earliest) => return Ok(Some((keeper, earliest.unwrap_or(0)))),
            Err(error) => alloc::format!("identity: the slots: {error}"),
        },
        Some(Err(error)) => alloc::format!("identity: the slots: {error}"),
        None => "identity: the partition table has no partition for the slots".into(),
    };
    // A device with a certificate of its own can do without the slots, until the certificate ends.
    match record.login() {
        Login::Pending => Err(why),
        Login::Certificate { .. } | Login::Token(_) => {
            crate::log::log!("{why}");
            Ok(None)
        }
    }
}

/// Runs the session with these identities. Never returns.
async fn run_with(
    record: &'static Record,
    settings: &'static SessionSettings,
    stack: Stack<'static>,
    tls: MbedTls,
    identities: impl IdentityKeeper,
) -> Result<Infallible, StartError> {
    let machine = Machine {
        network: ChipNetwork::new(stack),
        datagrams: ChipDatagrams::new(stack),
        tls,
        time: ChipClock,
        random: Jitter(Rng::new()),
        log: Serial,
        sensor: SimulatedSensor::default(),
        identities,
    };
    match Box::pin(run(record, settings, machine)).await {}
}

#[embassy_executor::task]
async fn keep_wifi(station: Station) {
    station.keep().await
}

#[embassy_executor::task]
async fn run_network(mut runner: Runner<'static, Interface>) {
    runner.run().await
}

fn uptime() -> u64 {
    Instant::now().as_millis()
}

struct ChipClock;

impl Time for ChipClock {
    fn uptime(&self) -> u64 {
        uptime()
    }

    async fn sleep(&self, milliseconds: u64) {
        Timer::after_millis(milliseconds).await;
    }

    fn set_date(&self, unix_seconds: u64) {
        CLOCK.set_date(unix_seconds);
    }
}

struct Jitter(Rng);

impl Random for Jitter {
    fn next(&mut self) -> u32 {
        self.0.random()
    }
}

struct Serial;

impl Log for Serial {
    fn line(&self, line: fmt::Arguments<'_>) {
        crate::log::line(line);
    }
}

const fn parse(digits: &str) -> u64 {
    let (mut rest, mut number) = (digits.as_bytes(), 0);
    while let [digit, others @ ..] = rest {
        // The build script has written digits alone.
        number = number * 10 + (*digit - b'0') as u64;
        rest = others;
    }
    number
}
