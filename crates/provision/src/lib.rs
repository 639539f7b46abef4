//! Platforms, and the check over the wire.

pub mod actorcloud;
pub mod anchor;
pub mod check;
mod connect;
mod ending;
mod fingerprint;
mod http;
mod http_date;
pub mod mqtt;
pub mod pace;
pub mod platform;
pub mod probe;
mod roots;
mod runtime;
mod target;
pub mod thingsboard;

pub use actorcloud::ActorCloud;
pub use anchor::Anchor;
pub use fingerprint::Fingerprint;
pub use http::Reach;
pub use pace::Pace;
pub use platform::Platform;
pub use probe::Probe;
pub use roots::Roots;
pub use runtime::Runtime;
pub use target::Target;
pub use thingsboard::ThingsBoard;
