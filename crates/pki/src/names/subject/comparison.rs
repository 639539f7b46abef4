//! Names compared by RFC 5280, section 7.1: case, runs of white space and the string type do not count.

use super::attribute::{Attribute, AttributeValue};
use super::{Rdn, Subject};
use crate::asn1::tlv::{PRINTABLE_STRING, UTF8_STRING};

impl Subject {
    /// True if the other is the same name. This differs from `==`, which compares the encodings.
    pub fn is_same_name(&self, other: &Subject) -> bool {
        self.der == other.der || comparable(self).eq(comparable(other))
    }

    /// As [`is_same_name`](Self::is_same_name), but only the letters and the white space of ASCII are folded, as OpenSSL does.
    pub(crate) fn is_same_name_in_ascii(&self, other: &Subject) -> bool {
        self.der == other.der || compared(self, in_ascii).eq(compared(other, in_ascii))
    }

    /// As [`is_same_name`](Self::is_same_name), but compared as `X500Principal.equals` of Java does, by which it finds the
    /// issuer of a certificate: as text only if the type is one of RFC 2253, section 2.3, and the value is a PrintableString
    /// or a UTF8String; else octet by octet. Of white space only blanks are folded.
    pub(crate) fn is_same_name_in_java(&self, other: &Subject) -> bool {
        let values = |name| compared_by(name, |attribute: &Attribute| in_java(attribute));
        self.der == other.der || values(self).eq(values(other))
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
    compared_by(name, move |attribute: &Attribute| match &attribute.value {
        AttributeValue::Text(text) => fold(text).into_bytes(),
        AttributeValue::Der(der) => der.clone(),
    })
}

fn compared_by(name: &Subject, value: impl Fn(&Attribute) -> Vec<u8>) -> impl Iterator<Item = Vec<(&str, Vec<u8>)>> {
    name.rdns.iter().map(move |rdn: &Rdn| {
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

/// The types that Java knows by a short name when it compares names.
const JAVA_TYPES: [&str; 9] = ["CN", "C", "L", "ST", "O", "OU", "street", "DC", "UID"];

/// The value of an attribute as Java compares it (`AVA.toRFC2253CanonicalString`).
fn in_java(attribute: &Attribute) -> Vec<u8> {
    let whole = attribute.value_der();
    let is_text = matches!(whole.first(), Some(&(PRINTABLE_STRING | UTF8_STRING)));
    match &attribute.value {
        AttributeValue::Text(text) if is_text && JAVA_TYPES.contains(&attribute.name.as_ref()) => {
            let mut folded = String::with_capacity(text.len());
            for c in text.chars() {
                if c != ' ' || !folded.ends_with(' ') {
                    folded.push(c);
                }
            }
            let folded = folded.trim_matches(|c: char| c <= ' ').to_uppercase().to_lowercase();
            // Normalization comes last and makes blanks of these, which it does not fold. In all else the names that are
            // compared here are equal after it if they are before.
            let is_wide_blank =
                |c: char| matches!(c, '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}');
            folded.replace(is_wide_blank, " ").into_bytes()
        }
        _ => whole.to_vec(),
    }
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
    fn java_compares_few_types_and_two_kinds_of_strings_as_text() {
        const EMAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];
        const DC: &[u8] = &[9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 0x19];
        const SERIAL: &[u8] = &[0x55, 4, 5];
        let pair = |one: (&[u8], u8, &[u8]), other: (&[u8], u8, &[u8])| {
            let (one, other) = (name(&[one]), name(&[other]));
            assert!(one.is_same_name(&other) && one.is_same_name_in_java(&one));
            one.is_same_name_in_java(&other)
        };
        // What `X500Principal.equals` of JDK 17 returns.
        for (one, other, is_same) in [
            ((O, 0x13, &b"Acme  Co"[..]), (O, 0x0c, &b" ACME Co "[..]), true),
            ((O, 0x0c, "ÄCME straße".as_bytes()), (O, 0x0c, "äcme strasse".replace("ss", "ß").as_bytes()), true),
            ((O, 0x0c, "a\u{a0}b".as_bytes()), (O, 0x0c, b"a b"), true),
            ((O, 0x0c, b"a\tb"), (O, 0x0c, b"a b"), false),
            ((O, 0x14, b"Acme & Co"), (O, 0x0c, b"Acme & Co"), false),
            ((O, 0x1e, b"\0C\0A"), (O, 0x0c, b"CA"), false),
            ((O, 0x16, b"CA"), (O, 0x13, b"CA"), false),
            ((DC, 0x16, b"plant"), (DC, 0x16, b"PLANT"), false),
            ((DC, 0x0c, b"plant"), (DC, 0x0c, b"PLANT"), true),
            ((EMAIL, 0x16, b"ca@acme.example"), (EMAIL, 0x16, b"CA@acme.example"), false),
            ((EMAIL, 0x0c, b"ca@acme.example"), (EMAIL, 0x0c, b"CA@acme.example"), false),
            ((SERIAL, 0x13, b"A1"), (SERIAL, 0x0c, b"a1"), false),
        ] {
            assert_eq!(pair(one, other), is_same, "{one:?} {other:?}");
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
