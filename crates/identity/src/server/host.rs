//! The names under which this host can be reached, as far as it knows itself.

use std::net::IpAddr;

use base::host::host_name;
use base::{Result, file};
use pki::San;

/// More than any honest hosts file holds.
const HOSTS_LIMIT: usize = 1 << 20;

/// Every name and address of this host that a client may use: host name, fully qualified name, localhost, the
/// loopback addresses, and the global addresses of the interfaces that are up. No name server is asked, so that
/// the answer is quick and does not depend on the network.
///
/// # Errors
/// Where the system does not list its interfaces.
pub fn names_of_this_host() -> Result<Vec<San>> {
    let host = host_name();
    let mut names = names_of(&host);
    if let Some(full) = qualified(&host) {
        names.extend(San::dns(&full));
    }
    names.extend(San::dns("localhost"));
    let loopback = ["127.0.0.1", "::1"];
    names.extend(loopback.iter().filter_map(|address| San::ip(address).ok()));
    names.extend(global_addresses()?.into_iter().map(San::Ip));
    Ok(names)
}

/// A host name as an alternative name; nothing where it is not a legal one.
pub fn names_of(host: &str) -> Vec<San> {
    let san = match host.parse::<IpAddr>() {
        Ok(address) => Ok(San::Ip(address)),
        Err(_) => San::dns(host),
    };
    san.into_iter().collect()
}

/// The fully qualified name: the host name itself if it has a dot, else the name in /etc/hosts.
fn qualified(host: &str) -> Option<String> {
    if host.contains('.') {
        return None;
    }
    // Without a hosts file there is no such name, which is no error.
    let hosts = file::read_text("/etc/hosts", HOSTS_LIMIT).ok()?;
    qualified_in(&hosts, host)
}

fn qualified_in(hosts: &str, host: &str) -> Option<String> {
    let prefix = format!("{host}.");
    hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""))
        .flat_map(|line| line.split_whitespace().skip(1))
        .find(|name| name.starts_with(&prefix))
        .map(str::to_owned)
}

fn global_addresses() -> Result<Vec<IpAddr>> {
    let interfaces = if_addrs::get_if_addrs().map_err(|error| {
        base::Code::FileUnreadable.error("the network interfaces of this host cannot be listed").caused_by(error)
    })?;
    let mut addresses: Vec<IpAddr> = interfaces
        .into_iter()
        .filter(|interface| interface.is_oper_up() && !interface.is_loopback() && !interface.is_link_local())
        .map(|interface| interface.ip())
        .collect();
    // Sorted, so that the order of the names does not depend on the order in which the kernel lists interfaces.
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_file_knows_the_full_name() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1\ttb.example.org tb # the server\n";
        assert_eq!(qualified_in(hosts, "tb").as_deref(), Some("tb.example.org"));
        assert_eq!(qualified_in(hosts, "other"), None);
        assert_eq!(qualified_in("# 1.2.3.4 tb.example.org\n", "tb"), None);
    }

    #[test]
    fn localhost_is_always_among_the_names() {
        let names = names_of_this_host().unwrap();
        for name in ["dns:localhost", "ip:127.0.0.1", "ip:::1"] {
            assert!(names.iter().any(|san| san.to_string() == name), "{name} is missing in {names:?}");
        }
    }
}
