//! Alerts that a broker sends without encryption: the reason why it ends a handshake.
//!
//! Mbed TLS returns that there was an alert, but not which. Until the broker's first encrypted record, the alert can be
//! read from the connection: in TLS 1.2 through the whole handshake of the client, in TLS 1.3 before the ServerHello.

use core::fmt;

use embedded_io_async::{ErrorType, Read, Write};

/// The description of a TLS alert (RFC 8446, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert(pub u8);

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            10 => "unexpected message",
            20 => "bad record MAC",
            22 => "record overflow",
            40 => "handshake failure",
            42 => "bad certificate",
            43 => "unsupported certificate",
            44 => "certificate revoked",
            45 => "certificate expired",
            46 => "certificate unknown",
            47 => "illegal parameter",
            48 => "unknown CA",
            49 => "access denied",
            50 => "decode error",
            51 => "decrypt error",
            70 => "protocol version",
            71 => "insufficient security",
            80 => "internal error",
            86 => "inappropriate fallback",
            90 => "user canceled",
            109 => "missing extension",
            112 => "unrecognized name",
            116 => "certificate required",
            120 => "no application protocol",
            other => return write!(f, "alert {other}"),
        };
        f.write_str(name)
    }
}

/// The content types of TLS records (RFC 8446, section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;

/// The level of an alert that ends the connection.
const FATAL: u8 = 2;

/// A connection whose incoming records are watched for alerts.
pub(super) struct AlertWatcher<S> {
    stream: S,
    records: Records,
}

impl<S> AlertWatcher<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, records: Records::default() }
    }

    /// The fatal alert that the peer sent.
    pub(super) fn alert(&self) -> Option<Alert> {
        self.records.alert
    }
}

impl<S: ErrorType> ErrorType for AlertWatcher<S> {
    type Error = S::Error;
}

impl<S: Read> Read for AlertWatcher<S> {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, S::Error> {
        let length = self.stream.read(bytes).await?;
        // Byte by byte, because a record may arrive in pieces.
        bytes.iter().take(length).for_each(|byte| self.records.byte(*byte));
        Ok(length)
    }
}

impl<S: Write> Write for AlertWatcher<S> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, S::Error> {
        self.stream.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), S::Error> {
        self.stream.flush().await
    }
}

/// The position in a sequence of records, each with a header of type, version and length.
#[derive(Default)]
struct Records {
    /// The bytes of the current header, and how many of them have arrived.
    header: [u8; 5],
    filled: usize,
    /// The bytes of the current record that are still to come.
    left: u16,
    /// The level of the alert of the current record, once it has arrived.
    level: Option<u8>,
    encrypted: bool,
    alert: Option<Alert>,
}

impl Records {
    fn byte(&mut self, byte: u8) {
        if self.left == 0 {
            if let Some(place) = self.header.get_mut(self.filled) {
                *place = byte;
            }
            self.filled += 1;
            if self.filled == self.header.len() {
                let [kind, _, _, high, low] = self.header;
                self.left = u16::from_be_bytes([high, low]);
                self.filled = 0;
                self.level = None;
                // After ChangeCipherSpec, records are encrypted (TLS 1.2), or look so (TLS 1.3).
                self.encrypted |= kind == CHANGE_CIPHER_SPEC;
            }
            return;
        }
        self.left -= 1;
        let [kind, _, _, high, low] = self.header;
        // Encrypted alerts are longer than two bytes.
        if kind == ALERT && high == 0 && low == 2 && !self.encrypted {
            match (self.level, self.left) {
                (None, 1) => self.level = Some(byte),
                // The level comes first, then the number (RFC 8446, section 6).
                (Some(FATAL), 0) => self.alert = Some(Alert(byte)),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = alloc::vec![kind, 3, 3];
        bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
        bytes
    }

    fn seen(records: &[Vec<u8>]) -> Option<Alert> {
        let mut position = Records::default();
        records.concat().into_iter().for_each(|byte| position.byte(byte));
        position.alert
    }

    #[test]
    fn fatal_alerts_before_the_encryption_are_seen() {
        // Full of 21, the type of an alert: only the lengths of the records tell where one begins.
        let hello = record(22, &[21; 300]);
        assert_eq!(seen(&[hello.clone(), record(ALERT, &[2, 48])]), Some(Alert(48)));
        assert_eq!(seen(&[record(ALERT, &[2, 40])]), Some(Alert(40)));
        assert_eq!(seen(&[record(22, &[]), hello.clone(), record(ALERT, &[2, 116])]), Some(Alert(116)));
        // A warning, an encrypted alert, and one after the change to encryption.
        assert_eq!(seen(&[hello.clone(), record(ALERT, &[1, 0])]), None);
        assert_eq!(seen(&[hello.clone(), record(ALERT, &[2; 26])]), None);
        assert_eq!(seen(&[hello, record(CHANGE_CIPHER_SPEC, &[1]), record(ALERT, &[2, 48])]), None);
    }

    #[test]
    fn alerts_have_the_names_of_the_standard() {
        assert_eq!(Alert(48).to_string(), "unknown CA");
        assert_eq!(Alert(116).to_string(), "certificate required");
        assert_eq!(Alert(200).to_string(), "alert 200");
    }
}
