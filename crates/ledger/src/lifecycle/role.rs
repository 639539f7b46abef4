//! The role of a generation among those of its name.

use std::fmt;

use serde::Serialize;

/// The role of a generation among those of its name.
///
/// ```text
/// intended ──> current ──> superseded
///    │  └──> pending ┘│        │
///    │                ├──> retired
///    └──> void <──────┴──> revoked
/// ```
///
/// Two partial unique indexes keep a name from having two current or two pending generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// About to be signed. It reserves the name.
    Intended,
    /// The certificate that the device or server uses. All verbs take this one.
    Current,
    /// A renewal that is not in use yet. The current generation stays valid until this one is proven.
    Pending,
    /// Replaced by a later generation. Its certificate may not have expired yet.
    Superseded,
    /// Out of service, without a revocation.
    Retired,
    /// Given up before it was used. Its serial number is never used again.
    Void,
    /// Revoked. This is final: no verb registers, bundles or renews it.
    Revoked,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] =
        [Self::Intended, Self::Current, Self::Pending, Self::Superseded, Self::Retired, Self::Void, Self::Revoked];

    /// The word that is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Current => "current",
            Self::Pending => "pending",
            Self::Superseded => "superseded",
            Self::Retired => "retired",
            Self::Void => "void",
            Self::Revoked => "revoked",
        }
    }

    /// Whether a generation of this role is in use: it has a certificate with which its device or server logs in, now
    /// or after a renewal. A name with such a generation, or with an intended one, is taken.
    pub const fn is_in_use(self) -> bool {
        matches!(self, Self::Current | Self::Pending)
    }

    /// True if others may still hold a certificate of this role and use it, until it expires or is revoked.
    pub const fn can_be_revoked(self) -> bool {
        matches!(self, Self::Current | Self::Pending | Self::Superseded | Self::Retired)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The condition for rows that take their name: [`Role::is_in_use`], or reserved for one that is about to be signed.
pub(crate) const TAKES_NAME: &str = "role IN ('intended', 'current', 'pending')";

/// The condition for rows that keep their name from being renewed by a job: another renewal is under way.
pub(crate) const TAKES_RENEWAL: &str = "role IN ('intended', 'pending')";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_use_is_a_part_of_what_can_be_revoked_and_the_end_is_not() {
        for role in Role::ALL {
            assert!(!role.is_in_use() || role.can_be_revoked(), "{role}");
            let takes = TAKES_NAME.contains(&format!("'{role}'"));
            assert_eq!(takes, role.is_in_use() || role == Role::Intended, "{role}");
        }
        assert!(!Role::Revoked.can_be_revoked() && !Role::Void.can_be_revoked());
    }
}
