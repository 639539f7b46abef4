//! Visits to the enrolment service: a certificate is fetched or confirmed.

use alloc::string::{String, ToString};

use super::{LONGEST_PAUSE, SlotKeeper, Step};
use crate::date::Date;
use crate::enrolment::{EnrolmentFailure, EnrolmentServer, FetchFailure, Proof, Retry, confirm_identity, fetch};
use crate::identity::Identity;
use crate::life::error::ServiceFailure;
use crate::life::hardware::Hardware;
use crate::life::service::Service;
use crate::life::source::Source;
use crate::record::{EnrolmentSettings, Login};
use crate::session::Surroundings;
use crate::session::platform::{Log, Network, Random, Time, Tls};
use crate::session::timeout::with_timeout;
use crate::slots::WritableFlash;

/// The longest pause that a service can ask for, in seconds.
const LONGEST_RETRY: u32 = 24 * 3600;

/// The status of a confirmation that the platform does not know yet.
const ACCEPTED: u16 = 202;

pub(super) type VisitFailure = FetchFailure<ServiceFailure>;

impl<F: WritableFlash, H: Hardware> SlotKeeper<'_, F, H> {
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
    pub(super) async fn visit<N: Network, T: Tls, C: Time, R: Random, L: Log>(
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
        let (time, settings, log) = (on.time, on.settings, on.log);
        let mut service = Service::new(on, &mut self.hardware, server, &anchors, epoch);
        // The slots are only written between two waits, so that the limit never interrupts a write.
        let fetching = fetch(&mut self.slots, &mut service, &server, proof);
        let fetched = with_timeout(time, settings.enrolment, fetching).await;
        if let Some(free) = service.least_free {
            log.line(format_args!("enrolment: at least {free} bytes of memory were free"));
        }
        // Also after a failure: the new key has taken the slot of another identity.
        self.read_slots()?;
        fetched.unwrap_or(Err(FetchFailure::Connection(ServiceFailure::TimedOut)))?;
        self.next = 0;
        self.pauses.reset();
        if let Some(newest) = self.stored.first() {
            let (sequence, end) = (newest.identity.sequence(), Date(newest.validity.not_after));
            log.line(format_args!("enrolment: certificate {sequence} was stored, valid until {end}"));
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
        let (time, settings, log) = (on.time, on.settings, on.log);
        // Without a date: a confirmation judges no certificate.
        let mut service = Service::new(on, &mut self.hardware, server, &anchors, 0);
        // Those of the identity and not those of the service: the broker is verified with them from now on.
        let own = newest.certificate.anchors.as_str();
        let confirming = confirm_identity(&mut service, &server, (&newest).into(), own);
        let confirmed = with_timeout(time, settings.enrolment, confirming).await;
        confirmed.unwrap_or(Err(FetchFailure::Connection(ServiceFailure::TimedOut)))?;
        (self.is_told, self.turn) = (true, 0);
        log.line(format_args!("enrolment: the service has confirmed the certificate"));
        Ok(())
    }

    /// Sets the time of the next visit after a failed one, and the identity until then.
    pub(super) fn postpone(&mut self, step: Step, failure: &VisitFailure, uptime: u64, random: u32) {
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
}

fn server(enrolment: &EnrolmentSettings) -> EnrolmentServer<'_> {
    EnrolmentServer { host: &enrolment.host, port: enrolment.port, label: &enrolment.label }
}

/// The text of a failed visit for the log.
pub(super) fn text(failure: &VisitFailure) -> String {
    match failure {
        // No failure of the device: the visit is repeated until the service is done.
        FetchFailure::Enrolment(EnrolmentFailure::Refused { status: ACCEPTED, .. }) => {
            "the service is not done: it waits for the platform or for an approval".to_string()
        }
        failure => failure.to_string(),
    }
}
