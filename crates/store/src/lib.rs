//! Where things are kept: a store's location and lock, its CAs and their keys, secrets, shards and archives.
//!
//! A [`Workspace`] is what a verb works with: a configuration, the [`StoreLocation`] that it names, and the [`Secrets`]
//! that open what is in it. [`Store`] is the same location locked for one verb that writes. [`shard`] knows the places
//! in which the identities of jobs lie, and reads them back.

pub mod backup;
pub mod ca;
mod clock;
mod elsewhere;
pub mod file_names;
mod location;
mod paths;
pub mod rollback;
mod roots;
pub mod secrets;
pub mod shard;
mod store;
mod tokens;
mod trust;
mod workspace;

pub use clock::check_of_new_store;
pub use elsewhere::{at_another_station, with_holder};
pub use location::StoreLocation;
pub use paths::{FILE_LIMIT, generation_dir, holds_identity, identity_dir, is_inside, kind_dir, secrets_dir};
pub use roots::roots;
pub use secrets::Secrets;
pub use store::issued_record::issued_record;
pub use store::kept::{KeptStore, ReopenedStore};
pub use store::{PATIENCE, Store, check_exists, knows_cas, view};
pub use tokens::{all_tokens_of, holds_token, logs_in_with_token, retire_token, token_devices};
pub use trust::check_trust;
pub use workspace::{KeyAndPassphrase, SELF, Workspace, alias_of, firmware_warning};
