//! A client certificate whose key is in a token: the token signs the handshake.

use std::sync::{Arc, Mutex, PoisonError};

use base::{Error, Result};
use pki::key::SigningKey as _;
use pki::pkcs11::{PssMethod, TokenKey};
use pki::{Algorithm, Certificate};
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme, SupportedProtocolVersion};

/// TLS 1.2 alone.
static TLS12_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// A key in a token, as rustls uses it.
#[derive(Debug, Clone)]
pub struct TokenSigner {
    key: Arc<TokenKey>,
    pss: Option<PssMethod>,
    failure: Arc<Mutex<Option<Error>>>,
}

impl TokenSigner {
    /// Finds out which signatures of TLS the token can make with the key.
    ///
    /// # Errors
    /// Those of a token that went away.
    pub fn new(key: TokenKey) -> Result<Self> {
        Ok(Self { pss: key.pss()?, key: Arc::new(key), failure: Arc::default() })
    }

    /// The key.
    pub fn key(&self) -> &TokenKey {
        &self.key
    }

    /// The key with its chain, leaf first. The chain is not checked.
    pub fn certified(&self, chain: &[Certificate]) -> CertifiedKey {
        let chain = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
        CertifiedKey::new(chain, Arc::new(self.clone()))
    }

    /// The versions of TLS in which the key can sign. TLS 1.3 has no RSA signatures but those of PSS (RFC 8446,
    /// section 4.2.3).
    pub fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        if self.schemes().iter().any(|scheme| *scheme != SignatureScheme::RSA_PKCS1_SHA256) {
            rustls::ALL_VERSIONS
        } else {
            TLS12_ONLY
        }
    }

    /// The reason for which the token did not sign, once: rustls keeps only its text.
    pub fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn schemes(&self) -> &'static [SignatureScheme] {
        match self.key.public().algorithm() {
            Algorithm::EcP256 => &[SignatureScheme::ECDSA_NISTP256_SHA256],
            Algorithm::EcP384 => &[SignatureScheme::ECDSA_NISTP384_SHA384],
            Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 if self.pss.is_some() => {
                &[SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256]
            }
            Algorithm::Rsa2048 | Algorithm::Rsa3072 | Algorithm::Rsa4096 => &[SignatureScheme::RSA_PKCS1_SHA256],
            // No token is asked for signatures of other keys.
            _ => &[],
        }
    }
}

impl SigningKey for TokenSigner {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = *self.schemes().iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(Handshake { signer: self.clone(), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        if self.key.public().algorithm().is_rsa() { SignatureAlgorithm::RSA } else { SignatureAlgorithm::ECDSA }
    }
}

/// One signature.
#[derive(Debug)]
struct Handshake {
    signer: TokenSigner,
    scheme: SignatureScheme,
}

impl Signer for Handshake {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let TokenSigner { key, pss, failure } = &self.signer;
        let signed = match (self.scheme, pss) {
            (SignatureScheme::RSA_PSS_SHA256, Some(method)) => key.sign_pss(*method, message),
            // The hash of an X.509 signature is that of the scheme for each algorithm of ours.
            _ => key.sign(message),
        };
        signed.map_err(|error| {
            let text = rustls::Error::General(error.to_string());
            *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            text
        })
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
