//! The client: a host without a store fetches and renews its certificate from an EST server, ours or another one.

mod files;
mod server;

use std::path::PathBuf;

use base::{Code, Result, Secret};
use pki::{Algorithm, Certificate, PrivateKey, San, Subject};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use files::Files;
use server::{Identity, Server, unexpected};

/// The server and the files of a host.
#[derive(Debug)]
pub struct HostRequest {
    /// The URL of the server, without `/.well-known`.
    pub url: String,
    /// The label; `None` for none.
    pub label: Option<String>,
    /// The PEM file with the roots that the server's certificate leads to; `None` for those of the system.
    pub cafile: Option<PathBuf>,
    /// The file of the certificate with its chain.
    pub cert: PathBuf,
    /// The file of the private key, in the same directory.
    pub key: PathBuf,
    /// How the host proves itself.
    pub proof: Proof,
    /// The algorithm of the new key.
    pub algorithm: Algorithm,
}

/// How a host proves itself.
#[derive(Debug)]
pub enum Proof {
    /// By its present certificate.
    Present,
    /// By its name and a one-time password: a first certificate.
    Password {
        /// The device's name.
        name: String,
        /// The password.
        password: Secret,
    },
}

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
    /// The file with the key.
    pub key: PathBuf,
    /// The files before, which were kept.
    pub kept: Vec<PathBuf>,
    /// Whether the server has the proof that the new certificate is used. Servers other than `tbpki serve` do not ask
    /// for it.
    pub confirmed: bool,
}

/// Fetches a certificate for a new key, and puts both in their places.
///
/// The key is written to `KEY.new` before the server is asked, so that the same command finishes what was interrupted:
/// the same key gets the same certificate again.
///
/// # Errors
/// [`Code::EnrolmentUnreachable`], [`Code::EnrolmentRefused`], [`Code::EnrolmentLater`], [`Code::EnrolmentAnswer`], and
/// errors of the files. The files in place are as before then.
pub fn fetch(request: &HostRequest) -> Result<HostReport> {
    let files = Files::new(&request.cert, &request.key)?;
    let roots = server::roots(request.cafile.as_deref())?;
    let present = match &request.proof {
        Proof::Present => Some(files.present()?),
        Proof::Password { .. } => {
            files.check_absent()?;
            None
        }
    };
    let server = Server::new(&request.url, request.label.as_deref(), roots)?;
    if let Some(present) = &present
        && files.is_moved(present)?
    {
        // An earlier run was interrupted behind the move.
        let confirmed = server.confirm(present)?;
        files.remove_staged()?;
        return Ok(report(request, present, Vec::new(), confirmed));
    }
    let (subject, sans) = match (&request.proof, &present) {
        (Proof::Password { name, .. }, _) => (Subject::default().with_common_name(name)?.to_der().to_vec(), Vec::new()),
        (Proof::Present, Some(present)) => (present.leaf().subject_der().to_vec(), present.leaf().sans()),
        (Proof::Present, None) => return Err(Code::Internal.error("there is no present certificate")),
    };
    let key = files.new_key(request.algorithm)?;
    let leaf = ask(&server, request, present.as_ref(), &key, &subject, &sans)?;
    check(&leaf, &key, &subject, present.as_ref())?;
    let hierarchy = server.ca_certificates()?;
    let chain = chain(leaf, &hierarchy)?;
    files.stage_chain(&chain)?;
    let new = Identity { chain: chain.clone(), key };
    server.try_out(&new)?;
    let kept = files.move_into_place(&new)?;
    let confirmed = server.confirm(&new)?;
    files.remove_staged()?;
    Ok(report(request, &new, kept, confirmed))
}

fn report(request: &HostRequest, identity: &Identity, kept: Vec<PathBuf>, confirmed: bool) -> HostReport {
    let leaf = identity.leaf();
    HostReport {
        subject: leaf.subject(),
        serial: leaf.serial_hex(),
        expires: leaf.not_after().format(&Rfc3339).unwrap_or_default(),
        cert: request.cert.clone(),
        key: request.key.clone(),
        kept,
        confirmed,
    }
}

/// Asks for the certificate.
fn ask(
    server: &Server,
    request: &HostRequest,
    present: Option<&Identity>,
    key: &PrivateKey,
    subject: &[u8],
    sans: &[San],
) -> Result<Certificate> {
    let csr = pki::signing_request::write(key, subject, sans)?;
    let sent = match (&request.proof, present) {
        (Proof::Password { name, password }, _) => server.enrol(&csr, name, password)?,
        (Proof::Present, present) => server.renew(&csr, present)?,
    };
    sent.into_iter()
        .find(|certificate| pki::key::is_same_key(certificate.spki_der(), key.spki_der()))
        .ok_or_else(|| unexpected("none of its certificates is for the key of the request"))
}

/// Fails unless the certificate is usable and the same identity.
fn check(leaf: &Certificate, key: &PrivateKey, subject: &[u8], present: Option<&Identity>) -> Result<()> {
    key.check_belongs_to(leaf.spki_der())?;
    let now = OffsetDateTime::now_utc();
    if now < leaf.not_before() || now > leaf.not_after() {
        return Err(
            unexpected("the certificate is not valid now").fix("check the clock of this machine and of the server")
        );
    }
    let Some(present) = present else { return Ok(()) };
    let same = present.leaf();
    if leaf.subject_der() != subject && leaf.subject() != same.subject() {
        return Err(unexpected("the certificate has another subject than the present one"));
    }
    if leaf.der() == same.der() {
        return Err(unexpected("the server sent the present certificate again"));
    }
    Ok(())
}

/// The leaf and those between it and a root, from the hierarchy that the server sent.
fn chain(leaf: Certificate, hierarchy: &[Certificate]) -> Result<Vec<Certificate>> {
    let mut chain = vec![leaf];
    // A chain of certificates that sign each other is never longer than all of them.
    for _ in 0..=hierarchy.len() {
        let Some(last) = chain.last().filter(|last| !last.is_self_issued()) else { break };
        let is_issuer = |ca: &&Certificate| last.names_as_issuer(ca) && last.verify_signed_by(ca).is_ok();
        let Some(issuer) = hierarchy.iter().find(is_issuer) else {
            return Err(unexpected(format!("its CA certificates do not have the issuer of {}", last.subject())));
        };
        if issuer.is_self_issued() {
            break;
        }
        chain.push(issuer.clone());
    }
    Ok(chain)
}
