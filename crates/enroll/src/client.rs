//! The client: a host without a store fetches and renews its certificate from an EST server, ours or another one.

mod advice;
mod file_names;
mod files;
mod keys;
mod request;
mod server;
mod server_url;
mod start;

use std::path::{Path, PathBuf};

use base::{Code, Finding, Result, file};
use identity::lifecycle::enrol::SERVERS;
use identity::lifecycle::renew::RenewalRule;
use pki::Certificate;
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::KeyLocation;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use advice::{Asked, AskedKey};
use file_names::FileNames;
use files::Files;
pub use keys::in_token::AskForPin;
pub use request::{HostKeyName, HostRequest, Proof};
use server::{Identity, Server};
use start::Start;

/// The variable with which the program that runs afterwards learns the URI of a key in a token.
const KEY_URI: &str = "TBPKI_KEY_URI";

/// The result.
#[derive(Debug, Serialize, JsonSchema)]
pub struct HostReport {
    /// The subject of the certificate.
    pub subject: String,
    /// Its serial number.
    pub serial: String,
    /// Its end (RFC 3339, UTC).
    pub expires: String,
    /// The file with the certificate.
    pub cert: PathBuf,
    /// The file with the key, or the file that names the key in its token.
    pub key: PathBuf,
    /// The URI of the key, if a token keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_uri: Option<String>,
    /// The URIs of keys of earlier certificates that were removed from the token.
    pub removed_keys: Vec<String>,
    /// The URIs of keys of earlier certificates that tbpki has made and that are still in the token.
    pub earlier_keys: Vec<String>,
    /// The files before, which were kept.
    pub kept: Vec<PathBuf>,
    /// Whether this run has put certificate and key in their places. An earlier run may have done so, and have left only its
    /// program to be run.
    pub written: bool,
    /// Whether this run has given the server the proof that the new certificate is used. Servers other than `tbpki serve` do
    /// not ask for it.
    pub confirmed: bool,
    /// Whether this is a dry run: subject, serial number and end are those of the present certificate.
    pub dry_run: bool,
    /// Whether the program that makes a service load the files failed. The same command runs it again.
    pub open: bool,
    /// What was noticed.
    #[serde(skip)]
    pub findings: Vec<Finding>,
}

/// Fetches a certificate for a new key, and puts both in their places once the server has taken the new certificate.
///
/// ```text
/// KEY.new ─ request ─ CERT.new ─ TLS login and confirmation ─ both in their places ─ program ─ FILE.new removed
/// ```
///
/// With a key in a token, `CERT.key` names the key in the place of a key file: the name is written to `CERT.key.new`, then
/// the token makes the key, and the key of the certificate before is removed once the program has run. The token signs the
/// request and the TLS handshakes, so that the key never leaves it.
///
/// Whatever interrupts it, the same command continues: the same key gets the same certificate again, and a certificate
/// that was fetched is not asked for again. The confirmation comes before the move, because a platform takes the new
/// certificate by it: until then the host logs in with the present one.
///
/// # Errors
/// [`Code::BadValue`] for names of files that would be written over each other,
/// [`Code::EnrolmentUnreachable`], [`Code::EnrolmentUntrusted`], [`Code::EnrolmentRefused`], [`Code::EnrolmentLater`], [`Code::EnrolmentAnswer`],
/// [`Code::CertificateUnreadable`] and [`Code::KeyUnreadable`] for files that a renewal would change in their form,
/// [`Code::HookUnsafe`], errors of the files and of the token. The files in place are as before then. A program that fails
/// is in the report.
pub fn fetch(request: &HostRequest, ask: &mut AskForPin<'_>) -> Result<HostReport> {
    if let Some(after) = &request.after {
        // First: a program that may not run must stop the command before the server has issued something.
        after.check()?;
    }
    let names = FileNames::of(request)?;
    // Before the token of the host's own key is opened: both may be the same token.
    let proof = match &request.proof {
        Proof::Certificate { cert, key, .. } => Some(files::proof(cert, key, ask)?),
        Proof::Present | Proof::Password { .. } => None,
    };
    let mut files = Files::new(request, names, ask)?;
    if !request.dry_run
        && let Some(moved) = files.moved()?
    {
        // An earlier run was interrupted behind the move, or its program has failed. It has confirmed the certificate: that
        // comes before the move.
        files.check_name(&request.proof, &moved)?;
        let report = finish(request, &mut files, &moved, None)?;
        // A program that always fails must not keep the certificate until it has expired.
        if !is_due(request, moved.leaf()) {
            return Ok(report);
        }
    }
    let start = Start::of(&request.proof, proof.as_ref(), &mut files)?;
    let asked = asked(request, &start);
    let server = Server::new(&request.url, request.label.as_deref(), request.cafile.as_deref(), asked)?;
    if request.dry_run {
        return rehearse(request, &files, &start, &server);
    }
    files.make_dir(&request.proof)?;
    let staged = files.staged()?;
    if let Some(staged) = &staged {
        files.check_name(&request.proof, staged)?;
    }
    // Other EST servers have no confirmation. There, the login is the only proof that the new certificate is accepted.
    let prove = |new: &Identity| server.try_out(new).and_then(|()| server.confirm(new));
    let resumed = match staged {
        Some(new) if start.check(&new).is_ok() => match prove(&new) {
            // The server does not know it any more, for example because another command has renewed the identity.
            Err(error) if error.code() == Code::EnrolmentRefused => None,
            confirmed => Some((new, confirmed?)),
        },
        _ => None,
    };
    let (new, confirmed) = match resumed {
        Some(resumed) => resumed,
        None => {
            let new = start.obtain(&server, &mut files)?;
            let confirmed = prove(&new)?;
            (new, confirmed)
        }
    };
    // Before the move: a new key is never open to all.
    let loose = request.key_files().filter_map(file::loose_permissions).collect::<Vec<_>>();
    let kept = files.move_into_place(&new)?;
    let mut report = finish(request, &mut files, &new, Some(Moved { kept, confirmed }))?;
    report.findings.extend(loose);
    Ok(report)
}

/// Whether the certificate in place is renewed now, though an earlier run is only being finished.
fn is_due(request: &HostRequest, leaf: &Certificate) -> bool {
    matches!(request.proof, Proof::Present)
        && RenewalRule::LastThird.is_due(leaf.not_before(), leaf.not_after(), OffsetDateTime::now_utc())
}

/// What the run asks for, as far as the help for a refusal depends on it.
fn asked(request: &HostRequest, start: &Start<'_>) -> Asked {
    Asked {
        for_server: start.is_for_server() || request.label.as_deref() == Some(SERVERS),
        is_first: start.is_first(),
        key: match (request.same_key, &request.key.location) {
            (true, _) => AskedKey::Existing,
            (false, KeyLocation::Token(_)) => AskedKey::NewInToken,
            (false, KeyLocation::File(_) | KeyLocation::Elsewhere) => AskedKey::NewInFile,
        },
    }
}

/// The result of a move into place.
struct Moved {
    /// The files before.
    kept: Vec<PathBuf>,
    confirmed: bool,
}

/// Finds out whether a renewal can begin: the files fit, and the server answers over TLS. Whether it will renew this
/// certificate is not asked: no request of EST does that without a certificate as its answer.
fn rehearse(request: &HostRequest, files: &Files<'_>, start: &Start<'_>, server: &Server) -> Result<HostReport> {
    let Start::Renewal(present) = start else {
        return Err(Code::Internal.error("a first certificate has no dry run"));
    };
    server.try_out(present)?;
    report(request, files, present.leaf())
}

/// Whether a renewal of the certificate in a file was interrupted, or its program has failed: [`fetch`] continues.
pub fn is_open(cert: &Path) -> bool {
    files::is_staged(cert)
}

/// Runs the program, removes what nothing uses any more, and ends the run. If the program fails, the staged files stay: by
/// them, the next run knows that it has to run once more. `moved` is `None` if an earlier run has moved the files.
fn finish(
    request: &HostRequest,
    files: &mut Files<'_>,
    identity: &Identity,
    moved: Option<Moved>,
) -> Result<HostReport> {
    let leaf = identity.leaf();
    let name = leaf.common_name().unwrap_or_default();
    let ran = match (&request.after, files.key_uri()?) {
        (Some(after), Some(uri)) => after.clone().with_variable(KEY_URI, uri).run(&[], &[&name]),
        (Some(after), None) => after.run(&[], &[&name]),
        (None, _) => Ok(()),
    };
    let mut report = report(request, files, leaf)?;
    let kept = moved.map_or_else(Vec::new, |moved| {
        (report.written, report.confirmed) = (true, moved.confirmed);
        moved.kept
    });
    match ran {
        Ok(()) => {
            let earlier = files.clean_up(leaf, request.after.is_some())?;
            report.removed_keys = earlier.removed;
            report.earlier_keys = earlier.kept;
            report.findings = earlier.findings;
            if !report.written && request.after.is_none() {
                report.findings.push(no_program(&request.cert));
            }
            files.remove_beyond(leaf, request.keep)?;
        }
        Err(error) => {
            report.open = true;
            report.findings.push(error.into_finding());
        }
    }
    // The file that names a removed key was removed with it.
    report.kept = kept.into_iter().filter(|path| path.exists()).collect();
    Ok(report)
}

/// The warning of a run that ends an earlier one without a program: the staged files do not tell whether that one had a
/// program.
fn no_program(cert: &Path) -> Finding {
    Code::ProgramNotRun
        .warning("an earlier run was not finished, and this one has no program to run")
        .at(cert)
        .because("that run was cut off after the files were in their places, or its program (--after) has failed")
        .fix("if a program uses the files, make it load them")
}

/// The report of a certificate and its files.
fn report(request: &HostRequest, files: &Files<'_>, leaf: &Certificate) -> Result<HostReport> {
    Ok(HostReport {
        subject: leaf.subject(),
        serial: leaf.serial_hex(),
        expires: leaf.not_after().format(&Rfc3339).unwrap_or_default(),
        cert: request.cert.clone(),
        key: match &request.key.location {
            // As the user has written it.
            KeyLocation::File(path) => path.clone(),
            KeyLocation::Token(_) | KeyLocation::Elsewhere => request.cert.with_file_name(files.key_name()),
        },
        key_uri: files.key_uri()?,
        removed_keys: Vec::new(),
        earlier_keys: Vec::new(),
        kept: Vec::new(),
        written: false,
        confirmed: false,
        dry_run: request.dry_run,
        open: false,
        findings: Vec::new(),
    })
}
