//! The identity keeper of a device with slots.

mod show;
mod visit;

use alloc::vec::Vec;

use super::due::Validity;
use super::hardware::Hardware;
use super::source::{self, Source, Stored};
use crate::enrolment::leaf_dates;
use crate::record::{EnrolmentSettings, Login, Record};
use crate::session::backoff::Backoff;
use crate::session::platform::{Log, Network, Random, Time, Tls};
use crate::session::{Failure, IdentityKeeper, LoginFailure, NoIdentity, Surroundings, TlsFailure};
use crate::slots::{Generation, Owner, SlotError, Slots, WritableFlash};

/// The pauses after failures at the service, in milliseconds.
const FIRST_PAUSE: u64 = 10_000;
const LONGEST_PAUSE: u64 = 3_600_000;

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
        let slots = Slots::open(flash, Owner::new(record.device_name(), &enrolment.salt))?;
        let factory = match record.login() {
            Login::Certificate { chain, .. } => {
                leaf_dates(chain).map(|(not_before, not_after)| Validity { not_before, not_after })
            }
            Login::Token(_) | Login::Pending => None,
        };
        let mut keeper = Self {
            record,
            enrolment,
            factory,
            slots,
            hardware,
            stored: Vec::new(),
            turn: 0,
            is_told: false,
            is_disowned: false,
            next: 0,
            pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            logged: None,
            logged_no_date: false,
        };
        keeper.read_slots()?;
        Ok(keeper)
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

    /// Reads which identities are in the slots, and begins with the newest one if it has changed.
    fn read_slots(&mut self) -> Result<(), SlotError> {
        let stored = source::stored(&mut self.slots)?;
        let newest = |stored: &[Stored]| stored.first().map(|newest| newest.identity.sequence());
        if newest(&stored) != newest(&self.stored) {
            // A login comes after the confirmation, so that an identity without one may be unknown to the service.
            self.is_told = stored.first().is_some_and(|newest| newest.identity.is_confirmed);
            (self.turn, self.is_disowned) = (0, false);
        }
        self.stored = stored;
        Ok(())
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

    /// The texts of an identity of the slots.
    fn load(&mut self, index: usize) -> Result<Option<Generation>, SlotError> {
        let Some(stored) = self.stored.get(index) else { return Ok(None) };
        self.slots.load(&stored.identity).map(Some)
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
            failure = Some(visit::text(&error));
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

/// True if another identity or other trust anchors can help.
fn is_refusal(failure: &Failure) -> bool {
    match failure {
        Failure::Tls(TlsFailure::Certificate(_) | TlsFailure::Alert(_) | TlsFailure::Closed) => true,
        Failure::Login(LoginFailure::Code { code, .. }) => matches!(code, 2 | 4 | 5),
        Failure::Login(LoginFailure::Closed { .. }) => true,
        _ => false,
    }
}
