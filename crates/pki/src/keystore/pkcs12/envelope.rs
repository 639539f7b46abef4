//! The envelope of a PKCS#12 file: everything that can be read without a password.
//!
//! Written by hand because the crate p12-keystore reads DER alone, with one password, and no file that it cannot open whole.
//!
//! ```text
//! PFX ::= SEQUENCE { INTEGER 3, ContentInfo(data: AuthenticatedSafe), MacData OPTIONAL }   -- RFC 7292, section 4
//! AuthenticatedSafe ::= SEQUENCE OF ContentInfo     -- data: SafeContents; encryptedData: the same, encrypted
//! ```

use base::{Error, Result};
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Tag, Tagged};
use zeroize::Zeroizing;

use super::super::fault::{unreadable, unsupported};
use crate::asn1::ber;
use crate::asn1::element::{self, CONTEXT_0};
use crate::encryption::{HashFunction, Password, Unsupported};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const ENVELOPED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.3");
const ENCRYPTED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");

/// True if this begins as PKCS#12 does: a sequence of the number 3 and another sequence.
pub(crate) fn looks_like(bytes: &[u8]) -> bool {
    let Some((0x30, rest)) = bytes.split_first().map(|(tag, rest)| (*tag, rest)) else { return false };
    // Any length, the indefinite one of BER included.
    let skip = match rest.first() {
        // 0x80 is BER's indefinite length, which BouncyCastle and NSS write. More than four octets of length would be
        // no file of ours.
        Some(length @ 0x81..=0x84) => 1 + usize::from(length & 0x7f),
        Some(0x00..=0x80) => 1,
        _ => return false,
    };
    rest.get(skip..).is_some_and(|rest| rest.starts_with(&[0x02, 0x01, 0x03, 0x30]))
}

/// A file taken apart.
pub(super) struct Pkcs12Envelope {
    /// The MAC that protects the integrity, if there is one.
    pub(super) mac: Option<Mac>,
    /// The input of the MAC: an AuthenticatedSafe as the file has it.
    content: Zeroizing<Vec<u8>>,
    pub(super) safes: Vec<Safe>,
}

/// A password's MAC over the content.
pub(super) struct Mac {
    digest: HashFunction,
    value: Vec<u8>,
    salt: Vec<u8>,
    /// The number of times that the password is hashed.
    pub(super) rounds: u32,
}

/// A part of the file that one password encrypts, or none.
pub(super) enum Safe {
    /// SafeContents.
    Plain(Zeroizing<Vec<u8>>),
    /// SafeContents, encrypted.
    Encrypted {
        /// The AlgorithmIdentifier.
        algorithm: Vec<u8>,
        data: Zeroizing<Vec<u8>>,
    },
}

impl Pkcs12Envelope {
    /// Takes a file apart.
    ///
    /// # Errors
    /// [`Code::KeystoreUnreadable`](base::Code::KeystoreUnreadable) for damage,
    /// [`Code::UnsupportedEncryption`](base::Code::UnsupportedEncryption) for a MAC or a protection that is not read.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        // The whole file is made DER once. The MAC below is computed over the content as the file has it.
        // What follows it is left out, as OpenSSL and Java do: a line feed or padding, which no MAC protects.
        let (file, _) = ber::first_to_der(bytes).ok_or_else(damaged)?;
        let (auth_safe, mac) = parts(&file).map_err(|_| damaged())?;
        let content = match read_content_info(auth_safe).map_err(|_| damaged())? {
            (DATA, content) => element::only(content, Tag::OctetString).map_err(|_| damaged())?,
            (SIGNED_DATA, _) => return Err(by_public_key("signed")),
            _ => return Err(damaged()),
        };
        let mac = mac.map(Mac::read).transpose()?;
        // The octets inside may be BER again, although they are in an OCTET STRING: BouncyCastle writes them so.
        let inner = ber::to_der(content).ok_or_else(damaged)?;
        let safes = element::only(&inner, Tag::Sequence).and_then(element::elements).map_err(|_| damaged())?;
        let safes = safes.into_iter().map(Safe::read).collect::<Result<_>>()?;
        Ok(Self { mac, content: content.to_vec().into(), safes })
    }

    /// True if the MAC is one of the password. False without a MAC.
    pub(super) fn fits(&self, password: Password<'_>) -> bool {
        self.mac.as_ref().is_some_and(|mac| mac.digest.fits(password, &mac.salt, mac.rounds, &self.content, &mac.value))
    }
}

/// The error for a file whose structure is not that of PKCS#12.
pub(super) fn damaged() -> Error {
    unreadable("the PKCS#12 keystore is damaged")
        .because("its structure ends early or is not that of RFC 7292")
        .fix("copy the file again in binary mode; `openssl pkcs12 -info -in FILE` shows whether others read it")
}

fn by_public_key(how: &str) -> Error {
    unreadable(format!("the PKCS#12 keystore is {how} with a public key, not with a password"))
        .fix("export it again, protected by a password")
}

/// The content and the MAC of a PFX.
fn parts(file: &[u8]) -> der::Result<(AnyRef<'_>, Option<AnyRef<'_>>)> {
    match element::elements(element::only(file, Tag::Sequence)?)?.as_slice() {
        [version, auth_safe, mac @ ..] if element::unsigned(*version)? == 3 && mac.len() < 2 => {
            Ok((*auth_safe, mac.first().copied()))
        }
        _ => Err(Tag::Sequence.length_error().into()),
    }
}

/// `ContentInfo ::= SEQUENCE { contentType OID, content [0] EXPLICIT ANY }`
fn read_content_info(element: AnyRef<'_>) -> der::Result<(ObjectIdentifier, &[u8])> {
    match element::elements(element::content(element, Tag::Sequence)?)?.as_slice() {
        [kind, content] => Ok((kind.decode_as()?, element::content(*content, CONTEXT_0)?)),
        _ => Err(Tag::Sequence.length_error().into()),
    }
}

impl Mac {
    /// `MacData ::= SEQUENCE { SEQUENCE { digestAlgorithm, digest }, salt OCTET STRING, iterations INTEGER DEFAULT 1 }`
    fn read(element: AnyRef<'_>) -> Result<Self> {
        let read = || -> der::Result<_> {
            let parts = element::elements(element::content(element, Tag::Sequence)?)?;
            let [digest_info, salt, rounds @ ..] = parts.as_slice() else {
                return Err(Tag::Sequence.length_error().into());
            };
            let rounds = rounds.first().map_or(Ok(1), |rounds| element::unsigned(*rounds))?;
            match element::elements(element::content(*digest_info, Tag::Sequence)?)?.as_slice() {
                [algorithm, value] => {
                    let (id, _) = element::algorithm(*algorithm)?;
                    let value = element::content(*value, Tag::OctetString)?.to_vec();
                    Ok((id, value, element::content(*salt, Tag::OctetString)?.to_vec(), rounds))
                }
                _ => Err(Tag::Sequence.length_error().into()),
            }
        };
        let (id, value, salt, rounds) = read().map_err(|_| damaged())?;
        let digest = HashFunction::of_digest(&id)
            .map_err(|algorithm| unsupported("the integrity check of the PKCS#12 keystore uses", &algorithm))?;
        // What does not fit in 32 bits is refused by its cost.
        Ok(Self { digest, value, salt, rounds: u32::try_from(rounds).unwrap_or(u32::MAX).max(1) })
    }
}

impl Safe {
    fn read(safe: AnyRef<'_>) -> Result<Self> {
        match read_content_info(safe).map_err(|_| damaged())? {
            (DATA, content) => {
                let content = element::only(content, Tag::OctetString).map_err(|_| damaged())?;
                ber::to_der(content).map(Self::Plain).ok_or_else(damaged)
            }
            (ENCRYPTED_DATA, content) => Self::read_encrypted(content).ok_or_else(damaged),
            (ENVELOPED_DATA, _) => Err(by_public_key("encrypted")),
            (other, _) => Err(unsupported("a part of the PKCS#12 keystore uses", &Unsupported::algorithm(&other))),
        }
    }

    /// `EncryptedData ::= SEQUENCE { version, SEQUENCE { contentType, AlgorithmIdentifier, [0] IMPLICIT OCTET STRING } .. }`
    /// (RFC 5652, section 8). The octets come in pieces if their length was not known in advance.
    fn read_encrypted(content: &[u8]) -> Option<Self> {
        let parts = element::elements(element::only(content, Tag::Sequence).ok()?).ok()?;
        let info = element::elements(element::content(*parts.get(1)?, Tag::Sequence).ok()?).ok()?;
        let [_, algorithm, data @ ..] = info.as_slice() else { return None };
        let data = match data.first() {
            Some(data) => match data.tag() {
                Tag::ContextSpecific { constructed, number } if number.value() == 0 => {
                    ber::implicit_octets(constructed, data.value())?
                }
                _ => return None,
            },
            // encryptedContent is OPTIONAL (RFC 5652, section 6.1).
            None => Zeroizing::default(),
        };
        Some(Self::Encrypted { algorithm: der::Encode::to_der(algorithm).ok()?, data })
    }
}

/// The AlgorithmIdentifier of an encrypted safe, read again from its own octets.
pub(super) fn algorithm_of(octets: &[u8]) -> Result<AnyRef<'_>> {
    AnyRef::from_der(octets).map_err(|_| damaged())
}
