//! Which step failed, and why, in words for whoever reads the serial port.

use core::fmt;

use super::mqtt::MqttFailure;

/// What ended an attempt or a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The broker could not be reached.
    Network(NetworkFailure),
    /// The handshake.
    Tls(TlsFailure),
    /// The login.
    Login(LoginFailure),
    /// The connection, once logged in.
    Connection(&'static str),
}

/// Why a host cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkFailure {
    /// This device is in no network.
    NoNetwork,
    /// There is no such name.
    UnknownHost,
    /// The host is there, but nothing listens on the port.
    Refused,
    /// Nothing answers.
    NoAnswer,
    /// The machine's network cannot do it.
    Other(&'static str),
}

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The broker's certificate was refused.
    Certificate(CertificateFaults),
    /// The broker ended the handshake with an alert.
    Alert,
    /// The connection ended in the handshake.
    Closed,
    /// It took too long.
    TimedOut,
    /// Something else, as the library numbers it.
    Other(i32),
}

/// What is wrong with a certificate, or the way from it to a trust anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CertificateFaults {
    /// Its last day is over.
    pub expired: bool,
    /// Its first day has not come.
    pub not_yet_valid: bool,
    /// It is for another host name or address.
    pub other_name: bool,
    /// No trust anchor of the record issued it.
    pub not_trusted: bool,
    /// It, or an issuer of it, may not be used for this.
    pub wrong_purpose: bool,
    /// An algorithm or a key size is too weak.
    pub weak: bool,
    /// Other faults, as the library numbers them.
    pub other: u32,
}

/// Why the broker did not let this device in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginFailure {
    /// It answered with this return code (MQTT 3.1.1, section 3.2.2.3).
    Code {
        /// The code.
        code: u8,
        /// Whether the device logs in with a certificate.
        certificate: bool,
    },
    /// The connection ended before it answered.
    Closed {
        /// Whether the device logs in with a certificate.
        certificate: bool,
    },
    /// It did not answer.
    TimedOut,
    /// It answered with something that is not MQTT.
    NoMqtt,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(failure) => write!(f, "network: {failure}"),
            Self::Tls(failure) => write!(f, "tls: {failure}"),
            Self::Login(failure) => write!(f, "login: {failure}"),
            Self::Connection(why) => write!(f, "connection: {why}"),
        }
    }
}

impl fmt::Display for NetworkFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoNetwork => "there is no network",
            Self::UnknownHost => "the broker's name is unknown: is the host of the record right, and does DNS work?",
            Self::Refused => "the broker's host refuses connections to this port: does the broker run?",
            Self::NoAnswer => "the broker's host does not answer",
            Self::Other(why) => why,
        })
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(faults) => write!(f, "the broker's certificate is refused: {faults}"),
            Self::Alert => f.write_str("the broker ended the handshake with an alert: its log says why"),
            Self::Closed => f.write_str("the connection ended in the handshake: is this a port for TLS?"),
            Self::TimedOut => f.write_str("the handshake took too long"),
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
            (self.other_name, "it is for another name than the record's host"),
            (self.not_trusted, "no CA of the record issued it"),
            (self.wrong_purpose, "it, or an issuer of it, may not be used for this"),
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
            Self::Code { code: 4 | 5, certificate } => {
                write!(f, "the broker does not accept this device's {}: is it registered?", what(certificate))
            }
            Self::Code { code: 2, .. } => f.write_str("the broker does not accept this device's name"),
            Self::Code { code: 3, .. } => f.write_str("the broker is not ready to let devices in"),
            Self::Code { code, .. } => write!(f, "the broker refuses it with return code {code}"),
            // Where TLS 1.3 refuses a client's certificate, the client learns of it when it reads next.
            Self::Closed { certificate: true } => f.write_str(
                "the broker ended the connection: it probably does not trust the CA of this device's certificate",
            ),
            Self::Closed { certificate: false } => f.write_str(
                "the broker ended the connection: does it ask for a certificate, where this device has a token?",
            ),
            Self::TimedOut => f.write_str("the broker does not answer"),
            Self::NoMqtt => f.write_str("what answers does not speak MQTT 3.1.1"),
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
            MqttFailure::Closed => "the broker ended it",
            MqttFailure::TimedOut => "the broker does not answer any more",
            MqttFailure::Unexpected => "the broker sent what does not fit MQTT 3.1.1",
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn faults_of_a_certificate_are_told_together() {
        let faults = CertificateFaults { expired: true, other_name: true, other: 0x80, ..Default::default() };
        assert_eq!(
            Failure::from(TlsFailure::Certificate(faults)).to_string(),
            "tls: the broker's certificate is refused: it has expired, and it is for another name than the record's \
             host, and Mbed TLS's flags 0x80"
        );
        assert_eq!(CertificateFaults::default().to_string(), "Mbed TLS's flags 0x0");
    }
}
