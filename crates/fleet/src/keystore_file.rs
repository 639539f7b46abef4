//! The keystore of an identity, in either format.

use pki::keystore::{Format, KeyEntry, Keystore, Passwords, TrustedEntry};
use pki::{Certificate, Result};
use time::OffsetDateTime;

use crate::identity_files::Held;
use crate::output_file::OutputFile;

/// What a keystore holds besides the key and its chain, and how it is closed.
#[derive(Debug, Clone)]
pub(crate) struct KeystorePlan {
    /// The alias of the key.
    pub(crate) alias: String,
    /// The certificates that are trusted, each with its alias.
    pub(crate) trusted: Vec<(String, Certificate)>,
    /// The passwords of store and key.
    pub(crate) passwords: Passwords,
    /// The date that the entries carry.
    pub(crate) created: OffsetDateTime,
}

impl KeystorePlan {
    /// The keystore with the identity's key and chain.
    pub(crate) fn file(&self, name: String, format: Format, held: &Held<'_>) -> Result<OutputFile> {
        let keystore = Keystore {
            keys: vec![KeyEntry {
                alias: self.alias.clone(),
                key: held.key()?.to_pkcs8_der(),
                chain: held.chain().map(|certificate| certificate.der().to_vec()).collect(),
            }],
            trusted: self
                .trusted
                .iter()
                .map(|(alias, certificate)| TrustedEntry {
                    alias: alias.clone(),
                    certificate: certificate.der().to_vec(),
                })
                .collect(),
        };
        let bytes = keystore.write(format, &self.passwords, self.created).map_err(|error| error.item(&name))?;
        Ok(OutputFile::private(name, bytes))
    }
}
