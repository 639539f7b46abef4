//! What is wrong with a part of a record.

use core::fmt;

/// A part that is outside its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalid {
    /// It has to be there.
    Empty {
        /// The entry's name.
        key: &'static str,
    },
    /// It is too long.
    TooLong {
        /// The entry's name.
        key: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The most bytes that it may have.
        limit: usize,
    },
    /// A Wi-Fi password of fewer than 8 characters that is not empty.
    ShortPassword {
        /// Its length in bytes.
        length: usize,
    },
    /// A Wi-Fi password without a network.
    PasswordWithoutNetwork,
    /// It holds a character that it may not.
    Character {
        /// The entry's name.
        key: &'static str,
        /// What it may hold.
        takes: &'static str,
    },
    /// It is not PEM.
    NotPem {
        /// The entry's name.
        key: &'static str,
    },
    /// A port that is 0.
    Port,
    /// Neither a certificate with its key nor a token, or more than one of them.
    Login,
    /// A flag that this version of the record does not have.
    Flags(u8),
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { key } => write!(f, "{key} is empty"),
            Self::TooLong { key, length, limit } => write!(f, "{key} has {length} bytes, more than {limit}"),
            Self::ShortPassword { length } => {
                write!(f, "the Wi-Fi password has {length} characters, and a network takes 8 to 63")
            }
            Self::PasswordWithoutNetwork => f.write_str("there is a Wi-Fi password, but no network for it"),
            Self::Character { key, takes } => write!(f, "{key} holds a character that it may not: it takes {takes}"),
            Self::NotPem { key } => write!(f, "{key} is not PEM"),
            Self::Port => f.write_str("the broker's port is 0"),
            Self::Login => f.write_str("it takes either a certificate chain with its key or an access token"),
            Self::Flags(flags) => write!(f, "the flags {flags:#04x} hold one that is unknown"),
        }
    }
}

impl core::error::Error for Invalid {}
