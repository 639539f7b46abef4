//! Files that an identity must have in the store, and that are lost.

use std::path::{Path, PathBuf};

use base::Result;
use config::{Anchors, Config};
use ledger::{Entry, Kind, Origin, Role};
use store::file_names::{ANCHORS, keystore_password};
use store::{identity_dir, secrets_dir};

use super::recorded::{RecordedRequest, chain_file, recorded, table_of};
use crate::files::table::{FileContent, FileRow};
use crate::request::earlier::is_of_others;
use crate::request::issuing_command::issuing_command;

/// A lost file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFile {
    /// Its path.
    pub path: PathBuf,
    /// What it is, and what restores it.
    pub what: String,
}

/// The files of the present generation of an identity that are lost. Those of devices of a job are in its shards, and those
/// of certificates that were made elsewhere are what their owner has imported: of these none counts as lost.
///
/// # Errors
/// Those of the ledger.
pub fn missing_files(config: &Config, store: &Path, entry: &Entry) -> Result<Vec<MissingFile>> {
    let (kind, name) = (entry.key.kind, entry.key.name.as_str());
    let is_whole = entry.role == Role::Current && entry.job.is_none() && entry.origin != Some(Origin::Imported);
    if !is_whole || is_of_others(entry) {
        return Ok(Vec::new());
    }
    let asked: RecordedRequest = recorded(entry)?;
    let dir = identity_dir(store, kind, name);
    // The certificate of a repaired row does not show whether the key was ever here.
    let holds_key = asked.csr.is_none() && entry.origin != Some(Origin::Repaired);
    let table = table_of(entry, &asked, holds_key);
    let has_anchors = kind == Kind::Server || !matches!(config.server.anchors.value, Anchors::System);
    let chain = chain_file(kind, &asked);
    let mut missing = Vec::new();
    for row in table.written().filter(|row| has_anchors || row.name != ANCHORS) {
        let path = dir.join(&row.name);
        if !path.exists() {
            missing.push(MissingFile { path, what: what(row, row.name == chain, kind, name) });
        }
    }
    let settings = if kind == Kind::Server { &config.server_keystore } else { &config.client_keystore };
    if settings.password.value.is_none() {
        let secret = secrets_dir(store).join(keystore_password(kind, name));
        let has_keystore = table.rows.iter().any(|row| row.keystore_format().is_some() && dir.join(&row.name).exists());
        match (has_keystore, secret.exists()) {
            (true, false) => missing.push(MissingFile {
                path: secret,
                what: "the password of its keystore is lost: restore the file from a backup, or write the password \
                       into it that the program has which reads the keystore"
                    .to_owned(),
            }),
            (false, true) => missing.push(MissingFile {
                path: dir,
                what: format!(
                    "the keystore of this password is lost: the command that issued it, `{} ..`, writes it again with \
                     --format p12 or jks",
                    issuing_command(kind, name)
                ),
            }),
            _ => {}
        }
    }
    Ok(missing)
}

fn what(row: &FileRow, is_chain: bool, kind: Kind, name: &str) -> String {
    let command = issuing_command(kind, name);
    match row.content {
        FileContent::Key | FileContent::KeyAndChain { .. } => {
            format!("the private key is lost: restore it from a backup; `{command} --force` issues a new generation")
        }
        _ if is_chain => {
            format!("the chain is lost: restore it from a backup; `{command} --force` issues a new generation")
        }
        _ => format!("the file is lost: the command that issued it, `{command} ..`, writes it again"),
    }
}
