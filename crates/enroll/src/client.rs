//! The client: a host without a store fetches and renews its certificate from an EST server, ours or another one.

mod files;
mod keys;
mod server;

use std::path::{Path, PathBuf};
use std::str::FromStr;

use base::{Code, Error, Finding, Result, Secret};
use identity::lifecycle::hook::Hook;
use pki::key::SigningKey as _;
use pki::pkcs11::{KeyReference, TokenUri};
use pki::{Algorithm, Certificate, San, Subject};
use provision::LoginKey;
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::KeyLocation;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use files::Files;
pub use keys::in_token::AskForPin;
use server::{Identity, Server, unexpected};

/// The variable with which the program that runs afterwards learns the URI of a key in a token.
const KEY_URI: &str = "TBPKI_KEY_URI";

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
    /// The private key: a file in the same directory, or a key in a token.
    pub key: HostKeyName,
    /// Make no key: renew for the present one, or fetch the first certificate for a key that exists already.
    pub same_key: bool,
    /// How the host proves itself.
    pub proof: Proof,
    /// The program that runs once the files are in their places.
    pub after: Option<Hook>,
    /// Ask for no certificate, and write nothing.
    pub dry_run: bool,
}

/// The name of a host's key: a path, or the URI of a key in a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeyName {
    /// The place of the key.
    pub location: KeyLocation,
    /// The file with the PIN of the token, if the URI names one.
    pub pin_source: Option<PathBuf>,
}

impl FromStr for HostKeyName {
    type Err = Error;

    /// Reads a `pkcs11:` URI, which can name the file of the PIN (`pin-source`), or else a path.
    ///
    /// # Errors
    /// [`Code::Pkcs11Uri`].
    fn from_str(text: &str) -> Result<Self> {
        if !TokenUri::is_meant_by(text) {
            return Ok(Self { location: KeyLocation::File(text.into()), pin_source: None });
        }
        let KeyReference { uri, pin_source, .. } = text.parse()?;
        Ok(Self { location: KeyLocation::Token(uri), pin_source })
    }
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
    /// By a certificate of a CA that the server accepts once, for example of the maker of the hardware: a first
    /// certificate.
    Certificate {
        /// The device's name.
        name: String,
        /// The file of that certificate with its chain.
        cert: PathBuf,
        /// Its key.
        key: Box<HostKeyName>,
        /// The algorithm of the key for the first certificate.
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
/// With a key in a token, `CERT.key` names the key in the place of a key file: the name is written to `CERT.key.new`, then
/// the token makes the key, and the key of the certificate before is removed once the program has run. The token signs the
/// request and the TLS handshakes, so that the key never leaves it.
///
/// Whatever interrupts it, the same command continues: the same key gets the same certificate again, and a certificate
/// that was fetched is not asked for again. The confirmation comes before the move, because a platform takes the new
/// certificate by it: until then the host logs in with the present one.
///
/// # Errors
/// [`Code::EnrolmentUnreachable`], [`Code::EnrolmentUntrusted`], [`Code::EnrolmentRefused`], [`Code::EnrolmentLater`], [`Code::EnrolmentAnswer`],
/// [`Code::HookUnsafe`], errors of the files and of the token. The files in place are as before then. A program that fails
/// is in the report.
pub fn fetch(request: &HostRequest, ask: &mut AskForPin<'_>) -> Result<HostReport> {
    if let Some(after) = &request.after {
        // First: a program that may not run must stop the command before the server has issued something.
        after.check()?;
    }
    // Before the token of the host's own key is opened: both may be the same token.
    let proof = match &request.proof {
        Proof::Certificate { cert, key, .. } => Some(files::proof(cert, key, ask)?),
        Proof::Present | Proof::Password { .. } => None,
    };
    let mut files = Files::new(request, ask)?;
    let connect = || Server::new(&request.url, request.label.as_deref(), request.cafile.as_deref());
    if !request.dry_run
        && let Some(moved) = files.moved()?
    {
        // An earlier run was interrupted behind the move, or its program has failed.
        let server = connect()?;
        let confirmed = server.confirm(&moved)?;
        return finish(request, &mut files, &moved, Vec::new(), confirmed);
    }
    let start = Start::of(&request.proof, proof.as_ref(), &mut files)?;
    let server = connect()?;
    if request.dry_run {
        return rehearse(request, &files, &start, &server);
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
            let new = start.obtain(&server, &mut files)?;
            // Other EST servers have no confirmation. There, this login is the only proof that the new certificate is
            // accepted.
            server.try_out(&new)?;
            let confirmed = server.confirm(&new)?;
            (new, confirmed)
        }
    };
    let kept = files.move_into_place(&new)?;
    finish(request, &mut files, &new, kept, confirmed)
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
/// them, the next run knows that it has to run once more.
fn finish(
    request: &HostRequest,
    files: &mut Files<'_>,
    identity: &Identity,
    kept: Vec<PathBuf>,
    confirmed: bool,
) -> Result<HostReport> {
    let leaf = identity.leaf();
    let name = leaf.common_name().unwrap_or_default();
    let ran = match (&request.after, files.key_uri()?) {
        (Some(after), Some(uri)) => after.clone().with_variable(KEY_URI, uri).run(&[], &[&name]),
        (Some(after), None) => after.run(&[], &[&name]),
        (None, _) => Ok(()),
    };
    let mut report = HostReport { confirmed, ..report(request, files, leaf)? };
    match ran {
        Ok(()) => {
            let earlier = files.clean_up(leaf, request.after.is_some())?;
            report.removed_keys = earlier.removed;
            report.earlier_keys = earlier.kept;
            report.findings = earlier.findings;
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
        confirmed: false,
        dry_run: request.dry_run,
        open: false,
        findings: Vec::new(),
    })
}

/// What a run begins with.
enum Start<'a> {
    /// A name, and what proves it.
    First { name: &'a str, subject: Subject, proof: FirstProof<'a>, algorithm: Algorithm },
    /// The identity in place.
    Renewal(Identity),
}

/// The proof for a first certificate.
enum FirstProof<'a> {
    Password(&'a Secret),
    Certificate(&'a Identity),
}

impl<'a> Start<'a> {
    fn of(proof: &'a Proof, shown: Option<&'a Identity>, files: &mut Files<'_>) -> Result<Self> {
        let (name, proof, algorithm) = match (proof, shown) {
            (Proof::Password { name, password, algorithm }, _) => (name, FirstProof::Password(password), *algorithm),
            (Proof::Certificate { name, algorithm, .. }, Some(shown)) => {
                (name, FirstProof::Certificate(shown), *algorithm)
            }
            (Proof::Present | Proof::Certificate { .. }, _) => return Ok(Self::Renewal(files.present()?)),
        };
        files.check_absent()?;
        // Before a key is made: a name that no subject can have leaves nothing behind.
        let subject = Subject::default().with_common_name(name)?;
        Ok(Self::First { name, subject, proof, algorithm })
    }

    /// Makes a key, fetches a certificate for it, and stages both. The identity is read from the staged files.
    fn obtain(&self, server: &Server, files: &mut Files<'_>) -> Result<Identity> {
        let key = match self {
            Self::First { name, algorithm, .. } => files.next_key(*algorithm, name, None)?,
            // A renewal keeps what the identity is: other programs of the host may read no other kind of key.
            Self::Renewal(present) => {
                let name = present.leaf().common_name().unwrap_or_default();
                files.next_key(present.key.public().algorithm(), &name, Some(present))?
            }
        };
        let leaf = self.ask(server, &key)?;
        let new = Identity { chain: vec![leaf], key };
        self.check(&new)?;
        let hierarchy = server.ca_certificates()?;
        files.stage_chain(&chain(new.leaf().clone(), &hierarchy)?)?;
        // From the disk and not from memory: what is tried out and confirmed is what will be moved into place.
        files.staged()?.ok_or_else(|| Code::Internal.error("the staged files are not those that were written"))
    }

    /// Asks for the certificate.
    fn ask(&self, server: &Server, key: &LoginKey) -> Result<Certificate> {
        let request = |subject: &[u8], sans: &[San]| pki::signing_request::write(key, subject, sans);
        let sent = match self {
            Self::First { name, subject, proof: FirstProof::Password(password), .. } => {
                server.enrol(&request(subject.to_der(), &[])?, name, password)?
            }
            Self::First { subject, proof: FirstProof::Certificate(proof), .. } => {
                server.enrol_with(&request(subject.to_der(), &[])?, proof)?
            }
            Self::Renewal(present) => {
                let leaf = present.leaf();
                server.renew(&request(leaf.subject_der(), &leaf.sans())?, present)?
            }
        };
        // An answer holds the issued certificate alone (RFC 7030, section 4.2.3). Some servers add its chain, in any
        // order.
        sent.into_iter()
            .find(|certificate| pki::key::is_same_key(certificate.spki_der(), key.public().spki_der()))
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
