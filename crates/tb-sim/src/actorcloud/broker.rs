//! The broker behind ActorCloud, an EMQ X: it asks the back end whether a client may log in, and puts the mountpoint
//! in front of its topics.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::cloud::Cloud;
use super::store::{LoginDecision, Published};
use crate::certificate;
use crate::net;
use crate::packets::answers;
use crate::packets::codec::{Frame, Frames, Incoming, kind};
use crate::packets::connect::{Connect, Version};
use crate::packets::message::Message;
use crate::packets::subscribe;

/// EMQ X's default, 1 MiB.
const LONGEST: usize = 1 << 20;

/// Serves all connections; never returns.
pub(super) async fn serve(listener: TcpListener, tls: TlsAcceptor, cloud: Arc<Cloud>) {
    net::each_connection(listener, move |stream| connection(stream, tls.clone(), cloud.clone())).await;
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, cloud: Arc<Cloud>) {
    // A handshake that fails or takes too long has already ended with an alert.
    let Ok(Ok(mut stream)) = timeout(net::HANDSHAKE_TIMEOUT, tls.accept(stream)).await else { return };
    // The verifier has looked at the chain. ActorCloud compares the common name alone, and no other part of the leaf.
    let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|der| der.to_vec());
    let common_name = leaf.and_then(|leaf| certificate::common_name(&leaf));
    talk(&mut stream, &cloud, common_name.as_deref()).await;
    // The other side may be gone already.
    let _ = stream.shutdown().await;
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, cloud: &Cloud, common_name: Option<&str>) {
    let mut frames = Frames::new(LONGEST);
    let Incoming::Frame(frame) = frames.next(stream).await else { return };
    let Some(connect) = (frame.kind == kind::CONNECT).then(|| Connect::read(&frame.body)).flatten() else { return };
    if cloud.controls.faults.apply_to_mqtt("connect").await {
        return;
    }
    // The platform reads a missing user name as an empty one.
    let (user, password) = (connect.user_name.as_deref().unwrap_or_default(), connect.password.as_deref());
    let decision = cloud.store().may_log_in(&connect.client_id, user, password.unwrap_or_default(), common_name);
    let code = match (&decision, connect.version) {
        (LoginDecision::Mountpoint(_), _) => 0,
        // MQTT 5 has codes of its own for the same two reasons.
        (LoginDecision::WrongPassword, Version::V5) => 0x86,
        (LoginDecision::WrongPassword, _) => 4,
        (LoginDecision::NotFound(_), Version::V5) => 0x87,
        (LoginDecision::NotFound(_), _) => 5,
    };
    let answer = match connect.version {
        Version::V5 => vec![0x20, 3, 0, code, 0],
        _ => vec![0x20, 2, 0, code],
    };
    let LoginDecision::Mountpoint(mountpoint) = decision else {
        // A client that has already closed the connection does not need the answer.
        let _ = stream.write_all(&answer).await;
        return;
    };
    if stream.write_all(&answer).await.is_err() {
        return;
    }
    while let Incoming::Frame(frame) = frames.next(stream).await {
        let Some(answer) = outcome(cloud, connect.version, &mountpoint, &frame) else { return };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// The answer to a packet. `None` ends the connection.
fn outcome(cloud: &Cloud, version: Version, mountpoint: &str, frame: &Frame) -> Option<Vec<u8>> {
    match frame.kind {
        kind::PUBLISH => {
            let message = Message::read(frame, version)?;
            let topic = format!("{mountpoint}{}", message.topic);
            cloud.store().published.push(Published { topic, payload: message.payload.to_vec() });
            Some(message.acknowledge(version, 0))
        }
        kind::SUBSCRIBE => {
            let (id, filters) = subscribe::read(frame, version, true)?;
            Some(subscribe::granted(version, id, &filters, |_| true))
        }
        kind::UNSUBSCRIBE => {
            let (id, filters) = subscribe::read(frame, version, false)?;
            Some(answers::unsuback(version, id, &vec![0; filters.len()]))
        }
        kind::PINGREQ => Some(answers::PINGRESP.to_vec()),
        // What a broker does not expect ends the connection (MQTT 3.1.1, 4.8).
        _ => None,
    }
}
