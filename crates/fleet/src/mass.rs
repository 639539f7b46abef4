//! Fleets: the walk of one device over a stream of names, shard by shard, on all cores, and safe to interrupt.

mod archive_index;
mod bundle;
mod bundle_output;
mod bundler;
mod engine;
mod in_pass;
mod issue;
mod issuing;
mod job;
mod jobs;
mod leftovers;
mod made;
pub(crate) mod order;
mod output;
mod progress;
mod register;
mod report;
mod results;
mod run;
mod shift;
mod space;
mod stage;
mod stop;
mod worker;

pub use bundle::{BundlesReport, FleetBundleRequest, bundle};
pub use issue::{Control, FleetOutcome, FleetRequest, JobSource, issue};
pub use job::Which;
pub use jobs::{CancelReport, JobReport, JobState, JobsReport, cancel, jobs};
pub use made::{Chain, Made};
pub use order::{Destination, JobOrder};
pub use progress::Status;
pub use register::{FleetRegisterRequest, RegistrationReport, register};
pub use report::{FleetReport, PhaseName, PhaseReport};
pub use run::{FleetRunRequest, run};
pub use stop::Stop;
