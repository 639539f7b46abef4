//! Identities of other stations with the same ledger: their files are not here.

use base::host::host_name;
use base::text::quote;
use base::{Code, Error};
use ledger::{Entry, View};

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
