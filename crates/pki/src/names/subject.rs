//! Distinguished names.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use base::text::{is_deceptive, is_invisible};
use base::{Code, Result};
use serde::Serialize;
use x509_parser::prelude::{FromDer, RelativeDistinguishedName, X509Name};

use crate::asn1::tlv::{SEQUENCE, SET, push_header, tlv};

mod attribute;
mod comparison;
mod requested;
#[cfg(test)]
pub(crate) mod sample;
mod server;
pub use attribute::AttributeKind;
use attribute::{Attribute, AttributeValue};
pub(crate) use comparison::comparison_key;
pub(crate) use server::host_in;

/// A distinguished name (RFC 5280, section 4.1.2.4): of our making, or read from somewhere and kept byte
/// for byte, because verifiers compare the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    der: Vec<u8>,
    rdns: Vec<Rdn>,
}

/// One RelativeDistinguishedName: almost always a single attribute.
///
/// Shared, because the names of a fleet have all but one of them in common.
type Rdn = Arc<[Attribute]>;

impl Subject {
    /// A name of these attributes, put into the order C, ST, L, O, OU, CN. Without any it is the empty
    /// name, good for [`Subject::with_common_name`] and nothing else.
    ///
    /// # Errors
    ///
    /// The errors of [`AttributeKind::check`], and `BadValue` when anything but the organizational unit is
    /// given twice.
    pub fn new(mut attributes: Vec<(AttributeKind, String)>) -> Result<Self> {
        // A stable sort: several organizational units keep their order.
        attributes.sort_by_key(|(kind, _)| *kind);
        let mut rdns: Vec<Rdn> = Vec::with_capacity(attributes.len());
        let mut previous = None;
        for (kind, text) in attributes {
            // Several units are usual; of other attributes that are there twice, readers take the first or the last.
            if previous == Some(kind) && kind != AttributeKind::OrganizationalUnit {
                return Err(Code::BadValue.error(format!("the {} is given twice", kind.long_name())));
            }
            previous = Some(kind);
            rdns.push([Attribute::new(kind, &text)?].into());
        }
        Ok(Self::from_rdns(rdns))
    }

    /// A name from its DER encoding, which is kept as it is: foreign names follow other rules.
    ///
    /// # Errors
    ///
    /// `CertificateUnreadable` when the bytes are not exactly one Name.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let unreadable = || Code::CertificateUnreadable.error("a distinguished name is not valid DER");
        let (rest, name) = X509Name::from_der(der).map_err(|_| unreadable())?;
        if !rest.is_empty() {
            return Err(unreadable());
        }
        let rdns = name
            .iter_rdn()
            .map(|rdn| rdn.iter().map(Attribute::from_foreign).collect::<Option<Rdn>>())
            .collect::<Option<Vec<Rdn>>>()
            .ok_or_else(unreadable)?;
        // The bytes as they were and not encoded again, because a signature covers them.
        Ok(Self { der: der.to_vec(), rdns })
    }

    /// The DER encoding: countries as PrintableString, the rest of what we make as UTF8String.
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// The first common name.
    pub fn common_name(&self) -> Option<&str> {
        self.values(AttributeKind::CommonName).next()
    }

    /// The texts of all attributes of a kind, in their order.
    pub fn values(&self, kind: AttributeKind) -> impl Iterator<Item = &str> {
        self.attributes().filter(move |(found, _)| *found == kind).map(|(_, text)| text)
    }

    /// All attributes of the kinds that we make, in their order.
    pub fn attributes(&self) -> impl Iterator<Item = (AttributeKind, &str)> {
        self.rdns.iter().flat_map(|rdn| rdn.iter()).filter_map(|attribute| match (attribute.kind, &attribute.value) {
            (Some(kind), AttributeValue::Text(text)) => Some((kind, text.as_str())),
            _ => None,
        })
    }

    /// The first character of a text that is invisible or changes how the text is shown.
    pub(crate) fn hidden_character(&self) -> Option<char> {
        let texts = self.rdns.iter().flat_map(|rdn| rdn.iter()).filter_map(|attribute| match &attribute.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Der(_) => None,
        });
        texts.flat_map(|text| text.chars()).find(|c| is_deceptive(*c) || is_invisible(*c))
    }

    /// True if there is no attribute at all.
    pub fn is_empty(&self) -> bool {
        self.rdns.is_empty()
    }

    /// The same name with this common name, which becomes its last attribute and replaces any other;
    /// everything else keeps its bytes.
    ///
    /// # Errors
    ///
    /// The errors of [`AttributeKind::check`] about the text.
    pub fn with_common_name(&self, text: &str) -> Result<Self> {
        let common_name = Attribute::new(AttributeKind::CommonName, text)?;
        let is_other = |attribute: &&Attribute| attribute.kind != Some(AttributeKind::CommonName);
        let without = |rdn: &Rdn| -> Rdn {
            if rdn.iter().all(|attribute| is_other(&attribute)) {
                return Arc::clone(rdn);
            }
            rdn.iter().filter(is_other).cloned().collect()
        };
        // An RDN whose only attribute was the common name would be an empty SET, which X.501 forbids.
        let mut rdns: Vec<Rdn> = self.rdns.iter().map(without).filter(|rdn| !rdn.is_empty()).collect();
        rdns.push([common_name].into());
        Ok(Self::from_rdns(rdns))
    }

    /// The same name with one more RDN that another program wrote: how distribution points abbreviate their names (RFC
    /// 5280, section 4.2.1.13).
    pub(crate) fn with_foreign_rdn(&self, rdn: &RelativeDistinguishedName<'_>) -> Option<Self> {
        let mut rdns = self.rdns.clone();
        rdns.push(rdn.iter().map(Attribute::from_foreign).collect::<Option<Rdn>>()?);
        Some(Self::from_rdns(rdns))
    }

    fn from_rdns(rdns: Vec<Rdn>) -> Self {
        let mut sets = Vec::new();
        for rdn in &rdns {
            // DER sorts the members of a SET OF. Ours have one member, and
            // those of other programs keep the order that they had.
            push_header(&mut sets, SET, rdn.iter().map(|attribute| attribute.der.len()).sum());
            rdn.iter().for_each(|attribute| sets.extend_from_slice(&attribute.der));
        }
        Self { der: tlv(SEQUENCE, &sets), rdns }
    }
}

impl Default for Subject {
    /// The empty name.
    fn default() -> Self {
        Self::from_rdns(Vec::new())
    }
}

impl fmt::Display for Subject {
    /// RFC 4514: the most specific attribute first. Control characters are escaped, other Unicode is not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 4514 writes names from the last RDN to the first.
        for (i, rdn) in self.rdns.iter().rev().enumerate() {
            if i > 0 {
                f.write_char(',')?;
            }
            for (j, attribute) in rdn.iter().enumerate() {
                if j > 0 {
                    f.write_char('+')?;
                }
                write_attribute(f, attribute)?;
            }
        }
        Ok(())
    }
}

impl Serialize for Subject {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An attribute in the form of RFC 4514, section 2.3.
fn write_attribute(f: &mut dyn fmt::Write, attribute: &Attribute) -> fmt::Result {
    write!(f, "{}=", attribute.name)?;
    match &attribute.value {
        AttributeValue::Text(text) => write_escaped(f, text),
        AttributeValue::Der(bytes) => {
            f.write_char('#')?;
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
        }
    }
}

/// RFC 4514, section 2.4.
fn write_escaped(f: &mut dyn fmt::Write, text: &str) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (i, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{c}")?,
            '#' | ' ' if i == 0 => write!(f, "\\{c}")?,
            ' ' if i == last => f.write_str("\\ ")?,
            // As its bytes: a character that is invisible or turns the direction of the text would show another name.
            c if is_deceptive(c) || is_invisible(c) => {
                c.encode_utf8(&mut [0; 4]).bytes().try_for_each(|byte| write!(f, "\\{byte:02X}"))?;
            }
            c => f.write_char(c)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::AttributeKind::{CommonName, Country, Locality, Organization, OrganizationalUnit, State};
    use super::*;
    use crate::asn1::tlv::OBJECT_IDENTIFIER;

    fn subject(attributes: &[(AttributeKind, &str)]) -> Result<Subject> {
        Subject::new(attributes.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect())
    }

    fn keygen() -> Subject {
        subject(&[
            (CommonName, "vm"),
            (OrganizationalUnit, "ThingsBoard"),
            (Organization, "ThingsBoard"),
            (Locality, "San Francisco"),
            (State, "CA"),
            (Country, "us"),
        ])
        .unwrap()
    }

    #[test]
    fn the_old_properties_make_the_name_that_keytool_made() {
        assert_eq!(keygen().to_string(), "CN=vm,OU=ThingsBoard,O=ThingsBoard,L=San Francisco,ST=CA,C=US");
    }

    #[test]
    fn the_encoding_is_printable_for_the_country_and_utf8_for_the_rest() {
        let name = subject(&[(Country, "DE"), (CommonName, "ä")]).unwrap();
        assert_eq!(name.to_der(), b"\x30\x1a\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02DE\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x02\xc3\xa4");
    }

    #[test]
    fn organizational_units_repeat_and_keep_their_order() {
        let name = subject(&[(OrganizationalUnit, "a"), (CommonName, "x"), (OrganizationalUnit, "b")]).unwrap();
        assert_eq!(name.to_string(), "CN=x,OU=b,OU=a");
        assert_eq!(name.values(OrganizationalUnit).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(subject(&[(Organization, "a"), (Organization, "b")]).unwrap_err().code(), Code::BadValue);
    }

    #[test]
    fn special_characters_are_escaped_by_rfc_4514() {
        // The examples of its section 4.
        let name = subject(&[(Organization, "Sue, Grabbit and Runn"), (CommonName, "L. Eagle")]).unwrap();
        assert_eq!(name.to_string(), r"CN=L. Eagle,O=Sue\, Grabbit and Runn");
        let name = subject(&[(CommonName, "James \"Jim\" Smith, III")]).unwrap();
        assert_eq!(name.to_string(), r#"CN=James \"Jim\" Smith\, III"#);
        assert_eq!(subject(&[(CommonName, "#a<b>;c\\d+e")]).unwrap().to_string(), r"CN=\#a\<b\>\;c\\d\+e");
        assert_eq!(subject(&[(CommonName, "Lučić")]).unwrap().to_string(), "CN=Lučić");
    }

    #[test]
    fn a_foreign_name_keeps_its_bytes_and_shows_what_we_do_not_know_in_hex() {
        let attribute =
            |oid: &[u8], tag, value: &[u8]| tlv(SEQUENCE, &[tlv(OBJECT_IDENTIFIER, oid), tlv(tag, value)].concat());
        // Latin-1 in a TeletexString, as CAs wrote it in the 1990s.
        let t61 = attribute(&[0x55, 4, 3], 20, b"M\xfcller");
        let integer = attribute(&[0x2a, 3], 2, &[5]);
        let bmp = attribute(&[0x55, 4, 3], 30, b"\0 \0\x01\0 ");
        // Two attributes in one set: the common name goes, and the other one stays.
        let der = tlv(SEQUENCE, &[tlv(SET, &t61), tlv(SET, &[integer, bmp].concat())].concat());
        let name = Subject::from_der(&der).unwrap();
        assert_eq!(name.to_der(), der);
        assert_eq!(name.common_name(), Some("Müller"));
        assert_eq!(name.to_string(), r"1.2.3=#020105+CN=\ \01\ ,CN=Müller");
        assert_eq!(name.with_common_name("new").unwrap().to_string(), "CN=new,1.2.3=#020105");
    }

    #[test]
    fn invisible_characters_are_shown_as_their_octets() {
        let foreign = |text: &str| {
            let body = [tlv(OBJECT_IDENTIFIER, &[0x55, 4, 10]), tlv(12, text.as_bytes())].concat();
            Subject::from_der(&tlv(SEQUENCE, &tlv(SET, &tlv(SEQUENCE, &body)))).unwrap().to_string()
        };
        assert_eq!(foreign("a\u{202e}b"), r"O=a\E2\80\AEb");
        assert_eq!(foreign("a\u{200b}b"), r"O=a\E2\80\8Bb");
        assert_eq!(foreign("a\u{3164}b"), r"O=a\E3\85\A4b");
        assert_eq!(foreign("a\u{ad}b"), r"O=a\C2\ADb");
    }

    #[test]
    fn the_common_name_is_replaced_or_added_at_the_end() {
        assert_eq!(keygen().with_common_name("d1").unwrap(), {
            let mut attributes: Vec<_> = keygen().attributes().map(|(kind, text)| (kind, text.to_owned())).collect();
            attributes.last_mut().unwrap().1 = "d1".to_owned();
            Subject::new(attributes).unwrap()
        });
        assert_eq!(Subject::default().with_common_name("d1").unwrap().to_string(), "CN=d1");
    }

    #[test]
    fn bounds_and_alphabets_are_those_of_rfc_5280() {
        let wide = "ä".repeat(64);
        assert!(subject(&[(CommonName, &wide)]).is_ok(), "bounds count characters, not bytes");
        for (kind, text, code) in [
            (CommonName, "", Code::NameEmpty),
            (Organization, "  ", Code::NameEmpty),
            (CommonName, &"n".repeat(65), Code::NameTooLong),
            (OrganizationalUnit, &"n".repeat(65), Code::NameTooLong),
            (Locality, &"n".repeat(129), Code::NameTooLong),
            (CommonName, "a\0b", Code::NameAlphabet),
            (State, "a\u{202e}b", Code::NameAlphabet),
            (Organization, "a\u{200b}b", Code::NameAlphabet),
            (CommonName, "a\u{3164}b", Code::NameAlphabet),
            (Locality, "a\u{ad}b", Code::NameAlphabet),
            (OrganizationalUnit, "a\u{e0041}b", Code::NameAlphabet),
            (Country, "USA", Code::CountryCode),
            (Country, "U1", Code::CountryCode),
            (Country, "ü", Code::CountryCode),
        ] {
            assert_eq!(subject(&[(kind, text)]).unwrap_err().code(), code, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn bytes_behind_the_name_or_missing_are_refused() {
        let der = keygen().to_der().to_vec();
        assert!(Subject::from_der(&[&der[..], b"\0"].concat()).is_err());
        assert!(Subject::from_der(&der[..der.len() - 1]).is_err());
        assert!(Subject::from_der(b"").is_err());
    }

    fn kind() -> impl Strategy<Value = AttributeKind> {
        proptest::sample::select(AttributeKind::ALL)
    }

    proptest! {
        #[test]
        fn what_we_write_reads_back(attributes in proptest::collection::vec((kind(), ".{0,70}"), 0..8)) {
            if let Ok(name) = Subject::new(attributes) {
                prop_assert_eq!(Subject::from_der(name.to_der()).unwrap(), name);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), flip in any::<(usize, u8)>()) {
            let _: Result<Subject> = Subject::from_der(&bytes);
            let mut der = keygen().to_der().to_vec();
            let at = flip.0 % der.len();
            der[at] = flip.1;
            if let Ok(name) = Subject::from_der(&der) {
                prop_assert_eq!(name.to_der(), der);
                let again = name.with_common_name("x").unwrap();
                prop_assert_eq!(Subject::from_der(again.to_der()).unwrap(), again);
            }
        }

        #[test]
        fn an_escaped_value_unescapes_to_itself(text in "[ -~äß]{1,60}") {
            let Ok(name) = subject(&[(CommonName, &text)]) else { return Ok(()) };
            let shown = name.to_string();
            let mut plain = String::new();
            let mut chars = shown.strip_prefix("CN=").unwrap().chars();
            while let Some(c) = chars.next() {
                match c {
                    '\\' => plain.push(chars.next().unwrap()),
                    ',' | '+' | '"' | ';' | '<' | '>' => panic!("{c} is not escaped in {shown}"),
                    c => plain.push(c),
                }
            }
            prop_assert_eq!(plain, text.trim());
        }
    }
}
