//! The reasons why the enrolment service cannot be used, with texts for the serial log.

use alloc::string::String;
use core::fmt;

use crate::session::{NetworkFailure, TlsFailure};

/// A failed connection to the enrolment service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServiceFailure {
    /// The service could not be reached.
    Network(NetworkFailure),
    /// The handshake failed.
    Tls(TlsFailure),
    /// The TLS client cannot use the identity or the trust anchors.
    Credentials(String),
    /// The exchanges took too long.
    TimedOut,
    /// The date is unknown, without which no certificate can be judged.
    NoDate,
}

impl fmt::Display for ServiceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(failure) => f.write_str(network(*failure)),
            Self::Tls(TlsFailure::Certificate(faults)) => write!(f, "the service's certificate is rejected: {faults}"),
            Self::Tls(TlsFailure::Alert(Some(alert))) => {
                write!(f, "the service ended the handshake with the alert \"{alert}\"")
            }
            Self::Tls(TlsFailure::Alert(None)) => f.write_str("the service ended the handshake with an alert"),
            Self::Tls(TlsFailure::Closed) => f.write_str("the service closed the connection during the handshake"),
            Self::Tls(TlsFailure::Other(code)) => {
                write!(f, "the handshake with the service failed with Mbed TLS's error -{:#06x}", code.unsigned_abs())
            }
            Self::Credentials(why) => f.write_str(why),
            Self::Tls(TlsFailure::TimedOut) | Self::TimedOut => f.write_str("the service takes too long"),
            Self::NoDate => f.write_str("the date is unknown, and no certificate can be judged without it"),
        }
    }
}

impl core::error::Error for ServiceFailure {}

fn network(failure: NetworkFailure) -> &'static str {
    match failure {
        NetworkFailure::UnknownHost => "the service's name is unknown: check the record's enroll_host",
        NetworkFailure::Refused => "the service's host refuses connections to this port",
        NetworkFailure::NoAnswer => "the service's host does not answer",
        NetworkFailure::NoNetwork => "the device has no network",
        NetworkFailure::Other(why) => why,
    }
}
