//! The failures of a session, with texts for the serial log.

use alloc::string::String;
use core::fmt;

use super::alert::Alert;
use super::client::MqttFailure;

/// The failed step of an attempt, or the end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The broker could not be reached.
    Network(NetworkFailure),
    /// The TLS handshake failed.
    Tls(TlsFailure),
    /// The broker rejected the login, or did not answer it.
    Login(LoginFailure),
    /// The connection ended after the login.
    Connection(&'static str),
    /// The device has no identity to log in with, for this reason.
    Enrolment(String),
}

/// The reason why a host cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkFailure {
    /// The device has no network.
    NoNetwork,
    /// The name cannot be resolved.
    UnknownHost,
    /// The host refuses connections to the port.
    Refused,
    /// The host does not answer.
    NoAnswer,
    /// Another failure of the network.
    Other(&'static str),
}

/// The reason why a TLS handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The broker's certificate was rejected.
    Certificate(CertificateFaults),
    /// The broker sent an alert, which is known if it was not encrypted.
    Alert(Option<Alert>),
    /// The broker closed the connection.
    Closed,
    /// The handshake exceeded its time limit.
    TimedOut,
    /// Another error code of Mbed TLS.
    Other(i32),
}

/// The faults of a certificate or of its path to a trust anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CertificateFaults {
    /// The certificate has expired.
    pub expired: bool,
    /// The certificate is not valid yet.
    pub not_yet_valid: bool,
    /// The certificate is for another host.
    pub other_name: bool,
    /// The path does not lead to a trust anchor of the record.
    pub not_trusted: bool,
    /// The certificate or one of its issuers does not allow this use.
    pub wrong_purpose: bool,
    /// A signature algorithm or a key is too weak.
    pub weak: bool,
    /// Other verification flags of Mbed TLS.
    pub other: u32,
}

/// The reason why a login failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginFailure {
    /// The broker rejected the login with this return code (MQTT 3.1.1, section 3.2.2.3).
    Code {
        /// The return code.
        code: u8,
        /// True if the device logs in with a certificate.
        certificate: bool,
    },
    /// The broker closed the connection without an answer.
    Closed {
        /// True if the device logs in with a certificate.
        certificate: bool,
    },
    /// The broker did not answer in time.
    TimedOut,
    /// The answer is not an MQTT 3.1.1 packet.
    NoMqtt,
    /// The device's name or token is longer than MQTT can encode.
    TooLong,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(failure) => write!(f, "network: {failure}"),
            Self::Tls(failure) => write!(f, "tls: {failure}"),
            Self::Login(failure) => write!(f, "login: {failure}"),
            Self::Connection(why) => write!(f, "connection: {why}"),
            Self::Enrolment(why) => write!(f, "enrolment: {why}"),
        }
    }
}

impl fmt::Display for NetworkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNetwork => "there is no network",
            Self::UnknownHost => "the broker's name is unknown: check the record's host and the DNS server",
            Self::Refused => "the broker's host refuses connections to this port: check that the broker is running",
            Self::NoAnswer => "the broker's host does not answer",
            Self::Other(why) => why,
        })
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Each text names what can be checked: the log is all that the device shows.
            Self::Certificate(faults) => write!(f, "the broker's certificate is rejected: {faults}"),
            Self::Alert(None) => f.write_str("the broker ended the handshake with an alert: see the broker's log"),
            Self::Alert(Some(alert)) => {
                write!(f, "the broker ended the handshake with the alert \"{alert}\": see the broker's log")
            }
            Self::Closed => {
                f.write_str("the broker closed the connection during the handshake: check that this is its TLS port")
            }
            Self::TimedOut => f.write_str("the handshake timed out"),
            Self::Other(code) => write!(f, "the handshake failed with Mbed TLS's error -{:#06x}", code.unsigned_abs()),
        }
    }
}

impl fmt::Display for CertificateFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (is, text) in [
            (self.expired, "it has expired"),
            (self.not_yet_valid, "it is not valid yet at this device's date"),
            (self.other_name, "it is not valid for the record's host"),
            (self.not_trusted, "no CA of the record issued it"),
            (self.wrong_purpose, "it or one of its issuers does not allow this use"),
            (self.weak, "it uses an algorithm or a key that is too weak"),
        ] {
            if is {
                f.write_str(if first { text } else { ", and " })?;
                if !first {
                    f.write_str(text)?;
                }
                first = false;
            }
        }
        if self.other != 0 || first {
            write!(f, "{}Mbed TLS's flags {:#x}", if first { "" } else { ", and " }, self.other)?;
        }
        Ok(())
    }
}

impl fmt::Display for LoginFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = |certificate| if certificate { "certificate" } else { "token" };
        match *self {
            // Code 4 and code 5 mean the same to users, and brokers choose between them differently.
            Self::Code { code: 4 | 5, certificate } => {
                write!(f, "the broker rejects this device's {}: check that the device is registered", what(certificate))
            }
            // 2: identifier rejected; 3: server unavailable (MQTT 3.1.1, section 3.2.2.3).
            Self::Code { code: 2, .. } => f.write_str("the broker rejects this device's name"),
            Self::Code { code: 3, .. } => f.write_str("the broker is unavailable"),
            Self::Code { code, .. } => write!(f, "the broker rejects it with return code {code}"),
            // With TLS 1.3 the client learns only after the handshake that its certificate was rejected.
            Self::Closed { certificate: true } => f.write_str(
                "the broker closed the connection: it probably does not trust the CA of this device's certificate",
            ),
            Self::Closed { certificate: false } => f.write_str(
                "the broker closed the connection: it may require a certificate, and this device has a token",
            ),
            Self::TimedOut => f.write_str("the broker does not answer"),
            Self::NoMqtt => f.write_str("the peer does not speak MQTT 3.1.1"),
            Self::TooLong => f.write_str("the device's name or token is too long for MQTT"),
        }
    }
}

impl core::error::Error for Failure {}

impl From<NetworkFailure> for Failure {
    fn from(failure: NetworkFailure) -> Self {
        Self::Network(failure)
    }
}

impl From<TlsFailure> for Failure {
    fn from(failure: TlsFailure) -> Self {
        Self::Tls(failure)
    }
}

impl From<LoginFailure> for Failure {
    fn from(failure: LoginFailure) -> Self {
        Self::Login(failure)
    }
}

impl From<MqttFailure> for Failure {
    fn from(failure: MqttFailure) -> Self {
        Self::Connection(match failure {
            MqttFailure::Closed => "the broker closed it",
            MqttFailure::TimedOut => "the broker stopped answering",
            MqttFailure::Unexpected => "the broker violated MQTT 3.1.1",
            MqttFailure::TooLong => "a message is too long for MQTT",
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn all_faults_of_a_certificate_are_listed() {
        let faults = CertificateFaults { expired: true, other_name: true, other: 0x80, ..Default::default() };
        assert_eq!(
            Failure::from(TlsFailure::Certificate(faults)).to_string(),
            "tls: the broker's certificate is rejected: it has expired, and it is not valid for the record's host, and \
             Mbed TLS's flags 0x80"
        );
        assert_eq!(CertificateFaults::default().to_string(), "Mbed TLS's flags 0x0");
    }
}
