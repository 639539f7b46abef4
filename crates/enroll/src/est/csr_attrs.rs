//! The attributes that a request should have (RFC 7030, section 4.5): an EC key on P-256, and SHA-256 with it.

/// CsrAttrs ::= SEQUENCE of an attribute (ecPublicKey with prime256v1) and an object identifier (ecdsa-with-SHA256).
pub const DER: [u8; 35] = [
    0x30, 0x21, // SEQUENCE
    0x30, 0x15, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, // ecPublicKey
    0x31, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, // prime256v1
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02, // ecdsa-with-SHA256
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_are_those_of_the_contents() {
        assert_eq!(usize::from(DER[1]) + 2, DER.len());
        assert_eq!(usize::from(DER[3]) + 4 + 10, DER.len());
        assert_eq!(usize::from(DER[14]), 10);
    }
}
