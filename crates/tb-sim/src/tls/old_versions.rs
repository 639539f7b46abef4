//! Clients of TLS 1.0 and 1.1. rustls refuses them too, but most for what their hello lacks and not for its version.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// From the record's header to the version in the ClientHello (RFC 5246, section 7.4.1.2).
const UP_TO_VERSION: usize = 11;

/// Refuses an old client with the alert protocol_version. True if it was one.
pub(crate) async fn reject(stream: &mut TcpStream) -> bool {
    let mut start = [0_u8; UP_TO_VERSION];
    loop {
        match stream.peek(&mut start).await {
            Ok(0) | Err(_) => return false,
            Ok(UP_TO_VERSION) => break,
            // What has come stays readable, so only time brings more.
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    let [0x16, major, minor, _, _, 1, _, _, _, hello_major, hello_minor] = start else { return false };
    if (hello_major, hello_minor) >= (3, 3) {
        return false;
    }
    // A client that has already closed the connection does not need the alert.
    let _ = stream.write_all(&[0x15, major, minor, 0, 2, 2, 70]).await;
    let _ = stream.shutdown().await;
    true
}
