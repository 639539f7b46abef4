//! `tbpki check`: healthy set-ups pass without a warning, and each of many prepared breakages is named by its own code.

mod actorcloud;
mod breakages;
mod device_faults;
mod healthy;
mod named_issuers;
mod network_faults;
mod scene;
mod server_faults;
mod server_side;
