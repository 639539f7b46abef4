//! The generations of a name: which one counts, which are revoked, and the lists of those.

pub(crate) mod clock;
pub(crate) mod confirmation;
pub(crate) mod enrolment;
pub(crate) mod generations;
pub(crate) mod issuer;
pub(crate) mod known;
pub(crate) mod lease;
pub(crate) mod list;
pub(crate) mod origin;
pub(crate) mod renewal;
pub(crate) mod revocation;
pub(crate) mod revoking;
pub(crate) mod role;
pub(crate) mod rollover;
pub(crate) mod step;
