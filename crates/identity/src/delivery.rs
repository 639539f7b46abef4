//! The files of an identity on their way: into the store, and into the directory that gets copies.
//!
//! Both sets are on the disk, next to their places, before the first file moves into its place.

use std::path::{Path, PathBuf};

use base::file::{FileSet, Mode, Ownership, Rehearsal, StagedFiles, WrittenFile};
use base::{Code, Result, file};
use ledger::{Entry, Kind, View};
use pki::identity::Identity;
use pki::pem_bundle::PemBundle;
use pki::{Algorithm, Certificate, PrivateKey};

use crate::files::identity::IdentityView;
use crate::files::kubernetes_secret;
use crate::files::output::OutputFile;
use crate::files::settings::SettingsState;
use crate::files::table::FileRow;
use crate::issuance::is_same_path;
use crate::issue_request::{IssueRequest, TrustedEntries};
use crate::report::FileReport;
use crate::thingsboard::SettingsForm;
use store::file_names::PENDING;
use store::{FILE_LIMIT, identity_dir};

/// What the ledger may take when an identity is recorded, voided or issued, its password kept, and the changes folded
/// into `ledger.db`: with `ledger.db-wal` at its largest, several times what it takes as a rule.
const LEDGER_ROOM: usize = 96 << 10;

/// The file that takes as much room as the ledger is going to need.
const LEDGER_STAND_IN: &str = ".ledger";

/// More than any file with settings has, other than files inside it.
const SETTINGS_ROOM: usize = 16 << 10;

/// A directory outside the store that gets copies.
#[derive(Debug, Clone)]
pub(crate) struct CopyDestination {
    pub(crate) dir: PathBuf,
    pub(crate) ownership: Ownership,
}

/// The destination of copies, from a request.
pub(crate) fn destination(out: Option<PathBuf>, ownership: &Ownership) -> Option<CopyDestination> {
    out.map(|dir| CopyDestination { dir, ownership: ownership.clone() })
}

/// The files of an identity and their directories.
pub(crate) struct Delivery {
    store: FileSet,
    out: Option<FileSet>,
}

/// A delivery that only has to be moved into place.
pub(crate) struct StagedDelivery<'a> {
    store: StagedFiles<'a>,
    copies: StagedCopies<'a>,
}

/// The copies, once the files are in the store.
pub(crate) struct StagedCopies<'a>(Option<StagedFiles<'a>>);

/// A file to be delivered.
struct PendingFile {
    file: OutputFile,
    /// True if it takes the place of an older version of itself.
    is_refreshed: bool,
    /// True if copies of it may take the place of older versions.
    follows_anchors: bool,
}

impl Delivery {
    /// Finds what is in the way, without writing.
    pub(crate) fn check(&self) -> Result<()> {
        self.sets().try_for_each(|set| set.check().map(drop))
    }

    /// The expected result for each file, and the obstacles, without writing.
    pub(crate) fn outlook(&self) -> Result<Vec<FileReport>> {
        let sets: Vec<Vec<WrittenFile>> = self.sets().map(FileSet::check).collect::<Result<_>>()?;
        let files = sets.into_iter().flatten().filter(|file| !file.path.ends_with(LEDGER_STAND_IN));
        Ok(files.map(FileReport::expected).collect())
    }

    /// Finds everything that would stop it, as far as that shows now: directories that cannot be written to, owners
    /// that cannot be set, full disks. Nothing stays.
    pub(crate) fn rehearse(&self) -> Result<Vec<Rehearsal<'_>>> {
        self.sets().map(FileSet::rehearse).collect()
    }

    /// Writes every file next to its place.
    pub(crate) fn stage(&self) -> Result<StagedDelivery<'_>> {
        // The store first. If the directory for copies refuses, nothing has been moved yet.
        let store = self.store.stage()?;
        if let Some(out) = &self.out {
            sweep_parent(out.dir());
        }
        Ok(StagedDelivery { store, copies: StagedCopies(self.out.as_ref().map(FileSet::stage).transpose()?) })
    }

    fn sets(&self) -> impl Iterator<Item = &FileSet> {
        std::iter::once(&self.store).chain(&self.out)
    }
}

impl<'a> StagedDelivery<'a> {
    /// Moves the files into the store.
    pub(crate) fn into_store(self) -> Result<(Vec<WrittenFile>, StagedCopies<'a>)> {
        Ok((self.store.commit()?, self.copies))
    }
}

impl StagedCopies<'_> {
    /// Moves the copies into their places.
    pub(crate) fn commit(self) -> Result<Vec<WrittenFile>> {
        self.0.map_or(Ok(Vec::new()), StagedFiles::commit)
    }
}

impl IssueRequest<'_> {
    /// The delivery of an identity that is not issued yet, with stand-ins for what is not known.
    pub(crate) fn expected_delivery(&self, store: &Path, replaces: Option<&Entry>) -> Result<Delivery> {
        let issuance = &self.issuance;
        let mut delivery = self.empty(store, replaces);
        let room = self.room();
        for set in std::iter::once(&mut delivery.store).chain(&mut delivery.out) {
            for row in issuance.files.written() {
                match row.independent(issuance.anchors.as_deref()) {
                    Some(text) => set.add(&row.name, text.into_bytes(), row.mode())?,
                    // Nothing is signed yet. A stand-in of about the right size takes the room, so that a full disk
                    // shows before a serial number is used.
                    None => set.add_unknown(&row.name, room, row.mode())?,
                };
            }
        }
        // A Secret for Kubernetes has a copy of each file.
        let secret_room = issuance.files.written().count() * room * 2 + SETTINGS_ROOM;
        for set in std::iter::once(&mut delivery.store).chain(&mut delivery.out) {
            if replaces.is_some() && issuance.kind == Kind::Server && kubernetes_secret::is_ours(set.dir())? {
                set.add_unknown(kubernetes_secret::SECRET, secret_room, Mode::Private)?;
            }
        }
        // Settings belong to the copies if there are any, because the server reads them there.
        let settings_set = delivery.out.as_mut().unwrap_or(&mut delivery.store);
        if let Some(settings) = &self.settings {
            settings.check_directory(settings_set.dir())?;
            for (name, state) in settings.names(settings_set.dir())? {
                // It is in the set already.
                let is_refreshed =
                    replaces.is_some() && name == kubernetes_secret::SECRET && state == SettingsState::Untouched;
                if !is_refreshed {
                    settings_set.add_unknown(name, SETTINGS_ROOM, Mode::Private)?;
                }
            }
        }
        // The ledger grows after the signature. If it is on the same disk, the files must leave it enough room to
        // record the result.
        delivery.store.add_unknown(LEDGER_STAND_IN, LEDGER_ROOM, Mode::Private)?;
        Ok(delivery)
    }

    /// The delivery of an identity that has just been issued.
    pub(crate) fn delivery_of_new(
        &self,
        store: &Path,
        identity: &Identity,
        replaces: Option<&Entry>,
    ) -> Result<Delivery> {
        let held = IdentityView::of(identity);
        let files = &self.issuance.files;
        let due = |row: &FileRow| {
            let written = files.write(row, &held)?;
            Ok(PendingFile { file: written, is_refreshed: false, follows_anchors: row.content.follows_anchors() })
        };
        let pending: Vec<PendingFile> = files.written().map(due).collect::<Result<_>>()?;
        let delivery = self.empty(store, replaces);
        self.filled(
            delivery,
            pending,
            false,
            replaces.is_none(),
            &replaces.map_or_else(|| "old".to_owned(), |entry| entry.serial.to_string()),
        )
    }

    /// The delivery of an identity that is in the store: what is there, what is missing, and again what has fallen behind
    /// of what it follows from.
    pub(crate) fn delivery_of(
        &self,
        store: &Path,
        ledger: &View,
        identity: &Identity,
        entry: &Entry,
    ) -> Result<Delivery> {
        let dir = self.dir_in(store);
        let held = IdentityView::of(identity);
        // The renewal of a fleet leaves its devices in shards, also those that `client` has put into the store before.
        let store_is_behind = entry.job.is_some() && self.issuance.is_behind(&dir, ledger, entry)?;
        let due = |row| self.due(row, &dir, &held, store_is_behind);
        let pending: Vec<PendingFile> = self.issuance.files.written().map(due).collect::<Result<_>>()?;
        // Copies that an interrupted run, or one without --out, left behind are of an earlier generation.
        let is_behind = match &self.out {
            Some(out) => {
                self.issuance.check_not_later(ledger, entry, &out.dir)?;
                self.issuance.holds_earlier(ledger, entry, &out.dir)?
            }
            None => false,
        };
        let suffix = if store_is_behind { self.old_suffix(&dir, None) } else { entry.serial.to_string() };
        self.filled(self.empty(store, None), pending, is_behind, false, &suffix)
    }

    /// A file that is there or is to be written. `is_behind`: the directory has the files of an earlier generation.
    fn due(&self, row: &FileRow, dir: &Path, held: &IdentityView<'_>, is_behind: bool) -> Result<PendingFile> {
        let files = &self.issuance.files;
        let follows_anchors = row.content.follows_anchors();
        let path = dir.join(&row.name);
        let Some(found) = file::read_optional(&path, FILE_LIMIT)? else {
            return Ok(PendingFile { file: files.write(row, held)?, is_refreshed: false, follows_anchors });
        };
        // Keystores are opened and compared by their entries, other files by certificates and key: bytes differ for
        // harmless reasons.
        let is_current = match (row.keystore_format(), &files.keystore) {
            (Some(format), Some(plan)) => plan.is_kept_in(&found, format, held)?,
            _ => hold_the_same(&files.write(row, held)?.contents, &found, row.content.needs_key()),
        };
        if is_current {
            let file = OutputFile { name: row.name.clone(), contents: found, mode: row.mode() };
            return Ok(PendingFile { file, is_refreshed: false, follows_anchors });
        }
        if follows_anchors || is_behind || self.is_other_path(row, &found, held)? {
            return Ok(PendingFile { file: files.write(row, held)?, is_refreshed: true, follows_anchors });
        }
        Err(Code::IdentityChanged
            .error("this file in the store is not of the identity that the ledger knows")
            .at(path)
            .fix("restore it from a backup, or remove it to have it written again"))
    }

    /// Whether a file has the same leaf and key with another certificate of the same CA: that of an earlier root.
    fn is_other_path(&self, row: &FileRow, found: &[u8], held: &IdentityView<'_>) -> Result<bool> {
        Ok(has_same_path(&self.issuance.files.write(row, held)?.contents, found, row.content.needs_key()))
    }

    fn filled(
        &self,
        mut delivery: Delivery,
        pending: Vec<PendingFile>,
        is_behind: bool,
        is_first: bool,
        old_suffix: &str,
    ) -> Result<Delivery> {
        let settings = self.settings_with(&delivery, &pending)?;
        let has_secret = settings.iter().any(|(file, _)| file.name == kubernetes_secret::SECRET);
        let files: Vec<&OutputFile> = pending.iter().map(|due| &due.file).collect();
        // The Secret has copies of the files, and is written again with them, whatever the command is. Before the first
        // generation, a Secret is that of another store.
        let secret = |dir: &Path, is_written: bool| match is_written || is_first || self.issuance.kind != Kind::Server {
            true => Ok(None),
            false => kubernetes_secret::with_files(dir, &files),
        };
        let store_secret = secret(delivery.store.dir(), has_secret && delivery.out.is_none())?;
        let mut settings_suffix = old_suffix.to_owned();
        if let Some(out) = &mut delivery.out {
            let holds_this = self.holds_this(out.dir(), &pending)?;
            let suffix = if is_behind { self.old_suffix(out.dir(), None) } else { old_suffix.to_owned() };
            for due in &pending {
                let is_older = due.follows_anchors || is_older_path(&out.dir().join(&due.file.name), &due.file)?;
                // In a directory with another certificate, files of the same names are those of another identity.
                put(out, due.file.clone(), is_behind || is_older && holds_this, &suffix)?;
            }
            if let Some(secret) = secret(out.dir(), has_secret)? {
                put(out, secret, true, &suffix)?;
            }
            settings_suffix = suffix;
        }
        if let Some(secret) = store_secret {
            put(&mut delivery.store, secret, true, old_suffix)?;
        }
        for due in pending {
            put(&mut delivery.store, due.file, due.is_refreshed, old_suffix)?;
        }
        let settings_set = delivery.out.as_mut().unwrap_or(&mut delivery.store);
        for (file, state) in settings {
            put(settings_set, file, state == SettingsState::Untouched, &settings_suffix)?;
        }
        Ok(delivery)
    }

    fn settings_with(&self, delivery: &Delivery, pending: &[PendingFile]) -> Result<Vec<(OutputFile, SettingsState)>> {
        let Some(settings) = &self.settings else { return Ok(Vec::new()) };
        let dir = delivery.out.as_ref().unwrap_or(&delivery.store).dir();
        let files: Vec<&OutputFile> = pending.iter().map(|due| &due.file).collect();
        settings.write(dir, &files, self.issuance.files.keystore.as_ref())
    }

    /// True if a directory holds copies of this very leaf. Only then are files there older versions of ours.
    fn holds_this(&self, dir: &Path, pending: &[PendingFile]) -> Result<bool> {
        let name = &self.issuance.files.chain_file;
        let Some(chain) = pending.iter().find(|due| due.file.name == *name) else { return Ok(false) };
        let leaf =
            |bytes: &[u8]| PemBundle::parse(bytes).ok().and_then(|bundle| bundle.certificates.into_iter().next());
        let found = file::read_optional(dir.join(name), FILE_LIMIT)?;
        Ok(found.and_then(|bytes| leaf(&bytes)).is_some_and(|found| Some(found) == leaf(&chain.file.contents)))
    }

    /// Sets without files, which replace what is there only if they were asked to.
    fn empty(&self, store: &Path, replaces: Option<&Entry>) -> Delivery {
        let set_for = |dir: &Path| {
            let set = FileSet::new(dir);
            if replaces.is_some() || self.issuance.force { set.replacing(self.old_suffix(dir, replaces)) } else { set }
        };
        Delivery {
            store: set_for(&self.dir_in(store)),
            out: self.out.as_ref().map(|out| {
                let others = self.issuance.files.rows.iter().map(|row| row.name.clone());
                let settings = SettingsForm::ALL.iter().map(|form| form.file_name().to_owned());
                set_for(&out.dir).owned_by(out.ownership.clone()).related(others.chain(settings))
            }),
        }
    }

    /// The serial number under which replaced files are kept: that of the leaf in that directory, because copies may be
    /// of an earlier generation than what the store replaces.
    fn old_suffix(&self, dir: &Path, replaces: Option<&Entry>) -> String {
        // An unreadable file does not tell where it comes from.
        let leaf = self.issuance.leaf_in(dir).ok().flatten();
        let serial = leaf.and_then(|leaf| ledger::SerialNumber::new(leaf.serial()).ok());
        let serial = serial.or_else(|| replaces.map(|entry| entry.serial.clone()));
        serial.map_or_else(|| "old".to_owned(), |serial| serial.to_string())
    }

    pub(crate) fn dir_in(&self, store: &Path) -> PathBuf {
        let dir = identity_dir(store, self.issuance.kind, self.issuance.name);
        if self.issuance.pending { dir.join(PENDING) } else { dir }
    }

    /// About how large a file of the identity gets: key and certificates as far as they are known, in base64.
    fn room(&self) -> usize {
        let own = match self.key.algorithm() {
            Algorithm::EcP256 | Algorithm::EcP384 | Algorithm::Ed25519 => 4 << 10,
            // RSA, whose keys and signatures are as long as their moduli.
            _ => 8 << 10,
        };
        let trusted: Vec<&Certificate> = match &self.keystore.trusted {
            TrustedEntries::Anchors => self.issuance.anchors.iter().flatten().collect(),
            TrustedEntries::Cas(cas) => cas.iter().map(|(_, certificate)| certificate).collect(),
        };
        let trusted = trusted.into_iter().map(|certificate| certificate.der().len());
        let names = self.sans.iter().map(|san| san.to_string().len());
        own + trusted.chain(names).sum::<usize>() * 3 / 2
    }
}

/// Removes what a killed process has left next to a directory that it had just made. Failures do no harm: the leftover
/// is empty, and a user who cannot read the parent directory has left nothing there.
fn sweep_parent(dir: &Path) {
    if let Some(Err(error)) = dir.parent().filter(|_| dir.exists()).map(file::recover) {
        tracing::debug!(%error, "not swept");
    }
}

fn put(set: &mut FileSet, file: OutputFile, may_replace: bool, old_suffix: &str) -> Result<()> {
    if may_replace {
        set.add_over(file.name, file.contents, file.mode, old_suffix)?;
    } else {
        set.add(file.name, file.contents, file.mode)?;
    }
    Ok(())
}

/// Whether the file at `path` is `file` with another certificate of the same CA.
fn is_older_path(path: &Path, file: &OutputFile) -> Result<bool> {
    let found = file::read_optional(path, FILE_LIMIT)?;
    Ok(found.is_some_and(|found| has_same_path(&file.contents, &found, file.mode == Mode::Private)))
}

/// Whether two PEM files hold the same leaf, CAs of the same names and keys above it, and the same key.
fn has_same_path(ours: &[u8], found: &[u8], has_key: bool) -> bool {
    let chain = |bytes: &[u8]| PemBundle::parse(bytes).ok().map(|bundle| bundle.certificates);
    let (Some(own), Some(other)) = (chain(ours), chain(found)) else { return false };
    // A file with the leaf alone has no CA certificate that a rollover could have changed.
    own.len() > 1 && is_same_path(&own, &other) && (!has_key || has_same_key(ours, found))
}

fn has_same_key(ours: &[u8], found: &[u8]) -> bool {
    let key = |bytes: &[u8]| PrivateKey::from_pem_or_der(bytes, None).ok().map(|key| key.spki_der().to_vec());
    key(ours).is_some_and(|ours| Some(ours) == key(found))
}

/// Whether two files hold the same certificates and the same key. Their bytes may differ: a text around the blocks, or
/// another form of the key, makes no other identity.
fn hold_the_same(ours: &[u8], found: &[u8], has_key: bool) -> bool {
    if ours == found {
        return true;
    }
    let certificates = |bytes: &[u8]| PemBundle::parse(bytes).ok().map(|bundle| bundle.certificates);
    let is_same_key = || !has_key || has_same_key(ours, found);
    certificates(ours).is_some_and(|ours| Some(ours) == certificates(found)) && is_same_key()
}
