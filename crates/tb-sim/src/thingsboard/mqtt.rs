//! The MQTT listener of ThingsBoard: 3.1, 3.1.1 and 5 (OASIS), with and without TLS.

use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::controls::lock;
use crate::net;
use crate::thingsboard::core::Core;
use crate::tls::old_versions;

mod connack;
mod login;
mod publish;
mod session;
mod topic;

/// Serves all connections; never returns. With TLS the chain of a client comes from the handshake.
pub(crate) async fn serve(listener: TcpListener, tls: Option<Arc<Mutex<TlsAcceptor>>>, core: Arc<Core>) {
    // Taken for each connection, because the keys can be loaded again.
    let tls = move || tls.as_ref().map(|tls| lock(tls).clone());
    net::each_connection(listener, move |stream| connection(stream, tls(), core.clone())).await;
}

async fn connection(mut stream: TcpStream, tls: Option<TlsAcceptor>, core: Arc<Core>) {
    let Some(tls) = tls else { return session::run(stream, core, Vec::new()).await };
    let handshake =
        async { if old_versions::reject(&mut stream).await { None } else { tls.accept(stream).await.ok() } };
    // A handshake that fails or takes too long has already ended with an alert.
    let Ok(Some(stream)) = timeout(net::HANDSHAKE_TIMEOUT, handshake).await else { return };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let chain = chain.iter().map(|der| der.to_vec()).collect();
    session::run(stream, core, chain).await;
}
