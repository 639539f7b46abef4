//! A session: a sampler, and a sender that reconnects after every failure.

use core::cell::RefCell;
use core::convert::Infallible;

use embassy_futures::select::{Either, select};

use super::date_keeper::DateKeeper;
use super::identity_keeper::IdentityKeeper;
use super::platform::{Datagrams, Log, Network, Random, Sensor, Time, Tls};
use super::queue::{NewReading, Queue};
use super::sender::Sender;
use super::settings::SessionSettings;
use crate::record::Record;

/// The machine that a session runs on.
pub struct Machine<N, D, T, C, R, L, S, I> {
    /// Connects to the broker.
    pub network: N,
    /// The datagrams of the same network.
    pub datagrams: D,
    /// The TLS client of the record.
    pub tls: T,
    /// The clock.
    pub time: C,
    /// The source of random numbers.
    pub random: R,
    /// Takes the log lines.
    pub log: L,
    /// Gives the readings that are sent.
    pub sensor: S,
    /// The choice of the identity: [`FixedIdentity`](super::FixedIdentity) without an enrolment service.
    pub identities: I,
}

/// Takes readings and sends them. Never returns.
pub async fn run<N: Network, D: Datagrams, T: Tls, C: Time, R: Random, L: Log, S: Sensor, I: IdentityKeeper>(
    record: &Record,
    settings: &SessionSettings,
    machine: Machine<N, D, T, C, R, L, S, I>,
) -> Infallible {
    let Machine { network, datagrams, tls, time, random, log, sensor, identities } = machine;
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
        identities,
        date: DateKeeper::new(record.ntp_server(), settings, datagrams, &time, &log),
    };
    // The build date is the earliest possible one: certificates that begin later than it are accepted after SNTP alone.
    time.set_date(settings.build);
    // Neither of the two ends. `select` only makes one future of them.
    match select(sampler.run(), sender.run()).await {
        Either::First(never) | Either::Second(never) => never,
    }
}

struct Sampler<'a, C, L, S> {
    settings: &'a SessionSettings,
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
                    let uptime = self.time.uptime();
                    if self.queue.borrow_mut().push(reading, uptime) {
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
