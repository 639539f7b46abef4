//! Fleets: the walk of one device over a stream of names, shard by shard, on all cores, and safe to interrupt.

mod bundle;
mod cancel;
mod control;
mod expiry;
mod in_pass;
mod issue;
mod job;
mod phase;
mod progress;
mod register;
mod renew;
mod report;
mod results;
mod run;
mod runner;

pub use crate::job_order::{Destination, JobOrder};
pub use bundle::{BundlesReport, FleetBundleRequest, KeylessBundleRequest, bundle, bundle_keyless};
pub use cancel::{CancelReport, cancel};
pub use control::RunControl;
pub use issue::issued_leaf::{IssuedLeaf, IssuerChain};
pub use issue::{FleetOutcome, FleetRequest, JobSource, issue};
pub use job::JobSelector;
pub use job::list::{JobReport, JobState, JobsReport, jobs};
pub(crate) use progress::ProgressCounter;
pub use progress::Status;
pub use register::{FleetRegisterRequest, RegistrationReport, register};
pub use renew::{FleetRenewRequest, renew};
pub use report::{FleetReport, PhaseName, PhaseReport, Rest};
pub use run::{FleetRunRequest, flags_to_resume, run};
