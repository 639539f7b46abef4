//! Who gets which certificate: decided in a transaction of the ledger, for every request from the beginning.

use std::borrow::Cow;

use base::error::Severity;
use base::{Code, Error, Result, digest};
use config::{ApprovalPolicy, Config, EnrolmentPolicy};
use identity::lifecycle::enrol::{self, EnrolmentPlan, SERVERS};
use ledger::{
    Entry, Key, Kind, NameHistory, NewRequest, NextIdentity, Password, RequestDecision, ReservedNames, Role,
    SentGeneration, SerialNumber, State, Transaction,
};
use pki::Certificate;
use pki::csr::Csr;
use pki::device_name::DeviceName;
use pki::verify::{Purpose, VerifyRequest};
use store::ca::Ca;
use time::{Duration, OffsetDateTime};

use super::call::{Call, Caller, Task};
use super::cas::Cas;
use crate::est::Refusal;

/// What rules know besides the ledger.
pub(crate) struct Rules<'a> {
    pub(crate) config: &'a Config,
    pub(crate) cas: &'a Cas,
    pub(crate) bootstrap: &'a [Certificate],
    pub(crate) issuances: u32,
    /// Whether confirmed certificates are brought to a platform.
    pub(crate) registers: bool,
    /// Which names of the batch wait in a job.
    pub(crate) reserved: &'a ReservedNames,
    pub(crate) now: OffsetDateTime,
}

/// The decision about a request.
pub(crate) enum Decision {
    Refused(Refusal),
    /// The certificate that was sent before is sent again.
    Again {
        key: Key,
        certificate: Vec<u8>,
    },
    /// A new certificate. Its row is inserted when all requests of the batch are decided.
    Issue(Box<Planned>),
    /// A certificate is used. `waits` tells whether the platform has yet to take it.
    Confirmed {
        key: Key,
        waits: bool,
    },
    /// An operator has to approve the certificate of this device or server first.
    Waiting(String),
    /// The client certificate of a connection was seen. `first` is its key if this is its first use, and `waits` tells whether
    /// the platform has yet to take it.
    Seen {
        first: Option<Key>,
        waits: bool,
    },
    /// Another request for the same name is decided first.
    Deferred,
}

/// What a client certificate is shown for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ShownFor {
    Use,
    Renew,
}

/// A certificate that is about to be signed.
pub(crate) struct Planned {
    pub(crate) next: NextIdentity,
    pub(crate) order: pki::issuer::Order,
    /// SHA-256 over the public key.
    pub(crate) public: [u8; 32],
    /// Whether it is in use from its issuance on.
    pub(crate) is_in_use: bool,
    /// The user who has approved it.
    pub(crate) approved_by: Option<String>,
}

/// The end of an attempt: a refusal, or an error of the ledger.
enum End {
    Refused(Refusal),
    Failed(Error),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// How long a certificate that another instance is about to sign is waited for.
const ABANDONED: Duration = Duration::minutes(1);

impl Rules<'_> {
    /// Decides. `is_taken` tells whether a name has a request that is decided and not signed yet.
    ///
    /// # Errors
    /// Those of the ledger: the transaction must be given up then.
    pub(crate) fn decide(
        &self,
        transaction: &Transaction<'_>,
        call: &Call,
        is_taken: &dyn Fn(&str) -> bool,
    ) -> Result<Decision> {
        if let Some(label) = call.label.as_deref().filter(|label| *label == SERVERS)
            && let Err(refusal) = self.cas.of_label(Some(label))
        {
            // Before anything about the caller: what it shows can change nothing.
            return Ok(Decision::Refused(refusal));
        }
        let decided = match &call.task {
            Task::Confirm => self.confirm(transaction, call),
            Task::Connect => self.seen(transaction, call),
            Task::Reenroll(csr) => match &call.caller.certificate {
                Some(certificate) => self
                    .known(transaction, certificate, ShownFor::Renew)
                    .and_then(|entry| self.next(transaction, call, (certificate, &entry), csr, is_taken)),
                None => Err(Refusal::NoCertificate.into()),
            },
            Task::Enroll(csr) => self.first(transaction, call, csr, is_taken),
        };
        match decided {
            Ok(decision) => Ok(decision),
            Err(End::Refused(refusal)) => Ok(Decision::Refused(refusal)),
            Err(End::Failed(error)) => Err(error),
        }
    }

    fn confirm(&self, transaction: &Transaction<'_>, call: &Call) -> Result<Decision, End> {
        let certificate = call.caller.certificate.as_ref().ok_or(Refusal::NoCertificate)?;
        let entry = self.known(transaction, certificate, ShownFor::Use)?;
        self.check_label(&entry, call.label.as_deref())?;
        self.used(transaction, &mut history_of(transaction, &entry)?, &entry)?;
        let waits = is_swap_open(transaction, &entry.key)?;
        Ok(Decision::Confirmed { key: entry.key, waits })
    }

    /// Records the first connection of a client that knows only EST, if the policy of its label counts it.
    fn seen(&self, transaction: &Transaction<'_>, call: &Call) -> Result<Decision, End> {
        let certificate = call.caller.certificate.as_ref().ok_or(Refusal::NoCertificate)?;
        let entry = self.known(transaction, certificate, ShownFor::Use)?;
        let is_first = self.policy(label_of(&entry)?.as_deref()) != EnrolmentPolicy::Confirm
            && self.used(transaction, &mut history_of(transaction, &entry)?, &entry)?;
        let waits = is_first && is_swap_open(transaction, &entry.key)?;
        Ok(Decision::Seen { first: is_first.then_some(entry.key), waits })
    }

    /// The policy of a label.
    fn policy(&self, label: Option<&str>) -> EnrolmentPolicy {
        let settings = &self.config.serve;
        let own = settings.label_policies.value.iter().find(|own| Some(own.label.as_str()) == label);
        own.map_or(settings.policy.value, |own| own.policy)
    }

    /// Records that a certificate is used. The first one of a device waits for the platform, which is to know the device.
    /// In chain mode the platform takes it by a login. Returns whether this is its first use.
    fn used(&self, transaction: &Transaction<'_>, history: &mut NameHistory, entry: &Entry) -> Result<bool> {
        let name = entry.key.name.as_str();
        let is_first = self.registers
            // No platform knows servers.
            && entry.key.kind == Kind::Device
            && Ca::profile_of(&entry.issuer).is_none()
            && transaction.current(Kind::Device, name)?.is_none()
            // What was taken from the platform stays away from it.
            && transaction
                .history(Kind::Device, name)?
                .iter()
                .all(|other| other.role == Role::Revoked || other.unregistered_at.is_none());
        let is_changed = transaction.used_in(history, &entry.key)?;
        if is_changed && is_first {
            transaction.open_swap(&entry.key)?;
        }
        Ok(is_changed)
    }

    /// The next certificate of the identity whose certificate came with the connection.
    fn next(
        &self,
        transaction: &Transaction<'_>,
        call: &Call,
        (certificate, entry): (&Certificate, &Entry),
        csr: &Csr,
        is_taken: &dyn Fn(&str) -> bool,
    ) -> Result<Decision, End> {
        self.check_label(entry, call.label.as_deref())?;
        let name = entry.key.name.as_str();
        if is_taken(name) {
            return Ok(Decision::Deferred);
        }
        // The connection proves that the certificate is used.
        let mut history = history_of(transaction, entry)?;
        self.used(transaction, &mut history, entry)?;
        let public = digest::sha256(csr.key().spki_der());
        if history.is_key_revoked(&public) {
            return Err(Refusal::RevokedKey.into());
        }
        // The same key again: the answer was lost on its way. The same certificate is sent, and no serial number is
        // used.
        if let Some(sent) =
            sent_before(transaction, &history, &public, self.now, |last| entry.key.generation < last.key.generation)?
        {
            return Ok(sent);
        }
        // By the present certificate and not by the label: a label never decides which hierarchy signs.
        let ca = self.cas.of_name(&entry.issuer);
        let ca = ca.ok_or_else(|| self.cas.failure(&entry.issuer).unwrap_or(Refusal::OtherIssuer))?;
        let plan = enrol::again(ca, entry, certificate, csr, self.now).map_err(|error| refused(&error))?;
        self.record(transaction, call, plan, (public, false), history)
    }

    fn first(
        &self,
        transaction: &Transaction<'_>,
        call: &Call,
        csr: &Csr,
        is_taken: &dyn Fn(&str) -> bool,
    ) -> Result<Decision, End> {
        let label = call.label.as_deref();
        let Caller { certificate, credentials, .. } = &call.caller;
        if label == Some(SERVERS) && self.cas.serves_servers() {
            // Neither a password nor the CA of a maker leads to the certificate of a server.
            let certificate = certificate.as_ref().ok_or(Refusal::FirstOfServer)?;
            return match self.known(transaction, certificate, ShownFor::Renew) {
                Ok(entry) => self.next(transaction, call, (certificate, &entry), csr, is_taken),
                Err(End::Refused(Refusal::UnknownCertificate)) => Err(Refusal::FirstOfServer.into()),
                Err(end) => Err(end),
            };
        }
        let public = digest::sha256(csr.key().spki_der());
        let (name, password) = if let Some(credentials) = credentials {
            if is_taken(&credentials.name) {
                return Ok(Decision::Deferred);
            }
            let given = digest::sha256(credentials.password.reveal().as_bytes());
            let password = self.check_password(transaction, &credentials.name, label, &given, &public)?;
            (credentials.name.clone(), Some(password))
        } else {
            let certificate = certificate.as_ref().ok_or(Refusal::Unauthenticated)?;
            match self.known(transaction, certificate, ShownFor::Renew) {
                Err(End::Refused(Refusal::UnknownCertificate)) => {}
                // A certificate of this ledger makes it a renewal, on whichever path the request came.
                Ok(entry) => return self.next(transaction, call, (certificate, &entry), csr, is_taken),
                Err(end) => return Err(end),
            }
            let name = self.vouched_for(certificate)?;
            if is_taken(&name) {
                return Ok(Decision::Deferred);
            }
            (name, None)
        };
        let history = transaction.name_history(Kind::Device, &name)?;
        if history.is_key_revoked(&public) {
            return Err(Refusal::RevokedKey.into());
        }
        // A password leads to the certificate that it was used for, which is not confirmed yet, and to no earlier one: it
        // would stay without a key, or unspent, and another key could use it.
        let is_of_request =
            |last: &SentGeneration| password.as_ref().is_none_or(|password| password.key.is_some() && !last.is_used);
        if let Some(sent) = sent_before(transaction, &history, &public, self.now, is_of_request)? {
            return Ok(sent);
        }
        let device: DeviceName = name.parse().map_err(|error| refused(&error))?;
        // A certificate that was sent for this key and never used is asked for again: it has expired, or its CA is out of use.
        let is_lost = history.sent_for_key(&public).is_some_and(|last| !last.is_used);
        if credentials.is_none() && !is_lost && transaction.latest(Kind::Device, &name)?.is_some() {
            // A certificate of the maker is for the first certificate alone.
            return Err(Refusal::KnownDevice.into());
        }
        if let Some(password) = &password {
            check_same_ca(transaction, &name, label, password)?;
        }
        let ca = self.cas.of_label(label)?;
        if let Some(label) = label {
            self.cas.check_name(label, &device).map_err(|error| refused(&error))?;
        }
        let plan = enrol::first(self.config, ca, &device, csr, self.now).map_err(|error| refused(&error))?;
        let decision = self.record(transaction, call, plan, (public, true), history)?;
        if password.is_some() {
            // Bound to the key and not spent yet: a lost answer can be asked for again. The confirmation spends it. A request
            // that waits is bound too: the operator approves this key.
            transaction.bind_password(&name, &public)?;
        }
        Ok(decision)
    }

    /// The row of a certificate, if its holder may use the service.
    fn known(&self, transaction: &Transaction<'_>, certificate: &Certificate, purpose: ShownFor) -> Result<Entry, End> {
        let Ok(serial) = SerialNumber::new(certificate.serial()) else {
            return Err(Refusal::UnknownCertificate.into());
        };
        let fingerprint = certificate.fingerprint();
        // A serial number is unique below one CA only, so the whole certificate decides.
        let found = transaction.by_serial(&serial)?.into_iter().find(|entry| entry.fingerprint == Some(fingerprint));
        let entry = found.ok_or(Refusal::UnknownCertificate)?;
        match entry.key.kind {
            Kind::Device => {}
            Kind::Server if self.cas.serves_servers() => {}
            Kind::Server => return Err(Refusal::ServersOff.into()),
            Kind::Ca => return Err(Refusal::NotADevice.into()),
        }
        // The role before the dates: the holder of a revoked certificate is told so, also after it has expired.
        match entry.role {
            Role::Current | Role::Pending => {}
            // Its holder may come back until the next one has been used: the answer with that one may never have
            // arrived.
            Role::Superseded
                if transaction.is_later_one_used(&entry.key)?
                    && !(purpose == ShownFor::Renew && self.is_in_grace(transaction, &entry)?) =>
            {
                return Err(Refusal::Superseded.into());
            }
            Role::Superseded => {}
            Role::Revoked => return Err(Refusal::Revoked.into()),
            Role::Retired => return Err(Refusal::Retired.into()),
            Role::Intended | Role::Void => return Err(Refusal::UnknownCertificate.into()),
        }
        let days = self.config.serve.renew_expired.value.map_or(0, |days| i64::from(days.number()));
        if self.now < entry.not_before {
            return Err(Refusal::NotYetValid.into());
        }
        if !is_within(self.now, entry.not_after, Duration::days(days)) {
            return Err(Refusal::Expired.into());
        }
        Ok(entry)
    }

    /// Whether the holder of a superseded certificate may still renew with it. A client that never confirms may have
    /// connected with its next certificate before it had stored it.
    fn is_in_grace(&self, transaction: &Transaction<'_>, entry: &Entry) -> Result<bool, End> {
        if self.policy(label_of(entry)?.as_deref()) == EnrolmentPolicy::Confirm {
            return Ok(false);
        }
        let grace = Duration::days(self.config.serve.grace.value.number().into());
        // Unset for one that an operator has issued: that one replaces all that the service has sent.
        let used = transaction.first_use_of_later(&entry.key)?;
        Ok(used.is_some_and(|used| is_within(self.now, used, grace)))
    }

    /// Fails unless the label is the profile below whose CA the identity was issued.
    fn check_label(&self, entry: &Entry, label: Option<&str>) -> Result<(), End> {
        let own = label_of(entry)?;
        if own.as_deref() == label {
            return Ok(());
        }
        // An unknown label is told apart from that of others.
        self.cas.of_label(label)?;
        Err(Refusal::OtherLabel.into())
    }

    /// The password of a device, if it is the given one and this key can use it.
    fn check_password(
        &self,
        transaction: &Transaction<'_>,
        device: &str,
        label: Option<&str>,
        given: &[u8; 32],
        public: &[u8; 32],
    ) -> Result<Password, End> {
        // Nothing about a password is told before its value is right: the answers would show which names have one.
        let password = transaction.password_of(device)?.ok_or(Refusal::WrongPassword)?;
        // Hashes of 128 random bits: how long the comparison takes tells nothing about the password.
        if password.hash != *given {
            return Err(Refusal::WrongPassword.into());
        }
        if password.is_spent {
            return Err(Refusal::SpentPassword.into());
        }
        // In use, it lives as long as its request or its certificate: an operator may decide after its end, and an answer can
        // get lost.
        if self.now >= password.expires_at
            && !(password.key == Some(*public) && transaction.is_password_in_use(device, self.now)?)
        {
            return Err(Refusal::ExpiredPassword.into());
        }
        if password.label.as_deref() != label {
            return Err(Refusal::PasswordOfOtherLabel.into());
        }
        if password.key.is_some_and(|key| key != *public) {
            return Err(Refusal::BoundPassword.into());
        }
        Ok(password)
    }

    /// The name for which a CA of `serve.enroll_with` vouches.
    fn vouched_for(&self, certificate: &Certificate) -> Result<String, End> {
        let is_issuer = |ca: &Certificate| certificate.names_as_issuer(ca) && certificate.verify_signed_by(ca).is_ok();
        if !self.bootstrap.iter().any(is_issuer) {
            return Err(Refusal::UnknownCertificate.into());
        }
        if certificate.is_ca() {
            return Err(Refusal::NotADevice.into());
        }
        // As a broker would: purposes, name constraints and dates, also those of the CA. An expired CA of a maker vouches for
        // nothing.
        let verification = pki::verify::verify(&VerifyRequest {
            chain: std::slice::from_ref(certificate),
            extra: &[],
            anchors: self.bootstrap,
            key: None,
            host: None,
            purpose: Some(Purpose::Device),
            time: self.now,
            crls: &[],
        });
        let mut faults = verification.findings.iter().filter(|finding| finding.severity == Severity::Fault);
        match faults.next() {
            Some(fault) => Err(match fault.code {
                Code::NotYetValid => Refusal::NotYetValid,
                Code::Expired => Refusal::Expired,
                _ => Refusal::Untrusted(fault.to_string()),
            }
            .into()),
            None if !verification.trusted => Err(Refusal::UnknownCertificate.into()),
            None => {
                let unnamed = || Refusal::Request("the client certificate has no common name".to_owned());
                Ok(certificate.common_name().ok_or_else(unnamed)?)
            }
        }
    }

    /// Records a certificate that is about to be signed.
    fn record(
        &self,
        transaction: &Transaction<'_>,
        call: &Call,
        plan: EnrolmentPlan,
        (public, is_first): ([u8; 32], bool),
        mut history: NameHistory,
    ) -> Result<Decision, End> {
        let EnrolmentPlan { identity, order, .. } = plan;
        let (kind, name) = (identity.kind, identity.name.as_str());
        let day_ago = self.now - Duration::DAY;
        // Counted inside the transaction, so that two requests at the same time cannot both be the last one.
        if history.sent_since(day_ago) >= u64::from(self.issuances) {
            return Err(Refusal::TooMany(self.issuances).into());
        }
        match self.reserved.check(transaction, kind, name) {
            Err(error) if error.code() == Code::NameReserved => {
                return Err(Refusal::Request("the name waits in a job".to_owned()).into());
            }
            other => other?,
        }
        // After all other reasons for a refusal: an operator is asked only about what would be issued.
        let approved_by = match self.approval(transaction, call, &requester(kind, name), &public, is_first)? {
            Approval::NotNeeded => None,
            Approval::By(user) => user,
            Approval::Waits => return Ok(Decision::Waiting(identity.name)),
        };
        if let Some((unfinished, since)) = history.unfinished() {
            // Without a server only this process writes, and it signs nothing now.
            if transaction.is_shared() && self.now - since < ABANDONED {
                return Err(Refusal::Busy(2).into());
            }
            transaction.void(&unfinished, "interrupted before it was sent")?;
            history = transaction.name_history(kind, name)?;
        }
        let next = match transaction.plan_next(identity, &history) {
            // Since the last look at the CAs. It ends this request alone, and not all of the batch.
            Err(error) if error.code() == Code::CaRevoked => return Err(refused(&error)),
            planned => planned?,
        };
        // A platform that is to know the device gets the certificate at its first use, and the ledger follows it.
        let is_in_use = self.policy(call.label.as_deref()) == EnrolmentPolicy::Issuance
            && (call.label.is_some() || !self.registers);
        Ok(Decision::Issue(Box::new(Planned { next, order, public, is_in_use, approved_by })))
    }

    /// Whether an operator has approved a certificate for this key; a request that is new is recorded.
    fn approval(
        &self,
        transaction: &Transaction<'_>,
        call: &Call,
        device: &str,
        public: &[u8; 32],
        is_first: bool,
    ) -> Result<Approval, End> {
        let is_needed = match self.config.serve.approval.value {
            ApprovalPolicy::None => false,
            ApprovalPolicy::First => is_first,
            ApprovalPolicy::Every => true,
        };
        if !is_needed {
            return Ok(Approval::NotNeeded);
        }
        let label = call.label.as_deref();
        let asked = transaction.enrolment_request(device)?;
        let asked = asked.filter(|asked| asked.key == *public && asked.label.as_deref() == label);
        Ok(match asked.map(|asked| (asked.decision, asked.decided_by)) {
            Some((Some(RequestDecision::Approved), user)) => Approval::By(user),
            Some((Some(RequestDecision::Denied), _)) => return Err(Refusal::Denied.into()),
            // Nothing is written, however often it asks.
            Some((None, _)) => Approval::Waits,
            None => {
                let address = &call.caller.address.to_string();
                transaction.ask_for_approval(&NewRequest { device, label, key: *public, is_first, address })?;
                Approval::Waits
            }
        })
    }
}

/// Whether `now` is at most `time` after `from`.
fn is_within(now: OffsetDateTime, from: OffsetDateTime, time: Duration) -> bool {
    // Not `from + time`: certificates without an end have the last second of the year 9999 (RFC 5280, section 4.1.2.5), and
    // a later time is a panic.
    now.saturating_sub(time) <= from
}

/// The state of an approval.
enum Approval {
    NotNeeded,
    By(Option<String>),
    Waits,
}

/// The name with which an identity waits for an approval. Devices and servers can have the same name, and no device's name
/// has a slash.
pub(crate) fn requester(kind: Kind, name: &str) -> Cow<'_, str> {
    if kind == Kind::Server { format!("{SERVERS}/{name}").into() } else { name.into() }
}

fn history_of(transaction: &Transaction<'_>, entry: &Entry) -> Result<NameHistory> {
    transaction.name_history(entry.key.kind, &entry.key.name)
}

fn is_swap_open(transaction: &Transaction<'_>, key: &Key) -> Result<bool> {
    Ok(transaction.enrolled(key)?.is_some_and(|sent| sent.is_swap_open))
}

/// The label of an identity ([`enrol::label_of`]).
fn label_of(entry: &Entry) -> Result<Option<String>, Refusal> {
    // Self-signed, or made elsewhere and imported.
    enrol::label_of(&entry.issuer).ok_or(Refusal::OtherIssuer)
}

/// Fails if the device uses a certificate below another CA that was issued after the password was made. A password that was made
/// after it is for the move: `tbpki enroll password` makes none without a consent.
fn check_same_ca(
    transaction: &Transaction<'_>,
    name: &str,
    label: Option<&str>,
    password: &Password,
) -> Result<(), End> {
    let Some(used) = transaction.current(Kind::Device, name)? else { return Ok(()) };
    let is_later = used.reached(State::Issued).is_some_and(|issued| issued > password.made_at);
    // One that was made elsewhere and imported has no label, and the devices' issuing CA replaces it.
    match label_of(&used) {
        Ok(own) if is_later && own.as_deref() != label => Err(Refusal::OtherLabel.into()),
        _ => Ok(()),
    }
}

/// The certificate that was sent for the same key before, if its answer may have been lost: if it `is_meant` by the request,
/// and is not, for example, the one that is renewed and keeps its key.
fn sent_before(
    transaction: &Transaction<'_>,
    history: &NameHistory,
    public: &[u8; 32],
    now: OffsetDateTime,
    is_meant: impl Fn(&SentGeneration) -> bool,
) -> Result<Option<Decision>, End> {
    let Some(last) = history.sent_for_key(public) else { return Ok(None) };
    // A device that comes back after the end of what it never received gets another one: an expired certificate would let
    // it in nowhere, and it asks with the same key until it has an answer. The same holds for a CA that is out of use since.
    if !is_meant(&last) || last.not_after <= now || !is_below_trusted(transaction, &last.key)? {
        return Ok(None);
    }
    let sent = transaction.enrolled(&last.key)?;
    Ok(sent.map(|sent| Decision::Again { key: last.key, certificate: sent.certificate }))
}

/// Whether the generation of the CA that has signed a certificate is one that peers trust: it is neither revoked nor retired.
fn is_below_trusted(transaction: &Transaction<'_>, key: &Key) -> Result<bool> {
    let Some(entry) = transaction.entry(key)? else { return Ok(false) };
    Ok(match entry.issuer_generation {
        Some(issuer) => {
            transaction.trusted_generations(&entry.issuer)?.iter().any(|trusted| trusted.generation() == issuer)
        }
        // Unknown in rows that were repaired: any generation may have issued it.
        None => !transaction.revoked_cas()?.have_issued(&entry),
    })
}

/// The refusal for an error about a request.
fn refused(error: &Error) -> End {
    match error.code() {
        Code::CsrRefused | Code::DeviceName | Code::ProfilePattern | Code::NameConstraint | Code::BadSan => {
            Refusal::Request(error.finding().what.clone()).into()
        }
        Code::CaRevoked => {
            tracing::error!(%error, "a certificate is refused");
            Refusal::CaRevoked.into()
        }
        Code::RenewalTooShort => {
            tracing::error!(%error, "a renewal is refused");
            Refusal::CaEnds.into()
        }
        code => {
            tracing::error!(%code, %error, "a certificate could not be planned");
            Refusal::Failed.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_certificate_without_an_end_can_be_renewed_with_every_policy() {
        let end = datetime!(9999-12-31 23:59:59 UTC);
        for days in [0, 1, 36_525, i64::from(u32::MAX)] {
            assert!(is_within(datetime!(2026-11-30 00:00 UTC), end, Duration::days(days)), "{days}");
            assert!(is_within(end, end, Duration::days(days)), "{days}");
        }
    }

    #[test]
    fn the_last_moment_of_a_policy_counts_and_the_next_one_does_not() {
        let (end, days) = (datetime!(2026-11-30 00:00 UTC), Duration::days(30));
        assert!(is_within(end + days, end, days));
        assert!(!is_within(end + days + Duration::SECOND, end, days));
        assert!(!is_within(end + Duration::SECOND, end, Duration::ZERO));
    }
}
