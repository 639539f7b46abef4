//! The names of the entries, at most 15 characters.

/// u8: the record's version.
pub const SCHEMA: &str = "schema";
/// String: the device's name.
pub const DEVICE: &str = "device";
/// String: the Wi-Fi network's name (SSID), or empty.
pub const WIFI_SSID: &str = "wifi_ssid";
/// String: the Wi-Fi password, or empty.
pub const WIFI_PASSWORD: &str = "wifi_password";
/// String: the broker's host name or address.
pub const HOST: &str = "host";
/// u16: the broker's port.
pub const PORT: &str = "port";
/// Blob: the trust anchors, PEM and a NUL.
pub const CA_CHAIN: &str = "ca_chain";
/// Blob: the chain, leaf first, PEM and a NUL; only a NUL if the device has a token.
pub const CLIENT_CHAIN: &str = "client_chain";
/// Blob: the private key, PEM and a NUL; only a NUL if the device has a token.
pub const CLIENT_KEY: &str = "client_key";
/// String: the access token; empty if the device has a certificate.
pub const TOKEN: &str = "token";
/// u8: bit 0 disables the check of the broker's name; the others are 0.
pub const FLAGS: &str = "flags";
/// String: the SNTP server, or empty.
pub const NTP_SERVER: &str = "ntp_server";
/// Blob of 32 bytes: the SHA-256 over all entries before.
pub const HASH: &str = "hash";
