//! The MQTT login: CONNECT, CONNACK, and a message on request.

use std::io::Write;
use std::num::NonZeroU16;
use std::time::Duration;

use base::{Code, Error, Finding, Result, Secret};
use mqtt::{BrokerPacket, Connect, Version};

use super::layer::{Layer, LayerReport};
use super::packets::{PacketReadError, PacketReader};
use super::{BrokerKind, rejection};
use crate::tls::CloseReason;

/// The telemetry key of a check, which identifies its value in the platform.
const KEY: &str = "tbpki_check";
/// The keep-alive time: longer than any check, so that no PINGREQ is needed.
const KEEP_ALIVE_SECONDS: u16 = 120;
/// The number of other packets that may arrive before the PUBACK.
const MAX_PACKETS: usize = 100;
const IDENTIFIER: NonZeroU16 = NonZeroU16::MIN;

/// The parameters of a login.
pub(super) struct LoginRequest {
    pub(super) kind: BrokerKind,
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) user_name: Option<Secret>,
    pub(super) password: Option<Secret>,
}

/// Sends CONNECT and waits for the answer.
pub(super) fn log_in(session: &mut super::tls_session::TlsSession, said: &LoginRequest) -> Result<LoginOutcome> {
    let connect = Connect {
        version: said.version,
        client_id: &said.client_id,
        user_name: said.user_name.as_ref().map(Secret::reveal),
        password: said.password.as_ref().map(Secret::reveal),
        keep_alive_seconds: KEEP_ALIVE_SECONDS,
    };
    let bytes = connect.encode().map_err(too_long)?;
    if let Err(error) = session.write_all(&bytes).and_then(|()| session.flush()) {
        return Ok(LoginOutcome::Ended(CloseReason::of(&error)));
    }
    let mut reader = PacketReader::new(said.version);
    Ok(match reader.next(session) {
        Ok(BrokerPacket::ConnAck(answer)) if answer.code == 0 => LoginOutcome::In(reader),
        Ok(BrokerPacket::ConnAck(answer)) => {
            LoginOutcome::Refused { version: answer.version, code: answer.code, reason: answer.reason }
        }
        // MQTT 5 brokers may refuse with a DISCONNECT instead of a CONNACK.
        Ok(BrokerPacket::Disconnect(answer)) => {
            LoginOutcome::Refused { version: Version::V5, code: answer.code, reason: answer.reason }
        }
        Ok(other) => LoginOutcome::Strange(format!("it answers CONNECT with {other:?}")),
        Err(PacketReadError::Closed) => LoginOutcome::Ended(CloseReason::Closed),
        Err(PacketReadError::Io(error)) => LoginOutcome::Ended(CloseReason::of(&error)),
        Err(PacketReadError::Malformed(why, first)) => {
            // Text is shown as text: a web server on this port answers "HTTP", which explains more than numbers.
            let text: String = first.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_graphic).collect();
            LoginOutcome::Strange(format!("{why} ({})", if text.len() > 3 { text } else { hex(&first) }))
        }
    })
}

fn too_long(field: mqtt::TooLong) -> Error {
    Code::BadValue.error(field.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The result of CONNECT.
pub(super) enum LoginOutcome {
    /// The broker accepted the login. The reader may have buffered further packets.
    In(PacketReader),
    /// The broker rejected the login.
    Refused {
        /// The MQTT version of the answer.
        version: Version,
        /// The return code or reason code.
        code: u8,
        /// The broker's reason string.
        reason: Option<String>,
    },
    /// The broker sent something other than an answer to CONNECT.
    Strange(String),
    /// The connection ended without an answer.
    Ended(CloseReason),
}

/// Publishes a value and waits for the acknowledgment.
pub(super) fn publish(
    session: &mut super::tls_session::TlsSession,
    reader: &mut PacketReader,
    said: &LoginRequest,
    timeout: Duration,
) -> Result<LayerReport> {
    let topic = match said.kind {
        BrokerKind::ThingsBoard | BrokerKind::Mqtt => "v1/devices/me/telemetry",
        BrokerKind::ActorCloud => KEY,
    };
    let payload = format!("{{\"{KEY}\":1}}");
    let bytes = mqtt::publish(said.version, IDENTIFIER, topic, payload.as_bytes()).map_err(too_long)?;
    let sent = session.write_all(&bytes).and_then(|()| session.flush());
    let outcome = sent.map_err(PacketReadError::Io).and_then(|()| wait(session, reader));
    let refused = |why: String| {
        let fault = Code::TelemetryRefused.fault("the telemetry message was not acknowledged").because(why);
        vec![fault.fix("check the device profile, or the broker's access rules for topics")]
    };
    let findings = match outcome {
        Ok(None) => Vec::new(),
        Ok(Some((code, reason))) => refused(coded(said.version, code, reason.as_deref())),
        Err(PacketReadError::Closed) => refused("the broker closed the connection".to_owned()),
        Err(PacketReadError::Malformed(why, _)) => refused(format!("what the broker sends is not MQTT: {why}")),
        Err(PacketReadError::Io(error)) => refused(CloseReason::of(&error).text(timeout)),
    };
    Ok(LayerReport::new(Layer::Telemetry, format!("{payload} to {topic}"), findings))
}

/// Sends DISCONNECT, so that the broker does not log a lost connection.
pub(super) fn leave(session: &mut super::tls_session::TlsSession) {
    // A broker that has already closed the connection needs no DISCONNECT.
    drop(session.write_all(&mqtt::DISCONNECT).and_then(|()| session.flush()));
}

/// Waits for the PUBACK; `None` if the message was accepted, else the code. Other packets may arrive before it.
fn wait(
    session: &mut super::tls_session::TlsSession,
    reader: &mut PacketReader,
) -> Result<Option<(u8, Option<String>)>, PacketReadError> {
    // Bounded: a broker that sends other packets for ever must not hold the check.
    for _ in 0..MAX_PACKETS {
        match reader.next(session)? {
            BrokerPacket::PubAck(answer) if answer.identifier == IDENTIFIER.get() => {
                // Codes below 0x80 are successes (MQTT 5, 2.4).
                return Ok((answer.code >= 0x80).then_some((answer.code, answer.reason)));
            }
            BrokerPacket::Disconnect(answer) => return Ok(Some((answer.code, answer.reason))),
            _ => {}
        }
    }
    Err(PacketReadError::Closed)
}

/// The text for a code with the broker's reason string.
pub(super) fn coded(version: Version, code: u8, reason: Option<&str>) -> String {
    let own = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    match version {
        Version::V311 => format!("{version}, return code {code}: {}{own}", mqtt::describe(version, code)),
        Version::V5 => format!("{version}, reason code 0x{code:02X}: {}{own}", mqtt::describe(version, code)),
    }
}

/// The finding for a failed login.
pub(super) fn finding(
    outcome: &LoginOutcome,
    case: &rejection::LoginContext<'_>,
    timeout: Duration,
) -> Option<Finding> {
    match outcome {
        LoginOutcome::In(_) => None,
        LoginOutcome::Refused { version, code, reason } => Some(case.refused(*version, *code, reason.as_deref())),
        LoginOutcome::Strange(why) => Some(
            Code::NotMqtt
                .fault("what answers at this port is not MQTT")
                .because(why)
                .fix("name the port for MQTT over TLS: 8883 is usual"),
        ),
        LoginOutcome::Ended(reason) => Some(case.ended(reason, timeout)),
    }
}
