//! The credentials record: everything that a device needs to log in.
//!
//! It lies in one NVS namespace of the chip's flash, in ESP-IDF's format and plain types, so that firmware in C can read it
//! too. Every key is always present, and an empty text means "none": NVS has no checksum over its bitmaps, so that a
//! flipped bit can hide an entry without a trace. [`Record::entries`] is the single list of names, types and order. Its
//! last entry is a SHA-256 over all others, and a record with another hash is rejected.

mod check;
mod enrolment;
mod entry;
mod invalid;
pub mod key;
mod read;

use alloc::string::String;

pub use check::{
    MAX_DEVICE_NAME, MAX_ENROLMENT_PASSWORD, MAX_HOST, MAX_LABEL, MAX_PEM, MAX_TOKEN, MAX_WIFI_PASSWORD, MAX_WIFI_SSID,
    MIN_WIFI_PASSWORD,
};
pub use enrolment::{EnrolmentSettings, SALT};
pub use entry::{NvsType, RecordEntries, RecordEntry, RecordValue};
pub use invalid::Invalid;
pub use read::ReadError;

use crate::secret::Secret;

/// The NVS namespace that holds the record.
pub const NAMESPACE: &str = "tbpki";

/// The version of a record without enrolment.
pub const SCHEMA: u8 = 1;

/// The version of a record with [`EnrolmentSettings`], which has further entries.
pub const SCHEMA_ENROLMENT: u8 = 2;

/// The bit of [`key::FLAGS`] that disables the check of the broker's name against its certificate.
pub const SKIP_HOST_NAME_CHECK: u8 = 1;

/// The unchecked parts of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The device's name in the platform, which is also its certificate's common name.
    pub device_name: String,
    /// The Wi-Fi network's name (SSID); empty for devices without Wi-Fi.
    pub wifi_ssid: String,
    /// The Wi-Fi password; empty for an open network.
    pub wifi_password: Secret,
    /// The broker's host name or IP address.
    pub host: String,
    /// The broker's port.
    pub port: u16,
    /// The trust anchors for the broker's certificate, one or more in PEM.
    pub ca_chain: String,
    /// The credential.
    pub login: Login,
    /// True if the broker's name is not compared with its certificate.
    pub skip_host_name_check: bool,
    /// The SNTP server's host name or IP address; empty for none.
    pub ntp_server: String,
    /// The enrolment service; `None` if the device keeps its credential.
    pub enrolment: Option<EnrolmentSettings>,
}

/// The credential that a device logs in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A certificate, for mutual TLS.
    Certificate {
        /// The chain in PEM, leaf first, without the root.
        chain: String,
        /// The leaf's private key in PEM, unencrypted.
        key: Secret,
    },
    /// An access token, which is sent as the MQTT user name.
    Token(Secret),
    /// None yet: the device makes a key and fetches its certificate with the one-time password of the record.
    Pending,
}

/// A record whose parts are within their limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The PEM texts end in a NUL.
    parts: Parts,
}

impl Record {
    /// A record of these parts.
    ///
    /// # Errors
    /// [`Invalid`] for the first part outside its limits.
    pub fn new(mut parts: Parts) -> Result<Self, Invalid> {
        check::parts(&parts)?;
        parts.ca_chain = with_nul(&parts.ca_chain);
        if let Login::Certificate { chain, key } = &mut parts.login {
            *chain = with_nul(chain);
            *key = with_nul(key.expose()).into();
        }
        if let Some(enrolment) = &mut parts.enrolment {
            enrolment.anchors = with_nul(&enrolment.anchors);
        }
        Ok(Self { parts })
    }

    /// The name under which the platform knows the device.
    pub fn device_name(&self) -> &str {
        &self.parts.device_name
    }

    /// The Wi-Fi network's name (SSID); empty for none.
    pub fn wifi_ssid(&self) -> &str {
        &self.parts.wifi_ssid
    }

    /// The Wi-Fi password; empty for an open network.
    pub fn wifi_password(&self) -> &Secret {
        &self.parts.wifi_password
    }

    /// The broker's host name or IP address.
    pub fn host(&self) -> &str {
        &self.parts.host
    }

    /// The broker's port.
    pub fn port(&self) -> u16 {
        self.parts.port
    }

    /// The trust anchors: PEM and a NUL, as Mbed TLS requires.
    pub fn ca_chain(&self) -> &str {
        &self.parts.ca_chain
    }

    /// The credential. The PEM texts end in a NUL.
    pub fn login(&self) -> &Login {
        &self.parts.login
    }

    /// True if the broker's name is not compared with its certificate.
    pub fn skips_host_name_check(&self) -> bool {
        self.parts.skip_host_name_check
    }

    /// The SNTP server's host name or IP address; empty for none.
    pub fn ntp_server(&self) -> &str {
        &self.parts.ntp_server
    }

    /// The enrolment service; `None` if the device keeps its credential. The anchors end in a NUL.
    pub fn enrolment(&self) -> Option<&EnrolmentSettings> {
        self.parts.enrolment.as_ref()
    }

    /// The version of the record.
    pub fn schema(&self) -> u8 {
        if self.parts.enrolment.is_some() { SCHEMA_ENROLMENT } else { SCHEMA }
    }
}

/// The text with a final NUL, without which Mbed TLS does not recognize PEM. The NUL is stored, so that C firmware can pass
/// the entry on without a copy.
fn with_nul(text: &str) -> String {
    let mut ended = String::with_capacity(text.len() + 1);
    ended.push_str(text);
    ended.push('\0');
    ended
}
