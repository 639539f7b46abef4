//! Registering a fleet, shard by shard, as fast as the platform bears.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base::{Code, Error, Finding, Result};
use ledger::{Job, Key, Phase, StagedName};
use provision::platform::{NewDevice, PlatformChange};
use schemars::JsonSchema;
use serde::Serialize;

use super::issue::Control;
use super::job::{self, Which};
use super::progress::Progress;
use super::report::{FleetReport, PhaseName, PhaseReport};
use super::results;
use super::shift::{self, Shift, Shifts, go_on};
use super::stop::Stop;
use crate::mass::issue::engine::TICK;
use crate::mass::job::order::{Destination, JobOrder};
use crate::platform::Connection;
use crate::register::{Candidate, DeviceRegistration, Manner, MaybeCandidate, Tried, concerns_all, may_pass};
use store::Store;
use store::Workspace;
use store::shard::Place;
use store::shard::Shard;

/// The verb, as locks name it.
const VERB: &str = "fleet register";
/// Failures that a report lists. The files with a line for each device have all of them.
const LISTED: usize = 20;
/// How often a device is tried whose failure may pass, each time behind the others of its shard.
const TRIES: u8 = 3;
/// When nothing has come of so many devices in a row, for so long, the platform is taken for broken. A ThingsBoard takes
/// about a minute to start again.
const IN_A_ROW: usize = 8;
const PATIENCE: Duration = Duration::from_secs(120);

/// What is to be registered, and how.
#[derive(Debug, Clone)]
pub struct FleetRegisterRequest {
    /// Which job.
    pub which: Which,
    /// Where its shards are, where they have been moved.
    pub destination: Destination,
    /// Replace the credential of a device that has another one.
    pub replace: bool,
    /// What devices are made with whose line says nothing else.
    pub create: NewDevice,
    /// Devices that are begun with in any second at most; unset, as many as the platform bears.
    pub rate: Option<NonZeroU32>,
    /// Where the files with a line for each device go; unset, they are written into the job's place when some failed.
    pub results: Option<PathBuf>,
    /// Ask the platform what would happen, and change nothing.
    pub dry_run: bool,
}

/// What was done in the platform.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct RegistrationReport {
    /// The address of the platform.
    pub platform: String,
    /// Devices that were made.
    pub created: u64,
    /// Devices that were there with another credential.
    pub replaced: u64,
    /// Devices that were registered already.
    pub unchanged: u64,
    /// The most devices that were under way at once.
    pub at_once: usize,
    /// To how few the platform has pushed that down; absent where it never has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed_down_to: Option<usize>,
    /// How many requests the platform has pushed back.
    pub pushed_back: u64,
    /// The first devices that failed.
    pub failures: Vec<DeviceRegistration>,
}

/// Registers what is left of a job.
///
/// # Errors
/// What the configuration and the job's place can be wrong about; what concerns the whole platform, where nothing was
/// registered by then. What goes wrong later stands in the report.
pub fn register(
    workspace: &mut Workspace<'_>,
    request: &FleetRegisterRequest,
    control: &mut Control<'_>,
) -> Result<FleetReport> {
    let mut store = workspace.open_store(VERB)?;
    let job = shift::find(&store, request.which, Phase::Register)?;
    let connection = Connection::of_fleet(workspace, request.rate)?;
    register_job(&connection, &mut store, &job, request, control)
}

/// The same for a job and over a connection that are at hand.
pub(crate) fn register_job(
    connection: &Connection,
    store: &mut Store,
    job: &Job,
    request: &FleetRegisterRequest,
    control: &mut Control<'_>,
) -> Result<FleetReport> {
    let order = JobOrder::kept(&job.parameters)?;
    if let Some(dir) = &request.results {
        results::check_is_free(&store.ledger, job, dir)?;
    }
    let place = shift::place(store, job, &order, &request.destination)?;
    let begun = Instant::now();
    let before = shift::count(&store.ledger, job.id, Phase::Register)?;
    let stop = Stop::on(control.stop);
    let mut run = Run {
        connection,
        manner: Manner { replace: request.replace, dry_run: request.dry_run },
        create: NewDevice {
            profile: order.profile.clone().or_else(|| request.create.profile.clone()),
            ..request.create.clone()
        },
        stop: &stop,
        progress: Progress::new("registering", before.done, job.size, control.tell),
        report: RegistrationReport { platform: connection.board.url().to_owned(), ..RegistrationReport::default() },
        findings: Vec::new(),
        failed: 0,
        in_a_row: 0,
        well: Instant::now(),
        ended: None,
    };
    if before.left > 0 {
        let profile = run.create.profile.clone();
        let ready = async {
            connection.board.log_in().await?;
            match &profile {
                Some(profile) => connection.board.check_profile(profile).await,
                None => Ok(()),
            }
        };
        connection.runtime.wait(ready).map_err(go_on)?;
    }
    if request.dry_run {
        run.examine(store, job)?;
    } else if before.left > 0 {
        run.all(store, job, &place)?;
    }
    let stopped = stop.is_signalled().then(|| Code::StoppedEarly.warning("registering was stopped before it was done"));
    let Run { mut report, findings, failed, ended, .. } = run;
    let pace = connection.board.pace().report();
    (report.at_once, report.pushed_down_to, report.pushed_back) = (pace.most, pace.least, pace.pushed_back);
    let counts = shift::count(&store.ledger, job.id, Phase::Register)?;
    let now = counts.done.saturating_sub(before.done);
    let worked = report.created + report.replaced + report.unchanged;
    if let Some(error) = ended.as_ref().filter(|_| worked == 0) {
        return Err(go_on(Error::new(error.finding().clone())));
    }
    let failed = if request.dry_run { failed } else { counts.failed };
    let mut whole = FleetReport {
        dry_run: request.dry_run,
        phases: vec![PhaseReport::new(PhaseName::Register, job.size, counts, now, failed, begun)],
        registration: Some(report),
        stopped: ended.map(|error| go_on(error).into_finding()).or(stopped),
        findings,
        ..FleetReport::of(job, &order, Some(&place))
    };
    whole.write_results(&store.ledger, job, request.results.as_deref(), counts.failed)?;
    Ok(whole)
}

/// A run over the shards of a job.
struct Run<'a> {
    connection: &'a Connection,
    manner: Manner,
    create: NewDevice,
    stop: &'a Stop<'a>,
    progress: Progress<'a>,
    report: RegistrationReport,
    findings: Vec<Finding>,
    failed: u64,
    /// How many devices in a row the platform has failed at.
    in_a_row: usize,
    /// When it last did what it was asked for.
    well: Instant,
    /// What ended it early.
    ended: Option<Error>,
}

impl Run<'_> {
    /// Registers shard after shard until there are none.
    fn all(&mut self, store: &mut Store, job: &Job, place: &Place) -> Result<()> {
        let station = job::station_name()?;
        let dir = store.dir().to_owned();
        let mut shifts = Shifts {
            ledger: &mut store.ledger,
            job: job.id,
            phase: Phase::Register,
            station: &station,
            place: place.id(),
        };
        shifts.begin()?;
        while let Some(mut shift) = shifts.next(self.stop)? {
            let worked = Shard::open(&dir, shifts.ledger, job.id, shift.claim.shard).and_then(|shard| {
                let names = shifts.ledger.names(job.id, shift.claim.shard)?;
                self.shard(&shard, &names, |event| match event {
                    Event::Done(key) => {
                        shift.done(key);
                        shift.keep(shifts.ledger)
                    }
                    Event::Failed(key, error) => {
                        shift.failed(key, error);
                        shift.keep(shifts.ledger)
                    }
                    Event::Nothing => shift.keep(shifts.ledger),
                })
            });
            self.end_of(&mut shifts, shift, worked)?;
            if self.ended.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// What becomes of a shard that was worked on.
    fn end_of(&mut self, shifts: &mut Shifts<'_>, shift: Shift, worked: Result<()>) -> Result<()> {
        let lost = |error: &Error| error.code() == Code::LeaseLost;
        let end = match worked {
            Err(error) if lost(&error) => Err(error),
            Err(error) => {
                let given_back = shifts.give_back(shift, &error.to_string());
                self.ended.get_or_insert(error);
                given_back
            }
            Ok(()) if self.ended.is_some() || self.stop.is_asked() => shifts.give_back(shift, "the run was ended"),
            Ok(()) => shifts.finish(shift),
        };
        match end {
            // What was registered meanwhile, the other station finds registered.
            Err(error) if lost(&error) => {
                tracing::warn!(%error, "another station registers this shard");
                Ok(())
            }
            other => other,
        }
    }

    /// Asks the platform what would happen to every device that is issued.
    fn examine(&mut self, store: &Store, job: &Job) -> Result<()> {
        for shard in 0..job.shards {
            if self.ended.is_some() || self.stop.is_asked() {
                break;
            }
            if store.ledger.committed(job.id, shard)?.is_some() {
                let names = store.ledger.names(job.id, shard)?;
                let shard = Shard::open(store.dir(), &store.ledger, job.id, shard)?;
                self.shard(&shard, &names, |_| Ok(()))?;
            }
        }
        Ok(())
    }

    /// Registers the devices of a shard that are not, and those again whose failure may have passed.
    fn shard(
        &mut self,
        shard: &Shard,
        names: &[StagedName],
        mut tell: impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut open = Vec::new();
        for (index, entry) in shard.entries.iter().enumerate() {
            if shift::lacks(entry, Phase::Register)? {
                open.push(index);
            }
        }
        let names: HashMap<&str, &StagedName> = names.iter().map(|name| (name.name.as_str(), name)).collect();
        for left in (0..TRIES).rev() {
            let mut again: Vec<Key> = Vec::new();
            let (connection, manner, create, stop) = (self.connection, self.manner, self.create.clone(), self.stop);
            let candidates = open.iter().take_while(|_| !stop.is_asked()).filter_map(|index| {
                let entry = shard.entries.get(*index)?;
                Some(candidate(shard, *index, entry, names.get(entry.key.name.as_str()).copied(), &create))
            });
            let tries = connection.register_each(manner, candidates, TICK, |tried| match tried {
                Some(tried) => self.take(tried, left > 0, &mut again, &mut tell),
                None => {
                    self.progress.tick();
                    tell(Event::Nothing)?;
                    if stop.is_overdue() { Err(Code::StoppedEarly.error("a stop was asked for")) } else { Ok(()) }
                }
            });
            match tries {
                // What ended the run is told by itself, and a stop by who asked for it.
                Err(_) if self.ended.is_some() => break,
                Err(error) if error.code() == Code::StoppedEarly => break,
                other => other?,
            }
            if again.is_empty() {
                break;
            }
            let again: HashSet<Key> = again.into_iter().collect();
            open.retain(|index| shard.entries.get(*index).is_some_and(|entry| again.contains(&entry.key)));
        }
        Ok(())
    }

    fn take(
        &mut self,
        tried: Tried,
        may_repeat: bool,
        again: &mut Vec<Key>,
        tell: &mut impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<()> {
        let Tried { key, credentials_id, outcome } = tried;
        let error = match outcome {
            Ok(registration) => {
                (self.in_a_row, self.well) = (0, Instant::now());
                match registration.done {
                    PlatformChange::Created => self.report.created += 1,
                    PlatformChange::Replaced => self.report.replaced += 1,
                    _ => self.report.unchanged += 1,
                }
                if self.findings.len() < LISTED {
                    self.findings.extend(registration.findings);
                }
                self.progress.advance(1);
                return tell(Event::Done(key));
            }
            Err(error) => error,
        };
        // It was there when the run began.
        let may_pass = may_pass(&error) || error.code() == Code::Unreachable;
        if may_pass {
            self.in_a_row += 1;
        } else {
            (self.in_a_row, self.well) = (0, Instant::now());
        }
        if (concerns_all(&error) && !may_pass) || is_broken(self.in_a_row, self.well.elapsed()) {
            self.ended = Some(error);
            return Err(Code::Internal.error("the run has ended"));
        }
        if may_repeat && may_pass {
            tracing::info!(device = key.name, %error, "is tried again later");
            again.push(key);
            return Ok(());
        }
        self.failed += 1;
        tell(Event::Failed(key.clone(), &error))?;
        if self.report.failures.len() < LISTED {
            let failed = DeviceRegistration::failed(key.name, error);
            self.report.failures.push(DeviceRegistration { credentials_id, ..failed });
        }
        self.progress.tick();
        Ok(())
    }
}

/// Whether a platform that has failed at so many devices in a row, and done nothing well for so long, is broken.
fn is_broken(in_a_row: usize, since: Duration) -> bool {
    in_a_row >= IN_A_ROW && since >= PATIENCE
}

/// What has happened to a shard's devices.
enum Event<'a> {
    /// This one is registered.
    Done(Key),
    /// This one failed.
    Failed(Key, &'a Error),
    /// Time has passed.
    Nothing,
}

fn candidate(
    shard: &Shard,
    index: usize,
    entry: &ledger::Entry,
    name: Option<&StagedName>,
    create: &NewDevice,
) -> MaybeCandidate {
    let key = entry.key.clone();
    let certificate = match shard.read(index) {
        Ok(located) => located.leaf,
        Err(error) => return Err((key, error)),
    };
    let mut create = create.clone();
    if let Some(name) = name {
        create.profile = name.profile.clone().or(create.profile);
        create.label = name.label.clone().or(create.label);
        create.attributes.extend(name.attributes.clone());
    }
    Ok(Candidate { key, certificate, create })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_that_starts_again_is_waited_for_and_one_that_does_not_come_back_is_given_up() {
        let minute = Duration::from_secs(60);
        assert!(!is_broken(1000, minute), "many devices at once fail in a moment");
        assert!(!is_broken(1, 10 * minute), "one device that always fails says nothing of the others");
        assert!(is_broken(8, 2 * minute));
    }
}
