//! The platform that a connection to the ledger is about.

use crate::platform::columns::PlatformColumns;
use crate::platform::url::PlatformUrl;
use crate::platform::{KnownPlatform, PlatformId};

/// The platform in focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Focus {
    pub(crate) columns: PlatformColumns,
    /// False if the ledger has no row for its URL yet.
    pub(crate) is_known: bool,
}

impl Focus {
    /// The first platform of a ledger, before its platforms are read.
    pub(crate) const FIRST: Self =
        Self { columns: PlatformColumns { platform: PlatformId::FIRST, others: false }, is_known: true };

    /// The platform with this URL; without a URL, the first one.
    pub(crate) fn of(url: Option<&PlatformUrl>, known: &[KnownPlatform]) -> Self {
        let Some(url) = url else {
            let columns = PlatformColumns { platform: PlatformId::FIRST, others: known.len() > 1 };
            return Self { columns, is_known: true };
        };
        match known.iter().find(|platform| platform.url == *url) {
            Some(found) => {
                Self { columns: PlatformColumns { platform: found.id, others: known.len() > 1 }, is_known: true }
            }
            // The columns of a ledger without platforms belong to the first one that is used.
            None if known.is_empty() => Self { is_known: false, ..Self::FIRST },
            None => Self { columns: PlatformColumns { platform: PlatformId::UNKNOWN, others: true }, is_known: false },
        }
    }
}
