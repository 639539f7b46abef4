//! `tbpki verify`.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use base::text::printable;
use base::{Code, Finding, Result, Secret, Severity, file};
use fleet::due_leaf;
use pki::certificate::ExtendedKeyUsage;
use pki::chain::Chain;
use pki::crl::Crl;
use pki::key::PublicKey;
use pki::keystore::{self, EntryKind, ListedEntry, Passwords, find_keystore};
use pki::pem_bundle::PemBundle;
use pki::pkcs11::{TokenKey, TokenUri};
use pki::verify::{self, CertificateSource, Link, Purpose, Verification};
use pki::{Certificate, PrivateKey};
use schemars::JsonSchema;
use serde::Serialize;
use store::ca::{Ca, Hierarchy};
use time::OffsetDateTime;

use crate::args::VerifyArgs;
use crate::context::{Context, Overrides};
use crate::exit::Exit;
use crate::output::Report;
use crate::verb::look::keystore_password;
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
    /// The purposes for which all checks passed; empty for a CA that is verified without a purpose.
    pub(crate) purposes: Vec<Purpose>,
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
    let secret = args.passphrase_file.as_deref();
    let secret = secret.map(|path| passphrase::read_maybe_empty(path, "the passphrase", context)).transpose()?;
    let chain = read_certificates(&args.chain, Role::Chain, secret.as_ref(), context)?;
    // Without a purpose a device's certificate would pass as a server's.
    let purpose = args.purpose.or(args.host.as_ref().map(|_| Purpose::Server)).or_else(|| purpose_of(&chain));
    let (anchors, issuing) = match &args.anchors {
        Some(path) => (read_certificates(path, Role::Anchors, secret.as_ref(), context)?, Vec::new()),
        None => cas_of_store(purpose, context)?,
    };
    // A chain is verified as it is sent. A lone certificate can be a file that is never sent by itself.
    let extra: &[Certificate] = if chain.len() == 1 { &issuing } else { &[] };
    let key = match &args.key {
        None => None,
        Some(path) => Some(public_half(path, secret.as_ref(), context)?),
    };
    let crls = args.crl.iter().map(|path| read_crls(path)).collect::<Result<Vec<_>>>()?.concat();
    let verified = purposes(purpose, &chain).into_iter().map(|purpose| {
        let report = verify::verify(&verify::VerifyRequest {
            chain: &chain,
            extra,
            anchors: &anchors,
            key: key.as_ref(),
            host: args.host.as_ref(),
            purpose,
            time,
            crls: &crls,
        });
        (purpose, report)
    });
    let mut verified: Vec<(Option<Purpose>, Verification)> = verified.collect();
    let purposes: Vec<Purpose> =
        verified.iter().filter(|(_, report)| faults(report) == 0).filter_map(|(purpose, _)| *purpose).collect();
    // One purpose that holds is enough. If none does, the one with the fewest faults is the likely one.
    verified.sort_by_key(|(_, report)| faults(report));
    let Some((purpose, report)) = verified.into_iter().next() else {
        return Err(Code::Internal.error("nothing was verified"));
    };
    let ok = faults(&report) == 0;
    let names = names_of_cas(&report, context);
    let mut findings = report.findings;
    mark_due(&mut findings, chain.first(), time, context)?;
    context.output.findings(findings.into_iter().map(|finding| name_ca(finding, &names).advised()));
    context.output.findings(from_store(&report.links, purpose));
    let links = report.links.iter().map(link).collect();
    context.output.result(&VerifyReport { ok, trusted: report.trusted, purposes, links })?;
    Ok(if ok { Exit::Done } else { Exit::FaultFound })
}

/// The expired CAs of the path that are in the store: the subject of each, and its name as a word of a command.
fn names_of_cas(report: &Verification, context: &mut Context) -> HashMap<String, String> {
    let is_expired = |link: &&Link| link.codes.contains(&Code::Expired);
    let expired: Vec<&Link> = report.links.iter().filter(is_expired).collect();
    if expired.is_empty() || !context.config_path().exists() {
        return HashMap::new();
    }
    // Without a store that can be read, the advice has no name.
    let Ok(config) = context.config(&Overrides::default()) else { return HashMap::new() };
    let store = config.general.store.resolved();
    let mut names = HashMap::new();
    for ca in Ca::OF_INIT {
        for certificate in ca.trusted_certificates(store).unwrap_or_default() {
            let fingerprint = certificate.fingerprint_hex();
            let of_ca = expired.iter().filter(|link| link.fingerprint == fingerprint);
            names.extend(of_ca.map(|link| (link.name.clone(), ca.word())));
        }
    }
    names
}

/// Names the CA of the store in the advice to replace an expired one.
fn name_ca(mut finding: Finding, names: &HashMap<String, String>) -> Finding {
    let word = finding.location.item.as_ref().and_then(|item| names.get(item));
    if let (Code::Expired, Some(word)) = (finding.code, word) {
        finding.fix = Some(format!(
            "replace this CA: `tbpki ca prepare {word}`, then `tbpki ca activate {word}`; renew what it has issued"
        ));
    }
    finding
}

/// Adds the warning about a leaf that must be renewed. If the ledger of the store has it in use, the warning names it and the
/// command, as the fault of an expired one then does.
fn mark_due(
    findings: &mut Vec<Finding>,
    leaf: Option<&Certificate>,
    time: OffsetDateTime,
    context: &mut Context,
) -> Result<()> {
    let Some(leaf) = leaf.filter(|leaf| !leaf.is_ca()) else { return Ok(()) };
    let mut due = None;
    if context.config_path().exists() {
        let config = context.config(&Overrides::default())?;
        // A store that cannot be read is no reason against a file that can be verified without it.
        let known = context.in_workspace(&config, |workspace| {
            workspace.now = time;
            due_leaf::of_certificate(workspace, leaf)
        });
        due = known.ok().flatten().map(|due| due.warning);
    }
    match (findings.iter_mut().find(|finding| finding.code == Code::Expired), due) {
        (Some(expired), Some(due)) => expired.fix = due.fix,
        (Some(_), None) => {}
        (None, Some(due)) => findings.push(due),
        (None, None) => findings.extend(leaf.due_warning(time)),
    }
    Ok(())
}

/// The public key of a key file, or of the token key that the file names. The token is used without its PIN.
fn public_half(path: &Path, passphrase: Option<&Secret>, context: &mut Context) -> Result<PublicKey> {
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
    let key = PrivateKey::from_pem_or_der(&bytes, passphrase).map_err(|error| error.at(path))?;
    // After the key was read: a warning about a file that is no key would confuse.
    context.output.findings(file::loose_permissions(path));
    Ok(key.public().clone())
}

/// The part that the certificates of a file have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Chain,
    Anchors,
}

fn read_certificates(
    path: &Path,
    role: Role,
    password: Option<&Secret>,
    context: &mut Context,
) -> Result<Vec<Certificate>> {
    let bytes = file::read_secret(path, LIMIT)?;
    let certificates = match find_keystore(&bytes) {
        Some(keystore) => {
            let mut list = |password: Option<&Secret>| {
                keystore::list(&keystore, password.map(|password| Passwords::same(password.clone())).as_ref())
            };
            let listing = keystore_password::open(path, password, context, &mut list);
            listing.and_then(|listing| of_keystore(&listing.entries, role))
        }
        None => PemBundle::parse(&bytes).map(of_bundle),
    };
    match certificates.map_err(|error| error.at(path))? {
        certificates if certificates.is_empty() => Err(Code::CertificateUnreadable
            .error("no certificate in the file")
            .at(path)
            .fix("name a file with a certificate")),
        certificates => Ok(certificates),
    }
}

/// The certificates of a bundle. Those of PKCS#7 are a set, which has no order.
fn of_bundle(bundle: PemBundle) -> Vec<Certificate> {
    let PemBundle { certificates, others, .. } = bundle;
    if !others.iter().any(|label| label == "PKCS7") {
        return certificates;
    }
    // If they are no chain, the order of the file is as good as any, and the verification names the fault.
    Chain::sort(certificates.clone()).map_or(certificates, |chain| chain.certificates().to_vec())
}

/// The chain of the only key of a keystore, or what it trusts. A keystore without keys has trusted certificates alone.
fn of_keystore(entries: &[ListedEntry], role: Role) -> Result<Vec<Certificate>> {
    let is_key = |entry: &ListedEntry| matches!(entry.kind, EntryKind::Key(_));
    let keys = entries.iter().filter(|entry| is_key(entry)).count();
    if role == Role::Chain && keys > 1 {
        return Err(Code::EntryMissing
            .error(format!("the keystore contains {keys} private keys, and a chain has one"))
            .fix("export the chain that is meant: `openssl pkcs12 -in FILE -nokeys -out CHAIN.pem`"));
    }
    let wanted = |entry: &ListedEntry| match role {
        Role::Chain if keys == 1 => is_key(entry),
        Role::Chain | Role::Anchors => entry.kind == EntryKind::Trusted,
    };
    let ders = entries.iter().filter(|entry| wanted(entry)).flat_map(|entry| &entry.certificates);
    let certificates: Vec<Certificate> = ders.map(|der| Certificate::from_der(der)).collect::<Result<_>>()?;
    if certificates.is_empty() {
        let what = match role {
            Role::Chain => "the keystore contains no certificate",
            Role::Anchors => "the keystore contains no trusted certificate",
        };
        return Err(Code::EntryMissing.error(what).fix("`tbpki inspect FILE` shows its entries"));
    }
    Ok(certificates)
}

fn read_crls(path: &Path) -> Result<Vec<Crl>> {
    let bytes = file::read(path, LIMIT)?;
    // DER is one list; PEM may contain several.
    let ders = match bytes.first() {
        // 0x30 is the tag of a SEQUENCE, with which every list in DER begins. PEM begins with a text.
        Some(0x30) => vec![bytes],
        _ => PemBundle::parse(&bytes).map_err(|error| error.at(path))?.crls,
    };
    if ders.is_empty() {
        return Err(Code::CertificateUnreadable
            .error("no revocation list in the file")
            .at(path)
            .fix("name a file with a revocation list"));
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

/// The purposes to verify: the one that is meant, or else both. A CA by itself has none.
fn purposes(meant: Option<Purpose>, chain: &[Certificate]) -> Vec<Option<Purpose>> {
    match meant {
        None if chain.first().is_some_and(|leaf| !leaf.is_ca()) => vec![Some(Purpose::Server), Some(Purpose::Device)],
        purpose => vec![purpose],
    }
}

fn faults(report: &Verification) -> usize {
    report.findings.iter().filter(|finding| finding.severity >= Severity::Fault).count()
}

/// A finding for a path that is not in the file as a whole. A device's leaf alone is a usual file (`cert.pem`), so that
/// this is a note; clients reject a server that sends only its leaf, so that this is a warning.
fn from_store(links: &[Link], purpose: Option<Purpose>) -> Option<Finding> {
    let link = links.iter().find(|link| link.source == CertificateSource::Extra)?;
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
    let of = |name: fn(Hierarchy) -> Ca| {
        let cas = hierarchies.iter().map(|hierarchy| name(*hierarchy).trusted_certificates(store));
        cas.collect::<Result<Vec<_>>>().map(|cas| cas.concat())
    };
    Ok((of(Hierarchy::root)?, of(Hierarchy::issuing)?))
}

fn link(link: &Link) -> LinkReport {
    LinkReport {
        subject: link.name.clone(),
        issuer: link.issuer.clone(),
        serial: link.serial.clone(),
        not_after: base::timestamp::rfc3339(link.not_after),
        fingerprint: link.fingerprint.clone(),
        source: match link.source {
            CertificateSource::Sent(_) => "sent",
            CertificateSource::Extra => "store",
            CertificateSource::Anchor => "anchor",
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
        let purposes: Vec<String> = self.purposes.iter().map(ToString::to_string).collect();
        match (self.ok, purposes.is_empty()) {
            (true, true) => writeln!(out, "the chain verifies"),
            (true, false) => writeln!(out, "the chain verifies (purpose: {})", purposes.join(", ")),
            (false, _) => writeln!(out, "the chain does not verify"),
        }
    }
}
