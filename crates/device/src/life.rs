//! The life of a device with an enrolment service: the identity of each connection, and when the next one is fetched.
//!
//! ```text
//! before a connection    no identity: fetch one with the password      (POST simpleenroll)
//!                        one is due: fetch the next one with it        (POST simplereenroll)
//!                        a new one: tell the service that it is used   (POST confirm)
//!                        then the broker, with the newest identity, or with one before it
//! after a login          the slot of the identity is confirmed
//! after a refusal        the other identity comes next, and later the newest one again
//! ```
//!
//! [`SlotKeeper`] is the [`IdentityKeeper`](crate::session::IdentityKeeper) of a session. It decides by what the slots hold
//! and by the date, so that a device continues after a power failure at any point. The chip has memory for one connection:
//! the service and the broker are never connected at the same time, and readings wait in the queue of the session.

mod due;
mod error;
mod hardware;
mod keeper;
mod service;
#[cfg(test)]
mod simulated;
mod source;
#[cfg(test)]
mod story;

pub use error::ServiceFailure;
pub use hardware::Hardware;
pub use keeper::SlotKeeper;
