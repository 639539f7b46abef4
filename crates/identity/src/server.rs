//! Making the identity of a server, and the settings that make ThingsBoard use it.

pub mod host;
pub mod name;

use std::path::Path;

use base::{Code, Finding, Result};
use config::{Config, Credentials, FilePath, HostName, ServerFormat, Setting};
use ledger::{Kind, Parameters};
use pki::csr::Csr;
use pki::keystore::KeystoreFormat;
use pki::profile::Profile;
use pki::{Certificate, San, san};

use crate::delivery::{CopyDestination, destination};
use crate::files::present_settings::PresentSettings;
use crate::files::server::ServerFiles;
use crate::files::settings::{ServerSettings, SettingsFile};
use crate::issuance::Issuance;
use crate::issue_request::{IssueRequest, IssueTarget, KeystoreRequest, TrustedEntries, fingerprint_of};
use crate::parameters::RequestedParameters;
use crate::report::IdentityReport;
use crate::request::earlier::{CopyPlan, Earlier};
use crate::request::{IdentityRequest, is_named_now, key_source};
use crate::thingsboard::{Service, SettingsForm};
use store::ca::{Ca, Hierarchy};
use store::file_names::server_chain;
use store::identity_dir;
use store::{SELF, Workspace};

/// The options of a server beyond [`IdentityRequest`].
#[derive(Debug, Clone)]
pub struct ServerRequest {
    /// The options of both kinds of identities.
    pub request: IdentityRequest,
    /// Do not add the names of this host.
    pub only_given_names: bool,
    /// Send the root as well.
    pub include_root: bool,
    /// The endpoints to write settings for; empty for those of the present settings, or for MQTT.
    pub services: Vec<Service>,
    /// The forms to write them in; empty for those of the present settings, or for `thingsboard.env`.
    pub forms: Vec<SettingsForm>,
}

/// Makes the identity of the server that the configuration names, or completes it.
///
/// # Errors
/// [`Code::OtherParameters`], [`Code::TargetExists`] and what CA, key, names, dates and disk can be wrong about;
/// nothing is left half done.
pub fn make_server(workspace: &mut Workspace<'_>, wish: &ServerRequest) -> Result<IdentityReport> {
    store::check_exists(workspace.store_dir())?;
    let request = &wish.request;
    let settings = &workspace.config.server;
    // The directory of the copies is known first: its settings can hold the name of the server.
    let configured_out = workspace.config.server.out.value.as_ref().map(|out| out.resolved().to_owned());
    let wanted_out = request.out.clone().or(configured_out);
    let host = name::server_name(workspace.config, &workspace.location, wanted_out.as_deref())?.value;
    let host = &host;
    if let Some(dir) = &wanted_out {
        name::check_directory(workspace.config, &workspace.location, dir, host)?;
    }
    let mut target = IssueTarget::open(workspace, "server", request.dry_run)?;
    let earlier = Earlier::of(target.view(), Kind::Server, host.as_str())?;
    let csr = request.read_csr()?;
    let subject = match csr.as_ref().map(Csr::subject).filter(|subject| !subject.is_empty()) {
        Some(requested) => requested.clone(),
        None => workspace.config.subject()?.with_common_name(host.as_str())?,
    };
    let key = key_source(csr.as_ref(), earlier.algorithm(&settings.alg));
    let asked_key = earlier.requested_key(request, csr.as_ref(), &settings.alg, key.algorithm());
    let holds_key = asked_key.is_held();
    let kept_sans = earlier.sans(&settings.san)?;
    let asked = match asked_key.is_kept() && !settings.san.is_explicit() {
        // In the order of the request, as the ledger has them.
        true => kept_sans,
        false => names_asked(host, &kept_sans, csr.as_ref())?,
    };
    let prefix = settings.prefix.value.as_str();
    let chain_file = server_chain(prefix);
    let store_dir = identity_dir(workspace.store_dir(), Kind::Server, host.as_str());
    let only_given = wish.only_given_names || earlier.has_only_given_names(&store_dir.join(&chain_file));
    let ca = earlier.issuer(request, Ca::ServerIssuing);
    // A request names what its holder wants; names of this host would be added to a key of another one.
    let (sans, left_out) = with_names_of_host(&asked, !only_given && holds_key, workspace, ca.is_none())?;
    let issuer = fingerprint_of(workspace, ca.as_ref())?;
    let issuer_name = ca.as_ref().map_or_else(|| SELF.to_owned(), Ca::name);
    let days = earlier.days(&settings.days)?;
    let trusted = workspace.trusted_cas(Hierarchy::Devices)?;
    let clients_ca: Vec<Certificate> = trusted.iter().map(|(_, certificate)| certificate.clone()).collect();
    let single_file = earlier.single_file(&settings.single_file);
    let include_root = wish.include_root || earlier.includes_root();
    let parameters = Parameters::of(&RequestedParameters {
        subject: asked_key.subject(&subject),
        // Addresses come and go; those that were found are not part of what was asked for.
        san: asked.iter().map(ToString::to_string).collect(),
        alg: asked_key.algorithm,
        days: days.value.number(),
        issuer,
        csr: asked_key.csr(),
        prefix,
        single_file,
        include_root,
    })?;
    let (CopyPlan { out, missing: missing_out }, away) = copies(workspace.config, request, &earlier, &chain_file)?;
    let (settings_files, formats) =
        settings_and_formats(wish, workspace.config, &earlier, out.as_ref(), &store_dir, holds_key)?;
    // The files go to another machine: their settings name the directory there.
    let directory = away.as_ref().filter(|_| out.is_none()).and(settings.out.value.as_ref()).map(FilePath::resolved);
    let is_self_signed = ca.is_none();
    let plan = IssueRequest {
        profile: Profile::Server,
        subject,
        sans: sans.clone(),
        days: &days,
        key,
        ca,
        keystore: KeystoreRequest {
            settings: &workspace.config.server_keystore,
            section: "server.keystore",
            trusted: TrustedEntries::Cas(trusted),
        },
        out,
        missing_out: missing_out.clone(),
        settings: Some(ServerSettings {
            files: settings_files,
            is_asked: is_asked(wish, &settings.credentials, &earlier),
            host: host.as_str(),
            mqtt_port: workspace.config.firmware.mqtt_port.value.number(),
            prefix,
            single_file,
            directory: directory.filter(|dir| dir.is_absolute()),
        }),
        renews: None,
        issuance: Issuance {
            kind: Kind::Server,
            name: host.as_str(),
            files: ServerFiles { prefix, formats: &formats, holds_key, single_file, include_root, clients_ca }
                .table()
                .with_those_in(&store_dir),
            anchors: if is_self_signed {
                None
            } else {
                Some(Hierarchy::Server.root().trusted_certificates(workspace.store_dir())?)
            },
            parameters,
            of_fleet: None,
            of_earlier_version: None,
            issuer_name: &issuer_name,
            force: request.force,
            keeps_csr: asked_key.is_kept(),
            pending: false,
            hook: false,
        },
    };
    let mut report = plan.carry_out(workspace, &mut target)?;
    // A report with a missing directory names it already.
    report.findings.extend(away.filter(|_| missing_out.is_none()));
    report.findings.extend(left_out);
    report.findings.extend(earlier.revoked());
    let changed = changed_names(&report, &sans);
    report.findings.extend(changed);
    Ok(report)
}

/// The directory of the copies: that of the request or of the configuration, otherwise that of the earlier copies; and the
/// finding about files that go to another machine.
fn copies(
    config: &Config,
    request: &IdentityRequest,
    earlier: &Earlier,
    chain_file: &str,
) -> Result<(CopyPlan, Option<Finding>)> {
    let (out, away) = place_of_copies(config, request)?;
    match out {
        Some(_) => Ok((CopyPlan { out, missing: None }, away)),
        None => Ok((earlier.destination(request, chain_file)?, away)),
    }
}

/// The files with settings, and the formats of the identity that they need.
fn settings_and_formats(
    wish: &ServerRequest,
    config: &Config,
    earlier: &Earlier,
    out: Option<&CopyDestination>,
    store_dir: &Path,
    holds_key: bool,
) -> Result<(Vec<SettingsFile>, Vec<ServerFormat>)> {
    let settings = &config.server;
    let prefix = settings.prefix.value.as_str();
    let mut files = settings_files(wish, &settings.credentials, earlier, out, store_dir)?;
    let needs_keystore = files.iter().any(|file| file.credentials == Credentials::Keystore);
    let formats = formats(&settings.formats, needs_keystore, holds_key);
    for file in &mut files {
        let present = file.keystore.filter(|format| keeps_keystore(&settings.formats, store_dir, prefix, *format));
        file.keystore = present.or(keystore_format(&formats));
    }
    Ok((files, formats))
}

/// The names that were asked for and, with `adds_host`, those of this host; and a note about names of this host that the CA may
/// not vouch for.
fn with_names_of_host(
    asked: &[San],
    adds_host: bool,
    workspace: &Workspace<'_>,
    self_signed: bool,
) -> Result<(Vec<San>, Option<Finding>)> {
    let found = if adds_host { host::names_of_this_host()? } else { Vec::new() };
    let (found, left_out) = vouched_for(found, workspace, self_signed)?;
    let sans = merged(asked, &found);
    san::check_count(&sans)?;
    Ok((sans, left_out))
}

/// The names that were asked for: the server's own and those of the configuration. A request may ask for no others; its
/// order is kept.
fn names_asked(host: &HostName, configured: &[San], csr: Option<&Csr>) -> Result<Vec<San>> {
    let allowed = merged(&[host.san()], configured);
    let Some(csr) = csr else { return Ok(allowed) };
    csr.check_server_names(&allowed)?;
    Ok(merged(csr.sans(), &allowed))
}

/// The names of this host that the CA may vouch for, and a note about the others.
fn vouched_for(found: Vec<San>, workspace: &Workspace<'_>, self_signed: bool) -> Result<(Vec<San>, Option<Finding>)> {
    if self_signed {
        return Ok((found, None));
    }
    let cas = workspace.ca_certificates(Hierarchy::Server)?;
    let (kept, left_out): (Vec<San>, Vec<San>) =
        // Left out and not refused: these names were found and not asked for.
        found.into_iter().partition(|san| cas.iter().all(|ca| ca.may_vouch_for(san)));
    let names: Vec<String> = left_out.iter().map(ToString::to_string).collect();
    let note = (!names.is_empty()).then(|| {
        Code::NameConstraint.note(format!("left out, outside the constraints of the CA: {}", names.join(", ")))
    });
    Ok((kept, note))
}

fn merged(first: &[San], then: &[San]) -> Vec<San> {
    let mut all: Vec<San> = Vec::new();
    for san in first.iter().chain(then) {
        if !all.contains(san) {
            all.push(san.clone());
        }
    }
    all
}

/// The formats asked for. A keystore that the active settings name is written even if it is not listed; one that
/// is not named on the command line is left out if its key is not ours.
fn formats(asked: &Setting<Vec<ServerFormat>>, needs_keystore: bool, holds_key: bool) -> Vec<ServerFormat> {
    let mut formats = asked.value.clone();
    if !holds_key {
        if !is_named_now(asked) {
            // From keygen.toml, for servers whose key is here. Named on the command line, they are an error.
            formats.retain(|format| !matches!(format, ServerFormat::P12 | ServerFormat::Jks));
        }
    // The settings would otherwise name a keystore that does not exist, and ThingsBoard would not start.
    } else if needs_keystore && keystore_format(&formats).is_none() {
        formats.push(ServerFormat::P12);
    }
    formats
}

/// Whether the command asks for settings: it names a part of them, or makes the first certificate.
fn is_asked(wish: &ServerRequest, credentials: &Setting<Credentials>, earlier: &Earlier) -> bool {
    let is_named = !wish.services.is_empty() || !wish.forms.is_empty() || is_named_now(credentials);
    is_named || earlier.is_none()
}

/// The settings to write. What is not given now comes from the settings in the directory that gets them; if it has none,
/// from those in the directory of the earlier copies, and then from those in the store.
fn settings_files(
    wish: &ServerRequest,
    credentials: &Setting<Credentials>,
    earlier: &Earlier,
    out: Option<&CopyDestination>,
    store_dir: &Path,
) -> Result<Vec<SettingsFile>> {
    let in_store = PresentSettings::in_dir(store_dir)?;
    let in_copies = earlier.copies().map_or_else(|| Ok(Vec::new()), PresentSettings::in_dir)?;
    let present = match out {
        // Before the first generation, settings in the directory are those of another store.
        _ if earlier.is_none() => Vec::new(),
        Some(out) => {
            let in_out = PresentSettings::in_dir(&out.dir)?;
            [in_out, in_copies, in_store].into_iter().find(|found| !found.is_empty()).unwrap_or_default()
        }
        // The server reads the settings next to the copies, and needs none in the store.
        None if in_store.is_empty() && earlier.copies().is_some() && !is_asked(wish, credentials, earlier) => {
            return Ok(Vec::new());
        }
        None if in_store.is_empty() => in_copies,
        None => in_store,
    };
    let forms: Vec<SettingsForm> = match (wish.forms.as_slice(), present.as_slice()) {
        ([], []) => vec![SettingsForm::EnvFile],
        ([], present) => present.iter().map(|file| file.form).collect(),
        (forms, _) => forms.to_vec(),
    };
    let file = |form: SettingsForm| {
        let before = present.iter().find(|file| file.form == form).or(present.first());
        let services = match (wish.services.as_slice(), before) {
            ([], Some(before)) if !before.services.is_empty() => before.services.clone(),
            ([], _) => vec![Service::Mqtt],
            (services, _) => services.to_vec(),
        };
        let kept = before.and_then(|before| before.credentials).filter(|_| !credentials.is_explicit());
        SettingsFile {
            form,
            services,
            credentials: kept.unwrap_or(credentials.value),
            keystore: before.and_then(|before| before.keystore),
        }
    };
    Ok(forms.into_iter().map(file).collect())
}

/// Whether the keystore that settings name already is still written.
fn keeps_keystore(asked: &Setting<Vec<ServerFormat>>, store_dir: &Path, prefix: &str, format: KeystoreFormat) -> bool {
    let (wanted, suffix) = match format {
        KeystoreFormat::Pkcs12 => (ServerFormat::P12, "p12"),
        KeystoreFormat::Jks => (ServerFormat::Jks, "jks"),
    };
    if asked.is_explicit() {
        return asked.value.contains(&wanted);
    }
    store_dir.join(format!("{prefix}.{suffix}")).exists()
}

/// The keystore that the settings name: PKCS#12 before JKS.
fn keystore_format(formats: &[ServerFormat]) -> Option<KeystoreFormat> {
    if formats.contains(&ServerFormat::P12) {
        Some(KeystoreFormat::Pkcs12)
    } else {
        formats.contains(&ServerFormat::Jks).then_some(KeystoreFormat::Jks)
    }
}

/// The directory named on the command line, which is made if need be; else the one in keygen.toml, if this machine
/// has it: the store may well be on another machine than ThingsBoard.
fn place_of_copies(config: &Config, request: &IdentityRequest) -> Result<(Option<CopyDestination>, Option<Finding>)> {
    if request.out.is_some() {
        return Ok((destination(request.out.clone(), &request.ownership), None));
    }
    let Some(configured) = &config.server.out.value else { return Ok((None, None)) };
    if configured.resolved().exists() {
        return Ok((destination(Some(configured.resolved().to_owned()), &request.ownership), None));
    }
    let note = Code::FileUnwritable
        .warning("server.out is not a directory of this machine, so the files are in the store only")
        .at(configured.resolved())
        .fix(
            "copy them to this directory of the server, which their settings name; for another one, run `tbpki server \
             --out DIR` there",
        );
    Ok((None, Some(note)))
}

/// Warns if this host has names that an earlier certificate lacks.
fn changed_names(report: &IdentityReport, wanted: &[San]) -> Option<Finding> {
    let lacking: Vec<String> =
        wanted.iter().map(ToString::to_string).filter(|name| !report.names.contains(name)).collect();
    (!lacking.is_empty()).then(|| {
        Code::WrongName
            .warning(format!("the certificate does not name {}", lacking.join(", ")))
            .because("this host has got new names or addresses since it was issued")
            .fix("issue a new one with --force if clients use them")
    })
}
