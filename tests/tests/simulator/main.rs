//! Tests that only the simulators allow: faults, arrived messages, other versions and users, and starts that fail.

mod actorcloud;
mod faults;
mod settings;
mod starts;
mod thingsboard_sdks;
mod values;
