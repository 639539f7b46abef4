//! The table of contents of a keystore, which needs less than its keys do.

use base::{Finding, Result};
use time::OffsetDateTime;

use super::contents::Body;
use super::{KeystoreFormat, Passwords, open};

/// The entries of a keystore, without the keys themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The format of the content, which the file's name need not match.
    pub format: KeystoreFormat,
    /// True if the file's own integrity check was done. It is not done without a password, and some PKCS#12 have none.
    pub intact: bool,
    /// The entries, in the order of the file.
    pub entries: Vec<ListedEntry>,
}

/// One entry of a [`Listing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// The name as the file has it, control characters included; a running number where a PKCS#12 names none, as in Java.
    pub alias: String,
    /// The time of its creation, if the file has it: JKS does, Java's PKCS#12 does for keys.
    pub created: Option<OffsetDateTime>,
    /// The kind of the entry.
    pub kind: EntryKind,
    /// A key's chain, leaf first, or the one certificate. DER.
    pub certificates: Vec<Vec<u8>>,
}

/// The kind of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A private key with its chain.
    Key(KeyState),
    /// A trusted certificate.
    Trusted,
    /// A certificate of a PKCS#12 that belongs to none of its keys and is not marked as trusted: Java overlooks it.
    Certificate,
    /// A symmetric key or a text.
    Secret,
}

/// The state of a private key: open, locked or absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// It does, with one of the passwords.
    Opens,
    /// No password was given.
    NotTried,
    /// It does not, and this is why.
    Shut(Finding),
}

/// Lists a keystore of either format. A wrong key password shows in the entry ([`KeyState::Shut`]) and fails nothing;
/// without any password a JKS is listed, and a PKCS#12 whose certificates are not encrypted.
///
/// # Errors
/// [`Code::KeystoreUnreadable`](base::Code::KeystoreUnreadable) for what is no keystore or is damaged,
/// [`Code::KeystorePassword`](base::Code::KeystorePassword) for a wrong store password, or none where one is needed.
pub fn list(bytes: &[u8], passwords: Option<&Passwords>) -> Result<Listing> {
    let (format, contents) = open(bytes, passwords)?;
    let entries = contents
        .entries
        .into_iter()
        .map(|entry| {
            let (kind, certificates) = match entry.body {
                Body::Key { key, chain } => (EntryKind::Key(KeyState::of(key)), chain),
                Body::Trusted(certificate) => (EntryKind::Trusted, vec![certificate]),
                Body::Certificate(certificate) => (EntryKind::Certificate, vec![certificate]),
                Body::Secret => (EntryKind::Secret, Vec::new()),
            };
            ListedEntry { alias: entry.alias, created: entry.created, kind, certificates }
        })
        .collect();
    Ok(Listing { format, intact: contents.intact, entries })
}

impl KeyState {
    fn of<T>(key: Option<Result<T>>) -> Self {
        match key {
            None => Self::NotTried,
            // The key is dropped, and wiped, here: a listing only shows that it opened.
            Some(Ok(_)) => Self::Opens,
            Some(Err(error)) => Self::Shut(error.into_finding()),
        }
    }
}
