//! What only the simulators can show: faults, what arrived, other versions and users, and starts that fail.

mod actorcloud;
mod faults;
mod settings;
mod starts;
mod values;
