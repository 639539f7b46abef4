//! The states of a shard in one phase of a job.

/// The state of a shard in one phase, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShardState {
    /// No station works on it.
    Open,
    /// A station has it, or had it and died.
    Claimed,
    /// Done, except for devices that failed.
    Partly,
    /// Done.
    Done,
}

impl ShardState {
    pub(crate) const ALL: [Self; 4] = [Self::Open, Self::Claimed, Self::Partly, Self::Done];

    /// The word in the ledger.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Partly => "partly",
            Self::Done => "done",
        }
    }
}
