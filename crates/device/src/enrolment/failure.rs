//! The reasons why an enrolment fails.

use alloc::string::String;
use core::fmt;

use super::signer::SignError;

/// A failed exchange with a service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnrolmentFailure {
    /// The connection ended before the answer was complete.
    Closed,
    /// The answer is not HTTP/1.1 or is longer than its limits.
    NotHttp,
    /// The service has refused, or asks to come again.
    Refused {
        /// The status of the answer.
        status: u16,
        /// The first line of its text.
        text: String,
        /// When to try again.
        retry: Retry,
    },
    /// The body of the answer contains no certificates.
    NotCertificates,
    /// No certificate of the answer has the key of the request.
    OtherKey,
    /// The certificate of the answer has another subject or other alternative names than the request.
    OtherNames,
    /// The issuer of the certificate is neither in the answer nor in the service's hierarchy.
    NoIssuer,
    /// The certificate of the answer is not valid now. Dates are in seconds since 1970.
    Dates {
        /// The first second.
        not_before: u64,
        /// The last second.
        not_after: u64,
    },
    /// The key cannot sign.
    Key,
}

/// When a refused request can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After this time in seconds, which the service has named.
    After(u32),
    /// After a pause: the service was not able to answer.
    Later,
    /// Not without a change at the service.
    Never,
}

impl From<SignError> for EnrolmentFailure {
    fn from(_: SignError) -> Self {
        Self::Key
    }
}

impl fmt::Display for EnrolmentFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection ended before the answer"),
            Self::NotHttp => f.write_str("the answer is not HTTP/1.1, or it is too long"),
            Self::Refused { status, text, .. } if text.is_empty() => write!(f, "status {status}"),
            Self::Refused { status, text, .. } => write!(f, "status {status}: {text}"),
            Self::NotCertificates => f.write_str("the answer contains no certificates"),
            Self::OtherKey => f.write_str("the certificate in the answer has another key than the request"),
            Self::OtherNames => f.write_str("the certificate in the answer has other names than the request"),
            Self::NoIssuer => f.write_str("the service does not send the issuer of the certificate"),
            Self::Dates { .. } => f.write_str("the certificate in the answer is not valid now"),
            Self::Key => SignError.fmt(f),
        }
    }
}

impl core::error::Error for EnrolmentFailure {}
