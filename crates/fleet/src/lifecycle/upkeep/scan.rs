//! The identities that are in files: in the store, in shards and in archives.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use base::file::{self, BulkDir};
use base::{Code, Error, Finding, Result};
use ledger::{JobId, Kind, View};
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use store::file_names::{ANCHORS, CA_FILE, CERT, CHAIN, CLIENTS_CA, PENDING};
use store::shard::{Attempt, Layout, ShardStore};
use store::{FILE_LIMIT, kind_dir};

/// The generation whose files a certificate is among, by their names. The order is that of issuing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FilesOf {
    /// One that another has replaced.
    Earlier,
    /// The present one.
    Present,
    /// A renewal that is not used yet.
    Pending,
}

/// An identity in a file.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// The name of its directory or file.
    pub(super) name: String,
    /// The file with the certificate.
    pub(super) path: PathBuf,
    pub(super) leaf: Certificate,
    pub(super) files_of: FilesOf,
    /// The shard that it is in; none in a directory of the store.
    pub(super) shard: Option<InShard>,
}

/// The position of an identity in a place.
#[derive(Debug, Clone)]
pub(super) struct InShard {
    pub(super) place: String,
    /// The number of its job, as its place states it.
    pub(super) job: Option<u64>,
    pub(super) attempt: Attempt,
}

/// What a scan comes across.
pub(super) enum Seen {
    Identity(Found),
    /// A private key that does not belong to the certificate next to it.
    WrongKey {
        kind: Kind,
        name: String,
        path: PathBuf,
        error: Error,
    },
    /// A file that cannot be read.
    Unreadable {
        kind: Kind,
        name: String,
        path: PathBuf,
        error: Error,
    },
    /// A private file that others may read.
    Loose(Finding),
    /// A shard that cannot be read as a whole.
    ShardGone {
        place: String,
        attempt: Attempt,
        error: Error,
    },
}

/// The places that a scan looks into, by their identifiers.
pub(super) struct Places {
    pub(super) known: BTreeMap<String, ShardStore>,
    /// Places that the ledger names and that are not where the store last saw them.
    pub(super) missing: BTreeMap<String, Error>,
    /// The attempts that the ledger has recorded, by place.
    pub(super) recorded: BTreeMap<String, Vec<Attempt>>,
    /// The identifiers of the places that the store remembers: this station has worked in them.
    pub(super) remembered: BTreeSet<String>,
}

impl Places {
    /// The places that the ledger or the store knows, also those of which the store has the path alone: a ledger that is
    /// older than the files may name none of their shards.
    ///
    /// # Errors
    /// Those of the ledger and of the disk.
    pub(super) fn of(store: &Path, view: &View) -> Result<Self> {
        let remembered: BTreeSet<String> = ShardStore::remembered(store)?.into_iter().collect();
        let mut ids = remembered.clone();
        let of_store = ShardStore::open(store)?.map(|place| place.id().to_owned());
        let mut recorded: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
        for job in view.jobs()? {
            for shard in 0..job.shards {
                let Some(committed) = view.committed(job.id, shard)? else { continue };
                ids.insert(committed.place.clone());
                recorded.entry(committed.place).or_default().push(Attempt { shard, fence: committed.fence });
            }
        }
        let mut places = Self { known: BTreeMap::new(), missing: BTreeMap::new(), recorded, remembered };
        // The store is a place of its own jobs too, whose devices the scan finds by their directories.
        for id in ids.into_iter().filter(|id| of_store.as_ref() != Some(id)) {
            match ShardStore::find(store, &id) {
                // Such a place has its identities in the store, where they are scanned already.
                Ok(place) if place.layout() == Layout::Directories => {}
                Ok(place) => drop(places.known.insert(id, place)),
                Err(error) if matches!(error.code(), Code::PlaceMissing | Code::FileUnreadable) => {
                    places.missing.insert(id, error);
                }
                Err(error) => return Err(error),
            }
        }
        let wishes = ShardStore::wishes(store)?;
        for id in empty_of_canceled(store, view, &places, &wishes)? {
            places.missing.remove(&id);
        }
        for (job, dir) in wishes {
            let place = match ShardStore::open(&dir) {
                Ok(Some(place)) => place,
                Ok(None) => continue,
                Err(error) => {
                    tracing::debug!(job, %error, "the place of a job cannot be read");
                    continue;
                }
            };
            if is_place_of(view, &place, job)? {
                places.missing.remove(place.id());
                places.known.entry(place.id().to_owned()).or_insert(place);
            }
        }
        Ok(places)
    }

    /// Lets the store remember the places that were found.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn remember(&self, store: &Path) -> Result<()> {
        let found = self.known.iter().filter(|(id, _)| !self.remembered.contains(*id));
        found.map(|(_, place)| place).try_for_each(|place| place.remember(store))
    }
}

/// The places that are gone and that canceled jobs have issued nothing in: versions before this one remembered them.
fn empty_of_canceled(store: &Path, view: &View, places: &Places, wishes: &[(u64, PathBuf)]) -> Result<Vec<String>> {
    let mut empty = Vec::new();
    for id in places.missing.keys().filter(|id| !places.recorded.contains_key(*id)) {
        let dir = ShardStore::remembered_path(store, id)?;
        for (job, _) in wishes.iter().filter(|(_, wished)| Some(wished) == dir.as_ref()) {
            if view.job(JobId::new(*job))?.is_some_and(|job| job.canceled_at.is_some()) {
                empty.push(id.clone());
            }
        }
    }
    Ok(empty)
}

/// Whether the directory that a store has as that of a job is one: meanwhile it can be that of another job or store. A
/// ledger that does not have the job may be older than it.
fn is_place_of(view: &View, place: &ShardStore, number: u64) -> Result<bool> {
    if place.layout() == Layout::Directories || place.job() != Some(number) {
        return Ok(false);
    }
    let job = view.job(JobId::new(number))?;
    Ok(job.is_none_or(|job| place.job_uid().is_some_and(|uid| uid == job.uid.to_string())))
}

/// Passes everything on that is in the files of a store and of its places.
///
/// # Errors
/// Those of `take`, and of directories that cannot be read.
pub(super) fn scan(store: &Path, places: &Places, take: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
    for kind in [Kind::Server, Kind::Device] {
        let dir = kind_dir(store, kind);
        if !dir.is_dir() {
            continue;
        }
        let mut names = BulkDir::open(&dir)?.names()?;
        names.sort();
        // An earlier version took a directory of the store for the shards of a job. They are no directories of identities.
        let canonical = dir.canonicalize().ok();
        if places.known.values().any(|place| place.dir.canonicalize().ok() == canonical) {
            names.retain(|name| Attempt::of_file(name).is_none());
        }
        // A name with a dot in front is a staged directory of an interrupted run, which the next verb removes.
        for name in names.into_iter().filter(|name| !name.starts_with('.')) {
            let inner = dir.join(&name);
            if inner.is_dir() {
                Directory { kind, name: &name, dir: &inner, files_of: FilesOf::Present }.scan(take)?;
                let pending = inner.join(PENDING);
                if pending.is_dir() {
                    Directory { kind, name: &name, dir: &pending, files_of: FilesOf::Pending }.scan(take)?;
                }
            }
        }
    }
    for (id, place) in &places.known {
        let recorded = places.recorded.get(id).map_or(&[][..], Vec::as_slice);
        shards(store, id, place, recorded, take)?;
    }
    Ok(())
}

pub(super) fn shards(
    store: &Path,
    id: &str,
    place: &ShardStore,
    recorded: &[Attempt],
    take: &mut dyn FnMut(Seen) -> Result<()>,
) -> Result<()> {
    for attempt in place.published()?.into_iter().chain(place.not_published(recorded)?) {
        let items = match place.contents(store, attempt) {
            Ok(items) => items,
            Err(error) => {
                take(Seen::ShardGone { place: id.to_owned(), attempt, error })?;
                continue;
            }
        };
        for item in items {
            let (kind, name, path) = (Kind::Device, item.name, item.path);
            let located = match item.located {
                Ok(located) => located,
                Err(error) => {
                    take(Seen::Unreadable { kind, name, path, error })?;
                    continue;
                }
            };
            match located.key() {
                Ok(_) => {}
                // Sealed for other recipients: the key cannot be read here, so it cannot be compared.
                Err(error) if error.code() == Code::Sealed => {}
                Err(error) => take(Seen::WrongKey { kind, name: name.clone(), path: path.clone(), error })?,
            }
            let shard = Some(InShard { place: id.to_owned(), job: place.job(), attempt });
            take(Seen::Identity(Found { kind, name, path, leaf: located.leaf, files_of: FilesOf::Present, shard }))?;
        }
    }
    Ok(())
}

/// Whether the first certificate of a file is that of the identity. Trust anchors are in the same directory; imported
/// certificates can have the mark of a CA, and are only in the files of the chain.
fn is_leaf(file: &str, first: &Certificate) -> bool {
    !first.is_ca() || file.starts_with(CERT) || file.starts_with(CHAIN)
}

/// The directory of an identity in the store.
struct Directory<'a> {
    kind: Kind,
    name: &'a str,
    dir: &'a Path,
    files_of: FilesOf,
}

impl Directory<'_> {
    fn scan(&self, take: &mut dyn FnMut(Seen) -> Result<()>) -> Result<()> {
        let mut files = BulkDir::open(self.dir)?.names()?;
        files.sort();
        let mut keys = Vec::new();
        let mut earlier = HashSet::new();
        let mut leaves: Vec<(Certificate, PathBuf)> = Vec::new();
        for file in files.iter().filter(|file| !file.starts_with('.')) {
            let path = self.dir.join(file);
            if is_private(file) {
                file::loose_permissions(&path).map_or(Ok(()), |finding| take(Seen::Loose(finding)))?;
            }
            let Some(is_earlier) = is_certificate(file) else { continue };
            if !path.is_file() {
                continue;
            }
            let bundle = match file::read_secret(&path, FILE_LIMIT).and_then(|bytes| PemBundle::parse(&bytes)) {
                Ok(bundle) => bundle,
                Err(error) => {
                    let name = self.name.to_owned();
                    take(Seen::Unreadable { kind: self.kind, name, path, error })?;
                    continue;
                }
            };
            if is_earlier {
                let leaf = bundle.certificates.into_iter().next().filter(|leaf| is_leaf(file, leaf));
                if let Some(leaf) = leaf.filter(|leaf| earlier.insert(leaf.fingerprint())) {
                    take(self.found(leaf, path, FilesOf::Earlier))?;
                }
                continue;
            }
            // A key with a passphrase cannot be compared, which is no difference.
            keys.extend(bundle.keys.iter().filter_map(|key| key.open(None).ok()).map(|key| (key, path.clone())));
            if let Some(leaf) = bundle.certificates.into_iter().next().filter(|leaf| is_leaf(file, leaf))
                // One certificate is in cert.pem, chain.pem and perhaps more files, and counts once.
                && !leaves.iter().any(|(known, _)| known.fingerprint() == leaf.fingerprint())
            {
                leaves.push((leaf, path));
            }
        }
        // The chain is what verbs read.
        leaves.sort_by_key(|(_, path)| !path.ends_with(CHAIN));
        // After all files were read: the key may come before or behind its certificate.
        for (leaf, path) in &leaves {
            self.check_keys(leaf, path, &keys, take)?;
        }
        leaves.into_iter().try_for_each(|(leaf, path)| take(self.found(leaf, path, self.files_of)))
    }

    fn found(&self, leaf: Certificate, path: PathBuf, files_of: FilesOf) -> Seen {
        let (kind, name) = (self.kind, self.name.to_owned());
        Seen::Identity(Found { kind, name, path, leaf, files_of, shard: None })
    }

    fn check_keys(
        &self,
        leaf: &Certificate,
        path: &Path,
        keys: &[(PrivateKey, PathBuf)],
        take: &mut dyn FnMut(Seen) -> Result<()>,
    ) -> Result<()> {
        for (key, key_path) in keys {
            if let Err(error) = key.check_belongs_to(leaf.spki_der()) {
                let (kind, name) = (self.kind, self.name.to_owned());
                tracing::debug!(path = %path.display(), "a key does not belong to this certificate");
                take(Seen::WrongKey { kind, name, path: key_path.clone(), error })?;
            }
        }
        Ok(())
    }
}

/// Whether a file of an identity can hold its certificate, and if so, whether a later generation has replaced it: such
/// files are called FILE.SERIAL.
fn is_certificate(file: &str) -> Option<bool> {
    if [ANCHORS, CA_FILE, CLIENTS_CA].contains(&file) {
        return None;
    }
    if file.ends_with(".pem") {
        return Some(false);
    }
    let (name, serial) = file.rsplit_once('.')?;
    // Two digits are the shortest serial number in hexadecimal, that of an imported certificate perhaps.
    let is_serial = serial.len() >= 2 && serial.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_serial && name.ends_with(".pem") && is_certificate(name).is_some()).then_some(true)
}

/// Whether a file holds a private key or a token, by its name.
fn is_private(file: &str) -> bool {
    let name = match file.rsplit_once('.') {
        Some((name, serial)) if is_certificate(file) == Some(true) && !serial.is_empty() => name,
        _ => file,
    };
    name.ends_with("key.pem")
        || [".nopass.pem", ".p12", ".jks"].iter().any(|end| name.ends_with(end))
        || name == "token"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_their_names() {
        for (file, certificate, private) in [
            ("chain.pem", Some(false), false),
            ("key.pem", Some(false), true),
            ("mqtt_key.pem", Some(false), true),
            ("chain.pem.0A1B2C", Some(true), false),
            ("key.pem.0A1B2C", Some(true), true),
            ("tb-server-chain.pem", None, false),
            ("cafile.pem.0A1B", None, false),
            ("pump-1.p12", None, true),
            ("chain.pem.old", None, false),
        ] {
            assert_eq!((is_certificate(file), is_private(file)), (certificate, private), "{file}");
        }
    }
}
