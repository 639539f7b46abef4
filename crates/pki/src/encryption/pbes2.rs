//! PBES2 (RFC 8018, section 6.2) with PBKDF2 or scrypt (RFC 7914).

use std::num::NonZeroU32;

use ::pbkdf2::pbkdf2_hmac;
use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Tag, Tagged};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::cost::Cost;
use super::hash_function::HashFunction;
use super::known::Unsupported;
use super::pkcs12::Password;
use crate::asn1::element;

pub(super) const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const SCRYPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.4.11");

/// The scheme with its parameters.
pub(crate) struct Pbes2<'a> {
    kdf: Kdf<'a>,
    encryption: Encryption<'a>,
}

enum Kdf<'a> {
    Pbkdf2 { salt: &'a [u8], rounds: u32, prf: HashFunction },
    Scrypt { salt: &'a [u8], cost: u64, block_size: u16, parallelization: u16 },
}

enum Encryption<'a> {
    Cbc { cipher: Cipher, iv: &'a [u8] },
    Gcm { algorithm: &'static aead::Algorithm, nonce: &'a [u8] },
}

impl<'a> Pbes2<'a> {
    /// `PBES2-params ::= SEQUENCE { keyDerivationFunc AlgorithmIdentifier, encryptionScheme AlgorithmIdentifier }`
    pub(super) fn read(parameters: Option<AnyRef<'a>>) -> Result<Self, Unsupported> {
        let parts = sequence(parameters.ok_or_else(Unsupported::malformed)?)?;
        let [kdf, encryption] = parts.as_slice() else { return Err(Unsupported::malformed()) };
        let encryption = Encryption::read(*encryption)?;
        let (kdf, key_length) = Kdf::read(*kdf)?;
        // A wrong key length would decrypt to noise, which looks like a wrong password.
        if key_length.is_some_and(|length| length != encryption.key_length()) {
            return Err(Unsupported::malformed());
        }
        Ok(Self { kdf, encryption })
    }

    pub(super) fn cost(&self) -> Cost {
        match &self.kdf {
            Kdf::Pbkdf2 { rounds, .. } => Cost::of_rounds((*rounds).into()),
            Kdf::Scrypt { cost, block_size, parallelization, .. } => {
                Cost::of_scrypt(*cost, *block_size, *parallelization)
            }
        }
    }

    pub(super) fn decrypt(&self, password: Password<'_>, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut key = Zeroizing::new(vec![0; self.encryption.key_length()]);
        self.kdf.derive(password.utf8(), &mut key)?;
        match &self.encryption {
            Encryption::Cbc { cipher, iv } => cipher.decrypt(&key, iv, data),
            Encryption::Gcm { algorithm, nonce } => {
                let key = LessSafeKey::new(UnboundKey::new(algorithm, &key).ok()?);
                let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
                let mut plain = Zeroizing::new(data.to_vec());
                let length = key.open_in_place(nonce, Aad::empty(), &mut plain).ok()?.len();
                plain.truncate(length);
                Some(plain)
            }
        }
    }
}

impl<'a> Kdf<'a> {
    /// The function, and the length of the key that it names.
    fn read(algorithm: AnyRef<'a>) -> Result<(Self, Option<usize>), Unsupported> {
        let malformed = Unsupported::malformed;
        let (id, parameters) = element::algorithm(algorithm).map_err(|_| malformed())?;
        if id != PBKDF2 && id != SCRYPT {
            return Err(Unsupported::algorithm(&id));
        }
        let parts = sequence(parameters.ok_or_else(malformed)?)?;
        let number = |part: AnyRef<'_>| element::unsigned(part).map_err(|_| malformed());
        let small = |part: AnyRef<'_>| u16::try_from(number(part)?).map_err(|_| malformed());
        let [salt, rounds, rest @ ..] = parts.as_slice() else { return Err(malformed()) };
        // RFC 8018 allows another source of the salt, which no program writes.
        let salt = element::content(*salt, Tag::OctetString).map_err(|_| malformed())?;
        let length = |part: Option<&AnyRef<'_>>| match part {
            Some(part) if part.tag() == Tag::Integer => {
                usize::try_from(number(*part)?).map(Some).map_err(|_| malformed())
            }
            _ => Ok(None),
        };
        if id == SCRYPT {
            let [block_size, parallelization, rest @ ..] = rest else { return Err(malformed()) };
            let (block_size, parallelization) = (small(*block_size)?, small(*parallelization)?);
            return Ok((
                Self::Scrypt { salt, cost: number(*rounds)?, block_size, parallelization },
                length(rest.first())?,
            ));
        }
        let prf = match rest.iter().find(|part| part.tag() == Tag::Sequence) {
            // HMAC-SHA-1 is the default of the standard, and is then left out of the encoding.
            Some(prf) => HashFunction::of_hmac(&element::algorithm(*prf).map_err(|_| malformed())?.0)?,
            None => HashFunction::Sha1,
        };
        // More rounds than fit in 32 bits are refused by their cost, not by their form.
        let rounds = u32::try_from(number(*rounds)?).unwrap_or(u32::MAX).max(1);
        Ok((Self::Pbkdf2 { salt, rounds, prf }, length(rest.first())?))
    }

    fn derive(&self, password: &[u8], key: &mut [u8]) -> Option<()> {
        match *self {
            Self::Pbkdf2 { salt, rounds, prf } => derive(prf, password, salt, rounds, key),
            Self::Scrypt { salt, cost, block_size, parallelization } => {
                // The logarithm is safe: `cost` has refused numbers that are no power of two.
                let log = u8::try_from(cost.checked_ilog2()?).ok()?;
                let parameters = scrypt::Params::new(log, block_size.into(), parallelization.into()).ok()?;
                scrypt::scrypt(password, salt, &parameters, key).ok()?;
            }
        }
        Some(())
    }
}

/// PBKDF2 with HMAC over this hash function.
fn derive(hash: HashFunction, password: &[u8], salt: &[u8], rounds: u32, key: &mut [u8]) {
    // aws-lc is several times faster, and has four of them.
    let with = |algorithm, key: &mut [u8]| {
        pbkdf2::derive(algorithm, NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN), salt, password, key);
    };
    match hash {
        HashFunction::Sha1 => with(pbkdf2::PBKDF2_HMAC_SHA1, key),
        HashFunction::Sha256 => with(pbkdf2::PBKDF2_HMAC_SHA256, key),
        HashFunction::Sha384 => with(pbkdf2::PBKDF2_HMAC_SHA384, key),
        HashFunction::Sha512 => with(pbkdf2::PBKDF2_HMAC_SHA512, key),
        HashFunction::Sha224 => pbkdf2_hmac::<sha2::Sha224>(password, salt, rounds, key),
        HashFunction::Sha512t224 => pbkdf2_hmac::<sha2::Sha512_224>(password, salt, rounds, key),
        HashFunction::Sha512t256 => pbkdf2_hmac::<sha2::Sha512_256>(password, salt, rounds, key),
    }
}

impl<'a> Encryption<'a> {
    fn read(algorithm: AnyRef<'a>) -> Result<Self, Unsupported> {
        let malformed = Unsupported::malformed;
        let (id, parameters) = element::algorithm(algorithm).map_err(|_| malformed())?;
        let cipher = match id.to_string().as_str() {
            "2.16.840.1.101.3.4.1.2" => Cipher::Aes128,
            "2.16.840.1.101.3.4.1.22" => Cipher::Aes192,
            "2.16.840.1.101.3.4.1.42" => Cipher::Aes256,
            "1.2.840.113549.3.7" => Cipher::TripleDes3,
            "1.3.14.3.2.7" => Cipher::Des,
            "2.16.840.1.101.3.4.1.6" => return Self::gcm(&aead::AES_128_GCM, &id, parameters),
            "2.16.840.1.101.3.4.1.46" => return Self::gcm(&aead::AES_256_GCM, &id, parameters),
            _ => return Err(Unsupported::algorithm(&id)),
        };
        let iv = element::content(parameters.ok_or_else(malformed)?, Tag::OctetString).map_err(|_| malformed())?;
        if iv.len() != cipher.block_length() {
            return Err(malformed());
        }
        Ok(Self::Cbc { cipher, iv })
    }

    /// `GCMParameters ::= SEQUENCE { nonce OCTET STRING, ICVlen INTEGER DEFAULT 12 }` (RFC 5084, section 3.2). aws-lc knows
    /// nonces of 12 octets and tags of 16, and so do the programs that write it.
    fn gcm(
        algorithm: &'static aead::Algorithm,
        id: &ObjectIdentifier,
        parameters: Option<AnyRef<'a>>,
    ) -> Result<Self, Unsupported> {
        let parts = sequence(parameters.ok_or_else(Unsupported::malformed)?)?;
        match parts.as_slice() {
            // aws-lc has tags of 16 octets only. RFC 5084 has 12 as the default, which no known program writes.
            [nonce, tag] if element::unsigned(*tag).ok() == Some(16) && nonce.value().len() == aead::NONCE_LEN => {
                Ok(Self::Gcm { algorithm, nonce: nonce.value() })
            }
            _ => Err(Unsupported::algorithm(id)),
        }
    }

    fn key_length(&self) -> usize {
        match self {
            Self::Cbc { cipher, .. } => cipher.key_length(),
            Self::Gcm { algorithm, .. } => algorithm.key_len(),
        }
    }
}

fn sequence(element: AnyRef<'_>) -> Result<Vec<AnyRef<'_>>, Unsupported> {
    element::content(element, Tag::Sequence).and_then(element::elements).map_err(|_| Unsupported::malformed())
}
