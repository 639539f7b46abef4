//! The few steps in DER that two formats share.

use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, SliceReader, Tag, TagNumber, Tagged};

/// `[0] EXPLICIT` and the like.
pub(super) const CONTEXT_0: Tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };

/// The content of the one element that `bytes` are, if it is of this kind.
pub(super) fn only(bytes: &[u8], tag: Tag) -> der::Result<&[u8]> {
    content(AnyRef::from_der(bytes)?, tag)
}

/// The content of an element, if it is of this kind.
pub(super) fn content(element: AnyRef<'_>, tag: Tag) -> der::Result<&[u8]> {
    element.tag().assert_eq(tag)?;
    Ok(element.value())
}

/// The elements that `bytes` consist of, up to the end.
pub(super) fn elements(bytes: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(bytes)?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(reader.decode()?);
    }
    Ok(elements)
}

/// An element of this kind that holds `parts`.
pub(super) fn element(tag: Tag, parts: &[&[u8]]) -> der::Result<Vec<u8>> {
    AnyRef::new(tag, &parts.concat())?.to_der()
}
