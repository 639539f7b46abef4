//! SHA-256 and the hexadecimal text of it.

use aws_lc_rs::digest;

use crate::hex;

/// SHA-256 (FIPS 180-4) of all the bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Lower-case hexadecimal without separators.
pub fn hex(bytes: &[u8]) -> String {
    hex::lower(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_fips_180_comes_out() {
        assert_eq!(hex(&sha256(b"abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
