//! Issuing: the contents of a certificate by profile, encoded, checked, then signed.

pub mod certs_only;
pub mod chain_period;
pub mod issuer;
pub mod lint;
pub mod profile;
pub mod revocation_list;
pub mod serial;
pub mod signing_request;
pub mod tbs;
mod time_field;
pub mod trial;
pub mod validity;
