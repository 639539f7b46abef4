//! Jobs, as their places show them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base::Result;
use identity::parameters::days_of;
use ledger::{JobId, JobUid, KnownJob, KnownShard, Parameters, Transaction, View};
use pki::Certificate;
use store::Workspace;
use store::shard::Attempt;
use time::OffsetDateTime;

use super::candidate::Candidate;
use super::issuers::IssuedBy;
use crate::job_order::JobOrder;
use crate::lifecycle::upkeep::scan::{Found, Places};

/// A place and what is in it.
struct Seen {
    number: u64,
    uid: JobUid,
    order: JobOrder,
    /// The names of each shard, in order.
    shards: BTreeMap<Attempt, Vec<String>>,
    begins: Option<OffsetDateTime>,
}

/// The places of jobs, by their identifiers.
pub(in crate::lifecycle::upkeep) struct Jobs(HashMap<String, Seen>);

/// The numbers of the jobs in the ledger, by their places.
pub(in crate::lifecycle::upkeep) struct JobIds {
    ids: HashMap<String, Recorded>,
    /// How many of them the ledger did not have.
    pub(in crate::lifecycle::upkeep) new: u64,
}

/// A job in the ledger.
#[derive(Clone, Copy)]
struct Recorded {
    id: JobId,
    shard_size: u32,
    renews: bool,
}

impl Jobs {
    pub(in crate::lifecycle::upkeep) fn new(workspace: &Workspace<'_>, places: &Places) -> Result<Self> {
        let client = &workspace.config.client;
        let mut jobs = HashMap::new();
        for (id, place) in &places.known {
            let uid = match place.job_uid() {
                Some(uid) => uid.parse()?,
                // Version 1 has no identifier.
                None => JobUid::random()?,
            };
            let order = JobOrder {
                subject: workspace.config.subject()?.to_string(),
                san: client.san.value.iter().map(ToString::to_string).collect(),
                alg: client.alg.value,
                days: client.days.value.number(),
                exact_days: false,
                issuer: String::new(),
                profile: None,
                layout: place.layout(),
                packing: place.packing(),
                recipients: Vec::new(),
                formats: Vec::new(),
                prefix: client.prefix.value.as_ref().map(|prefix| prefix.as_str().to_owned()),
                renews: None,
                issuers: BTreeMap::new(),
                renewed_by: BTreeSet::new(),
            };
            // 0 is no number of a job: the ledger gives a new one then.
            let number = place.job().unwrap_or_default();
            jobs.insert(id.clone(), Seen { number, uid, order, shards: BTreeMap::new(), begins: None });
        }
        Ok(Self(jobs))
    }

    /// Counts an identity of a shard, and returns its position there, from 0.
    pub(in crate::lifecycle::upkeep) fn count(&mut self, found: &Found) -> u64 {
        let Some(shard) = &found.shard else { return 0 };
        let Some(job) = self.0.get_mut(&shard.place) else { return 0 };
        let begins = found.leaf.not_before();
        // No file has the time at which names were staged: the first certificate is as near as one can come.
        job.begins = Some(job.begins.map_or(begins, |known| known.min(begins)));
        let names = job.shards.entry(shard.attempt).or_default();
        names.push(found.name.clone());
        names.len().saturating_sub(1).try_into().unwrap_or(u64::MAX)
    }

    /// The parameters of a device of a fleet. The first certificate of a job shows those of the job.
    pub(in crate::lifecycle::upkeep) fn wanted(
        &mut self,
        place: &str,
        leaf: &Certificate,
        issuer: &IssuedBy,
    ) -> Result<Parameters> {
        let Some(job) = self.0.get_mut(place) else { return Parameters::of(&serde_json::Map::new()) };
        let order = &mut job.order;
        // What the configuration has now was only a guess; the first certificate shows what the job had then.
        if order.issuer.is_empty() {
            order.issuer.clone_from(&issuer.fingerprint);
            order.alg = leaf.algorithm_name().parse().unwrap_or(order.alg);
            order.days = days_of(leaf);
            order.profile = issuer.name.strip_prefix("profile-").map(str::to_owned);
        }
        order.wanted(&leaf.sans(), &issuer.fingerprint)
    }

    /// How many jobs of the candidates the ledger does not have.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(super) fn count_new(&self, view: &View, candidates: &[Candidate]) -> Result<u64> {
        let places: BTreeSet<&str> = candidates.iter().filter_map(Candidate::place).collect();
        let mut new = 0;
        for job in places.into_iter().filter_map(|place| self.0.get(place)) {
            new += u64::from(view.job_of_uid(job.uid)?.is_none());
        }
        Ok(new)
    }

    /// Records the jobs and shards of the candidates that the ledger does not have.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(in crate::lifecycle::upkeep) fn record(
        &self,
        transaction: &Transaction<'_>,
        candidates: &[Candidate],
    ) -> Result<JobIds> {
        let mut ids = JobIds { ids: HashMap::new(), new: 0 };
        let renewals = renewals(transaction, candidates)?;
        let mut wanted: BTreeMap<&str, BTreeMap<u32, Attempt>> = BTreeMap::new();
        for shard in candidates.iter().filter_map(|candidate| candidate.shard.as_ref()) {
            // Of several attempts the last one counts.
            wanted.entry(&shard.place).or_default().insert(shard.attempt.shard, shard.attempt);
        }
        for (place, shards) in wanted {
            let Some(job) = self.0.get(place) else { continue };
            let known = match transaction.job_of_uid(job.uid)? {
                Some(id) => transaction.job(id)?,
                None => None,
            };
            let id = match known {
                Some(known) => {
                    for attempt in shards.values() {
                        transaction.record_lost_shard(known.id, attempt.shard, attempt.fence, place)?;
                    }
                    Recorded { id: known.id, shard_size: known.shard_size, renews: known.renews }
                }
                None => {
                    ids.new += 1;
                    job.record(transaction, place, &shards, renewals.get(place))?
                }
            };
            ids.ids.insert(place.to_owned(), id);
        }
        Ok(ids)
    }
}

impl Seen {
    fn record(
        &self,
        transaction: &Transaction<'_>,
        place: &str,
        shards: &BTreeMap<u32, Attempt>,
        renewed: Option<&Option<u64>>,
    ) -> Result<Recorded> {
        let names = |attempt: &Attempt| self.shards.get(attempt).cloned().unwrap_or_default();
        let sizes: Vec<u32> =
            shards.values().map(|attempt| u32::try_from(names(attempt).len()).unwrap_or(u32::MAX)).collect();
        // Every shard but the last one is full, so the largest has the size that the job was cut by.
        let shard_size = sizes.iter().copied().max().unwrap_or(1).max(1);
        let last = shards.keys().last().copied().unwrap_or_default();
        // Shards in between may be missing; their names count all the same.
        let size = u64::from(last) * u64::from(shard_size) + u64::from(sizes.last().copied().unwrap_or_default());
        let order = JobOrder { renews: renewed.copied().flatten(), ..self.order.clone() };
        let renews = renewed.is_some();
        let known = KnownJob {
            number: self.number,
            uid: self.uid,
            parameters: order.parameters()?,
            renews,
            size,
            shard_size,
            is_complete: shards.len() == usize::try_from(last).unwrap_or(usize::MAX).saturating_add(1),
            made_at: self.begins.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            place: place.to_owned(),
            shards: shards
                .values()
                .map(|attempt| KnownShard { shard: attempt.shard, fence: attempt.fence, names: names(attempt) })
                .collect(),
        };
        Ok(Recorded { id: transaction.record_job(&known)?, shard_size, renews })
    }
}

impl JobIds {
    /// The job of a place.
    pub(in crate::lifecycle::upkeep) fn job_of(&self, place: &str) -> Option<JobId> {
        self.ids.get(place).map(|job| job.id)
    }

    /// The jobs that renew.
    pub(super) fn renewing(&self) -> BTreeSet<JobId> {
        self.ids.values().filter(|job| job.renews).map(|job| job.id).collect()
    }

    /// Whether the job of a place renews.
    pub(super) fn renews(&self, place: &str) -> bool {
        self.ids.get(place).is_some_and(|job| job.renews)
    }

    /// The job of a place, and the number of the name at a position in one of its shards.
    pub(in crate::lifecycle::upkeep) fn number(
        &self,
        place: &str,
        attempt: Attempt,
        index: u64,
    ) -> Option<(JobId, u64)> {
        let job = self.ids.get(place)?;
        Some((job.id, u64::from(attempt.shard) * u64::from(job.shard_size) + index))
    }
}

/// The places of jobs that renew, each with the number of the job that it renews, if its place states one: each of their
/// devices has an earlier certificate.
fn renewals<'a>(transaction: &Transaction<'_>, candidates: &'a [Candidate]) -> Result<HashMap<&'a str, Option<u64>>> {
    let mut renewed: HashMap<&str, Option<u64>> = HashMap::new();
    let mut others: HashSet<&str> = HashSet::new();
    for of_name in candidates.chunk_by(Candidate::is_of_same_name) {
        let mut earlier: Option<&Candidate> = None;
        for candidate in of_name {
            let identity = &candidate.identity;
            if let Some(place) = candidate.place() {
                let known = transaction.current(candidate.kind, &identity.name)?;
                let is_later = earlier.is_some() || known.is_some_and(|known| known.not_before <= identity.not_before);
                if is_later {
                    let job = earlier.and_then(|earlier| earlier.shard.as_ref()).and_then(|shard| shard.job);
                    renewed.insert(place, job);
                } else {
                    others.insert(place);
                }
            }
            earlier = Some(candidate);
        }
    }
    // One device without an earlier certificate, and it is a job of new devices: renewals have only such as have one.
    renewed.retain(|place, _| !others.contains(place));
    Ok(renewed)
}
