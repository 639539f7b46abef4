//! The rules of DER (X.690, sections 8, 10 and 11) that decide whether strict readers take an encoding.
//!
//! OpenSSL reads much that is only BER. Go, Java and rustls do not.

use super::reader::{DerReader, Element};

/// The deepest nesting that is read; certificates need about ten levels.
const MAX_DEPTH: usize = 40;

/// The first rule of DER that the encoding breaks, in a few words. `der` is exactly one element.
pub(crate) fn fault(der: &[u8]) -> Option<String> {
    let mut reader = DerReader::new(der);
    let element = match reader.next() {
        Ok(element) => element,
        Err(fault) => return Some(fault.to_owned()),
    };
    if !reader.is_empty() {
        return Some("octets follow the end of an element".to_owned());
    }
    element_fault(&element, 0)
}

fn element_fault(element: &Element<'_>, depth: usize) -> Option<String> {
    // The recursion follows the input, so a hostile file could otherwise exhaust the stack.
    if depth > MAX_DEPTH {
        return Some("its elements are nested too deeply".to_owned());
    }
    if element.is_constructed() {
        // Only SEQUENCE and SET are constructed in DER (X.690, section 10.2). BER allows a string in pieces, which Go
        // and Java refuse.
        if element.is_universal() && !matches!(element.number(), 16 | 17) {
            return Some(format!("{} is written in pieces", with_article(type_name(element.number()))));
        }
        let mut reader = DerReader::new(element.content);
        while !reader.is_empty() {
            match reader.next() {
                Ok(inner) => {
                    if let Some(fault) = element_fault(&inner, depth + 1) {
                        return Some(fault);
                    }
                }
                Err(fault) => return Some(fault.to_owned()),
            }
        }
        return None;
    }
    if element.is_universal() { primitive_fault(element.number(), element.content) } else { None }
}

/// The fault of the content of a primitive universal type.
fn primitive_fault(number: u8, content: &[u8]) -> Option<String> {
    let is_legal = match number {
        // Encodings of true other than 0xff are BER only (X.690, section 11.1).
        1 => matches!(content, [0x00 | 0xff]),
        2 | 10 => is_integer(content),
        3 => is_bit_string(content),
        5 => content.is_empty(),
        6 => is_identifier(content),
        12 => str::from_utf8(content).is_ok(),
        16 | 17 => false,
        // NumericString has digits and spaces alone (X.680, section 41.2).
        18 => content.iter().all(|octet| octet.is_ascii_digit() || *octet == b' '),
        19 => content.iter().copied().all(is_printable),
        22 | 26 => content.is_ascii(),
        23 => is_time(content, 12),
        24 => is_time(content, 14),
        28 => is_universal_string(content),
        30 => is_bmp_string(content),
        // The end-of-contents octets of BER's indefinite length, which DER does not have.
        0 => return Some("it has an element of the reserved type 0".to_owned()),
        _ => true,
    };
    (!is_legal).then(|| format!("{} has a content that the type does not allow", with_article(type_name(number))))
}

/// Two's complement in as few octets as possible (X.690, section 8.3.2).
fn is_integer(content: &[u8]) -> bool {
    match content {
        [] => false,
        [_] => true,
        // The first nine bits must differ: otherwise a shorter encoding of the same number exists.
        [first, second, ..] => !matches!((first, second & 0x80), (0x00, 0x00) | (0xff, 0x80)),
    }
}

/// The number of unused bits, which are zero (X.690, section 11.2.1).
fn is_bit_string(content: &[u8]) -> bool {
    match content {
        [] => false,
        [unused] => *unused == 0,
        [unused @ 0..8, .., last] => last.trailing_zeros() >= u32::from(*unused),
        _ => false,
    }
}

/// Arcs in as few octets as possible, the last one complete (X.690, section 8.19.2).
pub(crate) fn is_identifier(content: &[u8]) -> bool {
    let mut is_start = true;
    for octet in content {
        if is_start && *octet == 0x80 {
            // An arc that begins with 0x80 has a redundant leading zero.
            return false;
        }
        is_start = octet & 0x80 == 0;
    }
    is_start && !content.is_empty()
}

/// The alphabet of PrintableString (X.680, section 41.4), and the two characters beyond it that readers let pass.
fn is_printable(octet: u8) -> bool {
    // The asterisk and the ampersand are not in the alphabet. Wildcard names and company names use them, and Go allows
    // both.
    octet.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(&octet)
}

/// So many digits and a Z (RFC 5280, section 4.1.2.5).
fn is_time(content: &[u8], digits: usize) -> bool {
    // Seconds are mandatory and offsets are forbidden in certificates, unlike in plain ASN.1.
    matches!(content.split_last(), Some((b'Z', rest)) if rest.len() == digits && rest.iter().all(u8::is_ascii_digit))
}

fn is_universal_string(content: &[u8]) -> bool {
    let mut units = content.chunks(4).map(<[u8; 4]>::try_from);
    // Surrogates are code units of UTF-16 and no characters, so UniversalString (UCS-4) must not contain them.
    units.all(|unit| unit.is_ok_and(|unit| char::from_u32(u32::from_be_bytes(unit)).is_some()))
}

fn is_bmp_string(content: &[u8]) -> bool {
    // BMPString is UCS-2, in which a surrogate is no character, not even as one of a pair: OpenSSL and Go refuse them.
    content.chunks(2).all(|unit| matches!(unit, [high, _] if !matches!(high, 0xd8..=0xdf)))
}

/// `an INTEGER`, `a SET`. Names are read aloud, so that a UTCTime has no vowel in front.
fn with_article(name: &str) -> String {
    let article = if name.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {name}")
}

/// The name of a universal type (X.680, section 8.4).
pub(crate) fn type_name(number: u8) -> &'static str {
    match number {
        1 => "BOOLEAN",
        2 => "INTEGER",
        3 => "BIT STRING",
        4 => "OCTET STRING",
        5 => "NULL",
        6 => "OBJECT IDENTIFIER",
        10 => "ENUMERATED",
        12 => "UTF8String",
        16 => "SEQUENCE",
        17 => "SET",
        18 => "NumericString",
        19 => "PrintableString",
        20 => "TeletexString",
        22 => "IA5String",
        23 => "UTCTime",
        24 => "GeneralizedTime",
        26 => "VisibleString",
        27 => "GeneralString",
        28 => "UniversalString",
        30 => "BMPString",
        _ => "value of an unusual type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_is_taken() {
        for der in [
            &b"\x30\x00"[..],
            b"\x02\x01\x00",
            // 128 needs the zero, which 127 below must not have.
            b"\x02\x02\x00\x80",
            b"\x02\x01\xff",
            b"\x01\x01\xff",
            b"\x03\x01\x00",
            b"\x03\x02\x07\x80",
            b"\x06\x03\x55\x04\x03",
            b"\x0c\x02\xc3\xa4",
            b"\x13\x02a*",
            b"\x17\x0d250101000000Z",
            b"\x18\x0f20500101000000Z",
            b"\x1e\x04\x00a\x00b",
            // The characters on both sides of the surrogates.
            b"\x1e\x04\xd7\xff\xe0\x00",
            b"\xa0\x03\x02\x01\x02",
            b"\x80\x00",
            b"\x31\x05\x30\x03\x02\x01\x01",
        ] {
            assert_eq!(fault(der), None, "{der:02x?}");
        }
    }

    #[test]
    fn what_is_only_ber_is_a_fault() {
        for (der, said) in [
            (&b"\x30\x80\x00\x00"[..], "indefinite"),
            (b"\x30\x81\x00", "longer than it must be"),
            (b"\x30\x82\x00\x03\x02\x01\x00", "longer than it must be"),
            (b"\x30\x02\x05", "ends too early"),
            (b"\x1f\x01\x00", "long form"),
            (b"\x30\x00\x00", "octets follow"),
            (b"\x02\x00", "INTEGER"),
            (b"\x02\x02\x00\x7f", "INTEGER"),
            (b"\x02\x02\xff\x80", "INTEGER"),
            (b"\x01\x01\x01", "BOOLEAN"),
            (b"\x01\x00", "BOOLEAN"),
            (b"\x03\x00", "BIT STRING"),
            (b"\x03\x01\x01", "BIT STRING"),
            (b"\x03\x02\x08\x00", "BIT STRING"),
            (b"\x03\x02\x07\x81", "BIT STRING"),
            (b"\x05\x01\x00", "NULL"),
            (b"\x06\x00", "OBJECT IDENTIFIER"),
            (b"\x06\x02\x55\x84", "OBJECT IDENTIFIER"),
            // An arc with a zero in front.
            (b"\x06\x03\x55\x80\x01", "OBJECT IDENTIFIER"),
            (b"\x0c\x01\xff", "UTF8String"),
            (b"\x13\x01@", "PrintableString"),
            (b"\x16\x01\x80", "IA5String"),
            (b"\x12\x01a", "NumericString"),
            (b"\x17\x0b2501010000Z", "UTCTime"),
            (b"\x17\x11250101000000+0100", "UTCTime"),
            (b"\x18\x1120500101000000.5Z", "GeneralizedTime"),
            (b"\x1e\x01a", "BMPString"),
            // Half of a surrogate pair, and a whole one.
            (b"\x1e\x02\xd8\x00", "BMPString"),
            (b"\x1e\x04\xd8\x3d\xde\x00", "BMPString"),
            (b"\x1e\x02\xdf\xff", "BMPString"),
            (b"\x1c\x03\x00\x00\x00", "UniversalString"),
            (b"\x24\x03\x04\x01a", "OCTET STRING is written in pieces"),
            (b"\x10\x00", "SEQUENCE"),
            (b"\x30\x02\x02\x00", "INTEGER"),
            (b"\x00\x00", "type 0"),
        ] {
            let fault = fault(der).unwrap_or_default();
            assert!(fault.contains(said), "{der:02x?}: {fault:?}");
        }
        let mut deep = Vec::new();
        // Deeper than any structure of certificates, as an attack on a reader that recurses.
        for _ in 0..60 {
            deep = super::super::tlv::tlv(0x30, &deep);
        }
        assert!(fault(&deep).is_some_and(|fault| fault.contains("too deeply")));
    }

    #[test]
    fn types_have_their_article() {
        for (der, text) in [
            (&b"\x06\x00"[..], "an OBJECT IDENTIFIER has a content that the type does not allow"),
            (b"\x16\x01\x80", "an IA5String has a content that the type does not allow"),
            (b"\x02\x00", "an INTEGER has a content that the type does not allow"),
            (b"\x0a\x00", "an ENUMERATED has a content that the type does not allow"),
            (b"\x0c\x01\xff", "a UTF8String has a content that the type does not allow"),
            (b"\x17\x01a", "a UTCTime has a content that the type does not allow"),
            (b"\x1c\x01a", "a UniversalString has a content that the type does not allow"),
            (b"\x24\x03\x04\x01a", "an OCTET STRING is written in pieces"),
        ] {
            assert_eq!(fault(der).as_deref(), Some(text));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..100)) {
            let _fault = fault(&bytes);
        }
    }
}
