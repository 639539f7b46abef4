//! Identities whose holder has made the key and fetched the certificate over the network: their files are not here.

use base::text::quote;
use base::{Code, Error};
use ledger::{Entry, View};

/// The error for files of the store that are not those of the present generation, because its holder has fetched it.
pub fn with_holder(entry: &Entry) -> Error {
    let (kind, name) = (entry.key.kind, &entry.key.name);
    Code::FilesWithHolder
        .error(format!("the files of the present certificate of the {kind} {} are not in the store", quote(name)))
        .item(name)
        .because("its holder has made the key and fetched the certificate over the network")
}

/// As [`with_holder`], if that is so; `None` for a generation whose files were made here.
pub(crate) fn is_with_holder(view: &View, entry: &Entry) -> Option<Error> {
    // The error of the file is told if the ledger cannot be asked.
    view.enrolled(&entry.key).ok().flatten().map(|_| with_holder(entry))
}
