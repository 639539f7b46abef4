//! The limits of the parts.

use super::{EnrolmentSettings, Invalid, Login, Parts, key};

/// The length limit of a device name in bytes.
pub const MAX_DEVICE_NAME: usize = 192;
/// The length limit of an SSID in bytes (IEEE 802.11-2020, section 9.4.2.2).
pub const MAX_WIFI_SSID: usize = 32;
/// The minimum length of a Wi-Fi password in characters (IEEE 802.11-2020, section J.4.1).
pub const MIN_WIFI_PASSWORD: usize = 8;
/// The length limit of a Wi-Fi password in characters (IEEE 802.11-2020, section J.4.1).
pub const MAX_WIFI_PASSWORD: usize = 63;
/// The length limit of a host name in bytes (RFC 1035, section 2.3.4, in text form).
pub const MAX_HOST: usize = 253;
/// The length limit of an access token in bytes.
pub const MAX_TOKEN: usize = 255;
/// The length limit of an enrolment label in bytes.
pub const MAX_LABEL: usize = 192;
/// The length limit of a one-time password in bytes.
pub const MAX_ENROLMENT_PASSWORD: usize = 128;
/// The length limit of a PEM text in bytes. Four certificates with RSA keys of 4,096 bits have about 8,000; a chip must hold
/// them in RAM together with the TLS session.
pub const MAX_PEM: usize = 16_383;

/// Checks all parts in the order of their entries, so that the first error is the same on every platform.
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
        // Only the enrolment service can give it one.
        Login::Pending if parts.enrolment.is_none() => return Err(Invalid::Login),
        Login::Pending => {}
    }
    host(key::NTP_SERVER, &parts.ntp_server)?;
    parts.enrolment.as_ref().map_or(Ok(()), |settings| enrolment(settings, parts))
}

fn enrolment(settings: &EnrolmentSettings, parts: &Parts) -> Result<(), Invalid> {
    // A certificate that took the place of the token would leave two ways to log in.
    if matches!(parts.login, Login::Token(_)) {
        return Err(Invalid::TokenWithEnrolment);
    }
    // Without a date no certificate is ever due.
    present(key::NTP_SERVER, &parts.ntp_server)?;
    present(key::ENROLL_HOST, &settings.host)?;
    host(key::ENROLL_HOST, &settings.host)?;
    if settings.port == 0 {
        return Err(Invalid::EnrolmentPort);
    }
    text(key::ENROLL_LABEL, &settings.label, MAX_LABEL)?;
    if !settings.anchors.is_empty() {
        pem(key::ENROLL_ANCHORS, &settings.anchors)?;
    }
    if parts.login == Login::Pending {
        present(key::ENROLL_PASSWORD, settings.password.expose())?;
    }
    text(key::ENROLL_PASSWORD, settings.password.expose(), MAX_ENROLMENT_PASSWORD)
}

fn present(key: &'static str, text: &str) -> Result<(), Invalid> {
    if text.is_empty() { Err(Invalid::Empty { key }) } else { Ok(()) }
}

/// A text without control characters: C firmware reads it up to its NUL, and logs show it.
fn text(key: &'static str, text: &str, limit: usize) -> Result<(), Invalid> {
    if text.len() > limit {
        return Err(Invalid::TooLong { key, length: text.len(), limit });
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::Character { key, takes: "text without control characters" });
    }
    Ok(())
}

fn wifi_password(password: &str, ssid: &str) -> Result<(), Invalid> {
    let key = key::WIFI_PASSWORD;
    // An open network.
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
    // WPA passphrases are ASCII (IEEE 802.11, annex M); other bytes would be hashed differently by each driver.
    if password.bytes().any(|byte| !matches!(byte, b' '..=b'~')) {
        return Err(Invalid::Character { key, takes: "printable ASCII" });
    }
    Ok(())
}

/// A host name, an IPv4 address, an IPv6 address without brackets, or an empty text.
fn host(key: &'static str, host: &str) -> Result<(), Invalid> {
    if host.len() > MAX_HOST {
        return Err(Invalid::TooLong { key, length: host.len(), limit: MAX_HOST });
    }
    // A colon is allowed for IPv6 addresses.
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
        return Err(Invalid::Character { key, takes: "printable ASCII in PEM" });
    }
    // A full parse is the task of the TLS library. This detects a value in the wrong field.
    if pem.contains("-----BEGIN ") && pem.contains("-----END ") { Ok(()) } else { Err(Invalid::NotPem { key }) }
}
