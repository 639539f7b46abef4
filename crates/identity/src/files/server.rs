//! The files of a server's identity.

use config::ServerFormat;
use pki::Certificate;
use pki::key::KeyFormat;
use pki::keystore::KeystoreFormat;

use store::file_names::{CA_FILE, CLIENTS_CA, server_chain, server_key};

use crate::files::table::{FileContent, FileRow, FileTable};

/// Which files of a server are written, and how they are named.
#[derive(Debug)]
pub(crate) struct ServerFiles<'a> {
    /// The name before `.pem` and other suffixes.
    pub(crate) prefix: &'a str,
    /// The formats asked for.
    pub(crate) formats: &'a [ServerFormat],
    /// True if the private key is ours to write.
    pub(crate) holds_key: bool,
    /// True if key and chain are in one PEM file.
    pub(crate) single_file: bool,
    /// True if the root follows the issuing CA in the chain that is sent.
    pub(crate) include_root: bool,
    /// The devices' root and issuing CA.
    pub(crate) clients_ca: Vec<Certificate>,
}

impl ServerFiles<'_> {
    /// The table of the files.
    pub(crate) fn table(self) -> FileTable {
        let (key_file, chain_file) = (server_key(self.prefix), server_chain(self.prefix));
        let is_pair = self.single_file && self.holds_key;
        let with_root = self.include_root;
        let mut rows = Vec::new();
        if !is_pair {
            rows.push(FileRow { is_written: self.holds_key, ..FileRow::written(&key_file, FileContent::Key) });
        }
        let chain = match is_pair {
            true => FileContent::KeyAndChain { key: KeyFormat::Pkcs8, with_root },
            false => FileContent::Chain { with_root },
        };
        rows.push(FileRow::written(&chain_file, chain));
        rows.push(FileRow::written(CA_FILE, FileContent::Anchors));
        rows.push(FileRow::written(CLIENTS_CA, FileContent::Cas(self.clients_ca)));
        let all = ServerFormat::ALL.iter().filter(|format| !self.formats.contains(format));
        rows.extend(self.formats.iter().filter_map(|format| format_row(self.prefix, *format)));
        let other = all.filter_map(|format| format_row(self.prefix, *format));
        rows.extend(other.map(|row| FileRow { is_written: false, ..row }));
        let key_file = self.holds_key.then(|| if is_pair { chain_file.clone() } else { key_file });
        FileTable { rows, chain_file, key_file, keystore: None }
    }
}

/// The file of a format; none for PEM, which every server has.
fn format_row(prefix: &str, format: ServerFormat) -> Option<FileRow> {
    let (suffix, content) = match format {
        ServerFormat::Pem => return None,
        // A file to trust, not a public key: it has to lead to a self-signed certificate.
        ServerFormat::Pub => (".pub.pem", FileContent::Chain { with_root: true }),
        ServerFormat::Cer => (".cer", FileContent::LeafDer),
        ServerFormat::P12 => (".p12", FileContent::Keystore(KeystoreFormat::Pkcs12)),
        ServerFormat::Jks => (".jks", FileContent::Keystore(KeystoreFormat::Jks)),
    };
    Some(FileRow::written(format!("{prefix}{suffix}"), content))
}
