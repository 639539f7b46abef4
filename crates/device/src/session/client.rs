//! An MQTT 3.1.1 client that logs in, publishes with QoS 1 and sends keep-alive pings.
//!
//! It subscribes to nothing, so that a broker sends it nothing but answers. It waits for one answer at a time.

use core::num::NonZeroU16;

use embedded_io_async::{Read, Write};
use mqtt::{BrokerPacket, Connect, PINGREQ, TooLong, Version};

use super::failure::LoginFailure;

/// The reason why a connection ended after the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MqttFailure {
    /// The broker closed the connection.
    Closed,
    /// The broker did not answer in time.
    TimedOut,
    /// The broker sent a packet that does not answer the request.
    Unexpected,
    /// A packet of this device is longer than MQTT can encode.
    TooLong,
}

impl From<TooLong> for MqttFailure {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

/// A connection to a broker that accepted the login.
pub(super) struct Client<S> {
    stream: S,
    next_identifier: NonZeroU16,
}

impl<S: Read + Write> Client<S> {
    /// Logs in with a clean session: unacknowledged readings stay in the queue and are published again.
    pub(super) async fn login(
        stream: S,
        client_id: &str,
        token: Option<&str>,
        keep_alive_seconds: u16,
    ) -> Result<Self, LoginFailure> {
        let certificate = token.is_none();
        let connect =
            // A clean session: the device subscribes to nothing, so that the broker has nothing to keep.
            Connect { version: Version::V311, client_id, user_name: token, password: None, keep_alive_seconds };
        let packet = connect.encode().map_err(|_| LoginFailure::TooLong)?;
        let mut client = Self { stream, next_identifier: NonZeroU16::MIN };
        match client.request(&packet).await {
            Ok(BrokerPacket::ConnAck(answer)) if answer.code == 0 => Ok(client),
            Ok(BrokerPacket::ConnAck(answer)) => Err(LoginFailure::Code { code: answer.code, certificate }),
            Ok(_) | Err(MqttFailure::Unexpected) => Err(LoginFailure::NoMqtt),
            Err(MqttFailure::Closed) => Err(LoginFailure::Closed { certificate }),
            Err(MqttFailure::TimedOut) => Err(LoginFailure::TimedOut),
            Err(MqttFailure::TooLong) => Err(LoginFailure::TooLong),
        }
    }

    /// Publishes a message and waits for the acknowledgment.
    pub(super) async fn publish(&mut self, topic: &str, message: &str) -> Result<(), MqttFailure> {
        let identifier = self.next_identifier;
        // Identifiers begin again at 1, because MQTT forbids 0 (section 2.3.1).
        self.next_identifier = identifier.checked_add(1).unwrap_or(NonZeroU16::MIN);
        let packet = mqtt::publish(Version::V311, identifier, topic, message.as_bytes())?;
        match self.request(&packet).await? {
            BrokerPacket::PubAck(answer) if answer.identifier == identifier.get() => Ok(()),
            _ => Err(MqttFailure::Unexpected),
        }
    }

    /// Pings the broker, so that neither side considers the connection dead.
    pub(super) async fn ping(&mut self) -> Result<(), MqttFailure> {
        match self.request(&PINGREQ).await? {
            BrokerPacket::PingResp => Ok(()),
            _ => Err(MqttFailure::Unexpected),
        }
    }

    async fn request(&mut self, packet: &[u8]) -> Result<BrokerPacket, MqttFailure> {
        self.stream.write_all(packet).await.map_err(|_| MqttFailure::Closed)?;
        // TLS buffers the packet until it is flushed.
        self.stream.flush().await.map_err(|_| MqttFailure::Closed)?;
        let (mut head, mut body) = ([0; 2], [0; 2]);
        self.read(&mut head).await?;
        let [first, length] = head;
        // CONNACK and PUBACK have a body of two bytes and PINGRESP has none. Other packets are no answers, so that their
        // length is not decoded.
        let decoded = match length {
            0 => BrokerPacket::decode(Version::V311, &head),
            2 => {
                self.read(&mut body).await?;
                let [high, low] = body;
                BrokerPacket::decode(Version::V311, &[first, length, high, low])
            }
            _ => return Err(MqttFailure::Unexpected),
        };
        match decoded {
            Ok(Some((packet, _))) => Ok(packet),
            Ok(None) | Err(_) => Err(MqttFailure::Unexpected),
        }
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<(), MqttFailure> {
        self.stream.read_exact(bytes).await.map_err(|_| MqttFailure::Closed)
    }
}
