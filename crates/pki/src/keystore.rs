//! Keystores: PKCS#12 (RFC 7292) and JKS, as Java, ThingsBoard and OpenSSL open them.
//!
//! A [`Keystore`] holds private keys with their chains and trusted certificates, each under an alias. Java folds
//! aliases to lower case, so that is how they are written.
//!
//! Two passwords guard a JKS: one its integrity, one its keys. PKCS#12 in Java's hands knows one password, so the key
//! password is used for all of it ([`effective_passwords`]), as the old scripts did.

use std::fmt;

use base::text::quote;
use base::{Code, Finding, Result, Secret};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::asn1::blocks::{blocks, looks_like_pem};
use crate::foreign;

mod alias;
mod contents;
mod fault;
mod jks;
mod listing;
pub mod password;
mod pkcs12;

use contents::{Body, KeystoreContents};
pub use listing::{EntryKind, KeyState, ListedEntry, Listing, list};

/// The file formats of keystores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeystoreFormat {
    /// PKCS#12 (RFC 7292), `.p12` and `.pfx`; what keytool of Java 9 and later writes under any name.
    Pkcs12,
    /// The format of Sun's JKS provider, which `KeyStore.getInstance("JKS")` opens. Weak: see [`jks_weak`].
    Jks,
}

impl KeystoreFormat {
    /// Tells the format by the first bytes, whatever the file is called. `None` is neither; a format is no promise that
    /// the rest can be read.
    pub fn detect(bytes: &[u8]) -> Option<Self> {
        // JKS has a magic number and is asked first; PKCS #12 is recognized by its structure alone.
        if bytes.starts_with(&jks::MAGIC) {
            Some(Self::Jks)
        } else if pkcs12::looks_like(bytes) {
            Some(Self::Pkcs12)
        } else {
            None
        }
    }

    fn recognize(bytes: &[u8]) -> Result<Self> {
        Self::detect(bytes).ok_or_else(|| match foreign::recognize(bytes) {
            Some(kind) => kind.error(),
            None => {
                let error = Code::KeystoreUnreadable
                    .error("this is neither PKCS#12 nor JKS")
                    .fix("name a keystore: a .p12, .pfx or .jks file");
                if looks_like_pem(bytes) { error.because("it is PEM") } else { error }
            }
        })
    }
}

/// The octets of a keystore, if the file is one: PKCS#12 or JKS, or PKCS#12 in a PEM block, as `certtool --to-p12` writes
/// it without `--outder`. Other programs have other labels for it, and no program reads it by the label.
pub fn find_keystore(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if KeystoreFormat::detect(bytes).is_some() {
        return Some(bytes.to_vec().into());
    }
    match looks_like_pem(bytes).then(|| blocks(bytes).ok()).flatten()?.as_slice() {
        [block] if block.label == "PKCS12" || pkcs12::looks_like(&block.der) => Some(block.der.clone()),
        _ => None,
    }
}

impl fmt::Display for KeystoreFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pkcs12 => "PKCS#12",
            Self::Jks => "JKS",
        })
    }
}

/// The two passwords of a keystore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passwords {
    /// Guards the integrity of the whole.
    pub store: Secret,
    /// Guards the private keys.
    pub key: Secret,
}

impl Passwords {
    /// One password for both purposes.
    pub fn same(password: Secret) -> Self {
        Self { store: password.clone(), key: password }
    }
}

/// A private key and the certificates that go with it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// The name of the entry.
    pub alias: String,
    /// The key as unencrypted PKCS#8 DER (RFC 5208; version 1, since OpenSSL 3.0 and Python refuse version 2).
    pub key: Zeroizing<Vec<u8>>,
    /// The certificates as DER, the leaf first, each followed by its issuer. Only a file made elsewhere has none.
    pub chain: Vec<Vec<u8>>,
}

impl fmt::Debug for KeyEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyEntry").field("alias", &self.alias).field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

/// A certificate that the owner of the keystore trusts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedEntry {
    /// The name of the entry.
    pub alias: String,
    /// The certificate as DER.
    pub certificate: Vec<u8>,
}

/// The content of a keystore.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keystore {
    /// Private keys with their chains.
    pub keys: Vec<KeyEntry>,
    /// Trusted certificates. A keystore of these alone is called a truststore.
    pub trusted: Vec<TrustedEntry>,
}

impl Keystore {
    /// Writes the keystore. PKCS#12: AES-256-CBC with a key from PBKDF2-HMAC-SHA256 and an HMAC-SHA256 over all, 10,000
    /// iterations each, entries sorted by alias. JKS: version 2.
    ///
    /// `created` becomes the creation date of the entries, to the millisecond. Aliases are folded to lower case.
    ///
    /// # Errors
    /// [`Code::PasswordTooShort`] and [`Code::PasswordAlphabet`] for passwords that not every reader accepts,
    /// [`Code::NameEmpty`], [`Code::NameTooLong`] and [`Code::NameAlphabet`] for aliases that a format cannot hold,
    /// [`Code::AliasTaken`] for two that fold to one, [`Code::KeyUnreadable`] and [`Code::CertificateUnreadable`] for
    /// bytes that are not what they should be.
    pub fn write(
        &self,
        format: KeystoreFormat,
        passwords: &Passwords,
        created: OffsetDateTime,
    ) -> Result<Zeroizing<Vec<u8>>> {
        // First: the password that is really used is the one that is checked.
        let (passwords, _) = effective_passwords(format, passwords);
        password::check(&passwords.store, "store password")?;
        password::check(&passwords.key, "key password")?;
        // Java folds aliases: two that differ only in case would overwrite each other there.
        let folded = alias::fold_all(self)?;
        folded.check_bytes()?;
        match format {
            KeystoreFormat::Pkcs12 => pkcs12::write(&folded, &passwords.key, created),
            KeystoreFormat::Jks => jks::write(&folded, &passwords, created),
        }
    }

    /// Reads a keystore of either format; the format is told by the content. Every key has to open.
    ///
    /// The key password may differ from the store password in PKCS#12 too: few programs write such files, Java reads
    /// them. What neither has a key nor is trusted is left out; [`list`] shows it, and
    /// [`read_with_others`](Self::read_with_others) returns it.
    ///
    /// # Errors
    /// [`Code::KeystoreUnreadable`] for what is no keystore or is damaged, [`Code::UnsupportedEncryption`] for algorithms that
    /// are not read, [`Code::ForeignFormat`] for keystores of other formats, [`Code::KeystorePassword`] for a wrong password; it names the entry when only the key password is wrong.
    pub fn read(bytes: &[u8], passwords: &Passwords) -> Result<Self> {
        Self::read_with_others(bytes, passwords).map(|(keystore, _)| keystore)
    }

    /// As [`read`](Self::read), with the certificates that belong to no key and are not trusted, as DER: a root that the
    /// file has and that its chains do not reach, for example.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_with_others(bytes: &[u8], passwords: &Passwords) -> Result<(Self, Vec<Vec<u8>>)> {
        open(bytes, Some(passwords)).and_then(|(_, contents)| Self::of_contents(contents))
    }

    /// What opens without any password. Its integrity is not checked.
    pub(crate) fn read_without_password(bytes: &[u8]) -> Result<Self> {
        let (_, contents) = open(bytes, None)?;
        Self::of_contents(contents).map(|(keystore, _)| keystore)
    }

    fn of_contents(contents: KeystoreContents) -> Result<(Self, Vec<Vec<u8>>)> {
        let (mut keystore, mut others) = (Self::default(), Vec::new());
        for entry in contents.entries {
            let alias = entry.alias;
            match entry.body {
                Body::Key { key: Some(Ok(key)), chain } => keystore.keys.push(KeyEntry { alias, key, chain }),
                Body::Key { key: Some(Err(error)), .. } => return Err(error.item(alias::shown(&alias))),
                // A keystore may open with one password and protect its key with another (JKS).
                Body::Key { key: None, .. } => return Err(fault::wrong_password().item(alias::shown(&alias))),
                Body::Trusted(certificate) => keystore.trusted.push(TrustedEntry { alias, certificate }),
                Body::Certificate(certificate) => others.push(certificate),
                // Symmetric keys and the like have no place in an identity.
                Body::Secret => {}
            }
        }
        Ok((keystore, others))
    }

    /// The key entry of this alias, whose case does not matter; without an alias the only one.
    ///
    /// # Errors
    /// [`Code::EntryMissing`] when there is none, or when there are several and no alias chooses.
    pub fn key(&self, alias: Option<&str>) -> Result<&KeyEntry> {
        let aliases = || self.keys.iter().map(|entry| alias::shown(&entry.alias)).collect::<Vec<_>>().join(", ");
        match (alias, self.keys.as_slice()) {
            (_, []) => Err(Code::EntryMissing.error("the keystore contains no private key")),
            (None, [entry]) => Ok(entry),
            (None, _) => Err(Code::EntryMissing
                .error("the keystore contains several private keys")
                .fix(format!("choose one by its alias: {}", aliases()))),
            (Some(alias), entries) => {
                // Java compares aliases without case.
                entries.iter().find(|entry| alias::fold(&entry.alias) == alias::fold(alias)).ok_or_else(|| {
                    Code::EntryMissing
                        .error(format!("the keystore contains no private key of the alias {}", quote(alias)))
                        .fix(format!("it holds: {}", aliases()))
                })
            }
        }
    }

    /// Refuses what cannot be read back: keys that are not PKCS#8, certificates that are not X.509, keys without a chain.
    fn check_bytes(&self) -> Result<()> {
        let certificate = |alias: &str, der: &[u8]| match x509_parser::parse_x509_certificate(der) {
            // Nothing may follow the certificate: readers differ in what they make of a rest.
            Ok(([], _)) => Ok(()),
            _ => Err(Code::CertificateUnreadable
                .error("this is not one X.509 certificate in DER")
                .item(alias)
                .fix("export the keystore again, with X.509 certificates only")),
        };
        for KeyEntry { alias, key, chain } in &self.keys {
            // A broken entry would make a keystore that only its reader finds fault with.
            pkcs8::PrivateKeyInfoRef::try_from(key.as_slice()).map_err(|error| {
                Code::KeyUnreadable.error("this is not a key in PKCS#8").item(alias).with_source(error)
            })?;
            if chain.is_empty() {
                return Err(Code::CertificateUnreadable
                    .error("a key entry needs the key's certificate")
                    .item(alias)
                    .fix("export the keystore again, with the certificate of the key"));
            }
            chain.iter().try_for_each(|der| certificate(alias, der))?;
        }
        self.trusted.iter().try_for_each(|entry| certificate(&entry.alias, &entry.certificate))
    }
}

/// The passwords that a keystore of this format really gets, and a warning if they are not the given ones: PKCS#12 gets
/// the key password for both, since Java tries one password on all of it.
pub fn effective_passwords(format: KeystoreFormat, passwords: &Passwords) -> (Passwords, Option<Finding>) {
    if format == KeystoreFormat::Jks || passwords.store == passwords.key {
        return (passwords.clone(), None);
    }
    let finding = Code::KeyPasswordDiffers
        .warning("the PKCS#12 keystore opens with the password of its key, not with the keystore's own")
        .because("PKCS#12 has only one password")
        .fix("give both passwords the same value, or use JKS where they have to differ");
    (Passwords::same(passwords.key.clone()), Some(finding))
}

/// A warning for a key that not every Java can take out of a keystore.
pub fn algorithm_warning(algorithm: Algorithm) -> Option<Finding> {
    (algorithm == Algorithm::Ed25519).then(|| {
        Code::AlgorithmSupport
            .warning("Java before version 15 cannot use the Ed25519 key of this keystore")
            .fix("use ec-p256 where an older Java has to open it")
    })
}

/// The note that goes with every JKS that is written.
pub fn jks_weak() -> Finding {
    Code::JksWeak
        .note("the JKS keystore protects its keys badly")
        .because("it hides them by a single round of SHA-1")
        .fix("prefer PKCS#12, and keep the file as private as a plain key")
}

/// Opens either format, with whatever the passwords open. `None` looks at what needs no password.
fn open(bytes: &[u8], passwords: Option<&Passwords>) -> Result<(KeystoreFormat, KeystoreContents)> {
    let format = KeystoreFormat::recognize(bytes)?;
    let contents = match format {
        KeystoreFormat::Pkcs12 => pkcs12::open(bytes, passwords)?,
        KeystoreFormat::Jks => jks::open(bytes, passwords)?,
    };
    Ok((format, contents))
}

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
