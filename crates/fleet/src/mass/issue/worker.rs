//! The work of a thread: keys and certificates of a whole shard, and its files.

use std::collections::HashMap;
use std::sync::Arc;

use base::{Code, Result, digest};
use ledger::{Claim, FleetIdentity, JobUid, ShardParameters, StagedName, serial_of};
use pki::issuer::{LeafOrder, LeafTemplate};
use pki::key::SigningKey;
use pki::profile::Profile;
use pki::serial::Serial;
use pki::validity::Validity;
use pki::{San, Subject, credentials_id};

use super::issued_leaf::IssuedLeaf;
use super::issuing::{Signer, Signers};
use super::output::{ShardOutput, WrittenShard};
use crate::job_order::JobOrder;
use crate::mass::bundle::output::WrittenBundles;
use crate::mass::in_pass::InPassBundler;
use crate::stop::Stop;
use store::shard::Attempt;

/// A shard to be issued.
pub(crate) struct Task {
    pub(crate) claim: Claim,
    /// The names, each with its number in the job.
    pub(crate) names: Vec<(u64, StagedName)>,
    /// The CA of the present certificate of each device that is renewed, by the device's name.
    pub(crate) issuers: HashMap<String, String>,
}

/// A shard whose files are written.
pub(crate) struct IssuedShard {
    pub(crate) claim: Claim,
    pub(crate) rows: Vec<FleetIdentity>,
    pub(crate) written: WrittenShard,
    /// The bundles of the shard, if they are made in the same pass.
    pub(crate) bundles: Option<WrittenBundles>,
}

/// The shared inputs of all threads.
pub(crate) struct ShardWorker<'a, K> {
    pub(crate) job: JobUid,
    pub(crate) order: &'a JobOrder,
    pub(crate) subject: &'a Subject,
    pub(crate) sans: &'a [San],
    pub(crate) signers: &'a Signers<K>,
    pub(crate) output: &'a ShardOutput,
    pub(crate) in_pass: Option<&'a InPassBundler>,
    pub(crate) stop: &'a Stop<'a>,
}

/// A CA with what its leaves have in common.
struct LeafIssuer<'a, K> {
    signer: &'a Signer<K>,
    template: LeafTemplate<'a, K>,
    common: Arc<ShardParameters>,
}

impl<'a, K: SigningKey> ShardWorker<'a, K> {
    /// Issues a shard, and writes its files.
    ///
    /// # Errors
    /// What a name, the CA or the disk can be wrong about; [`Code::StoppedEarly`].
    pub(crate) fn issue(&self, issuers: &LeafIssuers<'a, K>, task: Task) -> Result<IssuedShard, (Claim, base::Error)> {
        let Task { claim, names, issuers: present } = task;
        let attempt = Attempt { shard: claim.shard, fence: claim.fence };
        let work = || -> Result<_> {
            let (made, rows) = self.make(issuers, &claim, &names, &present)?;
            // Bundles first: they need the keys, which only exist in memory when an archive is sealed.
            let bundles = self.in_pass.map(|in_pass| in_pass.write(attempt, &made)).transpose()?;
            match self.output.write(self.job, attempt, &made) {
                Ok(written) => Ok((rows, written, bundles)),
                Err(error) => {
                    if let (Some(in_pass), Some(bundles)) = (self.in_pass, &bundles) {
                        in_pass.output.discard(bundles);
                    }
                    Err(error)
                }
            }
        };
        match work() {
            Ok((rows, written, bundles)) => Ok(IssuedShard { claim, rows, written, bundles }),
            Err(error) => Err((claim, error)),
        }
    }

    fn make(
        &self,
        issuers: &LeafIssuers<'a, K>,
        claim: &Claim,
        names: &[(u64, StagedName)],
        present: &HashMap<String, String>,
    ) -> Result<(Vec<IssuedLeaf>, Vec<FleetIdentity>)> {
        let mut made = Vec::with_capacity(names.len());
        let mut rows = Vec::with_capacity(names.len());
        let last = names.len().saturating_sub(1);
        for (index, (number, name)) in names.iter().enumerate() {
            // Checked for each device, because a shard of RSA keys takes minutes.
            if self.stop.is_overdue() {
                return Err(Code::StoppedEarly.error("the shard was given up, since a stop was asked for"));
            }
            let index = u32::try_from(index).map_err(|_| Code::Internal.error("a shard is too large"))?;
            // Serial numbers follow from the seed in the ledger, so that every signed certificate can be named even
            // after a crash.
            let serial = serial_of(&claim.seed, claim.fence, index)?;
            // The first and the last device of each shard are read back whole. All others differ from them only in
            // varying fields.
            let sample = index == 0 || usize::try_from(index) == Ok(last);
            let issuer = issuers.of(self.profile_of(name), present.get(&name.name).map(String::as_str));
            let device = issuer.and_then(|issuer| self.device(issuer, name, serial, sample));
            let device = device.map_err(|error| error.item(&name.name))?;
            let (device, common, validity) = device;
            rows.push(FleetIdentity {
                number: *number,
                name: device.name.clone(),
                serial: device.serial.clone(),
                fingerprint: device.fingerprint,
                credentials_id: device.credentials_id.clone(),
                not_before: validity.not_before(),
                not_after: validity.not_after(),
                common,
            });
            made.push(device);
        }
        Ok((made, rows))
    }

    /// The profile of the line has priority over that of the job, as at registration.
    fn profile_of<'n>(&'n self, name: &'n StagedName) -> Option<&'n str> {
        name.profile.as_deref().or(self.order.profile.as_deref())
    }

    /// One device, with what the ledger keeps of it besides. Those of a sample are read back whole.
    fn device(
        &self,
        issuer: &LeafIssuer<'a, K>,
        name: &StagedName,
        serial: ledger::SerialNumber,
        sample: bool,
    ) -> Result<(IssuedLeaf, Arc<ShardParameters>, Validity)> {
        self.output.check_free(&name.name)?;
        let subject = self.subject.with_common_name(&name.name)?;
        let own;
        let (sans, common) = if name.sans.is_empty() {
            (self.sans, issuer.common.clone())
        } else {
            let named = name.sans.iter().map(|text| text.parse());
            own = self.sans.iter().cloned().map(Ok).chain(named).collect::<Result<Vec<San>>>()?;
            let parameters = self.order.wanted(&own, &issuer.signer.fingerprint)?;
            (own.as_slice(), Arc::new(ShardParameters { parameters, ..issuer.common.as_ref().clone() }))
        };
        let octets = <[u8; 16]>::try_from(serial.octets())
            .map_err(|_| Code::Internal.error("the ledger gave a serial number of another length"))?;
        // The ledger's type allows other lengths, for certificates of imported CAs.
        let order = LeafOrder { subject: &subject, sans, serial: &Serial::from_octets(octets) };
        let (key, leaf) = issuer.template.issue(&order)?;
        if sample {
            issuer.template.check(&leaf, &order, key.public())?;
        }
        let made = IssuedLeaf {
            name: name.name.clone(),
            fingerprint: digest::sha256(&leaf),
            credentials_id: credentials_id::of_certificate_der(&leaf),
            key,
            leaf,
            serial,
            issuer: issuer.signer.chain.clone(),
        };
        Ok((made, common, issuer.signer.validity()))
    }
}

/// The issuers of one job, one a CA.
pub(crate) struct LeafIssuers<'a, K> {
    signers: &'a Signers<K>,
    by_ca: HashMap<&'a str, LeafIssuer<'a, K>>,
}

impl<'a, K: SigningKey> LeafIssuers<'a, K> {
    /// The templates of all CAs, with what the ledger keeps of their leaves.
    ///
    /// # Errors
    /// Those of [`LeafTemplate::new`].
    pub(crate) fn new(signers: &'a Signers<K>, order: &JobOrder, sans: &[San]) -> Result<Self> {
        let issuer = |signer: &'a Signer<K>| -> Result<LeafIssuer<'a, K>> {
            let common = Arc::new(ShardParameters {
                profile: Profile::Device.name().to_owned(),
                algorithm: order.alg.name().to_owned(),
                issuer: signer.name.clone(),
                parameters: order.wanted(sans, &signer.fingerprint)?,
            });
            Ok(LeafIssuer { signer, template: signer.template(order)?, common })
        };
        let by_ca = signers.by_ca.iter().map(|(name, signer)| Ok((name.as_str(), issuer(signer)?)));
        Ok(Self { signers, by_ca: by_ca.collect::<Result<_>>()? })
    }

    /// The issuer of a device with this profile, or with a present certificate of the CA `present`.
    fn of(&self, profile: Option<&str>, present: Option<&str>) -> Result<&LeafIssuer<'a, K>> {
        let name = self.signers.name_of(profile, present);
        self.by_ca.get(name).ok_or_else(|| Code::Internal.error(format!("the CA {name} is not open")))
    }
}
