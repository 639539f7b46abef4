//! A row of the list.

use std::path::Path;

use base::Result;
use base::csv_writer::Cell;
use base::digest;
use base::timestamp::rfc3339;
use fleet::lifecycle::renew::{RenewalStatus, Urgency};
use identity::lifecycle::renew::RenewalRule;
use ledger::{Entry, Kind, Role, State, View};
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::place_of;
use time::OffsetDateTime;

/// One identity.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedIdentity {
    /// `ca`, `server` or `device`.
    pub(super) kind: &'static str,
    /// The name of the device, server or CA.
    pub(super) name: String,
    /// How it logs in: `certificate`, or `token` for a device with an access token, which has no certificate.
    credential: &'static str,
    /// The generation of the name, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<u32>,
    /// `intended`, `issued`, `registered`, `bundled`, `void` or `revoked`.
    pub(super) state: &'static str,
    /// The key algorithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) algorithm: Option<String>,
    /// For CAs, the location of the private key: `file`, `token` or `elsewhere`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<&'static str>,
    /// The name of the issuing CA in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issuer: Option<String>,
    /// The serial number in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The last second of the validity (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_after: Option<String>,
    /// For CAs in use, the time from which on the certificates that it issues end earlier than configured (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shortens_from: Option<String>,
    /// Whole days until the end of the validity; negative after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) days_left: Option<i64>,
    /// ThingsBoard's credentials id, for devices and servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_id: Option<String>,
    /// The SHA-256 of the leaf (DER) in hexadecimal; absent before it is issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// The time of issuing (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at: Option<String>,
    /// The time of the last registration with the platform; absent if it is not registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    registered_at: Option<String>,
    /// The time of the last flash image.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundled_at: Option<String>,
    /// The job that issued it; absent for single identities.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<u64>,
    /// The error of the last operation, or the reason for the revocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// The role among the generations of its name: `current`, `pending`, `superseded`, `retired`, `revoked`, `void` or
    /// `intended`.
    pub(super) role: &'static str,
    /// `expired`; `pending` if a renewal waits for its use; `due` if `tbpki renew --due` takes it; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) renewal: Option<Urgency>,
    /// The reason of its revocation, if one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation_reason: Option<String>,
    /// The time at which it was taken from the platform, unless it was registered again since.
    #[serde(skip_serializing_if = "Option::is_none")]
    unregistered_at: Option<String>,
    /// The steps of a renewal or a revocation that are begun and not done, without `--all` those of all generations of the
    /// name; absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) open: Vec<&'static str>,
    /// Why one of these steps failed the last time; for example, the platform has another credential of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_error: Option<String>,
    /// The URLs of the platforms that still have a revoked certificate; absent if the ledger knows one platform.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) open_platforms: Vec<String>,
    /// The platforms at which the name is registered; absent if the ledger knows one platform.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<ListedPlatform>,
}

/// A platform at which an identity is registered.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ListedPlatform {
    /// The URL of the platform.
    url: String,
    /// The generation that it has, from 1.
    generation: u32,
    /// The time of the registration (RFC 3339, UTC).
    registered_at: String,
}

impl ListedPlatform {
    /// The platforms of a name; none if the ledger knows one platform.
    pub(super) fn of(view: &View, entry: &Entry) -> Result<Vec<Self>> {
        if !view.has_other_platforms() {
            return Ok(Vec::new());
        }
        let there = view.registrations_of(entry.key.kind, &entry.key.name)?.into_iter();
        Ok(there
            .map(|one| Self {
                url: one.platform.url.to_string(),
                generation: one.generation.number(),
                registered_at: rfc3339(one.at),
            })
            .collect())
    }
}

/// The first line of the CSV.
pub(super) const CSV_HEAD: [&str; 23] = [
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
    "unregistered_at",
    "role",
    "renewal",
    "revocation_reason",
    "credential",
    "shortens_from",
];

impl ListedIdentity {
    pub(super) fn of(
        entry: &Entry,
        store: &Path,
        status: &RenewalStatus,
        rule: RenewalRule,
        all_generations: bool,
        platforms: Vec<ListedPlatform>,
        now: OffsetDateTime,
    ) -> Self {
        let reached = |state| entry.reached(state).map(rfc3339);
        Self {
            kind: entry.key.kind.as_str(),
            name: entry.key.name.clone(),
            credential: "certificate",
            generation: Some(entry.generation().number()),
            state: entry.state.as_str(),
            algorithm: Some(entry.algorithm.clone()),
            // Of CAs alone: to look for the keys of a million devices would take a call of the system for each.
            key: (entry.key.kind == Kind::Ca).then(|| place_of(store, &entry.key.name)),
            issuer: Some(entry.issuer.clone()),
            serial: Some(entry.serial.to_string()),
            not_after: Some(rfc3339(entry.not_after)),
            shortens_from: None,
            days_left: Some((entry.not_after - now).whole_days()),
            credentials_id: entry.credentials_id.clone(),
            fingerprint: entry.fingerprint.map(|fingerprint| digest::hex(&fingerprint)),
            issued_at: reached(State::Issued),
            registered_at: reached(State::Registered),
            bundled_at: reached(State::Bundled),
            job: entry.job.map(|(job, _)| job.number()),
            last_error: entry.last_error.clone(),
            role: entry.role.as_str(),
            renewal: Urgency::of(entry, status, rule, now),
            revocation_reason: entry.revocation.as_ref().and_then(|revocation| revocation.reason.clone()),
            unregistered_at: entry.unregistered_at.map(rfc3339),
            open: if all_generations { status.open(entry) } else { status.open_of_name(entry) },
            open_error: match all_generations {
                true => status.error(entry).map(str::to_owned),
                false => status.error_of_name(entry).map(str::to_owned),
            },
            open_platforms: match all_generations {
                true => status.open_platforms(entry),
                false => status.open_platforms_of_name(entry),
            },
            platforms,
        }
    }

    /// A device with an access token. The platform has it: its token comes from there, or was set there.
    pub(super) fn of_token(name: String) -> Self {
        Self {
            kind: Kind::Device.as_str(),
            name,
            credential: "token",
            generation: None,
            state: State::Registered.as_str(),
            algorithm: None,
            key: None,
            issuer: None,
            serial: None,
            not_after: None,
            shortens_from: None,
            days_left: None,
            credentials_id: None,
            fingerprint: None,
            issued_at: None,
            registered_at: None,
            bundled_at: None,
            job: None,
            last_error: None,
            role: Role::Current.as_str(),
            renewal: None,
            revocation_reason: None,
            unregistered_at: None,
            open: Vec::new(),
            open_error: None,
            open_platforms: Vec::new(),
            platforms: Vec::new(),
        }
    }

    /// True if it is in both states: `state` has the last one.
    pub(super) fn is_registered_and_bundled(&self) -> bool {
        matches!(self.state, "registered" | "bundled") && self.registered_at.is_some() && self.bundled_at.is_some()
    }

    /// The cells of its line in the CSV.
    pub(super) fn cells(&self) -> [Cell<'_>; CSV_HEAD.len()] {
        [
            self.kind.into(),
            (&self.name).into(),
            self.generation.map(u64::from).into(),
            self.state.into(),
            self.algorithm.as_deref().into(),
            self.key.into(),
            self.issuer.as_deref().into(),
            self.serial.as_deref().into(),
            self.not_after.as_deref().into(),
            // A number, so that a minus sign in front is not taken for a formula and marked with an apostrophe.
            self.days_left.map_or_else(|| None::<&str>.into(), |days| Cell::Number(days.into())),
            self.credentials_id.as_deref().into(),
            self.fingerprint.as_deref().into(),
            self.issued_at.as_deref().into(),
            self.registered_at.as_deref().into(),
            self.bundled_at.as_deref().into(),
            self.job.into(),
            self.last_error.as_deref().into(),
            self.unregistered_at.as_deref().into(),
            self.role.into(),
            self.renewal.map(Urgency::as_str).into(),
            self.revocation_reason.as_deref().into(),
            self.credential.into(),
            self.shortens_from.as_deref().into(),
        ]
    }
}
