//! The broker that devices connect to.

use base::{Code, Result};
use config::HostName;
use ledger::{Filter, Kind};
use store::Workspace;

/// The broker: the one that was named, else our server, where that is clear.
///
/// # Errors
/// [`Code::BrokerMissing`] if no broker is configured and the store does not have exactly one server.
pub fn broker(workspace: &Workspace<'_>) -> Result<HostName> {
    let config = workspace.config;
    // For both, the default is the station's own name, which is not necessarily the broker's.
    for setting in [&config.firmware.mqtt_host, &config.server.name] {
        if let Some(host) = setting.value.as_ref().filter(|_| setting.is_explicit()) {
            return Ok(host.clone());
        }
    }
    let servers = Filter { kind: Some(Kind::Server), current_only: true, ..Filter::default() };
    let view = workspace.view()?;
    let mut names = view.list(&servers).take(2).map(|entry| entry.map(|entry| entry.key.name));
    match (names.next().transpose()?, names.next()) {
        (Some(name), None) => name.parse(),
        _ => Err(Code::BrokerMissing
            .error("no broker is configured for the devices")
            .fix("name it with --broker, or as firmware.mqtt_host in keygen.toml, as its certificate names it")),
    }
}
