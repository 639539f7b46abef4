//! Bytes over TCP or TLS, for tests that compare a server's bytes literally.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, SignatureScheme, StreamOwned};

/// Longer than any answer has ever taken on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A chain and its key: what a client sends, whichever issuers the server names.
#[derive(Debug, Clone)]
pub struct Shown {
    /// DER, leaf first.
    pub chain: Vec<Vec<u8>>,
    /// PKCS#8.
    pub key: Vec<u8>,
}

/// A connection.
pub struct Wire {
    stream: Box<dyn Stream>,
    resumed: Option<bool>,
}

/// A client of TLS that remembers its sessions.
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

impl Wire {
    /// Over TCP.
    #[track_caller]
    pub fn tcp(host: &str, port: u16) -> Self {
        Self { stream: Box::new(connect(host, port)), resumed: None }
    }

    /// Over TLS. Any server is trusted: these tests look at the bytes that it sends to clients.
    ///
    /// # Errors
    /// Where the handshake fails. With TLS 1.3 a refused certificate shows only with the first read.
    #[track_caller]
    pub fn tls(host: &str, port: u16, shown: Option<&Shown>, versions: Versions) -> io::Result<Self> {
        TlsClient::new(shown, versions).connect(host, port)
    }

    /// True if the handshake was a resumption; `None` without TLS.
    pub fn is_resumed(&self) -> Option<bool> {
        self.resumed
    }

    /// Writes. A connection that the server has ended already shows when it is read.
    pub fn send(&mut self, bytes: &[u8]) {
        let sent = self.stream.write_all(bytes).and_then(|()| self.stream.flush());
        if let Err(error) = sent {
            // The server may have closed already, and its answer is what the test is about.
            assert_ne!(error.kind(), io::ErrorKind::TimedOut, "the server reads nothing");
        }
    }

    /// Reads so many bytes, or fewer where the server ends the connection before.
    ///
    /// # Errors
    /// Alerts of TLS.
    pub fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut limited = (&mut *self.stream).take(length as u64);
        match limited.read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            // An end without a farewell is an end.
            Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                Ok(bytes)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads until the server ends the connection.
    ///
    /// # Panics
    /// Where it does not.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        // A mebibyte is more than any answer here; a server that never ends must not fill the memory.
        self.read(1 << 20).expect("the server ends the connection")
    }
}

impl TlsClient {
    /// One that shows this certificate.
    pub fn new(shown: Option<&Shown>, versions: Versions) -> Self {
        let versions: &[&rustls::SupportedProtocolVersion] = match versions {
            Versions::Tls12 => &[&rustls::version::TLS12],
            Versions::Tls13 => &[&rustls::version::TLS13],
        };
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TrustsAll))
            .with_client_cert_resolver(Arc::new(Shows(shown.map(certified))));
        Self { config: Arc::new(config) }
    }

    /// A new connection.
    ///
    /// # Errors
    /// Where the handshake fails. With TLS 1.3 a refused certificate shows only with the first read.
    #[track_caller]
    pub fn connect(&self, host: &str, port: u16) -> io::Result<Wire> {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let connection = ClientConnection::new(self.config.clone(), name).unwrap();
        let mut stream = StreamOwned::new(connection, connect(host, port));
        // rustls does the handshake at the first read otherwise, and a refusal would surface later than it happened.
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        let resumed = stream.conn.handshake_kind() == Some(HandshakeKind::Resumed);
        Ok(Wire { stream: Box::new(stream), resumed: Some(resumed) })
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// The alert that ended a handshake, by its name in rustls.
pub fn alert(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(format!("{alert:?}")),
        _ => None,
    }
}

#[track_caller]
fn connect(host: &str, port: u16) -> TcpStream {
    let stream = TcpStream::connect((host, port)).unwrap_or_else(|error| panic!("{host}:{port}: {error}"));
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    // Packets of a few bytes would wait for the acknowledgment of the packet before (Nagle's algorithm).
    stream.set_nodelay(true).unwrap();
    stream
}

fn certified(shown: &Shown) -> Arc<CertifiedKey> {
    let key = PrivateKeyDer::try_from(shown.key.clone()).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    Arc::new(CertifiedKey::new(shown.chain.iter().cloned().map(CertificateDer::from).collect(), key))
}

#[derive(Debug)]
struct Shows(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shows {
    // The names of acceptable issuers are ignored: many devices send their certificate to any server that asks.
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        // Without a certificate rustls answers the request with an empty list, as a device without one does.
        self.0.is_some()
    }
}

#[derive(Debug)]
struct TrustsAll;

impl ServerCertVerifier for TrustsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Which server answers is not what these tests are about, and those of tbpki check it.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
