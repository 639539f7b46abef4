//! Elements of DER, read: the few steps that several formats share.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};

/// `[0] EXPLICIT` and the like.
pub(crate) const CONTEXT_0: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };

/// The content of the one element that `bytes` are, if it is of this kind.
pub(crate) fn only(bytes: &[u8], tag: Tag) -> der::Result<&[u8]> {
    content(AnyRef::from_der(bytes)?, tag)
}

/// The content of an element, if it is of this kind.
pub(crate) fn content(element: AnyRef<'_>, tag: Tag) -> der::Result<&[u8]> {
    element.tag().assert_eq(tag)?;
    Ok(element.value())
}

/// The elements that `bytes` consist of, up to the end.
pub(crate) fn elements(bytes: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(bytes)?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(reader.decode()?);
    }
    Ok(elements)
}

/// An element of this kind that holds `parts`.
pub(crate) fn element(tag: Tag, parts: &[&[u8]]) -> der::Result<Vec<u8>> {
    AnyRef::new(tag, &parts.concat())?.to_der()
}

/// `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }` (RFC 5280, section 4.1.1.2).
pub(crate) fn algorithm(element: AnyRef<'_>) -> der::Result<(ObjectIdentifier, Option<AnyRef<'_>>)> {
    match elements(content(element, Tag::Sequence)?)?.as_slice() {
        [id, parameters @ ..] => Ok((id.decode_as()?, parameters.first().copied())),
        [] => Err(Tag::Sequence.length_error().into()),
    }
}

/// The value of an INTEGER that is not negative; `u64::MAX` for larger ones.
pub(crate) fn unsigned(element: AnyRef<'_>) -> der::Result<u64> {
    let octets = content(element, Tag::Integer)?;
    match octets.first() {
        Some(first) if first & 0x80 == 0 => {
            Ok(octets.iter().fold(0_u64, |value, octet| value.saturating_mul(256).saturating_add((*octet).into())))
        }
        _ => Err(Tag::Integer.value_error().into()),
    }
}
