//! MQTT as ThingsBoard speaks it: 3.1, 3.1.1 and 5 (OASIS), over TLS or without.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::core::Core;
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
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            // Out of files, most likely: others have to end first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Packets are small and answered at once.
        let _ = stream.set_nodelay(true);
        let (tls, core) = (tls.clone(), core.clone());
        tokio::spawn(async move {
            match tls {
                None => session::run(stream, core, Vec::new()).await,
                Some(tls) => {
                    let handshake =
                        async { if old::refused(&mut stream).await { None } else { tls.accept(stream).await.ok() } };
                    // One that fails, or takes too long, ends with what was said to the client.
                    let Ok(Some(stream)) = timeout(HANDSHAKE, handshake).await else { return };
                    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                    let chain = chain.iter().map(|der| der.to_vec()).collect();
                    session::run(stream, core, chain).await;
                }
            }
        });
    }
}
