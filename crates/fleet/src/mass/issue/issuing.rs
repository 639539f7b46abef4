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

/// The CAs that sign for a job, each opened once.
pub(crate) struct Signers<K> {
    /// By the name of the CA.
    pub(crate) by_ca: BTreeMap<String, Signer<K>>,
    /// The name of the CA of devices without a profile of their own.
    pub(crate) own: String,
    /// The names of the CAs of profiles in the lines.
    pub(crate) profiles: BTreeMap<String, String>,
}

/// The CAs of a job, which do not change once it is staged.
pub(crate) struct JobCas {
    /// The CA of devices without a profile of their own.
    pub(crate) own: Ca,
    /// The CAs of profiles in the lines.
    pub(crate) profiles: BTreeMap<String, Ca>,
    /// Further CAs, of devices that are renewed.
    pub(crate) renewed_by: Vec<Ca>,
}

impl JobCas {
    /// The CAs of a job with lines of these profiles. A job of an earlier version has no names of CAs: the present CAs of
    /// its profiles sign.
    ///
    /// # Errors
    /// Those of [`ca_of`]; [`Code::LedgerUnreadable`] for the name of a CA that cannot be in a store.
    pub(crate) fn of(store: &Path, order: &JobOrder, profiles: &[String]) -> Result<Self> {
        let renewed_by: Vec<Ca> = order.renewed_by.iter().map(|name| named(name)).collect::<Result<_>>()?;
        if !renewed_by.is_empty() {
            return Ok(Self { own: main_of(&renewed_by)?, profiles: BTreeMap::new(), renewed_by });
        }
        let mut found = BTreeMap::new();
        for profile in profiles {
            let ca = order.issuers.get(profile).map_or_else(|| ca_of(store, Some(profile)), |name| named(name))?;
            found.insert(profile.clone(), ca);
        }
        Ok(Self { own: ca_of(store, order.profile.as_deref())?, profiles: found, renewed_by })
    }
}

/// The CA whose certificate must stay the same while the devices of these CAs are renewed: that of all devices, if it is
/// among them.
///
/// # Errors
/// [`Code::Internal`] without any CA.
pub(crate) fn main_of(cas: &[Ca]) -> Result<Ca> {
    let main = cas.iter().find(|ca| **ca == Ca::DevicesIssuing).or(cas.first());
    main.cloned().ok_or_else(|| Code::Internal.error("devices are renewed by no CA"))
}

/// The CA with this name in the ledger.
///
/// # Errors
/// [`Code::LedgerUnreadable`].
pub(crate) fn named(name: &str) -> Result<Ca> {
    Ca::named(name).ok_or_else(|| {
        Code::LedgerUnreadable
            .error("a certificate of the job has an issuer that cannot be a CA of this store")
            .item(name)
            .fix("renew the device by itself with `tbpki renew --device NAME`")
    })
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

impl<K> Signers<K> {
    /// The CA of a device: that of its present certificate if it is renewed, else that of its profile.
    ///
    /// # Errors
    /// [`Code::Internal`] for a CA that is not open.
    pub(crate) fn of(&self, profile: Option<&str>, present: Option<&str>) -> Result<&Signer<K>> {
        let name = self.name_of(profile, present);
        self.by_ca.get(name).ok_or_else(|| Code::Internal.error("the CA of a device is not open").item(name))
    }

    /// The name of the CA of a device, as in [`Self::of`].
    pub(crate) fn name_of<'a>(&'a self, profile: Option<&str>, present: Option<&'a str>) -> &'a str {
        let of_profile = profile.and_then(|profile| self.profiles.get(profile)).unwrap_or(&self.own);
        present.unwrap_or(of_profile)
    }
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
        let above = std::iter::once(ca.certificate()).chain(ca.above()).filter(|ca| !ca.is_root());
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
