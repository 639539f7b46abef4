//! The check of a client's certificate in the handshake, which accepts almost everything.

use std::fmt;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};
use x509_parser::prelude::X509Certificate;

use super::signature;
use crate::certificate;

/// A function for chains whose signatures hold.
pub(crate) type ChainHandler = Box<dyn Fn(&[&[u8]]) + Send + Sync>;

/// The verifier of client certificates. A client may come without one. Each certificate must be signed with the key of
/// the next. Times, purposes, extensions and trust in the last one are not checked.
pub(crate) struct ClientCertificateVerifier {
    named: Vec<DistinguishedName>,
    supported: WebPkiSupportedAlgorithms,
    present: ChainHandler,
    /// The CA of a broker that requires a certificate: it must have signed the last one, and all must be valid now.
    anchor: Option<Vec<u8>>,
}

impl ClientCertificateVerifier {
    /// `named` are the issuers in the request for a certificate, as names in DER.
    pub(crate) fn new(named: Vec<Vec<u8>>, present: ChainHandler) -> Self {
        let named = named.into_iter().map(DistinguishedName::from).collect();
        Self { named, supported: default_provider().signature_verification_algorithms, present, anchor: None }
    }

    /// The verifier of a broker that accepts only clients of one CA.
    pub(crate) fn requiring(name: Vec<u8>, anchor: Vec<u8>) -> Self {
        Self { anchor: Some(anchor), ..Self::new(vec![name], Box::new(|_| {})) }
    }

    fn check_anchor(&self, chain: &[&[u8]], parsed: &[X509Certificate<'_>]) -> Result<(), Error> {
        let Some(anchor) = &self.anchor else { return Ok(()) };
        let refused = |why| Err(Error::InvalidCertificate(why));
        if !chain.iter().all(|der| certificate::is_valid(der, 0)) {
            return refused(CertificateError::Expired);
        }
        let (last, parent) = (parsed.last(), certificate::parse(anchor));
        match last.zip(parent) {
            Some((last, parent)) if signature::links(last, &parent) => Ok(()),
            _ => refused(CertificateError::UnknownIssuer),
        }
    }
}

impl fmt::Debug for ClientCertificateVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificateVerifier").field("named", &self.named).finish_non_exhaustive()
    }
}

impl ClientCertVerifier for ClientCertificateVerifier {
    fn client_auth_mandatory(&self) -> bool {
        // ThingsBoard wants a certificate and does without; ActorCloud's port for two-way TLS does not.
        self.anchor.is_some()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.named
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let chain: Vec<&[u8]> = std::iter::once(leaf).chain(others).map(AsRef::as_ref).collect();
        let parsed: Option<Vec<X509Certificate<'_>>> = chain.iter().map(|der| certificate::parse(der)).collect();
        // Java cannot read these: alert 42.
        let parsed = parsed
            .filter(|parsed| !parsed.iter().any(has_no_name))
            .ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        // Java's trust manager throws: alert 46.
        let broken = parsed.iter().zip(parsed.iter().skip(1)).any(|(child, parent)| !signature::links(child, parent));
        if broken || parsed.iter().any(is_too_weak) {
            let why = std::io::Error::other("the chain's links do not hold");
            return Err(Error::InvalidCertificate(CertificateError::Other(OtherError(std::sync::Arc::new(why)))));
        }
        self.check_anchor(&chain, &parsed)?;
        // In the handshake, and before the client has proven that it has the key, as in the real server: a chain alone
        // is enough to have a device made, or its certificate rotated.
        (self.present)(&chain);
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        signature::handshake(message, leaf, signed, &self.supported).map(|()| HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify_tls12_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // Java offers these too. A signature by Ed448 cannot be verified here, so such a client is refused.
        let of_java = [SignatureScheme::ED448, SignatureScheme::ECDSA_SHA1_Legacy, SignatureScheme::RSA_PKCS1_SHA1];
        [self.supported.supported_schemes(), of_java.to_vec()].concat()
    }
}

/// An empty subject, without a critical alternative name to make up for it.
fn has_no_name(certificate: &X509Certificate<'_>) -> bool {
    let alternative = certificate.subject_alternative_name().ok().flatten();
    certificate.subject().iter().next().is_none() && alternative.is_none_or(|extension| !extension.critical)
}

const MD2: &str = "1.2.840.113549.1.1.2";
const MD5: &str = "1.2.840.113549.1.1.4";

/// True for a certificate that Java's disabled algorithms exclude. Its own signature on a certificate counts too.
fn is_too_weak(certificate: &X509Certificate<'_>) -> bool {
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    let small = match certificate.public_key().parsed() {
        Ok(x509_parser::public_key::PublicKey::RSA(key)) => key.key_size() < 1024,
        _ => false,
    };
    small || algorithm == MD2 || algorithm == MD5
}
