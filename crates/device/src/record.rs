//! The credentials record: what a device needs to log in.
//!
//! It lies in one NVS namespace of the chip's flash, in ESP-IDF's own format and plain types, so that firmware in C reads
//! it too. Every key is always there, and an empty text means "none": NVS keeps no checksum over the bits that say
//! which entries count, so a flipped bit can make an entry vanish without a trace. [`Record::entries`] is the one list
//! of names, types and order, and its last entry is a SHA-256 over all others: a record whose hash does not fit is
//! refused.

mod check;
mod entry;
mod invalid;
mod read;

use alloc::string::String;

pub use check::{MAX_DEVICE_NAME, MAX_HOST, MAX_PEM, MAX_TOKEN, MAX_WIFI_PASSWORD, MAX_WIFI_SSID, MIN_WIFI_PASSWORD};
pub use entry::{Entries, Entry, Kind, Value, key};
pub use invalid::Invalid;
pub use read::ReadError;

use crate::secret::Secret;

/// The NVS namespace that holds the record.
pub const NAMESPACE: &str = "tbpki";

/// The version of the record that this code writes and reads.
pub const SCHEMA: u8 = 1;

/// The bit of [`key::FLAGS`] that switches off the check of the broker's name against its certificate.
pub const SKIP_HOST_NAME_CHECK: u8 = 1;

/// What a record is made of, before it is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// The device's name: what the platform calls it, and its certificate's common name.
    pub device_name: String,
    /// The Wi-Fi network; empty for devices without.
    pub wifi_ssid: String,
    /// The password of the Wi-Fi network; empty for an open one.
    pub wifi_password: Secret,
    /// The broker's host name or IP address.
    pub host: String,
    /// The broker's port.
    pub port: u16,
    /// The trust anchors for the broker's certificate: one or more in PEM.
    pub ca_chain: String,
    /// How the device logs in.
    pub login: Login,
    /// Whether any name in the broker's certificate will do.
    pub skip_host_name_check: bool,
    /// The time server's host name or IP address; empty for none.
    pub ntp_server: String,
}

/// How a device logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// With its certificate: mutual TLS.
    Certificate {
        /// The leaf, then the CAs that are sent with it, in PEM.
        chain: String,
        /// The leaf's private key in PEM, not encrypted.
        key: Secret,
    },
    /// With an access token as the MQTT user name.
    Token(Secret),
}

/// A record with every part within its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The PEM texts in it have a NUL at their end.
    parts: Parts,
}

impl Record {
    /// Checks the parts.
    ///
    /// # Errors
    /// The first part that is outside its limits, and what it may be.
    pub fn new(mut parts: Parts) -> Result<Self, Invalid> {
        check::parts(&parts)?;
        parts.ca_chain = with_nul(&parts.ca_chain);
        if let Login::Certificate { chain, key } = &mut parts.login {
            *chain = with_nul(chain);
            *key = with_nul(key.expose()).into();
        }
        Ok(Self { parts })
    }

    /// The device's name.
    pub fn device_name(&self) -> &str {
        &self.parts.device_name
    }

    /// The Wi-Fi network; empty for none.
    pub fn wifi_ssid(&self) -> &str {
        &self.parts.wifi_ssid
    }

    /// The password of the Wi-Fi network; empty for an open one.
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

    /// The trust anchors: PEM and a NUL, as Mbed TLS wants it.
    pub fn ca_chain(&self) -> &str {
        &self.parts.ca_chain
    }

    /// How the device logs in. The PEM texts end in a NUL.
    pub fn login(&self) -> &Login {
        &self.parts.login
    }

    /// Whether any name in the broker's certificate will do.
    pub fn skips_host_name_check(&self) -> bool {
        self.parts.skip_host_name_check
    }

    /// The time server; empty for none.
    pub fn ntp_server(&self) -> &str {
        &self.parts.ntp_server
    }
}

/// Mbed TLS takes PEM for PEM only where a NUL ends it. It is stored, so that C passes what it read straight on.
fn with_nul(text: &str) -> String {
    let mut ended = String::with_capacity(text.len() + 1);
    ended.push_str(text);
    ended.push('\0');
    ended
}
