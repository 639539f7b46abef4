//! The platforms at which identities are registered, and the one that a command is about.
//!
//! The columns of `identity` are about the first platform, so that a ledger with one platform is as small and as quick as
//! one without any. The rows of `registration` are about the others.

pub(crate) mod columns;
mod device_tokens;
pub(crate) mod focus;
mod join;
mod known;
mod registrations;
mod rename;
mod revocation_steps;
pub(crate) mod url;
pub(crate) mod work_table;

pub use device_tokens::DeviceToken;
pub use join::PlatformJoin;
pub use registrations::{OutdatedCount, OutdatedDevice, OutdatedRegistration, Registration};
pub use rename::PlatformRename;

use crate::platform::url::PlatformUrl;

/// A platform of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformId(pub(crate) i64);

impl PlatformId {
    /// The platform of the columns of `identity`.
    pub(crate) const FIRST: Self = Self(0);
    /// A platform of which the ledger has nothing yet: no row has this number.
    pub(crate) const UNKNOWN: Self = Self(-1);
}

/// A platform that a ledger knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPlatform {
    /// The platform.
    pub id: PlatformId,
    /// The normalized address.
    pub url: PlatformUrl,
}
