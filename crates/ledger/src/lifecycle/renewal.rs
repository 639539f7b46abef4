//! The steps of a renewal that are begun and not done.

mod due;

use std::fmt;

use base::Result;

use crate::key::{Key, Kind};
use crate::ledger::Ledger;
use crate::lifecycle::step::Step;
use crate::platform::PlatformId;
use crate::platform::url::PlatformUrl;
use crate::transaction::Transaction;
use crate::value::{LISTED, SqlValue, list_of_places, values};
use crate::view::View;

/// A step of a renewal that must be finished once it is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RenewalStep {
    /// The platform gets the certificate of the pending generation: it has this one, or still the one before it.
    Swap,
    /// The platform gets the certificate before it again, because the pending one was refused.
    Back,
    /// The generation is current, and its files are moved to the places of the files before it.
    Install,
    /// The program runs that makes a service load the new files.
    Hook,
}

impl RenewalStep {
    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 4] = [Self::Swap, Self::Back, Self::Install, Self::Hook];

    /// The word that is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Swap => "swap",
            Self::Back => "back",
            Self::Install => "install",
            Self::Hook => "hook",
        }
    }

    /// Whether the platform may have either of two certificates meanwhile.
    pub const fn is_of_platform(self) -> bool {
        matches!(self, Self::Swap | Self::Back)
    }
}

impl Step for RenewalStep {
    const TABLE: &'static str = "renewal_step";
    const STEPS: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl fmt::Display for RenewalStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A step of a renewal that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRenewal {
    /// The new generation.
    pub key: Key,
    /// What is to be done next.
    pub step: RenewalStep,
    /// Why it failed last; `None` if it was interrupted.
    pub error: Option<String>,
    /// The platform of [`RenewalStep::Swap`] and [`RenewalStep::Back`].
    pub platform: PlatformId,
    /// Its address, if that platform is not in focus.
    pub elsewhere: Option<PlatformUrl>,
}

/// A step at the platform that every ledger has.
fn at_first(key: Key, step: RenewalStep, error: Option<String>) -> OpenRenewal {
    OpenRenewal { key, step, error, platform: PlatformId::FIRST, elsewhere: None }
}

impl View {
    /// The steps of renewals that are not done, by identity and step.
    ///
    /// # Errors
    /// Those of the database, here and below.
    pub fn open_renewals(&self) -> Result<Vec<OpenRenewal>> {
        self.with_platforms(self.open_steps(at_first)?)
    }

    /// As [`Self::open_renewals`], for the identities of a kind with these names: reads no row of others.
    pub fn open_renewals_of(&self, kind: Kind, names: &[&str]) -> Result<Vec<OpenRenewal>> {
        let mut open = Vec::new();
        for names in names.chunks(LISTED) {
            let condition = format!("kind = ?1 AND name IN {}", list_of_places(2, names.len()));
            let values: Vec<SqlValue<'_>> =
                std::iter::once(kind.as_str()).chain(names.iter().copied()).map(SqlValue::from).collect();
            open.extend(self.open_steps_of(&condition, &values, at_first)?);
        }
        self.with_platforms(open)
    }

    fn with_platforms(&self, mut open: Vec<OpenRenewal>) -> Result<Vec<OpenRenewal>> {
        if self.has_further_platforms() && open.iter().any(|open| open.step.is_of_platform()) {
            self.add_platforms(&mut open)?;
        }
        Ok(open)
    }

    /// Adds the platforms of the steps.
    fn add_platforms(&self, open: &mut [OpenRenewal]) -> Result<()> {
        let (known, focus) = (self.platforms()?, self.columns().platform);
        for one in open.iter_mut().filter(|open| open.step.is_of_platform()) {
            let (row, _) = self.locate(&one.key)?;
            let sql = "SELECT COALESCE(platform, 0) FROM renewal_step WHERE identity = ?1 AND step = ?2";
            let platform = self.one(sql, values![row, one.step.as_str()])?;
            one.platform = PlatformId(platform.map_or(Ok(0), |row| row.get(0))?);
            let there = known.iter().find(|known| known.id == one.platform && known.id != focus);
            one.elsewhere = there.map(|there| there.url.clone());
        }
        Ok(())
    }

    /// Whether a step of a generation is not done.
    pub fn is_step_open(&self, key: &Key, step: RenewalStep) -> Result<bool> {
        let sql = "SELECT 1 FROM renewal_step JOIN identity ON identity.id = renewal_step.identity \
            WHERE kind = ?1 AND name = ?2 AND generation = ?3 AND step = ?4";
        Ok(self.one(sql, values![key.kind.as_str(), &key.name, key.generation.0, step.as_str()])?.is_some())
    }
}

impl Ledger {
    /// [`Transaction::begin_step`] by itself.
    pub fn begin_step(&mut self, key: &Key, step: RenewalStep) -> Result<()> {
        self.transaction(|transaction| transaction.begin_step(key, step))
    }

    /// [`Transaction::end_step`] by itself.
    pub fn end_step(&mut self, key: &Key, step: RenewalStep) -> Result<()> {
        self.transaction(|transaction| transaction.end_step(key, step))
    }

    /// [`Transaction::fail_step`] by itself.
    pub fn fail_step(&mut self, key: &Key, step: RenewalStep, error: &str) -> Result<()> {
        self.transaction(|transaction| transaction.fail_step(key, step, error))
    }
}

impl Transaction<'_> {
    /// Records that a step is about to be taken, at the platform in focus if it is of one. May be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownIdentity`](base::Code::UnknownIdentity) if there is no such row, here and below.
    pub fn begin_step(&self, key: &Key, step: RenewalStep) -> Result<()> {
        self.step_begins(key, step)?;
        if !step.is_of_platform() {
            return Ok(());
        }
        let platform = self.platform()?;
        if platform == PlatformId::FIRST {
            return Ok(());
        }
        let (row, _) = self.locate(key)?;
        let sql = "UPDATE renewal_step SET platform = ?3 WHERE identity = ?1 AND step = ?2";
        self.execute(sql, values![row, step.as_str(), platform.0]).map(drop)
    }

    /// Records that a step is done. May be repeated.
    pub fn end_step(&self, key: &Key, step: RenewalStep) -> Result<()> {
        self.step_ends(key, step)
    }

    /// Records why a step failed. It stays open. The text must hold no secret.
    pub fn fail_step(&self, key: &Key, step: RenewalStep, error: &str) -> Result<()> {
        self.step_fails(key, step, error)
    }

    /// Ends all steps of a generation: it is not to be used any more.
    pub(crate) fn end_steps(&self, row: i64) -> Result<()> {
        self.execute("DELETE FROM renewal_step WHERE identity = ?1", values![row]).map(drop)
    }
}
