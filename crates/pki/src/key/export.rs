//! Writing private keys.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base::{Code, Result, Secret};
use der::{Decode, Encode};
use pkcs5::pbes2;
use pkcs8::PrivateKeyInfoRef;
use sec1::EcParameters;
use zeroize::Zeroizing;

use super::PrivateKey;
use super::public::{SECP256R1, SECP384R1};
use crate::algorithm::Algorithm;

/// Rounds of PBKDF2-HMAC-SHA256 for keys at rest, as OWASP advises since 2023.
pub const PBKDF2_ROUNDS: u32 = 600_000;

/// An unencrypted PEM form of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// `PRIVATE KEY`: PKCS#8 (RFC 5208). What ThingsBoard, Java and nearly everything reads.
    Pkcs8,
    /// `EC PRIVATE KEY` (SEC 1, RFC 5915) or `RSA PRIVATE KEY` (PKCS#1, RFC 8017): what keygen.sh wrote into
    /// `.nopass.pem`. Ed25519 has no such form and stays PKCS#8.
    Traditional,
}

impl PrivateKey {
    /// The key in PEM, not encrypted: 64 columns, LF.
    pub fn to_pem(&self, format: KeyFormat) -> Result<Zeroizing<String>> {
        match (format, self.algorithm()) {
            (KeyFormat::Pkcs8, _) | (KeyFormat::Traditional, Algorithm::Ed25519) => {
                Ok(armor("PRIVATE KEY", &self.pkcs8))
            }
            (KeyFormat::Traditional, Algorithm::EcP256) => self.sec1_pem(SECP256R1),
            (KeyFormat::Traditional, Algorithm::EcP384) => self.sec1_pem(SECP384R1),
            (KeyFormat::Traditional, _) => Ok(armor("RSA PRIVATE KEY", self.inner()?)),
        }
    }

    /// The key in PEM as encrypted PKCS#8 (RFC 8018, PBES2): AES-256-CBC under PBKDF2-HMAC-SHA256, which
    /// OpenSSL, Java and BouncyCastle read (none but OpenSSL reads scrypt).
    pub fn to_encrypted_pem(&self, passphrase: &Secret, rounds: u32) -> Result<Zeroizing<String>> {
        let failed = || Code::Internal.error("the key could not be encrypted");
        let mut salt = [0u8; 16];
        let mut iv = [0u8; 16];
        let random = SystemRandom::new();
        random.fill(&mut salt).and_then(|()| random.fill(&mut iv)).map_err(|_| failed())?;
        let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(rounds, &salt, iv)
            .map_err(|error| failed().with_source(error))?;
        let document = PrivateKeyInfoRef::from_der(&self.pkcs8)
            .map_err(|error| failed().with_source(error))?
            .encrypt_with_params(parameters, passphrase.reveal())
            .map_err(|error| failed().with_source(error))?;
        Ok(armor("ENCRYPTED PRIVATE KEY", document.as_bytes()))
    }

    /// SEC 1 with the curve named: inside PKCS#8 it may be left out, alone it must not.
    fn sec1_pem(&self, curve: der::asn1::ObjectIdentifier) -> Result<Zeroizing<String>> {
        let malformed = |_: der::Error| Code::Internal.error("an elliptic curve key cannot be encoded as SEC 1");
        let mut key = sec1::EcPrivateKey::from_der(self.inner()?).map_err(malformed)?;
        key.parameters = Some(EcParameters::NamedCurve(curve));
        Ok(armor("EC PRIVATE KEY", &Zeroizing::new(key.to_der().map_err(malformed)?)))
    }

    /// The algorithm's own structure inside PKCS#8.
    fn inner(&self) -> Result<&[u8]> {
        let malformed = |_: der::Error| Code::Internal.error("a key of ours is not PKCS#8");
        Ok(PrivateKeyInfoRef::from_der(&self.pkcs8).map_err(malformed)?.private_key.as_bytes())
    }
}

fn armor(label: &str, der: &[u8]) -> Zeroizing<String> {
    let block = pem::Pem::new(label, der);
    let text = pem::encode_config(&block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF));
    // The crate pem does not wipe its copy of the key.
    let mut contents = block.into_contents();
    zeroize::Zeroize::zeroize(&mut contents);
    Zeroizing::new(text)
}
