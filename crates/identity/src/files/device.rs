//! The files of a device's identity.

use std::path::Path;

use base::Result;
use config::ClientFormat;
use pki::Certificate;
use pki::key::KeyFormat;
use pki::keystore::KeystoreFormat;

use store::file_names::{ANCHORS, CERT, CHAIN, KEY};

use crate::files::identity::{IdentityFiles, IdentityView};
use crate::files::keystore::KeystorePlan;
use crate::files::output::{OutputFile, into_bytes, key_and_chain, pem_of};

/// Which files of a device are written, and how those with a choice are named.
#[derive(Debug)]
pub struct DeviceFiles<'a> {
    /// The name before `.p12` and other suffixes.
    pub prefix: &'a str,
    /// The formats asked for.
    pub formats: Vec<ClientFormat>,
    /// True if the private key is ours to write.
    pub holds_key: bool,
    /// True if there are anchors of our own, or the client trusts its system.
    pub has_anchors: bool,
    /// The content and encryption of keystores, if one is requested.
    pub keystore: Option<KeystorePlan>,
}

/// One file of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceFile {
    /// `key.pem`
    Key,
    /// `cert.pem`
    Cert,
    /// `chain.pem`
    Chain,
    /// `tb-server-chain.pem`
    Anchors,
    /// One that was asked for.
    Format(ClientFormat),
}

impl IdentityFiles for DeviceFiles<'_> {
    type File = DeviceFile;

    fn list(&self) -> Vec<DeviceFile> {
        let mut files = Vec::new();
        if self.holds_key {
            files.push(DeviceFile::Key);
        }
        files.extend([DeviceFile::Cert, DeviceFile::Chain]);
        if self.has_anchors {
            files.push(DeviceFile::Anchors);
        }
        let extra = self.formats.iter().filter(|format| **format != ClientFormat::Pem);
        files.extend(extra.map(|format| DeviceFile::Format(*format)));
        files
    }

    fn name(&self, file: DeviceFile) -> String {
        let suffix = match file {
            DeviceFile::Key => return KEY.to_owned(),
            DeviceFile::Cert => return CERT.to_owned(),
            DeviceFile::Chain => return CHAIN.to_owned(),
            DeviceFile::Anchors => return ANCHORS.to_owned(),
            DeviceFile::Format(ClientFormat::Pem) => ".pem",
            DeviceFile::Format(ClientFormat::Nopass) => ".nopass.pem",
            DeviceFile::Format(ClientFormat::Pub) => ".pub.pem",
            DeviceFile::Format(ClientFormat::Cer) => ".cer",
            DeviceFile::Format(ClientFormat::P12) => ".p12",
            DeviceFile::Format(ClientFormat::Jks) => ".jks",
        };
        format!("{}{suffix}", self.prefix)
    }

    fn write(&self, file: DeviceFile, held: &IdentityView<'_>) -> Result<OutputFile> {
        let name = self.name(file);
        Ok(match file {
            DeviceFile::Key => OutputFile::private(name, into_bytes(held.key()?.to_pem(KeyFormat::Pkcs8)?)),
            DeviceFile::Cert | DeviceFile::Format(ClientFormat::Pub) => OutputFile::public(name, held.leaf.to_pem()),
            DeviceFile::Chain | DeviceFile::Format(ClientFormat::Pem) => OutputFile::public(name, pem_of(held.chain())),
            DeviceFile::Anchors => OutputFile::public(name, pem_of(held.anchors)),
            DeviceFile::Format(ClientFormat::Cer) => OutputFile::public(name, held.leaf.der()),
            DeviceFile::Format(ClientFormat::Nopass) => {
                // ThingsBoard's own scripts wrote this form, and what was built for their files expects it.
                OutputFile::private(name, key_and_chain(held.key()?, KeyFormat::Traditional, held.chain())?)
            }
            DeviceFile::Format(ClientFormat::P12) => self.write_keystore(name, KeystoreFormat::Pkcs12, held)?,
            DeviceFile::Format(ClientFormat::Jks) => self.write_keystore(name, KeystoreFormat::Jks, held)?,
        })
    }

    fn independent(&self, file: DeviceFile, anchors: Option<&[Certificate]>) -> Option<String> {
        anchors.filter(|_| file == DeviceFile::Anchors).map(pem_of)
    }

    fn follows_anchors(&self, file: DeviceFile) -> bool {
        file == DeviceFile::Anchors || self.keystore_format(file).is_some()
    }

    fn needs_key(&self, file: DeviceFile) -> bool {
        matches!(
            file,
            DeviceFile::Key | DeviceFile::Format(ClientFormat::Nopass | ClientFormat::P12 | ClientFormat::Jks)
        )
    }

    fn of_our_key(&self) -> Vec<DeviceFile> {
        let formats = [ClientFormat::Nopass, ClientFormat::P12, ClientFormat::Jks].map(DeviceFile::Format);
        std::iter::once(DeviceFile::Key).chain(formats).collect()
    }

    fn key_file(&self) -> Option<DeviceFile> {
        self.holds_key.then_some(DeviceFile::Key)
    }

    fn chain_file(&self) -> DeviceFile {
        DeviceFile::Chain
    }

    fn keystore_format(&self, file: DeviceFile) -> Option<KeystoreFormat> {
        match file {
            DeviceFile::Format(ClientFormat::P12) => Some(KeystoreFormat::Pkcs12),
            DeviceFile::Format(ClientFormat::Jks) => Some(KeystoreFormat::Jks),
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

impl DeviceFiles<'_> {
    /// Adds the formats that `dir` holds from earlier and that can be written.
    pub fn with_those_in(mut self, dir: &Path) -> Self {
        let known = ClientFormat::ALL.iter().map(|format| DeviceFile::Format(*format));
        for file in self.present_in(dir, known) {
            if let DeviceFile::Format(format) = file
                && !self.formats.contains(&format)
                // Without the key here, keystores of an earlier identity cannot be written again.
                && (self.holds_key || !self.needs_key(file))
            {
                self.formats.push(format);
            }
        }
        self
    }
}
