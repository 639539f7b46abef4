//! Fleets: the walk of one device over a stream of names, shard by shard, on all cores, and safe to interrupt.

mod bundle;
mod in_pass;
mod issue;
mod job;
mod progress;
mod register;
mod report;
mod results;
mod run;
mod shift;
mod stop;

pub use bundle::{BundlesReport, FleetBundleRequest, bundle};
pub use issue::made::{Chain, Made};
pub use issue::{Control, FleetOutcome, FleetRequest, JobSource, issue};
pub use job::Which;
pub use job::list::{CancelReport, JobReport, JobState, JobsReport, cancel, jobs};
pub use job::order::{Destination, JobOrder};
pub use progress::Status;
pub use register::{FleetRegisterRequest, RegistrationReport, register};
pub use report::{FleetReport, PhaseName, PhaseReport};
pub use run::{FleetRunRequest, run};
pub use stop::Stop;
