//! Absolute URIs (RFC 3986) in subject alternative names.
//!
//! Go parses each URI while it reads a certificate and refuses the whole certificate if one is malformed.

use std::net::Ipv6Addr;

/// The reason for which the text is not a URI for a certificate, as the end of "it ..".
pub(crate) fn check(text: &str) -> Result<(), &'static str> {
    parse(text, false)
}

/// Go and Java read brackets behind a `?` or a `#`, and behind a scheme without a path, where RFC 3986 has none.
fn parse(text: &str, has_late_brackets: bool) -> Result<(), &'static str> {
    let (scheme, rest) = text.split_once(':').ok_or("has no scheme such as https:")?;
    let mut letters = scheme.bytes();
    if !letters.next().is_some_and(|b| b.is_ascii_alphabetic())
        || !letters.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    {
        return Err("has no scheme such as https:");
    }
    if rest.is_empty() {
        return Err("ends after its scheme");
    }
    let (authority, path) = split_authority(rest);
    check_characters(authority.unwrap_or_default(), true)?;
    let is_opaque = authority.is_none() && !path.starts_with('/');
    let end = if is_opaque { 0 } else { path.find(['?', '#']).unwrap_or(path.len()) };
    let (path, query) = path.split_at(end);
    check_characters(path, false)?;
    check_characters(query, has_late_brackets)?;
    authority.map_or(Ok(()), check_authority)
}

/// True for an absolute URI, and for a text that Go accepts as a relative one.
pub(crate) fn is_readable(text: &str) -> bool {
    // A relative reference with one of these characters makes net/url of Go fail.
    let is_harmless = |c: char| c.is_ascii_graphic() && !matches!(c, ':' | '%' | '[' | ']' | '\\' | '^' | '`');
    let is_relative = || {
        let host = split_authority(text).0.map_or("", host_and_port);
        text.chars().all(is_harmless) && (host.is_empty() || check_name(host).is_ok())
    };
    parse(text, true).is_ok() || is_relative()
}

/// The part after `//` up to the path, if there is one, and the part behind it.
fn split_authority(rest: &str) -> (Option<&str>, &str) {
    let Some(after) = rest.strip_prefix("//") else { return (None, rest) };
    let (authority, path) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
    (Some(authority), path)
}

/// Without the user part, which may contain an `@` itself.
fn host_and_port(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

fn check_characters(text: &str, may_have_brackets: bool) -> Result<(), &'static str> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_legal = match byte {
            b'%' => {
                // A percent sign alone is not a URI (RFC 3986, 2.1).
                let mut hex = || bytes.next().is_some_and(|b| b.is_ascii_hexdigit());
                hex() && hex()
            }
            // Brackets are for addresses alone (RFC 3986, section 3.2.2). Java refuses them in a path.
            b'[' | b']' => may_have_brackets,
            _ => byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&byte),
        };
        if !is_legal {
            return Err("holds characters that a URI has only percent-encoded");
        }
    }
    Ok(())
}

/// RFC 3986, section 3.2: `user@host:port`, of which user and port may be absent.
fn check_authority(authority: &str) -> Result<(), &'static str> {
    let address = host_and_port(authority);
    let user = authority.strip_suffix(address).unwrap_or_default();
    if user.contains(['[', ']']) {
        return Err("has brackets in its user part");
    }
    if let Some(literal) = address.strip_prefix('[') {
        let (host, port) = literal.split_once(']').ok_or("has a bracket in its host that is not closed")?;
        // Neither zones nor addresses of a future version: no reader of certificates compares them.
        host.parse::<Ipv6Addr>().map_err(|_| "has something else than an IPv6 address in the brackets of its host")?;
        return match port.strip_prefix(':') {
            Some(port) => check_port(port),
            None if port.is_empty() => Ok(()),
            None => Err("has characters between its host and its path"),
        };
    }
    let (host, port) = address.split_once(':').unwrap_or((address, ""));
    if host.is_empty() {
        return Err("has no host after its `//` (RFC 5280 wants one)");
    }
    check_port(port)?;
    check_name(host)
}

/// Digits, or nothing for the port of the scheme.
fn check_port(port: &str) -> Result<(), &'static str> {
    if port.bytes().all(|b| b.is_ascii_digit()) { Ok(()) } else { Err("has a port that is not a number") }
}

/// A host name or an IPv4 address.
fn check_name(host: &str) -> Result<(), &'static str> {
    if host.contains(['[', ']']) {
        return Err("has brackets in its host that do not enclose it");
    }
    // Go does not decode ASCII in hosts, and decodes other octets to a name that it refuses.
    if host.contains('%') {
        return Err("has a percent-encoded character in its host");
    }
    if host.split('.').any(str::is_empty) {
        return Err("has an empty label in its host, before, between or after dots");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// URIs that net/url and crypto/x509 of Go 1.26 and java.net.URI read.
    const GOOD: &[&str] = &[
        "https://tb.example:8080/x?y#z",
        "http://a",
        "http://a?b",
        "http://a:/",
        "http://10.0.0.1:80/",
        "http://[::1]",
        "http://[::1]:8080/x",
        "http://[::ffff:10.0.0.1]/",
        "http://user:secret@a/",
        "http://user%40x@a/",
        "http://a_b/",
        "http://a/%20",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "urn:dev:%41",
        "spiffe://plant.example/pump-1",
        "x:/path",
        "mailto:a@b.example",
    ];

    #[test]
    fn what_all_readers_parse_is_accepted() {
        for text in GOOD {
            assert_eq!(check(text), Ok(()), "{text}");
            assert!(is_readable(text), "{text}");
        }
    }

    #[test]
    fn a_malformed_authority_has_its_reason() {
        for (text, reason) in [
            ("http://[bad", "not closed"),
            ("http://[", "not closed"),
            ("http://[]/", "else than an IPv6 address"),
            ("http://[bad]/", "else than an IPv6 address"),
            ("http://[10.0.0.1]/", "else than an IPv6 address"),
            ("http://[v1.a]/", "else than an IPv6 address"),
            ("http://[fe80::1%25en0]/", "else than an IPv6 address"),
            ("http://[::1]x/", "between its host and its path"),
            ("http://[::1]:x/", "port that is not a number"),
            ("http://[::1]:80:80/", "port that is not a number"),
            ("http://[::1]]/", "between its host and its path"),
            ("http://x[::1]/", "port that is not a number"),
            ("http://a[b/", "do not enclose it"),
            ("http://a]/", "do not enclose it"),
            ("http://[u]@a/", "in its user part"),
            ("http://a:b:c/", "port that is not a number"),
            ("http://a:80:80/", "port that is not a number"),
            ("http://a:-1/", "port that is not a number"),
            ("http://..a/", "empty label"),
            ("http://.a/", "empty label"),
            ("http://a..b/", "empty label"),
            ("http://a./", "empty label"),
            ("http://.", "empty label"),
            ("http://a%41b/", "percent-encoded character in its host"),
            ("http://%c3%a4/", "percent-encoded character in its host"),
            ("http://", "no host"),
            ("http://:80/", "no host"),
            ("http://u@/", "no host"),
            ("http://a/%zz", "only percent-encoded"),
            ("http://a%z/", "only percent-encoded"),
            ("http://a/[x]", "only percent-encoded"),
            ("urn:[x]", "only percent-encoded"),
            ("http://a b/", "only percent-encoded"),
            ("http://a<b/", "only percent-encoded"),
            ("1http://a/", "no scheme"),
            (":x", "no scheme"),
            ("a", "no scheme"),
            ("x:", "ends after its scheme"),
        ] {
            let found = check(text).expect_err(text);
            assert!(found.contains(reason), "{text}: {found:?} lacks {reason:?}");
        }
    }

    #[test]
    fn relative_references_are_readable_only() {
        for text in ["pump.example", "/a/b", "//a/b", "///x", ""] {
            assert!(check(text).is_err() && is_readable(text), "{text}");
        }
        for text in ["http://a/?[x]", "http://a#[x]", "urn:[x]"] {
            assert!(check(text).is_err() && is_readable(text), "{text}");
        }
        for text in ["http://a/[x]", "x:/[x]", "//..a", "//a./b", "a b", "a%zz", ":x", "//[::1]", "http://[bad"] {
            assert!(!is_readable(text), "{text}");
        }
    }
}
