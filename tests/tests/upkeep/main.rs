//! A store and its ledger: compared, backed up, restored, repaired, and noticed when the ledger is an older copy.

mod adopt;
mod backup;
mod check;
mod forget;
mod large;
mod lost_cas;
mod lost_files;
mod lost_numbers;
mod older_version;
mod repair;
mod repaired_files;
mod repeated_entries;
mod rollback;
mod rolled_over;
mod scene;
mod two_places;
mod unseen;
