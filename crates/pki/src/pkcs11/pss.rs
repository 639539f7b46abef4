//! RSA signatures of TLS 1.3 (rsa_pss_rsae_sha256; RFC 8446, section 4.2.3), which certificates do not have.

use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use base::Result;
use cryptoki::error::Result as CryptokiResult;
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use rcgen::PublicKeyData;

use super::key::{TokenKey, challenge};
use crate::key::SigningKey;

/// The input of the token for such a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PssMethod {
    /// A SHA-256 hash.
    OfHash,
    /// The message.
    OfMessage,
}

impl PssMethod {
    const ALL: [(MechanismType, Self); 2] =
        [(MechanismType::RSA_PKCS_PSS, Self::OfHash), (MechanismType::SHA256_RSA_PKCS_PSS, Self::OfMessage)];

    fn sign(self, session: &Session, key: ObjectHandle, message: &[u8]) -> CryptokiResult<Vec<u8>> {
        // TLS fixes the length of the salt to that of the hash.
        let params = PkcsPssParams { hash_alg: MechanismType::SHA256, mgf: PkcsMgfType::MGF1_SHA256, s_len: 32.into() };
        match self {
            Self::OfHash => {
                session.sign(&Mechanism::RsaPkcsPss(params), key, digest::digest(&SHA256, message).as_ref())
            }
            Self::OfMessage => session.sign(&Mechanism::Sha256RsaPkcsPss(params), key, message),
        }
    }
}

impl TokenKey {
    /// The way in which the token makes such signatures; `None` for a key of another kind, and for a token that cannot.
    /// TPMs are such tokens: many of them take no other length of the salt than the largest.
    ///
    /// # Errors
    /// Those of a token that went away.
    pub fn pss(&self) -> Result<Option<PssMethod>> {
        if !self.public().algorithm().is_rsa() {
            return Ok(None);
        }
        let mechanisms = self.pool.mechanisms()?;
        for (_, method) in PssMethod::ALL.into_iter().filter(|(mechanism, _)| mechanisms.contains(mechanism)) {
            // Tried, because a list of mechanisms does not tell which parameters the token takes.
            let message = challenge()?;
            let by = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, self.public().der_bytes());
            if self.sign_pss(method, &message).is_ok_and(|signature| by.verify(&message, &signature).is_ok()) {
                return Ok(Some(method));
            }
        }
        Ok(None)
    }

    /// Signs `message` by a method of [`pss`](Self::pss).
    ///
    /// # Errors
    /// What keeps the token from signing.
    pub fn sign_pss(&self, method: PssMethod, message: &[u8]) -> Result<Vec<u8>> {
        self.pool.with("signing", |session, key| method.sign(session, key, message))
    }
}
