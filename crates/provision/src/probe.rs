//! What a TLS server shows of itself to whoever knocks.
//!
//! A probe goes through the handshake and no further: no byte of application data is sent, and nothing is trusted.
//! Whether what the server sent deserves trust is for [`crate::anchor`] to say.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Code, Error, Result};
use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ProtocolVersion};

use crate::connect::{self, Bounded};
use crate::target::Target;
use crate::tls::{self, ClientKey, CloseReason, ServerVerifier};

/// How to probe.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// For all of it: the name lookup, the connection to one address after the other, the handshake.
    pub timeout: Duration,
    /// The server name to ask for (SNI), if not the host.
    pub server_name: Option<ServerName<'static>>,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), server_name: None }
    }
}

/// What a server showed.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The address that answered.
    pub address: SocketAddr,
    /// The protocol that the server chose.
    pub version: Option<TlsVersion>,
    /// The cipher suite that the server chose, by its IANA name.
    pub cipher_suite: Option<&'static str>,
    /// The certificates that the server sent, in DER (or whatever they are), in its order: the leaf should be first.
    /// There is at least one.
    pub chain: Vec<Vec<u8>>,
    /// Why it is not shown that the server has the leaf's key; `None` if it is. The keys of some certificates
    /// (those of version 1 among them) cannot be used here; a copied chain cannot be told from them.
    pub unproven: Option<String>,
    /// What the server said about client certificates; `None` if it asked for none.
    pub client_certificate: Option<ClientCertificateRequest>,
    /// Why the handshake ended early, after the certificates had come: mostly because the server insists on a client
    /// certificate (which servers of TLS 1.3 say only later).
    pub ended: Option<String>,
}

impl Probe {
    /// Whether the server asked for a client certificate.
    pub fn asked_for_client_certificate(&self) -> bool {
        self.client_certificate.is_some()
    }
}

/// A server's request for a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificateRequest {
    /// The issuers that it would accept: Names in DER. Empty means any; Java and Go clients send a certificate only
    /// if one of its issuers is named here, or none is.
    pub acceptable_issuers: Vec<Vec<u8>>,
}

/// A protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// Connects to a server and goes through the handshake, without a client certificate.
///
/// # Errors
/// [`Code::HostUnknown`] when there is no such host, [`Code::Unreachable`] when nothing listens there, [`Code::NoTls`]
/// when what listens speaks no TLS, [`Code::TlsFailed`] when it says nothing or ends the handshake before its
/// certificates are seen.
pub fn server(target: &Target, options: &ProbeOptions) -> Result<Probe> {
    let deadline = Instant::now() + options.timeout;
    let (stream, address) = connect::connect(target, deadline)?;
    over(stream, address, target, options)
}

/// The same over a connection that stands.
pub(crate) fn over(mut stream: Bounded, address: SocketAddr, target: &Target, options: &ProbeOptions) -> Result<Probe> {
    let (verifier, client) = (Arc::new(ServerVerifier::observing()), Arc::new(ClientKey::none()));
    let server_name = options.server_name.as_ref().unwrap_or(target.server_name()).clone();
    let mut connection = tls::client_config(verifier.clone(), client.clone())
        .and_then(|config| ClientConnection::new(Arc::new(config), server_name))
        .map_err(|error| Code::Internal.error("rustls does not start").because(error))
        .map_err(|error| error.item(target.to_string()))?;
    let outcome = shake_hands(&mut connection, &mut stream);
    let close_reason = outcome.err().map(|error| CloseReason::of(&error));

    let shown = verifier.shown();
    let Some(chain) = shown.chain else {
        let close_reason = close_reason.unwrap_or(CloseReason::Other("the server sent no certificate".to_owned()));
        return Err(no_handshake(&close_reason, stream.first(), address, options.timeout).item(target.to_string()));
    };
    Ok(Probe {
        address,
        version: connection.protocol_version().and_then(version),
        cipher_suite: connection.negotiated_cipher_suite().and_then(|suite| iana_name(suite.suite())),
        chain,
        // A handshake that ended before the signature was seen proves nothing either.
        unproven: shown.proof.unwrap_or_else(|| Err("the handshake ended before the proof".to_owned())).err(),
        client_certificate: client.asked().map(|asked| ClientCertificateRequest { acceptable_issuers: asked.issuers }),
        ended: close_reason.map(|close_reason| close_reason.text(options.timeout)),
    })
}

fn shake_hands(connection: &mut ClientConnection, stream: &mut Bounded) -> io::Result<()> {
    while connection.is_handshaking() {
        connection.complete_io(stream)?;
    }
    // The courtesy of a goodbye: some servers log a fault without it. What it meets no longer matters.
    connection.send_close_notify();
    let _ = connection.complete_io(stream);
    Ok(())
}

/// rustls has names of its own for the suites of TLS 1.3.
fn iana_name(suite: CipherSuite) -> Option<&'static str> {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some("TLS_AES_128_GCM_SHA256"),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some("TLS_AES_256_GCM_SHA384"),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some("TLS_CHACHA20_POLY1305_SHA256"),
        other => other.as_str(),
    }
}

fn version(version: ProtocolVersion) -> Option<TlsVersion> {
    match version {
        ProtocolVersion::TLSv1_2 => Some(TlsVersion::Tls12),
        ProtocolVersion::TLSv1_3 => Some(TlsVersion::Tls13),
        _ => None,
    }
}

/// `first` is what came first from the server.
fn no_handshake(close_reason: &CloseReason, first: &[u8], address: SocketAddr, timeout: Duration) -> Error {
    // A greeting that is answered by the end of the connection: brokers of plain MQTT take it for a malformed packet.
    let no_tls = matches!(close_reason, CloseReason::NotTls(_))
        || matches!(close_reason, CloseReason::Closed) && first.is_empty();
    if !no_tls {
        return Code::TlsFailed
            .error(format!("no TLS handshake with {address}"))
            .because(close_reason.text(timeout))
            .fix("look at the server's log, and whether this is the port for TLS: 8883 is usual for MQTT");
    }
    let why = if first.starts_with(b"HTTP/") {
        "it answers in HTTP: this is a web server's port".to_owned()
    } else if first.is_empty() && address.port() == 1883 {
        format!("{}, and 1883 is the port for MQTT without TLS", close_reason.text(timeout))
    } else if first.is_empty() {
        format!("{} at the greeting, as brokers of MQTT without TLS do", close_reason.text(timeout))
    } else {
        close_reason.text(timeout)
    };
    Code::NoTls
        .error(format!("what listens at {address} speaks no TLS"))
        .because(why)
        .fix("name the port for TLS: 8883 is usual for MQTT")
}
