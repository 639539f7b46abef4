//! Renewing an identity: the next generation, with the names, the profile, the CA, the algorithm and the files of the one
//! before. What it is comes from its certificate and from the ledger, not from the configuration of the day.

pub(crate) mod checks;
pub(crate) mod fetched;
pub(crate) mod late_copies;
mod missing;
pub(crate) mod outdated;
pub(crate) mod pending;
mod prune;
mod recorded;
mod rule;

use base::file;
use base::text::quote;
use base::{Code, Error, Result};
use config::{Days, Origin, Setting};
use ledger::{Entry, Key, Kind, Parameters, View};
use pki::issuer::KeySource;
use pki::key::PublicKey;
use pki::pem_bundle::PemBundle;
use pki::profile::Profile;
use pki::{Algorithm, Certificate, PrivateKey, San, Subject};
use store::ca::{Ca, Hierarchy};
use store::{FILE_LIMIT, SELF, Store, Workspace, at_another_station, identity_dir, with_holder};

use crate::files::device::DeviceFiles;
use crate::files::server::ServerFiles;
use crate::files::table::FileTable;
use crate::issuance::{Issuance, settle};
use crate::issue_request::{IssueRequest, IssueTarget, KeystoreRequest, TrustedEntries, fingerprint_of};
use crate::parameters::RequestedParameters;
use crate::report::{FileReport, IdentityOutcome, IdentityReport};
use crate::request::earlier::check_copies;
use crate::request::issuing_command::issuing_command;

pub use crate::request::earlier::is_of_others;
pub use checks::due_warning;
pub use fetched::{earlier_copies, is_fetched};
pub use late_copies::copies_with_other_cas;
pub use missing::{MissingFile, missing_files};
pub use outdated::{outdated, remove_outdated};
pub use pending::{Installed, PendingFiles, install};
pub use prune::prune;
pub use recorded::copied_chain;
use recorded::{RecordedRequest, chain_file, copies, first_job, recorded};
pub use rule::{RenewalRule, due_from};

/// The way in which an identity is renewed.
#[derive(Debug, Clone, Copy, Default)]
pub struct RenewRequest {
    /// Keep the key. Without it the identity gets a new one.
    pub same_key: bool,
    /// For a device: keep the present generation in use, and write the files of the new one to `pending/` in its directory.
    pub pending: bool,
    /// Record that a program must run once the files are in their places.
    pub hook: bool,
    /// Say what would happen, and write nothing.
    pub dry_run: bool,
}

/// The properties that stay the same.
struct Same {
    asked: RecordedRequest,
    leaf: Certificate,
    subject: Subject,
    sans: Vec<San>,
    days: Setting<Days>,
    ca: Option<Ca>,
    parameters: Parameters,
    /// Why the subject is not that of the present certificate; `None` if it is, or if the CA changes as well.
    other_subject: Option<String>,
    /// Whether the present certificate was made elsewhere, and its CA is not in this store.
    is_of_others: bool,
    /// Whether another generation of its CA signs now than the one that issued the present certificate.
    is_of_earlier_ca: bool,
}

/// Renews the current generation of a device or server. Its files are replaced in one step, and those before them are
/// kept as `FILE.SERIAL`; [`prune()`] removes those of earlier generations. The files of a pending renewal go to `pending/` instead.
/// `view` is the ledger: each further connection costs more than the queries of one identity.
///
/// # Errors
/// [`Code::FilesWithHolder`] if its holder has fetched the present generation over the network; [`Code::NotRenewable`] if the store does not have its files, or its key is elsewhere and `same_key` was not asked for;
/// [`Code::RenewalTooShort`] if the renewal would hardly live longer than the present certificate; those of
/// [`make_device`](crate::device::make_device). Nothing is replaced then.
pub fn renew(
    workspace: &mut Workspace<'_>,
    view: &View,
    entry: &Entry,
    request: RenewRequest,
) -> Result<IdentityReport> {
    let same = same(workspace, view, entry)?;
    let mut report = match entry.key.kind {
        Kind::Device => device(workspace, entry, &same, Errand::Renew(request, view)),
        Kind::Server => server(workspace, entry, &same, Errand::Renew(request, view)),
        Kind::Ca => Err(Code::NotRenewable.error(format!("{} is a CA", entry.key.name))),
    }?;
    // A renewal by a CA changes nothing for clients. A self-signed certificate is itself what they trust.
    if same.ca.is_none() && entry.key.kind == Kind::Server {
        report.findings.push(
            Code::NotSelfSigned
                .warning(format!("clients must trust the new certificate of {}", entry.key.name))
                .because("the server is self-signed, so clients trust its certificate itself")
                .fix("copy the new cafile.pem to the clients"),
        );
    }
    if let Some(fault) = &same.other_subject {
        let what = format!("the renewal of {} has the subject {}", entry.key.name, same.subject);
        report.findings.push(Code::NamesNotRenewed.note(what).because(format!("of the present certificate, {fault}")));
    }
    if same.is_of_others {
        report.findings.push(
            Code::IssuerChanges
                .note(format!("the renewal of {} is issued by {}", entry.key.name, issuing_ca(entry.key.kind)))
                .because(format!("the present certificate was made elsewhere, by {}", entry.issuer))
                .fix(match entry.key.kind {
                    Kind::Server => {
                        "clients must trust this CA before the server uses the renewal: give them its cafile.pem"
                    }
                    _ => "brokers that verify chains must trust this CA before the device uses the renewal",
                }),
        );
    }
    // Each attempt at a pending renewal would otherwise leave the files of the attempt before it.
    if request.pending && !request.dry_run {
        pending::prune(workspace, view, entry)?;
    }
    Ok(report)
}

/// Brings the files of an identity up to date with the CAs that its holder trusts and those above it. Owner, mode and
/// password stay; files that change are kept as `FILE.SERIAL`.
///
/// # Errors
/// As [`renew`].
pub(crate) fn refresh(workspace: &mut Workspace<'_>, store: &mut Store, entry: &Entry) -> Result<Vec<FileReport>> {
    let same = same(workspace, &store.ledger, entry)?;
    match entry.key.kind {
        Kind::Device => device(workspace, entry, &same, Errand::Refresh(store)),
        Kind::Server => server(workspace, entry, &same, Errand::Refresh(store)),
        Kind::Ca => Err(Code::NotRenewable.error(format!("{} is a CA", entry.key.name))),
    }
    .map(|report| report.files)
}

/// What a plan is made for.
enum Errand<'a> {
    /// The next generation, of what the ledger has.
    Renew(RenewRequest, &'a View),
    /// The files of the present one.
    Refresh(&'a mut Store),
}

/// Settles an unfinished generation of a server or device, so that the current one is known before a renewal. Returns
/// the generation if it is complete by this: it needs no renewal.
///
/// # Errors
/// Those of the store, its ledger and its files.
pub fn settle_interrupted(store: &mut Store, unfinished: &Entry) -> Result<Option<Key>> {
    // The certificate may be on the disk although the ledger has not recorded it: killed between the two.
    let (kind, name) = (unfinished.key.kind, unfinished.key.name.as_str());
    // Without a directory, the name belongs to another station of the ledger, and only that one can tell.
    if !identity_dir(store.dir(), kind, name).is_dir() {
        return Ok(None);
    }
    settle(store, kind, name, &chain_file(kind, &recorded(unfinished)?))
}

fn same(workspace: &Workspace<'_>, view: &View, entry: &Entry) -> Result<Same> {
    let name = &entry.key.name;
    if is_fetched(view, entry)? {
        let again = format!("{} --force", issuing_command(entry.key.kind, name));
        return Err(with_holder(entry).fix(format!(
            "renew it on its host with `tbpki renew --est`; if the holder is gone, `{again}` issues a new generation"
        )));
    }
    let asked: RecordedRequest = recorded(entry)?;
    let leaf = leaf(workspace, view, entry, &asked)?;
    if is_of_others(entry) {
        return of_others(workspace, entry, leaf, asked);
    }
    let (subject, other_subject) = subject(workspace, entry, &leaf)?;
    // An imported certificate can have any lifetime, also less than a day or more than tbpki issues.
    let days = match (asked.days, entry.key.kind) {
        (0, Kind::Server) => workspace.config.server.days.value,
        (0, _) => workspace.config.client.days.value,
        (days, _) => Days::nearest(days),
    };
    // By name and not by generation: the generation that signs now issues the renewal.
    let ca = if entry.issuer == SELF {
        None
    } else {
        Some(Ca::named(&entry.issuer).ok_or_else(|| not_renewable(name).because("its CA is not in this store"))?)
    };
    let changed = Changed {
        // A job has one subject without a common name; a device by itself has its own.
        subject: (entry.job.is_some() || other_subject.is_some()).then_some(&subject),
        days: (days.number() != asked.days).then_some(days),
    };
    Ok(Same {
        parameters: parameters(workspace, entry, &changed, ca.as_ref())?,
        sans: leaf.sans(),
        other_subject,
        subject,
        leaf,
        asked,
        days: Setting { value: days, origin: Origin::Default },
        is_of_earlier_ca: is_of_earlier_ca(view, entry)?,
        ca,
        is_of_others: false,
    })
}

/// The subject of the next generation: that of the present one. An imported certificate can have a subject that tbpki does
/// not issue; then it is the subject of a new device or server, and the reason.
fn subject(workspace: &Workspace<'_>, entry: &Entry, leaf: &Certificate) -> Result<(Subject, Option<String>)> {
    let name = &entry.key.name;
    let fault = match leaf.subject_name() {
        None => "its subject cannot be read".to_owned(),
        Some(own) => {
            let fault = leaf.subject_fault().or_else(|| own.common_name_fault());
            // Clients find a server by its alternative names, and a platform a device by its common name.
            let fault = fault.or_else(|| match own.common_name() {
                _ if own.is_empty() => Some("it has no subject".to_owned()),
                Some(common_name) if entry.key.kind == Kind::Device && common_name != name => {
                    Some(format!("its common name is {}", quote(common_name)))
                }
                None if entry.key.kind == Kind::Device => Some("its subject has no common name".to_owned()),
                _ => None,
            });
            let Some(fault) = fault else { return Ok((own, None)) };
            fault
        }
    };
    Ok((workspace.config.subject()?.with_common_name(name)?, Some(fault)))
}

/// Whether the CA of an identity was replaced since it was issued.
fn is_of_earlier_ca(view: &View, entry: &Entry) -> Result<bool> {
    let present = view.current(Kind::Ca, &entry.issuer)?.map(|ca| ca.generation());
    Ok(present.is_some() && entry.issuer_generation.is_some() && entry.issuer_generation != present)
}

/// The CA that issues the next generation of a certificate that was made elsewhere.
fn issuing_ca(kind: Kind) -> Ca {
    if kind == Kind::Server { Ca::ServerIssuing } else { Ca::DevicesIssuing }
}

/// The next generation of a certificate that was made elsewhere: by the issuing CA of this store, with the subject and the
/// lifetime that it gives to devices or servers, because those of the other CA say nothing about it.
fn of_others(workspace: &Workspace<'_>, entry: &Entry, leaf: Certificate, asked: RecordedRequest) -> Result<Same> {
    let (name, config) = (&entry.key.name, workspace.config);
    let (days, prefix) = match entry.key.kind {
        Kind::Device => (&config.client.days, name.as_str()),
        // The files of a server keep their names.
        Kind::Server => (&config.server.days, asked.prefix.as_str()),
        Kind::Ca => return Err(not_renewable(name).because("it is a CA")),
    };
    let subject = config.subject()?.with_common_name(name)?;
    let ca = issuing_ca(entry.key.kind);
    let parameters = Parameters::of(&RequestedParameters {
        subject: subject.to_string(),
        san: leaf.sans().iter().map(ToString::to_string).collect(),
        alg: algorithm(workspace, entry).name(),
        days: days.value.number(),
        issuer: fingerprint_of(workspace, Some(&ca))?,
        prefix,
        ..RequestedParameters::default()
    })?;
    Ok(Same {
        sans: leaf.sans(),
        days: days.clone(),
        ca: Some(ca),
        other_subject: None,
        is_of_others: true,
        is_of_earlier_ca: false,
        parameters,
        subject,
        leaf,
        asked,
    })
}

/// The algorithm of the next key: that of the present one, unless tbpki makes none of that.
fn algorithm(workspace: &Workspace<'_>, entry: &Entry) -> Algorithm {
    let configured = match entry.key.kind {
        Kind::Server => workspace.config.server.alg.value,
        Kind::Device | Kind::Ca => workspace.config.client.alg.value,
    };
    entry.algorithm.parse().unwrap_or(configured)
}

/// The parameters in which the next generation differs from what is recorded.
struct Changed<'a> {
    subject: Option<&'a Subject>,
    days: Option<Days>,
}

/// The parameters of the next generation: those of the present one, by the CA that signs now. A device of a fleet gets
/// those that it would have by itself, because its files are no longer in its shard.
fn parameters(workspace: &Workspace<'_>, entry: &Entry, changed: &Changed<'_>, ca: Option<&Ca>) -> Result<Parameters> {
    // As a map, so that parameters of which this version has no field stay.
    let mut asked: serde_json::Map<String, serde_json::Value> = recorded(entry)?;
    if let Some(ca) = ca {
        let certificates = ca.certificates(workspace.store_dir())?;
        let fingerprint = certificates.first().map(Certificate::fingerprint_hex).unwrap_or_default();
        // Without this, the next `tbpki client` would take the renewal for one with other parameters.
        asked.insert("issuer".to_owned(), fingerprint.into());
    }
    if let Some(subject) = changed.subject {
        asked.insert("subject".to_owned(), subject.to_string().into());
    }
    if let Some(days) = changed.days {
        asked.insert("days".to_owned(), days.number().into());
    }
    if entry.job.is_some() && asked.get("prefix").is_none_or(|prefix| prefix == "") {
        asked.insert("prefix".to_owned(), entry.key.name.clone().into());
    }
    Parameters::of(&asked)
}

/// The present leaf, from the store.
fn leaf(workspace: &Workspace<'_>, view: &View, entry: &Entry, asked: &RecordedRequest) -> Result<Certificate> {
    let dir = identity_dir(workspace.store_dir(), entry.key.kind, &entry.key.name);
    let file = dir.join(chain_file(entry.key.kind, asked));
    let Some(bytes) = file::read_optional(&file, FILE_LIMIT)? else {
        let missing = not_renewable(&entry.key.name);
        return Err(match first_job(view, entry)? {
            // The same text for each device of the job, so that a report can group them.
            Some(job) => missing
                .because(format!("the files are those of job {job}"))
                .fix(format!("renew the devices of the job: `tbpki fleet renew --job {job} --out DIR`")),
            None => at_another_station(view, entry).unwrap_or_else(|| {
                missing.because(format!("{} is not there", file.display())).fix(
                    "only identities with files in the store are renewed; for others, use `--force` with the verb that issued \
                     them",
                )
            }),
        });
    };
    let leaf = PemBundle::parse(&bytes).map_err(|error| error.at(&file))?.certificates.into_iter().next();
    let leaf = leaf.ok_or_else(|| Code::CertificateUnreadable.error("the file has no certificate").at(&file))?;
    // Subject and names are taken from this leaf: those of another certificate would be renewed with it.
    if entry.fingerprint != Some(leaf.fingerprint()) {
        return Err(Code::IdentityChanged
            .error("the certificate in the store is not the one that the ledger knows")
            .at(&file)
            .fix("restore the file from a backup, or use --force to issue a new generation"));
    }
    Ok(leaf)
}

/// The key of the next generation.
fn key(
    workspace: &Workspace<'_>,
    dir_key: Option<PrivateKey>,
    same: &Same,
    entry: &Entry,
    request: RenewRequest,
) -> Result<KeySource> {
    let holds_key = same.asked.csr.is_none();
    match (request.same_key, holds_key, dir_key) {
        (false, true, _) if same.is_of_others => Ok(KeySource::Generate(algorithm(workspace, entry))),
        (false, true, _) => Ok(KeySource::Generate(entry.algorithm.parse::<Algorithm>()?)),
        (true, true, Some(key)) => Ok(KeySource::Held(key)),
        (true, false, _) => Ok(KeySource::Public(PublicKey::from_spki_der(same.leaf.spki_der())?)),
        // Only the holder of the key can make another one.
        (false, false, _) => Err(not_renewable(&entry.key.name)
            .because("its key is elsewhere: it was issued for a signing request")
            .fix("keep the key with --same-key, or issue for a new request with --csr and --force")),
        (true, true, None) => Err(not_renewable(&entry.key.name).because("its key is not in the store")),
    }
}

fn not_renewable(name: &str) -> Error {
    Code::NotRenewable.error(format!("{} cannot be renewed", quote(name))).item(name)
}

fn device(workspace: &mut Workspace<'_>, entry: &Entry, same: &Same, errand: Errand<'_>) -> Result<IdentityReport> {
    let name = entry.key.name.as_str();
    let dir = identity_dir(workspace.store_dir(), Kind::Device, name);
    let anchors = workspace.client_anchors()?;
    let prefix = same.asked.file_prefix(name);
    let holds_key = same.asked.csr.is_none();
    // No format is asked for. The files in the directory decide what is written: an identity keeps its formats.
    let files = DeviceFiles { prefix, formats: &[], holds_key, has_anchors: !anchors.is_empty(), keystore: None };
    let files = files.table().with_those_in(&dir);
    let keystore = KeystoreRequest {
        settings: &workspace.config.client_keystore,
        section: "client.keystore",
        trusted: TrustedEntries::Anchors,
    };
    carry_out(workspace, entry, same, errand, files, Some(anchors), keystore)
}

fn server(workspace: &mut Workspace<'_>, entry: &Entry, same: &Same, errand: Errand<'_>) -> Result<IdentityReport> {
    let name = entry.key.name.as_str();
    let dir = identity_dir(workspace.store_dir(), Kind::Server, name);
    let trusted = workspace.trusted_cas(Hierarchy::Devices)?;
    let clients_ca: Vec<Certificate> = trusted.iter().map(|(_, certificate)| certificate.clone()).collect();
    let files = ServerFiles {
        prefix: &same.asked.prefix,
        formats: &[],
        holds_key: same.asked.csr.is_none(),
        single_file: same.asked.single_file,
        include_root: same.asked.include_root,
        clients_ca,
    }
    .table()
    .with_those_in(&dir);
    let anchors = match &same.ca {
        Some(_) => Some(Hierarchy::Server.root().trusted_certificates(workspace.store_dir())?),
        None => None,
    };
    let keystore = KeystoreRequest {
        settings: &workspace.config.server_keystore,
        section: "server.keystore",
        trusted: TrustedEntries::Cas(trusted),
    };
    carry_out(workspace, entry, same, errand, files, anchors, keystore)
}

/// Makes the next generation with these files, trust anchors and keystore, or writes its files again.
fn carry_out(
    workspace: &mut Workspace<'_>,
    entry: &Entry,
    same: &Same,
    errand: Errand<'_>,
    files: FileTable,
    anchors: Option<Vec<Certificate>>,
    keystore: KeystoreRequest<'_>,
) -> Result<IdentityReport> {
    let Key { kind, name, .. } = &entry.key;
    let dir = identity_dir(workspace.store_dir(), *kind, name);
    let key_path = files.key_file.as_ref().map(|file| dir.join(file));
    let (pending, hook) = match &errand {
        Errand::Renew(request, _) => (request.pending, request.hook),
        Errand::Refresh(_) => (false, false),
    };
    let key = match &errand {
        Errand::Renew(request, _) => key(workspace, read_key(key_path.as_deref())?, same, entry, *request)?,
        // It is not used.
        Errand::Refresh(_) => KeySource::Public(PublicKey::from_spki_der(same.leaf.spki_der())?),
    };
    let issuer_name = match &same.ca {
        Some(ca) => ca.name(),
        None => entry.issuer.clone(),
    };
    // A program reads the copies, and it must not meet a generation that the platform does not accept yet.
    let out = if pending { None } else { copies(entry) };
    if let (Some(out), Errand::Renew(_, view)) = (&out, &errand) {
        let history = view.history(*kind, name)?;
        check_copies(&history, name, &out.dir.join(chain_file(*kind, &same.asked)))?;
    }
    let is_imported = entry.origin == Some(ledger::Origin::Imported);
    let plan = IssueRequest {
        profile: if *kind == Kind::Server { Profile::Server } else { Profile::Device },
        subject: same.subject.clone(),
        sans: same.sans.clone(),
        days: &same.days,
        key,
        ca: same.ca.clone(),
        keystore,
        out,
        missing_out: late_copies::missing(entry).filter(|_| !pending).map(str::to_owned),
        // Settings name files and not generations. A renewal keeps the names, so the user's edits can stay.
        settings: None,
        // The end that another program has chosen binds no renewal: ThingsBoard's scripts make certificates for 9,999 days.
        // Nor does that of a CA that was replaced, which can go only when nothing below it is in use.
        renews: matches!(errand, Errand::Renew(..)).then_some(match is_imported || same.is_of_earlier_ca {
            true => entry.not_after.min(workspace.now),
            false => entry.not_after,
        }),
        issuance: Issuance {
            kind: *kind,
            name,
            files,
            anchors,
            parameters: same.parameters.clone(),
            of_fleet: None,
            of_earlier_version: None,
            issuer_name: &issuer_name,
            keeps_csr: false,
            force: matches!(errand, Errand::Renew(..)),
            pending,
            hook,
        },
    };
    match errand {
        Errand::Renew(request, _) => {
            let mut target = IssueTarget::open(workspace, "renew", request.dry_run)?;
            plan.carry_out(workspace, &mut target)
        }
        Errand::Refresh(store) => Ok(IdentityReport {
            kind: kind.as_str().to_owned(),
            name: name.clone(),
            done: IdentityOutcome::Refreshed,
            generation: Some(entry.generation().number()),
            certificate: None,
            names: Vec::new(),
            files: plan.refresh_in(workspace, store, entry)?,
            findings: Vec::new(),
        }),
    }
}

fn read_key(path: Option<&std::path::Path>) -> Result<Option<PrivateKey>> {
    let Some(path) = path else { return Ok(None) };
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)? else { return Ok(None) };
    PrivateKey::from_pem_or_der(&bytes, None).map(Some).map_err(|error| error.at(path))
}
