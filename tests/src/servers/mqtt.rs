//! MQTT packets as literal bytes, over TLS.

use crate::platform::Platform;
use crate::wire::{Shown, Versions, Wire};

/// CONNECT, as one wishes it.
#[derive(Debug, Clone, Copy)]
pub struct Connect<'a> {
    /// 3, 4 or 5.
    pub level: u8,
    /// True if nothing of an earlier session is wanted.
    pub clean: bool,
    /// The client id.
    pub client: &'a str,
    /// The user name.
    pub user: Option<&'a str>,
    /// The password; sent only together with a user name.
    pub password: Option<&'a str>,
}

impl Default for Connect<'_> {
    fn default() -> Self {
        Self { level: 4, clean: true, client: "", user: None, password: None }
    }
}

impl Connect<'_> {
    /// The packet.
    pub fn bytes(&self) -> Vec<u8> {
        // MQTT 3.1 has another name in its CONNECT than 3.1.1 and 5.
        let mut body = text(if self.level == 3 { "MQIsdp" } else { "MQTT" });
        let flags =
            u8::from(self.clean) << 1 | u8::from(self.user.is_some()) << 7 | u8::from(self.password.is_some()) << 6;
        // A keep-alive of 60 seconds, longer than any test.
        body.extend([self.level, flags, 0, 60]);
        body.extend(properties(self.level));
        body.extend(text(self.client));
        body.extend(self.user.map(text).unwrap_or_default());
        body.extend(self.password.map(text).unwrap_or_default());
        packet(0x10, &body)
    }
}

/// PUBLISH; without an id its quality of service is 0.
pub fn publish(level: u8, topic: &str, qos: u8, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(properties(level));
    body.extend(payload);
    packet(0x30 | qos << 1, &body)
}

/// SUBSCRIBE to one filter.
pub fn subscribe(level: u8, id: u16, filter: &str, qos: u8) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(properties(level));
    body.extend(text(filter));
    body.push(qos);
    packet(0x82, &body)
}

/// A connection on which CONNECT has been sent, and the first bytes of what was answered.
///
/// # Panics
/// Where the handshake fails.
#[track_caller]
pub fn connect(platform: &Platform, shown: Option<&Shown>, connect: &Connect<'_>) -> (Wire, Vec<u8>) {
    let (host, port) = platform.mqtts();
    let mut wire =
        Wire::tls(host, port, shown, Versions::Tls13).unwrap_or_else(|error| panic!("no handshake: {error}"));
    wire.send(&connect.bytes());
    // The CONNACK of MQTT 5 has a length of properties more.
    let length = if connect.level == 5 { 5 } else { 4 };
    let answer = wire.read(length).unwrap_or_else(|error| panic!("no CONNACK: {error}"));
    (wire, answer)
}

/// The packets of one byte and a length.
pub const PINGREQ: [u8; 2] = [0xc0, 0];

fn properties(level: u8) -> Option<u8> {
    (level == 5).then_some(0)
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap();
        length >>= 7;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}
