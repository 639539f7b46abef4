//! A CA is tried before it is used: it signs a test certificate, and the chain is verified.

use base::{Code, Error, Finding, Result, Severity};
use time::OffsetDateTime;

use crate::algorithm::Algorithm;
use crate::issue::issuer::{Issuer, KeySource, LocalCa, Order};
use crate::issue::profile::Profile;
use crate::issue::serial::Serial;
use crate::issue::tbs::Contents;
use crate::issue::validity::{Lifetime, Validity};
use crate::key::SigningKey;
use crate::names::san::San;
use crate::names::subject::Subject;
use crate::read::certificate::constraints::{bound_names, forbidden};
use crate::read::certificate::{Certificate, GeneralName, NameConstraints};
use crate::verify::{Purpose, VerifyRequest, verify};

/// The common name of the test certificate, and the first label of its alternative name.
const TRIAL: &str = "trial";

/// A CA to be tried.
#[derive(Debug)]
pub struct Trial<'a, K> {
    /// The chain: its certificate first, each followed by its issuer, the root last.
    pub chain: &'a [Certificate],
    /// The private key.
    pub key: &'a K,
    /// The purpose of its certificates.
    pub purpose: Purpose,
    /// The subject of its certificates, to which a common name is added.
    pub subject: &'a Subject,
    /// Names that its certificates are going to have, as far as they are known.
    pub names: &'a [San],
}

impl<K: SigningKey> Trial<'_, K> {
    /// Signs a certificate for a key that is discarded, valid for a day, and verifies the chain as `tbpki verify` does.
    /// Warnings are returned.
    ///
    /// # Errors
    /// [`Code::CaUseless`] with the first reason for which the chain would be refused, the errors of [`LocalCa::new`], and
    /// those of an order that the CA cannot carry out.
    pub fn run(&self, now: OffsetDateTime) -> Result<Vec<Finding>> {
        let root = self.chain.last().ok_or_else(|| Code::Internal.error("a CA without a certificate"))?;
        let ca = LocalCa::new(self.chain.to_vec(), self.key)?;
        let common_name = self.common_name();
        let contents = Contents {
            profile: match self.purpose {
                Purpose::Server => Profile::Server,
                Purpose::Device => Profile::Device,
            },
            serial: Serial::random()?,
            validity: Validity::starting(now, Lifetime { days: 1, explicit: false }, ca.period())?.0,
            subject: self.subject.with_common_name(&common_name)?,
            sans: self.san().into_iter().collect(),
            permitted_dns: Vec::new(),
            crl_url: None,
        };
        let issued = ca.issue(Order { contents, key: KeySource::Generate(Algorithm::EcP256) })?;
        let report = verify(&VerifyRequest {
            chain: &issued.chain,
            extra: &[],
            // Its own root, because the question is whether the chain holds, and not who trusts it.
            anchors: std::slice::from_ref(root),
            key: None,
            host: None,
            purpose: Some(self.purpose),
            time: now,
            crls: &[],
        });
        match report.findings.iter().find(|finding| finding.severity == Severity::Fault) {
            Some(fault) => Err(self.useless(fault)),
            None => Ok(report.findings.into_iter().chain(self.bound_devices(&common_name)).collect()),
        }
    }

    /// A common name that the CA may certify for a device, which has no alternative name. If no name fits, the first one
    /// gives an error that names the constraint.
    fn common_name(&self) -> String {
        let domains = self.permitted_domains();
        let mut names = std::iter::once(TRIAL.to_owned()).chain(domains.map(|domain| format!("{TRIAL}.{domain}")));
        let fits = |name: &String| {
            let Ok(subject) = self.subject.with_common_name(name) else { return false };
            let bound = bound_names(&subject, Vec::new(), true);
            self.constraints().all(|constraints| forbidden(&bound, constraints).is_none())
        };
        let found = names.find(|name| self.purpose == Purpose::Device && fits(name));
        found.unwrap_or_else(|| TRIAL.to_owned())
    }

    /// A warning if devices must be called as hosts that the constraints permit.
    fn bound_devices(&self, common_name: &str) -> Option<Finding> {
        let domain = common_name.strip_prefix(TRIAL)?.strip_prefix('.')?;
        let ca = self.chain.first().map_or_else(String::new, Certificate::label);
        Some(
            Code::NameConstraint
                .warning(format!("{ca} permits only some names of devices"))
                .because(
                    "its name constraints bind DNS names, and Java takes a common name of letters, digits and hyphens for one",
                )
                .fix(format!(
                    "call the devices by names below {domain}, for example pump-1.{domain}, or bring a CA without constraints \
                     for DNS names"
                )),
        )
    }

    fn constraints(&self) -> impl Iterator<Item = &NameConstraints> {
        self.chain.iter().filter_map(Certificate::name_constraints)
    }

    /// The DNS names that the constraints permit, without a dot in front.
    fn permitted_domains(&self) -> impl Iterator<Item = &str> {
        self.constraints().flat_map(|constraints| &constraints.permitted).filter_map(|base| match base {
            GeneralName::Dns(domain) => Some(domain.trim_start_matches('.')),
            _ => None,
        })
    }

    /// A name that the CA may certify. Devices have none.
    fn san(&self) -> Option<San> {
        if self.purpose == Purpose::Device {
            return None;
        }
        let permitted = self.permitted_domains().filter_map(|domain| San::dns(&format!("{TRIAL}.{domain}")).ok());
        let unknown = San::dns("trial.example").ok();
        let mut names = self.names.iter().cloned().chain(permitted).chain(unknown);
        let fits = |name: &San| self.chain.iter().all(|ca| ca.may_vouch_for(name));
        // If no name fits, the first one gives an error that names the constraint.
        names.find(fits).or_else(|| self.names.first().cloned())
    }

    fn useless(&self, fault: &Finding) -> Error {
        let whose = match self.purpose {
            Purpose::Server => "servers",
            Purpose::Device => "devices",
        };
        let ca = self.chain.first().map_or_else(String::new, Certificate::label);
        let about = fault.location.item.as_ref().map_or_else(String::new, |item| format!("{item}: "));
        let because = fault.why.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        Code::CaUseless
            .error(format!("{whose} below {ca} would be refused"))
            .because(format!("{about}{}{because} [{}]", fault.what, fault.code))
            .fix("bring a CA without this fault; `tbpki verify` shows the whole chain")
    }
}

#[cfg(test)]
mod tests {
    use rcgen::GeneralSubtree;
    use time::macros::datetime;

    use super::*;
    use crate::key::PrivateKey;
    use crate::read::certificate::testing;

    /// The codes of a trial of a CA with these permitted DNS names.
    fn tried(permitted: &[&str], purpose: Purpose) -> std::result::Result<Vec<Code>, Code> {
        let mut params = testing::ca("Issuing", Some(0));
        if !permitted.is_empty() {
            let permitted_subtrees = permitted.iter().map(|name| GeneralSubtree::DnsName((*name).to_owned())).collect();
            params.name_constraints =
                Some(rcgen::NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        }
        let root = testing::root("Root");
        let ca = root.issue(&params);
        let key = PrivateKey::from_pem_or_der(ca.key_pem().as_bytes(), None).unwrap();
        let chain = [ca.certificate.clone(), root.certificate.clone()];
        let subject = Subject::default();
        let trial = Trial { chain: &chain, key: &key, purpose, subject: &subject, names: &[] };
        let found = trial.run(datetime!(2027-06-01 0:00 UTC)).map_err(|error| error.code())?;
        Ok(found.iter().map(|finding| finding.code).filter(|code| *code != Code::FirmwareLimit).collect())
    }

    #[test]
    fn a_ca_that_permits_only_some_names_of_devices_has_a_warning() {
        assert_eq!(tried(&[], Purpose::Device), Ok(Vec::new()));
        assert_eq!(tried(&["plant.example"], Purpose::Device), Ok(vec![Code::NameConstraint]));
        assert_eq!(tried(&["plant.example"], Purpose::Server), Ok(Vec::new()));
        // Java fails on it.
        assert_eq!(tried(&[""], Purpose::Device), Err(Code::CaUseless));
    }
}
