//! The part of a record about the enrolment service.

use alloc::string::String;

use crate::secret::Secret;

/// The length of the salt in bytes.
pub const SALT: usize = 16;

/// The service from which a device fetches its certificates, and when. A record with it has
/// [`SCHEMA_ENROLMENT`](super::SCHEMA_ENROLMENT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentSettings {
    /// The service's host name or IP address; an IPv6 address without brackets.
    pub host: String,
    /// The service's port.
    pub port: u16,
    /// The label of the requests; empty for none.
    pub label: String,
    /// The trust anchors for the service's certificate in PEM; empty if they are those of the broker. In a [`Record`],
    /// the text ends in a NUL.
    ///
    /// [`Record`]: super::Record
    pub anchors: String,
    /// The one-time password for the first certificate; empty for none.
    pub password: Secret,
    /// The number of days before its end at which a certificate is due for renewal; 0 for a third of its lifetime.
    pub renew_days: u16,
    /// Random bytes. They spread the renewals of a fleet, and tell two records of one device apart.
    pub salt: [u8; SALT],
}
