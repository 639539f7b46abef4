//! An imported CA, read from files in any order.

use std::path::PathBuf;

use base::{Code, Result, file};
use pki::ancestry::chains_of_key;
use pki::chain_period::ChainPeriod;
use pki::key::{PublicKey, is_same_key};
use pki::keystore::find_keystore;
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use time::OffsetDateTime;

use store::FILE_LIMIT;
use store::secrets::imported_keystore::{self, AskForImported, ImportedSecret};
use store::secrets::open_with;

/// A CA's key with its chains up to a root.
#[derive(Debug)]
pub struct ImportedCa {
    /// The certificate that the key belongs to, those above it, and the root last. More than one chain if the CA has several
    /// certificates or issuers; the first one is the best.
    pub(crate) chains: Vec<Vec<Certificate>>,
    /// The private key; none where a token keeps it.
    pub(crate) key: Option<PrivateKey>,
}

/// The content of all files together.
#[derive(Default)]
struct Found {
    certificates: Vec<Certificate>,
    keys: Vec<PrivateKey>,
}

impl ImportedCa {
    /// Reads certificate, chain and key from PEM, DER, PKCS#7, PKCS#12 or JKS files in any order. Files without a key are those of a CA
    /// whose key is `in_token`.
    ///
    /// # Errors
    /// [`Code::IssuerExpired`], those of [`chains_of_key`], and what the files themselves can be wrong about.
    pub fn read(
        paths: &[PathBuf],
        ask: &mut AskForImported<'_>,
        now: OffsetDateTime,
        in_token: Option<&PublicKey>,
    ) -> Result<Self> {
        let mut found = Found::default();
        for path in paths {
            found.read(path, ask).map_err(|error| error.at(path))?;
        }
        let imported = found.assemble(in_token, now)?;
        // Only the best chain has to hold now; the others are for verifiers that lack its root.
        if let Some(chain) = imported.chains.first() {
            let is_valid = ChainPeriod::of(chain)?.check_issuing(now);
            is_valid.map_err(|error| match error.code() {
                // The CA is not in a store yet, so that no command can replace it.
                Code::IssuerExpired if chain.iter().any(|ca| ca.not_after() < now) => error
                    .fix("bring certificates of this CA, and of those above it, that are valid: their owner has them"),
                _ => error,
            })?;
        }
        Ok(imported)
    }

    /// True if the key is that of a root.
    pub(crate) fn is_root(&self) -> bool {
        self.chains.first().is_some_and(|chain| chain.len() == 1)
    }
}

impl Found {
    fn read(&mut self, path: &PathBuf, ask: &mut AskForImported<'_>) -> Result<()> {
        let bytes = file::read_secret(path, FILE_LIMIT)?;
        if let Some(keystore) = find_keystore(&bytes) {
            let (keystore, others) = imported_keystore::open(&keystore, ask)?;
            for entry in keystore.keys {
                self.keys.push(PrivateKey::from_pkcs8_der(&entry.key)?);
                self.take(&entry.chain)?;
            }
            let trusted: Vec<Vec<u8>> = keystore.trusted.into_iter().map(|entry| entry.certificate).collect();
            self.take(&trusted)?;
            // Some tools put the CAs above the key's certificate as loose certificates into PKCS #12.
            return self.take(&others);
        }
        let bundle = PemBundle::parse(&bytes)?;
        for key in &bundle.keys {
            let opened = match key.open(None) {
                Err(error) if error.code() == Code::KeyEncrypted => {
                    let mut passphrase = |again| ask(ImportedSecret::Passphrase, again);
                    open_with(&mut passphrase, &mut |secret| key.open(Some(secret)))
                }
                other => other,
            };
            self.keys.push(opened?);
        }
        self.certificates.extend(bundle.certificates);
        Ok(())
    }

    fn take(&mut self, certificates: &[Vec<u8>]) -> Result<()> {
        for der in certificates {
            self.certificates.push(Certificate::from_der(der)?);
        }
        Ok(())
    }

    fn assemble(mut self, in_token: Option<&PublicKey>, now: OffsetDateTime) -> Result<ImportedCa> {
        // A keystore and a file often have the same key, which is no second one.
        let mut distinct: Vec<PrivateKey> = Vec::new();
        for key in std::mem::take(&mut self.keys) {
            if !distinct.iter().any(|known| is_same_key(known.spki_der(), key.spki_der())) {
                distinct.push(key);
            }
        }
        self.keys = distinct;
        // With one key it is certain which CA is meant.
        let key = match (self.keys.pop(), self.keys.is_empty()) {
            (Some(key), true) => Some(key),
            (None, _) if in_token.is_some() => None,
            (None, _) => {
                return Err(Code::KeyUnreadable
                    .error("the files of the CA contain no private key")
                    .fix("name the file with its key, too; for a key in a token, use --devices-key"));
            }
            (Some(_), false) => {
                return Err(Code::KeyUnreadable
                    .error("the files of the CA contain more than one key")
                    .because(format!("there are {} of them, and each could be that of a CA", self.keys.len() + 1))
                    .fix("name the files of one CA alone; from a keystore, take its entry with `keytool -importkeystore -srckeystore OLD -srcalias NAME \
                         -destkeystore NEW.p12`"));
            }
        };
        let spki = key.as_ref().map(PrivateKey::spki_der).or(in_token.map(PublicKey::spki_der)).unwrap_or_default();
        Ok(ImportedCa { chains: chains_of_key(spki, &self.certificates, now)?, key })
    }
}
