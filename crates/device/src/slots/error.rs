//! The errors of the identity slots.

use core::fmt;

use super::PARTITION;
use crate::nvs::FlashError;

/// An error of reading or writing a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotError {
    /// The flash does not respond.
    Flash(FlashError),
    /// The partition has another size in bytes.
    Size(u32),
    /// A key, or a chain with its trust anchors, is longer than its place.
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The flash contains something else than what was written.
    ReadBack,
    /// The slot has changed since it was looked at.
    Changed,
    /// The parts are undamaged, and not what this version writes.
    Unreadable,
    /// No sequence number is left, or no block for another confirmation.
    Exhausted,
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => error.fmt(f),
            Self::Size(found) => write!(f, "the partition of the slots has {found} bytes: it must have {PARTITION}"),
            Self::TooLong { length, limit } => {
                write!(f, "an identity has {length} bytes, more than the limit of {limit}")
            }
            Self::ReadBack => f.write_str("the flash does not contain what was written: it may be worn out"),
            Self::Changed => f.write_str("the slot was written in the meantime"),
            Self::Unreadable => f.write_str("the slot contains what this firmware cannot read"),
            Self::Exhausted => f.write_str("the slot accepts no further entry before it is erased"),
        }
    }
}

impl core::error::Error for SlotError {}

impl From<FlashError> for SlotError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}
