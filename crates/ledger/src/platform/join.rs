//! Two platforms of the ledger that are one server: what it has at one URL is added to what it has at the other.
//!
//! Of two records of an identity, the one with the later time counts: all times are of the ledger's clock. There are two
//! exceptions, because each is a decision of an operator that the other URL knew nothing of: an open step of a revocation
//! stays open, and an identity that was taken from the platform keeps that mark, so that no bulk operation brings it back. If
//! it was registered at the other URL since, the registration stays as well, because the platform has the certificate.

use base::Result;

use crate::platform::PlatformId;
use crate::transaction::Transaction;
use crate::value::{SqlValue, values};
use crate::view::View;

/// What is added to the records of the new URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlatformJoin {
    /// The registrations that the ledger has at the old URL alone.
    pub registrations: u64,
    /// The registrations that it has at both.
    pub registered_at_both: u64,
    /// The identities that were taken from the platform at the old URL alone.
    pub unregistered: u64,
    /// The steps of revocations that are open at the old URL.
    pub revocations: u64,
    /// The steps of renewals that are open there.
    pub renewals: u64,
    /// The access tokens of devices that are recorded there.
    pub tokens: u64,
    /// The shards of jobs that are registered at the old URL alone.
    pub shards: u64,
    /// The devices that were taken from the platform at one URL, and registered at the other afterwards.
    pub registered_again: u64,
    /// The first names of these devices.
    pub names_registered_again: Vec<String>,
}

/// The most names in [`PlatformJoin::names_registered_again`].
const NAMES: u64 = 10;

impl View {
    /// What a join of two platforms adds to the second one.
    pub(super) fn plan_join(&self, old: PlatformId, new: PlatformId) -> Result<PlatformJoin> {
        let (old_rows, new_rows) = (registrations_at(old), registrations_at(new));
        let both = format!("{old_rows} AS old LEFT JOIN {new_rows} AS new ON new.identity = old.identity");
        let again = format!(
            "{old_rows} AS old JOIN {new_rows} AS new ON new.identity = old.identity \
             JOIN identity ON identity.id = old.identity WHERE identity.kind = 'device' \
             AND identity.role IN ('current', 'pending') AND ({} OR {})",
            is_registered_after_removal("old", "new"),
            is_registered_after_removal("new", "old")
        );
        let names = format!("SELECT DISTINCT identity.name FROM {again} ORDER BY 1 LIMIT ?1");
        Ok(PlatformJoin {
            registrations: self
                .number_of(&format!("{both} WHERE old.registered_at IS NOT NULL AND new.registered_at IS NULL"))?,
            registered_at_both: self
                .number_of(&format!("{both} WHERE old.registered_at IS NOT NULL AND new.registered_at IS NOT NULL"))?,
            unregistered: self
                .number_of(&format!("{both} WHERE old.unregistered_at IS NOT NULL AND new.unregistered_at IS NULL"))?,
            revocations: self.number_of(&steps_at(old))?,
            renewals: self.number_of(&swaps_at(old))?,
            tokens: self.number_of(&format!("device_token WHERE platform = {}", old.0))?,
            shards: self.number_of(&format!(
                "{} AS old WHERE old.state IN ('done', 'partly') AND NOT EXISTS (SELECT 1 FROM {} AS new \
                 WHERE new.job = old.job AND new.shard = old.shard AND new.state IN ('done', old.state))",
                shards_at(old),
                shards_at(new)
            ))?,
            registered_again: self.number_of(&format!("(SELECT DISTINCT identity.name FROM {again}) AS again"))?,
            names_registered_again: self
                .query(&names, values![NAMES])?
                .iter()
                .map(|row| row.get(0))
                .collect::<Result<_>>()?,
        })
    }

    /// Whether something was registered at a platform, or is open there.
    pub(super) fn has_rows_at(&self, platform: PlatformId) -> Result<bool> {
        for rows in [
            format!("{} AS rows WHERE registered_at IS NOT NULL", registrations_at(platform)),
            steps_at(platform),
            swaps_at(platform),
            format!("device_token WHERE platform = {}", platform.0),
            format!("{} AS rows WHERE state <> 'open'", shards_at(platform)),
        ] {
            if self.one(&format!("SELECT 1 FROM {rows} LIMIT 1"), &[])?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn number_of(&self, rows: &str) -> Result<u64> {
        self.one(&format!("SELECT count(*) FROM {rows}"), &[])?.map_or(Ok(0), |row| row.get(0))
    }
}

impl Transaction<'_> {
    /// Adds all that is recorded at one platform to another one, and removes the row of the first. `from` is not the first
    /// platform of the ledger, whose records are the columns of `identity`.
    pub(super) fn join_platforms(&self, from: PlatformId, to: PlatformId) -> Result<()> {
        self.join_registrations(from, to)?;
        self.join_steps(from, to)?;
        self.end_swaps_of_removed(to)?;
        self.join_tokens(from, to)?;
        self.join_shards(from, to)?;
        // The tables that refer to the platform come before its own.
        for table in ["registration", "platform_step", "platform_work", "device_token"] {
            self.execute(&format!("DELETE FROM {table} WHERE platform = ?1"), values![from.0])?;
        }
        self.execute("DELETE FROM platform WHERE id = ?1", values![from.0]).map(drop)
    }

    fn join_registrations(&self, from: PlatformId, to: PlatformId) -> Result<()> {
        if to != PlatformId::FIRST {
            let (registered, unregistered) = later_of("registration", "excluded");
            let sql = format!(
                "INSERT INTO registration (identity, platform, registered_at, unregistered_at) \
                 SELECT there.identity, CAST(?2 AS BIGINT), there.registered_at, there.unregistered_at \
                 FROM registration AS there WHERE there.platform = ?1 ON CONFLICT (identity, platform) DO UPDATE SET \
                 registered_at = {registered}, unregistered_at = {unregistered}"
            );
            return self.execute(&sql, values![from.0, to.0]).map(drop);
        }
        let (registered, unregistered) = later_of("identity", "there");
        // The state as `PlatformColumns::state` has it, unless the registration is the one that the columns have.
        let sql = format!(
            "UPDATE identity SET registered_at = {registered}, unregistered_at = {unregistered}, \
             state = CASE WHEN state NOT IN ('issued', 'registered', 'bundled') \
             OR COALESCE({registered}, 0) = COALESCE(identity.registered_at, 0) THEN state \
             WHEN {registered} >= COALESCE(bundled_at, 0) THEN 'registered' \
             WHEN bundled_at IS NULL THEN 'issued' ELSE 'bundled' END \
             FROM registration AS there WHERE there.identity = identity.id AND there.platform = ?1"
        );
        self.execute(&sql, values![from.0]).map(drop)
    }

    fn join_steps(&self, from: PlatformId, to: PlatformId) -> Result<()> {
        let of_revocations = match to {
            PlatformId::FIRST => {
                "INSERT INTO open_step (identity, step, error) SELECT identity, 'platform', error FROM platform_step \
                 WHERE platform = ?1 AND CAST(?2 AS BIGINT) = 0 ON CONFLICT (identity, step) \
                 DO UPDATE SET error = COALESCE(open_step.error, excluded.error)"
            }
            _ => {
                "INSERT INTO platform_step (identity, platform, error) SELECT identity, CAST(?2 AS BIGINT), error \
                 FROM platform_step AS there WHERE there.platform = ?1 ON CONFLICT (identity, platform) \
                 DO UPDATE SET error = COALESCE(platform_step.error, excluded.error)"
            }
        };
        self.execute(of_revocations, values![from.0, to.0])?;
        let to = if to == PlatformId::FIRST { SqlValue::Null } else { to.0.into() };
        self.execute("UPDATE renewal_step SET platform = CAST(?2 AS BIGINT) WHERE platform = ?1", &[from.0.into(), to])
            .map(drop)
    }

    /// Ends the steps by which the platform gets another certificate of a name that was taken from there at one of the URLs, as
    /// [`Transaction::end_swaps`] does.
    fn end_swaps_of_removed(&self, platform: PlatformId) -> Result<()> {
        let rows = registrations_at(platform);
        let sql = format!(
            "DELETE FROM renewal_step WHERE step IN ('swap', 'back') AND COALESCE(platform, 0) = {} AND identity IN \
             (SELECT pending.id FROM identity AS pending JOIN {rows} AS mark ON mark.identity = pending.id \
             WHERE mark.unregistered_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM identity AS present \
             JOIN {rows} AS there ON there.identity = present.id WHERE present.kind = pending.kind \
             AND present.name = pending.name AND there.registered_at IS NOT NULL))",
            platform.0
        );
        self.execute(&sql, &[]).map(drop)
    }

    fn join_tokens(&self, from: PlatformId, to: PlatformId) -> Result<()> {
        // A token that must be taken away stays one, also if a later one has taken its place.
        let sql = "INSERT INTO device_token (device, platform, set_at, revoked_at, error) \
            SELECT device, CAST(?2 AS BIGINT), set_at, revoked_at, error FROM device_token AS there \
            WHERE there.platform = ?1 ON CONFLICT (device, platform) DO UPDATE SET \
            set_at = CASE WHEN excluded.set_at > device_token.set_at THEN excluded.set_at ELSE device_token.set_at END, \
            revoked_at = COALESCE(device_token.revoked_at, excluded.revoked_at), \
            error = COALESCE(device_token.error, excluded.error)";
        self.execute(sql, values![from.0, to.0]).map(drop)
    }

    /// A shard that is registered at one URL is registered. A station that works on one loses it: its number does not fit the
    /// shard any more, and another run does what is left.
    fn join_shards(&self, from: PlatformId, to: PlatformId) -> Result<()> {
        let set = |here: &str, there: &str| {
            format!(
                "state = CASE WHEN 'done' IN ({here}.state, {there}.state) THEN 'done' \
                 WHEN 'partly' IN ({here}.state, {there}.state) THEN 'partly' ELSE 'open' END, \
                 fence = CASE WHEN {there}.fence > {here}.fence THEN {there}.fence ELSE {here}.fence END, \
                 station = COALESCE({here}.station, {there}.station), place = COALESCE({here}.place, {there}.place), \
                 until = NULL"
            )
        };
        if to == PlatformId::FIRST {
            let sql = format!(
                "UPDATE work SET {} FROM platform_work AS there WHERE there.platform = ?1 AND there.job = work.job \
                 AND there.phase = work.phase AND there.shard = work.shard",
                set("work", "there")
            );
            return self.execute(&sql, values![from.0]).map(drop);
        }
        let sql = format!(
            "INSERT INTO platform_work (platform, job, phase, shard, state, station, place, fence, until) \
             SELECT CAST(?2 AS BIGINT), job, phase, shard, CASE state WHEN 'claimed' THEN 'open' ELSE state END, station, \
             place, fence, CAST(NULL AS BIGINT) FROM platform_work AS there WHERE there.platform = ?1 \
             ON CONFLICT (platform, job, phase, shard) DO UPDATE SET {}",
            set("platform_work", "excluded")
        );
        self.execute(&sql, values![from.0, to.0]).map(drop)
    }
}

/// The expressions for the times of the registration and of the removal, of two rows about one identity. A registration is gone
/// if the other row has a removal after it.
fn later_of(here: &str, there: &str) -> (String, String) {
    let remains = |registered: &str, removed: &str| {
        format!(
            "CASE WHEN {removed}.unregistered_at > {registered}.registered_at THEN NULL ELSE {registered}.registered_at END"
        )
    };
    let later = |column: &str| {
        format!("CASE WHEN {here}.{column} > {there}.{column} THEN {here}.{column} ELSE {there}.{column} END")
    };
    let registered = format!(
        "CASE WHEN {here}.registered_at IS NULL THEN {} WHEN {there}.registered_at IS NULL THEN {} ELSE {} END",
        remains(there, here),
        remains(here, there),
        later("registered_at")
    );
    let unregistered = format!(
        "CASE WHEN {there}.unregistered_at IS NULL THEN {here}.unregistered_at ELSE {} END",
        later("unregistered_at")
    );
    (registered, unregistered)
}

/// The condition for an identity that was taken from the platform in one row, and registered in another one since.
fn is_registered_after_removal(removed: &str, registered: &str) -> String {
    format!(
        "({removed}.unregistered_at IS NOT NULL AND {registered}.unregistered_at IS NULL \
         AND {registered}.registered_at >= {removed}.unregistered_at)"
    )
}

/// The identities with a record at a platform, as a table.
fn registrations_at(platform: PlatformId) -> String {
    match platform {
        PlatformId::FIRST => "(SELECT id AS identity, registered_at, unregistered_at FROM identity \
            WHERE registered_at IS NOT NULL OR unregistered_at IS NOT NULL)"
            .to_owned(),
        PlatformId(id) => {
            format!("(SELECT identity, registered_at, unregistered_at FROM registration WHERE platform = {id})")
        }
    }
}

/// The open steps of revocations at a platform, as the end of a statement.
fn steps_at(platform: PlatformId) -> String {
    match platform {
        PlatformId::FIRST => "open_step WHERE step = 'platform'".to_owned(),
        PlatformId(id) => format!("platform_step WHERE platform = {id}"),
    }
}

/// The open steps of renewals at a platform, as the end of a statement.
fn swaps_at(platform: PlatformId) -> String {
    format!("renewal_step WHERE step IN ('swap', 'back') AND COALESCE(platform, 0) = {}", platform.0)
}

/// The shards of jobs at a platform, as a table.
fn shards_at(platform: PlatformId) -> String {
    match platform {
        PlatformId::FIRST => "(SELECT job, shard, state FROM work WHERE phase = 'register')".to_owned(),
        PlatformId(id) => format!("(SELECT job, shard, state FROM platform_work WHERE platform = {id})"),
    }
}
