//! A simulator of ThingsBoard for tests: REST and MQTT over TLS in one process.
//!
//! ```no_run
//! let sim = tb_sim::Thingsboard::start(tb_sim::Settings::default())?;
//! println!("{} as {}, MQTT over TLS on port {}", sim.rest_url(), sim.user(), sim.mqtts_port());
//! # Ok::<(), tb_sim::Error>(())
//! ```
//!
//! The simulator must never accept more than the real server: it stores any text as a certificate, casts attributes to
//! numbers, asks for client certificates and names the issuers in its own keys, and answers with the real server's words
//! and bytes. Calls that it does not have are refused with 501. It shares no code with the product, so a wrong
//! assumption in one of them is detected by the other.

mod actorcloud;
mod certificate;
mod clock;
mod controls;
mod error;
mod files;
mod http;
mod ids;
mod net;
mod packets;
mod thingsboard;
mod tls;

pub use actorcloud::{Actorcloud, ActorcloudSettings, ConnectLog, Published};
pub use controls::RequestRecord;
pub use controls::faults::{Fault, FaultKind};
pub use error::{Error, Result};
pub use files::text as read_text;
pub use thingsboard::env::ThingsboardEnv;
pub use thingsboard::settings::{Authority, Settings, User, Version};
pub use thingsboard::{CredentialsType, StoredCredentials, Telemetry, Thingsboard};
pub use tls::ServerKeys;
