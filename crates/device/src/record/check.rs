//! The limits of each part.

use super::{Invalid, Login, Parts, key};

/// The most bytes of a device name.
pub const MAX_DEVICE_NAME: usize = 192;
/// The most bytes of a Wi-Fi network's name (IEEE 802.11-2020, section 9.4.2.2).
pub const MAX_WIFI_SSID: usize = 32;
/// The fewest characters of a Wi-Fi password that is not empty (IEEE 802.11-2020, section J.4.1).
pub const MIN_WIFI_PASSWORD: usize = 8;
/// The most characters of a Wi-Fi password (the same).
pub const MAX_WIFI_PASSWORD: usize = 63;
/// The most bytes of a host name (RFC 1035, section 2.3.4, written as text).
pub const MAX_HOST: usize = 253;
/// The most bytes of an access token.
pub const MAX_TOKEN: usize = 255;
/// The most bytes of a PEM text. Four certificates with RSA keys of 4,096 bits have about 8,000; a chip has to hold
/// them in RAM beside the TLS session.
pub const MAX_PEM: usize = 16_383;

/// Checks all parts, in the order of their entries.
pub(super) fn parts(parts: &Parts) -> Result<(), Invalid> {
    present(key::DEVICE, &parts.device_name)?;
    text(key::DEVICE, &parts.device_name, MAX_DEVICE_NAME)?;
    text(key::WIFI_SSID, &parts.wifi_ssid, MAX_WIFI_SSID)?;
    wifi_password(parts.wifi_password.expose(), &parts.wifi_ssid)?;
    present(key::HOST, &parts.host)?;
    host(key::HOST, &parts.host)?;
    if parts.port == 0 {
        return Err(Invalid::Port);
    }
    pem(key::CA_CHAIN, &parts.ca_chain)?;
    match &parts.login {
        Login::Certificate { chain, key } => {
            pem(key::CLIENT_CHAIN, chain)?;
            pem(key::CLIENT_KEY, key.expose())?;
        }
        Login::Token(token) => {
            present(key::TOKEN, token.expose())?;
            text(key::TOKEN, token.expose(), MAX_TOKEN)?;
        }
    }
    host(key::NTP_SERVER, &parts.ntp_server)
}

fn present(key: &'static str, text: &str) -> Result<(), Invalid> {
    if text.is_empty() { Err(Invalid::Empty { key }) } else { Ok(()) }
}

/// Text that C reads up to its NUL, and that a log shows.
fn text(key: &'static str, text: &str, limit: usize) -> Result<(), Invalid> {
    if text.len() > limit {
        return Err(Invalid::TooLong { key, length: text.len(), limit });
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::Character { key, takes: "anything but control characters" });
    }
    Ok(())
}

fn wifi_password(password: &str, ssid: &str) -> Result<(), Invalid> {
    let key = key::WIFI_PASSWORD;
    if password.is_empty() {
        return Ok(());
    }
    if ssid.is_empty() {
        return Err(Invalid::PasswordWithoutNetwork);
    }
    if password.len() < MIN_WIFI_PASSWORD {
        return Err(Invalid::ShortPassword { length: password.len() });
    }
    if password.len() > MAX_WIFI_PASSWORD {
        return Err(Invalid::TooLong { key, length: password.len(), limit: MAX_WIFI_PASSWORD });
    }
    if password.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        return Err(Invalid::Character { key, takes: "printable ASCII" });
    }
    Ok(())
}

/// A host name, an IPv4 address, or an IPv6 address without brackets; or nothing.
fn host(key: &'static str, host: &str) -> Result<(), Invalid> {
    if host.len() > MAX_HOST {
        return Err(Invalid::TooLong { key, length: host.len(), limit: MAX_HOST });
    }
    if host.bytes().any(|byte| !matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':')) {
        return Err(Invalid::Character { key, takes: "a host name or an IP address" });
    }
    Ok(())
}

fn pem(key: &'static str, pem: &str) -> Result<(), Invalid> {
    present(key, pem)?;
    if pem.len() > MAX_PEM {
        return Err(Invalid::TooLong { key, length: pem.len(), limit: MAX_PEM });
    }
    if pem.bytes().any(|byte| !matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')) {
        return Err(Invalid::Character { key, takes: "PEM, which is printable ASCII" });
    }
    if pem.contains("-----BEGIN ") && pem.contains("-----END ") { Ok(()) } else { Err(Invalid::NotPem { key }) }
}
