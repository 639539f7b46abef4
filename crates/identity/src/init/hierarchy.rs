//! A hierarchy of CAs as `init` makes it: a root and an issuing CA, made or imported, the key of the latter here or in a
//! token.

use base::{Code, Finding, Result};
use config::Config;
use pki::chain_period::ChainPeriod;
use pki::issuer::{Issuer, KeySource, LocalCa, Order, SelfSigned};
use pki::key::{SigningKey, is_same_key};
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::trial::Trial;
use pki::validity::{Lifetime, Validity};
use pki::verify::Purpose;
use pki::{Certificate, PrivateKey};
use time::OffsetDateTime;

use crate::init::devices_key::TokenKeyPlan;
use crate::init::imported_ca::ImportedCa;
use crate::request::crl_url;
use store::ca::{Ca, Hierarchy, KeyLocation};

/// A CA before it is written down.
pub(crate) struct NewCa {
    pub(crate) ca: Ca,
    /// The certificate, followed by those between it and the root.
    pub(crate) certificates: Vec<Certificate>,
    /// The place of the key. A file is one of the store, or of the person who keeps the roots.
    pub(crate) key: KeyLocation<PrivateKey>,
}

/// A root and an issuing CA: made, or as far as they were imported. A key `in_token` is the issuing CA's.
pub(crate) fn make_hierarchy(
    config: &Config,
    hierarchy: Hierarchy,
    imported: Option<ImportedCa>,
    in_token: Option<&TokenKeyPlan>,
    now: OffsetDateTime,
    findings: &mut Vec<Finding>,
) -> Result<[NewCa; 2]> {
    let (root_ca, issuing_ca) = (hierarchy.root(), hierarchy.issuing());
    let is_imported = imported.is_some();
    let root = match imported {
        None => {
            let contents = dated_contents(config, &root_ca, config.ca.root_days.value.number(), None, now, findings)?;
            let order = Order { contents, key: KeySource::Generate(config.ca.alg.value) };
            let issued = SelfSigned.issue(order)?;
            let key = issued.key.ok_or_else(|| Code::Internal.error("a root without a key"))?;
            LocalCa::new(issued.chain, key)?
        }
        // A root with its key can sign a new issuing CA. A longer chain is an issuing CA, which is taken as it is.
        Some(ImportedCa { mut chains, key: Some(key) }) if chains.first().is_some_and(|chain| chain.len() == 1) => {
            LocalCa::new(chains.swap_remove(0), key)?
        }
        Some(ca) => return taken_over(config, hierarchy, ca, in_token, now, findings),
    };
    // A root with a path length of 0 may not have a CA below it.
    root.check_may_have_cas()?;
    let days = config.ca.issuing_days.value.number();
    let contents = dated_contents(config, &issuing_ca, days, root.period(), now, findings)?;
    let alg = config.ca.alg.value;
    let source = in_token.map_or(KeySource::Generate(alg), |key| key.source(alg));
    let issued = root.issue(Order { contents, key: source })?;
    let (certificate, key) = root.into_parts();
    let issuing_key = match (in_token, issued.key) {
        (Some(key), _) => KeyLocation::Token(key.uri()?),
        (None, Some(key)) => KeyLocation::File(key),
        (None, None) => return Err(Code::Internal.error("an issuing CA without a key")),
    };
    if is_imported {
        let chain: Vec<Certificate> = issued.chain.iter().chain([&certificate]).cloned().collect();
        findings.extend(match &issuing_key {
            KeyLocation::File(key) => tried(config, hierarchy, &[chain], key, now)?.1,
            // The key in the token is new, and so is its certificate: whatever could be wrong is wrong with the root.
            _ => Vec::new(),
        });
    }
    Ok([
        NewCa { ca: root_ca, certificates: vec![certificate], key: KeyLocation::File(key) },
        NewCa { ca: issuing_ca, certificates: issued.chain, key: issuing_key },
    ])
}

/// The first of the chains below which certificates would be accepted, with the warnings about it.
///
/// # Errors
/// The reason for which certificates below the first chain would be refused.
pub(crate) fn tried<K: SigningKey>(
    config: &Config,
    hierarchy: Hierarchy,
    chains: &[Vec<Certificate>],
    key: &K,
    now: OffsetDateTime,
) -> Result<(Vec<Certificate>, Vec<Finding>)> {
    let subject = config.subject()?;
    let (purpose, names) = match hierarchy {
        Hierarchy::Server => {
            let host = config.server.name.value.as_ref().map(config::HostName::san);
            (Purpose::Server, host.into_iter().chain(config.server.san.value.iter().cloned()).collect())
        }
        Hierarchy::Devices => (Purpose::Device, Vec::new()),
    };
    let mut first = None;
    // Several chains can lead from one CA to different roots, for example after a cross-certification.
    for chain in chains {
        match (Trial { chain, key, purpose, subject: &subject, names: &names }).run(now) {
            Ok(warnings) => return Ok((chain.clone(), warnings)),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| Code::Internal.error("an imported CA without a chain")))
}

/// A warning where the two hierarchies are one: they are told apart by their keys, since a CA may have several
/// certificates.
pub(crate) fn shared_ca(cas: &[NewCa]) -> Option<Finding> {
    let of = |hierarchy: Hierarchy| {
        cas.iter().filter(move |ca| ca.ca.hierarchy() == hierarchy).flat_map(|ca| &ca.certificates)
    };
    let shared = of(Hierarchy::Server)
        .find(|ca| of(Hierarchy::Devices).any(|other| is_same_key(other.spki_der(), ca.spki_der())))?;
    let finding = Code::SharedCa
        .warning(format!("servers and devices are both below {}", shared.label()))
        .because("anyone who can issue device certificates could impersonate the broker")
        .fix("bring your CA for the devices and let init make the servers', or the other way round");
    Some(finding)
}

/// An issuing CA that was imported, with its root, whose key stays where it is.
fn taken_over(
    config: &Config,
    hierarchy: Hierarchy,
    ca: ImportedCa,
    in_token: Option<&TokenKeyPlan>,
    now: OffsetDateTime,
    findings: &mut Vec<Finding>,
) -> Result<[NewCa; 2]> {
    if ca.is_root() {
        return Err(Code::Usage
            .error("the key in the token is that of a root, and devices are issued by a CA below it")
            .fix("bring the issuing CA's certificate with its root, and name the issuing CA's key"));
    }
    let (chain, key) = match (ca.key, in_token) {
        (Some(key), None) => (tried(config, hierarchy, &ca.chains, &key, now)?, KeyLocation::File(key)),
        (None, Some(TokenKeyPlan::Made(key) | TokenKeyPlan::Taken(key))) => {
            (tried(config, hierarchy, &ca.chains, key, now)?, KeyLocation::Token(key.lasting_uri()?))
        }
        (Some(_), Some(_)) => {
            return Err(Code::Usage
                .error("the issuing CA that was imported has a key, and --devices-key names another")
                .fix("leave one of the two out; certificates of a CA whose key is in the token come without a key"));
        }
        (None, Some(TokenKeyPlan::Planned(_)) | None) => {
            return Err(Code::Internal.error("an imported CA without a key"));
        }
    };
    let (mut certificates, warnings) = chain;
    findings.extend(warnings);
    let root = certificates.pop().ok_or_else(|| Code::Internal.error("a chain without a root"))?;
    check_serials(&root, &certificates)?;
    Ok([
        NewCa { ca: hierarchy.root(), certificates: vec![root], key: KeyLocation::Elsewhere },
        NewCa { ca: hierarchy.issuing(), certificates, key },
    ])
}

/// Fails if a root has given its own serial number to the issuing CA below it: the ledger tells the certificates of one
/// issuer by their numbers (RFC 5280, section 4.1.2.2), as lists and brokers do.
pub(crate) fn check_serials(root: &Certificate, certificates: &[Certificate]) -> Result<()> {
    let [issuing] = certificates else { return Ok(()) };
    if issuing.serial() != root.serial() {
        return Ok(());
    }
    Err(Code::CaUseless
        .error(format!("{} and {} have the same serial number, {}", root.label(), issuing.label(), root.serial_hex()))
        .because("both have the same issuer, and an issuer may use each serial number once")
        .fix("issue the certificate of the issuing CA again with another serial number: leave `-set_serial` out"))
}

fn dated_contents(
    config: &Config,
    ca: &Ca,
    days: u32,
    issuer: Option<&ChainPeriod>,
    now: OffsetDateTime,
    findings: &mut Vec<Finding>,
) -> Result<Contents> {
    // Not explicit: below an imported root that ends earlier, the issuing CA ends with it instead of being refused.
    let (validity, note) = Validity::starting(now, Lifetime { days, explicit: false }, issuer)?;
    findings.extend(note.map(|note| note.item(ca.name())));
    let contents = ca_contents(config, ca, validity, &format!("{} {}", config.ca.name.value.as_str(), ca.title()))?;
    if !contents.permitted_dns.is_empty() {
        findings.push(
            Code::FirmwareLimit
                .warning("our firmware refuses chains with name constraints, which are critical")
                .item(ca.name()),
        );
    }
    Ok(contents)
}

/// The contents of a CA's certificate with this common name.
///
/// # Errors
/// [`Code::Internal`] without random numbers, and those of the subject.
pub(crate) fn ca_contents(config: &Config, ca: &Ca, validity: Validity, common_name: &str) -> Result<Contents> {
    let permitted = match ca {
        Ca::ServerIssuing => config.name_constraints.permitted_dns.as_slice(),
        // The limits are those of servers' names, and one CA above each server is enough to enforce them.
        Ca::ServerRoot | Ca::DevicesRoot | Ca::DevicesIssuing | Ca::Profile(_) => &[],
    };
    Ok(Contents {
        profile: if ca.is_root() { Profile::Root } else { Profile::IssuingCa },
        serial: Serial::random()?,
        validity,
        subject: config.subject()?.with_common_name(common_name)?,
        sans: Vec::new(),
        permitted_dns: permitted.iter().map(|domain| domain.as_str().to_owned()).collect(),
        // A root is on no list: verifiers trust it, or they do not.
        crl_url: if ca.is_root() { None } else { crl_url(config, &ca.root()) },
    })
}
