//! The session: logging in to the platform over TLS, and sending readings as telemetry.
//!
//! ```text
//! sensor ─> Queue (the last 100) ─> MQTT, QoS 1, one at a time ─> TLS ─> network
//! ```
//!
//! [`run`] never ends. It takes a reading every five seconds, and beside that keeps a connection: date, network, TLS,
//! login, and then reading after reading, each until the broker has acknowledged it. Whatever goes wrong ends the
//! connection, is said in one line that names the step and the reason, and leads to another attempt after a pause
//! that doubles up to a minute. A reading leaves the queue when it was acknowledged, or when a hundred newer ones came;
//! so the broker gets each of the last hundred at least once, and in order.
//!
//! Futures are polled wherever the caller likes: nothing here knows an executor, and time, network, TLS, randomness,
//! log and sensor are traits of [`platform`].

mod backoff;
mod bell;
pub(crate) mod date;
mod failure;
mod mqtt;
pub mod platform;
mod queue;
mod reading;
mod run;
mod sntp;
mod wait;

pub use failure::{CertificateFaults, Failure, LoginFailure, NetworkFailure, TlsFailure};
pub use queue::CAPACITY;
pub use reading::{Reading, SimulatedSensor};
pub use run::{Settings, World, run};

/// The topic of ThingsBoard's device API that takes telemetry.
pub const TELEMETRY_TOPIC: &str = "v1/devices/me/telemetry";
