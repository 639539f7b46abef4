//! Platforms (ThingsBoard, ActorCloud), TLS probes, and the check of a login over the network.
//!
//! This crate never sees the key of a CA.

pub mod actorcloud;
pub mod anchor;
pub mod check;
mod connect;
pub mod files;
mod fingerprint;
mod http;
pub mod pace;
pub mod platform;
pub mod probe;
mod roots;
mod runtime;
mod target;
pub mod thingsboard;
mod tls;

pub use actorcloud::ActorCloud;
pub use anchor::Anchor;
pub use check::{PacketReadError, PacketReader};
pub use files::{LoginKey, TokenSigner};
pub use fingerprint::Fingerprint;
pub use http::ApiClientConfig;
pub use mqtt;
pub use pace::Pace;
pub use probe::Probe;
pub use roots::Roots;
pub use runtime::Runtime;
pub use target::Target;
pub use thingsboard::{ThingsBoard, stored_otherwise};
