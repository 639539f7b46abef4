//! The shards of a job: the place that they lie in, their layout there, and reading them back.

mod archive;
mod contents;
mod create;
mod finder;
mod index;
mod join;
mod layout;
mod pack;
mod read;
mod run_flags;
mod shard_store;
pub mod tar;

pub use archive::{check_shard, complete, lost_index};
pub use contents::ShardItem;
pub use create::OwningJob;
pub use finder::IdentityFinder;
pub use index::IndexLine;
pub use join::{JoinResult, shards_in};
pub use layout::{Attempt, Layout, Packing, Sidecar, file_of};
pub use pack::Packer;
pub use read::{Shard, StoredIdentity, locate, waits_for};
pub use run_flags::{keep_run_flags, run_flags};
pub use shard_store::ShardStore;
