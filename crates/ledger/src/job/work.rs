//! Claiming shards, doing them, and taking over unfinished ones.

use std::time::Duration;

use base::{Code, Error, Result};

use crate::job::attempt::AttemptOutcome;
use crate::job::claim::{Claim, ClaimRequest, FleetIdentity, seed};
use crate::job::job_stage::JobStage;
use crate::job::shard_state::ShardState;
use crate::job::{JobId, Phase, millis};
use crate::key::Key;
use crate::ledger::Ledger;
use crate::lifecycle::revocation::OpenStep;
use crate::lifecycle::role::Role;
use crate::platform::work_table::WorkTable;
use crate::state::State;
use crate::transaction::Transaction;
use crate::value::{one_of, values};

impl Ledger {
    /// Takes a shard without a lease or with one that has ended; `None` while there is none.
    ///
    /// If a server's answer is lost, the shard of that answer stays claimed until its lease ends.
    ///
    /// For issuing, what an earlier attempt at the shard has signed is void from then on: the new one has a seed and
    /// thereby serial numbers of its own. Only shards that are issued can be registered and bundled.
    ///
    /// # Errors
    /// Those of the database.
    pub fn claim(&mut self, wish: &ClaimRequest<'_>) -> Result<Option<Claim>> {
        self.for_fleets()?;
        self.shared_transaction(|transaction| transaction.claim(wish))
    }

    /// Holds on to a shard: its lease ends `lease` from now.
    ///
    /// # Errors
    /// [`Code::LeaseLost`] if another station has it by now, or it is done.
    pub fn renew(&mut self, claim: &Claim, lease: Duration) -> Result<()> {
        self.shared_transaction(|transaction| {
            // A lease that has ended can be extended as long as no other station has claimed the shard.
            transaction.hold(claim)?;
            let until = transaction.now_ms().saturating_add(millis(lease));
            let WorkTable { name, of_platform } = transaction.work_table(claim.phase);
            transaction.execute(
                &format!("UPDATE {name} SET until = ?4 WHERE job = ?1 AND phase = ?2 AND shard = ?3{of_platform}"),
                values![claim.job.0, claim.phase.as_str(), claim.shard, until],
            )?;
            Ok(())
        })
    }

    /// Records a shard as issued, all of it or nothing: its identities are on disk in `place` by now.
    ///
    /// May be repeated, as after a connection that was lost before the answer came.
    ///
    /// # Errors
    /// [`Code::LeaseLost`] if another station has it by now: then the signed identities do not count.
    /// [`Code::DuplicateNames`] when a name has an identity in use already. [`Code::Internal`] when these are not the
    /// names of the shard, each once; a job that renews may leave out devices that were revoked.
    pub fn commit_issued(&mut self, claim: &Claim, place: &str, identities: &[FleetIdentity]) -> Result<()> {
        // A program error here would leave a hole in the job that no later run could find.
        is_of_phase(claim, Phase::Issue)?;
        let mut numbers: Vec<u64> = identities.iter().map(|identity| identity.number).collect();
        numbers.sort_unstable();
        let all = claim.first..claim.first + u64::from(claim.count);
        self.shared_transaction(|transaction| {
            // The answer to an earlier commit was lost: the shard is issued, and the same call must succeed again.
            let job = transaction.job(claim.job)?.ok_or_else(|| canceled(claim))?;
            // A device that was revoked meanwhile is not renewed.
            let is_complete = match job.renews {
                true => {
                    // The numbers are sorted, so a strict rise means that none comes twice.
                    numbers.iter().all(|number| all.contains(number))
                        && numbers.windows(2).all(|two| two.first() < two.last())
                }
                false => numbers.iter().copied().eq(all.clone()),
            };
            if !is_complete {
                return Err(Code::Internal.error(format!("{claim:?} was to be committed without all of its names")));
            }
            // Asked before `hold`, which rejects a shard that is done.
            if transaction.outcome(claim)? == Some(AttemptOutcome::Issued) {
                return Ok(());
            }
            transaction.hold(claim)?;
            transaction.insert_identities(claim, identities)?;
            transaction.execute(
                "UPDATE work SET place = ?4 WHERE job = ?1 AND phase = ?2 AND shard = ?3",
                values![claim.job.0, claim.phase.as_str(), claim.shard, place],
            )?;
            transaction.leave(claim, ShardState::Done)?;
            transaction.end_attempt(claim.job, claim.shard, AttemptOutcome::Issued)?;
            // Of two stations that finish the last two shards at once, the second has to see what the first did.
            transaction
                .one(&format!("SELECT id FROM job WHERE id = ?1{}", transaction.for_update()), values![claim.job.0])?;
            transaction.execute(
                "UPDATE job SET state = ?3, done_at = ?2 WHERE id = ?1 AND NOT EXISTS \
                 (SELECT 1 FROM work WHERE job = ?1 AND phase = 'issue' AND state <> 'done')",
                values![claim.job.0, transaction.now(), JobStage::Done.as_str()],
            )?;
            Ok(())
        })
    }

    /// Records that devices of the claimed shard are registered or bundled, and what went wrong with others of them.
    /// May be called several times for a shard; the texts must hold no secret.
    ///
    /// Devices that were voided, revoked or unregistered meanwhile stay what they are. Returns those that were revoked while
    /// they were registered: the step that takes their certificates from the platform is open.
    ///
    /// # Errors
    /// [`Code::LeaseLost`] if another station has the shard by now; [`Code::Internal`] for a device that is not of it.
    pub fn commit_step(&mut self, claim: &Claim, keys: &[Key], failed: &[(Key, String)]) -> Result<Vec<Key>> {
        let step = step_of(claim.phase)?;
        // The outcomes of a shard are recorded together, and only while the shard belongs to this station.
        self.shared_transaction(|transaction| {
            transaction.hold(claim)?;
            let rows = transaction.step_devices(claim, step, keys)?;
            if step == State::Registered && transaction.job(claim.job)?.is_some_and(|job| job.renews) {
                // The platform has the renewals now.
                for key in keys {
                    transaction.taken_by_platform(key)?;
                }
            }
            let failures = transaction.fail_devices(claim, failed)?;
            let wanted = [(keys.len(), rows), (failed.len(), failures)];
            // Fewer rows are no error if the missing devices were unregistered or replaced meanwhile.
            if wanted.iter().all(|(wanted, rows)| u64::try_from(*wanted) == Ok(*rows)) {
                return Ok(Vec::new());
            }
            keys.iter().chain(failed.iter().map(|(key, _)| key)).try_for_each(|key| transaction.is_of(claim, key))?;
            let mut revoked = Vec::new();
            for key in keys.iter().filter(|_| step == State::Registered) {
                if transaction.role_of(key)?.1 == Role::Revoked {
                    transaction.open_step(key, OpenStep::Platform)?;
                    revoked.push(key.clone());
                }
            }
            Ok(revoked)
        })
    }

    /// Ends the work on a shard: it is done when none of its devices lacks the step, else partly done.
    ///
    /// # Errors
    /// [`Code::LeaseLost`] if another station has the shard by now.
    pub fn finish(&mut self, claim: &Claim) -> Result<()> {
        let step = step_of(claim.phase)?;
        self.shared_transaction(|transaction| {
            // A repeated call after a lost answer.
            if transaction.is_in(claim, &[ShardState::Done, ShardState::Partly])? {
                return Ok(());
            }
            transaction.hold(claim)?;
            let sql = format!(
                "SELECT count(*) FROM identity WHERE job = ?1 AND number >= ?2 AND number < ?3 \
                 AND role IN ('current', 'pending') AND {} IS NULL AND {} IS NULL",
                transaction.columns().unregistered_at(""),
                transaction.columns().time(step, "")
            );
            let end = claim.first + u64::from(claim.count);
            let row = transaction.one(&sql, values![claim.job.0, claim.first, end])?;
            let lacking: i64 = row.map_or(Ok(0), |row| row.get(0))?;
            // Partly: some devices failed. The next run opens the shard again, and a finished one is never touched.
            transaction.leave(claim, if lacking == 0 { ShardState::Done } else { ShardState::Partly })
        })
    }

    /// Gives a shard back, so that the next station to ask has it at once. `why` is kept in the log.
    ///
    /// # Errors
    /// [`Code::LeaseLost`] if another station has it by now.
    pub fn give_back(&mut self, claim: &Claim, why: &str) -> Result<()> {
        tracing::debug!(?claim, why, "gave a shard back");
        self.shared_transaction(|transaction| {
            if transaction.is_in(claim, &[ShardState::Open])? {
                return Ok(());
            }
            transaction.hold(claim)?;
            // The serial numbers of the attempt are void, so that no later attempt can use them again.
            if claim.phase == Phase::Issue {
                transaction.end_attempt(claim.job, claim.shard, AttemptOutcome::Void)?;
            }
            transaction.leave(claim, ShardState::Open)
        })
    }

    /// Frees the shards of stations that have died. Where one station works at a time, the holder of the store's lock
    /// is alone and need not wait for leases to end. In a ledger of several stations ([`View::is_shared`]) nothing
    /// happens: there time alone tells the dead from the slow.
    ///
    /// # Errors
    /// Those of the database.
    ///
    /// [`View::is_shared`]: crate::View::is_shared
    pub fn break_leases(&mut self, job: JobId) -> Result<()> {
        // A shared ledger has other stations, whose leases this one must not end.
        if self.is_shared() {
            return Ok(());
        }
        self.transaction(|transaction| {
            transaction.void_attempts(job)?;
            for table in ["work", "platform_work"] {
                transaction.execute(
                    &format!("UPDATE {table} SET state = 'open', until = NULL WHERE job = ?1 AND state = 'claimed'"),
                    values![job.0],
                )?;
            }
            Ok(())
        })
    }

    /// Opens the shards again that are partly done, so that what failed is tried once more. Returns how many.
    ///
    /// # Errors
    /// Those of the database.
    pub fn reopen(&mut self, job: JobId, phase: Phase) -> Result<u64> {
        self.transaction(|transaction| {
            let WorkTable { name, of_platform } = transaction.work_table(phase);
            transaction.execute(
                &format!(
                    "UPDATE {name} SET state = 'open' WHERE job = ?1 AND phase = ?2 AND state = 'partly'{of_platform}"
                ),
                values![job.0, phase.as_str()],
            )
        })
    }
}

impl Ledger {
    /// Opens every shard again that is done, wholly or partly, so that the step is taken once more with all of its
    /// devices. Returns how many.
    ///
    /// Bundles are made with other parameters than before, so that no device counts as bundled until it has its new one,
    /// whatever interrupts the run. A device stays registered meanwhile.
    ///
    /// # Errors
    /// Those of the database; [`Code::Internal`] for issuing, which happens once.
    pub fn redo(&mut self, job: JobId, phase: Phase) -> Result<u64> {
        // Fails for issuing: a shard that is issued again would give its devices second certificates.
        step_of(phase)?;
        self.transaction(|transaction| {
            if phase == Phase::Bundle {
                let size = transaction.job(job)?.map_or(0, |job| job.size);
                transaction.not_bundled(job, 0..size)?;
            }
            let WorkTable { name, of_platform } = transaction.work_table(phase);
            transaction.execute(
                &format!(
                    "UPDATE {name} SET state = 'open' WHERE job = ?1 AND phase = ?2 \
                     AND state IN ('partly', 'done'){of_platform}"
                ),
                values![job.0, phase.as_str()],
            )
        })
    }

    /// As [`redo`](Self::redo), for these shards.
    ///
    /// # Errors
    /// As [`redo`](Self::redo).
    pub fn redo_shards(&mut self, job: JobId, phase: Phase, shards: &[u32]) -> Result<()> {
        step_of(phase)?;
        self.transaction(|transaction| {
            let job_of = transaction.job(job)?;
            shards.iter().try_for_each(|shard| {
                if let Some(job_of) = job_of.as_ref().filter(|_| phase == Phase::Bundle) {
                    let (first, count) = job_of.range(*shard);
                    transaction.not_bundled(job, first..first + u64::from(count))?;
                }
                transaction
                    .execute(
                        "UPDATE work SET state = 'open' WHERE job = ?1 AND phase = ?2 AND shard = ?3 \
                         AND state IN ('partly', 'done')",
                        values![job.0, phase.as_str(), *shard],
                    )
                    .map(drop)
            })
        })
    }
}

impl Transaction<'_> {
    fn claim(&self, wish: &ClaimRequest<'_>) -> Result<Option<Claim>> {
        self.open_work(wish.job, wish.phase)?;
        let WorkTable { name, of_platform } = self.work_table(wish.phase);
        // The statement calls both tables `work`.
        let table = if name == "work" { name.to_owned() } else { format!("{name} AS work") };
        // The parameter ?4 must appear in each variant with a known type, or PostgreSQL cannot prepare the statement.
        let issued = match (wish.phase, wish.place) {
            (Phase::Issue, _) => "CAST(?4 AS TEXT) IS NULL OR TRUE",
            (_, None) => {
                "EXISTS (SELECT 1 FROM work AS issue WHERE issue.job = work.job AND issue.phase = 'issue' \
                          AND issue.shard = work.shard AND issue.state = 'done' AND CAST(?4 AS TEXT) IS NULL)"
            }
            // A station registers and bundles only shards that are in its own place.
            (_, Some(_)) => {
                "EXISTS (SELECT 1 FROM work AS issue WHERE issue.job = work.job AND issue.phase = 'issue' \
                             AND issue.shard = work.shard AND issue.state = 'done' AND issue.place = ?4)"
            }
        };
        let sql = format!(
            // A station that asks at the same moment passes over the locked row and takes the next shard.
            "SELECT shard, fence FROM {table} WHERE job = ?1 AND phase = ?2 AND state IN ('open', 'claimed') \
             AND (state = 'open' OR until <= ?3) AND ({issued}){of_platform} ORDER BY shard LIMIT 1{}",
            self.skip_locked()
        );
        let values = values![wish.job.0, wish.phase.as_str(), self.now_ms(), wish.place];
        let Some(row) = self.one(&sql, values)? else { return Ok(None) };
        let (shard, fence): (u32, u32) = (row.get(0)?, row.get(1)?);
        // The fence grows with each claim, so that a station that lost its lease can be told from its successor.
        let fence = fence.checked_add(1).ok_or_else(|| Code::Internal.error("a shard has used up its fences"))?;
        let job = self.job(wish.job)?.ok_or_else(|| Code::Internal.error(format!("there is no job {}", wish.job)))?;
        let (first, count) = job.range(shard);
        let mut claim = Claim {
            job: wish.job,
            phase: wish.phase,
            shard,
            fence,
            seed: [0; 32],
            first,
            count,
            place: wish.place.map(str::to_owned),
        };
        if wish.phase == Phase::Issue {
            claim.seed = seed()?;
            // An unfinished attempt of another station ends here: its files will be removed as leftovers.
            self.end_attempt(wish.job, shard, AttemptOutcome::Void)?;
            self.execute(
                "INSERT INTO attempt (job, shard, fence, seed, station, begun_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                values![wish.job.0, shard, fence, &claim.seed, wish.station, self.now()],
            )?;
        } else {
            // The place of the issuing station, not the one that was requested.
            claim.place = self.committed(wish.job, shard)?.map(|committed| committed.place);
        }
        self.execute(
            &format!(
                "UPDATE {name} SET state = 'claimed', station = ?4, place = ?5, fence = ?6, until = ?7 \
                 WHERE job = ?1 AND phase = ?2 AND shard = ?3{of_platform}"
            ),
            values![
                wish.job.0,
                wish.phase.as_str(),
                shard,
                wish.station,
                claim.place.as_ref(),
                fence,
                self.now_ms().saturating_add(millis(wish.lease)),
            ],
        )?;
        Ok(Some(claim))
    }

    /// Fails with [`Code::LeaseLost`] unless the shard is the claimant's. It stays so until the transaction ends.
    ///
    /// An ended lease alone loses nothing: the fence tells whether another station has taken the shard.
    fn hold(&self, claim: &Claim) -> Result<()> {
        // Locked until the end of the transaction, so that no other station can claim the shard in between.
        let WorkTable { name, of_platform } = self.work_table(claim.phase);
        let sql = format!(
            "SELECT state, fence FROM {name} WHERE job = ?1 AND phase = ?2 AND shard = ?3{of_platform}{}",
            self.for_update()
        );
        let row = self.one(&sql, values![claim.job.0, claim.phase.as_str(), claim.shard])?;
        let (state, fence): (String, u32) = match row {
            Some(row) => (row.get(0)?, row.get(1)?),
            // Only a join of two platforms removes the work of a job that is not canceled.
            None if self.job(claim.job)?.is_some_and(|job| job.canceled_at.is_none()) => return Err(joined(claim)),
            None => return Err(canceled(claim)),
        };
        let state = one_of(&ShardState::ALL, ShardState::as_str, &state)?;
        if state == ShardState::Claimed && fence == claim.fence { Ok(()) } else { Err(lost(claim, state, fence)) }
    }

    /// True if the shard is in one of these states since this claim: then what was to lead there was done already.
    fn is_in(&self, claim: &Claim, states: &[ShardState]) -> Result<bool> {
        let WorkTable { name, of_platform } = self.work_table(claim.phase);
        let row = self.one(
            &format!(
                "SELECT state FROM {name} WHERE job = ?1 AND phase = ?2 AND shard = ?3 AND fence = ?4{of_platform}"
            ),
            values![claim.job.0, claim.phase.as_str(), claim.shard, claim.fence],
        )?;
        let state: Option<String> = row.map(|row| row.get(0)).transpose()?;
        Ok(state.is_some_and(|state| states.iter().any(|one| one.as_str() == state)))
    }

    fn leave(&self, claim: &Claim, state: ShardState) -> Result<()> {
        let WorkTable { name, of_platform } = self.work_table(claim.phase);
        self.execute(
            &format!(
                "UPDATE {name} SET state = ?4, until = NULL WHERE job = ?1 AND phase = ?2 AND shard = ?3{of_platform}"
            ),
            values![claim.job.0, claim.phase.as_str(), claim.shard, state.as_str()],
        )?;
        Ok(())
    }

    /// Fails unless a device that took no step belongs to the shard and was given up.
    fn is_of(&self, claim: &Claim, key: &Key) -> Result<()> {
        let row = self.one(
            "SELECT state FROM identity WHERE kind = ?1 AND name = ?2 AND generation = ?3 AND job = ?4 \
             AND number >= ?5 AND number < ?6",
            values![
                key.kind.as_str(),
                &key.name,
                key.generation.0,
                claim.job.0,
                claim.first,
                claim.first + u64::from(claim.count),
            ],
        )?;
        let row = row.ok_or_else(|| Code::Internal.error(format!("{key} is not of {claim:?}")))?;
        let state: String = row.get(0)?;
        one_of(&State::ALL, State::as_str, &state).map(drop)
    }
}

fn lost(claim: &Claim, state: ShardState, fence: u32) -> Error {
    let state = state.as_str();
    Code::LeaseLost
        .error(format!("shard {} of job {} does not belong to this station any more", claim.shard, claim.job))
        .because(format!("this station claimed it as number {}; now it is {state} as number {fence}", claim.fence))
        .fix("run the same command again: it does what is left")
}

fn canceled(claim: &Claim) -> Error {
    Code::LeaseLost
        .error(format!("shard {} of job {} is no longer work", claim.shard, claim.job))
        .because("the job was canceled")
}

fn joined(claim: &Claim) -> Error {
    Code::LeaseLost
        .error(format!("shard {} of job {} does not belong to this station any more", claim.shard, claim.job))
        .because("the platform of this command has another URL in the ledger since")
        .fix("run the same command again with that URL: `tbpki ledger platform` lists it")
}

fn is_of_phase(claim: &Claim, phase: Phase) -> Result<()> {
    if claim.phase == phase { Ok(()) } else { Err(Code::Internal.error(format!("{claim:?} is not for {phase}"))) }
}

/// The state that devices come to in a phase that uses identities.
fn step_of(phase: Phase) -> Result<State> {
    match phase {
        Phase::Register => Ok(State::Registered),
        Phase::Bundle => Ok(State::Bundled),
        Phase::Issue => Err(Code::Internal.error("identities are issued by the shard")),
    }
}
