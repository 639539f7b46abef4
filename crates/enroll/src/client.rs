//! The client: a host without a store fetches and renews its certificate from an EST server, ours or another one.

mod files;
mod server;

use std::path::{Path, PathBuf};

use base::{Code, Finding, Result, Secret};
use identity::lifecycle::hook::Hook;
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
    /// The program that runs once the files are in their places.
    pub after: Option<Hook>,
    /// Ask for no certificate, and write nothing.
    pub dry_run: bool,
}

/// How a host proves itself.
#[derive(Debug)]
pub enum Proof {
    /// By its present certificate. The new key has the algorithm of the present one.
    Present,
    /// By its name and a one-time password: a first certificate.
    Password {
        /// The device's name.
        name: String,
        /// The password.
        password: Secret,
        /// The algorithm of the key.
        algorithm: Algorithm,
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
/// Whatever interrupts it, the same command continues: the same key gets the same certificate again, and a certificate
/// that was fetched is not asked for again. The confirmation comes before the move, because a platform takes the new
/// certificate by it: until then the host logs in with the present one.
///
/// # Errors
/// [`Code::EnrolmentUnreachable`], [`Code::EnrolmentUntrusted`], [`Code::EnrolmentRefused`], [`Code::EnrolmentLater`], [`Code::EnrolmentAnswer`],
/// [`Code::HookUnsafe`] and errors of the files. The files in place are as before then. A program that fails is in the
/// report.
pub fn fetch(request: &HostRequest) -> Result<HostReport> {
    if let Some(after) = &request.after {
        // First: a program that may not run must stop the command before the server has issued something.
        after.check()?;
    }
    let files = Files::new(&request.cert, &request.key)?;
    let connect = || Server::new(&request.url, request.label.as_deref(), request.cafile.as_deref());
    if !request.dry_run
        && let Some(moved) = files.moved()?
    {
        // An earlier run was interrupted behind the move, or its program has failed.
        let server = connect()?;
        let confirmed = server.confirm(&moved)?;
        return finish(request, &files, &moved, Vec::new(), confirmed);
    }
    let start = Start::of(&request.proof, &files)?;
    let server = connect()?;
    if request.dry_run {
        return rehearse(request, &start, &server);
    }
    let resumed = match files.staged()? {
        Some(new) if start.check(&new).is_ok() => match server.confirm(&new) {
            // The server does not know it any more, for example because another command has renewed the identity.
            Err(error) if error.code() == Code::EnrolmentRefused => None,
            confirmed => Some((new, confirmed?)),
        },
        _ => None,
    };
    let (new, confirmed) = match resumed {
        Some(resumed) => resumed,
        None => {
            let new = start.obtain(&server, &files)?;
            // Other EST servers have no confirmation. There, this login is the only proof that the new certificate is
            // accepted.
            server.try_out(&new)?;
            let confirmed = server.confirm(&new)?;
            (new, confirmed)
        }
    };
    let kept = files.move_into_place(&new)?;
    finish(request, &files, &new, kept, confirmed)
}

/// Finds out whether a renewal can begin: the files fit, and the server answers over TLS. Whether it will renew this
/// certificate is not asked: no request of EST does that without a certificate as its answer.
fn rehearse(request: &HostRequest, start: &Start<'_>, server: &Server) -> Result<HostReport> {
    let Start::Renewal(present) = start else {
        return Err(Code::Internal.error("a first certificate has no dry run"));
    };
    server.try_out(present)?;
    Ok(report(request, present.leaf()))
}

/// Whether a renewal of the certificate in a file was interrupted, or its program has failed: [`fetch`] continues.
pub fn is_open(cert: &Path) -> bool {
    files::is_staged(cert)
}

/// Runs the program, and ends the run. If the program fails, the staged files stay: by them, the next run knows that it
/// has to run once more.
fn finish(
    request: &HostRequest,
    files: &Files,
    identity: &Identity,
    kept: Vec<PathBuf>,
    confirmed: bool,
) -> Result<HostReport> {
    let leaf = identity.leaf();
    let name = leaf.common_name().unwrap_or_default();
    let ran = request.after.as_ref().map_or(Ok(()), |after| after.run(&[], &[&name]));
    if ran.is_ok() {
        files.remove_staged()?;
    }
    Ok(HostReport {
        kept,
        confirmed,
        open: ran.is_err(),
        findings: ran.err().into_iter().map(base::Error::into_finding).collect(),
        ..report(request, leaf)
    })
}

/// The report of a certificate and its files.
fn report(request: &HostRequest, leaf: &Certificate) -> HostReport {
    HostReport {
        subject: leaf.subject(),
        serial: leaf.serial_hex(),
        expires: leaf.not_after().format(&Rfc3339).unwrap_or_default(),
        cert: request.cert.clone(),
        key: request.key.clone(),
        kept: Vec::new(),
        confirmed: false,
        dry_run: request.dry_run,
        open: false,
        findings: Vec::new(),
    }
}

/// What a run begins with.
enum Start<'a> {
    /// A name and a one-time password.
    First { name: &'a str, subject: Subject, password: &'a Secret, algorithm: Algorithm },
    /// The identity in place.
    Renewal(Identity),
}

impl<'a> Start<'a> {
    fn of(proof: &'a Proof, files: &Files) -> Result<Self> {
        match proof {
            Proof::Present => Ok(Self::Renewal(files.present()?)),
            Proof::Password { name, password, algorithm } => {
                files.check_absent()?;
                // Before a key is made: a name that no subject can have leaves nothing behind.
                let subject = Subject::default().with_common_name(name)?;
                Ok(Self::First { name, subject, password, algorithm: *algorithm })
            }
        }
    }

    /// Makes a key, fetches a certificate for it, and stages both. The identity is read from the staged files.
    fn obtain(&self, server: &Server, files: &Files) -> Result<Identity> {
        let algorithm = match self {
            Self::First { algorithm, .. } => *algorithm,
            // A renewal keeps what the identity is: other programs of the host may read no other kind of key.
            Self::Renewal(present) => present.key.algorithm(),
        };
        let key = files.new_key(algorithm)?;
        let leaf = self.ask(server, &key)?;
        let new = Identity { chain: vec![leaf], key };
        self.check(&new)?;
        let hierarchy = server.ca_certificates()?;
        files.stage_chain(&chain(new.leaf().clone(), &hierarchy)?)?;
        // From the disk and not from memory: what is tried out and confirmed is what will be moved into place.
        files.staged()?.ok_or_else(|| Code::Internal.error("the staged files are not those that were written"))
    }

    /// Asks for the certificate.
    fn ask(&self, server: &Server, key: &PrivateKey) -> Result<Certificate> {
        let request = |subject: &[u8], sans: &[San]| pki::signing_request::write(key, subject, sans);
        let sent = match self {
            Self::First { name, subject, password, .. } => {
                server.enrol(&request(subject.to_der(), &[])?, name, password)?
            }
            Self::Renewal(present) => {
                let leaf = present.leaf();
                server.renew(&request(leaf.subject_der(), &leaf.sans())?, present)?
            }
        };
        // An answer holds the issued certificate alone (RFC 7030, section 4.2.3). Some servers add its chain, in any
        // order.
        sent.into_iter()
            .find(|certificate| pki::key::is_same_key(certificate.spki_der(), key.spki_der()))
            .ok_or_else(|| unexpected("none of its certificates is for the key of the request"))
    }

    /// Fails unless the certificate is usable and the same identity.
    fn check(&self, new: &Identity) -> Result<()> {
        let leaf = new.leaf();
        new.key.check_belongs_to(leaf.spki_der())?;
        let now = OffsetDateTime::now_utc();
        if now < leaf.not_before() || now > leaf.not_after() {
            return Err(
                unexpected("the certificate is not valid now").fix("check the clock of this machine and of the server")
            );
        }
        let Self::Renewal(present) = self else { return Ok(()) };
        let same = present.leaf();
        // By bytes or by text: a CA may write the same name with another type of string.
        if leaf.subject_der() != same.subject_der() && leaf.subject() != same.subject() {
            return Err(unexpected("the certificate has another subject than the present one"));
        }
        if leaf.der() == same.der() {
            return Err(unexpected("the server sent the present certificate again"));
        }
        Ok(())
    }
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
