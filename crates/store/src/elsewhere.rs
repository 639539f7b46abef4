//! Identities whose files are not here: with a holder who has made the key and fetched the certificate over the network, or on
//! another station with the same ledger.

use base::host::host_name;
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

/// The error for files that are not here because another station has issued the identity; `None` if this station has, if
/// the ledger is of this store alone, and if the ledger does not tell.
pub fn at_another_station(view: &View, entry: &Entry) -> Option<Error> {
    if !view.is_shared() {
        return None;
    }
    // The error of the file is told if the ledger cannot be asked.
    let station = view.station_of(entry).ok().flatten().filter(|station| *station != host_name())?;
    let (kind, name) = (entry.key.kind, &entry.key.name);
    let error = Code::FilesElsewhere
        .error(format!("the files of the {kind} {} are on the station {}", quote(name), quote(&station)))
        .item(name)
        .because("that station has issued the present certificate, and its files stay there");
    Some(error.fix("run the same command on that station; if that station is lost, restore its store from a backup"))
}
