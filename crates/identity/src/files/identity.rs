//! The common part of the files of servers and of devices.

use std::path::Path;

use base::file::Mode;
use base::{Code, Result};
use pki::identity::Identity;
use pki::keystore::KeystoreFormat;
use pki::{Certificate, PrivateKey};

use crate::files::keystore::KeystorePlan;
use crate::files::output::OutputFile;

/// The files of one kind of identity: which there are, what they are called, and what is in them.
pub trait IdentityFiles {
    /// Names one of the files.
    type File: Copy + PartialEq;

    /// The files, the key first and the certificate right behind it: where they replace others one by one, that
    /// is the shortest moment in which they do not fit.
    fn list(&self) -> Vec<Self::File>;

    /// What a file is called.
    fn name(&self, file: Self::File) -> String;

    /// Writes a file of an identity.
    fn write(&self, file: Self::File, held: &IdentityView<'_>) -> Result<OutputFile>;

    /// The contents of a file that does not depend on the leaf, for an identity that trusts `anchors`.
    fn independent(&self, file: Self::File, anchors: Option<&[Certificate]>) -> Option<String>;

    /// True if a file holds trust anchors. When these change, the file is written again, for the same leaf.
    fn follows_anchors(&self, file: Self::File) -> bool;

    /// True if a file holds the private key.
    fn needs_key(&self, file: Self::File) -> bool;

    /// Every file that holds the private key of an identity whose key is ours.
    fn of_our_key(&self) -> Vec<Self::File>;

    /// The file from which the key is read again, where it is ours.
    fn key_file(&self) -> Option<Self::File>;

    /// The file from which the chain is read again.
    fn chain_file(&self) -> Self::File;

    /// The format of a file that is a keystore.
    fn keystore_format(&self, file: Self::File) -> Option<KeystoreFormat>;

    /// The content of keystores, once it is known.
    fn keystore(&self) -> Option<&KeystorePlan>;

    /// Sets the content of keystores.
    fn set_keystore(&mut self, plan: KeystorePlan);

    /// Writes a keystore.
    fn write_keystore(&self, name: String, format: KeystoreFormat, held: &IdentityView<'_>) -> Result<OutputFile> {
        let plan = self.keystore().ok_or_else(|| Code::Internal.error("a keystore was not planned"))?;
        plan.file(name, format, held)
    }

    /// Those of `formats` of which `dir` holds a file already. Whatever happens to an identity happens to all its
    /// files: a new generation leaves none of the old one behind.
    fn present_in(&self, dir: &Path, formats: impl IntoIterator<Item = Self::File>) -> Vec<Self::File> {
        formats.into_iter().filter(|file| dir.join(self.name(*file)).exists()).collect()
    }

    /// Who may read a file.
    fn mode(&self, file: Self::File) -> Mode {
        // Keystores are private although they are encrypted: their passwords can be tried at leisure.
        if self.needs_key(file) { Mode::Private } else { Mode::Public }
    }

    /// Fails with [`Code::Usage`] if a file needs the private key and another party keeps it.
    fn check_key(&self, holds_key: bool) -> Result<()> {
        match self.list().into_iter().find(|file| !holds_key && self.needs_key(*file)) {
            None => Ok(()),
            Some(file) => Err(Code::Usage
                .error(format!("{} needs the private key, which its holder keeps", self.name(file)))
                .fix("leave this format out, or let tbpki make the key")),
        }
    }
}

/// An identity with a certificate, taken apart for those who write its files.
#[derive(Debug, Clone, Copy)]
pub struct IdentityView<'a> {
    key: Option<&'a PrivateKey>,
    /// The certificate.
    pub leaf: &'a Certificate,
    /// The CAs between the leaf and its root.
    pub intermediates: &'a [Certificate],
    /// The trust anchors of the holder.
    pub anchors: &'a [Certificate],
}

impl<'a> IdentityView<'a> {
    /// A view of an identity.
    pub fn of(identity: &'a Identity) -> Self {
        let x509 = &identity.x509;
        Self {
            key: x509.key.as_ref(),
            leaf: &x509.leaf,
            intermediates: &x509.intermediates,
            anchors: &identity.anchors,
        }
    }

    /// The private key.
    pub fn key(&self) -> Result<&'a PrivateKey> {
        self.key.ok_or_else(|| Code::Internal.error("a file with a key was planned for an identity without one"))
    }

    /// The leaf and the CAs above it, without the root.
    pub fn chain(&self) -> impl Iterator<Item = &'a Certificate> {
        std::iter::once(self.leaf).chain(self.intermediates)
    }
}
