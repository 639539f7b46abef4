//! The ledger compared with the files, and with the platform.

mod ca_files;
mod cas;
pub(in crate::lifecycle) mod lists;
pub(super) mod platform;

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use base::file::Lock;
use base::host::host_name;
use base::text::device_words;
use base::{Code, Error, Finding, Result, Severity};
use config::Config;
use identity::lifecycle::published_lists;
use identity::lifecycle::renew::{MissingFile, is_fetched, missing_files, outdated};
use ledger::{Entry, Filter, Kind, View};
use schemars::JsonSchema;
use serde::Serialize;
use store::shard::{Attempt, Layout, ShardStore, lost_index};
use store::{Store, Workspace, identity_dir, rollback};

use super::copies;
use super::parts::{Known, look_up};
pub use super::parts::{Problem, ProblemKind};
use super::scan::{FilesOf, Found, Places, Seen, scan};

/// How long a check waits for another verb to finish with the store.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// What is to be compared.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckRequest {
    /// Compare with the platform, also if the ledger was not restored.
    pub platform: bool,
    /// Never ask the platform.
    pub offline: bool,
}

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformCompared {
    /// Each device in use was looked up.
    Compared,
    /// It was not asked for.
    #[default]
    Skipped,
    /// No platform URL is configured.
    NotConfigured,
}

/// The result of a check.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct StoreCheckReport {
    /// Certificates in use in the ledger.
    pub in_ledger: u64,
    /// Certificates in files.
    pub in_files: u64,
    /// Directories and archives with shards.
    pub places: usize,
    /// Certificates in use that other stations keep, or that their holders have fetched: their files are not here.
    pub elsewhere: u64,
    /// Whether the platform was compared.
    pub platform: PlatformCompared,
    /// Whether the ledger was restored from a backup before, and counts as checked from now on.
    pub restored_ledger_confirmed: bool,
    /// The differences.
    pub problems: Vec<Problem>,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// Compares the ledger of a store with the files, and with the platform if that is asked for or the ledger was restored
/// from a backup. Nothing is changed but for the mark of a restored ledger, which goes if no difference is found that a repair could remove.
///
/// # Errors
/// Those of the ledger and of the disk. Differences are in the report.
pub fn check(workspace: &mut Workspace<'_>, request: CheckRequest) -> Result<StoreCheckReport> {
    let dir = workspace.store_dir().to_owned();
    store::check_exists(&dir)?;
    // Brings a ledger of an older layout up to date, which takes the same lock.
    drop(workspace.view()?);
    // Without the lock, an identity that another verb is about to deliver would be reported as a difference.
    let lock = Lock::acquire(&dir, "store check", PATIENCE)?;
    let view = workspace.view()?;
    view.check()?;
    let status = view.status()?;
    let mut report = StoreCheckReport {
        in_ledger: 0,
        in_files: 0,
        places: 0,
        elsewhere: 0,
        platform: PlatformCompared::Skipped,
        restored_ledger_confirmed: false,
        problems: Vec::new(),
        findings: Vec::new(),
    };
    match rollback::check(&dir, &view) {
        Err(error) if error.code() == Code::LedgerOlder => {
            let note = error.finding().location.file.as_ref().unwrap_or(&dir);
            report.problems.push(Problem::of_error(ProblemKind::Older, &error).at(note));
        }
        other => other?,
    }
    cas::check(&dir, &view, &mut report.problems)?;
    files(workspace.config, &dir, &view, &mut report)?;
    for doubtful in view.in_doubt()? {
        let what = "two certificates of this name can be in use, because a job issued it while it had one";
        report.problems.push(Problem::new(ProblemKind::Twice, what).entry(&doubtful));
    }
    lists::check(workspace, &view, &mut report.problems)?;
    report.findings.extend(published_lists::warnings(workspace.config, &dir, &view, workspace.now));
    let is_wanted = !request.offline && (request.platform || status.restored_at.is_some());
    if is_wanted && workspace.config.platform.url.value.is_none() && !request.platform {
        report.platform = PlatformCompared::NotConfigured;
    } else if is_wanted {
        let mut differences = Vec::new();
        platform::compare(workspace, &view, &mut |difference| {
            differences.push(difference.problem());
            Ok(())
        })?;
        report.problems.append(&mut differences);
        report.platform = PlatformCompared::Compared;
    }
    // Opening the store below takes the same lock.
    drop((view, lock));
    // What no repair can remove must not keep verbs closed for ever: it was compared, and it is listed.
    if status.restored_at.is_some() && report.problems.iter().all(|problem| problem.stays) {
        if report.platform == PlatformCompared::Skipped {
            report.findings.push(
                Code::LedgerRestored
                    .warning("the restored ledger was not compared with the platform, so it stays closed for verbs that write")
                    .fix("run `tbpki store check` without --offline"),
            );
        } else {
            let mut store = Store::open_to_check(&workspace.location, "store check")?;
            store.ledger.confirm_restored()?;
            report.restored_ledger_confirmed = true;
        }
    }
    if !report.problems.is_empty() {
        report.findings.push(
            Code::StoreDiffers
                .fault("the ledger and the files differ")
                .because(format!("differences: {}", report.problems.len()))
                .fix(
                    "run `tbpki store repair` to take over what the files show; restore files that are missing; if the \
                     directory of a job was moved, run `tbpki fleet adopt DIR`",
                ),
        );
    }
    Ok(report)
}

/// Compares the files with the ledger, and the ledger with the files.
fn files(config: &Config, dir: &Path, view: &View, report: &mut StoreCheckReport) -> Result<()> {
    let places = Places::of(dir, view)?;
    report.places = places.known.len();
    let mut seen: HashSet<[u8; 32]> = HashSet::new();
    let mut out_of_reach: BTreeSet<String> = places.missing.keys().cloned().collect();
    let (mut problems, mut gone, mut in_files) = (Vec::new(), Vec::new(), 0);
    scan(dir, &places, &mut |item| {
        match item {
            Seen::Identity(found) => {
                in_files += 1;
                problems.extend(compare(dir, view, &found)?);
                seen.insert(found.leaf.fingerprint());
            }
            Seen::WrongKey { kind, name, path, error } => {
                problems.push(Problem::of_error(ProblemKind::Key, &error).of(kind, &name).at(path));
            }
            Seen::Unreadable { kind, name, path, error } => {
                problems.push(Problem::of_error(ProblemKind::Unreadable, &error).of(kind, &name).at(path));
            }
            Seen::Loose(finding) => {
                let problem = Problem::new(ProblemKind::Mode, finding.what.clone());
                problems.push(finding.location.file.map_or(problem.clone(), |path| problem.at(path)));
            }
            Seen::ShardGone { place, attempt, error } => {
                out_of_reach.insert(place.clone());
                gone.push((place, attempt, error));
            }
        }
        Ok(())
    })?;
    copies::foreign(dir, view, &mut |found, _| {
        let what = "the ledger does not have this certificate, and the directory got copies of this name";
        let problem = Problem::new(ProblemKind::Foreign, what).of(found.kind, &found.name);
        problems.push(problem.serial(&found.leaf).at(&found.path));
        Ok(())
    })?;
    copies::with_other_cas(dir, view, &mut |problem| problems.push(problem))?;
    report.in_files = in_files;
    report.problems.append(&mut problems);
    lost_indexes(&places, report)?;
    let mut reach = Reach { out_of_reach, places: &places, needed: BTreeSet::new() };
    missing(config, dir, view, &seen, &mut reach, report)?;
    add_out_of_reach(view, &places, gone, &reach.needed, report);
    Ok(())
}

/// The indexes of joined archives that are gone. The archives are compared by their certificates.
fn lost_indexes(places: &Places, report: &mut StoreCheckReport) -> Result<()> {
    for (id, place) in places.known.iter().filter(|(id, _)| places.recorded.contains_key(*id)) {
        let Some(index) = lost_index(place)? else { continue };
        let what = match place.job() {
            Some(job) => {
                format!("the index of the archive is lost: `tbpki fleet issue --resume {job}` writes it again")
            }
            None => format!("the index of the archive {id} is lost"),
        };
        report.problems.push(Problem::new(ProblemKind::Missing, what).at(index));
    }
    Ok(())
}

/// The places and shards that cannot be read. One of which the ledger has all certificates and none is in use is no
/// difference: its owner may have destroyed it, as `forget` advises.
fn add_out_of_reach(
    view: &View,
    places: &Places,
    gone: Vec<(String, Attempt, Error)>,
    needed: &BTreeSet<(String, Attempt)>,
    report: &mut StoreCheckReport,
) {
    // In a shared ledger, the places of other stations are out of reach and not lost. Those that this store remembers are
    // this station's.
    for (id, error) in places.missing.iter().filter(|(id, _)| !view.is_shared() || places.remembered.contains(*id)) {
        let path = error.finding().location.file.clone();
        if !places.recorded.contains_key(id) || needed.iter().any(|(place, _)| place == id) {
            let problem = Problem::of_error(ProblemKind::Place, error);
            report.problems.push(if let Some(path) = path { problem.at(path) } else { problem.at(id) });
        } else {
            let note = Code::PlaceMissing.note("the directory or archive of a job is not there").item(id);
            let note = note.because("none of its certificates is in use or waits as a renewal");
            report.findings.push(if let Some(path) = path { note.at(path) } else { note });
        }
    }
    for (place, attempt, error) in gone {
        let path = error.finding().location.file.clone().unwrap_or_else(|| PathBuf::from(&place));
        let path = format!("{} shard {}", path.display(), attempt.shard);
        let is_recorded = places.recorded.get(&place).is_some_and(|attempts| attempts.contains(&attempt));
        if !is_recorded || needed.contains(&(place, attempt)) {
            report.problems.push(Problem::of_error(ProblemKind::Unreadable, &error).at(path));
        } else {
            let note = Finding { severity: Severity::Note, ..error.into_finding() };
            report.findings.push(note.because("none of its certificates is in use or waits as a renewal").item(path));
        }
    }
}

/// What can be seen of the places of shards.
struct Reach<'a> {
    /// The places that are not there, or not whole.
    out_of_reach: BTreeSet<String>,
    /// All places.
    places: &'a Places,
    /// The shards that are out of reach and have certificates that are in use or wait as renewals.
    needed: BTreeSet<(String, Attempt)>,
}

impl Reach<'_> {
    /// The directory of a shard with a file for each device.
    fn path_of(&self, place: &str, attempt: Attempt) -> Option<PathBuf> {
        let place = self.places.known.get(place).filter(|place| place.layout() == Layout::Shards)?;
        Some(place.dir.join(attempt.directory()))
    }
}

/// The difference between a file and the ledger, if there is one.
fn compare(dir: &Path, view: &View, found: &Found) -> Result<Option<Problem>> {
    let foreign = |what: &str| {
        Problem::new(ProblemKind::Foreign, what).of(found.kind, &found.name).serial(&found.leaf).at(&found.path)
    };
    let row = match look_up(view, found)? {
        Known::Row(row) => row,
        Known::Unfinished => return Ok(None),
        Known::Foreign => return Ok(Some(foreign("the ledger does not have this certificate"))),
    };
    if row.key.name != found.name || row.key.kind != found.kind {
        return Ok(Some(foreign(&format!("this is the certificate of {} {}", row.key.kind, row.key.name))));
    }
    // A shard keeps what was issued into it, and FILE.SERIAL is an earlier generation by its name.
    let is_replaced = found.shard.is_some() || found.files_of == FilesOf::Earlier || row.role.is_in_use();
    let current = view.current(found.kind, &found.name)?;
    // What a holder has fetched is in no file of the store, and an earlier generation stays in its files.
    let is_present = |current: &Entry| Ok::<_, Error>(!is_fetched(view, current)?);
    if is_replaced || !current.as_ref().map_or(Ok(false), is_present)? {
        return Ok(None);
    }
    let what = if found.files_of == FilesOf::Pending {
        if outdated(dir, view, &found.name)?.is_none() {
            return Ok(None);
        }
        format!("files of generation {}, which is {}: `tbpki store repair` removes them", row.key.generation, row.role)
    } else {
        let what = format!("the file holds generation {}, which is {}", row.key.generation, row.role);
        match current.filter(|current| current.job.is_some()) {
            // Its renewal is in a shard, and the files that were once taken out stay until they are asked for.
            Some(_) => format!("{what}: `tbpki client {}` brings the present files", device_words(&found.name)),
            None => what,
        }
    };
    Ok(Some(Problem::new(ProblemKind::Changed, what).entry(&row).at(&found.path)))
}

/// Certificates in use that are in no file, and further files that are lost.
fn missing(
    config: &Config,
    dir: &Path,
    view: &View,
    seen: &HashSet<[u8; 32]>,
    reach: &mut Reach<'_>,
    report: &mut StoreCheckReport,
) -> Result<()> {
    let store = ShardStore::open(dir)?;
    for kind in [Kind::Server, Kind::Device] {
        let filter = Filter { kind: Some(kind), ..Filter::default() };
        for entry in view.list(&filter) {
            let entry = entry?;
            let Some(fingerprint) = entry.fingerprint.filter(|_| entry.role.is_in_use()) else { continue };
            report.in_ledger += 1;
            if seen.contains(&fingerprint) {
                let is_here = identity_dir(dir, kind, &entry.key.name).is_dir();
                let lost = if is_here { missing_files(config, dir, &entry)? } else { Vec::new() };
                if !lost.is_empty() && !is_fetched(view, &entry)? {
                    let problem =
                        |lost: MissingFile| Problem::new(ProblemKind::Missing, lost.what).entry(&entry).at(lost.path);
                    report.problems.extend(lost.into_iter().map(problem));
                }
                continue;
            }
            if is_fetched(view, &entry)? {
                report.elsewhere += 1;
                continue;
            }
            let shard = view.shard_of(&entry)?;
            let attempt = shard.as_ref().map(|(_, shard, committed)| Attempt { shard: *shard, fence: committed.fence });
            let place = shard.map(|(_, _, committed)| committed.place);
            if let (Some(place), Some(attempt)) = (&place, attempt)
                && reach.out_of_reach.contains(place)
            {
                reach.needed.insert((place.clone(), attempt));
            }
            let is_here = match &place {
                Some(place) if reach.out_of_reach.contains(place) => continue_elsewhere(report),
                Some(place) => {
                    !view.is_shared()
                        || reach.places.remembered.contains(place)
                        || store
                            .as_ref()
                            .is_some_and(|store| store.id() == place && store.layout() == Layout::Directories)
                }
                // Other stations keep the files of what they have issued.
                None => !view.is_shared() || view.station_of(&entry)?.is_some_and(|station| station == host_name()),
            };
            if is_here {
                let what = format!("generation {} is {}, and no file holds it", entry.key.generation, entry.role);
                let problem = Problem::new(ProblemKind::Missing, what).entry(&entry);
                let path = place.as_ref().zip(attempt).and_then(|(place, attempt)| reach.path_of(place, attempt));
                report.problems.push(match path {
                    Some(path) => problem.at(path),
                    None => problem,
                });
            } else if !place.is_some_and(|place| reach.out_of_reach.contains(&place)) {
                report.elsewhere += 1;
            }
        }
    }
    Ok(())
}

/// Counts a certificate whose files are out of reach, which is a difference of its own already.
fn continue_elsewhere(report: &mut StoreCheckReport) -> bool {
    report.elsewhere += 1;
    false
}
