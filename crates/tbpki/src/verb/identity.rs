//! The verbs that make identities.

pub(crate) mod client;
pub(crate) mod report;
pub(crate) mod server;
