//! The files of a server's identity.

use std::path::Path;

use base::Result;
use config::ServerFormat;
use pki::Certificate;
use pki::key::KeyFormat;
use pki::keystore::KeystoreFormat;

use store::file_names::CA_FILE;

use crate::files::identity::{IdentityFiles, IdentityView};
use crate::files::keystore::KeystorePlan;
use crate::files::output::{OutputFile, into_bytes, key_and_chain, pem_of};

/// The CAs of the devices, for brokers that verify clients themselves.
pub(crate) const CLIENTS_CA: &str = "clients-ca.pem";

/// Which files of a server are written, and how they are named.
#[derive(Debug)]
pub(crate) struct ServerFiles<'a> {
    /// The name before `.pem` and other suffixes.
    pub(crate) prefix: &'a str,
    /// The formats asked for.
    pub(crate) formats: Vec<ServerFormat>,
    /// True if the private key is ours to write.
    pub(crate) holds_key: bool,
    /// True if key and chain stand in one PEM file.
    pub(crate) single_file: bool,
    /// True if the root follows the issuing CA in the chain that is sent.
    pub(crate) include_root: bool,
    /// The devices' root and issuing CA.
    pub(crate) clients_ca: &'a [Certificate],
    /// The content and encryption of keystores, if one is requested.
    pub(crate) keystore: Option<KeystorePlan>,
}

/// One file of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerFile {
    /// `PREFIX_key.pem`
    Key,
    /// `PREFIX.pem`
    Chain,
    /// `cafile.pem`
    Anchors,
    /// `clients-ca.pem`
    ClientsCa,
    /// One that was asked for.
    Format(ServerFormat),
}

impl IdentityFiles for ServerFiles<'_> {
    type File = ServerFile;

    fn list(&self) -> Vec<ServerFile> {
        let mut files = Vec::new();
        if self.holds_key && !self.single_file {
            files.push(ServerFile::Key);
        }
        files.extend([ServerFile::Chain, ServerFile::Anchors, ServerFile::ClientsCa]);
        let extra = self.formats.iter().filter(|format| **format != ServerFormat::Pem);
        files.extend(extra.map(|format| ServerFile::Format(*format)));
        files
    }

    fn name(&self, file: ServerFile) -> String {
        let suffix = match file {
            ServerFile::Anchors => return CA_FILE.to_owned(),
            ServerFile::ClientsCa => return CLIENTS_CA.to_owned(),
            ServerFile::Key => "_key.pem",
            ServerFile::Chain | ServerFile::Format(ServerFormat::Pem) => ".pem",
            ServerFile::Format(ServerFormat::Pub) => ".pub.pem",
            ServerFile::Format(ServerFormat::Cer) => ".cer",
            ServerFile::Format(ServerFormat::P12) => ".p12",
            ServerFile::Format(ServerFormat::Jks) => ".jks",
        };
        format!("{}{suffix}", self.prefix)
    }

    fn write(&self, file: ServerFile, held: &IdentityView<'_>) -> Result<OutputFile> {
        let name = self.name(file);
        // A self-signed server is its own anchor, and must not be sent twice.
        let roots = || held.anchors.iter().filter(|anchor| *anchor != held.leaf);
        Ok(match file {
            ServerFile::Key => OutputFile::private(name, into_bytes(held.key()?.to_pem(KeyFormat::Pkcs8)?)),
            ServerFile::Chain | ServerFile::Format(ServerFormat::Pem) => {
                let sent = held.chain().chain(roots().filter(|_| self.include_root));
                if self.single_file && self.holds_key {
                    OutputFile::private(name, key_and_chain(held.key()?, KeyFormat::Pkcs8, sent)?)
                } else {
                    OutputFile::public(name, pem_of(sent))
                }
            }
            ServerFile::Anchors => OutputFile::public(name, pem_of(held.anchors)),
            ServerFile::ClientsCa => OutputFile::public(name, pem_of(self.clients_ca)),
            // A file to trust, not a public key: it has to lead to a self-signed certificate.
            ServerFile::Format(ServerFormat::Pub) => OutputFile::public(name, pem_of(held.chain().chain(roots()))),
            ServerFile::Format(ServerFormat::Cer) => OutputFile::public(name, held.leaf.der()),
            ServerFile::Format(ServerFormat::P12) => self.write_keystore(name, KeystoreFormat::Pkcs12, held)?,
            ServerFile::Format(ServerFormat::Jks) => self.write_keystore(name, KeystoreFormat::Jks, held)?,
        })
    }

    fn independent(&self, file: ServerFile, anchors: Option<&[Certificate]>) -> Option<String> {
        match file {
            ServerFile::Anchors => anchors.map(pem_of),
            ServerFile::ClientsCa => Some(pem_of(self.clients_ca)),
            _ => None,
        }
    }

    fn follows_anchors(&self, file: ServerFile) -> bool {
        match file {
            ServerFile::Anchors | ServerFile::ClientsCa | ServerFile::Format(ServerFormat::Pub) => true,
            ServerFile::Chain => self.include_root,
            _ => self.keystore_format(file).is_some(),
        }
    }

    fn needs_key(&self, file: ServerFile) -> bool {
        let is_pair = file == ServerFile::Chain && self.single_file && self.holds_key;
        is_pair || matches!(file, ServerFile::Key | ServerFile::Format(ServerFormat::P12 | ServerFormat::Jks))
    }

    fn of_our_key(&self) -> Vec<ServerFile> {
        let formats = [ServerFormat::P12, ServerFormat::Jks].map(ServerFile::Format);
        std::iter::once(ServerFile::Key).chain(formats).collect()
    }

    fn key_file(&self) -> Option<ServerFile> {
        let file = if self.single_file { ServerFile::Chain } else { ServerFile::Key };
        self.holds_key.then_some(file)
    }

    fn chain_file(&self) -> ServerFile {
        ServerFile::Chain
    }

    fn keystore_format(&self, file: ServerFile) -> Option<KeystoreFormat> {
        match file {
            ServerFile::Format(ServerFormat::P12) => Some(KeystoreFormat::Pkcs12),
            ServerFile::Format(ServerFormat::Jks) => Some(KeystoreFormat::Jks),
            _ => None,
        }
    }

    fn keystore(&self) -> Option<&KeystorePlan> {
        self.keystore.as_ref()
    }

    fn set_keystore(&mut self, plan: KeystorePlan) {
        self.keystore = Some(plan);
    }
}

impl ServerFiles<'_> {
    /// Adds the formats that `dir` holds from earlier and that can be written.
    pub(crate) fn with_those_in(mut self, dir: &Path) -> Self {
        let known = ServerFormat::ALL.iter().map(|format| ServerFile::Format(*format));
        for file in self.present_in(dir, known) {
            if let ServerFile::Format(format) = file
                && !self.formats.contains(&format)
                // A request's holder has the key, so keystores of an earlier identity cannot be written again.
                && (self.holds_key || !self.needs_key(file))
            {
                self.formats.push(format);
            }
        }
        self
    }
}
