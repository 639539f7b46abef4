//! Subject alternative names.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base::text::quote;
use base::{Code, Error, Result};
use serde::{Deserialize, Serialize};

use super::uri;

/// A subject alternative name (RFC 5280, section 4.2.1.6), of the four kinds that matter for TLS.
///
/// Made from text it is what a verifier compares: DNS names in lower case, internationalized ones in
/// punycode, without the dot at the end. Read from a certificate it is as the certificate has it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum San {
    /// A host name in ASCII, its leftmost label possibly `*`.
    Dns(String),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
    /// An absolute URI (RFC 3986) in ASCII.
    Uri(String),
    /// An e-mail address (RFC 5321 mailbox without quotes) in ASCII.
    Email(String),
}

/// The longest text that is looked at; no name of any kind is longer in practice.
const MAX_BYTES: usize = 2_048;

/// The most characters of a DNS name (RFC 1035, section 2.3.4, without the root's dot).
const MAX_DNS: usize = 253;

/// The most characters of a label of a DNS name (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

/// The most characters before the `@` (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;

/// The most names of one certificate. Public CAs have the same bound, and Mbed TLS reads no certificate of more than 16 KiB.
pub const MAX_NAMES: usize = 100;

/// Fails with [`Code::TooManyNames`] if a certificate with so many names would be too large for its readers.
pub fn check_count(names: &[San]) -> Result<()> {
    if names.len() <= MAX_NAMES {
        return Ok(());
    }
    Err(Code::TooManyNames
        .error(format!("{} subject alternative names are too many; {MAX_NAMES} are the most", names.len()))
        .fix("divide the names among several certificates, or use a wildcard"))
}

impl San {
    /// A DNS name. Upper case is folded and a dot at the end dropped; other scripts become punycode
    /// (UTS #46). Underscores are accepted: container networks are full of them, and verifiers compare
    /// them like letters.
    ///
    /// # Errors
    ///
    /// `BadSan` for what no resolver would look up, for wildcards elsewhere than as the whole leftmost
    /// label or right below a top-level domain, and for names that end in a number: those are mistyped
    /// IP addresses.
    pub fn dns(text: &str) -> Result<Self> {
        dns_name(text).map(Self::Dns).map_err(|why| bad(text, why))
    }

    /// An IP address, IPv6 with or without brackets.
    ///
    /// # Errors
    ///
    /// `BadSan` for anything else, networks (`10.0.0.0/8`) and zones (`fe80::1%eth0`) included.
    pub fn ip(text: &str) -> Result<Self> {
        // A URL writes an IPv6 address in brackets, and people copy it from there.
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        bare.parse().map(Self::Ip).map_err(|_| bad(text, "is not an IP address"))
    }

    /// The name of one host, or its address, without a scheme, a path, a port or a wildcard.
    ///
    /// # Errors
    ///
    /// `BadValue` for an address of which the host is a part, with the host alone in the advice, and for a wildcard;
    /// `BadSan` for other text.
    pub fn host(text: &str) -> Result<Self> {
        let text = text.trim();
        let value = |why: &str| Code::BadValue.error(format!("{} {why}", quote(text)));
        if let Some((scheme, _)) = text.split_once("://") {
            let authority = authority(text);
            let host = host_and_port(authority).map_or(authority, |(host, _)| host);
            // The address is not shown as it is, because a password can be in it.
            let shown = format!("{scheme}://{authority}");
            return Err(Code::BadValue
                .error(format!("{} is an address, not a host name", quote(&shown)))
                .fix(format!("leave {scheme}:// out: {host}")));
        }
        if let Some((host, _)) = host_and_port(text) {
            return Err(value("is a host with a port").fix(format!("name the host alone: {host}")));
        }
        // An address first, because its digits and dots make a host name too.
        if let Ok(address) = Self::ip(text) {
            return Ok(address);
        }
        match dns_name(text) {
            Ok(name) if name.starts_with('*') => {
                Err(value("is a wildcard, which is not the name of one host").fix("write the whole name of the host"))
            }
            Ok(name) => Ok(Self::Dns(name)),
            Err(why) => Err(Code::BadSan
                .error(format!("{} is not the name of a host", quote(text)))
                .because(format!("it {why}"))
                .fix("write a host name or an IP address, such as broker.example or 192.0.2.1")),
        }
    }

    /// An absolute URI.
    ///
    /// # Errors
    ///
    /// `BadSan` when there is no scheme, when `//` is followed by anything but a host and a port, or for characters that
    /// RFC 3986 wants percent-encoded.
    pub fn uri(text: &str) -> Result<Self> {
        // Before it is parsed, because the length bounds the work.
        let checked = if text.len() > MAX_BYTES { Err("is too long") } else { uri::check(text) };
        checked.map_err(|why| bad(text, why))?;
        Ok(Self::Uri(text.to_owned()))
    }

    /// An e-mail address; the domain is treated as a DNS name.
    ///
    /// # Errors
    ///
    /// `BadSan` when it is not `local@domain`; the local part has to be ASCII without quotes.
    pub fn email(text: &str) -> Result<Self> {
        mailbox(text).map(Self::Email).map_err(|why| bad(text, why))
    }

    /// `dns`, `ip`, `uri` or `email`.
    pub const fn kind(&self) -> &'static str {
        match self {
            San::Dns(_) => "dns",
            San::Ip(_) => "ip",
            San::Uri(_) => "uri",
            San::Email(_) => "email",
        }
    }
}

impl FromStr for San {
    type Err = Error;

    /// Reads `dns:`, `ip:`, `uri:` and `email:` in any case; without one of them an IP address is one,
    /// what holds `://` is a URI, what holds `@` an e-mail address, and the rest a DNS name.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        // Before anything is parsed, because the length bounds the work of the parsers below.
        if text.len() > MAX_BYTES {
            return Err(bad(text, "is too long"));
        }
        if let Some((kind, rest)) = text.split_once(':') {
            let rest = rest.trim();
            match kind.to_ascii_lowercase().as_str() {
                "dns" => return Self::dns(rest),
                "ip" => return Self::ip(rest),
                "uri" => return Self::uri(rest),
                "email" => return Self::email(rest),
                // A name such as `localhost:8883` has a colon too; it is refused below as a host name, with its own
                // reason.
                _ => {}
            }
        }
        // Before the `@` is looked for, because the user part of a URI may contain one.
        if text.contains("://") {
            return Self::uri(text);
        }
        if text.contains('@') {
            return Self::email(text);
        }
        // An address first: 192.0.2.1 has only characters that a host name has as well.
        Self::ip(text).or_else(|_| Self::dns(text))
    }
}

impl TryFrom<String> for San {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<San> for String {
    fn from(san: San) -> Self {
        san.to_string()
    }
}

impl fmt::Display for San {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            San::Dns(text) | San::Uri(text) | San::Email(text) => write!(f, "{}:{text}", self.kind()),
            San::Ip(address) => write!(f, "ip:{address}"),
        }
    }
}

fn bad(text: &str, why: impl fmt::Display) -> Error {
    Code::BadSan
        .error(format!("{} cannot be a subject alternative name", quote(text)))
        .because(format!("it {why}"))
        .fix("write a host name, an IP address, a URI or an e-mail address, such as dns:broker.example or ip:192.0.2.1")
}

/// The host with its port in a text that can be an address (RFC 3986, section 3.2): without scheme, user and path. A password
/// can be before the `@`, so messages show this part alone.
pub fn authority(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// The host and the port of a text such as `broker.example:8883` or `[::1]:8883`; the host is without its brackets.
pub fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    // More than one colon without brackets is an IPv6 address, whose last group only looks like a port.
    let is_host = !host.is_empty() && (inner.is_some() || !host.contains(':'));
    let is_port = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    (is_host && is_port).then_some((inner.unwrap_or(host), port))
}

fn dns_name(text: &str) -> Result<String, &'static str> {
    if text.len() > MAX_BYTES {
        return Err("is too long");
    }
    // The dot of the root is left out of certificates (RFC 5280, 4.2.1.6, preferred name syntax).
    let text = text.strip_suffix('.').unwrap_or(text);
    let (wildcard, base) = match text.strip_prefix("*.") {
        Some(base) => ("*.", base),
        None => ("", text),
    };
    // idna folds case and maps other scripts; which ASCII characters a host name has is checked below.
    let ascii = idna::domain_to_ascii_cow(base.as_bytes(), idna::AsciiDenyList::EMPTY)
        .map_err(|_| "is not a host name, not even an internationalized one")?;
    if ascii.is_empty() {
        return Err("is empty");
    }
    // The limits apply to the encoded form, and punycode is longer than the text that was typed.
    if wildcard.len() + ascii.len() > MAX_DNS {
        return Err("is longer than 253 characters");
    }
    for label in ascii.split('.') {
        if label.is_empty() {
            return Err("has an empty label between two dots");
        }
        if label.len() > MAX_LABEL {
            return Err("has a label of more than 63 characters");
        }
        if label.contains('*') {
            return Err("has a wildcard that is not the whole leftmost label");
        }
        // The underscore is no part of host names (RFC 1123), but Docker and Windows use it, and verifiers take it.
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return Err("holds characters that a host name does not have");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err("has a label that begins or ends with a hyphen");
        }
    }
    // WHATWG and Chrome read such a name as an IP address, so nothing would match it.
    if ascii.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit())) {
        return Err("ends in a number and is no IP address");
    }
    if !wildcard.is_empty() && !ascii.contains('.') {
        return Err("has a wildcard for a whole top-level domain, which verifiers ignore");
    }
    Ok(format!("{wildcard}{ascii}"))
}

fn mailbox(text: &str) -> Result<String, &'static str> {
    // The last `@`: a quoted local part may contain more of them, which is refused below.
    let (local, domain) = text.rsplit_once('@').ok_or("has no @")?;
    if local.is_empty() || local.len() > MAX_LOCAL_PART {
        return Err("has nothing before its @, or more than 64 characters");
    }
    let dot_atom = local.split('.').all(|atom| {
        !atom.is_empty() && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    });
    if !dot_atom {
        return Err("has characters before its @ that are not ASCII or would need quotes");
    }
    if domain.starts_with('*') {
        return Err("has a wildcard as its domain");
    }
    Ok(format!("{local}@{}", dns_name(domain)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn san(text: &str) -> String {
        text.parse::<San>().unwrap().to_string()
    }

    #[test]
    fn the_kind_is_given_or_guessed() {
        assert_eq!(san("broker.example"), "dns:broker.example");
        assert_eq!(san("DNS:broker.example"), "dns:broker.example");
        assert_eq!(san("192.0.2.1"), "ip:192.0.2.1");
        assert_eq!(san("::1"), "ip:::1");
        assert_eq!(san("ip:[2001:db8::1]"), "ip:2001:db8::1");
        assert_eq!(san("https://tb.example:8080/x?y"), "uri:https://tb.example:8080/x?y");
        assert_eq!(
            san("uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
            "uri:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
        );
        assert_eq!(san("ops@tb.example"), "email:ops@tb.example");
        assert_eq!(san("localhost"), "dns:localhost");
    }

    #[test]
    fn dns_names_become_what_verifiers_compare() {
        assert_eq!(san("Broker.EXAMPLE."), "dns:broker.example");
        assert_eq!(san("bücher.example"), "dns:xn--bcher-kva.example");
        assert_eq!(san("*.中文.example"), "dns:*.xn--fiq228c.example");
        assert_eq!(san("post@bücher.example"), "email:post@xn--bcher-kva.example");
        assert_eq!(san("tb_mqtt"), "dns:tb_mqtt");
    }

    #[test]
    fn names_that_no_client_could_verify_are_refused() {
        let long_label = format!("{}.example", "a".repeat(64));
        // 263 characters, ten more than a DNS name has.
        let long_name = format!("{}example", "abcdefg.".repeat(32));
        for text in [
            "",
            " ",
            ".",
            "dns:",
            "not a host!",
            "a..b",
            ".a",
            "-a.example",
            "a-.example",
            "a.*.example",
            "w*.example",
            "*",
            "*.com",
            // No address, and as a host name it would end in a number.
            "192.168.1.256",
            "dns:10.0.0.1",
            "ip:localhost",
            "10.0.0.0/8",
            "fe80::1%eth0",
            "uri:nothing",
            "https://",
            "https:///path",
            "https://a b",
            "https://a/%zz",
            "http://[bad",
            "uri:http://a:b:c/",
            "uri:http://..a/",
            "email:a",
            "@a.example",
            "a@",
            "ä@a.example",
            "a b@c.example",
            "a@*.c.example",
            "a\0.example",
            // Punycode that no name is encoded as.
            "xn--a.example",
            "oid:1.2.3",
            "a@b@c.example",
            &long_label,
            &long_name,
        ] {
            let error = text.parse::<San>().unwrap_err();
            assert_eq!(error.code(), Code::BadSan, "{text:?}");
        }
    }

    #[test]
    fn serde_uses_the_text() {
        let names: Vec<San> = serde_json::from_str(r#"["ip:127.0.0.1", "localhost"]"#).unwrap();
        assert_eq!(serde_json::to_string(&names).unwrap(), r#"["ip:127.0.0.1","dns:localhost"]"#);
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_ascii_and_reads_back(text in any::<String>()) {
            for text in [text.clone(), format!("dns:{text}"), format!("uri:a:{text}"), format!("a@{text}")] {
                if let Ok(san) = text.parse::<San>() {
                    prop_assert!(san.to_string().is_ascii());
                    prop_assert_eq!(san.to_string().parse::<San>().unwrap(), san);
                }
            }
        }

        #[test]
        fn every_address_reads_back(address in any::<IpAddr>()) {
            prop_assert_eq!(address.to_string().parse::<San>().unwrap(), San::Ip(address));
        }
    }
}
