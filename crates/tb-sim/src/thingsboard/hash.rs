//! The credentials id of a certificate.

use sha3::{Digest, Sha3_256};

/// Lower-case hexadecimal SHA3-256 (FIPS 202) of the text's UTF-8 bytes.
pub(crate) fn sha3(text: &str) -> String {
    Sha3_256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes off the armor of certificates and line ends, and nothing else: spaces and other text stay.
pub(crate) fn strip_armor(text: &str) -> String {
    // As certTrimNewLines does it: a certificate with other text around it gets an id that no client has.
    text.replace("-----BEGIN CERTIFICATE-----", "").replace("-----END CERTIFICATE-----", "").replace(['\n', '\r'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate made by the old client.keygen.sh.
    const CERTIFICATE: &str = include_str!("../../tests/data/keygen-client.pem");

    #[test]
    fn the_vectors_of_the_platform_come_out() {
        for (text, id) in [
            ("ThingsBoard", "281c7ba06d0ac2ff651fa968572f26a38c96225ea54644522837b54b9c6144f7"),
            ("", "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"),
        ] {
            assert_eq!(sha3(text), id);
        }
        let stripped = strip_armor(CERTIFICATE);
        assert_eq!(stripped.len(), 668);
        assert_eq!(sha3(&stripped), "450d02a9ea6a11837b886f599108f38119aa860e9eb04fffbd4bf9a2f0d47ffe");
        assert_eq!(strip_armor(&CERTIFICATE.replace('\n', "\r\n")), stripped);
    }

    #[test]
    fn nothing_but_armor_and_line_ends_goes() {
        assert_eq!(strip_armor(" a\tb\r\n-----BEGIN CERTIFICATE-----\nx"), " a\tbx");
        assert_eq!(strip_armor("-----BEGIN TRUSTED CERTIFICATE-----"), "-----BEGIN TRUSTED CERTIFICATE-----");
    }
}
