//! Fleets: the walk of one device over a stream of names, shard by shard, on all cores, and safe to interrupt.

mod csv;
mod join;
mod layout;
mod made;
mod output;
mod pack;
mod place;
mod read;
mod tar;

pub use layout::{Attempt, Beside, Layout, Packing};
pub use made::{Chain, Made};
pub use place::Place;
pub use read::{Located, Shard, locate};
