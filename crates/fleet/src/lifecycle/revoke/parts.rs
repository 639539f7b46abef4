//! The identities of a revocation, in parts that fit into memory: a job can have a million devices.

use std::collections::BTreeSet;

use base::Result;
use ledger::{Entry, Filter, JobId, Key, Kind, OpenRevocation, Role, View};

/// How many identities are in a part that is no shard.
const PART: usize = 500;

/// The identities of a revocation.
#[derive(Debug, Clone)]
pub(super) enum Parts {
    /// These, by their names: one part.
    Listed(Vec<Entry>),
    /// What was issued in these shards: a part each.
    Shards {
        /// The shards.
        shards: Vec<(JobId, u32)>,
        /// The host whose identities outside of jobs are among them, too.
        host: Option<String>,
    },
    /// Those with open steps.
    Open,
}

/// A part.
#[derive(Debug)]
pub(super) enum Part {
    /// These identities.
    Entries(Vec<Entry>),
    /// What a job has issued in a shard.
    Shard(JobId, u32),
    /// Names of which a step is open.
    Names(Vec<(Kind, String)>),
}

/// The way through the parts.
pub(super) struct PartCursor<'a> {
    parts: &'a Parts,
    /// The number of shards that it has passed; of listed identities, 1 at the end.
    passed: usize,
    last: Option<Key>,
    last_name: Option<(Kind, String)>,
}

impl Parts {
    /// Whether each of them is in the report. Others are counted.
    pub(super) fn are_listed(&self) -> bool {
        matches!(self, Self::Listed(_) | Self::Open)
    }

    /// Whether a CA is among those that are listed.
    pub(super) fn has_ca(&self) -> bool {
        matches!(self, Self::Listed(entries) if entries.iter().any(|entry| entry.key.kind == Kind::Ca))
    }

    pub(super) fn walk(&self) -> PartCursor<'_> {
        PartCursor { parts: self, passed: 0, last: None, last_name: None }
    }
}

impl PartCursor<'_> {
    /// The next part. The ledger may be written to between two of them.
    pub(super) fn next(&mut self, view: &View) -> Result<Option<Part>> {
        match self.parts {
            Parts::Listed(entries) => {
                let is_first = self.passed == 0;
                self.passed = 1;
                Ok(is_first.then(|| Part::Entries(entries.clone())))
            }
            Parts::Shards { shards, host } => {
                if let Some((job, shard)) = shards.get(self.passed) {
                    self.passed += 1;
                    return Ok(Some(Part::Shard(*job, *shard)));
                }
                match host {
                    Some(host) => self.next_of_host(view, host),
                    None => Ok(None),
                }
            }
            Parts::Open => {
                let after = self.last_name.as_ref().map(|(kind, name)| (*kind, name.as_str()));
                let names = view.names_with_open_revocations(after, u32::try_from(PART).unwrap_or(u32::MAX))?;
                // From the last name on: a step that fails stays open, and would come again without end.
                self.last_name = names.last().cloned();
                Ok((!names.is_empty()).then_some(Part::Names(names)))
            }
        }
    }

    fn next_of_host(&mut self, view: &View, host: &str) -> Result<Option<Part>> {
        let filter = Filter { station: Some(host.to_owned()), ..Filter::default() };
        let page: Vec<Entry> = view.list_after(&filter, self.last.take()).take(PART).collect::<Result<_>>()?;
        let Some(last) = page.last() else { return Ok(None) };
        self.last = Some(last.key.clone());
        // A CA is revoked by its name alone: what other stations have issued can depend on it.
        Ok(Some(Part::Entries(page.into_iter().filter(|entry| entry.key.kind != Kind::Ca).collect())))
    }
}

impl Part {
    /// The generations to revoke, and those that were revoked before or have expired. Steps that are open name none.
    pub(super) fn entries(&self, view: &View) -> Result<Vec<Entry>> {
        let mut entries = match self {
            Self::Entries(entries) => entries.clone(),
            Self::Shard(job, shard) => view.shard(*job, *shard)?,
            Self::Names(_) => Vec::new(),
        };
        // Rows without a fingerprint are intentions: no certificate of theirs exists that a list could name.
        entries.retain(|entry| entry.fingerprint.is_some() && entry.role != Role::Void);
        Ok(entries)
    }

    /// The open steps.
    pub(super) fn open(&self, view: &View) -> Result<Vec<OpenRevocation>> {
        let of_names = |names: &mut dyn Iterator<Item = (Kind, &str)>| -> Result<Vec<OpenRevocation>> {
            let mut open = Vec::new();
            for (kind, name) in names {
                open.extend(view.open_revocations_of(kind, name)?);
            }
            Ok(open)
        };
        match self {
            Self::Shard(job, shard) => view.open_revocations_in(*job, *shard),
            Self::Names(names) => of_names(&mut names.iter().map(|(kind, name)| (*kind, name.as_str()))),
            Self::Entries(entries) => {
                let names: BTreeSet<(Kind, &str)> =
                    entries.iter().map(|entry| (entry.key.kind, entry.key.name.as_str())).collect();
                of_names(&mut names.into_iter())
            }
        }
    }
}
