//! What was intended, issued, registered and bundled.
//!
//! A [`Ledger`] keeps a row for every identity that was ever to be signed, under its kind, name and generation. It is
//! written before a key signs and after the result is delivered, so that whatever interrupts the walk, the next run
//! knows what to void and issue again.
//!
//! ```
//! use ledger::{IssuedRecord, Key, Kind, Ledger, NewIdentity, Parameters, SerialNumber, State};
//! # use time::macros::datetime;
//! # fn main() -> base::Result<()> {
//! # let store = tempfile::tempdir().unwrap();
//! let mut ledger = Ledger::open(store.path().join("ledger.db"))?;
//! let generation = ledger.intend(&NewIdentity {
//!     kind: Kind::Device,
//!     name: "pump-1".to_owned(),
//!     serial: SerialNumber::new(&[0x5A; 16])?,
//!     profile: "client".to_owned(),
//!     algorithm: "ec-p256".to_owned(),
//!     parameters: Parameters::of(&[("days", 3650)])?,
//!     issuer: "devices-issuing".to_owned(),
//!     not_before: datetime!(2026-11-01 00:00 UTC),
//!     not_after: datetime!(2036-10-29 00:00 UTC),
//! })?;
//! // Here the key is made and the leaf signed and written.
//! let key = Key { kind: Kind::Device, name: "pump-1".to_owned(), generation };
//! ledger.issued(&key, &IssuedRecord { fingerprint: [0; 32], credentials_id: None })?;
//! assert_eq!(ledger.current(Kind::Device, "pump-1")?.map(|entry| entry.state), Some(State::Issued));
//! # Ok(())
//! # }
//! ```
//!
//! A fleet's names are a [`Job`]: staged together ([`Ledger::stage`]), claimed by the shard ([`Ledger::claim`]) and
//! recorded by the shard ([`Ledger::commit_issued`]). Several stations can work on one, with a [`PostgresServer`] that keeps the
//! ledger for all of them ([`Ledger::connect`]); both kinds of ledger do the same.
//!
//! # The file
//!
//! `ledger.db` is an SQLite database with the application id "tbpk", made with mode 0600. `ledger.db-wal` next to it
//! holds the latest commits and stays there when no process runs: **the two are copied, restored and moved together**
//! (or `sqlite3 ledger.db "VACUUM INTO 'backup.db'"` makes one file of them). `ledger.db-shm` holds nothing that
//! counts.
//!
//! A commit is on disk when the call returns. Of the ways in which SQLite can promise that, the quickest for a process
//! that opens, commits twice and ends was taken. Medians of 300 processes' worth each on ext4, in milliseconds:
//!
//! | journal | synchronous | at the end | open | 2 commits | close | all |
//! |---|---|---|---|---|---|---|
//! | WAL, folded in from 128 pages | FULL | left as it is | 0.28 | 0.49 | 0.04 | **0.83** |
//! | WAL, from 64 pages | FULL | left as it is | 0.23 | 0.50 | 0.03 | 0.76 |
//! | WAL, from 1,000 pages (SQLite's default) | FULL | left as it is | 0.84 | 0.69 | 0.04 | 1.55 |
//! | WAL | FULL | folded in (default) | 0.17 | 0.88 | 0.41 | 1.48 |
//! | PERSIST | FULL | | 0.12 | 1.44 | 0.02 | 1.59 |
//! | TRUNCATE | FULL | | 0.10 | 1.66 | 0.03 | 1.79 |
//! | DELETE | EXTRA | | 0.10 | 2.01 | 0.03 | 2.14 |
//!
//! (DELETE with FULL takes 1.81 and is not durable: the journal's removal is not synced and may be undone.) By means
//! instead of medians 64 and 128 pages are the same, and the larger one suits fleets better. With the disk busy the
//! order stays and the distances grow: 12 against 28, 36 and 44.
//!
//! A fleet's commits are of a thousand rows. Once a job is staged or claimed the file is folded in from 4,096 pages on,
//! 4 MiB of it stay in memory, and SQLite does not evaluate the CHECK constraints of columns. For a million devices, per
//! device:
//!
//! | | names in their order | in no order |
//! |---|---|---|
//! | staging, comparison with each other and with the store included | 2.3 µs | 4.5 µs |
//! | recording as issued, CPU time | 6.0 µs | 15 µs |
//! | on disk | 360 octets | 400 octets |
//!
//! The process had 17 MB at its largest.

mod entry;
mod filter;
mod job;
mod key;
mod ledger;
mod lifecycle;
mod parameters;
mod platform;
mod postgres;
mod sqlite;
mod state;
mod tables;
mod transaction;
mod value;
mod view;

pub use entry::{Entry, IntendedIdentity, IssuedRecord, NewIdentity, NextIdentity};
pub use filter::{Filter, NameFilter};
pub use job::candidate::{LatestGeneration, RenewalCandidate};
pub use job::claim::{Claim, ClaimRequest, FleetIdentity, ShardParameters, serial_of};
pub use job::jobs::CommittedShard;
pub use job::progress::{JobProgress, PhaseProgress};
pub use job::reservation::{NamesInUse, ReservedNames};
pub use job::staging::{Duplicate, Duplicates, EarlierUse, Staging, StagingOutcome};
pub use job::{Job, JobId, JobUid, NewJob, Phase, StagedName};
pub use key::{Generation, Key, Kind, SerialNumber};
pub use ledger::Ledger;
pub use ledger::layout::LedgerBefore;
pub use ledger::ledger_status::{LedgerStatus, LedgerUid};
pub use ledger::seen::{SeenLedger, SinceSeen};
pub use lifecycle::confirmation::{Confirmation, PeerScope, Unconfirmed};
pub use lifecycle::enrolment::grace::RenewalGrace;
pub use lifecycle::enrolment::history::{NameHistory, SentGeneration};
pub use lifecycle::enrolment::key_holder::KeyHolder;
pub use lifecycle::enrolment::request::{EnrolmentRequest, NewRequest, RequestDecision};
pub use lifecycle::enrolment::{Enrolled, NewPassword, Password};
pub use lifecycle::issuer::{RevokedCas, ca_revoked};
pub use lifecycle::known::job::{KnownJob, KnownShard};
pub use lifecycle::known::{KnownIdentity, UNSEEN};
pub use lifecycle::list::{NewList, RevocationList};
pub use lifecycle::origin::Origin;
pub use lifecycle::renewal::{OpenRenewal, RenewalStep};
pub use lifecycle::revocation::{OpenRevocation, OpenStep, Revocation, RevocationCount, RevokedCertificate};
pub use lifecycle::role::Role;
pub use lifecycle::rollover::cross::CrossParameters;
pub use lifecycle::rollover::cross_name::{cross_name, of_cross_name};
pub use lifecycle::rollover::{Dependents, crosses_out_of_service};
pub use parameters::{Difference, Parameters};
pub use platform::url::PlatformUrl;
pub use platform::{
    DeviceToken, KnownPlatform, OutdatedCount, OutdatedDevice, OutdatedRegistration, PlatformId, PlatformJoin,
    PlatformRename, Registration,
};
pub use postgres::PostgresServer;
pub use sqlite::version as sqlite_version;
pub use state::State;
pub use transaction::Transaction;
pub use view::{EntryPages, View};
