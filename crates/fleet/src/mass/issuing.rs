//! The CAs that sign for a job, ready for many threads, and the names that each of them may sign for.

use std::collections::BTreeMap;
use std::sync::Arc;

use pki::device_name::DeviceName;
use pki::issuer::{Issuer, LeafTemplate, LocalCa};
use pki::key::SigningKey;
use pki::profile::Profile;
use pki::serial::Serial;
use pki::tbs::Contents;
use pki::validity::{Lifetime, Validity};
use pki::{Certificate, Code, Finding, Result, Subject};
use time::OffsetDateTime;

use super::made::Chain;
use super::order::JobOrder;
use crate::ca::CaName;
use crate::name_pattern::NamePattern;
use crate::profile_ca;
use crate::signing_ca::SigningCa;

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
    /// Its name in the ledger.
    pub(crate) name: String,
    /// The SHA-256 of its certificate, in hexadecimal.
    pub(crate) fingerprint: String,
    /// What is sent behind a leaf.
    pub(crate) chain: Arc<Chain>,
    contents: Contents,
    /// What names have to look like, below the CA of a profile.
    pattern: Option<NamePattern>,
}

/// Which CA a profile's devices are signed by: its own, where it has one in the store.
pub(crate) fn ca_of(store: &std::path::Path, profile: Option<&str>) -> Result<SigningCa> {
    if let Some(profile) = profile.and_then(|profile| profile.parse::<DeviceName>().ok())
        && profile_ca::kept(store, &profile)?.is_some()
    {
        return Ok(SigningCa::Profile(profile));
    }
    Ok(SigningCa::Own(CaName::DevicesIssuing))
}

impl<K: SigningKey> Signer<K> {
    /// A CA that is open, to sign what `order` asks for from `now` on.
    ///
    /// # Errors
    /// Those of [`Validity::starting`].
    pub(crate) fn new(
        store: &std::path::Path,
        signing: &SigningCa,
        ca: LocalCa<K>,
        order: &JobOrder,
        now: OffsetDateTime,
    ) -> Result<(Self, Option<Finding>)> {
        let lifetime = Lifetime { days: order.days, explicit: order.exact_days };
        let (validity, note) = Validity::starting(now, lifetime, ca.validity().as_ref())?;
        let contents = Contents {
            profile: Profile::Device,
            serial: Serial::random()?,
            validity,
            subject: Subject::default().with_common_name("device")?,
            sans: Vec::new(),
            permitted_dns: Vec::new(),
        };
        let pattern = match signing {
            SigningCa::Profile(profile) => Some(profile_ca::pattern(store, profile)?),
            SigningCa::Own(_) => None,
        };
        let above = std::iter::once(ca.certificate()).chain(ca.above()).filter(|ca| !ca.is_self_issued());
        let chain = Arc::new(Chain::new(above.cloned().collect::<Vec<Certificate>>()));
        let signer = Self {
            name: signing.name(),
            fingerprint: ca.certificate().fingerprint_hex(),
            chain,
            contents,
            pattern,
            ca,
        };
        Ok((signer, note))
    }

    /// What all its leaves have in common.
    pub(crate) fn template(&self, order: &JobOrder) -> Result<LeafTemplate<'_, K>> {
        LeafTemplate::new(&self.ca, &self.contents, order.alg)
    }

    /// From when until when its leaves hold.
    pub(crate) fn validity(&self) -> Validity {
        self.contents.validity
    }

    /// Fails for a name that the platform would not find in the certificate.
    pub(crate) fn check_name(&self, name: &str) -> Result<()> {
        self.pattern.as_ref().map_or(Ok(()), |pattern| pattern.check_name(name))
    }
}

impl<K> Signers<K> {
    /// The one for a profile: where the profile has none, the CA of all devices.
    pub(crate) fn of(&self, profile: Option<&str>) -> &Signer<K> {
        profile.and_then(|profile| self.profiles.get(profile)).unwrap_or(&self.own)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Signer<K>> {
        std::iter::once(&self.own).chain(self.profiles.values())
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
