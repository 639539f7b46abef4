//! The private keys of a PKCS#12 file.

use base::{Code, Error, Result};
use der::Decode;
use der::asn1::AnyRef;
use zeroize::Zeroizing;

use super::super::fault::{unreadable, unsupported};
use super::bags::{Bag, BagContent};
use crate::asn1::ber;
use crate::encryption::{Cost, Password, Scheme, encrypted_key};

/// The cost of opening the bag; none if it is not encrypted, or in a way that is not read.
pub(super) fn cost(bag: &Bag) -> Option<Cost> {
    let BagContent::ShroudedKey(info) = &bag.content else { return None };
    let (algorithm, _) = encrypted_key(AnyRef::from_der(info).ok()?)?;
    // A scheme that is not read costs nothing: it fails with its own error as soon as the key is opened.
    Some(Scheme::read(algorithm).ok()?.cost())
}

/// A key that is not encrypted.
pub(super) fn plain(key: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    pkcs8_of(key).ok_or_else(not_pkcs8)
}

/// An EncryptedPrivateKeyInfo, opened with the first password that fits.
pub(super) fn shrouded(info: &[u8], passwords: &[Password<'_>]) -> Result<Zeroizing<Vec<u8>>> {
    let parts = AnyRef::from_der(info).ok().and_then(encrypted_key);
    let (algorithm, data) = parts.ok_or_else(not_pkcs8)?;
    let scheme =
        Scheme::read(algorithm).map_err(|algorithm| unsupported("the private key is encrypted with", &algorithm))?;
    let opened = passwords.iter().find_map(|password| pkcs8_of(&scheme.decrypt(*password, data)?));
    opened.ok_or_else(|| {
        Code::KeystorePassword
            .error("neither the password of the keystore nor that of the key opens the private key")
            .because("the private key has a password of its own")
            .fix("give the password of the private key as well, or export the keystore again with one password")
    })
}

/// PKCS#8 in DER; none if the octets are something else, as after a wrong password.
fn pkcs8_of(octets: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let der = ber::to_der(octets)?;
    pkcs8::PrivateKeyInfoRef::try_from(der.as_slice()).is_ok().then_some(der)
}

fn not_pkcs8() -> Error {
    unreadable("a private key of the PKCS#12 keystore is not in PKCS#8").fix("export the keystore again")
}
