//! What ThingsBoard does, row by row: against the simulator, or against a real server that the environment names
//! (`cargo xtask interop --thingsboard URL …`). So the simulator is held to the real one by the very same tests.

mod certificates;
mod chain_provisioning;
mod credentials;
mod devices;
mod handshake;
mod login;
mod mqtt_connect;
mod mqtt_messages;
mod profiles;
mod provisioning;
