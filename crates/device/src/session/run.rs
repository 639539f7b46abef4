//! The loop of a session: a sampler, and a sender that reconnects after every failure.

use alloc::string::ToString;
use core::cell::RefCell;
use core::convert::Infallible;

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;

use super::backoff::Backoff;
use super::client::{Client, MqttFailure};
use super::date::Date;
use super::failure::{Failure, LoginFailure, NetworkFailure, TlsFailure};
use super::platform::{Log, Network, Random, Sensor, Time, Tls};
use super::queue::Queue;
use super::timeout::with_timeout;
use super::{TELEMETRY_TOPIC, sntp};
use crate::record::{Login, Record};

/// Intervals and time limits, in milliseconds unless the name states another unit.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The interval between readings.
    pub interval: u64,
    /// The MQTT keep-alive time. The broker disconnects a device that is silent for one and a half times as long.
    pub keep_alive_seconds: u16,
    /// The time limit of the broker's answers, in TCP and MQTT.
    pub answer: u64,
    /// The time limit of the TLS handshake. RSA with 4,096 bits takes seconds on a small chip.
    pub handshake: u64,
    /// The first pause after a failure.
    pub first_pause: u64,
    /// The longest pause.
    pub longest_pause: u64,
    /// The time that the first connection waits for the date.
    pub date: u64,
    /// The time limit of one SNTP request.
    pub date_answer: u64,
    /// The SNTP server's port.
    pub time_port: u16,
    /// The build time of the firmware in seconds since 1970. Earlier dates are rejected.
    pub build: u64,
}

impl Settings {
    /// The settings of the firmware.
    pub const fn for_build(build: u64) -> Self {
        Self {
            interval: 5_000,
            keep_alive_seconds: 60,
            answer: 15_000,
            handshake: 60_000,
            first_pause: 1_000,
            longest_pause: 60_000,
            date: 30_000,
            date_answer: 5_000,
            time_port: sntp::PORT,
            build,
        }
    }
}

/// The signal that a reading was queued. Sampler and sender run in one task, so that it needs no lock.
type NewReading = Signal<NoopRawMutex, ()>;

/// The machine that a session runs on.
pub struct Machine<N, T, C, R, L, S> {
    /// The network.
    pub network: N,
    /// The TLS client of the record.
    pub tls: T,
    /// The clock.
    pub time: C,
    /// The source of random numbers.
    pub random: R,
    /// The log.
    pub log: L,
    /// The sensor.
    pub sensor: S,
}

/// Takes readings and sends them. Never returns.
pub async fn run<N: Network, T: Tls, C: Time, R: Random, L: Log, S: Sensor>(
    record: &Record,
    settings: &Settings,
    machine: Machine<N, T, C, R, L, S>,
) -> Infallible {
    let Machine { network, tls, time, random, log, sensor } = machine;
    let (queue, new_reading) = (RefCell::new(Queue::default()), NewReading::new());
    let sampler = Sampler { settings, time: &time, log: &log, queue: &queue, new_reading: &new_reading, sensor };
    let sender = Sender {
        record,
        settings,
        time: &time,
        log: &log,
        queue: &queue,
        new_reading: &new_reading,
        network,
        tls,
        random,
        date_known: false,
        date_missed: false,
    };
    time.set_date(settings.build);
    match select(sampler.run(), sender.run()).await {
        Either::First(never) | Either::Second(never) => never,
    }
}

struct Sampler<'a, C, L, S> {
    settings: &'a Settings,
    time: &'a C,
    log: &'a L,
    queue: &'a RefCell<Queue>,
    new_reading: &'a NewReading,
    sensor: S,
}

impl<C: Time, L: Log, S: Sensor> Sampler<'_, C, L, S> {
    async fn run(mut self) -> Infallible {
        let mut next = self.time.uptime();
        loop {
            match self.sensor.read().await {
                Ok(reading) => {
                    if self.queue.borrow_mut().push(reading) {
                        self.log.line(format_args!("sensor: the queue is full, and its oldest reading was dropped"));
                    }
                    self.new_reading.signal(());
                }
                Err(error) => self.log.line(format_args!("sensor: no reading: {error}")),
            }
            // Based on the schedule and not on the current time, so that a slow sensor does not stretch the interval.
            // Missed readings are not taken later.
            let now = self.time.uptime();
            next = (next + self.settings.interval).max(now);
            self.time.sleep(next - now).await;
        }
    }
}

struct Sender<'a, N, T, C, R, L> {
    record: &'a Record,
    settings: &'a Settings,
    time: &'a C,
    log: &'a L,
    queue: &'a RefCell<Queue>,
    new_reading: &'a NewReading,
    network: N,
    tls: T,
    random: R,
    date_known: bool,
    /// Whether the first connection did not get a date. Later connections make a single attempt.
    date_missed: bool,
}

impl<N: Network, T: Tls, C: Time, R: Random, L: Log> Sender<'_, N, T, C, R, L> {
    async fn run(mut self) -> Infallible {
        let mut backoff = Backoff::new(self.settings.first_pause, self.settings.longest_pause);
        loop {
            self.network.ready().await;
            self.ask_for_date().await;
            let failure = self.connection(&mut backoff).await;
            let pause = backoff.pause(self.random.next());
            let (seconds, tenths) = (pause / 1_000, pause / 100 % 10);
            let waiting = self.queue.borrow().len();
            self.log.line(format_args!("{failure}"));
            self.log.line(format_args!("retrying in {seconds}.{tenths} s; {waiting} readings are queued"));
            self.time.sleep(pause).await;
        }
    }

    /// Runs one connection, and returns the failure that ended it.
    async fn connection(&mut self, backoff: &mut Backoff) -> Failure {
        let Self { record, settings, time, log, queue, new_reading, .. } = *self;
        let (host, port) = (record.host(), record.port());
        log.line(format_args!("network: connecting to {host}, port {port}"));
        let stream = match with_timeout(time, settings.answer, self.network.connect(host, port)).await {
            Some(Ok(stream)) => stream,
            Some(Err(failure)) => return failure.into(),
            None => return NetworkFailure::NoAnswer.into(),
        };
        let (stream, version) = match with_timeout(time, settings.handshake, self.tls.handshake(stream)).await {
            Some(Ok(done)) => done,
            Some(Err(failure)) => return failure.into(),
            None => return TlsFailure::TimedOut.into(),
        };
        log.line(format_args!("tls: {version}, the broker's certificate is valid"));
        let (token, with) = match record.login() {
            Login::Certificate { .. } => (None, "its certificate"),
            Login::Token(token) => (Some(token.expose()), "its token"),
        };
        let login = Client::login(stream, record.device_name(), token, settings.keep_alive_seconds);
        let mut client = match with_timeout(time, settings.answer, login).await {
            Some(Ok(client)) => client,
            Some(Err(failure)) => return failure.into(),
            None => return LoginFailure::TimedOut.into(),
        };
        log.line(format_args!("login: {} logged in with {with}", record.device_name()));
        loop {
            let oldest = queue.borrow().oldest();
            let answered = match oldest {
                Some((number, reading)) => {
                    let message = reading.to_string();
                    let answered = with_timeout(time, settings.answer, client.publish(TELEMETRY_TOPIC, &message)).await;
                    if answered == Some(Ok(())) {
                        queue.borrow_mut().done(number);
                        backoff.reset();
                        log.line(format_args!("telemetry: {message}"));
                    }
                    answered
                }
                None => {
                    // Half of the keep-alive time, so that a lost packet does not cost the connection.
                    let quiet = u64::from(settings.keep_alive_seconds) * 500;
                    match with_timeout(time, quiet, new_reading.wait()).await {
                        Some(()) => Some(Ok(())),
                        None => with_timeout(time, settings.answer, client.ping()).await,
                    }
                }
            };
            match answered {
                Some(Ok(())) => (),
                Some(Err(failure)) => return failure.into(),
                None => return MqttFailure::TimedOut.into(),
            }
        }
    }

    /// Requests the date from the record's SNTP server, unless it is known.
    async fn ask_for_date(&mut self) {
        let server = self.record.ntp_server();
        if self.date_known || (server.is_empty() && self.date_missed) {
            return;
        }
        let build = Date(self.settings.build);
        if server.is_empty() {
            self.date_missed = true;
            self.log.line(format_args!("date: the record has no time server: using the build date, {build}"));
            return;
        }
        let start = self.time.uptime();
        let end = if self.date_missed { start } else { start + self.settings.date };
        loop {
            match self.date_of(server).await {
                Ok(date) => {
                    self.time.set_date(date);
                    self.date_known = true;
                    self.log.line(format_args!("date: {} from {server}", Date(date)));
                    return;
                }
                Err(why) => self.log.line(format_args!("date: no date from {server}: {why}")),
            }
            let now = self.time.uptime();
            if now >= end {
                break;
            }
            self.time.sleep(self.settings.first_pause.min(end - now)).await;
        }
        if !self.date_missed {
            self.date_missed = true;
            let seconds = self.settings.date / 1_000;
            self.log.line(format_args!(
                "date: still unknown after {seconds} s: connecting with the build date, {build}, and retrying later"
            ));
        }
    }

    async fn date_of(&mut self, server: &str) -> Result<u64, DateFailure> {
        let nonce = u64::from(self.random.next()) << 32 | u64::from(self.random.next());
        let mut answer = [0; sntp::PACKET];
        let request = sntp::request(nonce);
        let exchange = self.network.exchange(server, self.settings.time_port, &request, &mut answer);
        let length = match with_timeout(self.time, self.settings.date_answer, exchange).await {
            Some(Ok(length)) => length,
            Some(Err(NetworkFailure::UnknownHost)) => return Err(DateFailure::UnknownHost),
            Some(Err(_)) | None => return Err(DateFailure::NoAnswer),
        };
        sntp::date(answer.get(..length).unwrap_or_default(), nonce, self.settings.build).map_err(DateFailure::Rejected)
    }
}

enum DateFailure {
    UnknownHost,
    NoAnswer,
    Rejected(sntp::AnswerError),
}

impl core::fmt::Display for DateFailure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::UnknownHost => f.write_str("its name cannot be resolved"),
            Self::NoAnswer => f.write_str("it does not answer"),
            Self::Rejected(why) => why.fmt(f),
        }
    }
}
