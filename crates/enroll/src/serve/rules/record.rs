//! Recording a certificate that is about to be signed, once an operator has approved it if that is needed.

use std::borrow::Cow;

use base::{Code, Result};
use config::{ApprovalPolicy, EnrolmentPolicy};
use identity::lifecycle::enrol::{EnrolmentPlan, SERVERS};
use ledger::{Kind, NameHistory, NewRequest, RequestDecision, Transaction};
use time::Duration;

use super::{Decision, End, Planned, Rules, refused};
use crate::est::Refusal;
use crate::serve::call::Call;

/// How long a certificate that another instance is about to sign is waited for.
const ABANDONED: Duration = Duration::minutes(1);

/// The state of an approval.
enum Approval {
    NotNeeded,
    By(Option<String>),
    Waits,
}

impl Rules<'_> {
    /// Records a certificate that is about to be signed.
    pub(super) fn record(
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

/// The name with which an identity waits for an approval. Devices and servers can have the same name, and no device's name
/// has a slash.
pub(crate) fn requester(kind: Kind, name: &str) -> Cow<'_, str> {
    if kind == Kind::Server { format!("{SERVERS}/{name}").into() } else { name.into() }
}
