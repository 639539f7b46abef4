//! The login itself: CONNECT, CONNACK, and one message if asked for.

use std::io::Write;
use std::num::NonZeroU16;
use std::time::Duration;

use base::{Code, Error, Finding, Result, Secret};
use mqtt::{BrokerPacket, Connect, Version};

use super::layer::{Layer, LayerReport};
use super::packets::{PacketReader, ReadError};
use super::{BrokerKind, rejection};
use crate::tls::CloseReason;

/// The key of the one value that a check sends, so that it is recognised wherever it turns up.
const KEY: &str = "tbpki_check";
/// The keep-alive time: longer than any check, so that no PINGREQ is needed.
const KEEP_ALIVE_SECONDS: u16 = 120;
/// The number of other packets that may arrive before the PUBACK.
const MAX_PACKETS: usize = 100;
const IDENTIFIER: NonZeroU16 = NonZeroU16::MIN;

/// What is said at the login.
pub(super) struct LoginRequest {
    pub(super) kind: BrokerKind,
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) user_name: Option<Secret>,
    pub(super) password: Option<Secret>,
}

/// Logs in; `Err` holds what the broker said instead of yes.
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
        Ok(BrokerPacket::Disconnect(answer)) => {
            LoginOutcome::Refused { version: Version::V5, code: answer.code, reason: answer.reason }
        }
        Ok(other) => LoginOutcome::Strange(format!("it answers CONNECT with {other:?}")),
        Err(ReadError::Closed) => LoginOutcome::Ended(CloseReason::Closed),
        Err(ReadError::Io(error)) => LoginOutcome::Ended(CloseReason::of(&error)),
        Err(ReadError::Malformed(why, first)) => {
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

/// What came of a CONNECT.
pub(super) enum LoginOutcome {
    /// The broker let us in; what was read beyond its answer is in the reader.
    In(PacketReader),
    /// It said no.
    Refused {
        /// The version that the answer is in.
        version: Version,
        /// The return code or reason code.
        code: u8,
        /// The broker's own words.
        reason: Option<String>,
    },
    /// It said something that is no answer.
    Strange(String),
    /// It said nothing.
    Ended(CloseReason),
}

/// Publishes one value and waits until the broker has it.
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
    let outcome = sent.map_err(ReadError::Io).and_then(|()| wait(session, reader));
    let refused = |why: String| {
        let fault = Code::TelemetryRefused.fault("the telemetry message was not acknowledged").because(why);
        vec![fault.fix("look at the device profile, or at the broker's rules on who may publish where")]
    };
    let findings = match outcome {
        Ok(None) => Vec::new(),
        Ok(Some((code, reason))) => refused(coded(said.version, code, reason.as_deref())),
        Err(ReadError::Closed) => refused("the broker closed the connection".to_owned()),
        Err(ReadError::Malformed(why, _)) => refused(format!("what the broker sends is not MQTT: {why}")),
        Err(ReadError::Io(error)) => refused(CloseReason::of(&error).text(timeout)),
    };
    Ok(LayerReport::new(Layer::Telemetry, format!("{payload} to {topic}"), findings))
}

/// Says goodbye, so that the broker does not take it for a lost connection.
pub(super) fn leave(session: &mut super::tls_session::TlsSession) {
    // Whoever has gone already needs no goodbye.
    drop(session.write_all(&mqtt::DISCONNECT).and_then(|()| session.flush()));
}

/// Until the PUBACK: nothing when it is a yes, else the code. Brokers may send other packets before it.
fn wait(
    session: &mut super::tls_session::TlsSession,
    reader: &mut PacketReader,
) -> Result<Option<(u8, Option<String>)>, ReadError> {
    for _ in 0..MAX_PACKETS {
        match reader.next(session)? {
            BrokerPacket::PubAck(answer) if answer.identifier == IDENTIFIER.get() => {
                return Ok((answer.code >= 0x80).then_some((answer.code, answer.reason)));
            }
            BrokerPacket::Disconnect(answer) => return Ok(Some((answer.code, answer.reason))),
            _ => {}
        }
    }
    Err(ReadError::Closed)
}

/// A code with its words, and the broker's own.
pub(super) fn coded(version: Version, code: u8, reason: Option<&str>) -> String {
    let own = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    match version {
        Version::V311 => format!("{version}, return code {code}: {}{own}", mqtt::describe(version, code)),
        Version::V5 => format!("{version}, reason code 0x{code:02X}: {}{own}", mqtt::describe(version, code)),
    }
}

/// The finding for a login that did not come about.
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
