//! TLS to the server, with the one provider that everything here uses.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use base::{Code, Result};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::{TlsConnector, client};

/// Connections whose server has to have a certificate that leads to one of some roots.
#[derive(Clone)]
pub(super) struct ServerTls(TlsConnector);

impl ServerTls {
    /// That of those roots which are roots; none of them is an error.
    pub(super) fn new(roots: &[Vec<u8>]) -> Result<Self> {
        let mut store = RootCertStore::empty();
        // The store of a system may have roots that rustls cannot read. One that can be read is enough.
        let (added, _) =
            store.add_parsable_certificates(roots.iter().map(|root| CertificateDer::from(root.as_slice())));
        if added == 0 {
            return Err(Code::CertificateUnreadable.error("there is no root to verify the ledger's server with"));
        }
        let internal = |error: rustls::Error| Code::Internal.error("TLS cannot be set up").caused_by(error);
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(internal)?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for ServerTls {
    type Stream = Stream<S>;
    type TlsConnect = TlsHandshake;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> std::result::Result<TlsHandshake, InvalidDnsNameError> {
        Ok(TlsHandshake { connector: self.0.clone(), host: ServerName::try_from(host.to_owned())? })
    }
}

/// A connection that is about to be encrypted.
pub(super) struct TlsHandshake {
    connector: TlsConnector,
    host: ServerName<'static>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for TlsHandshake {
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.connector.connect(self.host, stream).await.map(Stream) })
    }
}

/// An encrypted connection.
pub(super) struct Stream<S>(client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    /// None: a peer with a certificate of the named roots is the server, so that no other party is between.
    fn channel_binding(&self) -> ChannelBinding {
        // Optional in SCRAM (RFC 5802, section 6). The certificate of the server has been verified.
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
