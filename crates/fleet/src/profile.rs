//! Device profiles that provision by certificate chain: the platform takes every device that shows a certificate of the
//! profile's own issuing CA.

use base::text::printable;
use base::{Code, Finding, Result};
use ledger::Kind;
use pki::Certificate;
use pki::device_name::DeviceName;
use provision::thingsboard::{ChainProfile, ProfileState};
use schemars::JsonSchema;
use serde::Serialize;

use crate::platform::Connection;
use crate::register::PlatformOutcome;
use identity::lifecycle::enrol::SERVERS;
use identity::lifecycle::published_lists::{self, MissingList};
use identity::profile_ca::name_pattern::NamePattern;
use identity::profile_ca::{self, ProvisioningRule};
use identity::report::{CertificateReport, FileReport};
use store::Workspace;
use store::ca::Ca;

/// The profile that is wanted.
#[derive(Debug, Clone)]
pub struct ProfileRequest {
    /// The name in the platform and in the store.
    pub name: DeviceName,
    /// The expression that finds the names of its devices; `None` keeps the present one, at first the whole common
    /// name.
    pub pattern: Option<NamePatternRequest>,
    /// Names that the expression has to find, besides those of devices issued below the CA.
    pub examples: Vec<DeviceName>,
    /// True if devices are made that are not there.
    pub creates_devices: bool,
    /// Change a profile of this name that is another one.
    pub replace: bool,
    /// Say what would happen and change nothing.
    pub dry_run: bool,
}

/// The way to find the names of devices.
#[derive(Debug, Clone)]
pub enum NamePatternRequest {
    /// They begin so.
    Prefix(String),
    /// By this expression.
    Expression(String),
}

/// A profile, as the store and the platform have it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ProfileReport {
    /// The name of the profile on the platform.
    pub name: String,
    /// The change in the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<PlatformOutcome>,
    /// True if that is only what would be done.
    pub dry_run: bool,
    /// The issuing CA in the store; absent where there is none, and in a dry run that would make one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateReport>,
    /// The expression with which the names of devices are found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// True if devices are made that are not there.
    pub creates_devices: bool,
    /// The profile in the platform; absent if it has none of this name, and if it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<PlatformProfile>,
    /// The files of the CA.
    pub files: Vec<FileReport>,
    /// Warnings and hints.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// A profile as the platform has it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlatformProfile {
    /// The way in which devices are provisioned, in ThingsBoard's word.
    pub provision_type: String,
    /// The credentials id of the issuing CA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// The expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// True if devices are made that are not there.
    pub creates_devices: bool,
    /// True if all of it is as the store has it.
    pub as_in_store: bool,
}

/// True if the store holds an issuing CA for a profile.
pub fn has_ca(workspace: &Workspace<'_>, profile: &DeviceName) -> Result<bool> {
    Ok(profile_ca::kept(workspace.store_dir(), profile)?.is_some())
}

/// Makes the issuing CA of a profile, unless it is there, and tells the platform about it.
///
/// # Errors
/// [`Code::ReservedProfile`] for the label of servers, [`Code::ProfilePattern`] for an expression that does not find the names
/// of devices, [`Code::ProfileDiffers`] for a profile that is there and another one, and those of CAs and platforms. A CA that
/// was made stays.
pub fn create_profile(workspace: &mut Workspace<'_>, request: &ProfileRequest) -> Result<ProfileReport> {
    store::check_exists(workspace.store_dir())?;
    let connection = Connection::of(workspace)?;
    let ca = Ca::Profile(request.name.clone());
    let dir = workspace.store_dir().to_owned();
    let before = profile_ca::kept(&dir, &request.name)?;
    if before.is_none() && request.name.as_str() == SERVERS {
        return Err(Code::ReservedProfile
            .error(format!("a profile cannot be called {SERVERS:?}"))
            .because("servers renew their certificates at this label of the enrolment service")
            .fix("choose another name"));
    }
    let pattern = pattern(request, before.as_ref())?;
    // Before a CA is made: a wrong expression is found out while nothing has to be undone.
    request.examples.iter().try_for_each(|name| pattern.check_name(name.as_str()))?;
    let kept = ProvisioningRule { pattern: pattern.as_str().to_owned(), creates_devices: request.creates_devices };
    if before.is_none() && !request.replace {
        check_is_new(&connection, &request.name)?;
    }
    let mut report = ProfileReport::new(&request.name, &kept);
    if request.dry_run {
        report.dry_run = true;
        // The CA does not exist yet, so that the platform cannot be asked about its certificate.
        let Some(_) = before else {
            Ca::DevicesRoot.check_usable(&dir, workspace.now)?;
            report.done = Some(PlatformOutcome::Planned);
            return Ok(report);
        };
        let certificate = certificate(&ca, &dir)?;
        let view = workspace.view()?;
        check_issued(&view, &ca, &pattern)?;
        report.certificate = Some(CertificateReport::of(&certificate));
        let wanted = wanted(request, &kept, certificate);
        let examined = connection.runtime.wait(connection.board.examine_profile(&wanted, request.replace))?;
        report.done = Some(examined.into());
        return Ok(report);
    }
    let mut store = workspace.open_store("profile create")?;
    // An interrupted run may have written the CA without recording it.
    profile_ca::settle(&mut store, &ca)?;
    if before.is_some() {
        check_issued(&store.ledger, &ca, &pattern)?;
    } else {
        let (files, note) = profile_ca::make(workspace, &mut store, &request.name, &kept)?;
        report.files = files;
        report.findings.extend(note);
    }
    let certificate = certificate(&ca, &dir)?;
    report.certificate = Some(CertificateReport::of(&certificate));
    let wanted = wanted(request, &kept, certificate);
    let entry = store
        .ledger
        .current(Kind::Ca, &ca.name())?
        .ok_or_else(|| Code::Internal.error("the ledger does not know the CA of the profile"))?;
    // The CA stays if this fails: the same command finds it and only repeats the request.
    match connection.runtime.wait(connection.board.put_profile(&wanted, request.replace)) {
        Ok(done) => {
            store.ledger.registered(&entry.key)?;
            if before.is_some() {
                // After the platform has it: the rule in the store must not be ahead of the one in force.
                report.files = profile_ca::keep(&dir, &request.name, &kept)?;
            }
            report.done = Some(done.into());
            // Brokers that read lists refuse the devices of the profile until its CA has one.
            let lists = published_lists::published(workspace.config, &dir, &store.ledger, &[ca], workspace.now)?;
            report.findings.extend(lists.missing.iter().map(MissingList::warning));
            Ok(report)
        }
        Err(error) => {
            store.ledger.failed(&entry.key, &error.to_string())?;
            Err(error)
        }
    }
}

/// Fails if the platform has a profile of this name, which cannot be by a CA that is not made yet. With the CA in the
/// store, that CA would issue the devices of a profile that the platform keeps for others.
fn check_is_new(connection: &Connection, name: &DeviceName) -> Result<()> {
    let Some(there) = connection.runtime.wait(connection.board.profile(name.as_str()))? else { return Ok(()) };
    Err(Code::ProfileDiffers
        .error(format!("the platform's profile {:?} is another one", name.as_str()))
        .because(match there.certificate_id {
            Some(_) => "it has the certificate of another CA".to_owned(),
            None => format!("it provisions by {}, not by chain", printable(&there.provision_type)),
        })
        .item(name.as_str())
        .fix("choose another name, or change the profile with --replace"))
}

/// What the store and the platform have of a profile; without a name, of all that have a CA in the store.
///
/// # Errors
/// [`Code::UnknownProfile`] where neither knows it, and those of the platform.
pub fn show_profiles(workspace: &mut Workspace<'_>, name: Option<&DeviceName>) -> Result<Vec<ProfileReport>> {
    store::check_exists(workspace.store_dir())?;
    let connection = Connection::of(workspace)?;
    let dir = workspace.store_dir();
    let names = match name {
        Some(name) => vec![name.clone()],
        None => {
            let view = workspace.view()?;
            profile_ca::names(&view)?
        }
    };
    let mut reports = Vec::new();
    for name in names {
        let kept = profile_ca::kept(dir, &name)?;
        let theirs = connection.runtime.wait(connection.board.profile(name.as_str()))?;
        // Made in the platform by hand: shown as it is, since there is nothing to compare it with.
        let Some(kept) = kept else {
            let theirs = theirs.ok_or_else(|| profile_ca::unknown(&name))?;
            let nothing = ProvisioningRule { pattern: String::new(), creates_devices: false };
            let mut report = ProfileReport::new(&name, &nothing);
            report.pattern = None;
            report.platform = Some(PlatformProfile::of(theirs, None));
            reports.push(report);
            continue;
        };
        let certificate = certificate(&Ca::Profile(name.clone()), dir)?;
        let mut report = ProfileReport::new(&name, &kept);
        report.certificate = Some(CertificateReport::of(&certificate));
        report.platform = theirs.map(|theirs| PlatformProfile::of(theirs, Some((&kept, &certificate))));
        reports.push(report);
    }
    Ok(reports)
}

fn pattern(request: &ProfileRequest, before: Option<&ProvisioningRule>) -> Result<NamePattern> {
    let pattern = match (&request.pattern, before) {
        (Some(NamePatternRequest::Prefix(prefix)), _) => return NamePattern::with_prefix(prefix),
        (None, Some(kept)) => return kept.pattern.parse(),
        (None, None) => return NamePattern::with_prefix(""),
        (Some(NamePatternRequest::Expression(text)), _) => text.parse::<NamePattern>()?,
    };
    // A typing error in an expression shows up only when a device is rejected. A name shows it now.
    if request.examples.is_empty() {
        return Err(Code::ProfilePattern
            .error("your own expression requires a name that it must find")
            .fix("give the name of a device with --example NAME"));
    }
    Ok(pattern)
}

/// Fails where the expression would not find a device that was issued below the CA.
fn check_issued(ledger: &ledger::View, ca: &Ca, pattern: &NamePattern) -> Result<()> {
    let devices = ledger::Filter { kind: Some(Kind::Device), current_only: true, ..ledger::Filter::default() };
    for entry in ledger.list(&devices) {
        let entry = entry?;
        // These devices exist: the platform would not find their names any more.
        if entry.issuer == ca.name() {
            pattern.check_name(&entry.key.name)?;
        }
    }
    Ok(())
}

fn certificate(ca: &Ca, store: &std::path::Path) -> Result<Certificate> {
    let first = ca.certificates(store)?.into_iter().next();
    first.ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))
}

fn wanted(request: &ProfileRequest, kept: &ProvisioningRule, certificate: Certificate) -> ChainProfile {
    ChainProfile {
        name: request.name.as_str().to_owned(),
        certificate,
        pattern: kept.pattern.clone(),
        creates_devices: kept.creates_devices,
    }
}

impl ProfileReport {
    fn new(name: &DeviceName, kept: &ProvisioningRule) -> Self {
        Self {
            name: name.as_str().to_owned(),
            done: None,
            dry_run: false,
            certificate: None,
            pattern: Some(kept.pattern.clone()),
            creates_devices: kept.creates_devices,
            platform: None,
            files: Vec::new(),
            findings: Vec::new(),
        }
    }
}

impl PlatformProfile {
    fn of(state: ProfileState, ours: Option<(&ProvisioningRule, &Certificate)>) -> Self {
        let as_in_store = ours.is_some_and(|(kept, certificate)| {
            state.certificate_id.as_deref() == Some(certificate.credentials_id().as_str())
                && state.pattern.as_deref() == Some(kept.pattern.as_str())
                && state.creates_devices == kept.creates_devices
        });
        Self {
            provision_type: state.provision_type,
            certificate_id: state.certificate_id,
            pattern: state.pattern,
            creates_devices: state.creates_devices,
            as_in_store,
        }
    }
}
