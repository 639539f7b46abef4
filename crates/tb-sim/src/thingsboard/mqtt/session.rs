//! One connection, from CONNECT to its end.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};

use super::connack::ConnectDecision;
use super::publish::{self, PacketResponse};
use super::{login, topic};
use crate::ids::Uuid;
use crate::packets::codec::{Frame, Frames, Incoming, kind};
use crate::packets::connect::{Connect, Version};
use crate::packets::message::Message;
use crate::packets::{answers, subscribe};
use crate::thingsboard::core::Core;
use crate::thingsboard::model::device::Device;
use crate::thingsboard::state::Close;
use crate::thingsboard::state::provisioning::Repeats;

/// The longest packet without its fixed header, in bytes.
const LONGEST: usize = 65_536;
/// Packets that may wait for CONNECT.
const QUEUE: usize = 100;
/// The time until a connection ends after it has provisioned a device.
const AFTER_PROVISIONING: Duration = Duration::from_secs(60);

/// The client of a session.
#[derive(Clone, Copy)]
enum Peer {
    Device(Uuid),
    /// A device that may only ask to be provisioned.
    Provisioning,
}

struct Session<S> {
    stream: S,
    core: Arc<Core>,
    frames: Frames,
    version: Version,
    subscribed: HashSet<String>,
    ends_at: Option<Instant>,
    /// The chain that the client presented in the handshake, leaf first; empty without a certificate.
    chain: Vec<Vec<u8>>,
    /// The identifier of the last message from this side.
    last_id: u16,
}

/// Serves one connection. The chain is what the client presented in the handshake.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(stream: S, core: Arc<Core>, chain: Vec<Vec<u8>>) {
    let frames = Frames::new(LONGEST);
    let version = Version::V3_1_1;
    let subscribed = HashSet::new();
    let mut session = Session { stream, core, frames, version, subscribed, ends_at: None, chain, last_id: 0 };
    session.serve().await;
    // The other side may be gone already.
    let _ = session.stream.shutdown().await;
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn serve(&mut self) {
        let Some((connect, early)) = self.connect().await else { return };
        if self.core.controls.faults.apply_to_mqtt("connect").await {
            return;
        }
        self.version = connect.version;
        let peer = if connect.wants_provisioning() {
            Ok(Peer::Provisioning)
        } else {
            login::device(&self.core, &connect, &self.chain).map(Peer::Device)
        };
        let (close_sender, mut closed) = unbounded_channel();
        let decision = peer.err().unwrap_or(ConnectDecision::Accepted);
        let number = match peer {
            Ok(Peer::Device(device)) => Some((device, self.core.state().begin_session(device, close_sender))),
            _ => None,
        };
        if self.write(&decision.bytes(&connect, !self.chain.is_empty())).await
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
        // The real server queues packets until the device was looked up.
        let mut early = Vec::new();
        loop {
            match self.frames.next(&mut self.stream).await {
                Incoming::Frame(frame) if frame.kind == kind::CONNECT => {
                    return Connect::read(&frame.body).map(|connect| (connect, early));
                }
                Incoming::Frame(frame) if frame.kind != kind::AUTH && early.len() < QUEUE => early.push(frame),
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
                    self.disconnect(reason).await;
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
                // Seen on a real server: 0x81, malformed packet, also for one that is only too long, which has 0x95 in
                // the standard.
                Incoming::Malformed => return self.disconnect(0x81).await,
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
            && self.core.controls.faults.apply_to_mqtt(fault).await
        {
            return false;
        }
        let Some(response) = self.response(peer, frame) else {
            self.disconnect(0x81).await;
            return false;
        };
        self.write(&response.writes).await && !response.ends
    }

    /// The response to a packet; `None` if it is malformed.
    fn response(&mut self, peer: Peer, frame: &Frame) -> Option<PacketResponse> {
        Some(match frame.kind {
            kind::PUBLISH => {
                let message = Message::read(frame, self.version)?;
                match peer {
                    Peer::Device(device) => publish::from_device(&self.core, device, self.version, &message),
                    Peer::Provisioning => self.provision(&message),
                }
            }
            kind::SUBSCRIBE => {
                let (id, filters) = subscribe::read(frame, self.version, true)?;
                let is_gateway = match peer {
                    Peer::Device(device) => self.core.state().device(device).is_some_and(Device::is_gateway),
                    Peer::Provisioning => false,
                };
                let known = |filter: &str| match peer {
                    Peer::Device(_) => topic::can_subscribe(filter, is_gateway),
                    Peer::Provisioning => filter == topic::PROVISION_RESPONSE,
                };
                self.subscribed
                    .extend(filters.iter().map(|(filter, _)| filter).filter(|filter| known(filter)).cloned());
                PacketResponse::write(subscribe::granted(self.version, id, &filters, known))
            }
            kind::UNSUBSCRIBE => {
                let (id, filters) = subscribe::read(frame, self.version, false)?;
                // 0x11: no subscription existed (5.0, section 3.11.3).
                let code = |(filter, _): &(String, u8)| if self.subscribed.remove(filter) { 0 } else { 0x11 };
                let codes: Vec<u8> = filters.iter().map(code).collect();
                PacketResponse::write(answers::unsuback(self.version, id, &codes))
            }
            // It has no body. The library of 4.2 answers all the same.
            kind::PINGREQ if !frame.body.is_empty() => {
                let mut bytes = if self.core.is_4_3() { Vec::new() } else { answers::PINGRESP.to_vec() };
                if self.version == Version::V5 {
                    bytes.extend(answers::disconnect(0x81));
                }
                PacketResponse::end(bytes)
            }
            kind::PINGREQ => PacketResponse::write(answers::PINGRESP.to_vec()),
            kind::AUTH if self.version != Version::V5 => return None,
            kind::CONNECT => self.connect_again(&Connect::read(&frame.body)?),
            // The server answers with the same packet, which the standard does not provide for.
            kind::DISCONNECT if self.version == Version::V5 => PacketResponse::end(vec![0xe0, 0]),
            kind::DISCONNECT => PacketResponse::end(Vec::new()),
            // PUBREL and its likes, which have no place here since quality of service 2 is taken for 1.
            _ => PacketResponse::default(),
        })
    }

    /// A second CONNECT, which every version of the standard forbids: the server logs the client in once more.
    fn connect_again(&mut self, connect: &Connect) -> PacketResponse {
        let provisions = connect.wants_provisioning();
        let login = if provisions { None } else { login::device(&self.core, connect, &self.chain).err() };
        let decision = login.unwrap_or(ConnectDecision::Accepted);
        let bytes = decision.bytes(connect, !self.chain.is_empty());
        if decision == ConnectDecision::Accepted { PacketResponse::write(bytes) } else { PacketResponse::end(bytes) }
    }

    fn provision(&mut self, message: &Message<'_>) -> PacketResponse {
        if message.topic != topic::PROVISION_REQUEST {
            let mut bytes = message.acknowledge(self.version, 0x90);
            if self.version == Version::V5 {
                bytes.extend(answers::disconnect(0x90));
            }
            return PacketResponse::end(bytes);
        }
        let repeats = if self.core.is_4_3() { Repeats::Refused } else { Repeats::Allowed };
        let Ok(request) = serde_json::from_slice(message.payload) else {
            return match self.version {
                Version::V5 => PacketResponse::write(message.acknowledge(self.version, 0x99)),
                _ => PacketResponse::end(Vec::new()),
            };
        };
        let answer = self.core.state().provision(&request, repeats);
        let answer = match answer {
            Ok(answer) => answer,
            // An exception in another part of the real server: the device waits in vain.
            Err(refusal) if refusal.code == 0 => return PacketResponse::default(),
            Err(_) => {
                let mut bytes = message.acknowledge(self.version, 0x83);
                if self.version == Version::V5 {
                    bytes.extend(answers::disconnect(0x83));
                }
                return PacketResponse::end(bytes);
            }
        };
        let mut bytes = message.acknowledge(self.version, 0);
        let body = answer.to_string();
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        let id = Some(self.last_id);
        bytes.extend(answers::publish(self.version, topic::PROVISION_RESPONSE, id, body.as_bytes()));
        // The device has its credentials and must connect again with them.
        self.ends_at = Some(Instant::now() + AFTER_PROVISIONING);
        PacketResponse::write(bytes)
    }

    /// Ends the connection from this side, in version 5 with a reason.
    async fn disconnect(&mut self, reason: u8) {
        if self.version == Version::V5 {
            self.write(&answers::disconnect(reason)).await;
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok() && self.stream.flush().await.is_ok()
    }
}
