//! The session: login to the platform over TLS, and readings as telemetry.
//!
//! ```text
//! sensor ─> Queue (the last 100) ─> MQTT, QoS 1, one at a time ─> TLS ─> network
//! ```
//!
//! [`run`] never returns. It takes a reading every five seconds, and concurrently keeps a connection: date, network, TLS,
//! login, and then one reading after the other, each until the broker has acknowledged it. Every failure ends the
//! connection, is logged in one line that names the step and the reason, and leads to another attempt after a pause
//! that doubles up to a minute. A reading leaves the queue when it was acknowledged, or when a hundred newer ones exist.
//! The broker therefore receives each of the last hundred at least once, and in order. If the date is known, a reading has the
//! time at which it was taken.
//!
//! The module does not depend on an executor. Time, network, TLS, randomness, log and sensor are traits of [`platform`].

mod alert;
pub(crate) mod backoff;
mod client;
mod date_keeper;
mod failure;
mod identity_keeper;
mod joining;
pub mod platform;
mod queue;
mod reading;
mod run;
mod sender;
mod settings;
mod sntp;
pub(crate) mod timeout;

pub use alert::Alert;
pub use failure::{CertificateFaults, Failure, LoginFailure, NetworkFailure, TlsFailure};
pub use identity_keeper::{FixedIdentity, IdentityKeeper, NoIdentity, Surroundings};
pub use joining::JoinAttempts;
pub use queue::CAPACITY;
pub use reading::{Reading, SimulatedSensor};
pub use run::{Machine, run};
pub use settings::SessionSettings;

/// The telemetry topic of ThingsBoard's device API.
pub const TELEMETRY_TOPIC: &str = "v1/devices/me/telemetry";
