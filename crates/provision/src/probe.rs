//! The probe of a TLS server.
//!
//! A probe performs the handshake, trusts nothing, and sends no application data. [`crate::anchor`] decides whether the
//! server is trusted.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base::{Code, Error, Result};
use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::{CipherSuite, ProtocolVersion};

use crate::connect::{self, DeadlineStream};
use crate::target::Target;
use crate::tls::{self, ClientKey, CloseReason, ServerVerifier};

/// The options of a probe.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// The time limit of name lookup, connections to all addresses, and handshake together.
    pub timeout: Duration,
    /// The server name to request (SNI); `None` for the host.
    pub server_name: Option<ServerName<'static>>,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), server_name: None }
    }
}

/// The result of a probe.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The address that answered.
    pub address: SocketAddr,
    /// The TLS version.
    pub version: Option<TlsVersion>,
    /// The IANA name of the cipher suite.
    pub cipher_suite: Option<&'static str>,
    /// The certificates that the server sent, in its order; the leaf should be first. They may not be valid DER. There is at
    /// least one.
    pub chain: Vec<Vec<u8>>,
    /// The reason why the server has not proven possession of the leaf's key; `None` if it has. rustls cannot verify the keys
    /// of some certificates, for example of version 1, so that these look like a copied chain.
    pub unproven: Option<String>,
    /// The server's request for a client certificate, if any.
    pub client_certificate: Option<ClientCertificateRequest>,
    /// The reason why the handshake ended after the certificates: usually the server requires a client certificate (TLS 1.3
    /// servers reject only after the handshake).
    pub ended: Option<String>,
}

impl Probe {
    /// True if the server asked for a client certificate.
    pub fn asked_for_client_certificate(&self) -> bool {
        self.client_certificate.is_some()
    }
}

/// A server's request for a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificateRequest {
    /// The issuers that the server accepts: Names in DER. Empty means any. Java and Go clients send a certificate only if the
    /// list is empty or names one of its issuers.
    pub acceptable_issuers: Vec<Vec<u8>>,
}

/// A TLS version.
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

/// Connects to a server and performs a handshake without a client certificate.
///
/// # Errors
/// [`Code::HostUnknown`] if the name does not resolve, [`Code::Unreachable`] if no connection can be made,
/// [`Code::NoTls`] if the server does not speak TLS, [`Code::TlsFailed`] if the handshake ends before the certificates.
pub fn server(target: &Target, options: &ProbeOptions) -> Result<Probe> {
    let deadline = Instant::now() + options.timeout;
    let (stream, address) = connect::connect(target, deadline)?;
    over(stream, address, target, options)
}

/// Probes a server over an existing connection.
pub(crate) fn over(
    mut stream: DeadlineStream,
    address: SocketAddr,
    target: &Target,
    options: &ProbeOptions,
) -> Result<Probe> {
    let (verifier, client) = (Arc::new(ServerVerifier::observing()), Arc::new(ClientKey::none()));
    let server_name = options.server_name.as_ref().unwrap_or(target.server_name()).clone();
    let mut connection = tls::client_config(verifier.clone(), client.clone())
        .and_then(|config| ClientConnection::new(Arc::new(config), server_name))
        .map_err(|error| Code::Internal.error("rustls does not start").caused_by(error))
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
        // A handshake that ended before the signature proves nothing.
        unproven: shown.proof.unwrap_or_else(|| Err("the handshake ended before the proof".to_owned())).err(),
        client_certificate: client.asked().map(|asked| ClientCertificateRequest { acceptable_issuers: asked.issuers }),
        ended: close_reason.map(|close_reason| close_reason.text(options.timeout)),
    })
}

fn shake_hands(connection: &mut ClientConnection, stream: &mut DeadlineStream) -> io::Result<()> {
    while connection.is_handshaking() {
        connection.complete_io(stream)?;
    }
    // Some servers log an error without close_notify. The result of the probe is already known.
    connection.send_close_notify();
    let _ = connection.complete_io(stream);
    Ok(())
}

/// The IANA name of a cipher suite. rustls names the suites of TLS 1.3 differently.
fn iana_name(suite: CipherSuite) -> Option<&'static str> {
    match suite {
        // rustls begins these names with TLS13, and IANA and other programs with TLS.
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

/// The error for a handshake that ended before the certificates. `first` are the first bytes from the server.
fn no_handshake(close_reason: &CloseReason, first: &[u8], address: SocketAddr, timeout: Duration) -> Error {
    // Brokers without TLS treat the ClientHello as a malformed packet and close the connection.
    let no_tls = matches!(close_reason, CloseReason::NotTls(_))
        || matches!(close_reason, CloseReason::Closed) && first.is_empty();
    if !no_tls {
        return Code::TlsFailed
            .error(format!("no TLS handshake with {address}"))
            .because(close_reason.text(timeout))
            .fix("check the server's log, and that this is the port for TLS: usually 8883 for MQTT");
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
