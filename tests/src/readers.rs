//! Programs and libraries of others that make, read and judge certificates and keys.

pub mod certificates;
pub mod clients;
pub mod exceptions;
pub mod foreign;
pub mod forge;
pub mod ledger_file;
pub mod oracle;
pub mod own_ca;
pub mod pkilint;
