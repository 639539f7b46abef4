//! The record as NVS entries: names, types, order, and the hash over them.

use super::{Login, NAMESPACE, Record, SCHEMA, SKIP_HOST_NAME_CHECK};
use crate::sha256::Sha256;

/// The names of the entries. NVS allows 15 characters.
pub mod key {
    /// u8: the record's version.
    pub const SCHEMA: &str = "schema";
    /// String: the device's name.
    pub const DEVICE: &str = "device";
    /// String: the Wi-Fi network, or empty.
    pub const WIFI_SSID: &str = "wifi_ssid";
    /// String: its password, or empty.
    pub const WIFI_PASSWORD: &str = "wifi_password";
    /// String: the broker's host name or address.
    pub const HOST: &str = "host";
    /// u16: the broker's port.
    pub const PORT: &str = "port";
    /// Blob: the trust anchors, PEM and a NUL.
    pub const CA_CHAIN: &str = "ca_chain";
    /// Blob: leaf and chain, PEM and a NUL; a NUL alone where the device has a token.
    pub const CLIENT_CHAIN: &str = "client_chain";
    /// Blob: the private key, PEM and a NUL; a NUL alone where the device has a token.
    pub const CLIENT_KEY: &str = "client_key";
    /// String: the access token; empty where the device has a certificate.
    pub const TOKEN: &str = "token";
    /// u8: bit 0 switches the check of the broker's name off; the others are 0.
    pub const FLAGS: &str = "flags";
    /// String: the time server, or empty.
    pub const NTP_SERVER: &str = "ntp_server";
    /// Blob of 32 bytes: SHA-256 over all entries before it.
    pub const HASH: &str = "hash";
}

/// A type of NVS, numbered as `nvs_type_t` of ESP-IDF is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// An unsigned byte.
    U8 = 0x01,
    /// Two bytes, little-endian.
    U16 = 0x02,
    /// Text with a NUL at its end.
    Str = 0x21,
    /// Bytes.
    Blob = 0x42,
}

/// A value as NVS takes it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// An unsigned byte.
    U8(u8),
    /// An unsigned number of two bytes.
    U16(u16),
    /// Text, here without the NUL that ends it in flash.
    Str(&'a str),
    /// Bytes; PEM texts among them hold their NUL.
    Blob(&'a [u8]),
}

impl Value<'_> {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::U8(_) => Kind::U8,
            Self::U16(_) => Kind::U16,
            Self::Str(_) => Kind::Str,
            Self::Blob(_) => Kind::Blob,
        }
    }
}

/// One entry of the namespace. It has no `Debug`: some values are secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name, one of [`key`].
    pub key: &'static str,
    /// Its value.
    pub value: Value<'a>,
}

/// All entries of a record in the order in which they are written, the hash last.
pub struct Entries<'a> {
    entries: [Entry<'a>; 12],
    hash: [u8; 32],
}

impl Record {
    /// The record as NVS entries.
    pub fn entries(&self) -> Entries<'_> {
        let (chain, private_key, token) = match self.login() {
            Login::Certificate { chain, key } => (chain.as_str(), key.expose(), ""),
            Login::Token(token) => ("\0", "\0", token.expose()),
        };
        let flags = if self.skips_host_name_check() { SKIP_HOST_NAME_CHECK } else { 0 };
        let entries = [
            Entry { key: key::SCHEMA, value: Value::U8(SCHEMA) },
            Entry { key: key::DEVICE, value: Value::Str(self.device_name()) },
            Entry { key: key::WIFI_SSID, value: Value::Str(self.wifi_ssid()) },
            Entry { key: key::WIFI_PASSWORD, value: Value::Str(self.wifi_password().expose()) },
            Entry { key: key::HOST, value: Value::Str(self.host()) },
            Entry { key: key::PORT, value: Value::U16(self.port()) },
            Entry { key: key::CA_CHAIN, value: Value::Blob(self.ca_chain().as_bytes()) },
            Entry { key: key::CLIENT_CHAIN, value: Value::Blob(chain.as_bytes()) },
            Entry { key: key::CLIENT_KEY, value: Value::Blob(private_key.as_bytes()) },
            Entry { key: key::TOKEN, value: Value::Str(token) },
            Entry { key: key::FLAGS, value: Value::U8(flags) },
            Entry { key: key::NTP_SERVER, value: Value::Str(self.ntp_server()) },
        ];
        Entries { entries, hash: hash(&entries) }
    }

    /// The hash that closes the record.
    pub fn hash(&self) -> [u8; 32] {
        self.entries().hash
    }
}

impl Entries<'_> {
    /// The entries in their order, the hash last.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let hash = Entry { key: key::HASH, value: Value::Blob(&self.hash) };
        self.entries.iter().copied().chain([hash])
    }
}

/// SHA-256 over the namespace's name and a NUL, then for each entry: its name, a NUL, its type (one byte), the length of
/// its value as it lies in flash (u32, little-endian) and that value (numbers little-endian, texts with their NUL).
fn hash(entries: &[Entry<'_>]) -> [u8; 32] {
    let mut hash = Sha256::default();
    hash.update(NAMESPACE.as_bytes());
    hash.update(&[0]);
    for entry in entries {
        hash.update(entry.key.as_bytes());
        hash.update(&[0, entry.value.kind() as u8]);
        match entry.value {
            Value::U8(number) => part(&mut hash, &[&[number]]),
            Value::U16(number) => part(&mut hash, &[&number.to_le_bytes()]),
            Value::Str(text) => part(&mut hash, &[text.as_bytes(), &[0]]),
            Value::Blob(bytes) => part(&mut hash, &[bytes]),
        }
    }
    hash.finish()
}

/// A value, given in pieces, behind its length. The limits of the parts keep it far below 4 GiB.
fn part(hash: &mut Sha256, pieces: &[&[u8]]) {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    hash.update(&(length as u32).to_le_bytes());
    for piece in pieces {
        hash.update(piece);
    }
}
