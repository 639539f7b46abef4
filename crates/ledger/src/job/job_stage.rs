//! The stage of a job.

/// The stage of a job, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobStage {
    /// Names of it are not issued yet; it reserves them.
    Open,
    /// Every name is issued, or the job was canceled.
    Done,
}

impl JobStage {
    pub(crate) const ALL: [Self; 2] = [Self::Open, Self::Done];

    /// The word in the ledger.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
        }
    }
}
