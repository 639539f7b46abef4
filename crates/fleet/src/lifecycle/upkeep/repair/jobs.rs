//! Jobs, as their places show them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use base::Result;
use identity::parameters::days_of;
use ledger::{Entry, Job, JobId, JobUid, KnownJob, KnownShard, Parameters, Transaction, View};
use pki::Certificate;
use store::Workspace;
use store::shard::{Attempt, Layout};
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
pub(in crate::lifecycle::upkeep) struct Jobs {
    places: HashMap<String, Seen>,
    /// The host name of the station that issued what is in them, if that is known.
    station: Option<String>,
    /// The prefix of the files of devices that the configuration has; `None` for their names.
    prefix: Option<String>,
    /// The fingerprints of the certificates that are in files here.
    seen: HashSet<[u8; 32]>,
}

/// The places of one job, by their identifiers.
type PlacesOfJob<'a> = BTreeMap<&'a str, &'a Seen>;

/// The jobs in the ledger of the places with candidates.
pub(in crate::lifecycle::upkeep) struct JobIds {
    jobs: Vec<Recorded>,
    /// The position of the job of a place in `jobs`.
    of_place: HashMap<String, usize>,
    /// How many of them the ledger did not have.
    pub(in crate::lifecycle::upkeep) new: u64,
    /// The number of names whose lines are lost: nothing shows their labels, profiles and attributes.
    pub(in crate::lifecycle::upkeep) without_line: u64,
}

/// A job in the ledger.
struct Recorded {
    id: JobId,
    renews: bool,
    /// The attempts that count for its shards, each with its place, and the numbers of their names without an identity.
    shards: HashMap<(String, Attempt), HashMap<String, u64>>,
}

impl Jobs {
    /// The jobs of places, in which a station of this host name has issued; `None` if it is unknown.
    ///
    /// # Errors
    /// Those of the configuration and of random numbers.
    pub(in crate::lifecycle::upkeep) fn new(
        workspace: &Workspace<'_>,
        places: &Places,
        station: Option<String>,
    ) -> Result<Self> {
        let client = &workspace.config.client;
        let prefix = client.prefix.value.as_ref().map(|prefix| prefix.as_str().to_owned());
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
                prefix: prefix.clone(),
                renews: None,
                issuers: BTreeMap::new(),
                renewed_by: BTreeSet::new(),
            };
            // 0 is no number of a job: the ledger gives a new one then.
            let number = place.job().unwrap_or_default();
            jobs.insert(id.clone(), Seen { number, uid, order, shards: BTreeMap::new(), begins: None });
        }
        Ok(Self { places: jobs, station, prefix, seen: HashSet::new() })
    }

    /// The prefix of the files of devices that the configuration has; `None` for their names.
    pub(super) fn device_prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// The host name of the station that issued what is in the places, if that is known.
    pub(super) fn station(&self) -> Option<&str> {
        self.station.as_deref()
    }

    /// Whether a file here has the certificate of a row.
    pub(super) fn has_seen(&self, entry: &Entry) -> bool {
        entry.fingerprint.is_some_and(|fingerprint| self.seen.contains(&fingerprint))
    }

    /// Counts an identity in a file.
    pub(in crate::lifecycle::upkeep) fn count(&mut self, found: &Found) {
        self.seen.insert(found.leaf.fingerprint());
        let Some(shard) = &found.shard else { return };
        let Some(job) = self.places.get_mut(&shard.place) else { return };
        let begins = found.leaf.not_before();
        // No file has the time at which names were staged: the first certificate is as near as one can come.
        job.begins = Some(job.begins.map_or(begins, |known| known.min(begins)));
        job.shards.entry(shard.attempt).or_default().push(found.name.clone());
    }

    /// The parameters of a device of a fleet. The first certificate of a job shows those of the job.
    pub(in crate::lifecycle::upkeep) fn wanted(
        &mut self,
        place: &str,
        leaf: &Certificate,
        issuer: &IssuedBy,
    ) -> Result<Parameters> {
        let Some(job) = self.places.get_mut(place) else { return Parameters::of(&serde_json::Map::new()) };
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
        let mut new = 0;
        for uid in self.by_job(candidates).keys() {
            new += u64::from(view.job_of_uid(*uid)?.is_none());
        }
        Ok(new)
    }

    /// The places of each job of which a candidate is: a job can be continued in another place, and which one comes first
    /// is random.
    fn by_job(&self, candidates: &[Candidate]) -> BTreeMap<JobUid, PlacesOfJob<'_>> {
        let named: BTreeSet<&str> = candidates.iter().filter_map(Candidate::place).collect();
        let wanted: BTreeSet<JobUid> =
            named.into_iter().filter_map(|place| self.places.get(place)).map(|seen| seen.uid).collect();
        let mut jobs: BTreeMap<JobUid, PlacesOfJob<'_>> = BTreeMap::new();
        for (place, seen) in self.places.iter().filter(|(_, seen)| wanted.contains(&seen.uid)) {
            jobs.entry(seen.uid).or_default().insert(place.as_str(), seen);
        }
        jobs
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
        let mut ids = JobIds { jobs: Vec::new(), of_place: HashMap::new(), new: 0, without_line: 0 };
        let renewals = renewals(transaction, candidates)?;
        for (uid, places) in self.by_job(candidates) {
            let known = match transaction.job_of_uid(uid)? {
                Some(id) => transaction.job(id)?,
                None => None,
            };
            let (job, chosen) = match known {
                Some(job) => {
                    let (chosen, without_line) = self.record_shards(transaction, &job, &places)?;
                    ids.without_line = ids.without_line.saturating_add(without_line);
                    (job, chosen)
                }
                None => {
                    ids.new += 1;
                    let chosen = latest(&places);
                    // It renews only if none of its places has a device without an earlier certificate.
                    let renewed: Vec<Option<Option<u64>>> = places
                        .keys()
                        .filter(|place| candidates.iter().any(|candidate| candidate.place() == Some(place)))
                        .map(|place| renewals.get(place).copied())
                        .collect();
                    let renews = renewed.iter().all(Option::is_some);
                    let of = renewed.into_iter().flatten().flatten().next();
                    let known = self.known(&places, &chosen, renews.then_some(of))?;
                    let names = known.shards.iter().map(|shard| shard.names.len()).sum::<usize>();
                    ids.without_line = ids.without_line.saturating_add(names.try_into().unwrap_or(u64::MAX));
                    let id = transaction.record_job(&known)?;
                    let job = transaction.job(id)?;
                    (job.ok_or_else(|| base::Code::Internal.error("a recorded job is gone"))?, chosen)
                }
            };
            let mut shards = HashMap::new();
            for (place, attempt) in chosen {
                let numbers = transaction.free_numbers(job.id, attempt.shard)?;
                shards.insert((place.to_owned(), attempt), numbers);
            }
            let at = ids.jobs.len();
            ids.of_place.extend(places.keys().map(|place| ((*place).to_owned(), at)));
            ids.jobs.push(Recorded { id: job.id, renews: job.renews, shards });
        }
        Ok(ids)
    }

    /// Records the shards that a job of the ledger has lost, and returns the attempts that count by now and the number of
    /// names that were not staged. A shard that the ledger has in another place stays there: two attempts at it were
    /// published, by an older copy of the ledger.
    fn record_shards<'a>(
        &self,
        transaction: &Transaction<'_>,
        job: &Job,
        places: &PlacesOfJob<'a>,
    ) -> Result<(Vec<(&'a str, Attempt)>, u64)> {
        let (mut counting, mut lost) = (Vec::new(), BTreeMap::new());
        let mut attempts: BTreeMap<u32, Vec<(&'a str, Attempt)>> = BTreeMap::new();
        for (place, attempt) in every(places) {
            attempts.entry(attempt.shard).or_default().push((place, attempt));
        }
        for (shard, attempts) in attempts {
            let Some(committed) = transaction.committed(job.id, shard)? else {
                lost.extend(attempts.into_iter().max_by_key(|(_, attempt)| attempt.fence).map(|one| (shard, one)));
                continue;
            };
            // A joined archive does not keep the fencing numbers of its parts.
            let is_archive = |place: &str| places.get(place).is_some_and(|seen| seen.order.layout == Layout::Archive);
            counting.extend(attempts.into_iter().filter(|(place, attempt)| {
                *place == committed.place && (attempt.fence == committed.fence || is_archive(place))
            }));
        }
        let lost: Vec<(&str, Attempt)> = lost.into_values().collect();
        // The largest of all: a shard that is known can show that the ledger has a wrong size.
        let known = KnownJob { parameters: job.parameters.clone(), ..self.known(places, &lost, None)? };
        let without_line = transaction.record_lost_shards(job.id, &known)?;
        counting.extend(lost);
        Ok((counting, without_line))
    }

    /// A job as its places show it, with the attempts that count for its shards; `renewed` is the job that it renews, if it
    /// is one of renewals.
    fn known(
        &self,
        places: &PlacesOfJob<'_>,
        chosen: &[(&str, Attempt)],
        renewed: Option<Option<u64>>,
    ) -> Result<KnownJob> {
        let names = |place: &str, attempt: Attempt| places.get(place).and_then(|seen| seen.shards.get(&attempt));
        // Every shard but the last one is full, so the largest has the size that the job was cut by.
        let sizes = places.values().flat_map(|seen| seen.shards.values()).map(Vec::len);
        let shard_size = sizes.max().map_or(1, |size| u32::try_from(size).unwrap_or(u32::MAX)).max(1);
        // The order shows what the job was made with once a certificate of the place was read.
        let first = places.values().find(|seen| !seen.order.issuer.is_empty()).or_else(|| places.values().next());
        let first = first.ok_or_else(|| base::Code::Internal.error("a job has no place"))?;
        let begins = places.values().filter_map(|seen| seen.begins).min();
        let shard = |(place, attempt): &(&str, Attempt)| KnownShard {
            shard: attempt.shard,
            fence: attempt.fence,
            place: (*place).to_owned(),
            station: self.station.clone(),
            names: names(place, *attempt).cloned().unwrap_or_default(),
        };
        let order = JobOrder { renews: renewed.flatten(), ..first.order.clone() };
        Ok(KnownJob {
            number: first.number,
            uid: first.uid,
            parameters: order.parameters()?,
            renews: renewed.is_some(),
            shard_size,
            made_at: begins.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            shards: chosen.iter().map(shard).collect(),
        })
    }
}

/// Every attempt in the places of a job.
fn every<'a>(places: &PlacesOfJob<'a>) -> Vec<(&'a str, Attempt)> {
    let of_place = |(place, seen): (&&'a str, &&'a Seen)| {
        let place: &'a str = place;
        seen.shards.keys().map(move |attempt| (place, *attempt)).collect::<Vec<_>>()
    };
    places.iter().flat_map(of_place).collect()
}

/// The last attempt at each shard, in whichever place it is.
fn latest<'a>(places: &PlacesOfJob<'a>) -> Vec<(&'a str, Attempt)> {
    let mut latest: BTreeMap<u32, (&str, Attempt)> = BTreeMap::new();
    for (place, attempt) in every(places) {
        let known = latest.entry(attempt.shard).or_insert((place, attempt));
        if known.1.fence < attempt.fence {
            *known = (place, attempt);
        }
    }
    latest.into_values().collect()
}

impl JobIds {
    fn of(&self, place: &str) -> Option<&Recorded> {
        self.jobs.get(*self.of_place.get(place)?)
    }

    /// The job of a place.
    pub(in crate::lifecycle::upkeep) fn job_of(&self, place: &str) -> Option<JobId> {
        self.of(place).map(|job| job.id)
    }

    /// The jobs that renew.
    pub(super) fn renewing(&self) -> BTreeSet<JobId> {
        self.jobs.iter().filter(|job| job.renews).map(|job| job.id).collect()
    }

    /// Whether the job of a place renews.
    pub(super) fn renews(&self, place: &str) -> bool {
        self.of(place).is_some_and(|job| job.renews)
    }

    /// Whether another attempt at the same shard counts: the names of this one were issued a second time.
    pub(super) fn is_second(&self, place: &str, attempt: Attempt) -> bool {
        self.of(place).is_some_and(|job| !job.shards.contains_key(&(place.to_owned(), attempt)))
    }

    /// The job of a place, and the number of a name of one of its shards; `None` if the job has another certificate for it.
    pub(in crate::lifecycle::upkeep) fn number(
        &self,
        place: &str,
        attempt: Attempt,
        name: &str,
    ) -> Option<(JobId, u64)> {
        let job = self.of(place)?;
        Some((job.id, *job.shards.get(&(place.to_owned(), attempt))?.get(name)?))
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
                let known = known.filter(|known| known.not_before <= identity.not_before);
                if earlier.is_some() || known.is_some() {
                    let job = earlier.and_then(|earlier| earlier.shard.as_ref()).and_then(|shard| shard.job);
                    let known = known.and_then(|known| known.job).map(|(job, _)| transaction.job(job));
                    // A renewal names the job that has issued the devices first, also if that was renewed before.
                    let known = known.transpose()?.flatten().map(|job| {
                        Ok::<_, base::Error>(JobOrder::kept(&job.parameters)?.renews.unwrap_or(job.id.number()))
                    });
                    renewed.insert(place, job.or(known.transpose()?));
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
