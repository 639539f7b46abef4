//! What can be wrong with a partition.

use core::fmt;

use super::flash::FlashError;
use super::{MAX_PARTITION, PAGE};

/// Why something cannot be had from a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The flash could not be read.
    Flash(FlashError),
    /// The partition has no length that NVS can have.
    Size(u32),
    /// Nothing was ever written to it.
    Blank,
    /// The namespace is not there.
    NoNamespace {
        /// The first damage that was seen on the way, which may be why.
        damage: Option<Damage>,
    },
    /// A key is not there.
    Missing {
        /// Its name.
        key: &'static str,
        /// The first damage that was seen on the way, which may be why.
        damage: Option<Damage>,
    },
    /// A key is there with another type.
    WrongType {
        /// Its name.
        key: &'static str,
        /// The type that was found, as ESP-IDF numbers them.
        found: u8,
    },
    /// A value is damaged.
    Value {
        /// The key's name.
        key: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A value is longer than it may be.
    TooLong {
        /// The key's name.
        key: &'static str,
        /// Its length in bytes.
        length: u32,
        /// The most that it may have.
        limit: usize,
    },
}

/// A place of the partition that could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// The page, counted from 0.
    pub page: u32,
    /// The entry of the page, or none where the page as a whole is damaged.
    pub entry: Option<u8>,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => error.fmt(f),
            Self::Size(size) => {
                write!(
                    f,
                    "a partition of {size} bytes cannot hold NVS: it takes {PAGE} to {MAX_PARTITION} in steps of {PAGE}"
                )
            }
            Self::Blank => f.write_str("the partition is blank: nothing was written to it"),
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
                write!(f, "the entry {key} has {length} bytes, more than {limit}")
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

impl core::error::Error for Error {}

impl From<FlashError> for Error {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}
