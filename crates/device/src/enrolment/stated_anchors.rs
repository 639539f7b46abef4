//! The trust anchors that a device states with a confirmation: the service then knows which devices trust a new root.

use alloc::string::String;
use core::fmt::Write as _;

use sha2::{Digest, Sha256};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The SHA-256 of each certificate (DER) in `anchors`, which is PEM with or without a NUL: in hexadecimal, one on a line. What
/// is no certificate is left out.
pub(super) fn stated(anchors: &str) -> String {
    let mut stated = String::new();
    let mut rest = anchors;
    while let Some(begin) = rest.find(BEGIN)
        && let Some(block) = rest.get(begin..)
        && let Some(end) = block.find(END)
    {
        let (block, after) = block.split_at(end + END.len());
        rest = after;
        if let Ok((_, der)) = pem_rfc7468::decode_vec(block.as_bytes()) {
            for byte in Sha256::digest(&der) {
                // Writing to a string does not fail.
                let _ = write!(stated, "{byte:02x}");
            }
            stated.push('\n');
        }
    }
    stated
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use pem_rfc7468::LineEnding;

    use super::*;

    #[test]
    fn each_certificate_is_stated_by_its_hash() {
        let pem = |der: &[u8]| pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, der).unwrap();
        // SHA-256 of "abc" (FIPS 180-4, example 1).
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n";
        assert_eq!(stated(&format!("{}\0", pem(b"abc"))), abc);
        let two = format!("# roots\n{}\n{BEGIN}\n?\n{END}\n{}", pem(b"abc"), pem(b"abc"));
        assert_eq!(stated(&two), format!("{abc}{abc}"));
        assert_eq!(stated("\0"), "");
        assert_eq!(stated(BEGIN), "");
    }
}
