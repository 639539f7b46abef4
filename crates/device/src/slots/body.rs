//! The body of a certificate part.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::SlotError;
use super::part;

/// The bytes before the texts: three dates (8 bytes each) and the lengths of the two texts (4 bytes each).
const FIXED: usize = 32;

/// The length limit of the chain and the trust anchors together, in bytes, with one NUL each.
pub const MAX_PEM_TOGETHER: usize = part::CERTIFICATE.capacity() - FIXED;

/// A certificate as a slot stores it, with what belongs to it. Dates are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// The chain in PEM, leaf first, without the root, and a NUL, as Mbed TLS requires.
    pub chain: String,
    /// The trust anchors that came with it, in PEM and a NUL. They replace those of the record.
    pub anchors: String,
    /// The first second in which the leaf is valid.
    pub not_before: u64,
    /// The last second in which the leaf is valid.
    pub not_after: u64,
    /// The date at which it was stored. The clock never goes below it.
    pub stored: u64,
}

impl StoredCertificate {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, SlotError> {
        let together = self.chain.len() + self.anchors.len();
        let too_long = SlotError::TooLong { length: together, limit: MAX_PEM_TOGETHER };
        let length = |text: &str| u32::try_from(text.len()).map_err(|_| too_long);
        if together > MAX_PEM_TOGETHER {
            return Err(too_long);
        }
        let mut bytes = Vec::with_capacity(FIXED + together);
        for date in [self.not_before, self.not_after, self.stored] {
            bytes.extend(date.to_le_bytes());
        }
        for text in [&self.chain, &self.anchors] {
            bytes.extend(length(text)?.to_le_bytes());
        }
        bytes.extend(self.chain.as_bytes());
        bytes.extend(self.anchors.as_bytes());
        Ok(bytes)
    }

    /// The certificate of a body whose hash matches; `None` if another program has written it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (not_before, rest) = date(bytes)?;
        let (not_after, rest) = date(rest)?;
        let (stored, rest) = date(rest)?;
        let (chain, rest) = rest.split_first_chunk::<4>()?;
        let (anchors, rest) = rest.split_first_chunk::<4>()?;
        let (chain, rest) = rest.split_at_checked(u32::from_le_bytes(*chain) as usize)?;
        // Bytes behind the anchors could only come from another layout, which is not understood here.
        if rest.len() != u32::from_le_bytes(*anchors) as usize {
            return None;
        }
        Some(Self { chain: pem(chain)?, anchors: pem(rest)?, not_before, not_after, stored })
    }
}

fn date(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (date, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*date), rest))
}

fn pem(bytes: &[u8]) -> Option<String> {
    text(bytes).map(String::from)
}

/// A text that ends in its only NUL.
pub(super) fn text(bytes: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(bytes).ok()?;
    text.strip_suffix('\0').filter(|text| !text.contains('\0')).map(|_| text)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn certificate(chain: &str, anchors: &str) -> StoredCertificate {
        let (chain, anchors) = (chain.into(), anchors.into());
        StoredCertificate { chain, anchors, not_before: 1, not_after: u64::MAX, stored: 1 << 40 }
    }

    #[test]
    fn a_body_is_read_as_it_was_written() {
        let certificate = certificate("chain\0", "anchors\0");
        let bytes = certificate.to_bytes().unwrap();
        assert_eq!(StoredCertificate::from_bytes(&bytes), Some(certificate));
        for cut in 0..bytes.len() {
            assert_eq!(StoredCertificate::from_bytes(bytes.get(..cut).unwrap()), None, "{cut}");
        }
        assert_eq!(StoredCertificate::from_bytes(&[&bytes[..], &[0]].concat()), None);
    }

    #[test]
    fn a_text_without_its_nul_is_none() {
        for (chain, anchors) in [("chain", "anchors\0"), ("chain\0", "anchors"), ("ch\0ain\0", "anchors\0"), ("", "\0")]
        {
            let bytes = certificate(chain, anchors).to_bytes().unwrap();
            assert_eq!(StoredCertificate::from_bytes(&bytes), None, "{chain:?} {anchors:?}");
        }
        let mut bytes = certificate("chain\0", "anchors\0").to_bytes().unwrap();
        // The first octet of two in UTF-8, followed by none that fits.
        *bytes.get_mut(FIXED).unwrap() = 0xC3;
        assert_eq!(StoredCertificate::from_bytes(&bytes), None);
    }

    #[test]
    fn lengths_end_at_the_place() {
        let text = |length| alloc::string::String::from_utf8(vec![b'a'; length]).unwrap();
        let most = certificate(&text(MAX_PEM_TOGETHER - 1), "\0");
        assert_eq!(most.to_bytes().unwrap().len(), part::CERTIFICATE.capacity());
        let error = certificate(&text(MAX_PEM_TOGETHER), "\0").to_bytes().unwrap_err();
        assert_eq!(error, SlotError::TooLong { length: MAX_PEM_TOGETHER + 1, limit: MAX_PEM_TOGETHER });
    }
}
