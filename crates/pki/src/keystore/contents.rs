//! The content of a keystore of any format, including keys that stay locked.

use base::Result;
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// Everything that was found in a file.
pub(super) struct KeystoreContents {
    /// True if the file's own check of its integrity was done, and passed.
    pub(super) intact: bool,
    pub(super) entries: Vec<KeystoreEntry>,
}

pub(super) struct KeystoreEntry {
    pub(super) alias: String,
    pub(super) created: Option<OffsetDateTime>,
    pub(super) body: Body,
}

pub(super) enum Body {
    /// A private key (`None`: no password was tried; an error: it did not open) and its chain, leaf first.
    Key { key: Option<Result<Zeroizing<Vec<u8>>>>, chain: Vec<Vec<u8>> },
    /// A certificate that is marked as trusted, or the like in a file without keys.
    Trusted(Vec<u8>),
    /// A certificate that is not marked as trusted and belongs to no key. Java does not show such entries.
    Certificate(Vec<u8>),
    /// A symmetric key or a text.
    Secret,
}

/// A date as Java keeps it, in milliseconds since 1970. `None` is a date that no calendar of ours reaches.
pub(super) fn from_milliseconds(milliseconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()
}

/// The same date the other way round.
pub(super) fn to_milliseconds(date: OffsetDateTime) -> i64 {
    // Every year that `time` knows is far within the range.
    // Euclidean, so that times before 1970 are cut downwards as well.
    i64::try_from(date.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}
