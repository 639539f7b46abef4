//! A ThingsBoard that lives in a test: REST and MQTT over TLS in one process.
//!
//! ```no_run
//! let sim = tb_sim::Thingsboard::start(tb_sim::Settings::default())?;
//! println!("{} as {}, MQTT over TLS on port {}", sim.rest_url(), sim.user(), sim.mqtts_port());
//! # Ok::<(), tb_sim::Error>(())
//! ```
//!
//! It is never kinder than the real server: it stores junk as a certificate without complaint, asks for client
//! certificates and names the issuers that its own keys give, and answers in the real server's words and bytes. It shares
//! no code with the product, so that both cannot be wrong alike.

mod actorcloud;
mod certificate;
mod clock;
mod control;
mod core;
mod error;
mod faults;
mod files;
mod hash;
mod http;
mod ids;
mod jwt;
mod mqtt;
mod net;
mod payload;
mod pem;
mod refusal;
mod rest;
mod settings;
mod shared;
mod state;
mod thingsboard;
mod thingsboard_env;
mod tls;

pub use actorcloud::{Actorcloud, ActorcloudSettings, ConnectLog, Published};
pub use error::{Error, Result};
pub use faults::{Fault, FaultKind};
pub use files::text as read_text;
pub use settings::{Authority, ServerKeys, Settings, User, Version};
pub use shared::Request;
pub use state::Telemetry;
pub use state::credentials::CredentialsType;
pub use thingsboard::{StoredCredentials, Thingsboard};
pub use thingsboard_env::ThingsboardEnv;
