//! The errors of reading a partition.

use core::fmt;

use super::flash::FlashError;
use super::{MAX_PARTITION, PAGE};

/// An error of reading a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NvsError {
    /// The flash could not be read.
    Flash(FlashError),
    /// The partition size in bytes is not a multiple of a page, zero, or above [`MAX_PARTITION`].
    Size(u32),
    /// The partition is erased.
    Blank,
    /// The namespace does not exist.
    NoNamespace {
        /// The first damage in the partition, which may be the cause.
        damage: Option<Damage>,
    },
    /// A key does not exist.
    Missing {
        /// The key.
        key: &'static str,
        /// The first damage in the partition, which may be the cause.
        damage: Option<Damage>,
    },
    /// A key has another type.
    WrongType {
        /// The key.
        key: &'static str,
        /// The type in the partition (`nvs_type_t`).
        found: u8,
    },
    /// A value is damaged.
    Value {
        /// The key's name.
        key: &'static str,
        /// The fault.
        what: &'static str,
    },
    /// A value is longer than its limit.
    TooLong {
        /// The key's name.
        key: &'static str,
        /// The length in bytes.
        length: u32,
        /// The limit in bytes.
        limit: usize,
    },
}

/// A page or entry that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// The page, counted from 0.
    pub page: u32,
    /// The entry of the page; `None` if the whole page is damaged.
    pub entry: Option<u8>,
    /// The fault.
    pub what: &'static str,
}

impl fmt::Display for NvsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => error.fmt(f),
            Self::Size(size) => {
                write!(
                    f,
                    "invalid NVS partition size {size}: it must be a multiple of {PAGE} up to {MAX_PARTITION} bytes"
                )
            }
            Self::Blank => f.write_str("the partition is blank"),
            Self::NoNamespace { damage } => {
                f.write_str("the partition holds no tbpki record")?;
                because(f, *damage)
            }
            Self::Missing { key, damage } => {
                write!(f, "the entry {key} is missing")?;
                because(f, *damage)
            }
            Self::WrongType { key, found } => write!(f, "the entry {key} has the wrong type {found:#04x}"),
            Self::Value { key, what } => write!(f, "the entry {key} is damaged: {what}"),
            Self::TooLong { key, length, limit } => {
                write!(f, "the entry {key} has {length} bytes, more than the limit of {limit}")
            }
        }
    }
}

fn because(f: &mut fmt::Formatter<'_>, damage: Option<Damage>) -> fmt::Result {
    match damage {
        Some(damage) => write!(f, ", and {damage}"),
        None => Ok(()),
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "entry {entry} of page {} is damaged: {}", self.page, self.what),
            None => write!(f, "page {} is damaged: {}", self.page, self.what),
        }
    }
}

impl core::error::Error for NvsError {}

impl From<FlashError> for NvsError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}
