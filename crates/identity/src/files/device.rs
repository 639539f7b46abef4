//! The files of a device's identity.

use config::ClientFormat;
use pki::key::KeyFormat;
use pki::keystore::KeystoreFormat;

use store::file_names::{ANCHORS, CERT, CHAIN, KEY};

use crate::files::keystore::KeystorePlan;
use crate::files::table::{FileContent, FileRow, FileTable};

/// Which files of a device are written, and how those with a choice are named.
#[derive(Debug)]
pub struct DeviceFiles<'a> {
    /// The name before `.p12` and other suffixes.
    pub prefix: &'a str,
    /// The formats asked for.
    pub formats: &'a [ClientFormat],
    /// True if the private key is ours to write.
    pub holds_key: bool,
    /// True if there are anchors of our own, or the client trusts its system.
    pub has_anchors: bool,
    /// The content and encryption of keystores, if one is requested.
    pub keystore: Option<KeystorePlan>,
}

impl DeviceFiles<'_> {
    /// The table of the files.
    pub fn table(self) -> FileTable {
        let mut rows = vec![
            FileRow { is_written: self.holds_key, ..FileRow::written(KEY, FileContent::Key) },
            FileRow::written(CERT, FileContent::Leaf),
            FileRow::written(CHAIN, FileContent::Chain { with_root: false }),
        ];
        if self.has_anchors {
            rows.push(FileRow::written(ANCHORS, FileContent::Anchors));
        }
        // `chain.pem` is what the format PEM would be.
        let is_extra = |format: &&ClientFormat| **format != ClientFormat::Pem;
        rows.extend(self.formats.iter().filter(is_extra).map(|format| format_row(self.prefix, *format)));
        let other = ClientFormat::ALL.iter().filter(is_extra).filter(|format| !self.formats.contains(format));
        rows.extend(other.map(|format| FileRow { is_written: false, ..format_row(self.prefix, *format) }));
        FileTable {
            rows,
            chain_file: CHAIN.to_owned(),
            key_file: self.holds_key.then(|| KEY.to_owned()),
            keystore: self.keystore,
        }
    }
}

/// The file of a format that was asked for.
pub fn format_row(prefix: &str, format: ClientFormat) -> FileRow {
    let (suffix, content) = match format {
        ClientFormat::Pem => (".pem", FileContent::Chain { with_root: false }),
        // ThingsBoard's own scripts wrote this form, and what was built for their files expects it.
        ClientFormat::Nopass => {
            (".nopass.pem", FileContent::KeyAndChain { key: KeyFormat::Traditional, with_root: false })
        }
        ClientFormat::Pub => (".pub.pem", FileContent::Leaf),
        ClientFormat::Cer => (".cer", FileContent::LeafDer),
        ClientFormat::P12 => (".p12", FileContent::Keystore(KeystoreFormat::Pkcs12)),
        ClientFormat::Jks => (".jks", FileContent::Keystore(KeystoreFormat::Jks)),
    };
    FileRow::written(format!("{prefix}{suffix}"), content)
}
