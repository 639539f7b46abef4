//! The one thread that writes to the store: it takes the requests that wait, decides them in one transaction, signs on
//! all cores, and records the results in another one. The store's lock is held only meanwhile.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use base::{Code, Error, Result};
use identity::key_in_use::ReservedKeys;
use ledger::{IntendedIdentity, Key};
use pki::Certificate;
use pki::issuer::Issuer;
use store::{KeptStore, Store, Workspace, issued_record};
use time::OffsetDateTime;

use super::call::{Call, Reply};
use super::cas::{Cas, FilesOfCas};
use super::gate::Gate;
use super::ledger_file::{self, LedgerFile};
use super::metrics::Metrics;
use super::rules::{Decision, Planned, Rules, Taken, requester};
use super::service::{BUSY, Health};
use super::upkeep::ListState;
use crate::est::{Answer, Refusal};

/// Requests that are decided in one transaction, at most.
pub(super) const BATCH: usize = 64;

/// How long the first request of a batch waits for others that are on their way. Most of the time that a small batch takes is
/// not that of its requests.
pub(super) const GATHERING: Duration = Duration::from_millis(8);

/// How often the others are looked for meanwhile. Not for each that arrives: waking a thread costs as much as a statement.
const LOOKS: u32 = 4;

/// Certificates that a thread signs at least: starting one takes as long as signing some.
const SHARE: usize = 8;

/// The verb that holds the store's lock.
const VERB: &str = "serve";

/// The desk.
pub(crate) struct Desk<'a, 'w> {
    pub(crate) workspace: &'a mut Workspace<'w>,
    pub(crate) cas: Cas,
    pub(crate) keys: ReservedKeys,
    pub(crate) bootstrap: Vec<Certificate>,
    pub(crate) issuances: u32,
    pub(crate) ledger_file: LedgerFile,
    /// The connection to the ledger between two batches.
    pub(crate) kept: KeptStore,
    /// Whether there was a batch since the last look at the store.
    pub(crate) is_busy: bool,
    /// The processors, of which each signs a share. Asked once, because the system reads files for the answer.
    pub(crate) cores: usize,
    pub(crate) metrics: &'a Metrics,
    pub(crate) health: Arc<Health>,
    /// The connections, each of which can bring a request.
    pub(crate) gate: Gate,
    /// Tells that a certificate waits for the platform; `None` if nothing brings it there.
    pub(crate) waits: Option<SyncSender<()>>,
    /// Tells that revocation lists have changed.
    pub(crate) lists_changed: SyncSender<()>,
    /// What is known of the revocation lists.
    pub(super) lists: ListState,
}

/// A certificate that was signed, or why it was not.
struct Signed {
    identity: IntendedIdentity,
    public: [u8; 32],
    is_in_use: bool,
    approved_by: Option<String>,
    result: Result<Certificate>,
}

impl Desk<'_, '_> {
    /// Takes the requests that wait, for at most `patience`. Returns whether more can come.
    ///
    /// # Errors
    /// [`Code::LedgerReplaced`]. Other errors are answered and logged.
    pub(crate) fn serve(&mut self, calls: &Receiver<Call>, patience: Duration) -> Result<bool> {
        let mut waiting = match calls.recv_timeout(patience) {
            Ok(call) => vec![call],
            Err(RecvTimeoutError::Timeout) => return Ok(true),
            Err(RecvTimeoutError::Disconnected) => return Ok(false),
        };
        self.gather(calls, &mut waiting);
        while !waiting.is_empty() {
            // Deferred requests stay in front: their names are free as soon as the batch before has been recorded.
            waiting.extend(calls.try_iter().take(BATCH.saturating_sub(waiting.len())));
            waiting = self.batch(waiting)?;
        }
        Ok(true)
    }

    /// Takes the requests that arrive within [`GATHERING`], unless as many wait as there are connections. A client that is
    /// alone does not wait.
    fn gather(&self, calls: &Receiver<Call>, waiting: &mut Vec<Call>) {
        let begun = Instant::now();
        loop {
            waiting.extend(calls.try_iter().take(BATCH.saturating_sub(waiting.len())));
            if waiting.len() >= self.gate.open().min(BATCH) || begun.elapsed() >= GATHERING {
                return;
            }
            thread::sleep(GATHERING / LOOKS);
        }
    }

    /// Serves requests, and returns those that wait for another one of the same name.
    fn batch(&mut self, calls: Vec<Call>) -> Result<Vec<Call>> {
        self.is_busy = true;
        let mut kept = std::mem::take(&mut self.kept);
        let deferred = self.batch_in(&mut kept, calls);
        self.kept = kept;
        deferred
    }

    fn batch_in(&mut self, kept: &mut KeptStore, calls: Vec<Call>) -> Result<Vec<Call>> {
        // A service lives for months: dates must not be judged by the time of its start.
        self.workspace.now = OffsetDateTime::now_utc();
        // Before the store is opened, since opening writes. This is the one error that ends the service.
        self.ledger_file.check()?;
        let mut store = match self.workspace.reopen_store(kept, VERB) {
            Ok(store) => store,
            Err(error) if error.code() == Code::StoreLocked => {
                tracing::warn!(%error, "another verb works with the store");
                self.health.served(true);
                end_all(calls, &Refusal::Busy(BUSY));
                return Ok(Vec::new());
            }
            Err(error) => {
                tracing::error!(code = %error.code(), %error, "the store cannot be opened");
                self.health.served(false);
                end_all(calls, &refusal_of_store(&error));
                return ledger_file::end_if_replaced(error).map(|_| Vec::new());
            }
        };
        // Again, because the file may have been replaced before the lock was taken.
        self.ledger_file.check()?;
        // Under the lock, so that no rollover comes in between: the ledger records the generation that signs from now on, and
        // a certificate of the one before would be missing when that one is retired or revoked.
        if self.cas.have_changed(store.dir())
            && let Err(error) = self.cas.refresh(self.workspace, FilesOfCas::Settled)
        {
            tracing::error!(%error, "the CAs cannot be read");
            end_all(calls, &refusal_of_store(&error));
            return Ok(Vec::new());
        }
        let (decisions, recorded) = match self.decide(&mut store, &calls) {
            Ok(decisions) => decisions,
            Err(error) => {
                tracing::error!(code = %error.code(), %error, "requests could not be decided");
                self.health.served(false);
                store.give_up();
                end_all(calls, &refusal_of_store(&error));
                return Ok(Vec::new());
            }
        };
        // The decisions are committed: an answer that leaves here holds even if the process is killed during the
        // signing.
        let Answered { planned, deferred, has_waiting } = answer(calls, decisions, recorded);
        // The thread of the platform opens the store itself, so it is woken only when the lock is free.
        let is_good = self.issue(&mut store, planned);
        self.health.served(is_good);
        if is_good {
            drop(store);
        } else {
            store.give_up();
        }
        if let Some(waits) = self.waits.as_ref().filter(|_| has_waiting)
            && waits.try_send(()).is_err()
        {
            tracing::trace!("the thread of the platform was told before");
        }
        Ok(deferred)
    }

    /// The decisions, and the rows of those to issue, in their order.
    fn decide(&self, store: &mut Store, calls: &[Call]) -> Result<(Vec<Decision>, Vec<IntendedIdentity>)> {
        store.ledger.transaction(|transaction| {
            let rules = Rules {
                config: self.workspace.config,
                cas: &self.cas,
                keys: &self.keys,
                bootstrap: &self.bootstrap,
                issuances: self.issuances,
                registers: self.waits.is_some(),
                reserved: &transaction.reserved_among(calls.iter().filter_map(Call::expected_name))?,
                now: self.workspace.now,
            };
            let mut taken = Taken::default();
            let decide = |call: &Call| -> Result<Decision> {
                let decision = rules.decide(transaction, call, &taken)?;
                if let Decision::Issue(planned) = &decision {
                    taken.add(planned);
                }
                Ok(decision)
            };
            let decisions: Vec<Decision> = calls.iter().map(decide).collect::<Result<_>>()?;
            let planned = decisions.iter().filter_map(|decision| match decision {
                Decision::Issue(planned) => Some(&planned.next),
                _ => None,
            });
            let recorded = transaction.intend_all(planned)?;
            Ok((decisions, recorded))
        })
    }

    /// Signs what was planned, records it, and answers. Returns whether the ledger could be written.
    fn issue(&self, store: &mut Store, planned: Vec<(Call, IntendedIdentity, Planned)>) -> bool {
        if planned.is_empty() {
            return true;
        }
        let signed = self.sign_all(planned);
        match record(store, &signed) {
            Ok(revoked) => {
                let (sent, revoked): (Vec<_>, Vec<_>) =
                    signed.into_iter().partition(|(_, signed)| !revoked.contains(&signed.identity.key));
                self.metrics.issued(sent.iter().filter(|(_, signed)| signed.result.is_ok()).count());
                for (call, signed) in sent {
                    call.end(reply(signed));
                }
                // The same request gets the right refusal when the client asks again.
                end_all(revoked.into_iter().map(|(call, _)| call), &Refusal::Busy(BUSY));
                true
            }
            Err(error) => {
                // The rows stay as intended and never sent: the next request voids them.
                tracing::error!(%error, "signed certificates could not be recorded, and are not sent");
                end_all(signed.into_iter().map(|(call, _)| call), &refusal_of_store(&error));
                false
            }
        }
    }

    /// Signs on all cores. Each request keeps its own result.
    fn sign_all(&self, mut plans: Vec<(Call, IntendedIdentity, Planned)>) -> Vec<(Call, Signed)> {
        let share = plans.len().div_ceil(self.cores).max(if self.cas.sign_slowly() { 1 } else { SHARE });
        let mut shares = Vec::new();
        while plans.len() > share {
            let rest = plans.split_off(share);
            shares.push(std::mem::replace(&mut plans, rest));
        }
        let cas = &self.cas;
        let sign_share = |share: Vec<(Call, IntendedIdentity, Planned)>| -> Vec<(Call, Signed)> {
            share.into_iter().map(|(call, identity, plan)| (call, sign(cas, identity, plan))).collect()
        };
        thread::scope(|scope| {
            let threads: Vec<_> = shares.into_iter().map(|share| scope.spawn(move || sign_share(share))).collect();
            let mut signed = sign_share(plans);
            for thread in threads {
                match thread.join() {
                    Ok(share) => signed.extend(share),
                    // Its clients get an answer when their senders are dropped.
                    Err(_) => tracing::error!("a thread that signs has stopped"),
                }
            }
            signed
        })
    }
}

/// What is left of a batch when all answers that need no signature have left.
struct Answered {
    /// The requests that get a certificate.
    planned: Vec<(Call, IntendedIdentity, Planned)>,
    /// Those that wait for another one of the same name.
    deferred: Vec<Call>,
    /// Whether a certificate waits for the platform.
    has_waiting: bool,
}

/// Answers the requests that get no certificate. `recorded` are the rows of the others, in their order.
fn answer(calls: Vec<Call>, decisions: Vec<Decision>, recorded: Vec<IntendedIdentity>) -> Answered {
    let mut answered = Answered { planned: Vec::new(), deferred: Vec::new(), has_waiting: false };
    let mut recorded = recorded.into_iter();
    for (call, decision) in calls.into_iter().zip(decisions) {
        match decision {
            Decision::Deferred => answered.deferred.push(call),
            Decision::Issue(plan) => match recorded.next() {
                Some(identity) => answered.planned.push((call, identity, *plan)),
                None => call.end(Reply::refused(&Refusal::Failed)),
            },
            Decision::Refused(refusal) => call.end(Reply::refused(&refusal)),
            Decision::Again { key, certificate } => call.end(sent_again(&key, &certificate)),
            Decision::Confirmed { key, waits } => {
                answered.has_waiting |= waits;
                let answer = if waits { Answer::from(&Refusal::Platform) } else { Answer::text("confirmed") };
                call.end(Reply { answer, device: Some(key.name), serial: None, approved_by: None });
            }
            Decision::Waiting(device) => {
                call.end(Reply { device: Some(device), ..Reply::refused(&Refusal::Waiting) });
            }
            Decision::Seen { first, waits } => {
                answered.has_waiting |= waits;
                let device = first.map(|key| key.name);
                call.end(Reply { answer: Answer::text("seen"), device, serial: None, approved_by: None });
            }
        }
    }
    answered
}

fn sign(cas: &Cas, identity: IntendedIdentity, plan: Planned) -> Signed {
    let Planned { next, order, public, is_in_use, approved_by } = plan;
    let issued = cas.issuer(&next.identity().issuer).and_then(|ca| ca.issue(order));
    let leaf = issued.and_then(|issued| {
        let leaf = issued.chain.into_iter().next();
        leaf.ok_or_else(|| Code::Internal.error("a CA issued nothing"))
    });
    Signed { identity, public, is_in_use, approved_by, result: leaf }
}

/// Records all results together. Returns those whose name was revoked meanwhile, or whose key another name has by now. They
/// are not sent.
fn record(store: &mut Store, signed: &[(Call, Signed)]) -> Result<BTreeSet<Key>> {
    store.ledger.transaction(|transaction| {
        let mut revoked = BTreeSet::new();
        // Asked once for all, because most services need no approval and have none.
        let has_requests = transaction.has_enrolment_requests()?;
        for (_, Signed { identity, public, is_in_use, result, .. }) in signed {
            let key = &identity.key;
            match result {
                Ok(leaf) => {
                    // Another instance may have signed a certificate for the key since the decision.
                    if transaction.is_shared() && transaction.key_holder(public, key.kind, &key.name)?.is_some() {
                        transaction.void(key, "the key is that of another certificate")?;
                        revoked.insert(key.clone());
                        continue;
                    }
                    // With its certificate: a client whose answer is lost gets this one again instead of another one.
                    if !transaction.issued_and_sent(identity, &issued_record(leaf), public, leaf.der())? {
                        revoked.insert(key.clone());
                        continue;
                    }
                    if has_requests {
                        transaction.request_served(&requester(key.kind, &key.name), public)?;
                    }
                    if *is_in_use {
                        transaction.in_use_from_now(key)?;
                    }
                }
                Err(error) => transaction.void(key, &error.to_string())?,
            }
        }
        Ok(revoked)
    })
}

fn reply(signed: Signed) -> Reply {
    match signed.result {
        Ok(leaf) => {
            let serial = Some(leaf.serial_hex());
            let device = Some(signed.identity.key.name);
            Reply { answer: Answer::issued([&leaf]), device, serial, approved_by: signed.approved_by }
        }
        Err(error) => {
            let device = signed.identity.key.name;
            tracing::error!(%error, device, "not signed");
            Reply { device: Some(device), ..Reply::refused(&refusal_of(&error)) }
        }
    }
}

/// The answer to requests that the store or its ledger could not serve.
fn refusal_of_store(error: &Error) -> Refusal {
    match error.code() {
        Code::ClockImplausible => Refusal::Clock,
        Code::CaNotInLedger => Refusal::CaNotInLedger,
        // Nothing of the request was at fault, and the service goes on when the server answers.
        Code::LedgerBusy | Code::LedgerLost | Code::LedgerUnreachable => Refusal::Ledger,
        _ => Refusal::Failed,
    }
}

fn refusal_of(error: &Error) -> Refusal {
    match error.code() {
        Code::NameConstraint | Code::LintFailed => Refusal::Request(error.finding().what.clone()),
        _ => Refusal::Failed,
    }
}

fn sent_again(key: &Key, der: &[u8]) -> Reply {
    match Certificate::from_der(der) {
        Ok(leaf) => {
            let serial = Some(leaf.serial_hex());
            Reply { answer: Answer::issued([&leaf]), device: Some(key.name.clone()), serial, approved_by: None }
        }
        Err(error) => {
            tracing::error!(%error, %key, "the certificate in the ledger is damaged");
            Reply::refused(&Refusal::Failed)
        }
    }
}

fn end_all(calls: impl IntoIterator<Item = Call>, refusal: &Refusal) {
    for call in calls {
        call.end(Reply::refused(refusal));
    }
}
