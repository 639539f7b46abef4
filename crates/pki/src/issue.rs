//! Issuing: the contents of a certificate by profile, encoded, checked, then signed.

pub mod issuer;
pub mod lint;
pub mod profile;
pub mod revocation_list;
pub mod serial;
pub mod tbs;
pub mod trial;
pub mod validity;
