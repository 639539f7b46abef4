//! The verifier of servers that rustls calls in a handshake.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};

use super::policy::TrustPolicy;

/// A verifier that records what the server shows and, if it has a policy, refuses servers that violate it.
///
/// Without a policy it accepts every server, so that no application data may be sent over its connections.
#[derive(Debug)]
pub(crate) struct ServerVerifier {
    provider: Arc<CryptoProvider>,
    policy: Option<Arc<TrustPolicy>>,
    shown: Mutex<ServerHandshake>,
}

/// The server's part of a handshake.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerHandshake {
    /// The certificates in DER as the server sent them; `None` if the handshake ended before.
    pub(crate) chain: Option<Vec<Vec<u8>>>,
    /// The result of verifying the handshake's signature with the leaf's key; `None` if the handshake ended before.
    pub(crate) proof: Option<Result<(), String>>,
}

impl ServerVerifier {
    /// A verifier that accepts every server.
    pub(crate) fn observing() -> Self {
        Self::new(None)
    }

    /// A verifier that refuses servers whose chain or signature violates `policy`.
    pub(crate) fn enforcing(policy: Arc<TrustPolicy>) -> Self {
        Self::new(Some(policy))
    }

    fn new(policy: Option<Arc<TrustPolicy>>) -> Self {
        Self { provider: Arc::new(aws_lc_rs::default_provider()), policy, shown: Mutex::default() }
    }

    /// The certificates and the signature that the server has shown so far.
    pub(crate) fn shown(&self) -> ServerHandshake {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, ServerHandshake> {
        // What was recorded before a panic is still what the server sent.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record_proof(&self, proof: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
        self.lock().proof = Some(proof.as_ref().map(|_| ()).map_err(ToString::to_string));
        // An observer continues after a false signature too, so that the report shows the rest as well.
        if self.policy.is_some() { proof } else { Ok(HandshakeSignatureValid::assertion()) }
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain: Vec<Vec<u8>> = std::iter::once(leaf).chain(rest).map(|certificate| certificate.to_vec()).collect();
        // The name and the time of the policy count, and not those of the connection.
        let accepted = self.policy.as_ref().is_none_or(|policy| policy.accepts(&chain));
        self.lock().chain = Some(chain);
        if accepted {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.record_proof(verify_tls12_signature(message, leaf, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        self.record_proof(verify_tls13_signature(message, leaf, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
