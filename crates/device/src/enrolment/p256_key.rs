//! A private key of P-256 as text.

use alloc::string::String;
use alloc::vec::Vec;

use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use super::signer::PUBLIC_KEY;
use crate::secret::Secret;

/// The length of a private key in bytes.
const PRIVATE: usize = 32;

/// The label of a key in PEM (RFC 5915, section 4).
const LABEL: &str = "EC PRIVATE KEY";

// An `ECPrivateKey` of P-256 (RFC 5915, section 3) always has the same bytes around its numbers: version 1 and the private
// key, the curve prime256v1 with tag 0, and the public key with tag 1.
const BEGIN: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
const MIDDLE: [u8; 17] = [
    0xA0, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, // the curve
    0xA1, 0x44, 0x03, 0x42, 0x00, // the begin of the public key
];

/// The length of the structure in bytes.
const DER: usize = BEGIN.len() + PRIVATE + MIDDLE.len() + PUBLIC_KEY;

/// The length limit of the text in bytes: 164 of base64, three line breaks, the two lines around it, and the NUL.
const TEXT: usize = 256;

/// A private key and its public key. Dropping it wipes the private key.
pub struct P256Key {
    /// The number, big-endian.
    pub private: Zeroizing<[u8; PRIVATE]>,
    /// The uncompressed point.
    pub public: [u8; PUBLIC_KEY],
}

impl P256Key {
    /// The key in PEM and a NUL, as the slots keep it.
    pub fn to_text(&self) -> Secret {
        let mut der = Zeroizing::new(Vec::with_capacity(DER));
        for part in [&BEGIN[..], &*self.private, &MIDDLE, &self.public] {
            der.extend_from_slice(part);
        }
        // Into a place that is long enough: a text that grows leaves copies of the key behind.
        let mut place = Zeroizing::new([0; TEXT]);
        let mut text = String::with_capacity(TEXT);
        // Label and length are constants, and fit.
        text.push_str(pem_rfc7468::encode(LABEL, LineEnding::LF, &der, &mut *place).unwrap_or_default());
        text.push('\0');
        Secret::from(text)
    }

    /// The key of a text that [`to_text`](Self::to_text) has made; `None` for another one.
    pub fn from_text(text: &Secret) -> Option<Self> {
        let (label, der) = pem_rfc7468::decode_vec(text.expose().strip_suffix('\0')?.as_bytes()).ok()?;
        let der = Zeroizing::new(der);
        let rest = der.strip_prefix(&BEGIN)?;
        let (private, rest) = rest.split_first_chunk::<PRIVATE>()?;
        let public = rest.strip_prefix(&MIDDLE)?.try_into().ok()?;
        (label == LABEL).then(|| Self { private: Zeroizing::new(*private), public })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> P256Key {
        let mut public = [3; PUBLIC_KEY];
        // The mark of an uncompressed point.
        public[0] = 4;
        P256Key { private: Zeroizing::new([0xA5; PRIVATE]), public }
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let text = key().to_text();
        let lines: Vec<_> = text.expose().lines().collect();
        assert_eq!(lines.first(), Some(&"-----BEGIN EC PRIVATE KEY-----"));
        assert!(text.expose().ends_with("-----END EC PRIVATE KEY-----\n\0"));
        let read = P256Key::from_text(&text).unwrap();
        assert_eq!((read.private, read.public), (key().private, key().public));
    }

    #[test]
    fn another_text_is_no_key() {
        let text = key().to_text();
        let text = text.expose();
        let other_label = text.replace("EC PRIVATE KEY", "PRIVATE KEY");
        // The first letters of the structure.
        let other_begin = text.replace("MHcC", "MHcD");
        let cut = text.replace("\n-----END", "AAAA\n-----END");
        for wrong in ["", "\0", text.trim_end_matches('\0'), &other_label, &other_begin, &cut] {
            assert!(P256Key::from_text(&Secret::from(wrong)).is_none(), "{wrong:?}");
        }
    }
}
