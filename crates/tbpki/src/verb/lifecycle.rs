//! The verbs that renew and revoke.

pub(crate) mod crl;
pub(crate) mod enroll_password;
pub(crate) mod enroll_requests;
pub(crate) mod forget;
pub(crate) mod host;
pub(crate) mod import;
pub(crate) mod needs_renewal;
pub(crate) mod renew;
pub(crate) mod revoke;
pub(crate) mod serve;
