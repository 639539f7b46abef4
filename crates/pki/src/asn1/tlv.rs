//! Elements of DER (X.690, section 8.1): a tag, a length, a content.
//!
//! Written by hand because a few lines append elements to one buffer; the crate `der` needs a type for each structure.

pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// One element.
pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length_of(content.len()));
    push(&mut bytes, tag, content);
    bytes
}

/// Appends one element.
pub(crate) fn push(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) {
    push_header(bytes, tag, content.len());
    bytes.extend_from_slice(content);
}

/// Appends tag and length of an element whose content follows.
pub(crate) fn push_header(bytes: &mut Vec<u8>, tag: u8, length: usize) {
    bytes.push(tag);
    let octets = length.to_be_bytes();
    let digits = octets.get(octets.len() - digits(length)..).unwrap_or(&octets);
    if length >= 0x80 {
        // A usize has at most eight bytes.
        bytes.push(0x80 | digits.len() as u8);
    }
    bytes.extend_from_slice(digits);
}

/// The number of bytes of an element with content of this length.
pub(crate) fn length_of(content: usize) -> usize {
    let header = if content < 0x80 { 2 } else { 2 + digits(content) };
    header + content
}

/// The number of bytes of the number, at least one.
fn digits(number: usize) -> usize {
    let bits = usize::BITS - number.leading_zeros();
    bits.div_ceil(8).max(1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        let header = |length| {
            let mut bytes = Vec::new();
            push_header(&mut bytes, OCTET_STRING, length);
            assert_eq!(length_of(length), bytes.len() + length);
            bytes
        };
        assert_eq!(header(0), [4, 0]);
        assert_eq!(header(127), [4, 127]);
        assert_eq!(header(128), [4, 0x81, 128]);
        assert_eq!(header(255), [4, 0x81, 255]);
        assert_eq!(header(256), [4, 0x82, 1, 0]);
        assert_eq!(header(65_535), [4, 0x82, 0xff, 0xff]);
        assert_eq!(header(65_536), [4, 0x83, 1, 0, 0]);
        assert_eq!(tlv(OCTET_STRING, b"ab"), [4, 2, b'a', b'b']);
    }
}
