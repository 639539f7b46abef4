//! `tbpki verify`.

use std::io::{self, Write};
use std::path::Path;

use base::text::printable;
use base::{Code, Finding, Result, Severity, file};
use fleet::ca::{CaName, Hierarchy};
use pki::certificate::ExtendedKeyUsage;
use pki::crl::Crl;
use pki::key::PublicKey;
use pki::pem_bundle::PemBundle;
use pki::pkcs11::{TokenKey, TokenUri};
use pki::verify::{self, Host, Link, Source};
use pki::{Certificate, PrivateKey};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::passphrase;
use crate::args::{Purpose, VerifyArgs};
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;

/// The largest file that is read; revocation lists can be long.
const LIMIT: usize = 16 << 20;

/// What a chain is worth.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VerifyReport {
    /// Whether nothing is wrong.
    pub(crate) ok: bool,
    /// Whether the chain ends at a certificate that is trusted.
    pub(crate) trusted: bool,
    /// The path from the leaf upwards, as far as it goes.
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
    /// The last second at which it holds (RFC 3339, UTC).
    pub(crate) not_after: String,
    /// Its SHA-256 in hexadecimal.
    pub(crate) fingerprint: String,
    /// Where it is: `sent` with the chain, in the `store` alone, or the `anchor`.
    pub(crate) source: &'static str,
    /// Whether nothing is wrong with it or with its signature.
    pub(crate) ok: bool,
    /// The codes of what was found with it.
    pub(crate) codes: Vec<Code>,
}

pub(crate) fn run(args: &VerifyArgs, context: &mut Context) -> Result<Exit> {
    let time = match &args.at {
        None => OffsetDateTime::now_utc(),
        Some(text) => moment(text)?,
    };
    let chain = read_certificates(&args.chain)?;
    let purpose = args.purpose.or_else(|| purpose_of(&chain));
    let (anchors, issuing) = match &args.anchors {
        Some(path) => (read_certificates(path)?, Vec::new()),
        None => cas_of_store(purpose, context)?,
    };
    // A chain is judged as it is sent. A lone certificate may be a file that is never sent by itself.
    let extra: &[Certificate] = if chain.len() == 1 { &issuing } else { &[] };
    let key = match &args.key {
        None => None,
        Some(path) => Some(public_half(path, args, context)?),
    };
    let crls = args.crl.iter().map(|path| read_crls(path)).collect::<Result<Vec<_>>>()?.concat();
    let host = args.host.as_deref().map(str::parse::<Host>).transpose()?;
    let report = verify::verify(&verify::Request {
        chain: &chain,
        extra,
        anchors: &anchors,
        key: key.as_ref(),
        host: host.as_ref(),
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

/// The public half of the key in a file, or of the one in a token that the file names. A token is asked without a PIN.
fn public_half(path: &Path, args: &VerifyArgs, context: &mut Context) -> Result<PublicKey> {
    let passphrase = passphrase::read(args.passphrase_file.as_deref(), context)?;
    let bytes = file::read_secret(path, LIMIT)?;
    if let Some(uri) = std::str::from_utf8(&bytes).ok().filter(|text| TokenUri::is_meant_by(text)) {
        let found = uri.parse().and_then(|uri| TokenKey::public_without_pin(&uri)).map_err(|error| error.at(path))?;
        return found.ok_or_else(|| {
            Code::Pkcs11KeyMissing
                .error("the token shows no such public key without its PIN")
                .at(path)
                .fix("verify without --key: whatever signs with the key compares it with the certificate first")
        });
    }
    let key = PrivateKey::from_pem_or_der(&bytes, passphrase.as_ref()).map_err(|error| error.at(path))?;
    context.output.findings(file::loose_permissions(path));
    Ok(key.public().clone())
}

fn moment(text: &str) -> Result<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| {
        Code::Usage.error(format!("{text:?} is no moment")).because(error).fix("write it as 2030-01-31T12:00:00Z")
    })
}

fn read_certificates(path: &Path) -> Result<Vec<Certificate>> {
    let bytes = file::read_secret(path, LIMIT)?;
    let certificates = PemBundle::parse(&bytes).map_err(|error| error.at(path))?.certificates;
    if certificates.is_empty() {
        return Err(Code::CertificateUnreadable.error("there is no certificate in the file").at(path));
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
        return Err(Code::CertificateUnreadable.error("there is no revocation list in the file").at(path));
    }
    ders.iter().map(|der| Crl::from_der(der).map_err(|error| error.at(path))).collect()
}

/// What the leaf says that it is for, where it says one thing only.
fn purpose_of(chain: &[Certificate]) -> Option<Purpose> {
    let usages = chain.first()?.extended_key_usages()?;
    let has = |usage| usages.contains(&usage);
    match (has(ExtendedKeyUsage::ServerAuth), has(ExtendedKeyUsage::ClientAuth)) {
        (true, false) => Some(Purpose::Server),
        (false, true) => Some(Purpose::Device),
        _ => None,
    }
}

/// Says that a part of the path is not in the file: a device's leaf alone is a file that people have (`cert.pem`), a
/// server that sends no more is refused.
fn from_store(links: &[Link], purpose: Option<Purpose>) -> Option<Finding> {
    let link = links.iter().find(|link| link.source == Source::Extra)?;
    let what = format!("{} is not in the file; it was taken from the store", link.name);
    let finding = match purpose {
        Some(Purpose::Server) => Code::ChainGap.warning(what),
        _ => Code::ChainGap.note(what),
    };
    let finding = finding.because("peers do not fetch missing certificates");
    Some(finding.fix("have the chain sent: the leaf with its issuing CA behind it"))
}

/// The roots of the station in this directory, which are what the peer of such a leaf trusts, and the CAs below them.
fn cas_of_store(purpose: Option<Purpose>, context: &mut Context) -> Result<(Vec<Certificate>, Vec<Certificate>)> {
    if !context.config_path().exists() {
        return Err(Code::Usage
            .error("there is nothing to verify against: no --anchors, and no keygen.toml with a store")
            .fix("name the certificates that the peer trusts with --anchors FILE"));
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
        not_after: fleet::report::rfc3339(link.not_after),
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
