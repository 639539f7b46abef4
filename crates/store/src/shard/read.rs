//! Reading back what was issued, wherever its layout has put it.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use base::file::{self, BulkDir};
use base::text::{device_option, quote};
use base::{Code, Error, Result};
use ledger::{Entry, JobId, Kind, View};
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use zeroize::Zeroizing;

use super::join::JoinProgress;
use super::layout::{Attempt, Layout, Sidecar, file_of};
use super::shard_store::ShardStore;
use super::{pack, tar};
use crate::ca::Ca;
use crate::elsewhere::{at_another_station, is_with_holder};
use crate::file_names::{CHAIN, KEY};
use crate::paths::{FILE_LIMIT, generation_dir};

/// The largest part of an archive that is taken into memory.
const PART_LIMIT: usize = 1 << 30;

/// An identity as its layout holds it.
#[derive(Debug)]
pub struct StoredIdentity {
    /// The certificate: the one that the ledger knows.
    pub leaf: Certificate,
    /// The CAs above it, without the root.
    pub above: Vec<Certificate>,
    key: HeldKey,
}

/// The private key of a leaf. Not a `KeyLocation`: a CA's key is never sealed, a leaf's is never in a token.
enum HeldKey {
    /// In this PEM text.
    Here(Zeroizing<Vec<u8>>),
    /// In an archive that only its recipients can open.
    Sealed,
    /// With the device: it was issued for a request.
    Elsewhere,
}

impl std::fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here(..)",
            Self::Sealed => "Sealed",
            Self::Elsewhere => "Elsewhere",
        })
    }
}

impl StoredIdentity {
    /// The leaf and the CAs above it: what is sent.
    pub fn chain(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.leaf).chain(&self.above)
    }

    /// Its private key; none where its holder keeps it.
    ///
    /// # Errors
    /// [`Code::Sealed`] where only others can read it, [`Code::KeyUnreadable`], [`Code::KeyMismatch`].
    pub fn key(&self) -> Result<Option<PrivateKey>> {
        match &self.key {
            HeldKey::Here(pem) => {
                // The file may have been exchanged since it was issued: a key of another certificate must not reach a
                // device.
                let key = PrivateKey::from_pem_or_der(pem, None)?;
                key.check_belongs_to(self.leaf.spki_der())?;
                Ok(Some(key))
            }
            HeldKey::Elsewhere => Ok(None),
            HeldKey::Sealed => Err(Code::Sealed
                .error("the key of this device is in an archive that only its recipients can open")
                .fix("make what needs the key in the same pass that issues it: `tbpki fleet run`")),
        }
    }
}

/// Finds one identity.
///
/// # Errors
/// [`Code::PlaceMissing`], [`Code::ShardDamaged`], [`Code::IdentityChanged`], and [`Code::FileUnreadable`];
/// [`Code::FilesElsewhere`] instead if another station has issued it, and [`Code::FilesWithHolder`] if its holder has
/// fetched it over the network.
pub fn locate(store: &Path, view: &View, entry: &Entry) -> Result<StoredIdentity> {
    locate_here(store, view, entry).map_err(|error| match error.code() {
        Code::PlaceMissing | Code::FileUnreadable => {
            is_with_holder(view, entry).or_else(|| at_another_station(view, entry)).unwrap_or(error)
        }
        // The files of an earlier generation.
        Code::IdentityChanged => is_with_holder(view, entry).unwrap_or(error),
        _ => error,
    })
}

fn locate_here(store: &Path, view: &View, entry: &Entry) -> Result<StoredIdentity> {
    check_name(&entry.key.name)?;
    let shard = match entry.key.kind {
        Kind::Device => view.shard_of(entry)?,
        Kind::Ca | Kind::Server => None,
    };
    let source = match shard {
        None => Source::Directories(store.to_owned()),
        Some((job, shard, committed)) => {
            let place = place_of(store, view, job, &committed.place)?;
            // Sealed parts have no names that this station can read, so the row number decides.
            // A part without names identifies a device by its position.
            let first = view.job(job)?.map_or(0, |job| job.range(shard).0);
            let number = entry.job.map_or(0, |(_, number)| number.saturating_sub(first));
            let source = Source::open(store, &place, Attempt { shard, fence: committed.fence })?;
            return source.read(store, entry, usize::try_from(number).unwrap_or(usize::MAX));
        }
    };
    source.read(store, entry, 0)
}

/// The place of a shard of a job. The advice for a missing one is a command that records where it is.
fn place_of(store: &Path, view: &View, job: JobId, id: &str) -> Result<ShardStore> {
    ShardStore::find(store, id).or_else(|error| {
        let is_canceled = view.job(job)?.is_some_and(|job| job.canceled_at.is_some());
        // A canceled job issues nothing more, so that only a later phase can name its place.
        let command = match is_canceled {
            true => format!("tbpki fleet register --job {job}"),
            false => format!("tbpki fleet issue --resume {job}"),
        };
        Err(error.fix(format!("record where it is with `{command} --out DIR`, or with `--archive FILE`")))
    })
}

/// Fails if a name of the ledger would lead to another directory: a user who can write to the ledger chose it.
fn check_name(name: &str) -> Result<()> {
    // One plain component: `..`, an absolute path and a path of several parts would leave the directory of identities.
    let mut components = Path::new(name).components();
    match (components.next(), components.next()) {
        (Some(Component::Normal(only)), None) if only == name && !name.contains(['\\', '\0']) => Ok(()),
        _ => Err(Code::LedgerUnreadable.error(format!("the ledger has an identity with the name {}", quote(name)))),
    }
}

/// The identities of a shard that is issued, in the order of their names.
pub struct Shard {
    /// The rows of the ledger.
    pub entries: Vec<Entry>,
    store: PathBuf,
    source: Source,
}

impl Shard {
    /// Opens a shard wherever it lies.
    ///
    /// # Errors
    /// [`Code::PlaceMissing`], [`Code::ShardDamaged`]; [`Code::Internal`] for one that is not issued.
    pub fn open(store: &Path, view: &View, job: JobId, shard: u32) -> Result<Self> {
        let committed = view
            .committed(job, shard)?
            .ok_or_else(|| Code::Internal.error(format!("shard {shard} of job {job} is read and was never issued")))?;
        let place = place_of(store, view, job, &committed.place)?;
        let entries = view.shard(job, shard)?;
        let source = Source::open(store, &place, Attempt { shard, fence: committed.fence })?;
        Ok(Self { entries, store: store.to_owned(), source })
    }

    /// Reads the identity of the row `index`.
    ///
    /// # Errors
    /// [`Code::ShardDamaged`], [`Code::IdentityChanged`], and [`Code::FileUnreadable`].
    pub fn read(&self, index: usize) -> Result<StoredIdentity> {
        let entry = self.entries.get(index).ok_or_else(|| Code::Internal.error("a shard has no such row"))?;
        self.source.read(&self.store, entry, index)
    }
}

/// The place of a shard's files.
pub(super) enum Source {
    /// In directories of the store.
    Directories(PathBuf),
    /// One file a device.
    Files(BulkDir),
    /// In a tar, each at its place.
    Tar { tar: Zeroizing<Vec<u8>>, at: HashMap<String, Range<usize>>, path: PathBuf },
    /// The certificates alone, in the order of the rows.
    Certificates { all: Vec<Certificate>, path: PathBuf },
}

impl Source {
    pub(super) fn open(store: &Path, place: &ShardStore, attempt: Attempt) -> Result<Self> {
        match place.layout() {
            Layout::Directories => Ok(Self::Directories(store.to_owned())),
            Layout::Shards => {
                // A directory handle instead of a path: the directory may be renamed from its partial name at any
                // moment.
                let (name, all) = (attempt.directory(), BulkDir::open(&place.dir)?);
                let dir = published_or_not(&name, |name| all.dir(name))?;
                dir.map(Self::Files).ok_or_else(|| gone(&place.dir.join(name)))
            }
            Layout::Archive if place.packing().sealed => {
                let name = attempt.sidecar(Sidecar::Certificates);
                let path = place.dir.join(&name);
                let bytes = published_or_not(&name, |name| file::read_optional(place.dir.join(name), PART_LIMIT))?;
                let bytes = bytes.ok_or_else(|| gone(&path))?;
                let all = PemBundle::parse(&bytes).map_err(|error| error.at(&path))?.certificates;
                Ok(Self::Certificates { all, path })
            }
            Layout::Archive => {
                let (path, part) = part_of(place, attempt)?;
                let tar = pack::unpack(place.packing(), part).map_err(|error| error.at(&path))?;
                let mut at = HashMap::new();
                // Offsets instead of slices, because the struct owns the buffer that slices would borrow.
                let start = tar.as_ptr() as usize;
                for entry in tar::TarReader::new(&tar) {
                    let entry = entry.map_err(|error| error.at(&path))?;
                    // What the reader hands out is a piece of what it was given.
                    let offset = (entry.contents.as_ptr() as usize).saturating_sub(start);
                    at.insert(entry.name.to_owned(), offset..offset.saturating_add(entry.contents.len()));
                }
                Ok(Self::Tar { tar, at, path })
            }
        }
    }

    fn read(&self, store: &Path, entry: &Entry, index: usize) -> Result<StoredIdentity> {
        let name = entry.key.name.as_str();
        check_name(name)?;
        match self {
            Self::Directories(store) => from_directory(store, entry),
            Self::Files(dir) => {
                let path = dir.path().join(file_of(name));
                let bytes = file::read_optional(&path, FILE_LIMIT)?.ok_or_else(|| gone(&path))?;
                from_pem(entry, &bytes).map_err(|error| error.at(path))
            }
            Self::Tar { tar, at, path } => {
                let pem = at.get(&file_of(name)).and_then(|range| tar.get(range.clone()));
                let pem = pem.ok_or_else(|| gone(path).item(name))?;
                from_pem(entry, pem).map_err(|error| error.at(path).item(name))
            }
            Self::Certificates { all, path } => {
                let leaf = all.get(index).ok_or_else(|| gone(path).item(name))?.clone();
                let above = above_of(store, entry, &leaf)?;
                let located = StoredIdentity { leaf, above, key: HeldKey::Sealed };
                located.checked(entry).map_err(|error| error.at(path).item(name))
            }
        }
    }
}

impl StoredIdentity {
    /// An identity whose key only the recipients of an archive can read.
    pub(super) fn sealed(leaf: Certificate) -> Self {
        Self { leaf, above: Vec::new(), key: HeldKey::Sealed }
    }

    fn checked(self, entry: &Entry) -> Result<Self> {
        // The ledger's fingerprint decides, not the file name: a restored backup may contain an older generation.
        if entry.fingerprint == Some(self.leaf.fingerprint()) {
            return Ok(self);
        }
        Err(Code::IdentityChanged
            .error("the certificate here is not the one that the ledger knows")
            .fix("restore the file from a backup, or issue a new generation with `tbpki client --force`"))
    }
}

/// Looks for a file of a shard that the ledger has under its own name, and under the one that it has until it is
/// published: a run that was killed in between leaves it there, and another one may publish it at this moment.
fn published_or_not<T>(name: &str, look: impl Fn(&str) -> Result<Option<T>>) -> Result<Option<T>> {
    // The own name is tried again at the end: between the first two looks, another process may have published it.
    for name in [name, &Attempt::partial(name), name] {
        if let Some(found) = look(name)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Whether a directory that waits in `devices` holds the identities of a shard of this ledger, judged by its first
/// device.
pub fn waits_for(view: &View, job: JobId, shard: u32, devices: &Path, waiting: &str) -> Result<bool> {
    for entry in view.shard(job, shard)? {
        let path = devices.join(waiting).join(&entry.key.name).join(CHAIN);
        if let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? {
            let bundle = PemBundle::parse(&bytes).map_err(|error| error.at(&path))?;
            // One device is enough: the directory was written as a whole, by one attempt.
            let leaf = bundle.certificates.first();
            return Ok(leaf.is_some_and(|leaf| entry.fingerprint == Some(leaf.fingerprint())));
        }
    }
    // Every device of it was delivered before the run was killed: the directory is empty.
    Ok(true)
}

/// Whether the first identity of a shard that the ledger has in `place` is there.
///
/// # Errors
/// Those of the ledger and of the disk, but for a certificate that is missing or another one.
pub(crate) fn holds_shard(store: &Path, view: &View, place: &ShardStore, job: JobId, attempt: Attempt) -> Result<bool> {
    let first = view.shard(job, attempt.shard)?;
    let Some(entry) = first.first() else { return Ok(false) };
    match Source::open(store, place, attempt).and_then(|source| source.read(store, entry, 0)) {
        Ok(_) => Ok(true),
        // These two codes mean that the place belongs to another ledger. Other errors, for example of the disk, must
        // not look so.
        Err(error) if matches!(error.code(), Code::ShardDamaged | Code::IdentityChanged) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The part of an archive: by itself while the job is not done, in the whole afterwards.
fn part_of(place: &ShardStore, attempt: Attempt) -> Result<(PathBuf, Zeroizing<Vec<u8>>)> {
    let name = attempt.part(place.packing());
    let path = place.dir.join(&name);
    if let Some(bytes) = published_or_not(&name, |name| file::read_optional(place.dir.join(name), PART_LIMIT))? {
        return Ok((path, bytes));
    }
    let (joined, range) = JoinProgress::find(place, attempt.shard)?.ok_or_else(|| gone(&path))?;
    let damaged = |error: std::io::Error| {
        Code::ShardDamaged.error("a part of the archive cannot be read").at(&joined).caused_by(error)
    };
    let (Some(dir), Some(name)) = (joined.parent(), joined.file_name().and_then(|name| name.to_str())) else {
        return Err(gone(&joined));
    };
    let mut file = BulkDir::open(dir)?.open_file(name)?;
    // The range comes from a file, so its length is checked before memory is allocated.
    let length = usize::try_from(range.end.saturating_sub(range.start)).ok().filter(|length| *length <= PART_LIMIT);
    let mut part = Zeroizing::new(vec![0; length.ok_or_else(|| gone(&joined))?]);
    file.seek(SeekFrom::Start(range.start)).and_then(|_| file.read_exact(&mut part)).map_err(damaged)?;
    Ok((joined, part))
}

/// An identity in a directory of its own, as `client` writes it.
fn from_directory(store: &Path, entry: &Entry) -> Result<StoredIdentity> {
    let dir = generation_dir(store, entry);
    let path = dir.join(CHAIN);
    let bytes = file::read_optional(&path, FILE_LIMIT)?.ok_or_else(|| gone_device(&path, &entry.key.name))?;
    let mut certificates = PemBundle::parse(&bytes).map_err(|error| error.at(&path))?.certificates.into_iter();
    let leaf = certificates.next().ok_or_else(|| empty().at(&path))?;
    let key = match file::read_optional(dir.join(KEY), FILE_LIMIT)? {
        Some(pem) => HeldKey::Here(pem),
        None => HeldKey::Elsewhere,
    };
    // `client` writes the root only on request. It is not sent, so it is left out wherever it is.
    let above = certificates.filter(|ca| !ca.is_root()).collect();
    StoredIdentity { leaf, above, key }.checked(entry).map_err(|error| error.at(path))
}

/// An identity in one PEM text.
fn from_pem(entry: &Entry, pem: &[u8]) -> Result<StoredIdentity> {
    parse(pem)?.checked(entry)
}

/// The identity in one PEM text, whatever it is.
pub(super) fn parse(pem: &[u8]) -> Result<StoredIdentity> {
    let mut certificates = PemBundle::parse(pem)?.certificates.into_iter();
    let leaf = certificates.next().ok_or_else(empty)?;
    let key = HeldKey::Here(Zeroizing::new(pem.to_vec()));
    Ok(StoredIdentity { leaf, above: certificates.collect(), key })
}

/// The CAs above what a CA of the store has issued.
fn above_of(store: &Path, entry: &Entry, leaf: &Certificate) -> Result<Vec<Certificate>> {
    let ca = Ca::named(&entry.issuer);
    let mut above = ca.map_or_else(|| Ok(Vec::new()), |ca| ca.issuer_of(store, leaf))?;
    above.retain(|ca| !ca.is_root());
    Ok(above)
}

fn empty() -> Error {
    Code::ShardDamaged.error("there is no certificate in this")
}

/// The directory of a device, or the chain in it, was removed.
fn gone_device(path: &Path, name: &str) -> Error {
    let device = device_option(name);
    Code::FileUnreadable
        .error(format!("the files of the device {} are gone", quote(name)))
        .at(path)
        .item(name)
        .fix(format!(
            "restore them from a backup, issue a new generation with `tbpki client {device} --force`, or take the device out \
             of the store with `tbpki forget {device}`"
        ))
}

fn gone(path: &Path) -> Error {
    Code::ShardDamaged
        .error("a file of the shard is gone")
        .at(path)
        .fix("restore it from a backup, or issue a new generation with `tbpki client --force`")
}
