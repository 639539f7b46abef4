//! Distinguished names of foreign certificates, which may be anything that the parser let through.

use crate::asn1::canonical::type_name;
use crate::asn1::oid;
use crate::asn1::reader::DerReader;
use crate::asn1::tlv::{OBJECT_IDENTIFIER, SEQUENCE, SET};
use crate::names::subject::Subject;

/// The name with this DER as RFC 4514 writes it. Safe to print.
pub fn text(der: &[u8]) -> String {
    Subject::from_der(der).map_or_else(|_| "(unreadable name)".to_owned(), |name| name.to_string())
}

/// True if two names are the same by RFC 5280, section 7.1.
pub(crate) fn equal(one: &[u8], other: &[u8]) -> bool {
    one == other
        || match (Subject::from_der(one), Subject::from_der(other)) {
            (Ok(one), Ok(other)) => one.is_same_name(&other),
            _ => false,
        }
}

/// The reason for which strict readers refuse a Name (RFC 5280, section 4.1.2.4), as the end of "its subject ..".
pub(crate) fn fault(der: &[u8]) -> Option<String> {
    const OTHER: &str = "is not a list of sets of attributes";
    let mut whole = DerReader::new(der);
    let Some(name) = whole.optional(SEQUENCE).filter(|_| whole.is_empty()) else { return Some(OTHER.to_owned()) };
    let mut rdns = DerReader::new(name.content);
    while !rdns.is_empty() {
        let Some(rdn) = rdns.optional(SET) else { return Some(OTHER.to_owned()) };
        if rdn.content.is_empty() {
            return Some("has an empty set of attributes".to_owned());
        }
        let mut attributes = DerReader::new(rdn.content);
        while !attributes.is_empty() {
            let Some(attribute) = attributes.optional(SEQUENCE) else { return Some(OTHER.to_owned()) };
            let mut parts = DerReader::new(attribute.content);
            let (kind, value) = (parts.optional(OBJECT_IDENTIFIER), parts.next());
            match (kind, value) {
                (Some(kind), Ok(value)) if parts.is_empty() => {
                    if oid::has_large_arc(kind.content) {
                        return Some(format!(
                            "has an attribute of the type {}, whose number Go cannot read",
                            oid::text(kind.content)
                        ));
                    }
                    // UTF8String, NumericString, PrintableString, TeletexString, IA5String and BMPString: Go has no others.
                    if !matches!(value.tag, 12 | 18 | 19 | 20 | 22 | 30) {
                        return Some(format!(
                            "has the type {} as a value, which Go cannot read",
                            type_name(value.number())
                        ));
                    }
                }
                _ => return Some("has an attribute that is not a type and a value".to_owned()),
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_go_cannot_read_have_a_fault() {
        assert_eq!(fault(b"\x30\x00"), None);
        assert_eq!(fault(b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01a"), None);
        for (der, said) in [
            (&b"\x31\x00"[..], "not a list"),
            (b"\x30\x00\x00", "not a list"),
            (b"\x30\x02\x31\x00", "empty set"),
            (b"\x30\x02\x30\x00", "not a list"),
            (b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x02\x01a", "type INTEGER as a value"),
            (b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x1a\x01a", "type VisibleString as a value"),
            (b"\x30\x09\x31\x07\x30\x05\x06\x03\x55\x04\x03", "not a type and a value"),
            (b"\x30\x0f\x31\x0d\x30\x0b\x06\x06\x69\x88\x80\x80\x80\x00\x0c\x01a", "type 2.25.2147483648, whose"),
        ] {
            let fault = fault(der).unwrap_or_default();
            assert!(fault.contains(said), "{der:02x?}: {fault}");
        }
    }

    #[test]
    fn an_unreadable_name_is_equal_to_its_copy_only() {
        assert_eq!(text(b"\x30\x05junk"), "(unreadable name)");
        assert!(equal(b"\x30\x05junk", b"\x30\x05junk"));
        assert!(!equal(b"\x30\x05junk", b"\x30\x04junk"));
    }
}
