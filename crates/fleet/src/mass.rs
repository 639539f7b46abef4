//! Fleets: the walk of one device over a stream of names, shard by shard, on all cores, and safe to interrupt.

mod csv;
mod engine;
mod issue;
mod issuing;
mod job;
mod join;
mod layout;
mod leftovers;
mod made;
pub(crate) mod order;
mod output;
mod pack;
mod place;
mod progress;
mod read;
mod report;
mod results;
mod space;
mod stage;
mod stop;
mod tar;
mod worker;

pub use issue::{Control, FleetOutcome, FleetRequest, JobSource, issue};
pub use job::Which;
pub use layout::{Attempt, Beside, Layout, Packing};
pub use made::{Chain, Made};
pub use order::{Destination, JobOrder};
pub use place::Place;
pub use progress::Status;
pub use read::{Located, Shard, locate};
pub use report::{FleetReport, PhaseName, PhaseReport};
pub use stop::Stop;
