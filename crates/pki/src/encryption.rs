//! Password-based encryption of keys and keystores, as others wrote it: PBES2 and PBES1 (RFC 8018), the schemes of
//! PKCS#12 (RFC 7292, appendices B and C), and OpenSSL's encryption of PEM blocks ([`traditional`]).
//!
//! The old schemes protect badly and are never written. They are read, because keys that people already have are in them.
//!
//! Written by hand because the crates refuse what honest files contain: salts over 32 octets, the missing password of
//! PKCS#12, and every scheme before PBES2.

use der::Tag;
use der::asn1::AnyRef;
use zeroize::Zeroizing;

use crate::asn1::element;

mod cipher;
mod cost;
mod hash_function;
mod known;
mod pbes1;
mod pbes2;
mod pkcs12;
pub(crate) mod traditional;

pub(crate) use cost::Cost;
pub(crate) use hash_function::HashFunction;
pub(crate) use known::Unsupported;
pub(crate) use pkcs12::Password;

/// A scheme that is read, with its parameters.
pub(crate) enum Scheme<'a> {
    /// RFC 8018, section 6.2.
    Pbes2(pbes2::Pbes2<'a>),
    /// RFC 8018, section 6.1.
    Pbes1(pbes1::Pbes1<'a>),
    /// RFC 7292, appendix C.
    Pkcs12(pkcs12::Pkcs12Pbe<'a>),
}

impl<'a> Scheme<'a> {
    /// Reads an AlgorithmIdentifier.
    ///
    /// # Errors
    /// An algorithm that is not read, or parameters that do not belong to it.
    pub(crate) fn read(algorithm: AnyRef<'a>) -> Result<Self, Unsupported> {
        let (id, parameters) = element::algorithm(algorithm).map_err(|_| Unsupported::malformed())?;
        if id == pbes2::PBES2 {
            return pbes2::Pbes2::read(parameters).map(Scheme::Pbes2);
        }
        if let Some(scheme) = pbes1::Pbes1::read(id, parameters) {
            return scheme.map(Scheme::Pbes1);
        }
        if let Some(scheme) = pkcs12::Pkcs12Pbe::read(id, parameters) {
            return scheme.map(Scheme::Pkcs12);
        }
        Err(Unsupported::algorithm(&id))
    }

    /// The cost of the key derivation, which must be judged before [`decrypt`](Self::decrypt).
    pub(crate) fn cost(&self) -> Cost {
        match self {
            Self::Pbes2(scheme) => scheme.cost(),
            Self::Pbes1(scheme) => Cost::of_rounds(scheme.rounds.into()),
            Self::Pkcs12(scheme) => Cost::of_rounds(scheme.rounds.into()),
        }
    }

    /// The name of a scheme that is too old for new files; none for PBES2.
    pub(crate) fn old_name(&self) -> Option<&'static str> {
        match self {
            Self::Pbes2(_) => None,
            Self::Pbes1(scheme) => Some(scheme.name),
            Self::Pkcs12(scheme) => Some(scheme.name),
        }
    }

    /// The plain octets; none if the password is another one or the data is damaged. A wrong password passes once in
    /// 256 times or so, so that the caller has to look at what came out.
    pub(crate) fn decrypt(&self, password: Password<'_>, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match self {
            Self::Pbes2(scheme) => scheme.decrypt(password, data),
            Self::Pbes1(scheme) => scheme.decrypt(password, data),
            Self::Pkcs12(scheme) => scheme.decrypt(password, data),
        }
    }
}

/// The parts of an `EncryptedPrivateKeyInfo ::= SEQUENCE { AlgorithmIdentifier, OCTET STRING }` (RFC 5958, section 3); none
/// if the element is something else.
pub(crate) fn encrypted_key(element: AnyRef<'_>) -> Option<(AnyRef<'_>, &[u8])> {
    match element::elements(element::content(element, Tag::Sequence).ok()?).ok()?.as_slice() {
        [algorithm, data] if element::algorithm(*algorithm).is_ok() => {
            Some((*algorithm, element::content(*data, Tag::OctetString).ok()?))
        }
        _ => None,
    }
}
