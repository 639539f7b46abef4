//! Requests for certificates over the network that wait for an operator.

use base::text::quote;
use base::{Code, Result, hex};
use time::OffsetDateTime;

use crate::ledger::Ledger;
use crate::transaction::Transaction;
use crate::value::{SqlRow, at, one_of, values};
use crate::view::View;

/// The decision of an operator about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestDecision {
    /// The certificate is issued the next time that the device asks.
    Approved,
    /// It is refused.
    Denied,
}

impl RequestDecision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Approved, Self::Denied];

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Denied => "denied",
        }
    }
}

/// A request that has all that a certificate needs, except the approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest<'a> {
    /// The device's name.
    pub device: &'a str,
    /// The label; `None` for the devices' issuing CA.
    pub label: Option<&'a str>,
    /// SHA-256 over the public key (SubjectPublicKeyInfo in DER).
    pub key: [u8; 32],
    /// Whether the device has no certificate yet.
    pub is_first: bool,
    /// The address that asked.
    pub address: &'a str,
}

/// A request that an operator approves or denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentRequest {
    /// The device's name.
    pub device: String,
    /// The label; `None` for the devices' issuing CA.
    pub label: Option<String>,
    /// SHA-256 over the public key (SubjectPublicKeyInfo in DER).
    pub key: [u8; 32],
    /// Whether the device has no certificate yet.
    pub is_first: bool,
    /// The address that asked.
    pub address: String,
    /// The time of the first request with this key.
    pub asked_at: OffsetDateTime,
    /// The decision; `None` while the request waits.
    pub decision: Option<RequestDecision>,
    /// The time of the decision.
    pub decided_at: Option<OffsetDateTime>,
    /// The user who decided.
    pub decided_by: Option<String>,
}

impl EnrolmentRequest {
    /// The name of the request: the first 16 hexadecimal digits of the SHA-256 over its public key. A request with another
    /// key has another name, so that an operator approves only a key that was shown.
    pub fn id(&self) -> String {
        hex::lower(&self.key).chars().take(16).collect()
    }
}

const SELECT: &str = "SELECT device, label, key, is_first, address, asked_at, decision, decided_at, decided_by \
    FROM enrolment_request";

fn read(row: &SqlRow) -> Result<EnrolmentRequest> {
    let decision = row.get::<Option<String>>(6)?;
    let decision = decision.map(|word| one_of(&RequestDecision::ALL, RequestDecision::as_str, &word)).transpose()?;
    Ok(EnrolmentRequest {
        device: row.get(0)?,
        label: row.get(1)?,
        key: row.get(2)?,
        is_first: row.get::<i64>(3)? != 0,
        address: row.get(4)?,
        asked_at: at(row.get(5)?)?,
        decision,
        decided_at: row.get::<Option<i64>>(7)?.map(at).transpose()?,
        decided_by: row.get(8)?,
    })
}

impl View {
    /// The request of a device.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn enrolment_request(&self, device: &str) -> Result<Option<EnrolmentRequest>> {
        self.one(&format!("{SELECT} WHERE device = ?1"), values![device])?.as_ref().map(read).transpose()
    }

    /// All requests: those that wait first, and the oldest first.
    pub fn enrolment_requests(&self) -> Result<Vec<EnrolmentRequest>> {
        let order = "ORDER BY decision IS NOT NULL, asked_at, device";
        self.query(&format!("{SELECT} {order}"), &[])?.iter().map(read).collect()
    }

    /// Whether there are requests, decided or not.
    pub fn has_enrolment_requests(&self) -> Result<bool> {
        Ok(self.one("SELECT 1 FROM enrolment_request LIMIT 1", &[])?.is_some())
    }

    /// The number of requests that wait.
    pub fn waiting_requests(&self) -> Result<u64> {
        self.one("SELECT count(*) FROM enrolment_request WHERE decision IS NULL", &[])?.map_or(Ok(0), |row| row.get(0))
    }
}

impl Transaction<'_> {
    /// Records that a device waits for an approval. A request with another key takes the place of the one before, whatever
    /// was decided about that.
    pub fn ask_for_approval(&self, new: &NewRequest<'_>) -> Result<()> {
        self.execute(
            "INSERT INTO enrolment_request (device, label, key, is_first, address, asked_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (device) DO UPDATE SET label = excluded.label, \
             key = excluded.key, is_first = excluded.is_first, address = excluded.address, \
             asked_at = excluded.asked_at, decision = NULL, decided_at = NULL, decided_by = NULL",
            values![new.device, new.label, &new.key, i64::from(new.is_first), new.address, self.now()],
        )
        .map(drop)
    }

    /// Removes the request of a device for this key, because its certificate is issued.
    pub fn request_served(&self, device: &str, key: &[u8; 32]) -> Result<()> {
        self.execute("DELETE FROM enrolment_request WHERE device = ?1 AND key = ?2", values![device, key]).map(drop)
    }
}

impl Ledger {
    /// Records a decision about requests by their names ([`EnrolmentRequest::id`], or DEVICE=ID), about all of them or none.
    /// `who` is the user. A decision can be changed until the certificate is issued.
    ///
    /// # Errors
    /// [`Code::UnknownRequest`] if one of the names has no request, [`Code::AmbiguousRequest`] if it has several.
    pub fn decide_requests(
        &mut self,
        ids: &[String],
        decision: RequestDecision,
        who: &str,
    ) -> Result<Vec<EnrolmentRequest>> {
        self.transaction(|transaction| {
            let all = transaction.enrolment_requests()?;
            ids.iter().map(|id| decide(transaction, &all, id, decision, who)).collect()
        })
    }

    /// Removes requests that were decided, or first made, before a time. Returns their number.
    pub fn remove_old_requests(&mut self, before: OffsetDateTime) -> Result<u64> {
        let sql = "DELETE FROM enrolment_request WHERE coalesce(decided_at, asked_at) < ?1";
        self.transaction(|transaction| transaction.execute(sql, values![before.unix_timestamp()]))
    }
}

fn decide(
    transaction: &Transaction<'_>,
    all: &[EnrolmentRequest],
    id: &str,
    decision: RequestDecision,
    who: &str,
) -> Result<EnrolmentRequest> {
    // Two devices may ask with one key, for example if it was copied. The last equals sign separates, because a name of a device
    // may have one, and an id has none.
    let (device, key) = id.rsplit_once('=').map_or((None, id), |(device, key)| (Some(device), key));
    let mut found =
        all.iter().filter(|request| request.id() == key && device.is_none_or(|device| device == request.device));
    let request = found.next().ok_or_else(|| {
        Code::UnknownRequest
            .error(format!("no request has the name {}", quote(id)))
            .because("a request ends when its certificate is issued, and when the device asks with another key")
            .fix("`tbpki enroll list` shows the requests")
    })?;
    if found.next().is_some() {
        let devices = all.iter().filter(|request| request.id() == key);
        let devices = devices.map(|request| request.device.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Code::AmbiguousRequest
            .error(format!("several devices ask with the key of the request {}: {devices}", quote(key)))
            .because("a key belongs to one device, so that one of them has a copy")
            .fix(format!("name the device as well, for example {}={key}", request.device)));
    }
    let now = transaction.now();
    // The key as well: the name alone is a part of it.
    let sql = "UPDATE enrolment_request SET decision = ?3, decided_at = ?4, decided_by = ?5 \
        WHERE device = ?1 AND key = ?2";
    transaction.execute(sql, values![&request.device, &request.key, decision.as_str(), now, who])?;
    if decision == RequestDecision::Denied {
        // The device may ask with another key. If the operator changes the decision, this key binds the password again.
        let sql = "UPDATE enrolment_password SET key = NULL WHERE device = ?1 AND key = ?2 AND spent_at IS NULL";
        transaction.execute(sql, values![&request.device, &request.key])?;
    }
    Ok(EnrolmentRequest {
        decision: Some(decision),
        decided_at: Some(at(now)?),
        decided_by: Some(who.to_owned()),
        ..request.clone()
    })
}
