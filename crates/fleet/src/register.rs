//! Registering identities that exist: their certificates become what devices log in to the platform with.

mod candidate;

use std::time::{Duration, Instant};

use base::{Code, Error, Finding, Result};
use ledger::{Entry, Filter, Key, Kind, View};
use pki::device_name::DeviceName;
use provision::platform::{NewDevice, PlatformChange};
use schemars::JsonSchema;
use serde::Serialize;

pub(crate) use candidate::{Candidate, Manner, MaybeCandidate, Tried, concerns_all, may_pass};

use crate::platform::Connection;
use store::Store;
use store::Workspace;
use store::shard::Finder;

/// What is to be registered, and how.
#[derive(Debug, Clone)]
pub struct RegisterRequest {
    /// Which devices.
    pub names: Names,
    /// Replace the credential of a device that has another one.
    pub replace: bool,
    /// Also register devices that were unregistered.
    pub again: bool,
    /// What devices are made with that are not there yet.
    pub create: NewDevice,
    /// Say what would happen and change nothing.
    pub dry_run: bool,
}

/// Which devices are meant.
#[derive(Debug, Clone)]
pub enum Names {
    /// Every device of the store.
    All,
    /// These.
    These(Vec<DeviceName>),
}

/// What became of the devices.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RegisterReport {
    /// The address of the platform.
    pub platform: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// One for each device, in the order in which they were done.
    pub devices: Vec<DeviceRegistration>,
    /// How many of them failed.
    pub failed: usize,
    /// How many were not tried, since something was wrong that would have been wrong with them too.
    pub left: usize,
    /// How many were skipped, because they were unregistered.
    pub skipped: usize,
    /// What was noticed on the way.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// What became of one device in the platform.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeviceRegistration {
    /// Its name.
    pub name: String,
    /// What was done.
    pub done: PlatformDone,
    /// Whether that is only what would be done.
    pub dry_run: bool,
    /// The platform's number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The credentials id of its certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_id: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Finding>,
}

/// What was done in the platform, or in a dry run would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlatformDone {
    /// The device was not there and is now.
    Created,
    /// The device was there with another credential.
    Replaced,
    /// All was so already.
    Unchanged,
    /// The device was deleted.
    Deleted,
    /// There was no such device.
    Absent,
    /// A dry run of an identity that is not issued yet.
    Planned,
    /// It could not be done.
    Failed,
}

impl From<PlatformChange> for PlatformDone {
    fn from(done: PlatformChange) -> Self {
        match done {
            PlatformChange::Created => PlatformDone::Created,
            PlatformChange::Replaced => PlatformDone::Replaced,
            PlatformChange::Unchanged => PlatformDone::Unchanged,
            PlatformChange::Deleted => PlatformDone::Deleted,
            PlatformChange::Absent => PlatformDone::Absent,
        }
    }
}

/// Registers identities of the store.
///
/// # Errors
/// Of a single device, and of all when nothing was done yet, what went wrong. Otherwise the report says for each
/// device what did.
pub fn register(workspace: &mut Workspace<'_>, request: &RegisterRequest) -> Result<RegisterReport> {
    store::check_exists(workspace.store_dir())?;
    let connection = Connection::of(workspace)?;
    register_over(&connection, workspace, request)
}

/// The same over a connection that is there already.
pub(crate) fn register_over(
    connection: &Connection,
    workspace: &Workspace<'_>,
    request: &RegisterRequest,
) -> Result<RegisterReport> {
    let mut book = if request.dry_run {
        Book::DryRun(workspace.view()?)
    } else {
        Book::Kept { store: Box::new(workspace.open_store("register")?), pending: Vec::new(), since: Instant::now() }
    };
    let (names, skipped) = names(book.view(), request)?;
    let single = names.len() == 1;
    let report = RegisterReport { skipped, ..RegisterReport::new(connection, request.dry_run) };
    let mut run = Run { names: names.len(), report, ended: None };
    // Certificates are read when their turn comes: a fleet does not fit into memory.
    let mut items = names.into_iter();
    let mut finder = Finder::new(workspace.store_dir());
    let manner = Manner { replace: request.replace, dry_run: request.dry_run };
    while run.ended.is_none() {
        let next: Vec<String> = items.by_ref().take(BATCH).collect();
        if next.is_empty() {
            break;
        }
        let mut batch: Vec<MaybeCandidate> = Vec::new();
        for name in next {
            match candidate(&mut finder, book.view(), &name, request) {
                Ok(candidate) => batch.push(Ok(candidate)),
                Err(error) => run.report.devices.push(DeviceRegistration::failed(name, error)),
            }
        }
        connection
            .register_each(manner, batch, WATCH, |tried| tried.map_or(Ok(()), |tried| run.take(&mut book, tried)))
            .or_else(|error| if run.ended.is_some() { Ok(()) } else { Err(error) })?;
    }
    book.flush()?;
    run.finish(single)
}

/// Certificates that are in memory at once.
const BATCH: usize = 1024;

/// How often a run with nothing to do meanwhile looks up.
const WATCH: Duration = Duration::from_secs(60);

/// The devices that are meant, and how many of them are skipped because they were unregistered.
fn names(view: &View, request: &RegisterRequest) -> Result<(Vec<String>, usize)> {
    match &request.names {
        Names::These(names) => {
            let mut unique: Vec<String> = Vec::new();
            for name in names {
                if !unique.iter().any(|known| known == name.as_str()) {
                    unique.push(name.as_str().to_owned());
                }
            }
            Ok((unique, 0))
        }
        Names::All => {
            let devices = Filter { kind: Some(Kind::Device), current_only: true, ..Filter::default() };
            let (mut names, mut skipped) = (Vec::new(), 0);
            for entry in view.list(&devices) {
                let entry = entry?;
                if entry.is_for_bulk() || (request.again && entry.state.is_in_use()) {
                    names.push(entry.key.name);
                } else if entry.state.is_in_use() {
                    skipped += 1;
                }
            }
            Ok((names, skipped))
        }
    }
}

/// A device of the store, wherever its certificate is.
fn candidate(finder: &mut Finder, view: &View, name: &str, request: &RegisterRequest) -> Result<Candidate> {
    let entry = issued_entry(view, name)?;
    if entry.unregistered_at.is_some() && !request.again {
        return Err(Code::DeviceUnregistered
            .error(format!("the device {name:?} was unregistered"))
            .item(name)
            .fix("use --again if it is to log in again with the same certificate"));
    }
    let certificate = finder.locate(view, &entry)?.leaf;
    Ok(Candidate { key: entry.key, certificate, create: request.create.clone() })
}

/// The generation of a device that is in use.
pub(crate) fn issued_entry(view: &View, name: &str) -> Result<Entry> {
    let entry = view.current(Kind::Device, name)?.ok_or_else(|| {
        Code::UnknownIdentity
            .error(format!("the store holds no device {name:?}"))
            .item(name)
            .fix("issue it with `tbpki client --device NAME`; `tbpki list` shows what there is")
    })?;
    match entry.state {
        state if state.is_in_use() => Ok(entry),
        state => Err(Code::UnknownIdentity
            .error(format!("the certificate of the device {name:?} is {state}"))
            .item(name)
            .fix("run `tbpki client --device NAME` first")),
    }
}

/// What a run has come to.
struct Run {
    names: usize,
    report: RegisterReport,
    /// What ended it early.
    ended: Option<Error>,
}

impl Run {
    fn take(&mut self, book: &mut Book, tried: Tried) -> Result<()> {
        let Tried { key, credentials_id, outcome } = tried;
        match outcome {
            Ok(registration) => {
                book.registered(&key)?;
                self.report.findings.extend(registration.findings);
                self.report.devices.push(DeviceRegistration {
                    name: key.name,
                    done: registration.done.into(),
                    dry_run: self.report.dry_run,
                    device_id: registration.device_id,
                    credentials_id,
                    error: None,
                });
                Ok(())
            }
            Err(error) => {
                let error = explain(error, book.view(), &credentials_id.unwrap_or_default(), &key);
                book.failed(&key, &error)?;
                let ends = concerns_all(&error);
                let failed = DeviceRegistration::failed(key.name, error);
                let finding = failed.error.clone();
                self.report.devices.push(failed);
                match finding.filter(|_| ends) {
                    Some(finding) => {
                        self.ended = Some(Error::new(finding));
                        Err(Code::Internal.error("the run has ended"))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    fn finish(mut self, single: bool) -> Result<RegisterReport> {
        let report = &mut self.report;
        report.failed = report.devices.iter().filter(|device| device.error.is_some()).count();
        report.left = self.names - report.devices.len();
        let nothing_done = report.failed == report.devices.len();
        if let Some(error) = self.ended.filter(|_| nothing_done) {
            return Err(error);
        }
        let only = report.devices.first().and_then(|device| device.error.clone());
        match only.filter(|_| single) {
            Some(finding) => Err(Error::new(finding)),
            None => Ok(self.report),
        }
    }
}

impl RegisterReport {
    fn new(connection: &Connection, dry_run: bool) -> Self {
        let platform = connection.board.url().to_owned();
        Self { platform, dry_run, devices: Vec::new(), failed: 0, left: 0, skipped: 0, findings: Vec::new() }
    }
}

impl DeviceRegistration {
    /// What a dry run says of a device whose identity is not issued yet.
    pub(crate) fn planned(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, done: PlatformDone::Planned, dry_run: true, device_id: None, credentials_id: None, error: None }
    }

    pub(crate) fn failed(name: String, error: Error) -> Self {
        // Which of many it is says more than where the platform is.
        let error = Some(error.into_finding().item(&name));
        Self { name, done: PlatformDone::Failed, dry_run: false, device_id: None, credentials_id: None, error }
    }
}

/// Names the device that has the certificate already, where the ledger knows.
fn explain(error: Error, view: &View, credentials_id: &str, key: &Key) -> Error {
    if error.code() != Code::CertificateTaken {
        return error;
    }
    let known = view.by_credentials_id(credentials_id).ok().flatten().filter(|entry| entry.key.name != key.name);
    let why = error.finding().why.clone().unwrap_or_default();
    match known {
        Some(entry) => error.because(format!("{why}; in this store it is the one of {}", entry.key)),
        None => error.because(format!("{why}; the ledger has it for {key} alone")),
    }
}

/// Where outcomes are written down.
enum Book {
    /// Nowhere.
    DryRun(ledger::Ledger),
    /// In the ledger, several at a time: a commit waits for the disk. What a killed run did not write down is found
    /// registered by the next one.
    Kept { store: Box<Store>, pending: Vec<Key>, since: Instant },
}

impl Book {
    fn view(&self) -> &View {
        match self {
            Book::DryRun(ledger) => ledger,
            Book::Kept { store, .. } => &store.ledger,
        }
    }

    fn registered(&mut self, key: &Key) -> Result<()> {
        let Book::Kept { pending, since, .. } = self else { return Ok(()) };
        pending.push(key.clone());
        if pending.len() >= 64 || since.elapsed() > Duration::from_millis(250) { self.flush() } else { Ok(()) }
    }

    fn failed(&mut self, key: &Key, error: &Error) -> Result<()> {
        match self {
            Book::DryRun(_) => Ok(()),
            Book::Kept { store, .. } => store.ledger.failed(key, &error.to_string()),
        }
    }

    fn flush(&mut self) -> Result<()> {
        let Book::Kept { store, pending, since } = self else { return Ok(()) };
        *since = Instant::now();
        if pending.is_empty() {
            return Ok(());
        }
        let keys = std::mem::take(pending);
        store.ledger.transaction(|transaction| keys.iter().try_for_each(|key| transaction.registered(key)))
    }
}
