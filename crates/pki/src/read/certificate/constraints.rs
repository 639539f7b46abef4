//! Name constraints (RFC 5280, section 4.2.1.10).

use std::net::IpAddr;

use super::extensions::NameConstraints;
use super::general_name::GeneralName;
use super::name;
use crate::names::san::San;
use crate::names::subject::{AttributeKind, Subject};

/// The first of `names` that the constraints forbid, with the reason.
pub(crate) fn forbidden(names: &[GeneralName], constraints: &NameConstraints) -> Option<String> {
    names.iter().find_map(|name| {
        // A constraint that cannot be compared must not be ignored:
        // RFC 5280, section 4.2.1.10, wants the certificate rejected.
        let bound = constraints.excluded.iter().chain(&constraints.permitted).any(|base| is_same_kind(name, base));
        if matches!(name, GeneralName::Other { .. }) && (bound || name.kind() == "unreadable") {
            return Some(format!("{name} is of a kind that cannot be compared"));
        }
        let excluded = constraints.excluded.iter().find(|base| is_same_kind(name, base) && is_below(name, base));
        if let Some(base) = excluded {
            return Some(format!("{name} lies below {base}, which is excluded"));
        }
        let mut permitted = constraints.permitted.iter().filter(|base| is_same_kind(name, base)).peekable();
        // Without a permitted subtree of its kind a name is not restricted (RFC 5280, section 4.2.1.10).
        permitted.peek()?;
        if permitted.any(|base| is_below(name, base) && !has_host_bits(base)) {
            return None;
        }
        Some(format!("{name} lies below no name that is permitted"))
    })
}

/// Every name that constraints bind: the alternative names, the subject, e-mail addresses in the subject if no alternative
/// name is one, and of a leaf the common names that OpenSSL or Java take for hosts or addresses, if no alternative name is
/// one. RFC 5280 does not ask for the last; both refuse such a certificate, because some clients compare the common name
/// with the host.
pub(crate) fn bound_names(subject: &Subject, alternative: Vec<GeneralName>, is_leaf: bool) -> Vec<GeneralName> {
    let mut names = alternative;
    let has_host = names.iter().any(|name| matches!(name, GeneralName::Dns(_)));
    let has_address = names.iter().any(|name| matches!(name, GeneralName::Ip(_)));
    if !names.iter().any(|name| matches!(name, GeneralName::Email(_))) {
        names.extend(subject.email_addresses().map(|address| GeneralName::Email(address.to_owned())));
    }
    // Java looks at the last common name, OpenSSL at each.
    let last = subject.values(AttributeKind::CommonName).last();
    if is_leaf && !has_host {
        let is_of_java = |name: &str| last == Some(name) && is_host_to_java(name);
        let hosts =
            subject.values(AttributeKind::CommonName).filter(|name| is_host_to_openssl(name) || is_of_java(name));
        names.extend(hosts.map(|name| GeneralName::Dns(name.to_owned())));
    }
    if is_leaf && !has_address {
        let address = last.and_then(|name| name.parse::<IpAddr>().ok());
        names.extend(address.map(|address| GeneralName::of_san(&San::Ip(address))));
    }
    if !subject.is_empty() {
        names.push(GeneralName::Directory(subject.to_der().to_vec()));
    }
    names
}

/// Whether OpenSSL takes a common name for that of a host: at least two labels of letters, digits, `_` and inner `-`.
fn is_host_to_openssl(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(is_inside)
    };
    name.contains('.') && name.split('.').all(is_label)
}

/// Whether Java takes a common name for that of a host: labels of letters, digits and `-`, none with `-` in front. One
/// label is enough, so that most names of devices are hosts.
pub(crate) fn is_host_to_java(name: &str) -> bool {
    let is_label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    name.split('.').all(is_label) && !is_number_to_java(name)
}

/// Whether Java takes a text for an IPv4 address: up to four numbers, of which the last fills the octets that the others
/// leave. Such a common name is no host.
fn is_number_to_java(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let Some((last, others)) = parts.split_last() else { return false };
    let number = |part: &str| part.bytes().all(|octet| octet.is_ascii_digit()).then(|| part.parse::<u64>().ok())?;
    let rest = match others.len() {
        0 => 1 << 32,
        1 => 1 << 24,
        2 => 1 << 16,
        3 => 1 << 8,
        _ => return false,
    };
    text.len() <= 15
        && others.iter().all(|part| number(part).is_some_and(|value| value < 256))
        && number(last).is_some_and(|value| value < rest)
}

fn is_same_kind(name: &GeneralName, base: &GeneralName) -> bool {
    name.kind() == base.kind()
}

/// True if a name is in the subtree of a base of the same kind.
fn is_below(name: &GeneralName, base: &GeneralName) -> bool {
    match (name, base) {
        (GeneralName::Dns(name), GeneralName::Dns(base)) => is_dns_below(name, base),
        (GeneralName::Email(name), GeneralName::Email(base)) => is_email_below(name, base),
        (GeneralName::Uri(name), GeneralName::Uri(base)) => is_uri_below(name, base),
        (GeneralName::Ip(name), GeneralName::Ip(base)) => is_ip_below(name, base),
        (GeneralName::Directory(name), GeneralName::Directory(base)) => is_directory_below(name, base),
        _ => false,
    }
}

/// A base holds itself and every name that adds labels on the left.
fn is_dns_below(name: &str, base: &str) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    // A leading dot is not in the standard for DNS names, but all implementations take it to ask for a label more.
    match base.strip_prefix('.') {
        Some(_) => name.ends_with(&base),
        None => base.is_empty() || name == base || name.strip_suffix(&base).is_some_and(|rest| rest.ends_with('.')),
    }
}

/// A base is one mailbox, every mailbox at a host, or with a leading dot every mailbox in a domain.
fn is_email_below(name: &str, base: &str) -> bool {
    let Some((local, host)) = name.rsplit_once('@') else { return false };
    match base.rsplit_once('@') {
        // The part before the `@` is compared exactly, and the host without case (RFC 5280, section 7.5).
        Some((base_local, base_host)) => local == base_local && host.eq_ignore_ascii_case(base_host),
        None => is_host_below(host, base),
    }
}

/// A base is a host, or with a leading dot a domain; only the host of the URI counts.
fn is_uri_below(uri: &str, base: &str) -> bool {
    let Some((_, rest)) = uri.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // An IPv6 address in brackets is not a name, and no base of this kind holds it.
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    is_host_below(host, base)
}

fn is_host_below(host: &str, base: &str) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    if base.starts_with('.') { host.len() > base.len() && host.ends_with(&base) } else { host == base }
}

fn is_ip_below(name: &[u8], base: &[u8]) -> bool {
    // A base is an address followed by its mask (RFC 5280, section 4.2.1.10).
    let Some((network, mask)) = base.split_at_checked(base.len() / 2) else { return false };
    name.len() == network.len()
        && mask.len() == network.len()
        && name.iter().zip(network).zip(mask).all(|((name, network), mask)| name & mask == network & mask)
}

/// Whether the address of a network has bits outside of its mask. Java then finds no address in the network.
fn has_host_bits(base: &GeneralName) -> bool {
    let GeneralName::Ip(octets) = base else { return false };
    let Some((network, mask)) = octets.split_at_checked(octets.len() / 2) else { return false };
    network.iter().zip(mask).any(|(network, mask)| network & !mask != 0)
}

fn is_directory_below(name: &[u8], base: &[u8]) -> bool {
    match (Subject::from_der(name), Subject::from_der(base)) {
        (Ok(name), Ok(base)) => name.is_within(&base),
        _ => name::equal(name, base),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::subject::sample::{CN, Parts, name};

    #[test]
    fn a_dns_base_holds_itself_and_what_is_below() {
        assert!(is_dns_below("Example.com", "example.com"));
        assert!(is_dns_below("a.b.example.com", "example.com"));
        // A new label must begin: a comparison of text ends alone would take it.
        assert!(!is_dns_below("badexample.com", "example.com"));
        assert!(is_dns_below("anything", ""));
        assert!(is_dns_below("a.example.com", ".example.com"));
        assert!(!is_dns_below("example.com", ".example.com"));
    }

    /// The common names that constraints bind as hosts and as addresses.
    fn bound(common_names: &[&str], alternative: &[GeneralName]) -> Vec<GeneralName> {
        let parts: Vec<Vec<Parts<'_>>> = common_names.iter().map(|text| vec![(CN, 12, text.as_bytes())]).collect();
        let sets: Vec<&[Parts<'_>]> = parts.iter().map(Vec::as_slice).collect();
        let names = bound_names(&name(&sets), alternative.to_vec(), true).into_iter();
        names.filter(|one| !matches!(one, GeneralName::Directory(_)) && !alternative.contains(one)).collect()
    }

    fn dns(name: &str) -> GeneralName {
        GeneralName::Dns(name.to_owned())
    }

    /// As OpenSSL 3.0 and Java 17 decide.
    #[test]
    fn a_common_name_is_a_host_unless_an_alternative_name_is_one() {
        let address = GeneralName::Ip(vec![192, 0, 2, 9]);
        for host in
            ["pump-1.factory.lan", "a_b.c", "pump-1", "1pump", "pump-", "a-.b", "a.1b", "4294967296", "1.2.3.4.5"]
        {
            assert_eq!(bound(&[host], &[]), [dns(host)], "{host}");
            assert_eq!(bound(&[host], &[dns("x.example")]), []);
            assert_eq!(bound(&[host], std::slice::from_ref(&address)), [dns(host)]);
        }
        for text in
            ["a..b", ".a.b", "a.b.", "-a.b", "-a", "a_b", "pümp", "Acme Inc. pump", "a.b:c", "*.example.org", "12345"]
        {
            assert_eq!(bound(&[text], &[]), [], "{text}");
        }
        let own = GeneralName::Ip(vec![192, 0, 2, 7]);
        assert_eq!(
            bound(&["192.0.2.7"], &[]),
            [dns("192.0.2.7"), own.clone()],
            "a host to OpenSSL, an address to Java"
        );
        assert_eq!(bound(&["192.0.2.7"], &[dns("x.example")]), [own]);
        assert_eq!(bound(&["192.0.2.7"], &[address]), [dns("192.0.2.7")]);
        // Java looks at the last one alone.
        assert_eq!(bound(&["pump-1", "pump-2"], &[]), [dns("pump-2")]);
        assert_eq!(bound(&["a.example", "pump 2"], &[]), [dns("a.example")]);
    }

    #[test]
    fn java_finds_no_address_in_a_network_with_host_bits() {
        let network = |first: u8| GeneralName::Ip(vec![10, first, 0, 0, 255, 0, 0, 0]);
        let address = [GeneralName::Ip(vec![10, 1, 2, 3])];
        let permitted = |base| NameConstraints { permitted: vec![base], ..NameConstraints::default() };
        assert_eq!(forbidden(&address, &permitted(network(0))), None);
        assert!(forbidden(&address, &permitted(network(1))).is_some());
        // OpenSSL and Go find it, and exclude it.
        let excluded = NameConstraints { excluded: vec![network(1)], ..NameConstraints::default() };
        assert!(forbidden(&address, &excluded).is_some());
    }

    #[test]
    fn an_email_base_is_a_mailbox_a_host_or_a_domain() {
        assert!(is_email_below("a@Example.com", "a@example.com"));
        assert!(!is_email_below("A@example.com", "a@example.com"));
        assert!(is_email_below("a@example.com", "example.com"));
        assert!(!is_email_below("a@mail.example.com", "example.com"));
        assert!(is_email_below("a@mail.example.com", ".example.com"));
        assert!(!is_email_below("a@example.com", ".example.com"));
    }

    #[test]
    fn a_uri_base_is_a_host_or_a_domain() {
        assert!(is_uri_below("https://u@Example.com:8443/x", "example.com"));
        assert!(!is_uri_below("https://a.example.com/", "example.com"));
        assert!(is_uri_below("https://a.example.com?x", ".example.com"));
        assert!(!is_uri_below("urn:x", "example.com"));
    }

    #[test]
    fn an_address_base_is_a_network() {
        assert!(is_ip_below(&[10, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_ip_below(&[11, 1, 2, 3], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_ip_below(&[10; 16], &[10, 0, 0, 0, 255, 0, 0, 0]));
        assert!(!is_ip_below(&[10, 1, 2, 3], &[10, 0, 0]));
    }
}
