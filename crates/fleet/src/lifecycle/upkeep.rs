//! A store and its ledger compared, repaired, and names that are forgotten.

pub mod adopt;
pub mod check;
mod copies;
pub mod forget;
pub mod import;
mod parts;
pub mod repair;
mod scan;

pub(crate) use repair::issuers::ca_certificates;
