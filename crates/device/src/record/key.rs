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
/// Blob: the chain, leaf first, PEM and a NUL; only a NUL if the device has a token or no certificate yet.
pub const CLIENT_CHAIN: &str = "client_chain";
/// Blob: the private key, PEM and a NUL; only a NUL if the device has a token or no certificate yet.
pub const CLIENT_KEY: &str = "client_key";
/// String: the access token; empty if the device has a certificate or none yet.
pub const TOKEN: &str = "token";
/// u8: bit 0 disables the check of the broker's name; the others are 0.
pub const FLAGS: &str = "flags";
/// String: the SNTP server, or empty.
pub const NTP_SERVER: &str = "ntp_server";
/// Version 2, string: the enrolment service's host name or address.
pub const ENROLL_HOST: &str = "enroll_host";
/// Version 2, u16: the enrolment service's port.
pub const ENROLL_PORT: &str = "enroll_port";
/// Version 2, string: the label of the requests, or empty.
pub const ENROLL_LABEL: &str = "enroll_label";
/// Version 2, blob: the trust anchors for the enrolment service, PEM and a NUL; only a NUL if they are those of the broker.
pub const ENROLL_ANCHORS: &str = "enroll_anchors";
/// Version 2, string: the one-time password, or empty.
pub const ENROLL_PASSWORD: &str = "enroll_password";
/// Version 2, u16: the days before the end of a certificate at which it is renewed; 0 for a third of its lifetime.
pub const RENEW_DAYS: &str = "renew_days";
/// Version 2, blob of 16 bytes: random, for the spread of renewals and the owner of the identity slots.
pub const SALT: &str = "salt";
/// Blob of 32 bytes: the SHA-256 over all entries before.
pub const HASH: &str = "hash";
