//! The state of an identity.

use std::fmt;

use serde::Serialize;

/// The last step that was taken with an identity.
///
/// ```text
/// intended ──> issued ──> registered <──> bundled
///    │           │  └───────────┼────────────┘
///    └──> void <─┘              └──> revoked
/// ```
///
/// Registering and bundling may come in either order and be repeated; the row keeps the time of each. What the
/// platform has been made to forget is as if it had never been registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// About to be signed. Nothing is known to exist.
    Intended,
    /// Signed and delivered to its files.
    Issued,
    /// Known to the platform.
    Registered,
    /// In a flash image.
    Bundled,
    /// Given up before it was used. Its serial is never used again.
    Void,
    /// Withdrawn after it was used.
    Revoked,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Intended, Self::Issued, Self::Registered, Self::Bundled, Self::Void, Self::Revoked];

    /// The word that is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Issued => "issued",
            Self::Registered => "registered",
            Self::Bundled => "bundled",
            Self::Void => "void",
            Self::Revoked => "revoked",
        }
    }

    /// The column with the time at which a row came to this state.
    pub(crate) const fn time_column(self) -> &'static str {
        match self {
            Self::Intended => "intended_at",
            Self::Issued => "issued_at",
            Self::Registered => "registered_at",
            Self::Bundled => "bundled_at",
            Self::Void => "voided_at",
            Self::Revoked => "revoked_at",
        }
    }

    /// True if `next` may follow.
    pub const fn may_become(self, next: Self) -> bool {
        use State::{Bundled, Intended, Issued, Registered, Revoked, Void};
        match (self, next) {
            // Void only until it is used: later, others may have the certificate, so that it has to be revoked.
            (Intended, Issued | Void) | (Issued, Void) => true,
            // In any order and again: a device may be bundled first, or
            // registered once more after the platform has lost it.
            (Issued | Registered | Bundled, Registered | Bundled | Revoked) => true,
            // Each state by its name, so that a new one does not compile before it is decided on.
            (Intended | Issued | Registered | Bundled | Void | Revoked, _) => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_end_and_nothing_returns_to_the_beginning() {
        for state in State::ALL {
            assert!(!State::Void.may_become(state) && !State::Revoked.may_become(state), "{state}");
            assert!(!state.may_become(State::Intended), "{state}");
        }
    }

    #[test]
    fn what_was_used_is_revoked_and_what_was_not_is_voided() {
        assert!(State::Issued.may_become(State::Void) && State::Issued.may_become(State::Revoked));
        assert!(!State::Registered.may_become(State::Void) && !State::Bundled.may_become(State::Void));
        assert!(!State::Intended.may_become(State::Revoked));
    }
}
