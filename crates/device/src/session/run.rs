//! The loop: a sampler beside a connection that is made anew whenever it ends.

use alloc::string::ToString;
use core::cell::RefCell;
use core::convert::Infallible;

use super::backoff::Backoff;
use super::bell::Bell;
use super::date::Date;
use super::failure::{Failure, LoginFailure, NetworkFailure, TlsFailure};
use super::mqtt::{Client, MqttFailure};
use super::platform::{Log, Network, Random, Sensor, Time, Tls};
use super::queue::Queue;
use super::wait::{both, within};
use super::{TELEMETRY_TOPIC, sntp};
use crate::record::{Login, Record};

/// How long things take, in milliseconds unless they say otherwise.
#[derive(Debug, Clone)]
pub struct Settings {
    /// From reading to reading.
    pub interval: u64,
    /// What the broker is told: it drops a device from which it hears nothing for one and a half times this.
    pub keep_alive_seconds: u16,
    /// How long the broker may take to answer, in TCP and in MQTT.
    pub answer: u64,
    /// How long the handshake may take. RSA with 4,096 bits takes a small chip some seconds.
    pub handshake: u64,
    /// The first pause after a failure.
    pub first_pause: u64,
    /// The longest pause.
    pub longest_pause: u64,
    /// How long the first connection waits for the date.
    pub date: u64,
    /// How long one question for the date waits for its answer.
    pub date_answer: u64,
    /// The time server's port.
    pub time_port: u16,
    /// When this firmware was built, in seconds since 1970: no date is before it.
    pub build: u64,
}

impl Settings {
    /// What the firmware uses.
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

/// What the session works with.
pub struct World<N, T, C, R, L, S> {
    /// The network.
    pub network: N,
    /// TLS, which was given the record.
    pub tls: T,
    /// Uptime, pauses and the date.
    pub time: C,
    /// Randomness.
    pub random: R,
    /// The log.
    pub log: L,
    /// The sensor.
    pub sensor: S,
}

/// Takes readings and sends them, for ever.
pub async fn run<N: Network, T: Tls, C: Time, R: Random, L: Log, S: Sensor>(
    record: &Record,
    settings: &Settings,
    world: World<N, T, C, R, L, S>,
) -> Infallible {
    let World { network, tls, time, random, log, sensor } = world;
    let (queue, bell) = (RefCell::new(Queue::default()), Bell::default());
    let sampler = Sampler { settings, time: &time, log: &log, queue: &queue, bell: &bell, sensor };
    let sender = Sender {
        record,
        settings,
        time: &time,
        log: &log,
        queue: &queue,
        bell: &bell,
        network,
        tls,
        random,
        date_known: false,
        date_missed: false,
    };
    time.set_date(settings.build);
    both(sampler.run(), sender.run()).await
}

struct Sampler<'a, C, L, S> {
    settings: &'a Settings,
    time: &'a C,
    log: &'a L,
    queue: &'a RefCell<Queue>,
    bell: &'a Bell,
    sensor: S,
}

impl<C: Time, L: Log, S: Sensor> Sampler<'_, C, L, S> {
    async fn run(mut self) -> Infallible {
        let mut next = self.time.uptime();
        loop {
            match self.sensor.read().await {
                Ok(reading) => {
                    if self.queue.borrow_mut().push(reading) {
                        self.log.line(format_args!("sensor: the queue is full: its oldest reading is lost"));
                    }
                    self.bell.ring();
                }
                Err(error) => self.log.line(format_args!("sensor: no reading: {error}")),
            }
            // From the plan and not from now, so that slow sensors do not stretch the time between readings; but
            // what was missed is not made up for.
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
    bell: &'a Bell,
    network: N,
    tls: T,
    random: R,
    date_known: bool,
    /// Whether the first connection has waited for the date in vain: later ones do not wait that long.
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
            self.log.line(format_args!("trying again in {seconds}.{tenths} s; {waiting} readings wait"));
            self.time.sleep(pause).await;
        }
    }

    /// One connection from its beginning to its end.
    async fn connection(&mut self, backoff: &mut Backoff) -> Failure {
        let Self { record, settings, time, log, queue, bell, .. } = *self;
        let (host, port) = (record.host(), record.port());
        log.line(format_args!("network: connecting to {host}, port {port}"));
        let stream = match within(time, settings.answer, self.network.connect(host, port)).await {
            Some(Ok(stream)) => stream,
            Some(Err(failure)) => return failure.into(),
            None => return NetworkFailure::NoAnswer.into(),
        };
        let (stream, version) = match within(time, settings.handshake, self.tls.handshake(stream)).await {
            Some(Ok(done)) => done,
            Some(Err(failure)) => return failure.into(),
            None => return TlsFailure::TimedOut.into(),
        };
        log.line(format_args!("tls: {version}, and the broker's certificate is in order"));
        let (token, with) = match record.login() {
            Login::Certificate { .. } => (None, "its certificate"),
            Login::Token(token) => (Some(token.expose()), "its token"),
        };
        let login = Client::login(stream, record.device_name(), token, settings.keep_alive_seconds);
        let mut client = match within(time, settings.answer, login).await {
            Some(Ok(client)) => client,
            Some(Err(failure)) => return failure.into(),
            None => return LoginFailure::TimedOut.into(),
        };
        log.line(format_args!("login: {} is in with {with}", record.device_name()));
        loop {
            let oldest = queue.borrow().oldest();
            let answered = match oldest {
                Some((number, reading)) => {
                    let message = reading.to_string();
                    let answered = within(time, settings.answer, client.publish(TELEMETRY_TOPIC, &message)).await;
                    if answered == Some(Ok(())) {
                        queue.borrow_mut().done(number);
                        backoff.reset();
                        log.line(format_args!("telemetry: {message}"));
                    }
                    answered
                }
                None => {
                    // Half of what was promised, so that a lost packet does not cost the connection.
                    let quiet = u64::from(settings.keep_alive_seconds) * 500;
                    match within(time, quiet, bell.rung()).await {
                        Some(()) => Some(Ok(())),
                        None => within(time, settings.answer, client.ping()).await,
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

    /// Asks the record's time server for the date, if that is not known yet.
    async fn ask_for_date(&mut self) {
        let server = self.record.ntp_server();
        if self.date_known || (server.is_empty() && self.date_missed) {
            return;
        }
        let build = Date(self.settings.build);
        if server.is_empty() {
            self.date_missed = true;
            self.log.line(format_args!("date: the record names no time server: it is taken for {build}, the build's"));
            return;
        }
        let start = self.time.uptime();
        let end = if self.date_missed { start } else { start + self.settings.date };
        loop {
            match self.date_of(server).await {
                Ok(date) => {
                    self.time.set_date(date);
                    self.date_known = true;
                    self.log.line(format_args!("date: {}, says {server}", Date(date)));
                    return;
                }
                Err(why) => self.log.line(format_args!("date: nothing from {server}: {why}")),
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
                "date: still unknown after {seconds} s: connecting with {build}, the build's, and asking again later"
            ));
        }
    }

    async fn date_of(&mut self, server: &str) -> Result<u64, DateFailure> {
        let nonce = u64::from(self.random.next()) << 32 | u64::from(self.random.next());
        let mut answer = [0; sntp::PACKET];
        let request = sntp::request(nonce);
        let exchange = self.network.exchange(server, self.settings.time_port, &request, &mut answer);
        let length = match within(self.time, self.settings.date_answer, exchange).await {
            Some(Ok(length)) => length,
            Some(Err(NetworkFailure::UnknownHost)) => return Err(DateFailure::UnknownHost),
            Some(Err(_)) | None => return Err(DateFailure::NoAnswer),
        };
        sntp::date(answer.get(..length).unwrap_or_default(), nonce, self.settings.build).map_err(DateFailure::Useless)
    }
}

enum DateFailure {
    UnknownHost,
    NoAnswer,
    Useless(sntp::Useless),
}

impl core::fmt::Display for DateFailure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::UnknownHost => f.write_str("its name is unknown"),
            Self::NoAnswer => f.write_str("it does not answer"),
            Self::Useless(why) => why.fmt(f),
        }
    }
}
