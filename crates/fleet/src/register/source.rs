//! The devices that a request means, with their certificates.

use std::path::Path;
use std::vec::IntoIter;

use base::text::{device_option, quote};
use base::{Code, Error, Result};
use identity::lifecycle::renew::is_fetched;
use ledger::{Entry, Filter, JobId, Key, Kind, Role, StagedName, View};
use pki::Certificate;
use provision::platform::NewDevice;

use super::candidate::{Candidate, settings_of};
use super::engine::Recorder as _;
use super::recorder::{RunCounts, StoreRecorder};
use super::renewals::{WaitingRenewal, of_job, of_name};
use super::report::RegisterReport;
use super::request::{DeviceSelection, RegisterRequest};
use crate::job_order::JobOrder;
use store::ca::Ca;
use store::shard::IdentityFinder;

/// Devices whose certificates are in memory at once: those of a fleet do not fit.
const BATCH: usize = 1000;

/// The devices of a request, batch by batch.
pub(crate) struct DeviceSource<'a> {
    request: &'a RegisterRequest,
    finder: IdentityFinder,
    lines: Lines,
    /// Names that are left, if devices were named.
    named: IntoIter<String>,
    /// The last device of the previous batch, if all devices of the store are meant.
    last: Option<Key>,
    is_at_end: bool,
    /// The devices that the batches had, and those that [`count_rest`](Self::count_rest) has counted.
    found: u64,
    /// Devices that are skipped, because they were unregistered.
    skipped: u64,
    /// Devices that are skipped, because they were revoked.
    revoked: u64,
}

impl<'a> DeviceSource<'a> {
    pub(crate) fn new(store: &Path, request: &'a RegisterRequest) -> Self {
        let mut named: Vec<String> = Vec::new();
        if let DeviceSelection::These(names) = &request.names {
            for name in names {
                // A name that is given twice is registered once.
                if !named.iter().any(|known| known == name.as_str()) {
                    named.push(name.as_str().to_owned());
                }
            }
        }
        Self {
            request,
            finder: IdentityFinder::new(store),
            lines: Lines::default(),
            named: named.into_iter(),
            last: None,
            is_at_end: false,
            found: 0,
            skipped: 0,
            revoked: 0,
        }
    }

    /// True if one device was named.
    pub(crate) fn is_single(&self) -> bool {
        // Before the first batch is taken; later the number of names is smaller.
        matches!(&self.request.names, DeviceSelection::These(_)) && self.named.len() == 1
    }

    /// The next batch; none at the end. Devices without a usable certificate fail at once.
    pub(crate) fn next(&mut self, recorder: &mut StoreRecorder<'_>) -> Result<Option<Vec<Candidate>>> {
        if self.is_at_end {
            return Ok(None);
        }
        let mut batch = Vec::new();
        match &self.request.names {
            DeviceSelection::These(_) if self.request.pending => {
                for name in self.named.by_ref().take(BATCH).collect::<Vec<_>>() {
                    self.found += 1;
                    match of_name(recorder.view(), &name, self.request.again) {
                        Ok(renewal) => self.add_renewal(renewal, &mut batch, recorder)?,
                        Err(error) => recorder.reject(name, error)?,
                    }
                }
                self.is_at_end = self.named.len() == 0;
            }
            DeviceSelection::OfJob(job) => {
                for name in self.names_of_job(recorder.view(), *job)? {
                    match of_job(recorder.view(), &name, self.request.again) {
                        Ok(Some(renewal)) => {
                            self.found += 1;
                            self.add_renewal(renewal, &mut batch, recorder)?;
                        }
                        Ok(None) => {}
                        Err(error) if error.code() == Code::Revoked => self.revoked += 1,
                        Err(error) if error.code() == Code::DeviceUnregistered => self.skipped += 1,
                        Err(error) => {
                            self.found += 1;
                            recorder.reject(name, error)?;
                        }
                    }
                }
            }
            DeviceSelection::These(_) => {
                for name in self.named.by_ref().take(BATCH).collect::<Vec<_>>() {
                    self.found += 1;
                    match named(recorder.view(), &name, self.request.again) {
                        Ok(entry) => self.add(entry, &mut batch, recorder)?,
                        Err(error) => recorder.reject(name, error)?,
                    }
                }
                self.is_at_end = self.named.len() == 0;
            }
            DeviceSelection::All => {
                for entry in self.page(recorder.view())? {
                    self.found += 1;
                    self.add(entry, &mut batch, recorder)?;
                }
            }
        }
        Ok(Some(batch))
    }

    /// Counts what the batches did not have.
    pub(crate) fn count_rest(&mut self, view: &View) -> Result<()> {
        self.found += self.named.len() as u64;
        while matches!(self.request.names, DeviceSelection::All) && !self.is_at_end {
            self.found += self.page(view)?.len() as u64;
        }
        Ok(())
    }

    /// The report of the run, without what is open. `ended` is the error that ended it.
    ///
    /// # Errors
    /// The failure of a device that was named alone; `ended` if nothing was registered.
    pub(crate) fn report(&self, counts: RunCounts, platform: String, ended: Option<Error>) -> Result<RegisterReport> {
        let RunCounts { registered, failed, revoked_meanwhile, only_failure } = counts;
        let left = self.found.saturating_sub(registered + failed + revoked_meanwhile);
        let report = RegisterReport {
            platform,
            dry_run: self.request.dry_run,
            registered,
            failed,
            left,
            skipped: self.skipped,
            revoked: self.revoked + revoked_meanwhile,
            open: Vec::new(),
            elsewhere: Vec::new(),
            findings: Vec::new(),
            stopped: None,
        };
        match (ended, only_failure) {
            (Some(error), _) if registered == 0 => Err(error),
            (_, Some(finding)) => Err(Error::new(finding)),
            (Some(_), None) => Ok(report),
            (None, None) => {
                let stopped = Code::StoppedEarly.warning("registering was stopped before it was done");
                Ok(RegisterReport { stopped: (left > 0).then_some(stopped), ..report })
            }
        }
    }

    /// The names of the next devices that a job has issued.
    fn names_of_job(&mut self, view: &View, job: JobId) -> Result<Vec<String>> {
        let of_job = Filter { kind: Some(Kind::Device), job: Some(job), ..Filter::default() };
        let page: Vec<Entry> = view.list_after(&of_job, self.last.take()).take(BATCH).collect::<Result<_>>()?;
        self.is_at_end = page.len() < BATCH;
        self.last = page.last().map(|entry| entry.key.clone());
        let mut names: Vec<String> = page.into_iter().map(|entry| entry.key.name).collect();
        names.dedup();
        Ok(names)
    }

    /// Adds a device with its renewal, or reports why that cannot be read.
    fn add_renewal(
        &mut self,
        renewal: WaitingRenewal,
        batch: &mut Vec<Candidate>,
        recorder: &mut StoreRecorder<'_>,
    ) -> Result<()> {
        let WaitingRenewal { entry, expected } = renewal;
        match certificate(&mut self.finder, recorder.view(), &entry) {
            Ok(certificate) => {
                let (create, is_renewal) = (self.request.create.clone(), !expected.is_empty());
                batch.push(Candidate { key: entry.key, certificate, create, expected, is_renewal });
            }
            Err(error) => recorder.reject(entry.key.name, error)?,
        }
        Ok(())
    }

    /// The next devices of the store that are meant.
    fn page(&mut self, view: &View) -> Result<Vec<Entry>> {
        let devices = Filter { kind: Some(Kind::Device), latest_only: true, ..Filter::default() };
        let mut page = Vec::new();
        // By the last key instead of an offset: other processes may add devices meanwhile.
        for entry in view.list_after(&devices, self.last.clone()) {
            let entry = entry?;
            self.last = Some(entry.key.clone());
            // `--again` includes unregistered devices, and never revoked ones.
            if entry.is_for_bulk() || (self.request.again && entry.is_current()) {
                page.push(entry);
            } else if entry.is_current() {
                self.skipped += 1;
            } else if entry.role == Role::Revoked {
                self.revoked += 1;
            }
            if page.len() == BATCH {
                return Ok(page);
            }
        }
        self.is_at_end = true;
        Ok(page)
    }

    /// Adds a device with its certificate and its settings, or reports why it has none.
    fn add(&mut self, entry: Entry, batch: &mut Vec<Candidate>, recorder: &mut StoreRecorder<'_>) -> Result<()> {
        let view = recorder.view();
        let expected = view.replaceable_here(&entry.key)?;
        let found = certificate(&mut self.finder, view, &entry);
        match found.and_then(|leaf| Ok((leaf, self.lines.settings(view, &entry, &self.request.create)?))) {
            Ok((certificate, create)) => {
                batch.push(Candidate { key: entry.key, certificate, create, expected, is_renewal: false });
            }
            Err(error) => recorder.reject(entry.key.name, error)?,
        }
        Ok(())
    }
}

/// The certificate of a generation: from its files, or from the ledger if the device has fetched it over the network.
///
/// # Errors
/// Those of [`IdentityFinder::locate`] if the ledger does not have it either.
pub(crate) fn certificate(finder: &mut IdentityFinder, view: &View, entry: &Entry) -> Result<Certificate> {
    // The files first: most devices of a fleet have some, and each question to the ledger takes time.
    finder.locate(view, entry).map(|located| located.leaf).or_else(|missing| {
        let Some(sent) = view.enrolled(&entry.key)? else { return Err(missing) };
        let certificate = Certificate::from_der(&sent.certificate)?;
        if entry.fingerprint == Some(certificate.fingerprint()) { Ok(certificate) } else { Err(missing) }
    })
}

/// The settings of devices in the lines of their jobs. The lines of the last shard stay in memory.
#[derive(Default)]
pub(crate) struct Lines {
    shard: Option<(JobId, u32)>,
    profile: Option<String>,
    names: Vec<StagedName>,
}

impl Lines {
    /// The settings that a device is created with: those of its line, if it was issued with a fleet, then `create`.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn settings(&mut self, view: &View, entry: &Entry, create: &NewDevice) -> Result<NewDevice> {
        // The profile whose CA issued it is its own, whatever keygen.toml names for others.
        let own = match Ca::named(&entry.issuer) {
            Some(Ca::Profile(profile)) => Some(profile.as_str().to_owned()),
            _ => None,
        };
        let create = &match own {
            Some(own) if !create.profile_is_given => NewDevice { profile: Some(own), ..create.clone() },
            _ => create.clone(),
        };
        let Some((job, shard, _)) = view.shard_of(entry)? else { return Ok(create.clone()) };
        // Devices come in the order of names, and mostly several of one shard follow each other.
        if self.shard != Some((job, shard)) {
            let of = view.job(job)?.ok_or_else(|| Code::Internal.error("a job is gone"))?;
            self.profile = JobOrder::kept(&of.parameters)?.profile;
            self.names = view.names(job, shard)?;
            self.shard = Some((job, shard));
        }
        let line = self.names.iter().find(|name| name.name == entry.key.name);
        let create = NewDevice { profile: self.profile.clone().or_else(|| create.profile.clone()), ..create.clone() };
        Ok(settings_of(line, &create))
    }
}

/// The generation of a device that was named, unless it was unregistered.
fn named(view: &View, name: &str, again: bool) -> Result<Entry> {
    let entry = issued_entry(view, name)?;
    check_not_unregistered(&entry, again)?;
    Ok(entry)
}

/// Fails if a device was unregistered, and must not be registered again.
///
/// # Errors
/// [`Code::DeviceUnregistered`].
pub(crate) fn check_not_unregistered(entry: &Entry, again: bool) -> Result<()> {
    let name = &entry.key.name;
    if entry.unregistered_at.is_none() || again {
        return Ok(());
    }
    Err(Code::DeviceUnregistered
        .error(format!("the device {} was unregistered", quote(name)))
        .item(name)
        .fix("if it is to log in again, use --again, with --replace if the platform has another credential of it"))
}

/// The generation of a device that is in use.
pub(crate) fn issued_entry(view: &View, name: &str) -> Result<Entry> {
    let entry = view.latest(Kind::Device, name)?.ok_or_else(|| {
        Code::UnknownIdentity
            .error(format!("the store has no device {}", quote(name)))
            .fix("issue it with `tbpki client --device NAME`; `tbpki list` shows what there is")
    })?;
    match entry.role {
        Role::Current => Ok(entry),
        Role::Revoked => Err(revoked(name)),
        Role::Pending => Err(only_pending(view, &entry)?),
        role => Err(Code::UnknownIdentity
            .error(format!("the certificate of the device {} is {role}", quote(name)))
            .item(name)
            .fix(format!("run `tbpki client {}` first", device_option(name)))),
    }
}

/// The error for a device that has a pending generation and none in use: it has fetched its first certificate and not confirmed
/// it, or its present certificate was revoked and its renewal was not.
///
/// # Errors
/// Those of the ledger.
pub(crate) fn only_pending(view: &View, entry: &Entry) -> Result<Error> {
    let name = entry.key.name.as_str();
    let device = device_option(name);
    // A revoked certificate before it changes nothing: the device cannot log in with that one.
    if is_fetched(view, entry)? {
        return Ok(Code::EnrolmentUnconfirmed
            .error(format!("the device {} has fetched its certificate over the network and not confirmed it", quote(name)))
            .item(name)
            .because("the device may not have received the certificate, so that it is not in use yet")
            .fix(format!(
                "leave it to the device and to `tbpki serve`; if the device has lost its key, `tbpki enroll password {device}` \
                 makes a password for another one"
            )));
    }
    Ok(Code::Revoked
        .error(format!("the present certificate of the device {} was revoked, and its renewal is pending", quote(name)))
        .item(name)
        .fix(format!(
            "if the device has the renewal, run `tbpki register --pending {device} --replace`; if not, issue a new generation \
             with `tbpki client {device}`"
        )))
}

/// The error for a device whose last certificate was revoked.
pub(crate) fn revoked(name: &str) -> Error {
    Code::Revoked.error(format!("the certificate of the device {} was revoked", quote(name))).item(name).fix(format!(
        "if the device is to be used again, issue a new generation with `tbpki client {}`",
        device_option(name)
    ))
}
