//! One identity of the list.

use std::path::Path;

use base::digest;
use fleet::ca_key::place_of;
use fleet::csv::Cell;
use fleet::report::rfc3339;
use ledger::{Entry, Kind, State};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

/// One identity.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedIdentity {
    /// `ca`, `server` or `device`.
    pub(super) kind: &'static str,
    /// Its name.
    pub(super) name: String,
    /// Which issue of this name it is, from 1.
    pub(super) generation: u32,
    /// `intended`, `issued`, `registered`, `bundled`, `void` or `revoked`.
    pub(super) state: &'static str,
    /// The key algorithm.
    pub(super) algorithm: String,
    /// Where its private key is, of CAs: `file`, `token` or `elsewhere`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<&'static str>,
    /// Who issued it.
    pub(super) issuer: String,
    /// The serial number in hexadecimal.
    serial: String,
    /// The last second at which it holds (RFC 3339, UTC).
    pub(super) not_after: String,
    /// Whole days until then; negative when it is over.
    pub(super) days_left: i64,
    /// ThingsBoard's credentials id, of devices and servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_id: Option<String>,
    /// SHA-256 over the leaf (DER), in hexadecimal; once it is issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// When it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at: Option<String>,
    /// When the platform was told of it last; absent when the platform does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_at: Option<String>,
    /// When it was put into a flash image last.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundled_at: Option<String>,
    /// The job that it was issued by; absent where it was issued by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<u64>,
    /// What went wrong with the next step, or why it was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// The first line of the CSV.
pub(super) const CSV_HEAD: [&str; 17] = [
    "kind",
    "name",
    "generation",
    "state",
    "algorithm",
    "key",
    "issuer",
    "serial",
    "not_after",
    "days_left",
    "credentials_id",
    "fingerprint",
    "issued_at",
    "registered_at",
    "bundled_at",
    "job",
    "last_error",
];

impl ListedIdentity {
    pub(super) fn of(entry: &Entry, store: &Path, now: OffsetDateTime) -> Self {
        let reached = |state| entry.reached(state).map(rfc3339);
        Self {
            kind: entry.key.kind.as_str(),
            name: entry.key.name.clone(),
            generation: entry.generation().number(),
            state: entry.state.as_str(),
            algorithm: entry.algorithm.clone(),
            key: (entry.key.kind == Kind::Ca).then(|| place_of(store, &entry.key.name)),
            issuer: entry.issuer.clone(),
            serial: entry.serial.to_string(),
            not_after: rfc3339(entry.not_after),
            days_left: (entry.not_after - now).whole_days(),
            credentials_id: entry.credentials_id.clone(),
            fingerprint: entry.fingerprint.map(|fingerprint| digest::hex(&fingerprint)),
            issued_at: reached(State::Issued),
            registered_at: reached(State::Registered),
            bundled_at: reached(State::Bundled),
            job: entry.job.map(|(job, _)| job.number()),
            last_error: entry.last_error.clone(),
        }
    }

    /// The cells of its line in the CSV.
    pub(super) fn cells(&self) -> [Cell<'_>; CSV_HEAD.len()] {
        [
            self.kind.into(),
            (&self.name).into(),
            Cell::Number(self.generation.into()),
            self.state.into(),
            (&self.algorithm).into(),
            self.key.into(),
            (&self.issuer).into(),
            (&self.serial).into(),
            (&self.not_after).into(),
            Cell::Number(self.days_left.into()),
            self.credentials_id.as_deref().into(),
            self.fingerprint.as_deref().into(),
            self.issued_at.as_deref().into(),
            self.registered_at.as_deref().into(),
            self.bundled_at.as_deref().into(),
            self.job.into(),
            self.last_error.as_deref().into(),
        ]
    }
}
