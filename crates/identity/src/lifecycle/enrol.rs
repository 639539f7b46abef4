//! Plans for certificates that are fetched over the network: what is signed for a first request, and for the next one
//! of an identity.

use base::{Code, Result};
use config::{Config, EnrolmentPolicy};
use ledger::{Entry, Kind, NewIdentity, Parameters, RenewalGrace};
use pki::chain_period::ChainPeriod;
use pki::csr::Csr;
use pki::device_name::DeviceName;
use pki::issuer::{KeySource, Order};
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::validity::{Lifetime, Validity};
use pki::{Certificate, San, Subject};
use store::ca::{Ca, Hierarchy};
use time::{Duration, OffsetDateTime};

use crate::lifecycle::renew::checks::check_lasts;
use crate::parameters::RequestedParameters;

/// The label at which servers renew their certificates. No profile gets this name.
pub const SERVERS: &str = "servers";

/// The label of the identities that a CA issues, by its name in the ledger: the name of a profile, that of servers, or `None` for
/// the devices' issuing CA. Without it, the enrolment service does not renew: the identity is self-signed, or was made
/// elsewhere and imported.
pub fn label_of(issuer: &str) -> Option<Option<String>> {
    match Ca::named(issuer)? {
        Ca::ServerIssuing => Some(Some(SERVERS.to_owned())),
        Ca::DevicesIssuing => Some(None),
        Ca::Profile(profile) => Some(Some(profile.as_str().to_owned())),
        _ => None,
    }
}

/// The policy of a label: when a certificate counts as used.
pub fn policy_of(config: &Config, label: Option<&str>) -> EnrolmentPolicy {
    let settings = &config.serve;
    let own = settings.label_policies.value.iter().find(|own| Some(own.label.as_str()) == label);
    own.map_or(settings.policy.value, |own| own.policy)
}

/// The superseded certificates of devices that the service still renews at `now` (`[serve] grace`): a client that never
/// confirms can have the present one alone. No list has them meanwhile.
pub fn renewal_grace(config: &Config, now: OffsetDateTime) -> RenewalGrace {
    let has_grace = |policy| policy != EnrolmentPolicy::Confirm;
    let others = has_grace(config.serve.policy.value);
    let except = config.serve.label_policies.value.iter().filter(|own| has_grace(own.policy) != others);
    RenewalGrace {
        since: Some(now.saturating_sub(Duration::days(config.serve.grace.value.number().into()))),
        except: except.map(|own| Ca::Profile(own.label.clone()).name()).collect(),
        others,
    }
}

/// A certificate that can be signed, and its row for the ledger.
#[derive(Debug)]
pub struct EnrolmentPlan {
    /// The row.
    pub identity: NewIdentity,
    /// The order for the CA.
    pub order: Order,
    /// Whether it ends with the CA, before its own lifetime.
    pub is_shortened: bool,
}

/// The CA that signs.
#[derive(Debug, Clone, Copy)]
pub struct SignsWith<'a> {
    /// Its name in the ledger.
    pub name: &'a str,
    /// The certificate that leaves are verified with.
    pub certificate: &'a Certificate,
    /// The period in which it and those above it are valid.
    pub period: &'a ChainPeriod,
    /// The fingerprint of that certificate ([`Certificate::fingerprint_hex`]).
    pub fingerprint: &'a str,
    /// The base of the addresses of revocation lists.
    pub crl_url: Option<&'a str>,
}

/// Plans the first certificate of a device. Subject and alternative names come from the configuration; the request may
/// ask for the same ones or for none.
///
/// # Errors
/// [`Code::CsrRefused`] if the request asks for other names, [`Code::IssuerExpired`].
pub fn first(
    config: &Config,
    ca: SignsWith<'_>,
    device: &DeviceName,
    csr: &Csr,
    now: OffsetDateTime,
) -> Result<EnrolmentPlan> {
    let base = config.subject()?;
    let subject = csr.device_subject(&base, device)?;
    let sans = &config.client.san.value;
    // Fewer names are accepted: a client that asks for none gets those of the configuration.
    if let Some(other) = csr.sans().iter().find(|san| !sans.contains(san)) {
        return Err(Code::CsrRefused.error(format!("the request asks for the name {other}, which devices do not have")));
    }
    let prefix = config.client.prefix.value.as_ref().map_or(device.as_str(), |prefix| prefix.as_str());
    let days = config.client.days.value.number();
    let parameters = Parameters::of(&RequestedParameters {
        subject: subject.to_string(),
        san: sans.iter().map(ToString::to_string).collect(),
        alg: csr.key().algorithm().name(),
        days,
        issuer: ca.fingerprint.to_owned(),
        // As for a request of the command line: the key is with the device, and a renewal needs a new request.
        csr: Some(csr.key().fingerprint_hex()),
        prefix,
        ..RequestedParameters::default()
    })?;
    plan(ca, (Kind::Device, device.as_str()), Names { subject, sans: sans.clone() }, days, csr, parameters, now)
}

/// Plans the next certificate of a device or a server. Subject and alternative names are those of the present certificate, and the
/// request must ask for exactly these (RFC 7030, section 4.2.2).
///
/// # Errors
/// [`Code::CsrRefused`] if the request asks for others, [`Code::IssuerExpired`], [`Code::LedgerUnreadable`];
/// [`Code::RenewalTooShort`] if the CA ends so soon that the next certificate would end less than a quarter of its
/// lifetime after the present one. Other early renewals are left to the limit of the service: a device may replace its key
/// whenever it has a reason.
pub fn again(
    ca: SignsWith<'_>,
    entry: &Entry,
    present: &Certificate,
    csr: &Csr,
    now: OffsetDateTime,
) -> Result<EnrolmentPlan> {
    // A certificate of the other kind would be accepted by peers of the other hierarchy, and the two share nothing.
    let is_of_servers = Ca::named(ca.name).is_some_and(|ca| ca.hierarchy() == Hierarchy::Server);
    if entry.key.kind == Kind::Ca || is_of_servers != (entry.key.kind == Kind::Server) {
        return Err(Code::Internal.error(format!("{} does not issue the certificate of {}", ca.name, entry.key)));
    }
    let names = unchanged(present, csr)?;
    let damaged = || Code::LedgerUnreadable.error("the parameters of an identity are damaged").item(&entry.key.name);
    let mut asked: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(entry.parameters.as_str()).map_err(|error| damaged().caused_by(error))?;
    let days = asked.get("days").and_then(serde_json::Value::as_u64).and_then(|days| u32::try_from(days).ok());
    let days = days.ok_or_else(|| damaged().because("they have no lifetime in days"))?;
    asked.insert("alg".to_owned(), csr.key().algorithm().name().into());
    asked.insert("csr".to_owned(), csr.key().fingerprint_hex().into());
    asked.insert("issuer".to_owned(), ca.fingerprint.into());
    asked.insert("subject".to_owned(), names.subject.to_string().into());
    let plan = plan(ca, (entry.key.kind, &entry.key.name), names, days, csr, Parameters::of(&asked)?, now)?;
    if plan.is_shortened {
        let allowed = (plan.identity.not_after - plan.identity.not_before).whole_days();
        let days = days.min(u32::try_from(allowed).unwrap_or(u32::MAX));
        check_lasts(days, entry.not_after, plan.identity.not_after, Some(&plan.identity.issuer))?;
    }
    Ok(plan)
}

/// The names of a certificate.
struct Names {
    subject: Subject,
    sans: Vec<San>,
}

/// The names of the present certificate, if the request asks for the same.
fn unchanged(present: &Certificate, csr: &Csr) -> Result<Names> {
    let refused = |what: String| Err(Code::CsrRefused.error(what));
    let Some(subject) = present.subject_name() else {
        return refused("the subject of the present certificate cannot be read".to_owned());
    };
    if let Some(fault) = present.subject_fault().or_else(|| subject.common_name_fault()) {
        return refused(format!("the subject of the present certificate cannot be issued again: {fault}"));
    }
    // By bytes or by text: a client may encode the same name with another type of string.
    let is_same = csr.subject().to_der() == present.subject_der() || csr.subject().to_string() == subject.to_string();
    if !is_same {
        return refused(format!("its subject is {}, and that of the present certificate is {subject}", csr.subject()));
    }
    let sans = present.sans();
    let is_in = |one: &[San], other: &[San]| one.iter().all(|san| other.contains(san));
    if !is_in(&sans, csr.sans()) || !is_in(csr.sans(), &sans) {
        return refused("its alternative names are not those of the present certificate".to_owned());
    }
    Ok(Names { subject, sans })
}

fn plan(
    ca: SignsWith<'_>,
    (kind, name): (Kind, &str),
    names: Names,
    days: u32,
    csr: &Csr,
    parameters: Parameters,
    now: OffsetDateTime,
) -> Result<EnrolmentPlan> {
    // Not explicit: a certificate that would outlive its CA ends with the CA instead of being refused.
    let (validity, shortened) = Validity::starting(now, Lifetime { days, explicit: false }, Some(ca.period))?;
    let serial = Serial::random()?;
    let profile = if kind == Kind::Server { Profile::Server } else { Profile::Device };
    let identity = NewIdentity {
        kind,
        name: name.to_owned(),
        serial: ledger::SerialNumber::new(serial.octets())?,
        profile: profile.name().to_owned(),
        algorithm: csr.key().algorithm().name().to_owned(),
        parameters,
        issuer: ca.name.to_owned(),
        not_before: validity.not_before(),
        not_after: validity.not_after(),
    };
    let contents = Contents {
        profile,
        serial,
        validity,
        subject: names.subject,
        sans: names.sans,
        permitted_dns: Vec::new(),
        crl_url: ca.crl_url.map(str::to_owned),
    };
    Ok(EnrolmentPlan {
        identity,
        order: Order { contents, key: KeySource::Public(csr.key().clone()) },
        is_shortened: shortened.is_some(),
    })
}
