//! The sender: one connection after the other, and on each of them one reading after the other.

use alloc::string::ToString;
use core::cell::RefCell;
use core::convert::Infallible;
use core::pin::pin;

use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};

use super::TELEMETRY_TOPIC;
use super::alert::AlertWatcher;
use super::backoff::Backoff;
use super::client::{Client, MqttFailure};
use super::date_keeper::DateKeeper;
use super::failure::{Failure, LoginFailure, NetworkFailure, TlsFailure};
use super::identity_keeper::{IdentityKeeper, NoIdentity, Surroundings};
use super::platform::{Datagrams, Log, Network, Random, Time, Tls};
use super::queue::{NewReading, Queue};
use super::settings::SessionSettings;
use super::timeout::with_timeout;
use crate::record::{Login, Record};

pub(super) struct Sender<'a, N, D, T, C, R, L, I> {
    pub(super) record: &'a Record,
    pub(super) settings: &'a SessionSettings,
    pub(super) time: &'a C,
    pub(super) log: &'a L,
    pub(super) queue: &'a RefCell<Queue>,
    pub(super) new_reading: &'a NewReading,
    pub(super) network: N,
    pub(super) tls: T,
    pub(super) random: R,
    pub(super) identities: I,
    pub(super) date: DateKeeper<'a, D, C, L>,
}

impl<N: Network, D: Datagrams, T: Tls, C: Time, R: Random, L: Log, I: IdentityKeeper> Sender<'_, N, D, T, C, R, L, I> {
    pub(super) async fn run(mut self) -> Infallible {
        let mut backoff = Backoff::new(self.settings.first_pause, self.settings.longest_pause);
        loop {
            self.network.ready().await;
            // Before each connection: without a date, no certificate can be checked.
            self.date.before_connection(&mut self.random).await;
            // A chip has memory for one connection, so that the enrolment service comes before the broker.
            let (failure, shortest) = match self.identity().await {
                Ok(()) => (self.connection(&mut backoff).await, 0),
                Err(NoIdentity { failure, pause }) => (failure, pause),
            };
            self.identities.failed(&failure, self.time.uptime(), self.random.next(), self.log);
            let pause = backoff.pause(self.random.next()).max(shortest);
            let (seconds, tenths) = (pause / 1_000, pause / 100 % 10);
            let waiting = self.queue.borrow().len();
            self.log.line(format_args!("{failure}"));
            if self.date.doubt(&failure) {
                // Times that were computed with a wrong date would be sent as telemetry otherwise.
                self.queue.borrow_mut().forget_times();
            }
            self.log.line(format_args!("retrying in {seconds}.{tenths} s; {waiting} readings are queued"));
            self.time.sleep(pause).await;
        }
    }

    /// The choice of the identity for the next connection.
    async fn identity(&mut self) -> Result<(), NoIdentity> {
        let date = self.date.seconds();
        let Self { settings, time, log, network, tls, random, identities, .. } = self;
        identities
            .before_connection(Surroundings { network, tls, time: *time, random, log: *log, settings, date })
            .await
    }

    /// Runs one connection, and returns the failure that ended it.
    async fn connection(&mut self, backoff: &mut Backoff) -> Failure {
        let Self { record, settings, time, log, queue, new_reading, network, tls, random, identities, date } = self;
        let (host, port) = (record.host(), record.port());
        log.line(format_args!("network: connecting to {host}, port {port}"));
        // Every step has a limit, because a silent peer would otherwise stop the device forever.
        let stream = match with_timeout(*time, settings.answer, network.connect(host, port)).await {
            Some(Ok(stream)) => stream,
            Some(Err(failure)) => return failure.into(),
            None => return NetworkFailure::NoAnswer.into(),
        };
        // Mbed TLS reports only that an alert came. Its number is read from the stream.
        let mut stream = AlertWatcher::new(stream);
        let link = Link { record, settings, time: *time, log: *log, queue, new_reading };
        let failure = link.run(&*tls, &mut stream, random, identities, date, backoff).await;
        // The alert of a rejected broker is in the buffer of the connection, and closing would discard it.
        // A rejected device still sends its alert, so that the broker's log names the reason.
        with_timeout(*time, settings.farewell, stream.flush()).await;
        match failure {
            Failure::Tls(TlsFailure::Alert(None)) => TlsFailure::Alert(stream.alert()).into(),
            failure => failure,
        }
    }
}

/// A connection to the broker.
struct Link<'a, C, L> {
    record: &'a Record,
    settings: &'a SessionSettings,
    time: &'a C,
    log: &'a L,
    queue: &'a RefCell<Queue>,
    new_reading: &'a NewReading,
}

impl<C: Time, L: Log> Link<'_, C, L> {
    /// Handshake, login, and readings until a failure.
    async fn run<S: Read + Write>(
        &self,
        tls: &impl Tls,
        stream: S,
        random: &mut impl Random,
        identities: &mut impl IdentityKeeper,
        date: &mut DateKeeper<'_, impl Datagrams, C, L>,
        backoff: &mut Backoff,
    ) -> Failure {
        let Self { record, settings, time, log, .. } = *self;
        let (stream, version) = match self.patiently(tls.handshake(stream)).await {
            Some(Ok(done)) => done,
            Some(Err(failure)) => return failure.into(),
            None => return TlsFailure::TimedOut.into(),
        };
        log.line(format_args!("tls: {version}, the broker's certificate is valid"));
        let (token, with) = match record.login() {
            // A device without a certificate is refused here, as one with an unknown certificate.
            Login::Certificate { .. } | Login::Pending => (None, "its certificate"),
            Login::Token(token) => (Some(token.expose()), "its token"),
        };
        let login = Client::login(stream, record.device_name(), token, settings.keep_alive_seconds);
        let mut client = match with_timeout(time, settings.answer, login).await {
            Some(Ok(client)) => client,
            Some(Err(failure)) => return failure.into(),
            None => return LoginFailure::TimedOut.into(),
        };
        log.line(format_args!("login: {} logged in with {with}", record.device_name()));
        identities.logged_in(log);
        loop {
            // Between two messages, so that no reading waits for the time server.
            if date.is_due() {
                date.refresh(random).await;
            }
            if identities.needs_network(date.seconds(), time.uptime()) {
                return Failure::Connection("ended by this device, which needs the enrolment service");
            }
            let sent = self.next(&mut client, date, backoff).await;
            if let Err(failure) = sent {
                return failure.into();
            }
        }
    }

    /// The result of a handshake, or `None` if it takes too long. The log names a silence before that.
    async fn patiently<O>(&self, handshake: impl Future<Output = O>) -> Option<O> {
        // Some brokers take seconds for a handshake. The line tells that the device has not stopped.
        let SessionSettings { handshake: limit, handshake_notice: notice, .. } = *self.settings;
        let mut handshake = pin!(handshake);
        let first = notice.min(limit);
        match select(&mut handshake, self.time.sleep(first)).await {
            Either::First(done) => return Some(done),
            Either::Second(()) if first < limit => {
                let (seconds, rest) = (first / 1_000, (limit - first) / 1_000);
                self.log.line(format_args!(
                    "tls: the handshake is not complete after {seconds} s: waiting for the broker for another {rest} s"
                ));
            }
            Either::Second(()) => return None,
        }
        with_timeout(self.time, limit - first, handshake).await
    }

    /// Sends the oldest reading, or waits for one and keeps the connection alive.
    async fn next<S: Read + Write>(
        &self,
        client: &mut Client<S>,
        date: &DateKeeper<'_, impl Datagrams, C, L>,
        backoff: &mut Backoff,
    ) -> Result<(), MqttFailure> {
        let Self { settings, time, log, queue, new_reading, .. } = *self;
        // The time is fixed when a reading is sent for the first time, and stays the same in repetitions.
        let oldest = queue.borrow_mut().oldest(|uptime| date.at(uptime));
        let Some((number, telemetry)) = oldest else {
            // Half of the keep-alive time, so that a lost packet does not cost the connection.
            let quiet = u64::from(settings.keep_alive_seconds) * 500;
            return match with_timeout(time, quiet, new_reading.wait()).await {
                Some(()) => Ok(()),
                None => with_timeout(time, settings.answer, client.ping()).await.unwrap_or(Err(MqttFailure::TimedOut)),
            };
        };
        let message = telemetry.to_string();
        let publish = client.publish(TELEMETRY_TOPIC, &message);
        with_timeout(time, settings.answer, publish).await.unwrap_or(Err(MqttFailure::TimedOut))?;
        // Only after PUBACK: a lost connection repeats the reading, and none is lost.
        queue.borrow_mut().done(number);
        // A success proves that the connection works; the next failure begins with a short pause.
        backoff.reset();
        log.line(format_args!("telemetry: {message}"));
        Ok(())
    }
}
