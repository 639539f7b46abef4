//! The report of a revocation.

use std::path::PathBuf;

use base::Finding;
use base::text::shell_word;
use base::timestamp::rfc3339;
use identity::lifecycle::revocation_lists::RevocationListsReport;
use ledger::{DeviceToken, Entry, Kind, OpenRevocation, OpenStep, PlatformUrl, SerialNumber};
use schemars::JsonSchema;
use serde::Serialize;

use super::elsewhere::is_at_other_platform;

/// The revoked identities, and the open steps.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RevokeReport {
    /// True if nothing was changed.
    pub dry_run: bool,
    /// One for each generation; empty for a job and for a station, of which `counts` has the numbers.
    pub revoked: Vec<RevokedReport>,
    /// How many generations there are of each kind.
    pub counts: RevokeCounts,
    /// The devices whose one-time password, or request for an approval, is withdrawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_enrolment: Vec<String>,
    /// The devices without a certificate whose access token is taken from the platform.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_token: Vec<String>,
    /// The devices without a certificate of which the platform had no access token any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_was_gone: Vec<String>,
    /// The devices without a certificate whose access token a platform still has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with_token: Vec<String>,
    /// The access tokens of these devices, one for each platform.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open_tokens: Vec<OpenToken>,
    /// With a station: certificates that are not revoked, and whose station the ledger does not have. They can be of this
    /// station.
    #[serde(skip_serializing_if = "is_zero")]
    pub without_station: u64,
    /// How many devices were taken from a platform: it does not accept their revoked certificates any more.
    pub withdrawn: u64,
    /// The revocation lists that were written; `null` if none was.
    pub lists: Option<RevocationListsReport>,
    /// What the store that writes the lists of the devices' CAs has to revoke, if this one is a station bundle.
    pub hand_over: Vec<HandOverReport>,
    /// The servers whose files changed, because a CA is not trusted any more: their services must be restarted.
    pub restart: Vec<String>,
    /// Steps that are not done: the first hundred.
    pub open: Vec<OpenReport>,
    /// How many steps are not done.
    pub open_steps: u64,
    /// The platforms that are not configured here and still have certificates that are revoked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<OpenPlatform>,
    /// How many steps wait for another CA of a device profile.
    #[serde(skip)]
    pub profile_ca_steps: u64,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// How many generations there are, by what was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RevokeCounts {
    /// Those that were revoked.
    pub revoked: u64,
    /// Those that were revoked before.
    pub unchanged: u64,
    /// Those that have expired.
    pub expired: u64,
    /// In a dry run, those that would be revoked.
    pub planned: u64,
}

/// A generation of an identity.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RevokedReport {
    /// `device`, `server` or `ca`.
    pub kind: String,
    /// The name of the device, server or CA.
    pub name: String,
    /// The generation, from 1.
    pub generation: u32,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The CA that issued it.
    pub issuer: String,
    /// The last second of its validity (RFC 3339, UTC); `null` if it is unknown.
    pub not_after: Option<String>,
    /// The change.
    pub done: RevokeOutcome,
}

/// A change to a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RevokeOutcome {
    /// It was revoked.
    Revoked,
    /// It was revoked before.
    Unchanged,
    /// It has expired, so that nothing accepts it any more.
    Expired,
    /// A dry run: it would be revoked.
    Planned,
}

/// Certificates that must be revoked in another store.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HandOverReport {
    /// The CA that issued them, by its name in the ledger.
    pub issuer: String,
    /// The reason; `null` if it is unspecified.
    pub reason: Option<String>,
    /// The number of certificates.
    pub certificates: usize,
    /// The file with their serial numbers, to be copied to the other store; `null` if the command has them.
    pub file: Option<PathBuf>,
    /// The command for the other store.
    pub command: String,
}

/// A platform that still has revoked certificates, and that this command does not reach.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OpenPlatform {
    /// The URL of the platform.
    pub platform: String,
    /// The number of steps and tokens that are not done there.
    pub open_steps: u64,
    /// The command that takes the certificates from it.
    pub command: String,
}

/// A step of a revocation that is not done.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OpenReport {
    /// `device`, `server` or `ca`.
    pub kind: String,
    /// The name of the device, server or CA.
    pub name: String,
    /// The generation, from 1.
    pub generation: u32,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// `platform`: the certificate is the device's credential; of a CA, files of servers or a device profile of the
    /// platform still trust it. `list`: no revocation list has it. `profile-ca`: the CA of the device profile must be
    /// replaced.
    pub step: String,
    /// Why the step failed last.
    pub error: Option<String>,
    /// The URL of the platform, if the ledger knows several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// An access token that must be taken from a platform.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OpenToken {
    /// The name of the device.
    pub name: String,
    /// The URL of the platform, if the ledger knows one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Why the last attempt failed; `null` if there was none.
    pub error: Option<String>,
}

/// How many open steps are in a report.
const OPEN: usize = 100;

impl RevokeReport {
    pub(super) fn new(dry_run: bool) -> Self {
        Self {
            dry_run,
            revoked: Vec::new(),
            counts: RevokeCounts::default(),
            without_enrolment: Vec::new(),
            without_token: Vec::new(),
            token_was_gone: Vec::new(),
            with_token: Vec::new(),
            open_tokens: Vec::new(),
            without_station: 0,
            withdrawn: 0,
            lists: None,
            hand_over: Vec::new(),
            restart: Vec::new(),
            open: Vec::new(),
            open_steps: 0,
            platforms: Vec::new(),
            profile_ca_steps: 0,
            findings: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, entry: &Entry, done: RevokeOutcome, is_listed: bool) {
        let count = match done {
            RevokeOutcome::Revoked => &mut self.counts.revoked,
            RevokeOutcome::Unchanged => &mut self.counts.unchanged,
            RevokeOutcome::Expired => &mut self.counts.expired,
            RevokeOutcome::Planned => &mut self.counts.planned,
        };
        *count += 1;
        if is_listed {
            self.revoked.push(RevokedReport::of(entry, done));
        }
    }

    /// Adds a certificate that would be revoked, and of which the ledger has nothing.
    pub(super) fn plan(&mut self, planned: RevokedReport) {
        self.counts.planned += 1;
        self.revoked.push(planned);
    }

    pub(super) fn add_open(&mut self, open: &OpenRevocation, entry: &Entry) {
        self.open_steps += 1;
        if open.step == OpenStep::ProfileCa {
            self.profile_ca_steps += 1;
        }
        if let Some(url) = open.url.as_ref().filter(|_| is_at_other_platform(open)) {
            self.add_platform(url);
        }
        if self.open.len() < OPEN {
            self.open.push(OpenReport::of(open, entry));
        }
    }
}

impl RevokeReport {
    /// Adds a token that a platform still has.
    pub(super) fn add_open_token(&mut self, token: &DeviceToken) {
        if self.with_token.last() != Some(&token.device) {
            self.with_token.push(token.device.clone());
        }
        self.open_tokens.push(OpenToken {
            name: token.device.clone(),
            platform: token.url.as_ref().map(ToString::to_string),
            error: token.error.clone(),
        });
        if let Some(url) = token.url.as_ref().filter(|_| token.is_elsewhere) {
            self.add_platform(url);
        }
    }

    /// How many steps `tbpki revoke --open` tries again: not those at other platforms, and not those that wait for another CA.
    pub fn steps_to_try(&self) -> u64 {
        let elsewhere: u64 = self.platforms.iter().map(|platform| platform.open_steps).sum();
        let tokens = u64::try_from(self.open_tokens.len()).unwrap_or(u64::MAX);
        (self.open_steps + tokens).saturating_sub(elsewhere + self.profile_ca_steps)
    }

    /// Counts a step at a platform that is not in focus.
    fn add_platform(&mut self, url: &PlatformUrl) {
        let url = url.as_str();
        match self.platforms.iter_mut().find(|known| known.platform == url) {
            Some(known) => known.open_steps += 1,
            None => self.platforms.push(OpenPlatform {
                command: format!("tbpki revoke --open --platform-url {}", shell_word(url)),
                platform: url.to_owned(),
                open_steps: 1,
            }),
        }
    }
}

impl RevokedReport {
    fn of(entry: &Entry, done: RevokeOutcome) -> Self {
        Self {
            kind: entry.key.kind.as_str().to_owned(),
            name: entry.key.name.clone(),
            generation: entry.generation().number(),
            serial: entry.serial.to_string(),
            issuer: entry.issuer.clone(),
            not_after: Some(rfc3339(entry.not_after)),
            done,
        }
    }

    /// A certificate of which the ledger has nothing, in a dry run.
    pub(super) fn unseen(name: String, serial: &SerialNumber, issuer: &str) -> Self {
        Self {
            kind: Kind::Device.as_str().to_owned(),
            name,
            generation: 1,
            serial: serial.to_string(),
            issuer: issuer.to_owned(),
            not_after: None,
            done: RevokeOutcome::Planned,
        }
    }
}

impl OpenReport {
    fn of(open: &OpenRevocation, entry: &Entry) -> Self {
        Self {
            kind: open.key.kind.as_str().to_owned(),
            name: open.key.name.clone(),
            generation: open.key.generation.number(),
            serial: entry.serial.to_string(),
            step: open.step.as_str().to_owned(),
            error: open.error.clone(),
            platform: open.url.as_ref().map(ToString::to_string),
        }
    }
}
