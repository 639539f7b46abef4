//! Names compared by RFC 5280, section 7.1: case, runs of white space and the string type do not count.

use super::attribute::{Attribute, AttributeValue};
use super::{Rdn, Subject};

impl Subject {
    /// True if the other is the same name. This differs from `==`, which compares the encodings.
    pub fn is_same_name(&self, other: &Subject) -> bool {
        self.der == other.der || comparable(self).eq(comparable(other))
    }

    /// As [`is_same_name`](Self::is_same_name), but only the letters and the white space of ASCII are folded, as OpenSSL does.
    pub(crate) fn is_same_name_in_ascii(&self, other: &Subject) -> bool {
        self.der == other.der || compared(self, in_ascii).eq(compared(other, in_ascii))
    }

    /// Whether the name lies in the subtree below `base`, of which `base` itself is a part (RFC 5280, section
    /// 4.2.1.10): its first attributes are those of `base`.
    pub fn is_within(&self, base: &Subject) -> bool {
        self.rdns.len() >= base.rdns.len() && comparable(base).zip(comparable(self)).all(|(base, own)| base == own)
    }

    /// The values of the emailAddress attributes, which name constraints for e-mail addresses bind as well.
    pub(crate) fn email_addresses(&self) -> impl Iterator<Item = &str> {
        self.rdns.iter().flat_map(|rdn| rdn.iter()).filter_map(|attribute| {
            match (attribute.name.as_ref(), &attribute.value) {
                ("emailAddress", AttributeValue::Text(text)) => Some(text.as_str()),
                _ => None,
            }
        })
    }
}

/// The Name with this DER in a form that is equal for equal names (RFC 5280, section 7.1). A name that cannot be read is
/// equal to its copy only.
pub(crate) fn comparison_key(der: &[u8]) -> Vec<u8> {
    let Ok(name) = Subject::from_der(der) else { return der.to_vec() };
    let mut key = Vec::with_capacity(der.len());
    for rdn in comparable(&name) {
        for (kind, value) in &rdn {
            for part in [kind.as_bytes(), value] {
                key.extend_from_slice(&part.len().to_be_bytes());
                key.extend_from_slice(part);
            }
        }
        // A length that no part has ends each set: one set of two attributes is another name than two sets of one.
        key.extend_from_slice(&usize::MAX.to_be_bytes());
    }
    key
}

/// Each RDN as its (type, value) pairs, in an order that does not depend on who encoded the SET.
fn comparable(name: &Subject) -> impl Iterator<Item = Vec<(&str, Vec<u8>)>> {
    compared(name, folded)
}

fn compared(name: &Subject, fold: fn(&str) -> String) -> impl Iterator<Item = Vec<(&str, Vec<u8>)>> {
    name.rdns.iter().map(move |rdn: &Rdn| {
        let value = |attribute: &Attribute| match &attribute.value {
            AttributeValue::Text(text) => fold(text).into_bytes(),
            AttributeValue::Der(der) => der.clone(),
        };
        let mut pairs: Vec<_> = rdn.iter().map(|attribute| (attribute.name.as_ref(), value(attribute))).collect();
        pairs.sort();
        pairs
    })
}

// The other steps of RFC 4518, such as normalization, are left out: in doubt two names are different.
fn folded(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

fn in_ascii(text: &str) -> String {
    text.split_ascii_whitespace().map(str::to_ascii_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asn1::tlv::{OBJECT_IDENTIFIER, SEQUENCE, SET, tlv};

    const CN: &[u8] = &[0x55, 4, 3];
    const O: &[u8] = &[0x55, 4, 10];

    /// A name of one attribute per RDN, each given as (type, string tag, content).
    fn name(attributes: &[(&[u8], u8, &[u8])]) -> Subject {
        let rdns: Vec<u8> = attributes
            .iter()
            .flat_map(|(kind, tag, value)| {
                tlv(SET, &tlv(SEQUENCE, &[tlv(OBJECT_IDENTIFIER, kind), tlv(*tag, value)].concat()))
            })
            .collect();
        Subject::from_der(&tlv(SEQUENCE, &rdns)).unwrap()
    }

    #[test]
    fn case_spaces_and_string_types_do_not_distinguish_names() {
        let printable = name(&[(CN, 0x13, b"Issuing  CA ")]);
        let key = |name: &Subject| comparison_key(&name.der);
        assert_eq!(key(&printable), key(&name(&[(CN, 0x0c, b"issuing ca")])));
        assert_eq!(key(&printable), key(&name(&[(CN, 0x1e, b"\0I\0s\0s\0u\0i\0n\0g\0 \0c\0a")])));
        assert_ne!(key(&printable), key(&name(&[(CN, 0x13, b"IssuingCA")])));
        assert_ne!(key(&printable), key(&name(&[(O, 0x13, b"Issuing CA")])));
        // The same text in two attributes is another name.
        assert_ne!(key(&printable), key(&name(&[(CN, 0x13, b"Issuing"), (CN, 0x13, b"CA")])));
        assert_eq!(comparison_key(b"\x30\x05junk"), b"\x30\x05junk");
        assert!(printable.is_same_name(&name(&[(CN, 0x0c, b"issuing ca")])));
        assert!(!printable.is_same_name(&name(&[(CN, 0x13, b"IssuingCA")])));
        assert!(!printable.is_same_name(&name(&[(O, 0x13, b"Issuing CA")])));
        assert!(!printable.is_same_name(&name(&[(CN, 0x13, b"Issuing CA"), (CN, 0x13, b"Issuing CA")])));
    }

    #[test]
    fn openssl_folds_the_letters_of_ascii_only() {
        let own = name(&[(O, 0x0c, "ÄCME Ltd".as_bytes())]);
        for (other, both) in [("ÄCME  LTD", true), ("äcme ltd", false), ("ÄCME\u{a0}Ltd", false)] {
            let other = name(&[(O, 0x0c, other.as_bytes())]);
            assert_eq!((own.is_same_name(&other), own.is_same_name_in_ascii(&other)), (true, both), "{other}");
        }
    }

    #[test]
    fn a_subtree_holds_the_names_that_begin_with_it() {
        let base = name(&[(O, 0x13, b"Acme")]);
        let below = name(&[(O, 0x0c, b"ACME"), (CN, 0x0c, b"x")]);
        assert!(below.is_within(&base));
        assert!(base.is_within(&base));
        assert!(!base.is_within(&below));
        assert!(!name(&[(CN, 0x0c, b"x"), (O, 0x0c, b"Acme")]).is_within(&base));
    }
}
