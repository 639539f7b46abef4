//! Fields of a certificate from a client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x509_parser::asn1_rs::{Any, Tag, ToDer as _};
use x509_parser::oid_registry::OID_X509_COMMON_NAME;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, X509Certificate};

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

/// True within the validity of a leaf, the only check of a leaf at CONNECT, by a clock that is so many seconds ahead.
pub(crate) fn is_valid(der: &[u8], clock_offset: i64) -> bool {
    let now = clock::seconds() + clock_offset;
    parse(der).is_some_and(|certificate| {
        let validity = certificate.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
    })
}

/// The common name of the subject as ThingsBoard reads it: the first set of attributes with a common name, and of this set
/// the first value, whatever its type. ThingsBoard asks BouncyCastle for `getRDNs(CN)[0].getFirst().getValue()`.
pub(crate) fn common_name(der: &[u8]) -> Option<String> {
    let certificate = parse(der)?;
    let is_common_name = |attribute: &AttributeTypeAndValue<'_>| *attribute.attr_type() == OID_X509_COMMON_NAME;
    let first = certificate.subject().iter_rdn().find(|rdn| rdn.iter().any(is_common_name))?.iter().next()?;
    Some(value_text(first.attr_value()))
}

/// `IETFUtils.valueToString`: the text of a string, escaped; else `#` and the encoding in hexadecimal.
fn value_text(value: &Any<'_>) -> String {
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            Some(String::from_utf8_lossy(value.data).into_owned())
        }
        // BouncyCastle reads TeletexString as Latin-1.
        Tag::TeletexString => Some(value.data.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let units =
                value.data.chunks_exact(2).map(|unit| unit.iter().fold(0, |sum, octet| sum << 8 | u16::from(*octet)));
            Some(String::from_utf16_lossy(&units.collect::<Vec<u16>>()))
        }
        // A UniversalString is an ASN1String, and the code excludes it by name.
        _ => None,
    };
    match text {
        Some(text) => escape(&text),
        None => {
            let encoded = value.to_der_vec().unwrap_or_default();
            encoded.iter().fold("#".to_owned(), |text, octet| format!("{text}{octet:02x}"))
        }
    }
}

/// The subject, as DER.
pub(crate) fn subject(der: &[u8]) -> Option<Vec<u8>> {
    parse(der).map(|certificate| certificate.subject().as_raw().to_vec())
}

fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    // RFC 4514 escapes a number sign at the front alone, where it would announce hexadecimal digits.
    if value.starts_with('#') {
        text.push('\\');
    }
    for c in value.chars() {
        if ",\"\\+=<>;".contains(c) {
            text.push('\\');
        }
        text.push(c);
    }
    // Spaces at either end are escaped (RFC 4514, section 2.4), and there may be several: BouncyCastle does each of
    // them.
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

    /// The last octet of the type below 2.5.4, the string tag and the content of an attribute.
    type Parts<'a> = (u8, u8, &'a [u8]);

    /// A self-signed certificate whose subject is these sets of attributes.
    fn certificate(sets: &[&[Parts<'_>]]) -> Vec<u8> {
        let element = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap()], content].concat();
        let attribute = |(kind, tag, value): &Parts<'_>| {
            element(0x30, &[element(6, &[0x55, 4, *kind]), element(*tag, value)].concat())
        };
        let sets = sets.iter().flat_map(|set| element(0x31, &set.iter().flat_map(attribute).collect::<Vec<u8>>()));
        let subject = element(0x30, &sets.collect::<Vec<u8>>());
        // The name of a made certificate is replaced; nothing here checks its signature.
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "x".repeat(subject.len() - 13));
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let (start, end) = {
            let parsed = parse(&made).unwrap();
            let raw = parsed.subject().as_raw();
            assert_eq!(raw.len(), subject.len());
            let start = raw.as_ptr() as usize - made.as_ptr() as usize;
            (start, start + raw.len())
        };
        [&made[..start], &subject, &made[end..]].concat()
    }

    #[test]
    fn the_name_is_the_first_value_of_the_first_set_with_a_common_name() {
        const CN: u8 = 3;
        let name = |sets: &[&[Parts<'_>]]| common_name(&certificate(sets)).unwrap();
        assert_eq!(name(&[&[(CN, 12, b"pump-1")], &[(CN, 12, b"pump-2")]]), "pump-1");
        // DER sorts the shorter attribute first.
        assert_eq!(name(&[&[(5, 19, b"pump-2"), (CN, 12, b"pump-10-long")]]), "pump-2");
        assert_eq!(name(&[&[(11, 12, b"a"), (10, 12, b"b")], &[(CN, 12, b"pump-1")]]), "pump-1");
        assert_eq!(name(&[&[(CN, 20, b"M\xfcller-pump")]]), "M\u{fc}ller-pump");
        assert_eq!(name(&[&[(CN, 30, b"\0p\0u\0m\0p\0-\x001")]]), "pump-1");
        assert_eq!(name(&[&[(CN, 4, b"pump-1")]]), "#040670756d702d31");
        assert_eq!(name(&[&[(CN, 28, b"\0\0\0p\0\0\0q")]]), "#1c080000007000000071");
    }

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
