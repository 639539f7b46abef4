//! PKCS#12 (RFC 7292) through the crate p12-keystore.
//!
//! The crate opens a whole file with one password and stops at the first thing that it cannot open. A key with a
//! password of its own (Java's `setKeyEntry` makes them) or with an algorithm that the crate does not know would hide
//! everything else, so the envelope is taken apart here first ([`envelope`]) and, if need be, handed to the crate piece
//! by piece. Which certificates make up a key's chain is decided in [`chains`].
//!
//! **Hostile files** cannot make us work for long or take much memory: the rounds of key derivation that the outside of
//! the file asks for are added up and limited before the first is done. A key that is encrypted a second time inside an
//! encrypted safe is seen only by the crate, which allows a million rounds for each; such a safe has to open with the
//! user's password first.
//!
//! Read are the algorithms that the crate knows: MACs over SHA-1 and SHA-2 (not PBMAC1 of RFC 9579), PBES2 with PBKDF2 or
//! scrypt and AES-CBC, 3-key 3DES and 40-bit RC2 with the old derivation by SHA-1 (of an empty password only with the
//! end mark of RFC 7292, appendix B.1), and no encryption at all; DER, not BER with indefinite lengths.

use base::{Code, Error, Result, Secret};
use p12_keystore::error::Error as CrateError;
use p12_keystore::{Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, Pkcs12Archive};
use p12_keystore::{PrivateKey, PrivateKeyChain};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::contents::{Contents, to_milliseconds};
use super::fault::{unreadable, wrong_password};
use super::{Keystore, Passwords};

mod chains;
mod envelope;

use chains::ShutKey;
pub(super) use envelope::looks_like;
use envelope::{Envelope, Safe};

/// What Java's `java.security` asks for by default, and enough for passwords that are not guessable. A fuzzer writes
/// thousands of files a minute, and nobody keeps them.
const ITERATIONS: u32 = if cfg!(fuzzing) { 1 } else { 10_000 };

/// Writes aliases that are folded and bytes that are checked already.
pub(super) fn write(keystore: &Keystore, password: &Secret, created: OffsetDateTime) -> Result<Zeroizing<Vec<u8>>> {
    let mut store = KeyStore::new();
    for (entry, milliseconds) in keystore.keys.iter().zip(to_milliseconds(created)..) {
        // Java takes an entry's date from a key id of this form. Ids tie keys to leaves, so each needs its own.
        let id = format!("Time {milliseconds}");
        let key = PrivateKey::from_der(&entry.key).map_err(cannot_write)?;
        let chain = certificates(&entry.chain)?;
        store.add_entry(&entry.alias, KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(id, key, chain)));
    }
    for entry in &keystore.trusted {
        let certificate = Certificate::from_der(&entry.certificate).map_err(cannot_write)?;
        store.add_entry(&entry.alias, KeyStoreEntry::Certificate(certificate));
    }
    store
        .writer(password.reveal())
        .encryption_algorithm(EncryptionAlgorithm::PbeWithHmacSha256AndAes256)
        .encryption_iterations(ITERATIONS)
        .mac_algorithm(MacAlgorithm::HmacSha256)
        .mac_iterations(ITERATIONS)
        .write()
        .map(Zeroizing::new)
        .map_err(cannot_write)
}

fn certificates(chain: &[Vec<u8>]) -> Result<Vec<Certificate>> {
    chain.iter().map(|der| Certificate::from_der(der).map_err(cannot_write)).collect()
}

fn cannot_write(error: CrateError) -> Error {
    Code::Internal.error("the PKCS#12 keystore cannot be encoded").because(error)
}

/// Opens a file with either password: our own writer uses the key password, keytool the store password for all of it.
/// Without passwords only what is not encrypted opens, and nothing is verified.
pub(super) fn open(bytes: &[u8], passwords: Option<&Passwords>) -> Result<Contents> {
    let envelope = Envelope::parse(bytes)
        .map_err(|error| unreadable("the PKCS#12 keystore is damaged or not in DER").because(error))?;
    envelope.check_limits()?;
    let candidates = match passwords {
        None => vec![""],
        Some(both) if both.store == both.key => vec![both.store.reveal()],
        Some(both) => vec![both.store.reveal(), both.key.reveal()],
    };
    for password in candidates.iter().filter(|password| !envelope.has_mac || fits_mac(password)) {
        match Pkcs12Archive::from_pkcs12(bytes, password) {
            Ok(archive) => return chains::link(archive, Vec::new(), envelope.has_mac),
            Err(CrateError::MacError(_)) => {}
            // The right password, since the MAC comes first; something further inside does not open.
            Err(error) if envelope.has_mac && is_local(&error) => {
                return open_pieces(&envelope, password, passwords, true);
            }
            Err(error) if envelope.has_mac => return Err(refused(&error, true)),
            // Without a MAC a wrong password looks like a damaged file.
            Err(_) => {}
        }
    }
    // A MAC under no password guards nothing, and programs differ in how they make it of an empty one.
    let guarded = envelope.has_mac && candidates.iter().any(|password| !password.is_empty());
    if guarded {
        return Err(wrong_password().because("its integrity check fails: another password, or a changed file"));
    }
    let opened = first_success(candidates.iter().map(|password| open_pieces(&envelope, password, passwords, false)));
    opened.unwrap_or_else(|| Err(wrong_password())).map_err(|error| match passwords {
        None if error.code() == Code::KeystorePassword => {
            Code::KeystorePassword.error("the PKCS#12 keystore needs a password")
        }
        _ => error,
    })
}

/// Whether a MAC can be made with the password at all: its derivation takes UCS-2 (RFC 7292, appendix B.1).
fn fits_mac(password: &str) -> bool {
    password.chars().all(|character| u32::from(character) <= 0xffff)
}

/// Opens what opens: safes with `password`, keys with either. `intact`: the MAC has been verified.
fn open_pieces(envelope: &Envelope, password: &str, passwords: Option<&Passwords>, intact: bool) -> Result<Contents> {
    let mut found = Pkcs12Archive::default();
    let mut shut = Vec::new();
    let mut take = |piece: Pkcs12Archive| {
        found.keys.extend(piece.keys);
        found.certs.extend(piece.certs);
        found.secrets.extend(piece.secrets);
    };
    for safe in &envelope.safes {
        match safe {
            Safe::Encrypted(alone) => {
                take(Pkcs12Archive::from_pkcs12(alone, password).map_err(|error| refused(&error, intact))?);
            }
            Safe::Plain(bags) => {
                for bag in bags {
                    let key_password = passwords.map(|both| both.key.reveal()).filter(|other| *other != password);
                    let passwords_of_keys = std::iter::once(password).chain(key_password);
                    let tries = passwords_of_keys.map(|password| Pkcs12Archive::from_pkcs12(&bag.alone, password));
                    match first_success(tries) {
                        Some(Ok(piece)) => take(piece),
                        Some(Err(error)) if bag.is_shrouded_key && is_local(&error) => shut.push(ShutKey {
                            name: bag.name.clone(),
                            id: bag.key_id.clone(),
                            error: passwords.map(|_| shut_key(&error)),
                        }),
                        Some(Err(error)) => return Err(refused(&error, true)),
                        None => {}
                    }
                }
            }
        }
    }
    chains::link(found, shut, intact)
}

/// The first success, else the last failure; nothing is tried after a success.
fn first_success<T, E>(tries: impl Iterator<Item = Result<T, E>>) -> Option<Result<T, E>> {
    let mut last = None;
    for result in tries {
        let done = result.is_ok();
        last = Some(result);
        if done {
            break;
        }
    }
    last
}

/// Whether the error is about one safe or key, by its password or algorithm, and others may open.
fn is_local(error: &CrateError) -> bool {
    matches!(
        error,
        CrateError::Pkcs5Error(_)
            | CrateError::UnpadError
            | CrateError::InvalidPrivateKey
            | CrateError::InvalidLength
            | CrateError::UnsupportedEncryptionScheme
    )
}

/// Why something other than a key did not open. Until a MAC was verified, damage and a wrong password look alike.
fn refused(error: &CrateError, intact: bool) -> Error {
    match error {
        CrateError::UnsupportedEncryptionScheme => {
            unreadable("the PKCS#12 keystore is encrypted with an algorithm that is not read here")
                .fix("write it anew with `openssl pkcs12` or `keytool -importkeystore`")
        }
        error if intact => unreadable("the PKCS#12 keystore is damaged or holds something unknown").because(error),
        _ => wrong_password().because("it does not decrypt: another password, or a changed file"),
    }
}

fn shut_key(error: &CrateError) -> Error {
    match error {
        CrateError::UnsupportedEncryptionScheme => {
            unreadable("the private key is encrypted with an algorithm that is not read here")
        }
        _ => Code::KeystorePassword
            .error("neither the password of the keystore nor that of the key opens the private key")
            .fix("the key has a password of its own, as Java can give it one"),
    }
}

#[cfg(test)]
mod tests;
