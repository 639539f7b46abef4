//! The registration of a device with a platform: what is requested, and what was done.

use std::collections::BTreeMap;
use std::fmt;

use base::{Finding, Secret};
use pki::Certificate;

/// A device as it must be registered.
#[derive(Debug, Clone)]
pub struct DesiredDevice {
    /// The device's name.
    pub name: String,
    /// The credential that the device logs in with.
    pub credential: DeviceCredential,
    /// Which other credential of the device may be replaced.
    pub replace: Replace,
    /// The settings of the device if it must be created. `None` requires that it exists.
    pub create: Option<NewDevice>,
}

/// The settings that a device is created with.
#[derive(Debug, Clone, Default)]
pub struct NewDevice {
    /// The device profile's name; `None` for the default profile.
    pub profile: Option<String>,
    /// Whether the command line names the profile.
    pub profile_is_given: bool,
    /// The label, which the platform shows to users.
    pub label: Option<String>,
    /// True if the device is a gateway, which sends telemetry of other devices.
    pub gateway: bool,
    /// The server-side attributes. Every registration sets them, also if the device exists.
    pub attributes: BTreeMap<String, String>,
    /// True if attributes may be stored as other numbers than they are written.
    pub accept_number_attributes: bool,
}

/// Which credential of a device may be replaced by another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replace {
    /// None.
    Nothing,
    /// The certificates with these credentials ids.
    OneOf(Vec<String>),
    /// These certificates, and the random token that a withdrawal has put in the place of a revoked one.
    OneOfOrWithdrawn(Vec<String>),
    /// One of the same type.
    SameKind,
    /// Any.
    Anything,
}

/// A credential that a device logs in with.
#[derive(Clone)]
pub enum DeviceCredential {
    /// This certificate, whose private key the device has.
    X509(Box<Certificate>),
    /// An access token, which the device sends as the MQTT user name.
    AccessToken(Secret),
}

impl DeviceCredential {
    /// ThingsBoard's credentials id; for an access token, the token itself.
    pub(crate) fn id(&self) -> Secret {
        match self {
            DeviceCredential::X509(certificate) => Secret::new(certificate.credentials_id()),
            DeviceCredential::AccessToken(token) => token.clone(),
        }
    }
}

impl fmt::Debug for DeviceCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceCredential::X509(certificate) => write!(f, "X509({})", certificate.credentials_id()),
            DeviceCredential::AccessToken(_) => f.write_str("AccessToken(..)"),
        }
    }
}

/// The result of a registration.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The change.
    pub done: PlatformChange,
    /// The platform's id of the device; `None` if the device does not exist yet.
    pub device_id: Option<String>,
    /// Differences between the existing device and the requested one, which were left as they are.
    pub findings: Vec<Finding>,
}

/// A change in the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformChange {
    /// The device did not exist and was created.
    Created,
    /// The device existed with another credential, which was replaced.
    Replaced,
    /// The platform already had the requested state.
    Unchanged,
    /// The device was deleted.
    Deleted,
    /// The device does not exist.
    Absent,
}

/// The certificates of a device that this store has issued.
#[derive(Debug, Clone, Default)]
pub struct IssuedCertificates {
    /// The credentials id of each certificate ([`pki::Certificate::credentials_id`]).
    pub credentials_ids: Vec<String>,
    /// The credentials ids of certificates that stay: if the device has one of them, nothing is removed.
    pub still_valid: Vec<String>,
    /// The access tokens that the store has of the device, also those that it keeps under another name: one of them may
    /// have taken the place of a certificate.
    pub tokens: Vec<Secret>,
    /// True if a certificate that is not among them, or any other credential, may be removed as well.
    pub others_too: bool,
}
