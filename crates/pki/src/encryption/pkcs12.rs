//! The password schemes of PKCS#12 (RFC 7292, appendices B and C): encryption by SHA-1 with old ciphers, and the key of
//! the integrity check.

use der::Tag;
use der::asn1::{AnyRef, ObjectIdentifier};
use hmac::{EagerHash, Hmac, KeyInit as _, Mac as _};
use pkcs12::kdf::{Pkcs12KeyType, derive_key};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};
use zeroize::Zeroizing;

use super::cipher::Cipher;
use super::hash_function::HashFunction;
use super::known::Unsupported;
use crate::asn1::element;

/// A password, or none at all. Programs differ in what the empty password is: OpenSSL, GnuTLS and Java write the end mark
/// of a text without characters; forge and `certtool --null-password` write nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Password<'a> {
    /// A text, which can be empty.
    Text(&'a str),
    /// A text whose octets in UTF-8 OpenSSL before 1.1.0 took for characters of Latin-1.
    Widened(&'a str),
    /// No octets at all.
    Missing,
}

impl<'a> Password<'a> {
    /// The forms of a password that a file can be encrypted with, the usual one first.
    pub(crate) fn forms(text: &'a str) -> impl Iterator<Item = Password<'a>> {
        let missing = text.is_empty().then_some(Self::Missing);
        // Last, as OpenSSL does it since: each form costs all rounds of the key derivation.
        let widened = (!text.is_ascii()).then_some(Self::Widened(text));
        std::iter::once(Self::Text(text)).chain(missing).chain(widened)
    }

    /// The octets that the schemes of RFC 8018 take.
    pub(super) fn utf8(self) -> &'a [u8] {
        match self {
            Self::Text(text) | Self::Widened(text) => text.as_bytes(),
            Self::Missing => &[],
        }
    }

    /// The octets that the schemes of PKCS#12 take (RFC 7292, appendix B.1): UTF-16, as OpenSSL and Java write it where
    /// the standard has UCS-2, and an end mark.
    fn utf16(self) -> Zeroizing<Vec<u8>> {
        let (Self::Text(text) | Self::Widened(text)) = self else { return Zeroizing::default() };
        // UTF-16 never has more units than UTF-8 has bytes; the room is there from the start, so that nothing is moved.
        let mut octets = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
        let mut push = |unit: u16| octets.extend_from_slice(&unit.to_be_bytes());
        match self {
            Self::Widened(text) => text.bytes().map(u16::from).for_each(&mut push),
            _ => text.encode_utf16().for_each(&mut push),
        }
        // The end mark is part of the password: RFC 7292, appendix B.1.
        push(0);
        octets
    }
}

/// An encryption scheme with its parameters.
pub(crate) struct Pkcs12Pbe<'a> {
    pub(super) name: &'static str,
    cipher: Cipher,
    salt: &'a [u8],
    pub(super) rounds: u32,
}

/// RFC 7292, appendix C, without RC4.
const SCHEMES: [(&str, &str, Cipher); 4] = [
    ("1.2.840.113549.1.12.1.3", "PBE-SHA1-3DES", Cipher::TripleDes3),
    ("1.2.840.113549.1.12.1.4", "PBE-SHA1-2DES", Cipher::TripleDes2),
    ("1.2.840.113549.1.12.1.5", "PBE-SHA1-RC2-128", Cipher::Rc2(16)),
    ("1.2.840.113549.1.12.1.6", "PBE-SHA1-RC2-40", Cipher::Rc2(5)),
];

impl<'a> Pkcs12Pbe<'a> {
    /// The scheme of this identifier; none if it is none of PKCS#12.
    pub(super) fn read(id: ObjectIdentifier, parameters: Option<AnyRef<'a>>) -> Option<Result<Self, Unsupported>> {
        let id = id.to_string();
        let (_, name, cipher) = SCHEMES.iter().copied().find(|(known, ..)| *known == id)?;
        Some(salt_and_rounds(parameters).map(|(salt, rounds)| Self { name, cipher, salt, rounds }))
    }

    pub(super) fn decrypt(&self, password: Password<'_>, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let password = password.utf16();
        // The crate counts in i32. Larger numbers were refused by their cost.
        let rounds = i32::try_from(self.rounds).ok()?;
        let derived = |kind, length| Zeroizing::new(derive_key::<Sha1>(&password, self.salt, kind, rounds, length));
        let key = derived(Pkcs12KeyType::EncryptionKey, self.cipher.key_length());
        let iv = derived(Pkcs12KeyType::Iv, self.cipher.block_length());
        self.cipher.decrypt(&key, &iv, data)
    }
}

impl HashFunction {
    /// True if `value` is the MAC of `data` under the password (RFC 7292, section 5.1, step 3).
    pub(crate) fn fits(self, password: Password<'_>, salt: &[u8], rounds: u32, data: &[u8], value: &[u8]) -> bool {
        let check = match self {
            Self::Sha1 => fits::<Sha1>,
            Self::Sha224 => fits::<Sha224>,
            Self::Sha256 => fits::<Sha256>,
            Self::Sha384 => fits::<Sha384>,
            Self::Sha512 => fits::<Sha512>,
            Self::Sha512t224 => fits::<Sha512_224>,
            Self::Sha512t256 => fits::<Sha512_256>,
        };
        check(&password.utf16(), salt, rounds, data, value).unwrap_or(false)
    }
}

fn fits<D>(password: &[u8], salt: &[u8], rounds: u32, data: &[u8], value: &[u8]) -> Option<bool>
where
    D: EagerHash + sha1::Digest + hmac::digest::FixedOutputReset + hmac::digest::block_api::BlockSizeUser,
{
    let rounds = i32::try_from(rounds).ok()?;
    let length = <D as sha1::Digest>::output_size();
    let key = Zeroizing::new(derive_key::<D>(password, salt, Pkcs12KeyType::Mac, rounds, length));
    let mut mac = Hmac::<D>::new_from_slice(&key).ok()?;
    mac.update(data);
    // `verify_slice` compares in constant time.
    Some(mac.verify_slice(value).is_ok())
}

/// `SEQUENCE { salt OCTET STRING, iterations INTEGER }` (RFC 7292, appendix C; RFC 8018, appendix A.3).
pub(super) fn salt_and_rounds(parameters: Option<AnyRef<'_>>) -> Result<(&[u8], u32), Unsupported> {
    parameters.and_then(|parameters| read_salt(parameters).ok()).ok_or_else(Unsupported::malformed)
}

fn read_salt(parameters: AnyRef<'_>) -> der::Result<(&[u8], u32)> {
    match element::elements(element::content(parameters, Tag::Sequence)?)?.as_slice() {
        [salt, rounds] => {
            // What does not fit in 32 bits is refused by its cost, not by its form.
            let rounds = u32::try_from(element::unsigned(*rounds)?).unwrap_or(u32::MAX).max(1);
            Ok((element::content(*salt, Tag::OctetString)?, rounds))
        }
        _ => Err(Tag::Sequence.length_error().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_octets_of_utf_8_are_the_last_form_of_a_password() {
        let forms: Vec<_> = Password::forms("Grün").collect();
        let octets: Vec<_> = forms.iter().map(|form| form.utf16()).collect();
        assert_eq!(octets[0][..], *b"\0G\0r\0\xfc\0n\0\0");
        // The octets of `ü` in UTF-8 are 0xc3 0xbc.
        assert_eq!(octets[1][..], *b"\0G\0r\0\xc3\0\xbc\0n\0\0");
        assert_eq!((octets.len(), Password::forms("Gruen").count()), (2, 1));
        assert_eq!(forms[1].utf8(), "Grün".as_bytes());
    }
}
