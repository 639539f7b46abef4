//! A fleet directory of another ledger, or of a ledger that was lost, taken over as a job of this one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base::text::quote;
use base::{Code, Error, Result};
use ledger::{Entry, Job, JobId, Kind, Origin, View};
use schemars::JsonSchema;
use serde::Serialize;
use store::shard::{Layout, OwningJob, ShardStore};
use store::{Store, Workspace};

use super::parts::{Known, look_up};
use super::repair::issuers::Issuers;
use super::repair::{Candidate, Jobs, LOST_LINES, record_names};
use super::scan::{Found, Places, Seen, shards};

/// What a directory does not show of the registrations of its devices.
const REGISTRATIONS: &str = "registrations: `tbpki store check --platform` compares them";
/// What a directory does not show of the stations that have worked in it.
const ISSUED_BY: &str = "the stations that issued them: `tbpki revoke --station` does not find them";

/// What was taken over.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct AdoptReport {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The fleet directory that was taken over, or would be.
    pub directory: String,
    /// The number of the job in this ledger; `null` in a dry run.
    pub job: Option<u64>,
    /// Certificates that were compared and taken over.
    pub identities: u64,
    /// True if they are renewals of devices of this ledger: they wait until the devices use them.
    pub renews: bool,
    /// What the directory does not show.
    pub unknown: Vec<String>,
}

/// Compares every certificate in a fleet directory with the CAs of this store and with its key, then records the job and
/// its identities. The directory then belongs to this ledger. Of a job that the ledger has, only the place is recorded: the
/// directory was moved. Certificates that are all later than those in use of their names are renewals, and wait.
///
/// # Errors
/// [`Code::PlaceMissing`] if it is no fleet directory, [`Code::PlaceTaken`] if this ledger has a part of it or its job, or
/// if it is inside of the store, [`Code::NotAdopted`] for a certificate that does not fit, [`Code::DuplicateNames`] for a name in use: nothing is
/// changed then.
pub fn adopt(workspace: &mut Workspace<'_>, dir: &Path, dry_run: bool) -> Result<AdoptReport> {
    // Also a ledger that was restored and not compared yet: the directory can have what it lacks. A ledger that is older than
    // its files is refused, because the changes of this verb would hide it.
    let mut store = workspace.open_restored_store("fleet adopt")?;
    let place = ShardStore::open(dir)?.filter(|place| place.layout() != Layout::Directories);
    let place = place.ok_or_else(|| {
        Code::PlaceMissing
            .error("this is not a directory with the shards of a job")
            .at(dir)
            .fix("name the directory of `--out`, or FILE.parts next to an archive")
    })?;
    let of_ledger = place.job_uid().map(str::parse).transpose()?;
    let of_ledger = of_ledger.map(|uid| store.ledger.job_of_uid(uid)).transpose()?.flatten();
    // One that the store has already stays where it is.
    if of_ledger.is_none() {
        ShardStore::check_outside(store.dir(), dir)?;
    }
    let issuers = Issuers::record(workspace, &mut store)?;
    let known = BTreeMap::from([(place.id().to_owned(), place.clone())]);
    let places = Places { known, missing: BTreeMap::new(), recorded: BTreeMap::new(), remembered: BTreeSet::new() };
    let mut jobs = Jobs::new(workspace, &places, None)?;
    let Contents { mut candidates, known_rows, has_new, first_renewed } =
        Contents::read(&store, &place, of_ledger, &issuers, &mut jobs)?;
    if let Some(first) = known_rows.first() {
        let job = job_of_place(&store, &place, &known_rows)?.filter(|_| candidates.is_empty());
        let job = job.ok_or_else(|| taken(dir, &first.key.name))?;
        if !dry_run {
            locate(&store, &place, dir, &job, &known_rows)?;
        }
        return Ok(AdoptReport {
            dry_run,
            directory: dir.to_string_lossy().into_owned(),
            job: (!dry_run).then(|| job.id.number()),
            identities: known_rows.len().try_into().unwrap_or(u64::MAX),
            renews: job.renews,
            unknown: Vec::new(),
        });
    }
    let renews = first_renewed.is_some();
    if let Some(error) = first_renewed.filter(|_| has_new) {
        return Err(error);
    }
    let unknown: &[&str] = match renews {
        // Label, profile and attributes of a device in use are on the platform.
        true => &[ISSUED_BY],
        false => &[LOST_LINES, REGISTRATIONS, ISSUED_BY],
    };
    let unknown: Vec<String> = unknown.iter().map(|text| (*text).to_owned()).collect();
    let identities = candidates.len().try_into().unwrap_or(u64::MAX);
    let directory = dir.to_string_lossy().into_owned();
    if dry_run {
        return Ok(AdoptReport { dry_run, directory, job: None, identities, renews, unknown });
    }
    Candidate::sort(&mut candidates);
    let (_, ids) = record_names(&mut store, &candidates, &jobs, Origin::Adopted)?;
    let job = ids.job_of(place.id()).map(|id| store.ledger.job(id)).transpose()?.flatten();
    if let Some(job) = &job {
        // The ledger has the shards by now: a run that is killed here is finished by the same command.
        place.assign(store.dir(), job, &store.ledger)?;
    }
    Ok(AdoptReport { dry_run, directory, job: job.map(|job| job.id.number()), identities, renews, unknown })
}

/// The certificates of a fleet directory, compared with the ledger.
#[derive(Default)]
struct Contents {
    /// Those that the ledger does not have.
    candidates: Vec<Candidate>,
    /// The rows of those that it has.
    known_rows: Vec<Entry>,
    /// Whether a name has no certificate in use.
    has_new: bool,
    /// The error for a name with an earlier certificate in use: a directory has names of one kind.
    first_renewed: Option<Error>,
}

impl Contents {
    /// Reads the directory. `of_ledger` is its job if the ledger has it.
    ///
    /// # Errors
    /// Those of [`adopt`].
    fn read(
        store: &Store,
        place: &ShardStore,
        of_ledger: Option<JobId>,
        issuers: &Issuers,
        jobs: &mut Jobs,
    ) -> Result<Self> {
        let revoked = store.ledger.unseen()?;
        let mut contents = Self::default();
        let mut names = Vec::new();
        shards(store.dir(), place.id(), place, &[], &mut |seen| {
            let found = match seen {
                Seen::Identity(found) => found,
                Seen::WrongKey { name, path, error, .. } | Seen::Unreadable { name, path, error, .. } => {
                    return Err(refused(&name, &path, &error));
                }
                Seen::ShardGone { error, .. } => return Err(error),
                // A wrong mode is no reason against a certificate: `store check` reports it afterwards.
                Seen::Loose(_) => return Ok(()),
            };
            jobs.count(&found);
            match look_up(&store.ledger, &found)? {
                Known::Foreign => of_ledger.map_or(Ok(()), |job| Err(lacks_shards(place, job)))?,
                Known::Row(row) => {
                    contents.known_rows.push(*row);
                    return Ok(());
                }
                Known::Unfinished => return Err(taken(&place.dir, &found.name)),
            }
            let issuer = issuers.of(&found.leaf)?.ok_or_else(|| {
                let error = Code::NotAdopted.error("no CA of this store has issued a certificate of the directory");
                error.at(&found.path).item(&found.name).fix("adopt it in a store with the CA that issued it")
            })?;
            let candidate = Candidate::of(&found, issuer, jobs)?;
            // A revoked certificate takes its name from no other one.
            if !candidate.is_among(&revoked) {
                match renewed_by(&store.ledger, &found)? {
                    Some(holder) => drop(contents.first_renewed.get_or_insert_with(|| in_use(&found, &holder))),
                    None => names.push(found.name.clone()),
                }
            }
            contents.candidates.push(candidate);
            Ok(())
        })?;
        contents.has_new = !names.is_empty();
        // At once for all of them: a question reads all names of open jobs.
        let reserved = store.ledger.reserved_among(names.iter().map(String::as_str))?;
        names.iter().try_for_each(|name| reserved.check(&store.ledger, Kind::Device, name))?;
        Ok(contents)
    }
}

/// The certificate in use that a certificate of the directory renews: it is later, and no other renewal waits. `None` if
/// the name is free.
///
/// # Errors
/// [`Code::DuplicateNames`] if the name is in use otherwise.
fn renewed_by(view: &View, found: &Found) -> Result<Option<Entry>> {
    let Some(holder) = view.current(Kind::Device, &found.name)? else {
        return Ok(None);
    };
    let is_later = holder.not_before < found.leaf.not_before();
    if is_later && view.pending(Kind::Device, &found.name)?.is_none() {
        return Ok(Some(holder));
    }
    Err(in_use(found, &holder))
}

/// The error for a name whose certificate in use is another one. A device uses that, so that nothing advises to forget it.
fn in_use(found: &Found, holder: &Entry) -> Error {
    Code::DuplicateNames
        .error(format!("the name {} is in use in this ledger", quote(&found.name)))
        .because(format!("its certificate has the serial number {}", holder.serial))
        .at(&found.path)
        .fix(
            "keep the directory with its own ledger; only a directory of which every certificate is later than the one \
             in use, with no renewal that waits, is adopted as a renewal",
        )
}

/// The error for a directory of a job that the ledger has, without all of its shards: a repair takes them over.
fn lacks_shards(place: &ShardStore, job: JobId) -> Error {
    Code::PlaceTaken
        .error(format!("the directory belongs to job {job} of this ledger, which does not have all of its shards"))
        .at(&place.dir)
        .fix(format!(
            "run `tbpki store repair`, which takes them over; if the directory was moved, move it back first to where \
             job {job} has written it"
        ))
}

/// The job of which the ledger has all certificates of a place: it was adopted before, perhaps by an interrupted run, or it
/// is this ledger's own and was moved. `None` if they are of another place.
fn job_of_place(store: &Store, place: &ShardStore, rows: &[Entry]) -> Result<Option<Job>> {
    let mut job = None;
    for row in rows {
        match store.ledger.shard_of(row)? {
            Some((id, _, committed)) if committed.place == place.id() && job.is_none_or(|job| job == id) => {
                job = Some(id);
            }
            _ => return Ok(None),
        }
    }
    Ok(job.map(|id| store.ledger.job(id)).transpose()?.flatten())
}

/// Records where the shards of a job of this ledger are.
fn locate(store: &Store, place: &ShardStore, dir: &Path, job: &Job, rows: &[Entry]) -> Result<()> {
    let is_adopted = rows.iter().all(|row| row.origin == Some(Origin::Adopted));
    // An adoption that was interrupted after the ledger had the certificates.
    if is_adopted && !place.is_assigned(store.dir(), job) {
        return place.assign(store.dir(), job, &store.ledger);
    }
    // The directory was moved, unless another ledger has adopted it meanwhile.
    let owner = OwningJob { job, view: &store.ledger };
    ShardStore::make(store.dir(), dir, place.layout(), place.packing(), &owner).map(drop)
}

fn taken(dir: &Path, name: &str) -> Error {
    Code::PlaceTaken
        .error(format!("the ledger has the certificate of {} already", quote(name)))
        .at(dir)
        .fix("the directory has shards of several jobs or ledgers: run `tbpki store repair` if shards of it are lost")
}

fn refused(name: &str, path: &Path, error: &Error) -> Error {
    Code::NotAdopted.error(error.finding().what.clone()).at(path).item(name)
}
