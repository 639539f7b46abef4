//! Fields of a certificate from a client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::clock;

pub(crate) mod pem;

/// The DER as one line of base64: what credentials hold and hash.
pub(crate) fn one_line(der: &[u8]) -> String {
    STANDARD.encode(der)
}

/// Reads one certificate, and nothing behind it.
pub(crate) fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (rest, certificate) = X509Certificate::from_der(der).ok()?;
    rest.is_empty().then_some(certificate)
}

/// True within the validity of a leaf, the only check of a leaf at CONNECT.
pub(crate) fn is_valid_now(der: &[u8]) -> bool {
    let now = clock::seconds();
    parse(der).is_some_and(|certificate| {
        let validity = certificate.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
    })
}

/// The subject's first common name, escaped as BouncyCastle writes values.
pub(crate) fn common_name(der: &[u8]) -> Option<String> {
    let certificate = parse(der)?;
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(escape)
}

/// The subject, as DER.
pub(crate) fn subject(der: &[u8]) -> Option<Vec<u8>> {
    parse(der).map(|certificate| certificate.subject().as_raw().to_vec())
}

fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    if value.starts_with('#') {
        text.push('\\');
    }
    for c in value.chars() {
        if ",\"\\+=<>;".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    let spaces = text.len() - text.trim_start_matches(' ').len();
    let text = format!("{}{}", "\\ ".repeat(spaces), text.trim_start_matches(' '));
    let body = text.trim_end_matches(' ');
    let trailing = text.len() - body.len();
    // A value of spaces alone has been escaped from the front.
    if trailing == 0 || body.ends_with('\\') { text } else { format!("{body}{}", "\\ ".repeat(trailing)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_like_those_of_bouncy_castle() {
        for (value, escaped) in [
            ("a,b+c=x", "a\\,b\\+c\\=x"),
            ("plain name", "plain name"),
            ("#1", "\\#1"),
            (" a ", "\\ a\\ "),
            ("a\\b", "a\\\\b"),
            ("<\">;", "\\<\\\"\\>\\;"),
        ] {
            assert_eq!(escape(value), escaped, "{value}");
        }
    }
}
