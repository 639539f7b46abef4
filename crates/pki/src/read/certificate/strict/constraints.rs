//! Name constraints as strict readers take them (RFC 5280, section 4.2.1.10).
//!
//! Go and Java parse the constraints while they read the certificate of a CA, and refuse it if one is malformed.

use std::net::IpAddr;

use super::extensions::is_directory_name;
use crate::asn1::reader::{DerReader, Element};
use crate::asn1::tlv::SEQUENCE;

/// Whether a network in the constraints has bits outside of its mask. All readers take the certificate, and Java finds no
/// address in the network.
pub(super) fn has_host_bits(element: &Element<'_>) -> bool {
    let is_one = |base: &Element<'_>| {
        let (network, mask) = base.content.split_at(base.content.len() / 2);
        base.tag == 0x87 && network.iter().zip(mask).any(|(network, mask)| network & !mask != 0)
    };
    let mut lists = DerReader::new(element.content);
    while let Ok(list) = lists.next() {
        let mut subtrees = DerReader::new(list.content);
        while let Ok(subtree) = subtrees.next() {
            if DerReader::new(subtree.content).next().is_ok_and(|base| is_one(&base)) {
                return true;
            }
        }
    }
    false
}

/// The fault of a nameConstraints extension, as the end of "extension nameConstraints ..".
pub(super) fn fault(element: &Element<'_>) -> Option<&'static str> {
    const OTHER: &str = "is not two lists of names";
    let mut parts = DerReader::new(element.content);
    let lists = [parts.optional(0xa0), parts.optional(0xa1)];
    if element.tag != SEQUENCE || !parts.is_empty() || lists.iter().all(Option::is_none) {
        return Some(OTHER);
    }
    for list in lists.into_iter().flatten() {
        let mut subtrees = DerReader::new(list.content);
        // An empty list of subtrees is not allowed: an absent list must be left out instead.
        if subtrees.is_empty() {
            return Some(OTHER);
        }
        while !subtrees.is_empty() {
            let Some(subtree) = subtrees.optional(SEQUENCE) else { return Some(OTHER) };
            let mut parts = DerReader::new(subtree.content);
            let Ok(base) = parts.next() else { return Some(OTHER) };
            if let Some(fault) = base_fault(&base) {
                return Some(fault);
            }
            // minimum and maximum (RFC 5280, section 4.2.1.10), which nothing reads.
            if !parts.is_empty() {
                return Some("limits the depth of its names, which no reader supports");
            }
        }
    }
    None
}

fn base_fault(base: &Element<'_>) -> Option<&'static str> {
    let text = str::from_utf8(base.content).ok().filter(|text| text.is_ascii());
    match base.tag {
        0x81 => {
            (!text.is_some_and(is_mail)).then_some("has an e-mail constraint that is neither a mailbox nor a domain")
        }
        // The empty name is that of all hosts. Java fails on it with an exception, whatever the leaf is.
        0x82 if base.content.is_empty() => Some("has an empty DNS constraint, on which Java fails"),
        0x82 => (!text.is_some_and(|text| is_domain(without_dot(text), is_graphic)))
            .then_some("has a DNS constraint that is not a domain"),
        0x86 => (!text.is_some_and(is_host)).then_some("has a URI constraint that is not a host or a domain"),
        0x87 => (!is_network(base.content)).then_some("has an IP constraint that is not an address and a mask"),
        0xa4 => (!is_directory_name(base)).then_some("has a name that its kind does not allow"),
        0x88 | 0xa0 | 0xa3 | 0xa5 => Some("has a constraint of a kind that Go does not apply and therefore refuses"),
        _ => Some("has a name that its kind does not allow"),
    }
}

/// A leading dot means everything below a domain.
fn without_dot(text: &str) -> &str {
    text.strip_prefix('.').unwrap_or(text)
}

/// Labels between dots, of which none is empty.
fn is_domain(text: &str, is_legal: fn(u8) -> bool) -> bool {
    text.split('.').all(|label| !label.is_empty() && label.bytes().all(is_legal))
}

/// The characters that Go allows in a label.
fn is_graphic(octet: u8) -> bool {
    octet.is_ascii_graphic()
}

/// A mailbox, a host, or a domain with a leading dot.
fn is_mail(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return is_domain(without_dot(text), is_graphic) };
    // Other characters than these need quotes (RFC 5322, section 3.2.3).
    let is_atom = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet);
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let is_local = match quoted {
        Some(quoted) => !quoted.contains(['"', '\\', '\0', '\n', '\r']),
        None => local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom)),
    };
    is_local && is_domain(domain, is_graphic)
}

/// The host of a URI, or a domain with a leading dot. Java allows letters, digits and hyphens alone; Go allows no address.
fn is_host(text: &str) -> bool {
    let host = without_dot(text);
    is_domain(host, |octet| octet.is_ascii_alphanumeric() || octet == b'-')
        && host.split('.').all(|label| !label.starts_with('-'))
        && text.parse::<IpAddr>().is_err()
}

/// An address and a mask of as many octets, whose ones are in front of its zeros.
fn is_network(octets: &[u8]) -> bool {
    let (_, mask) = octets.split_at(octets.len() / 2);
    // IPv4 or IPv6, each twice.
    if !matches!(octets.len(), 8 | 32) {
        return false;
    }
    let ones = mask.iter().map(|octet| octet.leading_ones()).take_while(|ones| *ones == 8).count();
    match mask.get(ones..) {
        Some([first, rest @ ..]) => {
            // Go refuses a mask whose ones and zeros alternate.
            first.leading_ones() == first.count_ones() && rest.iter().all(|octet| *octet == 0)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use testkit::der::element;

    use super::*;

    fn of(tag: u8, content: &[u8]) -> Option<&'static str> {
        // The same rules hold in both lists.
        let [permitted, excluded] = [0xa0, 0xa1].map(|list| {
            let der = element(0x30, &element(list, &element(0x30, &element(tag, content))));
            fault(&DerReader::new(&der).next().unwrap())
        });
        assert_eq!(permitted, excluded);
        permitted
    }

    #[test]
    fn what_go_and_java_read_is_accepted() {
        let v6 = [&[0x20, 1, 0x0d, 0xb8][..], &[0; 12], &[0xff; 4], &[0; 12]].concat();
        let everything = [0; 8];
        let one_host = [10, 0, 0, 1, 255, 255, 255, 255];
        for (tag, content) in [
            (0x81, &b"a@b"[..]),
            (0x81, b"\"x y\"@b"),
            (0x81, b"plant.example"),
            (0x81, b".plant.example"),
            (0x82, b"plant.example"),
            (0x82, b".plant.example"),
            (0x82, b"a_b"),
            (0x86, b"plant.example"),
            (0x86, b".plant.example"),
            (0x87, &[10, 0, 0, 0, 255, 0, 0, 0]),
            (0x87, &[10, 0, 0, 0, 255, 240, 0, 0]),
            (0x87, &everything),
            (0x87, &one_host),
            (0x87, &v6),
            (0xa4, b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a"),
        ] {
            assert_eq!(of(tag, content), None, "{tag:02x} {content:02x?}");
        }
    }

    #[test]
    fn what_go_or_java_refuses_is_a_fault() {
        let v6 = [&[0; 16][..], &[0xff; 4], &[0; 11], &[1]].concat();
        for (tag, content, reason) in [
            (0x81, &b""[..], "e-mail"),
            (0x81, b"@", "e-mail"),
            (0x81, b"@a", "e-mail"),
            (0x81, b"a@", "e-mail"),
            (0x81, b"a@.b", "e-mail"),
            (0x81, b"x y@b", "e-mail"),
            (0x81, b"a b", "e-mail"),
            (0x81, b"a..b", "e-mail"),
            (0x81, b"a.", "e-mail"),
            (0x81, b".", "e-mail"),
            (0x81, b"\xe4@b", "e-mail"),
            (0x82, b"", "Java fails"),
            (0x82, b"a b", "DNS"),
            (0x82, b"a.", "DNS"),
            (0x82, b".", "DNS"),
            (0x82, b"..a", "DNS"),
            (0x82, b"\xe4", "DNS"),
            (0x86, b"", "URI"),
            (0x86, b"http://a", "URI"),
            (0x86, b"a:80", "URI"),
            (0x86, b"a/", "URI"),
            (0x86, b"1.2.3.4", "URI"),
            (0x86, b"::1", "URI"),
            (0x86, b"a b", "URI"),
            (0x86, b"a_b", "URI"),
            (0x86, b"-a", "URI"),
            (0x86, b"*.a", "URI"),
            (0x87, b"12345", "IP"),
            (0x87, b"", "IP"),
            (0x87, &[10, 0, 0, 1], "IP"),
            (0x87, &[10, 0, 0, 0, 255, 0, 255, 0], "IP"),
            (0x87, &[10, 0, 0, 0, 0xf1, 0, 0, 0], "IP"),
            (0x87, &[10, 0, 0, 0, 0, 255, 0, 0], "IP"),
            (0x87, &v6, "IP"),
            (0x88, &[0x2a, 3], "kind that Go does not apply"),
            (0xa0, b"", "kind that Go does not apply"),
            (0xa5, b"", "kind that Go does not apply"),
            (0xa4, b"a", "kind does not allow"),
            (0x89, b"a", "kind does not allow"),
        ] {
            let fault = of(tag, content).unwrap_or_default();
            assert!(fault.contains(reason), "{tag:02x} {content:02x?}: {fault:?} lacks {reason:?}");
        }
    }
}
