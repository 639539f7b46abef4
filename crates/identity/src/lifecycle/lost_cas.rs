//! CAs that the store has lost: published files name them, and neither the store nor its ledger has them. That is so after
//! a backup from before the CA was made is restored.

use std::path::{Path, PathBuf};

use base::{Result, file};
use config::Config;
use ledger::{Filter, Kind, View};
use pki::Certificate;
use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use store::ca::Ca;
use store::ca::generations::placed;
use store::file_names::{CA_FILE, CLIENTS_CA};
use store::{FILE_LIMIT, kind_dir};

use super::lost_list::LostList;
use super::revocation_lists::{devices_file, is_written_here};
use super::{last_lists, published_lists};
use crate::profile_ca;

/// The files of a server with the CAs that it trusts and that its clients trust.
const TRUST_FILES: [&str; 2] = [CLIENTS_CA, CA_FILE];

/// The lists in the published files that no CA of the store has signed. A file without any list of this store is another's, and
/// so is the copy of the file with the lists of the devices' CAs that another store writes: during a rollover it has the list of
/// a generation that a station bundle does not have.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn lost_lists(config: &Config, store: &Path, view: &View) -> Result<Vec<LostList>> {
    let mut lists = published_lists::read(config, store)?;
    if !is_written_here(config) {
        let copied = devices_file(config, store);
        lists.retain(|(path, _)| *path != copied);
    }
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = Vec::new();
    for ca in profile_ca::all_cas(view)? {
        // A CA that is not in the store is a difference of its own.
        let generations = placed(store, &ca.name()).unwrap_or_default();
        known.extend(generations.iter().filter_map(|one| one.generation.certificate().ok().cloned()));
    }
    let is_ours = |list: &Crl| known.iter().any(|ca: &Certificate| list.is_issued_by(ca));
    let (ours, others): (Vec<_>, Vec<_>) = lists.into_iter().partition(|(_, list)| is_ours(list));
    let is_in_our_file = |path: &PathBuf| ours.iter().any(|(ours, _)| ours == path);
    let lost = others.into_iter().filter(|(path, _)| is_in_our_file(path));
    Ok(lost.map(|(path, list)| LostList { path, list }).collect())
}

/// The highest number of a generation of a CA in published lists and in the files with the CAs that servers and their
/// clients trust; 0 if none has one. Their names are used: a further key must have another one.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub(super) fn highest_published(config: &Config, store: &Path, view: &View, ca: &Ca) -> Result<u32> {
    let mut names: Vec<String> = published_lists::read(config, store)?.iter().map(|(_, list)| list.issuer()).collect();
    names.extend(last_lists::read(store)?.iter().map(Crl::issuer));
    for entry in view.list(&Filter { kind: Some(Kind::Server), current_only: true, ..Filter::default() }) {
        let entry = entry?;
        let mut dirs = vec![kind_dir(store, Kind::Server).join(&entry.key.name)];
        dirs.extend(entry.copies.as_ref().map(PathBuf::from));
        for path in dirs.iter().flat_map(|dir| TRUST_FILES.map(|name| dir.join(name))) {
            // A damaged file is reported by the verbs that need it.
            let Ok(Some(bytes)) = file::read_optional(&path, FILE_LIMIT) else { continue };
            let Ok(bundle) = PemBundle::parse(&bytes) else { continue };
            names.extend(bundle.certificates.iter().map(Certificate::subject));
        }
    }
    Ok(names.iter().filter_map(|name| number_in(name, ca)).max().unwrap_or(0))
}

/// The number of the generation in the name of a CA (RFC 4514), as `ca prepare` writes it.
fn number_in(name: &str, ca: &Ca) -> Option<u32> {
    let title = match ca {
        Ca::Profile(profile) => format!("CN={profile} issuing CA G"),
        _ => format!(" {} G", ca.title()),
    };
    let (_, rest) = name.split_once(&title)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_the_one_of_this_ca() {
        let issuing = "CN=Acme devices issuing CA G12,O=Acme";
        assert_eq!(number_in(issuing, &Ca::DevicesIssuing), Some(12));
        assert_eq!(number_in(issuing, &Ca::DevicesRoot), None);
        assert_eq!(number_in("CN=Acme devices issuing CA,O=Acme", &Ca::DevicesIssuing), None);
        assert_eq!(number_in("CN=Acme devices issuing CA Gx", &Ca::DevicesIssuing), None);
        let profile = Ca::Profile("line".parse().unwrap());
        assert_eq!(number_in("CN=line issuing CA G2", &profile), Some(2));
        assert_eq!(number_in("CN=other line issuing CA G2", &profile), None);
    }
}
