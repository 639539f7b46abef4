//! The name of the broker in the images: whether our application reaches it, and whether a server of the store has it.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

use base::text::shell_word;
use base::{Code, Finding, Result};
use config::{Anchors, Config, HostName};
use identity::server::name::leaf_in;
use ledger::{Entry, Filter, Kind, View};
use pki::Certificate;
use pki::verify::{Host, names_host};
use store::file_names::{CERT, server_chain};
use store::{Workspace, identity_dir};

/// Fails if our application cannot reach a host: its network stack has IPv4 alone. `what` names the host in the message.
///
/// # Errors
/// [`Code::FirmwareIpv4`].
pub(super) fn check_reachable(what: &str, host: &HostName) -> Result<()> {
    if host.as_str().parse::<Ipv6Addr>().is_err() {
        return Ok(());
    }
    Err(Code::FirmwareIpv4
        .error(format!("our application does not reach {what} at the IPv6 address {}", host.as_str()))
        .because("its network stack supports IPv4 only")
        .fix("use a name or an IPv4 address, or name the application of the project with --app"))
}

/// A warning if a host in the images is the board itself (RFC 6761, section 6.3). `what` names the host in the message.
pub(super) fn loopback(what: &str, host: &HostName) -> Option<Finding> {
    let name = host.as_str().trim_end_matches('.').to_ascii_lowercase();
    let is_loopback = match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    };
    is_loopback.then(|| {
        Code::LoopbackHost
            .warning(format!("on a board, {} is the board itself and not {what}", host.as_str()))
            .fix("name the host as the board's network knows it")
    })
}

/// A warning if the store has servers, and none of their certificates has the name of the broker: devices reject it then.
/// Only the store's own servers have certificates below its own root.
///
/// # Errors
/// Those of the ledger.
pub(super) fn finding(workspace: &Workspace<'_>, broker: &HostName) -> Result<Option<Finding>> {
    if workspace.config.server.anchors.value != Anchors::Ours {
        return Ok(None);
    }
    let Ok(host) = broker.as_str().parse::<Host>() else { return Ok(None) };
    let view: View = workspace.view()?;
    let servers = Filter { kind: Some(Kind::Server), current_only: true, ..Filter::default() };
    let mut names = Vec::new();
    for entry in view.list(&servers) {
        let entry = entry?;
        match leaf(workspace.config, workspace.store_dir(), &entry) {
            Some(leaf) if names_host(&leaf, &host) => return Ok(None),
            Some(_) => names.push(entry.key.name),
            // Its names are unknown.
            None => return Ok(None),
        }
    }
    if names.is_empty() {
        return Ok(None);
    }
    Ok(Some(
        Code::WrongName
            .warning(format!("no server certificate of the store has the name {} of the broker", broker.as_str()))
            .because(format!("devices compare the names; the servers of the store are {}", names.join(", ")))
            .fix(format!(
                "name the broker as its certificate does, or issue one with this name: `tbpki server --name {}`",
                shell_word(broker.as_str())
            )),
    ))
}

/// The certificate of a server in its directory in the store; none if it cannot be read.
fn leaf(config: &Config, store: &Path, entry: &Entry) -> Option<Certificate> {
    let dir = identity_dir(store, entry.key.kind, &entry.key.name);
    leaf_in(&dir.join(server_chain(config.server.prefix.value.as_str()))).or_else(|| leaf_in(&dir.join(CERT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_a_board_takes_for_itself_are_named() {
        for (host, is_named) in [
            ("localhost", true),
            ("LocalHost", true),
            ("tb.localhost", true),
            ("127.0.0.1", true),
            ("127.8.0.9", true),
            ("::1", true),
            ("mylocalhost", false),
            ("localhost.example.org", false),
            ("128.0.0.1", false),
            ("tb.example.org", false),
        ] {
            let finding = loopback("the broker", &host.parse().unwrap());
            assert_eq!(finding.map(|finding| finding.code), is_named.then_some(Code::LoopbackHost), "{host}");
        }
    }
}
