//! One connection, from CONNECT to its end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::codec::{Frame, Frames, Incoming, kind};
use super::connack::Verdict;
use super::connect::{Connect, Version};
use super::publish::{self, Message, Outcome};
use super::{LONGEST, answers, login, subscribe, topic};
use crate::core::Core;
use crate::ids::Uuid;
use crate::state::Close;
use crate::state::devices::Device;

/// Packets that may wait for CONNECT.
const QUEUE: usize = 100;
/// How long a connection lives on after it has provisioned a device.
const AFTER_PROVISIONING: Duration = Duration::from_secs(60);

/// Who is at the other end.
#[derive(Clone, Copy)]
enum Peer {
    Device(Uuid),
    /// Somebody who may only ask to be provisioned.
    Newcomer,
}

struct Session<S> {
    stream: S,
    core: Arc<Core>,
    frames: Frames,
    version: Version,
    subscribed: HashSet<String>,
    ends_at: Option<Instant>,
}

/// Serves one connection. The chain is what the client presented in the handshake.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(stream: S, core: Arc<Core>, chain: Vec<Vec<u8>>) {
    let frames = Frames::new(LONGEST);
    let version = Version::V3_1_1;
    let mut session = Session { stream, core, frames, version, subscribed: HashSet::new(), ends_at: None };
    session.serve(&chain).await;
    // The other side may be gone already.
    let _ = session.stream.shutdown().await;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn serve(&mut self, chain: &[Vec<u8>]) {
        let Some((connect, early)) = self.connect().await else { return };
        if self.core.manners.faults.strike_mqtt("connect").await {
            return;
        }
        self.version = connect.version;
        let peer = if connect.wants_provisioning() {
            Ok(Peer::Newcomer)
        } else {
            login::device(&self.core, &connect, chain).map(Peer::Device)
        };
        let (closer, mut closed) = unbounded_channel();
        let verdict = peer.err().unwrap_or(Verdict::Accepted);
        let number = match peer {
            Ok(Peer::Device(device)) => Some((device, self.core.state().begin_session(device, closer))),
            _ => None,
        };
        if self.write(&verdict.bytes(&connect)).await
            && let Ok(peer) = peer
        {
            self.talk(peer, early, &mut closed).await;
        }
        if let Some((device, number)) = number {
            self.core.state().end_session(device, number);
        }
    }

    /// Waits for CONNECT. What comes before it has to wait for it.
    async fn connect(&mut self) -> Option<(Connect, Vec<Frame>)> {
        let mut early = Vec::new();
        loop {
            match self.frames.next(&mut self.stream).await {
                Incoming::Frame(frame) if frame.kind == kind::CONNECT => {
                    return Connect::read(&frame.body).map(|connect| (connect, early));
                }
                Incoming::Frame(frame) if early.len() < QUEUE => early.push(frame),
                _ => return None,
            }
        }
    }

    async fn talk(&mut self, peer: Peer, early: Vec<Frame>, closed: &mut UnboundedReceiver<Close>) {
        for frame in early {
            if !self.take(peer, &frame).await {
                return;
            }
        }
        loop {
            let ends_at = self.ends_at;
            let end = async move {
                match ends_at {
                    Some(time) => sleep_until(time).await,
                    None => std::future::pending().await,
                }
            };
            let incoming = tokio::select! {
                incoming = self.frames.next(&mut self.stream) => incoming,
                Some(close) = closed.recv() => {
                    let reason = match close {
                        Close::Administrative => 0x98,
                        Close::TakenOver => 0x8e,
                    };
                    self.say_goodbye(reason).await;
                    return;
                }
                () = end => return,
            };
            match incoming {
                Incoming::Frame(frame) => {
                    if !self.take(peer, &frame).await {
                        return;
                    }
                }
                Incoming::Malformed => return self.say_goodbye(0x81).await,
                Incoming::End => return,
            }
        }
    }

    /// Handles a packet; false is the end.
    async fn take(&mut self, peer: Peer, frame: &Frame) -> bool {
        let fault = match frame.kind {
            kind::PUBLISH => Some("publish"),
            kind::SUBSCRIBE => Some("subscribe"),
            _ => None,
        };
        if let Some(fault) = fault
            && self.core.manners.faults.strike_mqtt(fault).await
        {
            return false;
        }
        let Some(outcome) = self.outcome(peer, frame) else {
            self.say_goodbye(0x81).await;
            return false;
        };
        self.write(&outcome.writes).await && !outcome.ends
    }

    /// What a packet comes to; `None` is malformed.
    fn outcome(&mut self, peer: Peer, frame: &Frame) -> Option<Outcome> {
        Some(match frame.kind {
            kind::PUBLISH => {
                let message = Message::read(frame, self.version)?;
                match peer {
                    Peer::Device(device) => publish::from_device(&self.core, device, self.version, &message),
                    Peer::Newcomer => self.provision(&message),
                }
            }
            kind::SUBSCRIBE => {
                let (id, filters) = subscribe::read(frame, self.version, true)?;
                let is_gateway = match peer {
                    Peer::Device(device) => self.core.state().device(device).is_some_and(Device::is_gateway),
                    Peer::Newcomer => false,
                };
                let known = |filter: &str| match peer {
                    Peer::Device(_) => subscribe::is_known(filter, is_gateway),
                    Peer::Newcomer => filter == topic::PROVISION_RESPONSE,
                };
                self.subscribed
                    .extend(filters.iter().map(|(filter, _)| filter).filter(|filter| known(filter)).cloned());
                Outcome::write(subscribe::granted(self.version, id, &filters, known))
            }
            kind::UNSUBSCRIBE => {
                let (id, filters) = subscribe::read(frame, self.version, false)?;
                let code = |(filter, _): &(String, u8)| if self.subscribed.remove(filter) { 0 } else { 0x11 };
                let codes: Vec<u8> = filters.iter().map(code).collect();
                Outcome::write(answers::unsuback(self.version, id, &codes))
            }
            kind::PINGREQ => Outcome::write(answers::PINGRESP.to_vec()),
            // A second CONNECT is against every version of the standard.
            kind::DISCONNECT | kind::CONNECT => Outcome::end(Vec::new()),
            _ => Outcome::default(),
        })
    }

    fn provision(&mut self, message: &Message<'_>) -> Outcome {
        if message.topic != topic::PROVISION_REQUEST {
            return Outcome::end(message.acknowledge(self.version, 0x90));
        }
        let answer = serde_json::from_slice(message.payload)
            .map_err(|_| ())
            .and_then(|request| self.core.state().provision(&request).map_err(|_| ()));
        let Ok(answer) = answer else { return Outcome::end(Vec::new()) };
        let mut bytes = message.acknowledge(self.version, 0);
        let body = answer.to_string();
        bytes.extend(answers::publish(self.version, topic::PROVISION_RESPONSE, None, body.as_bytes()));
        self.ends_at = Some(Instant::now() + AFTER_PROVISIONING);
        Outcome::write(bytes)
    }

    /// Ends the connection from this side: version 5 hears why.
    async fn say_goodbye(&mut self, reason: u8) {
        if self.version == Version::V5 {
            self.write(&answers::disconnect(reason)).await;
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }
}
