//! Fleets: the walk of one device over a stream of names, shard by shard, on all cores, and safe to interrupt.

mod layout;
mod pack;
mod place;
mod tar;

pub use layout::{Attempt, Beside, Layout, Packing};
pub use place::Place;
