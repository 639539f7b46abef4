//! Matching of a server's certificate with the name that a client connects to (RFC 9525).

use base::{Code, Finding};

use super::request::Host;
use crate::read::certificate::{Certificate, GeneralName};

/// The fault of the names of a server's leaf.
pub(super) fn check(leaf: &Certificate, host: Option<&Host>) -> Option<Finding> {
    let names = leaf.general_names();
    // RFC 9525 removed the common name as a fallback, and current clients ignore it.
    if !names.iter().any(|name| matches!(name, GeneralName::Dns(_) | GeneralName::Ip(_))) {
        let finding = match host {
            Some(_) => Code::LegacyName.fault("the certificate has no alternative name to compare with the host"),
            None => Code::LegacyName.warning("the certificate names no host"),
        };
        return Some(
            finding
                .because("clients ignore the common name")
                .fix("issue it with the host names and addresses of the server, as `--san`"),
        );
    }
    let host = host?;
    if names_host(leaf, host) {
        return None;
    }
    let shown = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Some(
        Code::WrongName
            .fault(format!("the certificate is not for {host}"))
            .because(format!("it is for {shown}"))
            .fix("connect by one of these names, or issue the certificate with this one as `--san`"),
    )
}

/// True if an alternative name of the certificate is this host.
pub fn names_host(leaf: &Certificate, host: &Host) -> bool {
    leaf.general_names().iter().any(|name| matches(name, host))
}

fn matches(name: &GeneralName, host: &Host) -> bool {
    match (name, host) {
        // Addresses are compared with addresses only: a DNS name that
        // looks like one does not count (RFC 9525, section 6.4).
        (GeneralName::Ip(_), Host::Ip(ip)) => name.ip() == Some(*ip),
        (GeneralName::Dns(pattern), Host::Dns(host)) => matches_dns(pattern, host),
        _ => false,
    }
}

/// Case does not count; `*` matches exactly the leftmost label, and the whole of it. As in OpenSSL, a wildcard has at least
/// two further labels, and neither they nor the label in its place have other characters than letters, digits and hyphens.
fn matches_dns(pattern: &str, host: &str) -> bool {
    let Some(base) = pattern.strip_prefix("*.") else { return pattern.eq_ignore_ascii_case(host) };
    let is_plain =
        |label: &str| !label.is_empty() && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let is_label = |label: &str| is_plain(label) && !label.starts_with('-') && !label.ends_with('-');
    // A wildcard matches one label, and never the part behind the first dot.
    base.contains('.')
        && base.split('.').all(is_label)
        && host.split_once('.').is_some_and(|(first, rest)| is_plain(first) && rest.eq_ignore_ascii_case(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_as_clients_do() {
        assert!(matches_dns("Broker.example", "broker.example"));
        assert!(matches_dns("*.iot.example", "broker.iot.example"));
        assert!(matches_dns("*.iot.example", "xn--a.iot.example"));
        assert!(!matches_dns("*.iot.example", "a.broker.iot.example"));
        assert!(!matches_dns("*.iot.example", "iot.example"));
        // RFC 9525, section 6.3, allows a wildcard only as the whole leftmost label.
        assert!(!matches_dns("b*.example", "broker.example"));
        // As `openssl x509 -checkhost` decides.
        assert!(!matches_dns("*.example", "broker.example"));
        assert!(!matches_dns("*.iot.example", "a_b.iot.example"));
        assert!(!matches_dns("*.a_b.example", "broker.a_b.example"));
        assert!(!matches_dns("*.a-.example", "broker.a-.example"));
        assert!(matches_dns("a_b.iot.example", "a_b.iot.example"));
        let ip = Host::Ip("10.0.0.1".parse().unwrap());
        assert!(matches(&GeneralName::Ip(vec![10, 0, 0, 1]), &ip));
        assert!(!matches(&GeneralName::Dns("10.0.0.1".into()), &ip));
    }
}
