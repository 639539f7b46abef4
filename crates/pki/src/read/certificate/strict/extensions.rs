//! Extensions as strict readers take them (RFC 5280, section 4.2).

use super::super::extensions::label;
use super::super::name;
use super::{Strict, constraints};
use crate::asn1::canonical;
use crate::asn1::oid;
use crate::asn1::reader::{DerReader, Element};
use crate::asn1::tlv::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};
use crate::names::uri;

const BOOLEAN: u8 = 0x01;
/// subjectAltName (RFC 5280, section 4.2.1.6).
const ALTERNATIVE_NAMES: &str = "2.5.29.17";
/// certificatePolicies (RFC 5280, section 4.2.1.4).
const POLICIES: &str = "2.5.29.32";

/// The fields of the certificate that extensions are compared with.
#[derive(Default)]
pub(super) struct ExtensionSummary {
    pub(super) has_critical_names: bool,
}

/// Checks the content of the field `[3]`.
pub(super) fn check(content: &[u8], found: &mut Strict) -> ExtensionSummary {
    let mut summary = ExtensionSummary::default();
    let mut wrapper = DerReader::new(content);
    let list = wrapper.optional(SEQUENCE).filter(|list| wrapper.is_empty() && !list.content.is_empty());
    let Some(list) = list else {
        found.fault("its extensions are not one list, or an empty one".to_owned());
        return summary;
    };
    let mut extensions = DerReader::new(list.content);
    while !extensions.is_empty() {
        let Some(extension) = extensions.optional(SEQUENCE) else {
            found.fault("its list of extensions has something else in it".to_owned());
            return summary;
        };
        let mut parts = DerReader::new(extension.content);
        let kind = parts.optional(OBJECT_IDENTIFIER);
        let critical = parts.optional(BOOLEAN);
        let value = parts.optional(OCTET_STRING);
        // A loop that continues: each further extension may have a fault that the user must fix as well.
        let (Some(kind), Some(value), true) = (kind, value, parts.is_empty()) else {
            found.fault("one of its extensions is not a type, a mark and a value".to_owned());
            continue;
        };
        if critical.is_some_and(|critical| critical.content == [0]) {
            found.oddity("it spells out that an extension is not critical, which DER leaves out");
        }
        let has_large_arc = oid::has_large_arc(kind.content);
        let kind = oid::text(kind.content);
        if has_large_arc {
            found.fault(format!("it has the extension {kind}, whose number Go cannot read"));
        }
        let is_critical = critical.is_some_and(|mark| mark.content != [0]);
        // RFC 5280, sections 4.2.1.1, 4.2.1.2 and 4.2.2.1.
        if is_critical && matches!(kind.as_str(), "2.5.29.14" | "2.5.29.35" | "1.3.6.1.5.5.7.1.1") {
            found.fault(format!("extension {} is marked as critical, which Go refuses", label(&kind)));
        }
        summary.has_critical_names |= kind == ALTERNATIVE_NAMES && is_critical;
        check_value(&kind, value.content, found);
    }
    summary
}

fn check_value(kind: &str, value: &[u8], found: &mut Strict) {
    let check: fn(&Element<'_>, &mut Strict) -> Option<&'static str> = match kind {
        "2.5.29.14" => |element, _| (element.tag != OCTET_STRING).then_some("is not a key identifier"),
        "2.5.29.15" => key_usage,
        ALTERNATIVE_NAMES | "2.5.29.18" => general_names,
        "2.5.29.19" => basic_constraints,
        "2.5.29.30" => |element, found| {
            if constraints::has_host_bits(element) {
                found.oddity("it has an IP constraint with bits outside of the mask, in which Java finds no address");
            }
            constraints::fault(element)
        },
        "2.5.29.31" => distribution_points,
        POLICIES => policies,
        "2.5.29.35" => authority_key_id,
        "2.5.29.37" => purposes,
        "1.3.6.1.5.5.7.1.1" => information_access,
        // Others are octets to every reader that does not know them.
        _ => return,
    };
    if let Some(fault) = canonical::fault(value) {
        if kind == POLICIES {
            // Readers do not look at the texts in it.
            found.oddity(&format!("extension {} is not DER: {fault}", label(kind)));
        } else {
            return found.fault(format!("extension {} is not DER: {fault}", label(kind)));
        }
    }
    // An element that is broken has its finding above.
    let Ok(element) = DerReader::new(value).next() else { return };
    if let Some(fault) = check(&element, found) {
        found.fault(format!("extension {} {fault}", label(kind)));
    }
}

fn key_usage(element: &Element<'_>, _: &mut Strict) -> Option<&'static str> {
    if element.tag != BIT_STRING {
        return Some("is not a list of bits");
    }
    // RFC 5280, section 4.2.1.3: at least one bit must be set.
    // The first octet is the number of unused bits.
    let has_bit = element.content.iter().skip(1).any(|octet| *octet != 0);
    (!has_bit).then_some("allows nothing")
}

fn basic_constraints(element: &Element<'_>, found: &mut Strict) -> Option<&'static str> {
    const OTHER: &str = "is not a mark and a length";
    if element.tag != SEQUENCE {
        return Some(OTHER);
    }
    let mut parts = DerReader::new(element.content);
    let is_ca = match parts.optional(BOOLEAN).map(|mark| mark.content) {
        Some([0]) => {
            // The default of a BOOLEAN must be omitted in DER. Common CAs of the 2000s wrote it, and all readers accept
            // it.
            found.oddity("its basicConstraints spell out CA:FALSE, which DER leaves out");
            false
        }
        Some(_) => true,
        None => false,
    };
    let length = parts.optional(INTEGER);
    if !parts.is_empty() {
        return Some(OTHER);
    }
    match length.and_then(|length| length.content.first().copied()) {
        Some(first) if first & 0x80 != 0 => Some("has a negative path length"),
        // RFC 5280, section 4.2.1.9: pathLenConstraint has a meaning only for CAs.
        Some(_) if !is_ca => Some("has a path length and is not of a CA"),
        _ => None,
    }
}

fn authority_key_id(element: &Element<'_>, _: &mut Strict) -> Option<&'static str> {
    // keyIdentifier, authorityCertIssuer and authorityCertSerialNumber, all optional, in this order.
    let mut parts = DerReader::new(element.content);
    for tag in [0x80, 0xa1, 0x82] {
        parts.optional(tag);
    }
    (element.tag != SEQUENCE || !parts.is_empty()).then_some("is not an authority key identifier")
}

fn purposes(element: &Element<'_>, _: &mut Strict) -> Option<&'static str> {
    let mut has_large_arc = false;
    let checked = is_list_of(element, OBJECT_IDENTIFIER, |purpose| {
        has_large_arc |= oid::has_large_arc(purpose.content);
        true
    });
    checked.err().or_else(|| has_large_arc.then_some("has a purpose whose number Go cannot read"))
}

/// RFC 5280, section 4.2.1.13.
fn distribution_points(element: &Element<'_>, _: &mut Strict) -> Option<&'static str> {
    is_list_of(element, SEQUENCE, |point| {
        let mut parts = DerReader::new(point.content);
        // distributionPoint is a CHOICE and therefore wrapped explicitly in its tag 0xa0.
        let (name, _reasons, issuer) = (parts.optional(0xa0), parts.optional(0x81), parts.optional(0xa2));
        let is_name = |name: Element<'_>| {
            let mut choice = DerReader::new(name.content);
            let is_legal = match choice.next() {
                Ok(full) if full.tag == 0xa0 => are_general_names(full.content, NameContext::Locator),
                Ok(relative) => relative.tag == 0xa1,
                Err(_) => false,
            };
            is_legal && choice.is_empty()
        };
        // RFC 5280, section 4.2.1.13: a point with reasons alone would name no list.
        (name.is_some() || issuer.is_some())
            && parts.is_empty()
            && name.is_none_or(is_name)
            && issuer.is_none_or(|issuer| are_general_names(issuer.content, NameContext::Locator))
    })
    .err()
}

fn policies(element: &Element<'_>, _: &mut Strict) -> Option<&'static str> {
    let mut seen: Vec<&[u8]> = Vec::new();
    let mut is_twice = false;
    if element.tag == SEQUENCE {
        let mut items = DerReader::new(element.content);
        while let Some(policy) = items.optional(SEQUENCE) {
            let mut parts = DerReader::new(policy.content);
            // A malformed item ends the search for duplicates; the check of the list below reports it.
            let Some(kind) = parts.optional(OBJECT_IDENTIFIER) else { break };
            is_twice |= seen.contains(&kind.content);
            seen.push(kind.content);
        }
    }
    if is_twice {
        return Some("has a policy twice");
    }
    is_list_of(element, SEQUENCE, |policy| DerReader::new(policy.content).optional(OBJECT_IDENTIFIER).is_some()).err()
}

fn information_access(element: &Element<'_>, _: &mut Strict) -> Option<&'static str> {
    is_list_of(element, SEQUENCE, |access| {
        let mut parts = DerReader::new(access.content);
        let (method, place) = (parts.optional(OBJECT_IDENTIFIER), parts.next());
        method.is_some_and(|method| !oid::has_large_arc(method.content))
            && parts.is_empty()
            && place.is_ok_and(|place| is_general_name(&place, NameContext::Locator))
    })
    .err()
}

fn general_names(element: &Element<'_>, _: &mut Strict) -> Option<&'static str> {
    const OTHER: &str = "has something else than names in it";
    if element.tag != SEQUENCE {
        return Some(OTHER);
    }
    if element.content.is_empty() {
        return Some("is empty");
    }
    (!are_general_names(element.content, NameContext::Name)).then_some("has a name that its kind does not allow")
}

/// GeneralNames (RFC 5280, section 4.2.1.6), of which there is at least one.
fn are_general_names(content: &[u8], place: NameContext) -> bool {
    let mut names = DerReader::new(content);
    while !names.is_empty() {
        if !names.next().is_ok_and(|name| is_general_name(&name, place)) {
            return false;
        }
    }
    !content.is_empty()
}

/// The place of a general name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NameContext {
    /// In an alternative name, whose URIs Go parses.
    Name,
    /// The place of a published list or of an answer; the URI is a text.
    Locator,
}

/// A GeneralName (RFC 5280, section 4.2.1.6) whose content fits its kind.
fn is_general_name(element: &Element<'_>, place: NameContext) -> bool {
    match element.tag {
        // rfc822Name, dNSName and uniformResourceIdentifier are IA5String.
        0x81 | 0x82 => element.content.is_ascii(),
        0x86 if place == NameContext::Name => str::from_utf8(element.content).is_ok_and(uri::is_readable),
        0x86 => element.content.is_ascii(),
        0x87 => matches!(element.content.len(), 4 | 16),
        0xa4 => is_directory_name(element),
        0xa0 => {
            let mut parts = DerReader::new(element.content);
            parts.optional(OBJECT_IDENTIFIER).is_some() && parts.optional(0xa0).is_some() && parts.is_empty()
        }
        0x88 => canonical::is_identifier(element.content),
        // x400Address, into which readers do not look.
        0xa3 => true,
        // ediPartyName. Java throws an exception when a program asks for the alternative names.
        0xa5 => place != NameContext::Name,
        _ => false,
    }
}

/// directoryName is a choice and therefore explicit.
pub(super) fn is_directory_name(element: &Element<'_>) -> bool {
    let mut inner = DerReader::new(element.content);
    inner.optional(SEQUENCE).is_some_and(|name| name::fault(name.whole).is_none()) && inner.is_empty()
}

/// Fails unless the element is a SEQUENCE of one or more elements of this tag that pass the check.
fn is_list_of(element: &Element<'_>, tag: u8, mut check: impl FnMut(&Element<'_>) -> bool) -> Result<(), &'static str> {
    if element.tag != SEQUENCE {
        return Err("is not a list");
    }
    if element.content.is_empty() {
        return Err("is empty");
    }
    let mut items = DerReader::new(element.content);
    while let Ok(item) = items.next() {
        if item.tag != tag || !check(&item) {
            return Err("has something in it that does not belong there");
        }
    }
    Ok(())
}
