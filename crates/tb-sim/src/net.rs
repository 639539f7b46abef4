//! A runtime, and ports on it.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};

/// The time that a client has for the TLS handshake and CONNECT.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// A runtime of a simulator's own, in threads of this name.
pub(crate) fn runtime(name: &str) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    // Two: many simulators run while all tests do, and most of them wait.
    builder.worker_threads(2).thread_name(name).enable_all();
    builder.build().map_err(|error| Error::io("start", "a runtime", error))
}

/// Listens; port 0 is any free one.
pub(crate) fn bind(runtime: &Runtime, wanted: SocketAddr) -> Result<(SocketAddr, TcpListener)> {
    runtime
        .block_on(async { TcpListener::bind(wanted).await.and_then(|it| Ok((it.local_addr()?, it))) })
        .map_err(|error| Error::io("listen on", wanted, error))
}

/// Serves every connection in a task of its own; never returns.
pub(crate) async fn each_connection<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of files, most likely: others have to end first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Answers are small and written at once; waiting for more of them only costs time.
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(stream));
    }
}
