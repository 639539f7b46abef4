//! MQTT as ThingsBoard speaks it: 3.1, 3.1.1 and 5 (OASIS), over TLS or without.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::core::Core;
use crate::net;
use crate::tls::old;

pub(crate) mod answers;
pub(crate) mod codec;
mod connack;
pub(crate) mod connect;
mod login;
mod publish;
mod session;
pub(crate) mod subscribe;
pub(crate) mod topic;

pub(crate) use publish::Message;

/// How long a client has for the handshake.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(10);

/// The longest packet, without its fixed header.
pub(crate) const LONGEST: usize = 65_536;

/// Serves connections for ever. With TLS the peer's chain is what it presented in the handshake.
pub(crate) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, core: Arc<Core>) {
    net::each_connection(listener, move |stream| connection(stream, tls.clone(), core.clone())).await;
}

async fn connection(mut stream: TcpStream, tls: Option<TlsAcceptor>, core: Arc<Core>) {
    let Some(tls) = tls else { return session::run(stream, core, Vec::new()).await };
    let handshake = async { if old::refused(&mut stream).await { None } else { tls.accept(stream).await.ok() } };
    // One that fails, or takes too long, ends with what was said to the client.
    let Ok(Some(stream)) = timeout(HANDSHAKE, handshake).await else { return };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let chain = chain.iter().map(|der| der.to_vec()).collect();
    session::run(stream, core, chain).await;
}
