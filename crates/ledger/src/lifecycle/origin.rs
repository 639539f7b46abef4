//! The origin of rows that were not recorded before their certificate was signed.

use std::fmt;

use serde::Serialize;

/// Where a row comes from that tbpki did not record before the certificate was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Found by `store repair`: flash images, failures and the settings of its request are unknown.
    Repaired,
    /// Taken over with a fleet directory of another ledger.
    Adopted,
    /// A certificate that was made elsewhere.
    Imported,
}

impl Origin {
    /// Every origin.
    pub const ALL: [Self; 3] = [Self::Repaired, Self::Adopted, Self::Imported];

    /// The word that is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repaired => "repaired",
            Self::Adopted => "adopted",
            Self::Imported => "imported",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
