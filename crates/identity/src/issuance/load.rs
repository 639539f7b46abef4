//! The files of an identity that exists: in its directory in the store, or in the shard of a fleet.

use std::path::Path;

use base::{Code, Error, Result, file};
use ledger::{Entry, View};
use pki::identity::Identity;
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use store::ca::Ca;
use store::{FILE_LIMIT, at_another_station, identity_dir};

use super::{Issuance, first_in, is_same_path};
use crate::files::identity::IdentityView;

impl Issuance<'_> {
    /// The identity as it is in the store.
    ///
    /// # Errors
    /// [`Code::IdentityChanged`] where the certificate is not the one that the ledger knows, [`Code::KeyMismatch`].
    pub(crate) fn load(&self, store: &Path, ledger: &View, entry: &Entry) -> Result<Identity> {
        let dir = identity_dir(store, self.kind, self.name);
        let chain_path = dir.join(&self.files.chain_file);
        // After `client` was run once for a device of a fleet, its files in the store count, until the fleet is renewed.
        if entry.job.is_some() && !self.is_in_directory(&dir, ledger, entry)? {
            let located = store::shard::locate(store, ledger, entry)?;
            let key = located.key()?;
            if let (None, Some(file)) = (&key, &self.files.key_file) {
                return Err(self.lost(ledger, entry, &dir.join(file)));
            }
            return self.identity(key, located.chain().cloned().collect());
        }
        let chain = match file::read_optional(&chain_path, FILE_LIMIT)? {
            Some(bytes) => PemBundle::parse(&bytes).map_err(|error| error.at(&chain_path))?.certificates,
            None => self.chain_from_elsewhere(store, ledger, entry)?,
        };
        let chain = self.present_path(store, chain)?;
        let key = match &self.files.key_file {
            Some(file) => {
                let path = dir.join(file);
                let bytes = file::read_optional(&path, FILE_LIMIT)?;
                let bytes = bytes.ok_or_else(|| self.lost(ledger, entry, &path))?;
                Some(PrivateKey::from_pem_or_der(&bytes, None).map_err(|error| error.at(path))?)
            }
            None => None,
        };
        let identity = self.identity(key, chain).map_err(|error| error.at(&chain_path))?;
        let held = IdentityView::of(&identity);
        // The ledger decides which generation is in use, so that a restored backup of the files is detected.
        if entry.fingerprint != Some(held.leaf.fingerprint()) {
            return Err(Code::IdentityChanged
                .error("the certificate in the store is not the one that the ledger knows")
                .at(chain_path)
                .fix("restore the file from a backup, or use --force to issue a new generation"));
        }
        if let Ok(key) = held.key() {
            key.check_belongs_to(held.leaf.spki_der()).map_err(|error| error.at(dir))?;
        }
        Ok(identity)
    }

    /// Whether the directory of a device of a fleet has the files of this generation. It has not if they are of an earlier one,
    /// after which the fleet was renewed, and if it has other files alone, for example images.
    fn is_in_directory(&self, dir: &Path, ledger: &View, entry: &Entry) -> Result<bool> {
        let leaves = self.leaves_in(dir);
        if leaves.iter().any(|leaf| entry.fingerprint == Some(leaf.fingerprint())) {
            // The shard may still have a key that is lost here.
            return Ok(self.files.key_file.as_ref().is_none_or(|file| dir.join(file).exists()));
        }
        Ok(!self.are_earlier(&leaves, ledger, entry)?)
    }

    /// Whether a directory has certificates of the identity, and all of them are of earlier generations.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn is_behind(&self, dir: &Path, ledger: &View, entry: &Entry) -> Result<bool> {
        let leaves = self.leaves_in(dir);
        Ok(!leaves.is_empty() && self.are_earlier(&leaves, ledger, entry)?)
    }

    fn are_earlier(&self, leaves: &[Certificate], ledger: &View, entry: &Entry) -> Result<bool> {
        if leaves.is_empty() {
            return Ok(true);
        }
        let history = ledger.history(self.kind, self.name)?;
        let earlier = || history.iter().filter(|row| row.generation() < entry.generation());
        Ok(leaves.iter().all(|leaf| earlier().any(|row| row.fingerprint == Some(leaf.fingerprint()))))
    }

    /// The leaves in the files of a directory. A file that cannot be read shows up when it is wanted itself.
    fn leaves_in(&self, dir: &Path) -> Vec<Certificate> {
        let rows = self.files.written().filter(|row| row.keystore_format().is_none() && row.content.holds_leaf());
        rows.filter_map(|row| first_in(&dir.join(&row.name)).ok().flatten()).collect()
    }

    /// The error for a file that is gone, of which nothing else holds the contents.
    fn lost(&self, ledger: &View, entry: &Entry, path: &Path) -> Error {
        at_another_station(ledger, entry).unwrap_or_else(|| {
            Code::FileUnreadable
                .error("this file of the identity is gone")
                .at(path)
                .fix("restore it from a backup, or use --force to issue a new generation")
        })
    }

    /// The chain with the certificate that its issuing CA has now: after a rollover of the root, the same key has another.
    fn present_path(&self, store: &Path, chain: Vec<Certificate>) -> Result<Vec<Certificate>> {
        // The platform knows the CA of a profile by the hash of one certificate, so that path never changes.
        let ca = Ca::named(self.issuer_name).filter(|ca| ca.profile().is_none());
        let (Some(leaf), Some(ca)) = (chain.first(), ca) else {
            return Ok(chain);
        };
        let mut present = vec![leaf.clone()];
        present.extend(ca.issuer_of(store, leaf)?.into_iter().filter(|ca| !ca.is_root()));
        Ok(if is_same_path(&chain, &present) { present } else { chain })
    }

    /// The chain of an identity that has lost the file with it: the leaf, as other files still hold it, and its CA.
    fn chain_from_elsewhere(&self, store: &Path, ledger: &View, entry: &Entry) -> Result<Vec<Certificate>> {
        let dir = identity_dir(store, self.kind, self.name);
        let mut leaf = None;
        for row in self.files.written().filter(|row| row.keystore_format().is_none()) {
            // A file that is damaged as well is no help, and shows up when it is wanted itself.
            let Some(bytes) = file::read_optional(dir.join(&row.name), FILE_LIMIT)? else { continue };
            let first = PemBundle::parse(&bytes).ok().and_then(|bundle| bundle.certificates.into_iter().next());
            leaf = leaf.or(first.filter(|first| entry.fingerprint == Some(first.fingerprint())));
        }
        let leaf = leaf.ok_or_else(|| self.lost(ledger, entry, &dir.join(&self.files.chain_file)))?;
        let above = match Ca::named(self.issuer_name) {
            Some(ca) => ca.issuer_of(store, &leaf)?,
            None => Vec::new(),
        };
        Ok(std::iter::once(leaf).chain(above).collect())
    }
}
