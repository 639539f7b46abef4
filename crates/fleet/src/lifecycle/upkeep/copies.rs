//! Certificates of this store in the directories that got copies: the program there goes on with them, also after a backup
//! was restored that does not have them.

use base::text::{device_words, shell_word};
use base::{Result, file};
use identity::lifecycle::renew::{copied_chain, copies_with_other_cas};
use ledger::{Entry, Kind, View};
use pki::Certificate;
use pki::pem_bundle::PemBundle;
use std::path::Path;
use store::FILE_LIMIT;

use super::parts::{Known, Problem, ProblemKind, look_up};
use super::repair::issuers::{IssuedBy, Issuers};
use super::scan::{FilesOf, Found};

/// Passes on the certificates that the ledger does not have: those of the name that the directory was recorded for, from a
/// CA of this store. Other programs may have put others there, which concern the store as little as a missing directory.
///
/// # Errors
/// Those of `take`, the ledger and the CAs.
pub(super) fn foreign(store: &Path, view: &View, take: &mut dyn FnMut(Found, IssuedBy) -> Result<()>) -> Result<()> {
    let copied = view.with_copies()?;
    if copied.is_empty() {
        return Ok(());
    }
    let issuers = Issuers::of_store(store, view)?;
    for entry in copied {
        let Some(found) = copy_of(&entry)? else { continue };
        if !matches!(look_up(view, &found)?, Known::Foreign) {
            continue;
        }
        if let Some(issuer) = issuers.of(&found.leaf)? {
            take(found, issuer)?;
        }
    }
    Ok(())
}

/// Passes on the copies of present certificates that do not follow from the CAs that the files in the store follow from: a
/// program would go on with the path to a root that is replaced.
///
/// # Errors
/// Those of the ledger and of the files of the store.
pub(super) fn with_other_cas(store: &Path, view: &View, take: &mut dyn FnMut(Problem)) -> Result<()> {
    for entry in view.with_copies()? {
        for path in copies_with_other_cas(store, &entry)? {
            let command = match entry.key.kind {
                Kind::Server => format!("tbpki server --name {}", shell_word(&entry.key.name)),
                _ => format!("tbpki client {}", device_words(&entry.key.name)),
            };
            let what = format!("this copy does not have the CAs of the file in the store: `{command}` brings them");
            // The ledger is right, and a repair changes the ledger.
            take(Problem::new(ProblemKind::Changed, what).entry(&entry).at(path).staying(true));
        }
    }
    Ok(())
}

/// The certificate in the directory with copies of an identity.
fn copy_of(entry: &Entry) -> Result<Option<Found>> {
    let Some(path) = copied_chain(entry)? else { return Ok(None) };
    // A directory that another program has, or that cannot be read now, shows nothing about the ledger.
    let bytes = file::read_optional(&path, FILE_LIMIT).ok().flatten();
    let bundle = bytes.and_then(|bytes| PemBundle::parse(&bytes).ok());
    let Some(leaf) = bundle.and_then(|bundle| bundle.certificates.into_iter().next()) else { return Ok(None) };
    let is_of_name = |leaf: &Certificate| leaf.common_name().as_deref() == Some(entry.key.name.as_str());
    if !is_of_name(&leaf) {
        return Ok(None);
    }
    let (kind, name) = (entry.key.kind, entry.key.name.clone());
    // Not the present files: those in the store are, and every verb renews from them.
    Ok(Some(Found { kind, name, path, leaf, files_of: FilesOf::Earlier, shard: None }))
}
