//! The ledger of several stations: a PostgreSQL server.

mod fault;
mod schema;
mod server;
mod session;
mod tls;
mod values;
mod worker;

pub use server::PostgresServer;

pub(crate) use schema::{check_goes_on, open, open_read_only};
pub(crate) use session::{Session, TableLock};
pub(crate) use worker::PostgresWorker;
