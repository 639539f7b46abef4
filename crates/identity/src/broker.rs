//! The broker that devices connect to.

use base::{Code, Result};
use config::{Config, HostName, Origin, Setting};
use store::StoreLocation;

use crate::server::name;

/// The broker of the devices, if no argument names one: `firmware.mqtt_host`, then `server.name`, then the only server of
/// the store. Every verb asks here, so that all agree.
///
/// # Errors
/// [`Code::BrokerMissing`] if none of them names one, and those of the ledger.
pub fn broker(config: &Config, location: &StoreLocation) -> Result<Setting<HostName>> {
    // The name of this host is not used: the store is often on another machine than the broker.
    for setting in [&config.firmware.mqtt_host, &config.server.name] {
        if let Some(host) = setting.value.as_ref().filter(|_| setting.is_explicit()) {
            return Ok(Setting { value: host.clone(), origin: setting.origin.clone() });
        }
    }
    let missing = || {
        Code::BrokerMissing
            .error("no broker is configured for the devices")
            .fix("give --broker, or set firmware.mqtt_host in keygen.toml, to the name in the broker's certificate")
    };
    let servers = name::servers(location)?;
    match servers.as_slice() {
        [only] => Ok(Setting { value: only.parse()?, origin: Origin::Derived(name::ONLY_SERVER.to_owned()) }),
        [] => Err(missing()),
        several => Err(missing().because(format!("the store has several servers: {}", several.join(", ")))),
    }
}
