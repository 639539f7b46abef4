//! The report of renewals.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use base::text::quote;
use base::timestamp::rfc3339;
use base::{Code, Error, Finding, Location, Result, Severity};
use identity::report::IdentityReport;
use ledger::{Entry, Filter, Key, Kind, View};
use pki::device_name::DeviceName;
use schemars::JsonSchema;
use serde::Serialize;

use super::RenewSelection;
use crate::lifecycle::open_renewal::OpenRenewalReport;
use crate::lifecycle::outdated::OutdatedPlatform;

/// How many names a reason lists.
const NAMED: usize = 3;

/// What became of the identities.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct RenewReport {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// The renewed identities.
    pub renewed: Vec<IdentityReport>,
    /// Devices whose renewal is registered with the platform and in use since this run.
    pub registered: Vec<String>,
    /// Directories that have the files of a renewal since this run, because they were missing when it was made.
    pub copied: Vec<PathBuf>,
    /// Renewals that wait for their use.
    pub pending: Vec<PendingReport>,
    /// How many need no renewal yet.
    pub not_due: usize,
    /// How many were skipped, because they were revoked.
    pub revoked: usize,
    /// How many were skipped, because they log in with an access token.
    pub tokens: usize,
    /// The identities that are not renewed, or whose renewal is not in use: the same command must run again, or another one.
    pub left: Vec<NotRenewed>,
    /// Steps that are begun and not done. The same command finishes them.
    pub open: Vec<OpenRenewalReport>,
    /// Other platforms that have earlier certificates of the devices that were named, or registered in this run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elsewhere: Vec<OutdatedPlatform>,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// A renewal that waits for its use.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PendingReport {
    /// The device.
    pub name: String,
    /// The generation, from 1.
    pub generation: u32,
    /// The serial number in hexadecimal.
    pub serial: String,
    /// The last second of its validity (RFC 3339, UTC).
    pub not_after: String,
    /// Whether the device was unregistered: then no renewal brings it to the platform.
    pub unregistered: bool,
}

/// An identity that was not renewed, or whose renewal is not in use.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NotRenewed {
    /// `device` or `server`.
    pub kind: String,
    /// The name of the device or server.
    pub name: String,
    /// The part of the renewal that is not done.
    pub part: OpenPart,
    /// Why, and what to do.
    pub why: Finding,
}

/// A part of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OpenPart {
    /// The next certificate is not issued.
    Renewal,
    /// The next certificate is issued, and the platform does not have it.
    Registration,
    /// The next certificate is in use, and its files are not in their places.
    Installation,
}

impl OpenPart {
    /// All of them, in the order of a renewal.
    pub const ALL: [OpenPart; 3] = [OpenPart::Renewal, OpenPart::Registration, OpenPart::Installation];

    /// The word for identities of which it is not done.
    pub fn not_done(self) -> &'static str {
        match self {
            Self::Renewal => "not renewed",
            Self::Registration => "not registered",
            Self::Installation => "not installed",
        }
    }
}

impl PendingReport {
    pub(super) fn of(entry: &Entry) -> Self {
        Self {
            name: entry.key.name.clone(),
            generation: entry.generation().number(),
            serial: entry.serial.to_string(),
            not_after: rfc3339(entry.not_after),
            unregistered: entry.unregistered_at.is_some(),
        }
    }
}

impl NotRenewed {
    pub(super) fn of(key: &Key, part: OpenPart, error: Error) -> Self {
        let mut why = error.into_finding();
        // It is not the error of the command: the other identities were renewed, and exit status 4 tells the rest.
        why.severity = Severity::Warning;
        Self { kind: key.kind.as_str().to_owned(), name: key.name.clone(), part, why }
    }

    /// Whether the text of the failure is only that this identity cannot be renewed, with the reason behind it.
    fn is_named_in_what(&self) -> bool {
        self.why.code == Code::NotRenewable && self.why.why.is_some()
    }

    /// The reason for several identities that share it.
    fn of_several(&self, names: &[&str]) -> Finding {
        if names.len() < 2 {
            return self.why.clone();
        }
        let mut shown: Vec<String> = names.iter().take(NAMED).map(|name| quote(name).to_string()).collect();
        if let Some(more) = names.len().checked_sub(NAMED).filter(|more| *more > 0) {
            shown.push(format!("and {more} more"));
        }
        let (names, kind, shown) = (names.len(), &self.kind, shown.join(", "));
        let what = match self.is_named_in_what() {
            true => format!("{names} {kind}s cannot be renewed: {shown}"),
            // The text of the failure has the reason.
            false => format!("{names} {kind}s are {}: {shown}: {}", self.part.not_done(), self.why.what),
        };
        Finding { what, location: Location::default(), ..self.why.clone() }
    }
}

impl RenewReport {
    /// Whether the same command must run again, or another one.
    pub fn is_partly_done(&self) -> bool {
        !self.left.is_empty() || !self.open.is_empty() || !self.elsewhere.is_empty()
    }

    /// The error that prevented everything that was to be done, for example a wrong passphrase of the key of the CA. Nothing
    /// is then partly done, and the command ends with the status of the error.
    pub(super) fn take_error_of_all(&mut self) -> Option<Error> {
        let first = self.left.first()?;
        let is_same = |left: &NotRenewed| left.part == OpenPart::Renewal && left.why.code == first.why.code;
        let is_begun = !self.renewed.is_empty() || !self.registered.is_empty() || !self.copied.is_empty();
        if is_begun || first.why.code.is_of_one() || !self.left.iter().all(is_same) {
            return None;
        }
        Some(Error::new(self.left.swap_remove(0).why))
    }

    /// Adds the other platforms that have earlier certificates.
    pub(super) fn look_elsewhere(&mut self, view: &View, which: &RenewSelection) -> Result<()> {
        let mut names: BTreeSet<&str> = self.registered.iter().map(String::as_str).collect();
        if let RenewSelection::Devices(devices) = which {
            names.extend(devices.iter().map(DeviceName::as_str));
        }
        for name in names {
            self.elsewhere.extend(OutdatedPlatform::of(view, name)?);
        }
        self.findings.extend(self.elsewhere.iter().map(OutdatedPlatform::finding));
        Ok(())
    }

    /// The reasons for those that are left. Identities with the same reason and the same remedy have one, as the devices of a
    /// fleet do.
    pub fn left_findings(&self) -> Vec<Finding> {
        let mut groups: Vec<(&NotRenewed, Vec<&str>)> = Vec::new();
        let mut known = HashMap::new();
        for left in &self.left {
            let why = &left.why;
            // Texts that name the identity differ.
            let what = (!left.is_named_in_what()).then_some(why.what.as_str());
            let key = (left.kind.as_str(), left.part, why.code, what, why.why.as_deref(), why.fix.as_deref());
            let group: Option<usize> = known.get(&key).copied();
            match group.and_then(|index| groups.get_mut(index)) {
                Some((_, names)) => names.push(&left.name),
                None => {
                    known.insert(key, groups.len());
                    groups.push((left, vec![&left.name]));
                }
            }
        }
        groups.into_iter().map(|(left, names)| left.of_several(&names)).collect()
    }

    /// Adds what is open and what is pending among the identities.
    pub(super) fn look(&mut self, view: &View, which: &RenewSelection) -> Result<()> {
        self.open = open(view, which)?;
        let mut names: Vec<String> = Vec::new();
        match which {
            RenewSelection::Devices(devices) => names.extend(devices.iter().map(|name| name.as_str().to_owned())),
            RenewSelection::Server(_) => {}
            RenewSelection::All => {
                // A prepared CA is pending, too, and comes into use by `tbpki ca activate`.
                let pending = Filter { kind: Some(Kind::Device), pending_only: true, ..Filter::default() };
                for entry in view.list(&pending) {
                    let entry = entry?;
                    // Those of a job have a list of their own.
                    if entry.job.is_none() {
                        self.pending.push(PendingReport::of(&entry));
                    }
                }
            }
        }
        names.sort();
        names.dedup();
        for name in names {
            self.pending.extend(view.pending(Kind::Device, &name)?.as_ref().map(PendingReport::of));
        }
        Ok(())
    }
}

/// The steps of renewals that are not done, of these identities.
pub(super) fn open(view: &View, which: &RenewSelection) -> Result<Vec<OpenRenewalReport>> {
    let open = view.open_renewals()?.into_iter().filter(|open| which.includes(&open.key));
    Ok(open.map(OpenRenewalReport::from).collect())
}
