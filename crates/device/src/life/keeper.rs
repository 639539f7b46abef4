//! The identity keeper of a device with slots.
#![allow(async_fn_in_trait, reason = "a session runs on one thread, so that its futures need not be Send")]

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::due::Validity;
use super::error::ServiceFailure;
use super::hardware::Hardware;
use super::service::Service;
use super::source::{self, Source, Stored};
use crate::date::Date;
use crate::enrolment::{
    EnrolmentFailure, EnrolmentServer, FetchFailure, Proof, Retry, confirm_identity, fetch, leaf_dates,
};
use crate::identity::Identity;
use crate::record::{EnrolmentSettings, Login, Record};
use crate::session::backoff::Backoff;
use crate::session::platform::{Log, Network, Random, Time, Tls, TlsPeer};
use crate::session::timeout::with_timeout;
use crate::session::{Failure, IdentityKeeper, LoginFailure, NoIdentity, Surroundings, TlsFailure};
use crate::slots::{Generation, Owner, SlotError, Slots, WritableFlash};

/// The pauses after failures at the service, in milliseconds.
const FIRST_PAUSE: u64 = 10_000;
const LONGEST_PAUSE: u64 = 3_600_000;

/// The longest pause that a service can ask for, in seconds.
const LONGEST_RETRY: u32 = 24 * 3600;

/// The status of a confirmation that the platform does not know yet.
const ACCEPTED: u16 = 202;

type VisitFailure = FetchFailure<ServiceFailure>;

/// The next exchange with the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The first certificate, with the password.
    Enroll,
    /// The next certificate, with an identity.
    Renew(Source),
    /// The confirmation of the newest identity.
    Confirm,
}

/// Keeps the identities of a device in its slots.
pub struct SlotKeeper<'a, F, H> {
    record: &'a Record,
    enrolment: &'a EnrolmentSettings,
    /// The dates of the record's certificate.
    factory: Option<Validity>,
    slots: Slots<F>,
    hardware: H,
    /// The identities of the slots, newest first.
    stored: Vec<Stored>,
    /// The position of the identity that is shown to the broker, in the order of [`source::sources`].
    turn: usize,
    /// True if the service knows that the newest identity is used.
    is_told: bool,
    /// True if the service has refused the newest identity for good.
    is_disowned: bool,
    /// The uptime of the next exchange with the service in milliseconds.
    next: u64,
    pauses: Backoff,
    /// The identity that was logged last.
    logged: Option<Option<u32>>,
    /// True if the log contains the line about a missing date.
    logged_no_date: bool,
}

impl<'a, F: WritableFlash, H: Hardware> SlotKeeper<'a, F, H> {
    /// The keeper of a device with this record, whose enrolment settings these are, and with slots in this partition.
    ///
    /// # Errors
    /// [`SlotError::Size`] and [`SlotError::Flash`].
    pub fn new(record: &'a Record, enrolment: &'a EnrolmentSettings, flash: F, hardware: H) -> Result<Self, SlotError> {
        let mut slots = Slots::open(flash, Owner::new(record.device_name(), &enrolment.salt))?;
        let stored = source::stored(&mut slots)?;
        let factory = match record.login() {
            Login::Certificate { chain, .. } => {
                leaf_dates(chain).map(|(not_before, not_after)| Validity { not_before, not_after })
            }
            Login::Token(_) | Login::Pending => None,
        };
        // A login comes after the confirmation, so that an identity without one may be unknown to the service.
        let is_told = stored.first().is_some_and(|newest| newest.identity.is_confirmed);
        Ok(Self {
            record,
            enrolment,
            factory,
            slots,
            hardware,
            stored,
            turn: 0,
            is_told,
            is_disowned: false,
            next: 0,
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            logged: None,
            logged_no_date: false,
        })
    }

    /// The date at which the newest identity was stored, in seconds since 1970. The clock must not go below it.
    ///
    /// # Errors
    /// [`SlotError`].
    pub fn earliest_date(&mut self) -> Result<Option<u64>, SlotError> {
        let Some(newest) = self.stored.first() else { return Ok(None) };
        Ok(Some(self.slots.load(&newest.identity)?.certificate.stored))
    }

    /// The partition of the slots.
    pub fn into_flash(self) -> F {
        self.slots.into_flash()
    }

    fn sources(&self) -> Vec<Source> {
        source::sources(&self.stored, self.record)
    }

    /// The next exchange with the service, if there is one.
    fn step(&self, date: Option<u64>) -> Option<Step> {
        let is_due = |validity: Validity| date.is_some_and(|date| date >= validity.due(self.enrolment));
        match (self.stored.first(), self.factory) {
            (Some(_), _) if !self.is_told && !self.is_disowned => Some(Step::Confirm),
            // It was never used, so that its slot is written again and the identity before it is kept.
            (Some(newest), _) if self.is_disowned && !newest.identity.is_confirmed => match self.sources().get(1) {
                Some(before) => date.map(|_| Step::Renew(*before)),
                None => (*self.record.login() == Login::Pending).then_some(Step::Enroll),
            },
            (Some(newest), _) => is_due(newest.validity).then_some(Step::Renew(Source::Slot(0))),
            (None, Some(factory)) => is_due(factory).then_some(Step::Renew(Source::Record)),
            (None, None) if *self.record.login() == Login::Pending => Some(Step::Enroll),
            (None, None) => None,
        }
    }

    /// The trust anchors for the service: those that came with an identity, or those of the record.
    fn service_anchors(&self, fetched: Option<&str>) -> String {
        let own = self.enrolment.anchors.trim_end_matches('\0');
        let others = match fetched {
            Some(fetched) => fetched,
            None if own.is_empty() => self.record.ca_chain(),
            None => "",
        };
        // Both, because a service behind a root of its own is not among the anchors that it sends.
        let mut anchors = String::with_capacity(own.len() + others.len() + 2);
        for text in [own, others.trim_end_matches('\0')] {
            anchors.push_str(text);
            if !text.is_empty() && !text.ends_with('\n') {
                anchors.push('\n');
            }
        }
        anchors.push('\0');
        anchors
    }

    /// One visit to the service. A new identity is confirmed on the same visit.
    async fn visit<N: Network, T: Tls, C: Time, R: Random, L: Log>(
        &mut self,
        step: Step,
        on: &mut Surroundings<'_, N, T, C, R, L>,
    ) -> Result<(), VisitFailure> {
        let (host, port) = (&self.enrolment.host, self.enrolment.port);
        on.log.line(format_args!("enrolment: connecting to {host}, port {port}"));
        match step {
            Step::Enroll => self.fetch(None, on).await?,
            Step::Renew(source) => {
                on.log.line(format_args!("enrolment: the next certificate is due"));
                self.fetch(Some(source), on).await?;
            }
            Step::Confirm => {}
        }
        self.confirm(on).await
    }

    /// Fetches the next identity with the password or with an identity.
    async fn fetch<N: Network, T: Tls, C: Time, R: Random, L: Log>(
        &mut self,
        source: Option<Source>,
        on: &mut Surroundings<'_, N, T, C, R, L>,
    ) -> Result<(), VisitFailure> {
        let date = on.date.ok_or(FetchFailure::Connection(ServiceFailure::NoDate))?;
        let generation = match source {
            Some(Source::Slot(index)) => self.load(index)?,
            Some(Source::Record) | None => None,
        };
        let anchors = self.service_anchors(generation.as_ref().map(|present| present.certificate.anchors.as_str()));
        let proof = match (&generation, self.record.login()) {
            (Some(generation), _) => Proof::Identity(generation.into()),
            (None, Login::Certificate { chain, key }) => Proof::Identity(Identity { chain, key }),
            (None, Login::Token(_) | Login::Pending) => {
                Proof::Password { device_name: self.record.device_name(), password: &self.enrolment.password }
            }
        };
        let server = server(self.enrolment);
        let epoch = date.saturating_sub(on.time.uptime() / 1_000);
        let (time, settings) = (on.time, on.settings);
        let mut service = Service {
            network: &mut *on.network,
            tls: &mut *on.tls,
            time,
            hardware: &mut self.hardware,
            settings,
            server,
            anchors: &anchors,
            epoch,
            least_free: None,
        };
        // The slots are only written between two waits, so that the limit never interrupts a write.
        let fetching = fetch(&mut self.slots, &mut service, &server, proof);
        let fetched = with_timeout(time, settings.enrolment, fetching).await;
        if let Some(free) = service.least_free {
            on.log.line(format_args!("enrolment: at least {free} bytes of memory were free"));
        }
        fetched.unwrap_or(Err(FetchFailure::Connection(ServiceFailure::TimedOut)))?;
        self.stored = source::stored(&mut self.slots)?;
        (self.turn, self.is_told, self.is_disowned, self.next) = (0, false, false, 0);
        self.pauses.reset();
        if let Some(newest) = self.stored.first() {
            let (sequence, end) = (newest.identity.sequence(), Date(newest.validity.not_after));
            on.log.line(format_args!("enrolment: certificate {sequence} was stored, valid until {end}"));
        }
        Ok(())
    }

    /// Tells the service that the newest identity is used.
    async fn confirm<N: Network, T: Tls, C: Time, R: Random, L: Log>(
        &mut self,
        on: &mut Surroundings<'_, N, T, C, R, L>,
    ) -> Result<(), VisitFailure> {
        let Some(newest) = self.load(0)? else { return Ok(()) };
        let anchors = self.service_anchors(Some(&newest.certificate.anchors));
        let server = server(self.enrolment);
        let (time, settings) = (on.time, on.settings);
        let mut service = Service {
            network: &mut *on.network,
            tls: &mut *on.tls,
            time,
            hardware: &mut self.hardware,
            settings,
            server,
            anchors: &anchors,
            epoch: 0,
            least_free: None,
        };
        let confirming = confirm_identity(&mut service, &server, (&newest).into());
        let confirmed = with_timeout(time, settings.enrolment, confirming).await;
        confirmed.unwrap_or(Err(FetchFailure::Connection(ServiceFailure::TimedOut)))?;
        (self.is_told, self.turn) = (true, 0);
        on.log.line(format_args!("enrolment: the service has confirmed the certificate"));
        Ok(())
    }

    /// The texts of an identity of the slots.
    fn load(&mut self, index: usize) -> Result<Option<Generation>, SlotError> {
        let Some(stored) = self.stored.get(index) else { return Ok(None) };
        self.slots.load(&stored.identity).map(Some)
    }

    /// Sets the time of the next visit after a failed one, and the identity until then.
    fn postpone(&mut self, step: Step, failure: &VisitFailure, uptime: u64, random: u32) {
        let refused = match failure {
            FetchFailure::Enrolment(EnrolmentFailure::Refused { status, retry, .. }) => Some((*status, *retry)),
            _ => None,
        };
        let pause = match (failure, refused) {
            (_, Some((_, Retry::After(seconds)))) => {
                let whole = u64::from(seconds.clamp(1, LONGEST_RETRY)) * 1_000;
                // Later by up to an eighth: all devices that were sent away would otherwise come back together.
                whole + u64::from(random) % (whole / 8 + 1)
            }
            // Only an operator can change these.
            (_, Some((_, Retry::Never))) | (FetchFailure::Slot(_) | FetchFailure::NoCertificate, _) => LONGEST_PAUSE,
            _ => self.pauses.pause(random),
        };
        self.next = uptime.saturating_add(pause);
        let is_about_newest = step == Step::Confirm || !self.is_told && !self.stored.is_empty();
        if is_about_newest && let Some((status, retry)) = refused {
            self.is_disowned = retry == Retry::Never;
            // Until the platform has the newest one, it accepts the one before.
            if (status == ACCEPTED || self.is_disowned) && self.sources().len() > 1 {
                self.turn = 1;
            }
        }
    }

    /// Gives the TLS client the identity whose turn it is, or the next one that it can use.
    fn show<T: Tls>(&mut self, tls: &mut T, log: &impl Log) -> Result<(), String> {
        let sources = self.sources();
        let mut why = String::from("the device has no certificate yet");
        for _ in 0..sources.len() {
            self.turn %= sources.len();
            let Some(source) = sources.get(self.turn) else { break };
            match self.give(*source, tls) {
                Ok(()) => {
                    self.log_identity(*source, log);
                    return Ok(());
                }
                Err(error) => {
                    log.line(format_args!("identity: it cannot be used: {error}"));
                    why = error;
                    self.turn += 1;
                }
            }
        }
        Err(why)
    }

    fn give<T: Tls>(&mut self, source: Source, tls: &mut T) -> Result<(), String> {
        let generation = match source {
            Source::Slot(index) => self.load(index).map_err(|error| error.to_string())?,
            Source::Record => None,
        };
        let record = self.record;
        let (anchors, identity) = match (&generation, record.login()) {
            (Some(present), _) => (present.certificate.anchors.as_str(), Some(present.into())),
            (None, Login::Certificate { chain, key }) => (record.ca_chain(), Some(Identity { chain, key })),
            (None, Login::Token(_) | Login::Pending) => (record.ca_chain(), None),
        };
        let peer =
            TlsPeer { host: record.host(), skip_host_name_check: record.skips_host_name_check(), anchors, identity };
        tls.set_peer(&peer).map_err(|refusal| refusal.to_string())
    }

    fn log_identity(&mut self, source: Source, log: &impl Log) {
        let stored = match source {
            Source::Slot(index) => self.stored.get(index),
            Source::Record => None,
        };
        let sequence = stored.map(|stored| stored.identity.sequence());
        // Once for each change, and not before each connection.
        if self.logged.replace(sequence) == Some(sequence) {
            return;
        }
        match stored {
            Some(stored) => {
                let (sequence, end) = (stored.identity.sequence(), Date(stored.validity.not_after));
                log.line(format_args!("identity: certificate {sequence}, valid until {end}"));
            }
            None => log.line(format_args!("identity: the certificate of the record")),
        }
    }

    /// Erases the identities before the newest one, on a platform that accepts each certificate of a profile's CA.
    fn forget_earlier(&mut self, log: &impl Log) {
        for earlier in self.stored.split_off(1.min(self.stored.len())) {
            if let Err(error) = self.slots.erase(&earlier.identity) {
                log.line(format_args!("identity: the slots: {error}"));
            }
        }
    }
}

impl<F: WritableFlash, H: Hardware> IdentityKeeper for SlotKeeper<'_, F, H> {
    async fn before_connection<N: Network, T: Tls, C: Time, R: Random, L: Log>(
        &mut self,
        mut on: Surroundings<'_, N, T, C, R, L>,
    ) -> Result<(), NoIdentity> {
        if on.date.is_none() && !self.logged_no_date {
            self.logged_no_date = true;
            on.log.line(format_args!("identity: without a date, no certificate is fetched"));
        }
        let step = self.step(on.date).filter(|_| on.time.uptime() >= self.next);
        let mut failure = None;
        if let Some(step) = step
            && let Err(error) = self.visit(step, &mut on).await
        {
            self.postpone(step, &error, on.time.uptime(), on.random.next());
            failure = Some(text(&error));
        }
        let pause = self.next.saturating_sub(on.time.uptime());
        match self.show(on.tls, on.log) {
            Ok(()) => {
                if let Some(failure) = failure {
                    let seconds = pause.div_ceil(1_000);
                    on.log.line(format_args!("enrolment: {failure}"));
                    on.log.line(format_args!("enrolment: trying again in {seconds} s"));
                }
                Ok(())
            }
            Err(why) => Err(NoIdentity { failure: Failure::Enrolment(failure.unwrap_or(why)), pause }),
        }
    }

    fn logged_in(&mut self, log: &impl Log) {
        let Some(Source::Slot(index)) = self.sources().get(self.turn).copied() else { return };
        let Some(stored) = self.stored.get_mut(index) else { return };
        if !stored.identity.is_confirmed
            && let Err(error) = self.slots.confirm(&mut stored.identity)
        {
            log.line(format_args!("identity: the slots: {error}"));
        }
        if index == 0 {
            self.pauses.reset();
            // The label is the profile of the platform. It marks devices whose earlier certificates stay usable.
            let is_confirmed = self.stored.first().is_some_and(|newest| newest.identity.is_confirmed);
            if is_confirmed && !self.enrolment.label.is_empty() {
                self.forget_earlier(log);
            }
        }
    }

    fn failed(&mut self, failure: &Failure, uptime: u64, random: u32, log: &impl Log) {
        let sources = self.sources().len();
        if sources < 2 || !is_refusal(failure) {
            return;
        }
        if self.turn == 0 && self.is_told {
            // The newest one is proven and tried again after a pause, also while the one before it is connected.
            self.is_told = false;
            self.next = self.next.max(uptime.saturating_add(self.pauses.pause(random)));
        }
        self.turn = (self.turn + 1) % sources;
        log.line(format_args!("identity: refused: trying the other certificate"));
    }

    fn needs_network(&self, date: Option<u64>, uptime: u64) -> bool {
        uptime >= self.next && self.step(date).is_some()
    }
}

fn server(enrolment: &EnrolmentSettings) -> EnrolmentServer<'_> {
    EnrolmentServer { host: &enrolment.host, port: enrolment.port, label: &enrolment.label }
}

/// The text of a failed visit for the log.
fn text(failure: &VisitFailure) -> String {
    match failure {
        // No failure of the device: the visit is repeated until the service is done.
        FetchFailure::Enrolment(EnrolmentFailure::Refused { status: ACCEPTED, .. }) => {
            "the service is not done: it waits for the platform or for an approval".to_string()
        }
        failure => failure.to_string(),
    }
}

/// True if another identity or other trust anchors can help.
fn is_refusal(failure: &Failure) -> bool {
    match failure {
        Failure::Tls(TlsFailure::Certificate(_) | TlsFailure::Alert(_) | TlsFailure::Closed) => true,
        Failure::Login(LoginFailure::Code { code, .. }) => matches!(code, 2 | 4 | 5),
        Failure::Login(LoginFailure::Closed { .. }) => true,
        _ => false,
    }
}
