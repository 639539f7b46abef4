//! The errors of a record's parts.

use core::fmt;

use super::key;

/// A part outside its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalid {
    /// A required part is empty.
    Empty {
        /// The entry's name.
        key: &'static str,
    },
    /// A part is too long.
    TooLong {
        /// The entry's name.
        key: &'static str,
        /// The length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A Wi-Fi password is shorter than 8 characters.
    ShortPassword {
        /// The length in bytes.
        length: usize,
    },
    /// A Wi-Fi password has no network.
    PasswordWithoutNetwork,
    /// A part contains a forbidden character.
    Character {
        /// The entry's name.
        key: &'static str,
        /// The allowed characters.
        takes: &'static str,
    },
    /// A part is not PEM.
    NotPem {
        /// The entry's name.
        key: &'static str,
    },
    /// The port is 0.
    Port,
    /// The record has neither a certificate with its key nor a token nor an enrolment service, or both of the first two.
    Login,
    /// The port of the enrolment service is 0.
    EnrolmentPort,
    /// A device with a token has an enrolment service.
    TokenWithEnrolment,
    /// The salt has another length.
    Salt,
    /// A flag is unknown in this version of the record.
    Flags(u8),
}

impl Invalid {
    /// The name of the entry with the invalid part, if it is one entry.
    pub fn key(&self) -> Option<&'static str> {
        match self {
            Self::Empty { key } | Self::TooLong { key, .. } | Self::Character { key, .. } | Self::NotPem { key } => {
                Some(key)
            }
            Self::ShortPassword { .. } | Self::PasswordWithoutNetwork => Some(key::WIFI_PASSWORD),
            Self::Port => Some(key::PORT),
            Self::EnrolmentPort => Some(key::ENROLL_PORT),
            Self::Salt => Some(key::SALT),
            Self::Flags(_) => Some(key::FLAGS),
            Self::Login | Self::TokenWithEnrolment => None,
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { key } => write!(f, "{key} is empty"),
            Self::TooLong { key, length, limit } => {
                write!(f, "{key} has {length} bytes, more than the limit of {limit}")
            }
            Self::ShortPassword { length } => {
                write!(f, "the Wi-Fi password has {length} characters: it must have 8 to 63")
            }
            Self::PasswordWithoutNetwork => f.write_str("the Wi-Fi password has no network"),
            Self::Character { key, takes } => write!(f, "{key} contains a forbidden character: it must be {takes}"),
            Self::NotPem { key } => write!(f, "{key} is not PEM"),
            Self::Port => f.write_str("the broker's port is 0"),
            Self::Login => f.write_str("the login must be either a certificate chain with its key or an access token"),
            Self::EnrolmentPort => f.write_str("the port of the enrolment service is 0"),
            Self::TokenWithEnrolment => f.write_str("a device with an access token cannot have an enrolment service"),
            Self::Salt => f.write_str("the salt must have 16 bytes"),
            Self::Flags(flags) => write!(f, "unknown flag in {flags:#04x}"),
        }
    }
}

impl core::error::Error for Invalid {}
