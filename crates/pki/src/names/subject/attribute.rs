//! The attributes of a distinguished name, as DER and as text.

use std::borrow::Cow;

use base::text::{is_deceptive, is_invisible, quote};
use base::{Code, Result};

use crate::asn1::reader::DerReader;
use crate::asn1::tlv::{OBJECT_IDENTIFIER, PRINTABLE_STRING, SEQUENCE, UTF8_STRING, tlv};

/// The attributes of the names that we make, in the order in which they stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AttributeKind {
    /// C, two letters of ISO 3166-1. Written in capitals, also when given as `us`.
    Country,
    /// ST, a state or province.
    State,
    /// L, a city.
    Locality,
    /// O.
    Organization,
    /// OU, the only one that may be given more than once.
    OrganizationalUnit,
    /// CN.
    CommonName,
}

impl AttributeKind {
    /// Every kind, in the order of a name.
    pub const ALL: &'static [AttributeKind] = &[
        AttributeKind::Country,
        AttributeKind::State,
        AttributeKind::Locality,
        AttributeKind::Organization,
        AttributeKind::OrganizationalUnit,
        AttributeKind::CommonName,
    ];

    /// The name in RFC 4514.
    pub const fn short_name(self) -> &'static str {
        match self {
            AttributeKind::Country => "C",
            AttributeKind::State => "ST",
            AttributeKind::Locality => "L",
            AttributeKind::Organization => "O",
            AttributeKind::OrganizationalUnit => "OU",
            AttributeKind::CommonName => "CN",
        }
    }

    /// The most characters that RFC 5280, appendix A.1, allows.
    pub const fn upper_bound(self) -> usize {
        match self {
            AttributeKind::Country => 2,
            AttributeKind::State | AttributeKind::Locality => 128,
            AttributeKind::Organization | AttributeKind::OrganizationalUnit | AttributeKind::CommonName => 64,
        }
    }

    /// The last arc of the OID, below `2.5.4`.
    const fn arc(self) -> u8 {
        match self {
            AttributeKind::CommonName => 3,
            AttributeKind::Country => 6,
            AttributeKind::Locality => 7,
            AttributeKind::State => 8,
            AttributeKind::Organization => 10,
            AttributeKind::OrganizationalUnit => 11,
        }
    }

    /// The words for it in messages.
    pub(super) const fn long_name(self) -> &'static str {
        match self {
            AttributeKind::Country => "country",
            AttributeKind::State => "state or province",
            AttributeKind::Locality => "city",
            AttributeKind::Organization => "organization",
            AttributeKind::OrganizationalUnit => "organizational unit",
            AttributeKind::CommonName => "common name",
        }
    }

    /// The text as it is written into a name: without white space around it, countries in capitals.
    ///
    /// # Errors
    ///
    /// `NameEmpty`, `NameTooLong`, `NameAlphabet` or `CountryCode`.
    pub fn check(self, text: &str) -> Result<String> {
        let text = text.trim();
        let name = self.long_name();
        if text.is_empty() {
            return Err(Code::NameEmpty.error(format!("the {name} is empty")).fix("leave it out or give it a value"));
        }
        if self == AttributeKind::Country {
            if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
                return Err(Code::CountryCode
                    .error(format!("the country {} is not two letters", quote(text)))
                    .fix("use the two-letter code of ISO 3166-1, such as US, DE or CN"));
            }
            return Ok(text.to_ascii_uppercase());
        }
        if let Some(c) = text.chars().find(|c| is_deceptive(*c) || is_invisible(*c)) {
            let sort = if c.is_control() { "control" } else { "invisible" };
            return Err(Code::NameAlphabet
                .error(format!("the {name} {} contains the {sort} character U+{:04X}", quote(text), u32::from(c)))
                .because("it is invisible or changes how the text is shown, so that two names could look the same")
                .fix("remove it"));
        }
        let count = text.chars().count();
        if count > self.upper_bound() {
            return Err(Code::NameTooLong
                .error(format!("the {name} {} has {count} characters", quote(text)))
                .because(format!("RFC 5280 allows {}", self.upper_bound()))
                .fix("shorten it"));
        }
        Ok(text.to_owned())
    }
}

/// One AttributeTypeAndValue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Attribute {
    /// The AttributeTypeAndValue, a SEQUENCE.
    pub(super) der: Vec<u8>,
    /// The short name, or the dotted OID.
    pub(super) name: Cow<'static, str>,
    /// The kind, if it is one that we write.
    pub(super) kind: Option<AttributeKind>,
    pub(super) value: AttributeValue,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum AttributeValue {
    Text(String),
    /// The value's whole encoding, where it is no string or its type has no short name.
    Der(Vec<u8>),
}

/// `2.5.4`, below which X.520 has its attribute types.
const X520: [u8; 2] = [0x55, 0x04];

impl Attribute {
    /// An attribute of our making.
    pub(super) fn new(kind: AttributeKind, text: &str) -> Result<Self> {
        let text = kind.check(text)?;
        // A country is a PrintableString (RFC 5280, appendix A.1). For all others section 4.1.2.4 allows UTF8String.
        let tag = if kind == AttributeKind::Country { PRINTABLE_STRING } else { UTF8_STRING };
        let [joint, x500] = X520;
        let mut body = tlv(OBJECT_IDENTIFIER, &[joint, x500, kind.arc()]);
        body.extend(tlv(tag, text.as_bytes()));
        Ok(Self {
            der: tlv(SEQUENCE, &body),
            name: kind.short_name().into(),
            kind: Some(kind),
            value: AttributeValue::Text(text),
        })
    }

    /// The encoding of the value.
    pub(super) fn value_der(&self) -> &[u8] {
        let parts = DerReader::new(&self.der).next().map(|attribute| DerReader::new(attribute.content));
        let value = parts.and_then(|mut parts| parts.next().and_then(|_| parts.next()));
        value.map_or_else(|_| self.der.as_slice(), |value| value.whole)
    }

    /// An attribute of another program; nothing for bytes that have no DER encoding.
    pub(super) fn from_foreign(foreign: &x509_parser::x509::AttributeTypeAndValue<'_>) -> Option<Self> {
        let oid = foreign.attr_type();
        let any = foreign.attr_value();
        let kind = AttributeKind::ALL
            .iter()
            .copied()
            .find(|kind| oid.as_bytes().strip_prefix(&X520).is_some_and(|rest| rest == [kind.arc()]));
        // Universal tags up to 30 take one byte; strings are all there, and tags above are kept from us.
        let tag = u8::try_from(any.tag().0).ok().filter(|tag| *tag < 0x1f)?;
        let class = (any.class() as u8) << 6 | u8::from(any.header.is_constructed()) << 5;
        let value_der = tlv(class | tag, any.data);
        let dotted = crate::asn1::oid::text(oid.as_bytes());
        let short = kind.map(AttributeKind::short_name).or_else(|| other_short_name(&dotted));
        let value = match (short, string(any)) {
            // RFC 4514, section 2.4: a dotted type goes with the encoded value.
            (Some(_), Some(text)) => AttributeValue::Text(text),
            _ => AttributeValue::Der(value_der.clone()),
        };
        let mut body = tlv(OBJECT_IDENTIFIER, oid.as_bytes());
        body.extend(value_der);
        Some(Self { der: tlv(SEQUENCE, &body), name: short.map_or(dotted.into(), Cow::Borrowed), kind, value })
    }
}

/// Types that we do not write but meet in other people's names, as OpenSSL calls them.
fn other_short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.9" => "street",
        "2.5.4.12" => "title",
        "2.5.4.13" => "description",
        "2.5.4.15" => "businessCategory",
        "2.5.4.17" => "postalCode",
        "2.5.4.41" => "name",
        "2.5.4.42" => "GN",
        "2.5.4.43" => "initials",
        "2.5.4.44" => "generationQualifier",
        "2.5.4.45" => "x500UniqueIdentifier",
        "2.5.4.46" => "dnQualifier",
        "2.5.4.65" => "pseudonym",
        "2.5.4.97" => "organizationIdentifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "1.3.6.1.4.1.311.60.2.1.1" => "jurisdictionL",
        "1.3.6.1.4.1.311.60.2.1.2" => "jurisdictionST",
        "1.3.6.1.4.1.311.60.2.1.3" => "jurisdictionC",
        _ => return None,
    })
}

/// The text of any of the string types of X.520.
fn string(any: &x509_parser::asn1_rs::Any<'_>) -> Option<String> {
    let data = any.data;
    // Only universal tags are string types. A context tag may have the same number.
    if any.class() as u8 != 0 {
        return None;
    }
    match any.tag().0 {
        // UTF8String, and four types that are ASCII: NumericString, PrintableString, IA5String and VisibleString.
        12 | 18 | 19 | 22 | 26 => std::str::from_utf8(data).ok().map(str::to_owned),
        // T.61 in the standard, Latin-1 in all that was ever written.
        20 => Some(data.iter().copied().map(char::from).collect()),
        // UniversalString is UTF-32, and BMPString UCS-2, which is a part of UTF-16; both are big-endian.
        28 => data
            .chunks(4)
            .map(|unit| <[u8; 4]>::try_from(unit).ok().and_then(|unit| char::from_u32(u32::from_be_bytes(unit))))
            .collect(),
        30 => {
            let units = data.chunks(2).map(|unit| <[u8; 2]>::try_from(unit).ok().map(u16::from_be_bytes));
            String::from_utf16(&units.collect::<Option<Vec<u16>>>()?).ok()
        }
        _ => None,
    }
}
