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
use crate::read::certificate::{Certificate, GeneralName};
use crate::verify::{Purpose, VerifyRequest, verify};

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
        let contents = Contents {
            profile: match self.purpose {
                Purpose::Server => Profile::Server,
                Purpose::Device => Profile::Device,
            },
            serial: Serial::random()?,
            validity: Validity::starting(now, Lifetime { days: 1, explicit: false }, ca.period())?.0,
            subject: self.subject.with_common_name("trial")?,
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
            None => Ok(report.findings),
        }
    }

    /// A name that the CA may certify. Devices have none.
    fn san(&self) -> Option<San> {
        if self.purpose == Purpose::Device {
            return None;
        }
        let constraints = self.chain.iter().filter_map(Certificate::name_constraints);
        let permitted = constraints.flat_map(|constraints| &constraints.permitted).filter_map(|base| match base {
            GeneralName::Dns(domain) => San::dns(&format!("trial.{}", domain.trim_start_matches('.'))).ok(),
            _ => None,
        });
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
