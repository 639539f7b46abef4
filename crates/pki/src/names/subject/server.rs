//! The subject that a server's request asks for, compared with the names that its certificate gets.
//!
//! Clients without support for alternative names read the host from the common name, each with its own idea of what a host
//! is: some cut it at a NUL, others remove white space, a scheme or a port. So a common name is one of the server's names, or
//! a text that no client takes for a host.

use std::fmt::Display;

use base::text::{is_deceptive, is_invisible, quote};

use super::attribute::{Attribute, AttributeKind, AttributeValue};
use super::{Subject, write_attribute};
use crate::names::san::San;

/// The most attributes of a subject. Subjects have 6 or 7.
const MAX_ATTRIBUTES: usize = 32;

/// The largest subject in bytes: with more, and with alternative names, the certificate is larger than devices can read.
const MAX_BYTES: usize = 2_048;

/// The characters of addresses, hosts, URIs and mailboxes: ASCII, and the other full stops of host names (UTS #46).
const OF_HOSTS: [char; 8] = ['.', ':', '/', '@', '*', '\u{3002}', '\u{ff0e}', '\u{ff61}'];

impl Subject {
    /// The reason for which a server with the names `allowed` may not have this subject.
    pub(crate) fn server_fault(&self, allowed: &[San]) -> Option<String> {
        let count = self.rdns.iter().map(|rdn| rdn.len()).sum::<usize>();
        if count > MAX_ATTRIBUTES || self.der.len() > MAX_BYTES {
            let bytes = self.der.len();
            return Some(format!(
                "its subject has {count} attributes and {bytes} bytes; at most {MAX_ATTRIBUTES} attributes and {MAX_BYTES} \
                 bytes are allowed"
            ));
        }
        if let Some(shared) = self.rdns.iter().find(|rdn| rdn.len() > 1) {
            let attributes: Vec<String> = shared.iter().map(shown).collect();
            return Some(format!("its subject has {} in one set of attributes", attributes.join(" and ")));
        }
        self.rdns.iter().flat_map(|rdn| rdn.iter()).find_map(|attribute| {
            let is_common_name = attribute.kind == Some(AttributeKind::CommonName);
            match &attribute.value {
                AttributeValue::Text(text) if is_common_name => common_name_fault(text, allowed),
                AttributeValue::Text(text) => text
                    .chars()
                    .any(char::is_control)
                    .then(|| format!("its subject has {}, with a control character", shown(attribute))),
                AttributeValue::Der(_) if is_common_name => Some("its common name is not text".to_owned()),
                AttributeValue::Der(_) => None,
            }
        })
    }
}

/// The reason for which `text` cannot be a common name of a server with the names `allowed`.
fn common_name_fault(text: &str, allowed: &[San]) -> Option<String> {
    let fault = |why: &dyn Display| Some(format!("its common name {} {why}", quote(text)));
    let most = AttributeKind::CommonName.upper_bound();
    let count = text.chars().count();
    if text.is_empty() {
        return Some("its common name is empty".to_owned());
    }
    if count > most {
        return fault(&format_args!("has {count} characters, and RFC 5280 allows {most}"));
    }
    if text.chars().any(|c| is_deceptive(c) || is_invisible(c)) {
        return fault(&"contains a control character or an invisible character");
    }
    if text.trim() != text {
        return fault(&"begins or ends with white space");
    }
    match host_in(text) {
        Some(host) if allowed.contains(&host) => None,
        Some(_) => fault(&"is a host name or an address that the server does not have"),
        None if text.contains(OF_HOSTS) || is_number(text) => {
            fault(&"is not a name of the server, and clients can take it for one")
        }
        None => None,
    }
}

/// The host in a common name, as clients without alternative names read it; none for other texts.
pub(crate) fn host_in(common_name: &str) -> Option<San> {
    San::ip(common_name).or_else(|_| San::dns(common_name)).ok()
}

/// True for an IPv4 address as one number, which many resolvers accept.
fn is_number(text: &str) -> bool {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        || text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An attribute in a message, which must stay short.
fn shown(attribute: &Attribute) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_attribute(&mut text, attribute);
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::subject::sample::{CN, O, Parts, SERIAL, name};

    fn fault(subject: &Subject) -> Option<String> {
        subject.server_fault(
            &["dns:tb.example.org", "ip:192.0.2.1", "dns:*.iot.example.org"].map(|san| san.parse().unwrap()),
        )
    }

    #[test]
    fn a_common_name_is_a_name_of_the_server_or_no_host_at_all() {
        for text in [
            "tb.example.org",
            "TB.Example.org",
            "192.0.2.1",
            "*.iot.example.org",
            "ThingsBoard server",
            "Serveur de la pompe n°7, bâtiment A",
        ] {
            assert_eq!(fault(&name(&[&[(O, 12, b"Acme Inc.")], &[(CN, 12, text.as_bytes())]])), None, "{text}");
        }
        assert_eq!(fault(&name(&[])), None);
        let long = "x y".repeat(5000);
        for (text, why) in [
            ("evil.example.org ", "white space"),
            (" evil.example.org", "white space"),
            ("tb.example.org ", "white space"),
            ("\u{a0}tb", "white space"),
            ("evil.example.org\n", "control character"),
            ("evil.example.org\0", "control character"),
            ("tb.example.org\0.evil.example.org", "control character"),
            ("ThingsBoard \u{200b}server", "invisible"),
            ("evil.example.org", "that the server does not have"),
            ("evil", "that the server does not have"),
            ("192.0.2.2", "that the server does not have"),
            ("::1", "that the server does not have"),
            ("evil.example.org:8883", "clients can take it for one"),
            ("tb.example.org:8883", "clients can take it for one"),
            ("https://evil.example.org", "clients can take it for one"),
            ("root@evil.example.org", "clients can take it for one"),
            ("-evil.example.org", "clients can take it for one"),
            ("-evil\u{3002}example", "clients can take it for one"),
            ("127.1", "clients can take it for one"),
            ("192.000.002.001", "clients can take it for one"),
            ("2130706433", "clients can take it for one"),
            ("*", "clients can take it for one"),
            ("evil.example.org for pumps", "clients can take it for one"),
            ("", "empty"),
            (&long, "has 15000 characters"),
        ] {
            let fault = fault(&name(&[&[(CN, 12, text.as_bytes())]])).unwrap_or_default();
            assert!(
                fault.contains(why) || (text.len() == 15_000 && fault.contains("bytes are allowed")),
                "{text}: {fault}"
            );
        }
        let fault = fault(&name(&[&[(CN, 12, "xy ".repeat(22).trim().as_bytes())]])).unwrap();
        assert!(fault.contains("has 65 characters"), "{fault}");
    }

    #[test]
    fn each_set_has_one_attribute_and_all_of_them_fit_into_a_certificate() {
        let own: &[Parts<'_>] = &[(CN, 12, b"tb.example.org")];
        let organization: &[Parts<'_>] = &[(O, 12, b"Acme")];
        let many = [organization; 33];
        let large = [b'x'; 2_048];
        for (subject, why) in [
            (name(&[&[(CN, 12, b"tb.example.org"), (SERIAL, 19, b"evil.example.org")]]), "in one set of attributes"),
            (name(&[own, &[(CN, 12, b"evil.example.org")]]), "evil.example.org"),
            (name(&[own, &[(CN, 30, b"\0e\0v\0i\0l\0.\0o\0r\0g")]]), "evil.org"),
            (name(&[own, &[(CN, 2, b"\x01")]]), "is not text"),
            (name(&[own, &[(O, 12, b"Acme\n")]]), "control character"),
            (name(&many), "33 attributes"),
            (name(&[own, &[(O, 12, &large)]]), "2048 bytes are allowed"),
        ] {
            let fault = fault(&subject).unwrap_or_default();
            assert!(fault.contains(why), "{subject}: {fault}");
        }
        assert_eq!(fault(&name(&many[..32])), None);
    }
}
