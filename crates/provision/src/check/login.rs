//! The login itself: CONNECT, CONNACK, and one message if asked for.

use std::io::Write;
use std::time::Duration;

use base::{Code, Finding, Result, Secret};

use super::layer::{Layer, LayerReport};
use super::{Kind, answer};
use crate::ending::Ending;
use crate::mqtt::{self, Answer, Broken, Connect, Reader, Version, words};

/// The key of the one value that a check sends, so that it is recognised wherever it turns up.
const KEY: &str = "tbpki_check";
/// Longer than any check takes.
const KEEP_ALIVE: u16 = 120;
/// More packets than these are not waited through.
const MAX_PACKETS: usize = 100;
const IDENTIFIER: u16 = 1;

/// What is said at the login.
pub(super) struct Words {
    pub(super) kind: Kind,
    pub(super) version: Version,
    pub(super) client_id: String,
    pub(super) user_name: Option<Secret>,
    pub(super) password: Option<Secret>,
}

/// Logs in; `Err` holds what the broker said instead of yes.
pub(super) fn log_in(session: &mut super::session::Session, said: &Words) -> Result<Outcome> {
    let connect = Connect {
        version: said.version,
        client_id: said.client_id.clone(),
        user_name: said.user_name.clone(),
        password: said.password.clone(),
        keep_alive: KEEP_ALIVE,
    };
    let bytes = connect.encode()?;
    if let Err(error) = session.write_all(&bytes).and_then(|()| session.flush()) {
        return Ok(Outcome::Ended(Ending::of(&error)));
    }
    let mut reader = Reader::new(said.version);
    Ok(match reader.next(session) {
        Ok(Answer::ConnAck(answer)) if answer.code == 0 => Outcome::In(reader),
        Ok(Answer::ConnAck(answer)) => {
            Outcome::Refused { version: answer.version, code: answer.code, reason: answer.reason }
        }
        Ok(Answer::Disconnect(answer)) => {
            Outcome::Refused { version: Version::V5, code: answer.code, reason: answer.reason }
        }
        Ok(other) => Outcome::Strange(format!("it answers CONNECT with {other:?}")),
        Err(Broken::Ended) => Outcome::Ended(Ending::Closed),
        Err(Broken::Io(error)) => Outcome::Ended(Ending::of(&error)),
        Err(Broken::Malformed(why, first)) => {
            let text: String = first.iter().map(|byte| char::from(*byte)).filter(char::is_ascii_graphic).collect();
            Outcome::Strange(format!("{why} ({})", if text.len() > 3 { text } else { hex(&first) }))
        }
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What came of a CONNECT.
pub(super) enum Outcome {
    /// The broker let us in; what was read beyond its answer is in the reader.
    In(Reader),
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
    Ended(Ending),
}

/// Publishes one value and waits until the broker has it.
pub(super) fn publish(
    session: &mut super::session::Session,
    reader: &mut Reader,
    said: &Words,
    timeout: Duration,
) -> Result<LayerReport> {
    let topic = match said.kind {
        Kind::ThingsBoard | Kind::Mqtt => "v1/devices/me/telemetry",
        Kind::ActorCloud => KEY,
    };
    let payload = format!("{{\"{KEY}\":1}}");
    let bytes = mqtt::publish(said.version, IDENTIFIER, topic, payload.as_bytes())?;
    let sent = session.write_all(&bytes).and_then(|()| session.flush());
    let outcome = sent.map_err(Broken::Io).and_then(|()| wait(session, reader));
    let refused = |why: String| {
        let fault = Code::TelemetryRefused.fault("the telemetry message was not acknowledged").because(why);
        vec![fault.fix("look at the device profile, or at the broker's rules on who may publish where")]
    };
    let findings = match outcome {
        Ok(None) => Vec::new(),
        Ok(Some((code, reason))) => refused(coded(said.version, code, reason.as_deref())),
        Err(Broken::Ended) => refused("the broker closed the connection".to_owned()),
        Err(Broken::Malformed(why, _)) => refused(format!("what the broker sends is not MQTT: {why}")),
        Err(Broken::Io(error)) => refused(Ending::of(&error).text(timeout)),
    };
    Ok(LayerReport::new(Layer::Telemetry, format!("{payload} to {topic}"), findings))
}

/// Says goodbye, so that the broker does not take it for a lost connection.
pub(super) fn leave(session: &mut super::session::Session) {
    // Whoever has gone already needs no goodbye.
    drop(session.write_all(&mqtt::disconnect()).and_then(|()| session.flush()));
}

/// Until the PUBACK: nothing when it is a yes, else the code. Brokers may send other packets before it.
fn wait(session: &mut super::session::Session, reader: &mut Reader) -> Result<Option<(u8, Option<String>)>, Broken> {
    for _ in 0..MAX_PACKETS {
        match reader.next(session)? {
            Answer::PubAck(answer) if answer.identifier == IDENTIFIER => {
                return Ok((answer.code >= 0x80).then_some((answer.code, answer.reason)));
            }
            Answer::Disconnect(answer) => return Ok(Some((answer.code, answer.reason))),
            _ => {}
        }
    }
    Err(Broken::Ended)
}

/// A code with its words, and the broker's own.
pub(super) fn coded(version: Version, code: u8, reason: Option<&str>) -> String {
    let own = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    match version {
        Version::V311 => format!("{version}, return code {code}: {}{own}", words(version, code)),
        Version::V5 => format!("{version}, reason code 0x{code:02X}: {}{own}", words(version, code)),
    }
}

/// The finding for a login that did not come about.
pub(super) fn finding(outcome: &Outcome, case: &answer::Case<'_>, timeout: Duration) -> Option<Finding> {
    match outcome {
        Outcome::In(_) => None,
        Outcome::Refused { version, code, reason } => Some(case.refused(*version, *code, reason.as_deref())),
        Outcome::Strange(why) => Some(
            Code::NotMqtt
                .fault("what answers at this port is not MQTT")
                .because(why)
                .fix("name the port for MQTT over TLS: 8883 is usual"),
        ),
        Outcome::Ended(ending) => Some(case.ended(ending, timeout)),
    }
}
