//! The files of an identity as a table: what they are called, and what is in them. Servers and devices have different
//! rows; everything else about files follows from the content of a row.

use std::path::Path;

use base::file::Mode;
use base::{Code, Result};
use pki::Certificate;
use pki::key::KeyFormat;
use pki::keystore::KeystoreFormat;

use crate::files::identity::IdentityView;
use crate::files::keystore::KeystorePlan;
use crate::files::output::{OutputFile, into_bytes, key_and_chain, pem_of};

/// The content of a file of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileContent {
    /// The private key, as PKCS#8 in PEM.
    Key,
    /// The private key and the chain behind it, in PEM.
    KeyAndChain {
        /// The form of the key.
        key: KeyFormat,
        /// True if the root is at the end.
        with_root: bool,
    },
    /// The leaf, in PEM.
    Leaf,
    /// The leaf, in DER.
    LeafDer,
    /// The leaf and the CAs above it, in PEM.
    Chain {
        /// True if the root is at the end.
        with_root: bool,
    },
    /// The trust anchors of the holder, in PEM.
    Anchors,
    /// Certificates that do not depend on the leaf, in PEM.
    Cas(Vec<Certificate>),
    /// The key, the chain, and what is trusted.
    Keystore(KeystoreFormat),
}

impl FileContent {
    /// True if the private key is in it.
    pub fn needs_key(&self) -> bool {
        matches!(self, Self::Key | Self::KeyAndChain { .. } | Self::Keystore(_))
    }

    /// True if its first certificate is the leaf.
    pub(crate) fn holds_leaf(&self) -> bool {
        matches!(self, Self::KeyAndChain { .. } | Self::Chain { .. } | Self::Leaf | Self::LeafDer)
    }

    /// True if trust anchors are in it. When these change, the file is written again, for the same leaf.
    pub fn follows_anchors(&self) -> bool {
        match self {
            // A root that is sent is one of the anchors.
            Self::KeyAndChain { with_root, .. } | Self::Chain { with_root } => *with_root,
            Self::Anchors | Self::Cas(_) | Self::Keystore(_) => true,
            Self::Key | Self::Leaf | Self::LeafDer => false,
        }
    }
}

/// A file of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// The name, in every directory that the file goes to.
    pub name: String,
    /// What is written into it.
    pub content: FileContent,
    /// False for a file that an identity can have and this one does not: an earlier generation may have left one.
    pub is_written: bool,
}

impl FileRow {
    /// A file that is written.
    pub fn written(name: impl Into<String>, content: FileContent) -> Self {
        Self { name: name.into(), content, is_written: true }
    }

    /// Who may read it.
    pub fn mode(&self) -> Mode {
        // Keystores are private although they are encrypted: their passwords can be tried at leisure.
        if self.content.needs_key() { Mode::Private } else { Mode::Public }
    }

    /// The format, if it is a keystore.
    pub fn keystore_format(&self) -> Option<KeystoreFormat> {
        match self.content {
            FileContent::Keystore(format) => Some(format),
            _ => None,
        }
    }

    /// The contents if they do not depend on the leaf, for an identity that trusts `anchors`.
    pub(crate) fn independent(&self, anchors: Option<&[Certificate]>) -> Option<String> {
        match &self.content {
            FileContent::Anchors => anchors.map(pem_of),
            FileContent::Cas(cas) => Some(pem_of(cas)),
            _ => None,
        }
    }
}

/// The files of an identity.
#[derive(Debug, Clone)]
pub struct FileTable {
    /// The files, the key first and the certificate right behind it: where they replace others one by one, that is the
    /// shortest moment in which they do not fit.
    pub(crate) rows: Vec<FileRow>,
    /// The name of the file from which the chain is read again.
    pub(crate) chain_file: String,
    /// The name of the file from which the key is read again; none if another party keeps the key.
    pub(crate) key_file: Option<String>,
    /// The content of keystores, once it is known.
    pub(crate) keystore: Option<KeystorePlan>,
}

impl FileTable {
    /// The files that are written, in their order.
    pub fn written(&self) -> impl Iterator<Item = &FileRow> {
        self.rows.iter().filter(|row| row.is_written)
    }

    /// A file of an identity.
    ///
    /// # Errors
    /// [`Code::Internal`] for a file whose key or keystore is not there, and errors of encoding.
    pub fn write(&self, row: &FileRow, held: &IdentityView<'_>) -> Result<OutputFile> {
        let name = row.name.clone();
        // A self-signed server is its own anchor, and must not be sent twice.
        let roots = |with_root: bool| held.anchors.iter().filter(move |anchor| with_root && *anchor != held.leaf);
        Ok(match &row.content {
            FileContent::Key => OutputFile::private(name, into_bytes(held.key()?.to_pem(KeyFormat::Pkcs8)?)),
            FileContent::KeyAndChain { key, with_root } => {
                OutputFile::private(name, key_and_chain(held.key()?, *key, held.chain().chain(roots(*with_root)))?)
            }
            FileContent::Leaf => OutputFile::public(name, held.leaf.to_pem()),
            FileContent::LeafDer => OutputFile::public(name, held.leaf.der()),
            FileContent::Chain { with_root } => OutputFile::public(name, pem_of(held.chain().chain(roots(*with_root)))),
            FileContent::Anchors => OutputFile::public(name, pem_of(held.anchors)),
            FileContent::Cas(cas) => OutputFile::public(name, pem_of(cas)),
            FileContent::Keystore(format) => {
                let plan = self.keystore.as_ref();
                let plan = plan.ok_or_else(|| Code::Internal.error("a keystore was not planned"))?;
                plan.file(name, *format, held)?
            }
        })
    }

    /// The files with the private key that `dir` holds, and that are not the one with the chain.
    pub(crate) fn with_key_in(&self, dir: &Path) -> impl Iterator<Item = &FileRow> {
        let of_key = self.rows.iter().filter(|row| row.content.needs_key() && row.name != self.chain_file);
        of_key.filter(|row| dir.join(&row.name).exists())
    }

    /// Adds the files that `dir` holds from earlier and that can be written. Whatever happens to an identity happens to
    /// all its files: a new generation leaves none of the old one behind.
    pub fn with_those_in(mut self, dir: &Path) -> Self {
        // Without the key here, keystores of an earlier identity cannot be written again.
        let holds_key = self.key_file.is_some();
        for row in self.rows.iter_mut().filter(|row| holds_key || !row.content.needs_key()) {
            row.is_written |= dir.join(&row.name).exists();
        }
        self
    }

    /// Fails with [`Code::Usage`] if a file needs the private key and another party keeps it.
    pub(crate) fn check_key(&self, holds_key: bool) -> Result<()> {
        match self.written().find(|row| !holds_key && row.content.needs_key()) {
            None => Ok(()),
            Some(row) => Err(Code::Usage
                .error(format!("{} needs the private key, which its holder keeps", row.name))
                .fix("leave this format out, or let tbpki make the key")),
        }
    }
}
