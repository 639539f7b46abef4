//! Where revocation lists for a certificate are to be found, and what a list covers (RFC 5280, sections 4.2.1.13 and
//! 5.2.5).
//!
//! Read here and not by x509-parser, which takes a name relative to the issuer for no name at all: a list for some
//! certificates would pass for one that covers all.

use x509_parser::asn1_rs::{Any, Class, FromDer as _, Tag};
use x509_parser::extensions::GeneralName as ParsedName;
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName};

use super::general_name::GeneralName;
use crate::names::subject::Subject;

/// All reasons for which a certificate may be revoked: the bits 1 to 8 of ReasonFlags.
pub(crate) const ALL_REASONS: u16 = 0b1_1111_1110;

/// One distribution point of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistributionPoint {
    /// The names, each for the same list; mostly one URI.
    pub names: Vec<GeneralName>,
    /// The reasons for which its list tells of revocations.
    pub(crate) reasons: u16,
    /// True if its list is signed by another party than the certificate's issuer.
    pub(crate) indirect: bool,
}

/// The certificates that a revocation list covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// The names of its distribution point; none when it does not say.
    pub(crate) names: Vec<GeneralName>,
    pub(crate) only_leaves: bool,
    pub(crate) only_cas: bool,
    pub(crate) only_attribute_certificates: bool,
    pub(crate) indirect: bool,
    pub(crate) reasons: u16,
    /// True if it lists reasons, and lists all of them.
    pub(crate) lists_all_reasons: bool,
}

impl DistributionPoint {
    /// Reads the value of a cRLDistributionPoints extension; nothing, when it is something else.
    pub(super) fn list_from_der(der: &[u8], issuer: &[u8]) -> Option<Vec<Self>> {
        let points = children(sequence(der)?)?;
        points.iter().map(|point| Self::from_any(point, issuer)).collect()
    }

    fn from_any(point: &Any<'_>, issuer: &[u8]) -> Option<Self> {
        let mut read = Self { names: Vec::new(), reasons: ALL_REASONS, indirect: false };
        if point.tag() != Tag::Sequence {
            return None;
        }
        for field in children(point.data)? {
            // The fields have context tags and may be absent, so their order is not relied upon.
            match context_tag(&field)? {
                0 => read.names = names(&field, issuer)?,
                1 => read.reasons = reasons(field.data)?,
                2 => read.indirect = true,
                _ => return None,
            }
        }
        Some(read)
    }
}

impl Scope {
    /// Reads the value of an issuingDistributionPoint extension; nothing, when it is something else.
    pub(crate) fn from_der(der: &[u8], issuer: &[u8]) -> Option<Self> {
        let mut read = Self::default();
        for field in children(sequence(der)?)? {
            match context_tag(&field)? {
                0 => read.names = names(&field, issuer)?,
                1 => read.only_leaves = boolean(field.data)?,
                2 => read.only_cas = boolean(field.data)?,
                3 => {
                    read.reasons = reasons(field.data)?;
                    read.lists_all_reasons = read.reasons == ALL_REASONS;
                }
                4 => read.indirect = boolean(field.data)?,
                5 => read.only_attribute_certificates = boolean(field.data)?,
                _ => return None,
            }
        }
        Some(read)
    }
}

impl Default for Scope {
    /// Everything that the issuer has issued.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            only_leaves: false,
            only_cas: false,
            only_attribute_certificates: false,
            indirect: false,
            reasons: ALL_REASONS,
            lists_all_reasons: false,
        }
    }
}

/// The names in a DistributionPointName, which is a CHOICE and therefore tagged explicitly.
fn names(field: &Any<'_>, issuer: &[u8]) -> Option<Vec<GeneralName>> {
    let [choice] = &children(field.data)?[..] else { return None };
    match context_tag(choice)? {
        0 => children(choice.data)?
            .into_iter()
            .map(|name| ParsedName::try_from(name).ok().map(|name| GeneralName::from_parsed(&name)))
            .collect(),
        // A name relative to the issuer: its last RDN alone (RFC 5280, 4.2.1.13).
        1 => {
            let mut attributes = Vec::new();
            let mut rest = choice.data;
            while !rest.is_empty() {
                let (after, attribute) = AttributeTypeAndValue::from_der(rest).ok()?;
                attributes.push(attribute);
                rest = after;
            }
            let name = Subject::from_der(issuer).ok()?.with_foreign_rdn(&RelativeDistinguishedName::new(attributes))?;
            Some(vec![GeneralName::Directory(name.to_der().to_vec())])
        }
        _ => None,
    }
}

fn sequence(der: &[u8]) -> Option<&[u8]> {
    let (rest, any) = Any::from_der(der).ok()?;
    (rest.is_empty() && any.tag() == Tag::Sequence).then_some(any.data)
}

fn children(mut content: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut children = Vec::new();
    while !content.is_empty() {
        let (rest, child) = Any::from_der(content).ok()?;
        children.push(child);
        content = rest;
    }
    Some(children)
}

fn context_tag(any: &Any<'_>) -> Option<u32> {
    (any.class() == Class::ContextSpecific).then_some(any.tag().0)
}

fn boolean(content: &[u8]) -> Option<bool> {
    match content {
        // In BER every octet but zero means true, and only DER wants 0xff.
        [octet] => Some(*octet != 0),
        _ => None,
    }
}

/// A BIT STRING of ReasonFlags, its first bit as the lowest of the number.
fn reasons(content: &[u8]) -> Option<u16> {
    let (_unused, octets) = content.split_first()?;
    // The first bit is the highest one; in reversed order bit n has the value of place n.
    let flags = |place: usize| octets.get(place).map_or(0, |octet| u16::from(octet.reverse_bits()));
    // The mask drops bit 0, which RFC 5280 calls `unused`, and what a wrong encoder may have set above bit 8.
    Some((flags(0) | flags(1) << 8) & ALL_REASONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_tells_what_a_list_covers() {
        // onlyContainsUserCerts, and onlySomeReasons with bit 1 and six unused bits.
        let scope = Scope::from_der(b"\x30\x07\x81\x01\xff\x83\x02\x06\x40", b"").unwrap();
        assert!(scope.only_leaves && !scope.only_cas && scope.names.is_empty());
        assert_eq!(scope.reasons, 0b10, "keyCompromise alone");
        assert_eq!(Scope::from_der(b"\x30\x00", b""), Some(Scope::default()));
        assert_eq!(Scope::from_der(b"\x30\x03\x87\x01\xff", b""), None);
    }

    #[test]
    fn a_name_relative_to_the_issuer_is_completed() {
        let cn = b"\x30\x08\x06\x03\x55\x04\x03\x0c\x01x";
        let issuer = b"\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x0a\x0c\x01o";
        let der = [b"\x30\x10\x30\x0e\xa0\x0c\xa1\x0a", &cn[..]].concat();
        let points = DistributionPoint::list_from_der(&der, issuer).unwrap();
        assert_eq!(points[0].names[0].to_string(), "dirname:CN=x,O=o");
        assert_eq!(DistributionPoint::list_from_der(&der[..8], issuer), None);
    }
}
