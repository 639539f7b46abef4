//! Which identities a look at the store shows.

mod glob;
mod horizon;

use base::{Code, Result};
use ledger::{Entry, Filter, JobId, Kind, NameFilter, Role, State, View};
use time::OffsetDateTime;

pub use glob::NameGlob;
pub use horizon::Horizon;

/// Which identities to show. The default is every name's latest generation; each field that is set leaves fewer.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only these kinds, in this order; all of them when none is named.
    pub kinds: Vec<Kind>,
    /// Only those whose last step was one of these. [`State::Void`] is that of earlier generations alone, so that with
    /// it they are looked through as well.
    pub states: Vec<State>,
    /// Only these names.
    pub name: Option<NameGlob>,
    /// Only certificates that end before this time. Without earlier generations or the state "revoked", what is revoked and
    /// names that were forgotten are left out.
    pub expiring_before: Option<OffsetDateTime>,
    /// Only devices that the platform could know and does not.
    pub unregistered: bool,
    /// Only devices that could be in a flash image and are in none.
    pub unbundled: bool,
    /// Only what has a failure as its last event.
    pub failed: bool,
    /// Only what this job has issued.
    pub job: Option<JobId>,
    /// Only renewals that wait for their use.
    pub pending: bool,
    /// Earlier generations as well.
    pub all_generations: bool,
}

impl Selection {
    /// The rows, by kind, name and generation. They are fetched as the iterator goes on, so that a million of them
    /// need no more memory than ten.
    pub fn entries<'a>(&'a self, view: &'a View) -> impl Iterator<Item = Result<Entry>> + 'a {
        let rows = self.filters().into_iter().flat_map(|filter| view.list(&filter));
        rows.filter(|row| row.as_ref().map_or(true, |entry| self.holds(entry)))
    }

    /// True if devices with an access token can meet the conditions: they are registered, and have no certificate.
    pub fn includes_tokens(&self) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&Kind::Device))
            && (self.states.is_empty() || self.states.contains(&State::Registered))
            && self.expiring_before.is_none()
            && self.job.is_none()
            && !(self.unregistered || self.unbundled || self.failed || self.pending)
    }

    /// True if a name meets the condition for names.
    pub fn includes_name(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|glob| glob.matches(name))
    }

    /// What the ledger can leave out by itself, a filter for each kind.
    fn filters(&self) -> Vec<Filter> {
        let of_kind = |kind| Filter {
            station: None,
            kind,
            states: self.states.clone(),
            never: match (self.unregistered, self.unbundled) {
                (true, _) => Some(State::Registered),
                (false, true) => Some(State::Bundled),
                (false, false) => None,
            },
            expiring_before: self.expiring_before,
            failed_only: self.failed,
            skip_unregistered: false,
            job: self.job,
            name: self.name.as_ref().map(name_filter),
            current_only: false,
            pending_only: self.pending,
            in_use_only: false,
            // Nothing has to be done about their end.
            skip_ended: self.expiring_before.is_some()
                && !self.all_generations
                && !self.states.contains(&State::Revoked),
            latest_only: !self.all_generations && !self.pending && !self.states.contains(&State::Void),
        };
        match self.kinds.as_slice() {
            // CAs and servers are never registered or bundled, so that they do not lack it.
            [] if self.unregistered || self.unbundled => vec![of_kind(Some(Kind::Device))],
            [] => vec![of_kind(None)],
            kinds => kinds.iter().map(|kind| of_kind(Some(*kind))).collect(),
        }
    }

    /// The conditions that the ledger cannot evaluate.
    fn holds(&self, entry: &Entry) -> bool {
        let lacks = |step| {
            let usable = entry.is_current();
            entry.key.kind == Kind::Device && usable && entry.reached(step).is_none()
        };
        self.name.as_ref().is_none_or(|glob| glob.matches(&entry.key.name))
            // No verb renews what is out of service, so that its end is no reason to act. The ledger leaves out what is revoked.
            && (self.expiring_before.is_none() || self.all_generations || entry.role != Role::Retired)
            // A retired CA is an earlier generation, also if a certificate of its key by another root was the only one of
            // its name.
            && (self.all_generations || entry.key.kind != Kind::Ca || entry.role != Role::Retired)
            // The filter of the ledger looks at one of the two; both are asked for together here.
            && (!self.unregistered || lacks(State::Registered))
            && (!self.unbundled || lacks(State::Bundled))
    }
}

/// The job of this number.
///
/// # Errors
/// [`Code::UnknownJob`], and those of the ledger.
pub fn job(view: &View, number: u64) -> Result<JobId> {
    let unknown = || {
        let error = Code::UnknownJob.error(format!("the ledger has no job {number}"));
        error.fix("`tbpki fleet jobs` lists the jobs")
    };
    Ok(view.job(JobId::new(number))?.ok_or_else(unknown)?.id)
}

/// True if the last thing that was tried with an identity failed. What is void or revoked has a reason instead.
pub(crate) fn has_failed(entry: &Entry) -> bool {
    entry.last_error.is_some() && !matches!(entry.state, State::Void | State::Revoked)
}

fn name_filter(glob: &NameGlob) -> NameFilter {
    let prefix = glob.literal_prefix();
    if glob.is_literal() { NameFilter::Exact(prefix) } else { NameFilter::Prefix(prefix) }
}
