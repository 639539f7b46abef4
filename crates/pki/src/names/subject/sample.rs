//! Subjects for tests, made of encoded attributes.

use super::Subject;
use crate::asn1::tlv::{OBJECT_IDENTIFIER, SEQUENCE, SET, tlv};

pub(crate) const CN: &[u8] = &[0x55, 4, 3];
pub(crate) const O: &[u8] = &[0x55, 4, 10];
pub(crate) const SERIAL: &[u8] = &[0x55, 4, 5];

/// Type, string tag and content of an attribute.
pub(crate) type Parts<'a> = (&'a [u8], u8, &'a [u8]);

/// A name of sets of attributes.
pub(crate) fn name(rdns: &[&[Parts<'_>]]) -> Subject {
    let attribute =
        |(kind, tag, value): &Parts<'_>| tlv(SEQUENCE, &[tlv(OBJECT_IDENTIFIER, kind), tlv(*tag, value)].concat());
    let sets: Vec<u8> =
        rdns.iter().flat_map(|rdn| tlv(SET, &rdn.iter().flat_map(attribute).collect::<Vec<u8>>())).collect();
    Subject::from_der(&tlv(SEQUENCE, &sets)).unwrap()
}
