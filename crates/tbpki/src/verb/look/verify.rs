//! `tbpki verify`.

use std::io::{self, Write};
use std::path::Path;

use base::text::printable;
use base::{Code, Finding, Result, Severity, file};
use pki::certificate::ExtendedKeyUsage;
use pki::crl::Crl;
use pki::key::PublicKey;
use pki::pem_bundle::PemBundle;
use pki::pkcs11::{TokenKey, TokenUri};
use pki::verify::{self, Link, Source};
use pki::{Certificate, PrivateKey};
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::{CaName, Hierarchy};
use time::OffsetDateTime;

use crate::args::{Purpose, VerifyArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::passphrase;

/// The largest file that is read, in bytes. Revocation lists can be long.
const LIMIT: usize = 16 << 20;

/// The result of verifying a chain.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifyReport {
    /// True if no check failed.
    pub(crate) ok: bool,
    /// True if the chain ends at a trust anchor.
    pub(crate) trusted: bool,
    /// The path from the leaf upwards, as far as it could be built.
    pub(crate) links: Vec<LinkReport>,
}

/// One certificate of the path.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LinkReport {
    /// The subject (RFC 4514).
    pub(crate) subject: String,
    /// The issuer (RFC 4514).
    pub(crate) issuer: String,
    /// The serial number in hexadecimal.
    pub(crate) serial: String,
    /// The last second of its validity (RFC 3339, UTC).
    pub(crate) not_after: String,
    /// The SHA-256 of its DER in hexadecimal.
    pub(crate) fingerprint: String,
    /// `sent` for a certificate of the chain, `store` for one that only the store has, or `anchor`.
    pub(crate) source: &'static str,
    /// True if all checks of the certificate and of its signature passed.
    pub(crate) ok: bool,
    /// The codes of its findings.
    pub(crate) codes: Vec<Code>,
}

pub(crate) fn run(args: &VerifyArgs, context: &mut Context) -> Result<Exit> {
    let time = args.at.unwrap_or_else(OffsetDateTime::now_utc);
    let chain = read_certificates(&args.chain)?;
    let purpose = args.purpose.or_else(|| purpose_of(&chain));
    let (anchors, issuing) = match &args.anchors {
        Some(path) => (read_certificates(path)?, Vec::new()),
        None => cas_of_store(purpose, context)?,
    };
    // A chain is verified as it is sent. A lone certificate can be a file that is never sent by itself.
    let extra: &[Certificate] = if chain.len() == 1 { &issuing } else { &[] };
    let key = match &args.key {
        None => None,
        Some(path) => Some(public_half(path, args, context)?),
    };
    let crls = args.crl.iter().map(|path| read_crls(path)).collect::<Result<Vec<_>>>()?.concat();
    let report = verify::verify(&verify::Request {
        chain: &chain,
        extra,
        anchors: &anchors,
        key: key.as_ref(),
        host: args.host.as_ref(),
        purpose: purpose.map(|purpose| match purpose {
            Purpose::Server => verify::Purpose::Server,
            Purpose::Device => verify::Purpose::Device,
        }),
        time,
        crls: &crls,
    });
    let ok = report.findings.iter().all(|finding| finding.severity < Severity::Fault);
    context.output.findings(report.findings.into_iter().map(Finding::advised));
    context.output.findings(from_store(&report.links, purpose));
    let links = report.links.iter().map(link).collect();
    context.output.result(&VerifyReport { ok, trusted: report.trusted, links })?;
    Ok(if ok { Exit::Done } else { Exit::FaultFound })
}

/// The public key of a key file, or of the token key that the file names. The token is used without its PIN.
fn public_half(path: &Path, args: &VerifyArgs, context: &mut Context) -> Result<PublicKey> {
    let passphrase = passphrase::read(args.passphrase_file.as_deref(), context)?;
    let bytes = file::read_secret(path, LIMIT)?;
    if let Some(uri) = std::str::from_utf8(&bytes).ok().filter(|text| TokenUri::is_meant_by(text)) {
        let found = uri.parse().and_then(|uri| TokenKey::public_without_pin(&uri)).map_err(|error| error.at(path))?;
        return found.ok_or_else(|| {
            Code::Pkcs11KeyMissing
                .error("the token does not show this public key without its PIN")
                .at(path)
                .fix("omit --key: tbpki compares the key with its certificate before each use")
        });
    }
    let key = PrivateKey::from_pem_or_der(&bytes, passphrase.as_ref()).map_err(|error| error.at(path))?;
    context.output.findings(file::loose_permissions(path));
    Ok(key.public().clone())
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>> {
    let bytes = file::read_secret(path, LIMIT)?;
    let certificates = PemBundle::parse(&bytes).map_err(|error| error.at(path))?.certificates;
    if certificates.is_empty() {
        return Err(Code::CertificateUnreadable.error("no certificate in the file").at(path));
    }
    Ok(certificates)
}

fn read_crls(path: &Path) -> Result<Vec<Crl>> {
    let bytes = file::read(path, LIMIT)?;
    let ders = match bytes.first() {
        Some(0x30) => vec![bytes],
        _ => PemBundle::parse(&bytes).map_err(|error| error.at(path))?.crls,
    };
    if ders.is_empty() {
        return Err(Code::CertificateUnreadable.error("no revocation list in the file").at(path));
    }
    ders.iter().map(|der| Crl::from_der(der).map_err(|error| error.at(path))).collect()
}

/// The purpose of the leaf, if its extended key usage has only one.
fn purpose_of(chain: &[Certificate]) -> Option<Purpose> {
    let usages = chain.first()?.extended_key_usages()?;
    let has = |usage| usages.contains(&usage);
    match (has(ExtendedKeyUsage::ServerAuth), has(ExtendedKeyUsage::ClientAuth)) {
        (true, false) => Some(Purpose::Server),
        (false, true) => Some(Purpose::Device),
        _ => None,
    }
}

/// A finding for a path that is not in the file as a whole. A device's leaf alone is a usual file (`cert.pem`), so that
/// this is a note; clients reject a server that sends only its leaf, so that this is a warning.
fn from_store(links: &[Link], purpose: Option<Purpose>) -> Option<Finding> {
    let link = links.iter().find(|link| link.source == Source::Extra)?;
    let what = format!("{} is not in the file and was taken from the store", link.name);
    let finding = match purpose {
        Some(Purpose::Server) => Code::ChainGap.warning(what),
        _ => Code::ChainGap.note(what),
    };
    let finding = finding.because("peers do not fetch missing certificates");
    Some(finding.fix("send the whole chain: the leaf, then its issuing CA"))
}

/// The roots of the store, which the peers of such a leaf trust, and the issuing CAs below them.
fn cas_of_store(purpose: Option<Purpose>, context: &mut Context) -> Result<(Vec<Certificate>, Vec<Certificate>)> {
    if !context.config_path().exists() {
        return Err(Code::Usage
            .error("no trust anchors: neither --anchors nor a keygen.toml with a store")
            .fix("use --anchors FILE"));
    }
    let config = context.config(&Overrides::default())?;
    let store = config.general.store.resolved();
    let hierarchies: &[Hierarchy] = match purpose {
        Some(Purpose::Server) => &[Hierarchy::Server],
        Some(Purpose::Device) => &[Hierarchy::Devices],
        None => &Hierarchy::ALL,
    };
    let of = |name: fn(Hierarchy) -> CaName| {
        let cas = hierarchies.iter().map(|hierarchy| name(*hierarchy).certificates(store));
        cas.collect::<Result<Vec<_>>>().map(|cas| cas.concat())
    };
    Ok((of(Hierarchy::root)?, of(Hierarchy::issuing)?))
}

fn link(link: &Link) -> LinkReport {
    LinkReport {
        subject: link.name.clone(),
        issuer: link.issuer.clone(),
        serial: link.serial.clone(),
        not_after: identity::report::rfc3339(link.not_after),
        fingerprint: link.fingerprint.clone(),
        source: match link.source {
            Source::Sent(_) => "sent",
            Source::Extra => "store",
            Source::Anchor => "anchor",
        },
        ok: link.ok,
        codes: link.codes.clone(),
    }
}

impl Report for VerifyReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        for link in &self.links {
            let verdict = if link.ok { "ok" } else { "FAILS" };
            writeln!(out, "{verdict:<6} {:<7} {}", link.source, printable(&link.subject))?;
            if !link.codes.is_empty() {
                let codes: Vec<String> = link.codes.iter().map(ToString::to_string).collect();
                writeln!(out, "       {}", codes.join(", "))?;
            }
        }
        writeln!(out, "{}", if self.ok { "the chain verifies" } else { "the chain does not verify" })
    }
}
