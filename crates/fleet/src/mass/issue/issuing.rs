//! The CAs that sign for a job, ready for many threads.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use base::{Code, Finding, Result};
use pki::device_name::DeviceName;
use pki::issuer::{Issuer, LeafTemplate, LocalCa};
use pki::key::SigningKey;
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::validity::{Lifetime, Validity};
use pki::{Certificate, Subject};
use time::OffsetDateTime;

use super::issued_leaf::IssuerChain;
use crate::job_order::JobOrder;
use identity::profile_ca;
use store::ca::Ca;

/// Which CA signs for which profile, as it is in the store.
pub(crate) struct Signers<K> {
    /// That of devices without a profile that has a CA.
    pub(crate) own: Signer<K>,
    /// Those of profiles.
    pub(crate) profiles: BTreeMap<String, Signer<K>>,
}

/// One CA of the store, open.
pub(crate) struct Signer<K> {
    ca: LocalCa<K>,
    /// The name in the ledger.
    pub(crate) name: String,
    /// The SHA-256 of its certificate, in hexadecimal.
    pub(crate) fingerprint: String,
    /// The chain that is sent after a leaf.
    pub(crate) chain: Arc<IssuerChain>,
    contents: Contents,
}

/// Which CA a profile's devices are signed by: its own, where it has one in the store.
pub(crate) fn ca_of(store: &Path, profile: Option<&str>) -> Result<Ca> {
    if let Some(profile) = profile.and_then(|profile| profile.parse::<DeviceName>().ok())
        && profile_ca::kept(store, &profile)?.is_some()
    {
        return Ok(Ca::Profile(profile));
    }
    Ok(Ca::DevicesIssuing)
}

impl<K: SigningKey> Signer<K> {
    /// A CA that is open, to sign what `order` asks for from `now` on.
    ///
    /// # Errors
    /// Those of [`Validity::starting`].
    pub(crate) fn new(
        signing: &Ca,
        ca: LocalCa<K>,
        order: &JobOrder,
        crl_url: Option<String>,
        now: OffsetDateTime,
    ) -> Result<(Self, Option<Finding>)> {
        let lifetime = Lifetime { days: order.days, explicit: order.exact_days };
        let (validity, note) = Validity::starting(now, lifetime, ca.period())?;
        // The validity is fixed for the whole run, so that devices of one job expire together.
        let contents = Contents {
            profile: Profile::Device,
            // A placeholder: each leaf gets its own serial number and subject from the template.
            serial: Serial::random()?,
            validity,
            subject: Subject::default().with_common_name("device")?,
            sans: Vec::new(),
            permitted_dns: Vec::new(),
            crl_url,
        };
        // The root is not sent: a verifier must have it already, and TLS messages stay small.
        let above = std::iter::once(ca.certificate()).chain(ca.above()).filter(|ca| !ca.is_self_issued());
        let chain = Arc::new(IssuerChain::new(above.cloned().collect::<Vec<Certificate>>()));
        let signer =
            Self { name: signing.name(), fingerprint: ca.certificate().fingerprint_hex(), chain, contents, ca };
        Ok((signer, note))
    }

    /// The template with the common part of all leaves.
    pub(crate) fn template(&self, order: &JobOrder) -> Result<LeafTemplate<'_, K>> {
        LeafTemplate::new(&self.ca, &self.contents, order.alg)
    }

    /// From when until when its leaves hold.
    pub(crate) fn validity(&self) -> Validity {
        self.contents.validity
    }
}

/// Fails where the CA is not the one that the job was staged with: certificates of one job have one issuer.
pub(crate) fn check_issuer(order: &JobOrder, fingerprint: &str) -> Result<()> {
    if order.issuer == fingerprint {
        return Ok(());
    }
    Err(Code::OtherParameters
        .error("the issuing CA is not the one that the job was staged with")
        .fix("put the CA's certificate and key back until the job is done"))
}
