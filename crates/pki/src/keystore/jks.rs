//! The Java KeyStore format, as `KeyStore.getInstance("JKS")` of every Java reads and writes it.
//!
//! **It protects its keys badly.** A private key is XORed with a stream of chained SHA-1 values ([`protector`]), and the
//! file's integrity is one SHA-1 over the password and the content. There is no work factor: anyone who has the file
//! can try passwords as fast as SHA-1 goes, billions a second on one graphics card, so only a long random password
//! holds. Certificates, aliases and dates are not hidden at all. Write it for software that reads nothing else, keep
//! the file as private as a plain key, and prefer PKCS#12.
//!
//! Written by hand because the format is small, and a reader of outside files must limit every length and wipe every key.
//!
//! The layout was never published other than as Sun's source (`sun.security.provider.JavaKeyStore`). All numbers are
//! big-endian, `text` is a u16 length and that many bytes of Java's modified UTF-8, `bytes` a u32 length and the bytes:
//!
//! ```text
//! u32   0xFEEDFEED
//! u32   version: 2, or 1 in old files, whose certificates carry no type
//! u32   number of entries
//!       for each entry:
//! u32     1: private key                       2: trusted certificate
//! text    alias, in lower case                 the same
//! i64     created, milliseconds since 1970     the same
//! bytes   EncryptedPrivateKeyInfo              -
//! u32     number of certificates               -
//!         for each certificate, leaf first:    for the one certificate:
//! text      type, "X.509" (version 2 only)       the same
//! bytes     the certificate, DER                 the same
//! 20 bytes SHA-1(password in UTF-16BE, "Mighty Aphrodite", everything before)
//! ```

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base::{Code, Result, Secret};
use sha1::{Digest, Sha1};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::contents::{Body, KeystoreContents, KeystoreEntry, from_milliseconds, to_milliseconds};
use super::fault::{unreadable, wrong_password};
use super::{Keystore, Passwords};

mod data;
mod protector;

use data::{JksReader, JksWriter};

/// The first bytes of the format.
pub(super) const MAGIC: [u8; 4] = [0xfe, 0xed, 0xfe, 0xed];
const KEY: u32 = 1;
const TRUSTED: u32 = 2;
const CERTIFICATE_TYPE: &str = "X.509";
const DIGEST_LENGTH: usize = 20;

/// An entry as the file holds it.
struct Record {
    alias: String,
    /// Milliseconds since 1970.
    created: i64,
    body: RecordBody,
}

enum RecordBody {
    Key {
        /// An EncryptedPrivateKeyInfo.
        protected: Vec<u8>,
        chain: Vec<Vec<u8>>,
    },
    Trusted(Vec<u8>),
}

/// Writes version 2. Aliases are folded and bytes are checked already.
pub(super) fn write(keystore: &Keystore, passwords: &Passwords, created: OffsetDateTime) -> Result<Zeroizing<Vec<u8>>> {
    let random = SystemRandom::new();
    let created = to_milliseconds(created);
    let mut records = Vec::with_capacity(keystore.keys.len() + keystore.trusted.len());
    for entry in &keystore.keys {
        let mut salt = [0; protector::SALT_LENGTH];
        // A new salt for each key: the XOR of two keys under the same stream would reveal both.
        random.fill(&mut salt).map_err(|_| Code::Internal.error("the system's random generator failed"))?;
        let protected = protector::protect(&entry.key, &passwords.key, salt)?;
        let body = RecordBody::Key { protected, chain: entry.chain.clone() };
        records.push(Record { alias: entry.alias.clone(), created, body });
    }
    for entry in &keystore.trusted {
        let body = RecordBody::Trusted(entry.certificate.clone());
        records.push(Record { alias: entry.alias.clone(), created, body });
    }
    encode(&records, &passwords.store).map(Zeroizing::new)
}

/// Reads version 1 and 2. Without passwords the integrity is not checked and no key is opened.
pub(super) fn open(bytes: &[u8], passwords: Option<&Passwords>) -> Result<KeystoreContents> {
    let (records, content) = decode(bytes)?;
    // The digest is checked before keys are opened: a wrong store password then has its own error, and does not appear
    // as a damaged key.
    if let Some(passwords) = passwords
        && bytes.get(content.len()..) != Some(integrity(content, &passwords.store).as_slice())
    {
        return Err(wrong_password().because("its integrity check fails: another password, or a changed file"));
    }
    let entries = records
        .into_iter()
        .map(|record| {
            let body = match record.body {
                RecordBody::Key { protected, chain } => {
                    // A key that does not open keeps its error, so that `inspect` can still show the others.
                    Body::Key { key: passwords.map(|passwords| open_key(&protected, passwords)), chain }
                }
                RecordBody::Trusted(certificate) => Body::Trusted(certificate),
            };
            KeystoreEntry { alias: record.alias, created: from_milliseconds(record.created), body }
        })
        .collect();
    Ok(KeystoreContents { intact: passwords.is_some(), entries })
}

/// Opens a key with the key password, else with the store password: keytool makes them one unless told otherwise.
fn open_key(protected: &[u8], passwords: &Passwords) -> Result<Zeroizing<Vec<u8>>> {
    match protector::recover(protected, &passwords.key) {
        Err(error) if error.code() == Code::KeystorePassword => {
            // If neither fits, the error is about the key password: the store password was only a guess.
            protector::recover(protected, &passwords.store).map_err(|_| error)
        }
        result => result,
    }
}

fn encode(records: &[Record], password: &Secret) -> Result<Vec<u8>> {
    let mut writer = JksWriter::default();
    writer.bytes(&MAGIC);
    // Version 1 cannot name the type of a certificate, and no current Java writes it.
    writer.number(2);
    writer.count(records.len())?;
    for record in records {
        let Record { alias, created, body } = record;
        match body {
            RecordBody::Key { protected, chain } => {
                writer.number(KEY);
                writer.text(alias)?;
                writer.date(*created);
                writer.block(protected)?;
                writer.count(chain.len())?;
                for certificate in chain {
                    writer.text(CERTIFICATE_TYPE)?;
                    writer.block(certificate)?;
                }
            }
            RecordBody::Trusted(certificate) => {
                writer.number(TRUSTED);
                writer.text(alias)?;
                writer.date(*created);
                writer.text(CERTIFICATE_TYPE)?;
                writer.block(certificate)?;
            }
        }
    }
    let mut file = writer.finish();
    let digest = integrity(&file, password);
    file.extend_from_slice(&digest);
    Ok(file)
}

/// The records of a file and the part of it that its last 20 bytes guard.
///
/// The structure is read before any password is tried, so that a torn file is not taken for a wrong password.
fn decode(bytes: &[u8]) -> Result<(Vec<Record>, &[u8])> {
    let mut reader = JksReader::new(bytes);
    if reader.bytes(MAGIC.len())? != MAGIC {
        return Err(unreadable("this is not a JKS keystore"));
    }
    let version = reader.number()?;
    if !matches!(version, 1 | 2) {
        return Err(unreadable(format!("the JKS keystore is of version {version}; 1 and 2 are known")));
    }
    let typed = version == 2;
    // The counts are not believed: nothing is allocated by them, and the loops end with the bytes.
    // A file of a few bytes may claim billions of entries.
    let count = reader.number()?;
    let mut records = Vec::new();
    for _ in 0..count {
        let kind = reader.number()?;
        let alias = reader.text()?;
        let created = reader.date()?;
        let body = match kind {
            KEY => {
                let protected = reader.block()?.to_vec();
                let length = reader.number()?;
                let mut chain = Vec::new();
                for _ in 0..length {
                    chain.push(certificate(&mut reader, typed)?);
                }
                RecordBody::Key { protected, chain }
            }
            TRUSTED => RecordBody::Trusted(certificate(&mut reader, typed)?),
            _ => return Err(unreadable(format!("the JKS keystore holds an entry of the unknown kind {kind}"))),
        };
        records.push(Record { alias, created, body });
    }
    let content = reader.consumed();
    // The digest would not cover trailing bytes.
    if reader.rest().len() != DIGEST_LENGTH {
        return Err(unreadable("the JKS keystore does not end where its entries do"));
    }
    Ok((records, content))
}

fn certificate(reader: &mut JksReader<'_>, typed: bool) -> Result<Vec<u8>> {
    if typed {
        let kind = reader.text()?;
        // Java's format allows other types of certificates; tbpki reads X.509 alone.
        if kind != CERTIFICATE_TYPE {
            return Err(unreadable(format!("the JKS keystore holds a certificate of the unknown type {kind:?}")));
        }
    }
    reader.block().map(<[u8]>::to_vec)
}

fn integrity(content: &[u8], password: &Secret) -> [u8; DIGEST_LENGTH] {
    let mut digest = Sha1::new();
    digest.update(utf16(password).as_slice());
    // The words are part of the format: Sun's code contains them as a whitener, and every implementation must add them.
    digest.update(b"Mighty Aphrodite");
    digest.update(content);
    digest.finalize().into()
}

/// A password as both digests of the format take it.
fn utf16(password: &Secret) -> Zeroizing<Vec<u8>> {
    let text = password.reveal();
    // UTF-16 never has more units than UTF-8 has bytes; the room is there from the start, so that nothing is moved.
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * text.len()));
    for unit in text.encode_utf16() {
        bytes.extend_from_slice(&unit.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
