//! A revocation, and the steps that make it known to others.

use std::fmt;

use time::OffsetDateTime;

use crate::key::{Key, Kind, SerialNumber};
use crate::platform::PlatformId;
use crate::platform::url::PlatformUrl;

/// The reasons of a revocation that are nothing against the key: a later certificate took the place of this one, or the device
/// was forgotten.
pub(crate) const WITHOUT_FAULT: [&str; 2] = ["superseded", "cessationOfOperation"];

/// Whether a revocation for this reason concerns the key or its holder.
pub(crate) fn is_at_fault(reason: Option<&str>) -> bool {
    !reason.is_some_and(|reason| WITHOUT_FAULT.contains(&reason))
}

/// A revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The time of the revocation.
    pub at: OffsetDateTime,
    /// The reason by its name in RFC 5280, section 5.3.1; `None` if none was given.
    pub reason: Option<String>,
}

impl Revocation {
    /// Whether it concerns the key or its holder, so that the key gets no other certificate.
    pub fn bars_key(&self) -> bool {
        is_at_fault(self.reason.as_deref())
    }
}

/// A certificate that is revoked, for the list of its CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// The serial number.
    pub serial: SerialNumber,
    /// When and why.
    pub revocation: Revocation,
}

/// How many certificates of a kind were revoked for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationCount {
    /// The kind of the identities that are counted.
    pub kind: Kind,
    /// The reason by its name in RFC 5280, section 5.3.1; `None` if none was given.
    pub reason: Option<String>,
    /// The number of certificates.
    pub count: u64,
}

/// A step that makes a revocation known to others. The steps do not wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OpenStep {
    /// The certificate is taken from the platform.
    Platform,
    /// The certificate is on a revocation list of its CA.
    List,
    /// The CA of the device's profile is replaced: in chain mode the platform accepts what a device's key signs.
    ProfileCa,
}

impl OpenStep {
    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 3] = [Self::Platform, Self::List, Self::ProfileCa];

    /// The word that is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::List => "list",
            Self::ProfileCa => "profile-ca",
        }
    }
}

impl fmt::Display for OpenStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A step of a revocation that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRevocation {
    /// The revoked identity.
    pub key: Key,
    /// What is still to be done, so that others learn of the revocation.
    pub step: OpenStep,
    /// Why it failed last; `None` if it was not tried.
    pub error: Option<String>,
    /// The platform of [`OpenStep::Platform`].
    pub platform: PlatformId,
    /// Its address; `None` for other steps, and in a ledger with one platform.
    pub url: Option<PlatformUrl>,
    /// Whether that platform is not in focus.
    pub is_elsewhere: bool,
}
