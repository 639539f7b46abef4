//! The keystore of an identity, in either format.

use base::Result;
use pki::Certificate;
use pki::keystore::{KeyEntry, Keystore, KeystoreFormat, Passwords, TrustedEntry, effective_passwords};
use time::OffsetDateTime;

use crate::files::identity::IdentityView;
use crate::files::output::OutputFile;

/// The content of a keystore besides the key and its chain, and its encryption.
#[derive(Debug, Clone)]
pub struct KeystorePlan {
    /// The alias of the key.
    pub alias: String,
    /// The certificates that are trusted, each with its alias.
    pub trusted: Vec<(String, Certificate)>,
    /// The passwords of keystore and key.
    pub passwords: Passwords,
    /// The date that the entries carry.
    pub created: OffsetDateTime,
}

impl KeystorePlan {
    /// The keystore with the identity's key and chain.
    pub fn file(&self, name: String, format: KeystoreFormat, held: &IdentityView<'_>) -> Result<OutputFile> {
        let keystore = self.keystore(held)?;
        let bytes = keystore.write(format, &self.passwords, self.created).map_err(|error| error.item(&name))?;
        Ok(OutputFile::private(name, bytes))
    }

    /// Whether this is such a keystore: it opens with these passwords and holds these entries. Keystores are salted, so
    /// that two of the same contents have different bytes.
    pub fn is_kept_in(&self, bytes: &[u8], format: KeystoreFormat, held: &IdentityView<'_>) -> Result<bool> {
        if KeystoreFormat::detect(bytes) != Some(format) {
            return Ok(false);
        }
        // A PKCS#12 file was closed with the key's password alone, whatever was asked for the store.
        let (passwords, _) = effective_passwords(format, &self.passwords);
        let wanted = sorted(self.keystore(held)?);
        Ok(Keystore::read(bytes, &passwords).is_ok_and(|found| sorted(found) == wanted))
    }

    fn keystore(&self, held: &IdentityView<'_>) -> Result<Keystore> {
        Ok(Keystore {
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
        })
    }
}

/// The entries in an order of their own, under aliases as readers fold them.
fn sorted(mut keystore: Keystore) -> Keystore {
    keystore.keys.iter_mut().for_each(|entry| entry.alias.make_ascii_lowercase());
    keystore.trusted.iter_mut().for_each(|entry| entry.alias.make_ascii_lowercase());
    keystore.keys.sort_by(|one, other| one.alias.cmp(&other.alias));
    keystore.trusted.sort_by(|one, other| one.alias.cmp(&other.alias));
    keystore
}
