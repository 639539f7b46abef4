//! The id under which ThingsBoard stores X.509 credentials.
//!
//! ThingsBoard looks a device up by the SHA3-256 (FIPS 202) of its certificate's text: the base64
//! between the PEM lines, in one line, as UTF-8. It hashes what was pasted, so that two spellings of one
//! certificate would be two credentials; this module always uses the one spelling that the TLS side uses.

use aws_lc_rs::digest::{SHA3_256, digest};
use base::hex;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The credentials id of the certificate with this DER: 64 lower-case hexadecimal digits.
pub fn of_certificate_der(der: &[u8]) -> String {
    of_text(&STANDARD.encode(der))
}

/// The hash that ThingsBoard takes of any text (`EncryptionUtil.getSha3Hash`): also how it makes the ids of
/// MQTT_BASIC credentials.
pub fn of_text(text: &str) -> String {
    hex::lower(digest(&SHA3_256, text.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by ThingsBoard's client.keygen.sh.
    const CLIENT: &str = "MIIB8TCCAZagAwIBAgIJAI+IK+rp8wstMAoGCCqGSM49BAMCMGsxCzAJBgNVBAYT\
        AlVTMQswCQYDVQQIEwJDQTEWMBQGA1UEBxMNU2FuIEZyYW5jaXNjbzEUMBIGA1UEChMLVGhpbmdzQm9hcmQxFDASBgNV\
        BAsTC1RoaW5nc0JvYXJkMQswCQYDVQQDEwJ2bTAgFw0yNjExMjMwMDU4MjhaGA8yMDU0MDQwOTAwNTgyOFowazELMAkG\
        A1UEBhMCVVMxCzAJBgNVBAgTAkNBMRYwFAYDVQQHEw1TYW4gRnJhbmNpc2NvMRQwEgYDVQQKEwtUaGluZ3NCb2FyZDEU\
        MBIGA1UECxMLVGhpbmdzQm9hcmQxCzAJBgNVBAMTAnZtMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEowZzWocAA+Xp\
        li34VfMThA7bLETTgaCspG5Vu9DKntA7XmIFNGQ81ol/wTVqAf665tL3hnq7dBf2OfwBbqAKNaMhMB8wHQYDVR0OBBYE\
        FM8vSZj1vUcN4IrDE7odDOV6jJIQMAoGCCqGSM49BAMCA0kAMEYCIQDnn8zKmKX9dG7jyFV6gH14tL1jgd1JqXWB9UBO\
        jfi8YQIhAMkbTx4zy5Zk+ut2kh5WibJsafa5edvqfCHWREmO7fgZ";

    #[test]
    fn hashes_as_thingsboard_does() {
        // The first from ThingsBoard's own tests, the second from FIPS 202.
        assert_eq!(of_text("ThingsBoard"), "281c7ba06d0ac2ff651fa968572f26a38c96225ea54644522837b54b9c6144f7");
        assert_eq!(of_text(""), "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a");
    }

    #[test]
    fn a_certificate_is_hashed_as_one_line_of_base64() {
        let der = STANDARD.decode(CLIENT).unwrap();
        assert_eq!(der.len(), 501);
        assert_eq!(of_certificate_der(&der), "450d02a9ea6a11837b886f599108f38119aa860e9eb04fffbd4bf9a2f0d47ffe");
    }
}
