//! A client of MQTT 3.1.1 that logs in, publishes with QoS 1, and shows that it is alive. It subscribes to nothing, so
//! there is nothing to read but answers, and they are waited for one at a time.

mod packet;

use embedded_io_async::{Read, Write};

use packet::Answer;

use super::failure::LoginFailure;

/// Why a connection that was logged in is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MqttFailure {
    /// The stream ended.
    Closed,
    /// No answer came in time.
    TimedOut,
    /// Something came that is no answer.
    Unexpected,
}

/// A connection.
pub(super) struct Client<S> {
    stream: S,
    next_packet: u16,
}

impl<S: Read + Write> Client<S> {
    /// Logs in.
    ///
    /// The session is clean: what was not acknowledged is in the queue and published anew.
    pub(super) async fn login(
        stream: S,
        client_id: &str,
        token: Option<&str>,
        keep_alive_seconds: u16,
    ) -> Result<Self, LoginFailure> {
        let certificate = token.is_none();
        let mut client = Self { stream, next_packet: 1 };
        let login = match client.ask(&packet::connect(client_id, token, keep_alive_seconds)).await {
            Ok(Answer::Connected { code }) => code,
            Ok(_) | Err(MqttFailure::Unexpected) => return Err(LoginFailure::NoMqtt),
            Err(MqttFailure::Closed) => return Err(LoginFailure::Closed { certificate }),
            Err(MqttFailure::TimedOut) => return Err(LoginFailure::TimedOut),
        };
        match login {
            0 => Ok(client),
            code => Err(LoginFailure::Code { code, certificate }),
        }
    }

    /// Publishes and waits until the broker has acknowledged it.
    pub(super) async fn publish(&mut self, topic: &str, message: &str) -> Result<(), MqttFailure> {
        let id = self.next_packet;
        // 0 is no number of a packet.
        self.next_packet = id.checked_add(1).unwrap_or(1);
        match self.ask(&packet::publish(topic, id, message)).await? {
            Answer::Published { id: acknowledged } if acknowledged == id => Ok(()),
            _ => Err(MqttFailure::Unexpected),
        }
    }

    /// Shows that this end is alive, and sees that the other is.
    pub(super) async fn ping(&mut self) -> Result<(), MqttFailure> {
        match self.ask(&packet::PING).await? {
            Answer::Pong => Ok(()),
            _ => Err(MqttFailure::Unexpected),
        }
    }

    async fn ask(&mut self, question: &[u8]) -> Result<Answer, MqttFailure> {
        self.stream.write_all(question).await.map_err(|_| MqttFailure::Closed)?;
        self.stream.flush().await.map_err(|_| MqttFailure::Closed)?;
        let (mut head, mut body) = ([0; 2], [0; 2]);
        self.read(&mut head).await?;
        // Every answer that there can be has a body of two bytes or none.
        match head {
            [_, 0] => packet::answer(head, &[]),
            [_, 2] => {
                self.read(&mut body).await?;
                packet::answer(head, &body)
            }
            _ => None,
        }
        .ok_or(MqttFailure::Unexpected)
    }

    async fn read(&mut self, bytes: &mut [u8]) -> Result<(), MqttFailure> {
        self.stream.read_exact(bytes).await.map_err(|_| MqttFailure::Closed)
    }
}
