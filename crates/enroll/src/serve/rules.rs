//! Who gets which certificate: decided in a transaction of the ledger, for every request from the beginning.

mod caller;
mod record;

use std::collections::BTreeSet;

use base::{Code, Error, Result, digest};
use config::{Config, EnrolmentPolicy};
use identity::key_in_use::ReservedKeys;
use identity::lifecycle::enrol::{self, SERVERS};
use identity::lifecycle::rollover;
use ledger::{
    Confirmation, Entry, Key, Kind, NameHistory, NextIdentity, ReservedNames, Role, SentGeneration, Transaction,
};
use pki::Certificate;
use pki::csr::Csr;
use pki::device_name::DeviceName;
use store::ca::Ca;
use time::OffsetDateTime;

use super::call::{Call, Caller, Task};
use super::cas::Cas;
use crate::est::Refusal;
use caller::{ShownFor, check_same_ca, label_of};
pub(crate) use record::requester;

/// What rules know besides the ledger.
pub(crate) struct Rules<'a> {
    pub(crate) config: &'a Config,
    pub(crate) cas: &'a Cas,
    pub(crate) keys: &'a ReservedKeys,
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

/// What requests of the batch have that are decided and not signed yet.
#[derive(Default)]
pub(crate) struct Taken {
    names: BTreeSet<String>,
    /// SHA-256 over each public key.
    keys: BTreeSet<[u8; 32]>,
}

impl Taken {
    pub(crate) fn add(&mut self, planned: &Planned) {
        self.names.insert(planned.next.identity().name.clone());
        self.keys.insert(planned.public);
    }
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

impl Rules<'_> {
    /// Decides. `taken` has the names and keys of requests that are decided and not signed yet.
    ///
    /// # Errors
    /// Those of the ledger: the transaction must be given up then.
    pub(crate) fn decide(&self, transaction: &Transaction<'_>, call: &Call, taken: &Taken) -> Result<Decision> {
        if let Some(label) = call.label.as_deref().filter(|label| *label == SERVERS)
            && let Err(refusal) = self.cas.of_label(Some(label))
        {
            // Before anything about the caller: what it shows can change nothing.
            return Ok(Decision::Refused(refusal));
        }
        let decided = match &call.task {
            Task::Confirm(anchors) => self.confirm(transaction, call, anchors),
            Task::Connect => self.seen(transaction, call),
            Task::Reenroll(csr) => match &call.caller.certificate {
                Some(certificate) => self
                    .known(transaction, certificate, ShownFor::Renew)
                    .and_then(|entry| self.next(transaction, call, (certificate, &entry), csr, taken)),
                None => Err(Refusal::NoCertificate.into()),
            },
            Task::Enroll(csr) => self.first(transaction, call, csr, taken),
        };
        match decided {
            Ok(decision) => Ok(decision),
            Err(End::Refused(refusal)) => Ok(Decision::Refused(refusal)),
            Err(End::Failed(error)) => Err(error),
        }
    }

    /// Fails unless the key with this SHA-256 can be that of the name that asks for a certificate.
    fn check_key(&self, transaction: &Transaction<'_>, history: &NameHistory, public: &[u8; 32]) -> Result<(), End> {
        match self.keys.conflict(transaction, history, public)? {
            None => Ok(()),
            Some(conflict) if conflict.is_revoked => Err(Refusal::RevokedKey.into()),
            Some(_) => Err(Refusal::KeyInUse.into()),
        }
    }

    fn confirm(&self, transaction: &Transaction<'_>, call: &Call, anchors: &[[u8; 32]]) -> Result<Decision, End> {
        let certificate = call.caller.certificate.as_ref().ok_or(Refusal::NoCertificate)?;
        let entry = self.known(transaction, certificate, ShownFor::Use)?;
        self.check_label(&entry, call.label.as_deref())?;
        self.used(transaction, &mut history_of(transaction, &entry)?, &entry)?;
        trusts(transaction, &entry, anchors)?;
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
        enrol::policy_of(self.config, label)
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
        taken: &Taken,
    ) -> Result<Decision, End> {
        self.check_label(entry, call.label.as_deref())?;
        let name = entry.key.name.as_str();
        if taken.names.contains(name) {
            return Ok(Decision::Deferred);
        }
        let mut history = history_of(transaction, entry)?;
        // The connection proves that the certificate is used. An expired one lets its holder in nowhere, and must not take the
        // place of one that is valid.
        if self.now <= entry.not_after {
            self.used(transaction, &mut history, entry)?;
        }
        let public = digest::sha256(csr.key().spki_der());
        if taken.keys.contains(&public) {
            return Ok(Decision::Deferred);
        }
        self.check_key(transaction, &history, &public)?;
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

    fn first(&self, transaction: &Transaction<'_>, call: &Call, csr: &Csr, taken: &Taken) -> Result<Decision, End> {
        let label = call.label.as_deref();
        let Caller { certificate, credentials, .. } = &call.caller;
        if label == Some(SERVERS) && self.cas.serves_servers() {
            // Neither a password nor the CA of a maker leads to the certificate of a server.
            let certificate = certificate.as_ref().ok_or(Refusal::FirstOfServer)?;
            return match self.known(transaction, certificate, ShownFor::Renew) {
                Ok(entry) => self.next(transaction, call, (certificate, &entry), csr, taken),
                Err(End::Refused(Refusal::UnknownCertificate)) => Err(Refusal::FirstOfServer.into()),
                Err(end) => Err(end),
            };
        }
        let public = digest::sha256(csr.key().spki_der());
        let (name, password) = if let Some(credentials) = credentials {
            if taken.names.contains(&credentials.name) {
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
                Ok(entry) => return self.next(transaction, call, (certificate, &entry), csr, taken),
                Err(end) => return Err(end),
            }
            let name = self.vouched_for(certificate)?;
            if taken.names.contains(&name) {
                return Ok(Decision::Deferred);
            }
            (name, None)
        };
        let history = transaction.name_history(Kind::Device, &name)?;
        if taken.keys.contains(&public) {
            return Ok(Decision::Deferred);
        }
        self.check_key(transaction, &history, &public)?;
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
        if credentials.is_none() {
            // The name is that of the device that has the password, until it has expired.
            match transaction.check_no_open_password(Kind::Device, &name, self.now) {
                Err(error) if error.code() == Code::NameReserved => return Err(Refusal::ReservedName.into()),
                other => other?,
            }
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
}

/// Records that a device trusts the next root of the servers, if this is among the trust anchors that it states to use: the
/// handshake proves that the statement is its own.
fn trusts(transaction: &Transaction<'_>, entry: &Entry, anchors: &[[u8; 32]]) -> Result<()> {
    // Each renewal has a confirmation, and few of them fall into a rollover.
    if anchors.is_empty() || entry.key.kind != Kind::Device {
        return Ok(());
    }
    let roots = transaction.trusted_generations(&Ca::ServerRoot.name())?;
    if roots.len() < 2 {
        return Ok(());
    }
    let is_stated = |root: &&Entry| root.fingerprint.is_some_and(|own| anchors.contains(&own));
    let Some(next) = rollover::next_of(&roots).filter(is_stated) else { return Ok(()) };
    let (kind, name) = (entry.key.kind, entry.key.name.as_str());
    if transaction.is_confirmed(&next.key, kind, name)? {
        return Ok(());
    }
    transaction.confirm(&next.key, kind, name, Confirmation::Seen, "tbpki serve")
}

fn history_of(transaction: &Transaction<'_>, entry: &Entry) -> Result<NameHistory> {
    transaction.name_history(entry.key.kind, &entry.key.name)
}

fn is_swap_open(transaction: &Transaction<'_>, key: &Key) -> Result<bool> {
    Ok(transaction.enrolled(key)?.is_some_and(|sent| sent.is_swap_open))
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
