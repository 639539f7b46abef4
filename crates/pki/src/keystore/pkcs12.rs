//! PKCS#12 (RFC 7292): written through the crate p12-keystore, read here.
//!
//! The crate reads DER with one password and stops at the first thing that it cannot open. Files of others are in BER
//! (NSS, BouncyCastle), under no password at all, with long salts, or with a key that has a password of its own. A file is
//! therefore taken apart here: the [`envelope`], its [`bags`], and in [`chains`] which certificates belong to which key.
//!
//! **Hostile files** cannot make us work for long or take much memory: the rounds of key derivation that a file demands are
//! added up and limited ([`Budget`]) before the first is done.
//!
//! Read are MACs over SHA-1 and SHA-2 (not PBMAC1 of RFC 9579), the schemes of [`crate::encryption`], and no encryption.

use base::{Code, Error, Result, Secret};
use p12_keystore::error::Error as CrateError;
use p12_keystore::{Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm};
use p12_keystore::{PrivateKey, PrivateKeyChain};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::contents::{KeystoreContents, to_milliseconds};
use super::fault::{unreadable, unsupported, wrong_password};
use super::{Keystore, Passwords};
use crate::encryption::{Cost, Password, Scheme};

mod bags;
mod chains;
mod envelope;
mod open_key;

use bags::{Bag, BagContent};
use chains::{CertificateBag, KeyBag, OpenedBags};
pub(super) use envelope::looks_like;
use envelope::{Pkcs12Envelope, Safe, algorithm_of, damaged};

/// What Java's `java.security` asks for by default, and enough for passwords that are not guessable. A fuzzer writes
/// thousands of files a minute, and no one keeps them.
const ITERATIONS: u32 = if cfg!(fuzzing) { 1 } else { 10_000 };

/// The rounds of key derivation that one step may demand, far beyond what programs write.
const MAX_ROUNDS: u64 = 1_000_000;
/// The rounds that a whole file may demand: a thousand keys of Java's, or some seconds. Fuzzers have less patience; what
/// keytool writes for one key still passes.
const MAX_TOTAL_ROUNDS: u64 = if cfg!(fuzzing) { 50_000 } else { 10_000_000 };
/// The memory that scrypt may demand, in bytes; OpenSSL's default takes 16 MiB.
const MAX_SCRYPT_MEMORY: u64 = 64 << 20;

/// Writes aliases that are folded and bytes that are checked already.
pub(super) fn write(keystore: &Keystore, password: &Secret, created: OffsetDateTime) -> Result<Zeroizing<Vec<u8>>> {
    let mut store = KeyStore::new();
    for (entry, milliseconds) in keystore.keys.iter().zip(to_milliseconds(created)..) {
        // Java takes an entry's date from a key id of this form, else the time of reading. Ids tie keys to leaves, so
        // the counter gives each entry its own.
        let id = format!("Time {milliseconds}");
        let key = PrivateKey::from_der(&entry.key).map_err(cannot_write)?;
        let chain = certificates(&entry.chain)?;
        store.add_entry(&entry.alias, KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(id, key, chain)));
    }
    for entry in &keystore.trusted {
        let certificate = Certificate::from_der(&entry.certificate).map_err(cannot_write)?;
        store.add_entry(&entry.alias, KeyStoreEntry::Certificate(certificate));
    }
    // PBES2 with AES-256 and HMAC-SHA-256: the default of Java since 8u301 and of OpenSSL 3.
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

fn cannot_write(_: CrateError) -> Error {
    Code::Internal.error("the PKCS#12 keystore cannot be encoded")
}

/// Opens a file with either password: our own writer uses the key password, keytool the store password for all of it.
/// Without passwords only what is not encrypted, or encrypted under the empty password, opens.
pub(super) fn open(bytes: &[u8], passwords: Option<&Passwords>) -> Result<KeystoreContents> {
    let envelope = Pkcs12Envelope::parse(bytes)?;
    let mut budget = Budget::default();
    if let Some(mac) = &envelope.mac {
        // The MAC is computed first, so its rounds count first. All costs are added before any password is tried.
        budget.spend(Cost::of_rounds(mac.rounds.into()))?;
    }
    let parts = envelope.safes.iter().map(|safe| Part::read(safe, &mut budget)).collect::<Result<Vec<_>>>()?;
    let file = File { parts, passwords, budget };
    // An absent password and an empty one are different for PKCS#12 key derivation; `Password::forms` returns both.
    let texts = match passwords {
        // Some files are encrypted under the empty password. They open without a question.
        None => vec![""],
        // Once, because each try costs all rounds of the key derivation.
        Some(both) if both.store == both.key => vec![both.store.reveal()],
        // keytool warns and then uses the store password for keys. Files of other programs use either one.
        Some(both) => vec![both.store.reveal(), both.key.reveal()],
    };
    let forms: Vec<Password<'_>> = texts.iter().flat_map(|text| Password::forms(text)).collect();
    if let Some(password) = forms.iter().find(|password| envelope.fits(**password)) {
        // The MAC has proved the password. A safe that still does not open is damaged or has another password.
        return file.open(*password, true);
    }
    // Without a password the MAC cannot be checked. The empty password is one: a file that is not encrypted at all would
    // otherwise open with it, whatever its MAC and its content are.
    if envelope.mac.is_some() && passwords.is_some() {
        return Err(wrong_password().because("its integrity check fails: another password, or a changed file"));
    }
    // Without a MAC the only proof of a password is that a safe decrypts to DER.
    let opened = first_success(forms.iter().map(|password| file.open(*password, false)));
    opened.unwrap_or_else(|| Err(wrong_password())).map_err(|error| match passwords {
        None if error.code() == Code::KeystorePassword => Code::KeystorePassword
            .error("the PKCS#12 keystore needs a password")
            .fix("give the password that the keystore was created with"),
        _ => error,
    })
}

/// The work that a file demands so far.
#[derive(Debug, Clone, Default)]
struct Budget {
    rounds: u64,
}

impl Budget {
    /// Refuses files that demand more work or memory than any honest one.
    fn spend(&mut self, cost: Cost) -> Result<()> {
        self.rounds = self.rounds.saturating_add(cost.rounds);
        // Saturating: the sum of hostile counts must not wrap to a small number.
        if cost.rounds > MAX_ROUNDS || self.rounds > MAX_TOTAL_ROUNDS || cost.memory > MAX_SCRYPT_MEMORY {
            return Err(unreadable("the PKCS#12 keystore demands an absurd amount of work")
                .because(format!("{} rounds of key derivation", self.rounds))
                .fix("export the keystore again with fewer iterations: 10,000 to 600,000 are usual"));
        }
        Ok(())
    }

    fn spend_on(&mut self, bags: &[Bag]) -> Result<()> {
        bags.iter().filter_map(open_key::cost).try_for_each(|cost| self.spend(cost))
    }
}

/// A part of the file that one password opens, or none.
enum Part<'a> {
    Plain(Vec<Bag>),
    Encrypted { scheme: Scheme<'a>, data: &'a [u8] },
}

impl<'a> Part<'a> {
    fn read(safe: &'a Safe, budget: &mut Budget) -> Result<Self> {
        match safe {
            Safe::Plain(contents) => {
                let bags = bags::read(contents).map_err(|_| damaged())?;
                budget.spend_on(&bags)?;
                Ok(Self::Plain(bags))
            }
            Safe::Encrypted { algorithm, data } => {
                // No password opens it, so this error comes before a password is requested.
                let scheme = Scheme::read(algorithm_of(algorithm)?)
                    .map_err(|algorithm| unsupported("the PKCS#12 keystore is encrypted with", &algorithm))?;
                budget.spend(scheme.cost())?;
                Ok(Self::Encrypted { scheme, data })
            }
        }
    }
}

/// A file whose parts are known and not yet opened.
struct File<'a> {
    parts: Vec<Part<'a>>,
    passwords: Option<&'a Passwords>,
    budget: Budget,
}

impl File<'_> {
    /// Opens what opens: safes with `password`, keys with any. `intact`: the MAC has been verified.
    fn open(&self, password: Password<'_>, intact: bool) -> Result<KeystoreContents> {
        // A copy, so that the work for the first password does not count for the second one.
        let mut budget = self.budget.clone();
        let mut opened = OpenedBags::default();
        let texts = self.passwords.map(|both| [both.key.reveal(), both.store.reveal()]).into_iter().flatten();
        // The password of the file first, because nearly all programs use one for everything.
        let keys = std::iter::once(password).chain(texts.flat_map(Password::forms)).collect::<Vec<_>>();
        for part in &self.parts {
            match part {
                Part::Plain(bags) => bags.iter().for_each(|bag| self.take(bag, &keys, &mut opened)),
                Part::Encrypted { scheme, data } => {
                    let plain = scheme.decrypt(password, data).and_then(|plain| crate::asn1::ber::to_der(&plain));
                    // CBC padding is right by chance in one of 256 cases, so success means that the result is also DER.
                    let bags = plain.and_then(|plain| bags::read(&plain).ok()).ok_or_else(|| shut_safe(intact))?;
                    // The bags of an encrypted safe, and what they cost, could not
                    // be seen when the file's cost was added up.
                    budget.spend_on(&bags)?;
                    bags.iter().for_each(|bag| self.take(bag, &keys, &mut opened));
                }
            }
        }
        chains::link(opened, intact)
    }

    fn take(&self, bag: &Bag, passwords: &[Password<'_>], opened: &mut OpenedBags) {
        let name = bag.name.clone();
        let key = match &bag.content {
            BagContent::Key(key) => Some(open_key::plain(key)),
            BagContent::ShroudedKey(info) => match open_key::shrouded(info, passwords) {
                // `inspect` without a password must show a locked key as locked, not as one with a wrong password.
                // Without a password it was not really tried.
                Err(_) if self.passwords.is_none() => None,
                key => Some(key),
            },
            BagContent::Certificate(der) => {
                let bag = CertificateBag { name, key_id: bag.key_id.clone(), trusted: bag.trusted, der: der.clone() };
                return opened.certificates.push(bag);
            }
            BagContent::Secret => return opened.secrets.push(name),
        };
        opened.keys.push(KeyBag { name, id: bag.key_id.clone(), key });
    }
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

/// Why a safe did not open. Until a MAC was verified, damage and a wrong password look alike.
fn shut_safe(intact: bool) -> Error {
    if intact {
        return unreadable("a part of the PKCS#12 keystore does not open with the password of the whole")
            .because("it has another password, or contains something other than keys and certificates")
            .fix("export the keystore again with one password for all of it");
    }
    wrong_password().because("it does not decrypt: another password, or a changed file")
}

#[cfg(test)]
mod tests;
