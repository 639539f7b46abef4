//! The shards of a job: the place that they lie in, their layout there, and reading them back.

mod finder;
mod join;
mod layout;
mod make_place;
mod pack;
mod place;
mod read;
pub mod tar;

pub use finder::Finder;
pub use join::{INDEX_COLUMNS, Whole, join, shards_in};
pub use layout::{Attempt, Layout, Packing, Sidecar, file_of};
pub use make_place::Owner;
pub use pack::Packer;
pub use place::Place;
pub use read::{Located, Shard, locate, waits_for};
