//! The search for secrets in parts that all devices share, which are public.

use device::record::NAMESPACE;
use memchr::memmem;

use super::private_key;

/// The characters of base64 after which a text is taken for a key and not for a label that a program compares with.
const ENOUGH: usize = 40;

/// A secret that was found in the bytes of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoundSecret {
    /// An unencrypted private key in PEM (RFC 7468, section 10).
    PrivateKey,
    /// An unencrypted private key in DER.
    DerKey,
    /// The beginning of a credentials record in NVS.
    Credentials,
}

/// The first secret in `bytes`.
pub(crate) fn find(bytes: &[u8]) -> Option<FoundSecret> {
    if memmem::find_iter(bytes, b"PRIVATE KEY-----").any(|at| is_private_key(bytes, at)) {
        return Some(FoundSecret::PrivateKey);
    }
    if private_key::is_in(bytes) {
        return Some(FoundSecret::DerKey);
    }
    let mut key = [0; 16];
    key.iter_mut().zip(NAMESPACE.bytes()).for_each(|(to, from)| *to = from);
    let is_namespace = |at: usize| {
        let start = at.checked_sub(8);
        // An entry of namespace 0, of the type u8, which spans one entry and has no chunks (ESP-IDF, NVS entry format).
        start.and_then(|start| bytes.get(start..start + 4)) == Some(&[0, 1, 1, 0xFF])
    };
    memmem::find_iter(bytes, &key).any(is_namespace).then_some(FoundSecret::Credentials)
}

/// True if the end of a label at `at` belongs to the beginning of an unencrypted key.
fn is_private_key(bytes: &[u8], at: usize) -> bool {
    // Far enough back for the longest label of a key, which has 21 bytes before this point.
    let before = bytes.get(at.saturating_sub(32)..at).unwrap_or_default();
    let is_start = memmem::rfind(before, b"-----BEGIN ").is_some_and(|start| {
        let kind = before.get(start..).unwrap_or_default();
        memmem::find(kind, b"ENCRYPTED").is_none()
    });
    let body = bytes.get(at + b"PRIVATE KEY-----".len()..).unwrap_or_default();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let text = body.iter().take_while(|byte| is_base64(byte) || byte.is_ascii_whitespace());
    is_start && text.filter(|byte| is_base64(byte)).take(ENOUGH).count() == ENOUGH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_labels_alone_are_not() {
        let body = "A1b2".repeat(12);
        for (label, found) in [
            ("PRIVATE KEY", Some(FoundSecret::PrivateKey)),
            ("EC PRIVATE KEY", Some(FoundSecret::PrivateKey)),
            ("RSA PRIVATE KEY", Some(FoundSecret::PrivateKey)),
            ("ENCRYPTED PRIVATE KEY", None),
            ("CERTIFICATE", None),
        ] {
            for line in ["\n", "\r\n"] {
                let text = format!("code\0-----BEGIN {label}-----{line}{body}{line}-----END {label}-----{line}");
                assert_eq!(find(text.as_bytes()), found, "{label}");
            }
        }
        // As Mbed TLS contains them.
        for text in [
            "-----BEGIN EC PRIVATE KEY-----\0-----END EC PRIVATE KEY-----\0",
            // Base64 behind the end of a key is no key.
            "-----END PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert_eq!(find(text.as_bytes()), None);
        }
    }

    #[test]
    fn a_credentials_partition_is_found_wherever_it_begins() {
        let record = crate::credentials::tests::sample();
        let partition = crate::credentials::partition(&record, 0x6000, None).unwrap();
        // Its key is found first; without it, the record.
        assert_eq!(find(&partition), Some(FoundSecret::PrivateKey));
        let first_page = [b"rodata ".as_slice(), &partition[..128]].concat();
        assert_eq!(find(&first_page), Some(FoundSecret::Credentials));
        assert_eq!(find(b"the namespace tbpki\0\0\0\0\0\0\0\0\0\0\0\0"), None);
    }
}
