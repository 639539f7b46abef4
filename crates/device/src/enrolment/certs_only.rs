//! The certs-only message of an answer: a `SignedData` without a signature (RFC 5652, section 5.1; RFC 8951, section 3.2).

use alloc::vec::Vec;

use super::der::{CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, Values};

/// The object identifier of `SignedData`: 1.2.840.113549.1.7.2.
pub(super) const SIGNED_DATA: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];

/// The certificates of a message in DER, in its order; `None` if it is no such message.
pub(super) fn certificates(der: &[u8]) -> Option<Vec<&[u8]>> {
    let mut content_info = Values::only(der, SEQUENCE)?;
    if content_info.expect(OBJECT_IDENTIFIER)?.contents != SIGNED_DATA {
        return None;
    }
    let mut signed_data = Values::only(content_info.expect(CONTEXT_0)?.contents, SEQUENCE)?;
    let _version = signed_data.expect(INTEGER)?;
    let _digest_algorithms = signed_data.expect(SET)?;
    let _content = signed_data.expect(SEQUENCE)?;
    // The certificates are optional, and then there is nothing to issue.
    let certificates = Values::new(signed_data.expect(CONTEXT_0)?.contents).all()?;
    // Attribute certificates have context tags and are skipped.
    Some(certificates.iter().filter(|value| value.tag == SEQUENCE).map(|value| value.whole).collect())
}
