//! Making the identity of a device.

use std::path::Path;

use base::{Code, Finding, Result};
use config::{ClientFormat, Setting};
use ledger::{Entry, Kind, Parameters, View};
use pki::csr::Csr;
use pki::device_name::DeviceName;
use pki::profile::Profile;
use pki::{Certificate, San, Subject, san};

use crate::files::device::DeviceFiles;
use crate::issuance::Issuance;
use crate::issue_request::{IssueRequest, IssueTarget, KeystoreRequest, TrustedEntries, fingerprint_of};
use crate::parameters::{RequestedParameters, shared};
use crate::profile_ca;
use crate::report::IdentityReport;
use crate::request::earlier::Earlier;
use crate::request::{IdentityRequest, is_named_now, key_source};
use store::ca::Ca;
use store::file_names::{ANCHORS, CHAIN};
use store::identity_dir;
use store::{SELF, Store, Workspace};

/// Makes the identity of the device `name`, or completes it.
///
/// # Errors
/// [`Code::OtherParameters`], [`Code::TargetExists`] and what CA, key, names, dates and disk can be wrong about;
/// nothing is left half done.
pub fn make_device(
    workspace: &mut Workspace<'_>,
    name: &DeviceName,
    request: &IdentityRequest,
) -> Result<IdentityReport> {
    store::check_exists(workspace.store_dir())?;
    let mut target = IssueTarget::open(workspace, "client", request.dry_run)?;
    let present = Present::of(workspace, target.view(), name)?;
    let make = |plan: IssueRequest<'_>, workspace: &mut Workspace<'_>| plan.carry_out(workspace, &mut target);
    let (mut report, mut left) = with_plan(workspace, present, name, request, make)?;
    report.findings.append(&mut left);
    Ok(report)
}

/// A device with its row in the ledger and its certificate.
#[derive(Debug)]
pub struct IssuedDevice {
    /// The report of the identity.
    pub report: IdentityReport,
    /// The row in the ledger.
    pub entry: Entry,
    /// The certificate.
    pub leaf: Certificate,
}

/// As [`make_device`], in an open store and never as a dry run, for verbs that take further steps with the identity.
///
/// # Errors
/// Those of [`make_device`].
pub fn make_device_in(
    workspace: &mut Workspace<'_>,
    store: &mut Store,
    name: &DeviceName,
    request: &IdentityRequest,
) -> Result<IssuedDevice> {
    let present = Present::of(workspace, &store.ledger, name)?;
    let make = |plan: IssueRequest<'_>, workspace: &mut Workspace<'_>| plan.carry_out_in(workspace, store);
    let ((mut report, identity, entry), mut left) = with_plan(workspace, present, name, request, make)?;
    report.findings.append(&mut left);
    let entry = entry.ok_or_else(|| Code::Internal.error("a device was made, and the ledger does not know it"))?;
    Ok(IssuedDevice { report, entry, leaf: identity.x509.leaf })
}

/// What the ledger and the store have before a device is made.
struct Present {
    earlier: Earlier,
    anchors: Vec<Certificate>,
}

impl Present {
    fn of(workspace: &Workspace<'_>, view: &View, name: &DeviceName) -> Result<Self> {
        let earlier = Earlier::of(view, Kind::Device, name.as_str())?;
        Ok(Self { earlier, anchors: workspace.client_anchors_in(view)? })
    }
}

/// Plans the identity of a device, and passes the plan on. Returns its result, warnings about directories, and a note about a
/// revocation.
fn with_plan<'w, T>(
    workspace: &mut Workspace<'w>,
    present: Present,
    name: &DeviceName,
    request: &IdentityRequest,
    carry_out: impl FnOnce(IssueRequest<'_>, &mut Workspace<'w>) -> Result<T>,
) -> Result<(T, Vec<Finding>)> {
    let Present { earlier, anchors } = present;
    let revoked = earlier.revoked();
    let settings = &workspace.config.client;
    let csr = request.read_csr()?;
    let base_subject = workspace.config.subject()?;
    let subject = subject(&base_subject, csr.as_ref(), name)?;
    let kept_sans = earlier.sans(&settings.san)?;
    let sans = csr.as_ref().map(Csr::sans).filter(|sans| !sans.is_empty()).map_or(kept_sans, <[San]>::to_vec);
    san::check_count(&sans)?;
    let has_anchors = !anchors.is_empty();
    let ca = earlier.issuer(request, Ca::DevicesIssuing);
    check_pattern(workspace.store_dir(), ca.as_ref(), name)?;
    let issuer = fingerprint_of(workspace, ca.as_ref())?;
    let issuer_name = ca.as_ref().map_or_else(|| SELF.to_owned(), Ca::name);
    let key = key_source(csr.as_ref(), earlier.algorithm(&settings.alg));
    let asked_key = earlier.requested_key(request, csr.as_ref(), &settings.alg, key.algorithm());
    let holds_key = asked_key.is_held();
    let prefix = settings.prefix.value.as_ref().map_or(name.as_str(), |prefix| prefix.as_str());
    let base = base_subject.to_string();
    let shared_prefix = settings.prefix.value.as_ref().map(config::FilePrefix::as_str);
    let days = earlier.days(&settings.days)?;
    let of_fleet = shared(&base, &sans, key.algorithm(), days.value.number(), &issuer, shared_prefix)?;
    let wanted = |subject: &Subject| {
        Parameters::of(&RequestedParameters {
            subject: asked_key.subject(subject),
            san: sans.iter().map(ToString::to_string).collect(),
            alg: asked_key.algorithm,
            days: days.value.number(),
            issuer: issuer.clone(),
            csr: asked_key.csr(),
            prefix,
            ..RequestedParameters::default()
        })
    };
    let parameters = wanted(&subject)?;
    let of_earlier_version = csr.as_ref().map(|csr| wanted(csr.subject())).transpose()?;
    let formats = formats(&settings.formats, holds_key);
    let copies = earlier.destination(request, CHAIN)?;
    let plan = IssueRequest {
        profile: Profile::Device,
        subject,
        sans,
        days: &days,
        key,
        ca,
        keystore: KeystoreRequest {
            settings: &workspace.config.client_keystore,
            section: "client.keystore",
            trusted: TrustedEntries::Anchors,
        },
        out: copies.out,
        missing_out: copies.missing,
        settings: None,
        renews: None,
        issuance: Issuance {
            kind: Kind::Device,
            name: name.as_str(),
            files: DeviceFiles { prefix, formats: &formats, holds_key, has_anchors, keystore: None }
                .table()
                .with_those_in(&identity_dir(workspace.store_dir(), Kind::Device, name.as_str())),
            anchors: Some(anchors),
            parameters,
            of_fleet: Some(of_fleet),
            of_earlier_version,
            issuer_name: &issuer_name,
            force: request.force,
            keeps_csr: asked_key.is_kept(),
            pending: false,
            hook: false,
        },
    };
    let dirs = [Some(identity_dir(workspace.store_dir(), Kind::Device, name.as_str())), request.out.clone()];
    // Not collected yet: the directories are looked at when the plan has been carried out.
    let left = dirs.into_iter().flatten().filter_map(|dir| anchors_left(has_anchors, &dir)).chain(revoked);
    Ok((carry_out(plan, workspace)?, left.collect()))
}

/// The subject of a device. The name is its common name: ThingsBoard finds devices by it, and the ledger does.
fn subject(base: &Subject, csr: Option<&Csr>, name: &DeviceName) -> Result<Subject> {
    match csr {
        Some(csr) => csr.device_subject(base, name),
        None => base.with_common_name(name.as_str()),
    }
}

/// Fails for a name that the platform would not find in a certificate of the CA of a profile: it takes the name out of the
/// certificate with the expression of the profile, and no connection could use the certificate.
fn check_pattern(store: &Path, ca: Option<&Ca>, name: &DeviceName) -> Result<()> {
    match ca {
        Some(Ca::Profile(profile)) => profile_ca::pattern(store, profile)?.check_name(name.as_str()),
        _ => Ok(()),
    }
}

/// A warning where a directory holds anchors and the client is to trust its system.
fn anchors_left(has_anchors: bool, dir: &Path) -> Option<Finding> {
    let path = dir.join(ANCHORS);
    (!has_anchors && path.exists()).then(|| {
        Code::AnchorsLeft
            .warning("the file contains earlier trust anchors, and tbpki does not update it any more")
            .at(path)
            .fix("remove it once no client is pointed at it")
    })
}

/// The formats asked for, without those of the configuration that need a key which the device keeps.
fn formats(asked: &Setting<Vec<ClientFormat>>, holds_key: bool) -> Vec<ClientFormat> {
    let needs_key =
        |format: &ClientFormat| matches!(format, ClientFormat::Nopass | ClientFormat::P12 | ClientFormat::Jks);
    let mut formats = asked.value.clone();
    if !holds_key && !is_named_now(asked) {
        formats.retain(|format| !needs_key(format));
    }
    formats
}
