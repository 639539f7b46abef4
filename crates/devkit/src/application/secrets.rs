//! The search for secrets in parts that all devices share, which are public.

use device::record::NAMESPACE;
use memchr::memmem;
use zeroize::Zeroizing;

use super::encoded_key;
use super::private_key;
use super::text_key;

/// The characters of base64 after which a text is taken for a key and not for a label that a program compares with.
const ENOUGH: usize = 40;

/// The encodings around a key: a PEM file in base64 has its own base64 within.
const ENCODINGS: u32 = 2;

/// A secret that was found in the bytes of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FoundSecret {
    /// An unencrypted private key in PEM (RFC 7468, section 10).
    PrivateKey,
    /// An unencrypted private key in DER.
    DerKey,
    /// An unencrypted private key, written in base64 or in hexadecimal digits.
    EncodedKey,
    /// An unencrypted private key as a JWK, or as OpenSSL prints it.
    TextKey,
    /// The beginning of a credentials record in NVS.
    Credentials,
}

/// The first secret in `bytes`. The time is linear in their number.
pub(crate) fn find(bytes: &[u8]) -> Option<FoundSecret> {
    if let Some(found) = in_texts(bytes, ENCODINGS) {
        return Some(found);
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

/// The key in bytes that can have `encodings` around it, one in the other.
fn in_texts(bytes: &[u8], encodings: u32) -> Option<FoundSecret> {
    if let Some(found) = in_text(bytes, encodings) {
        return Some(found);
    }
    if private_key::is_in(bytes) {
        return Some(FoundSecret::DerKey);
    }
    // UTF-16 in both byte orders: characters at even offsets, or at odd ones.
    (0..2).find_map(|skipped| in_text(&narrowed(bytes.get(skipped..).unwrap_or_default()), encodings))
}

fn in_text(bytes: &[u8], encodings: u32) -> Option<FoundSecret> {
    if memmem::find_iter(bytes, b"PRIVATE KEY-----").any(|at| is_private_key(bytes, at)) {
        return Some(FoundSecret::PrivateKey);
    }
    if text_key::is_in(bytes) {
        return Some(FoundSecret::TextKey);
    }
    let inner = encodings.checked_sub(1)?;
    encoded_key::is_in(bytes, |decoded| in_texts(decoded, inner).is_some()).then_some(FoundSecret::EncodedKey)
}

/// The ASCII characters of a text in UTF-16. A zero byte takes the place of everything else.
pub(crate) fn narrowed(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let narrow = |pair: &[u8]| match pair {
        [character, 0] => *character,
        _ => 0,
    };
    Zeroizing::new(bytes.chunks(2).map(narrow).collect())
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
    is_start && is_key_text(body)
}

/// True if a text after the label of a key is the beginning of one.
fn is_key_text(body: &[u8]) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let text = body.iter().take_while(|byte| is_base64(byte) || byte.is_ascii_whitespace());
    if text.filter(|byte| is_base64(byte)).take(ENOUGH).count() == ENOUGH {
        return true;
    }
    // With the quotes and escapes of JSON or of a source. Other texts have these too, so the beginning of a sequence in DER
    // or of a key of OpenSSH must be there.
    let mut text = Vec::with_capacity(ENOUGH);
    let mut rest = body.iter().peekable();
    while let Some(byte) = rest.next().filter(|_| text.len() < ENOUGH) {
        match byte {
            b'\\' => drop(rest.next_if(|next| matches!(next, b'n' | b'r' | b't'))),
            byte if is_base64(byte) => text.push(*byte),
            byte if encoded_key::is_separator(*byte) => {}
            _ => break,
        }
    }
    text.len() == ENOUGH && (text.starts_with(b"M") || text.starts_with(b"b3Blbn"))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

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

    /// As JSON, the source of a program and UTF-16 contain keys, with and without the lines of PEM.
    #[test]
    fn keys_in_other_texts_are_found() {
        for (name, der) in private_key::tests::keys() {
            let base64 = STANDARD.encode(&der);
            let lines: Vec<&str> =
                base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
            let hex = base::digest::hex(&der);
            let octets: Vec<&str> = hex.as_bytes().chunks(2).map(|octet| std::str::from_utf8(octet).unwrap()).collect();
            let wrapped = |text: &str, width| text.as_bytes().chunks(width).collect::<Vec<_>>().join(&b"\n"[..]);
            let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
            for (form, text) in [
                ("JSON", format!("{{\"key\": \"{}\"}}", pem.replace('\n', "\\n")).into_bytes()),
                ("C", pem.lines().map(|line| format!(" \"{line}\\n\"\n")).collect::<String>().into_bytes()),
                ("Python", format!("['{}']", lines.join("', '")).into_bytes()),
                ("base64", base64.clone().into_bytes()),
                ("base64 after text", format!("the key is {base64}, and more").into_bytes()),
                ("base64url", URL_SAFE_NO_PAD.encode(&der).into_bytes()),
                ("hex", hex.clone().into_bytes()),
                ("HEX", hex.to_ascii_uppercase().into_bytes()),
                ("hex with colons", octets.join(":").into_bytes()),
                ("octets of C", format!("{{ 0x{} }};", octets.join(", 0x")).into_bytes()),
                ("escapes of Python", format!("b'\\x{}'", octets.join("\\x")).into_bytes()),
                ("UTF-16LE", utf16(&pem)),
                ("UTF-16BE", [&[0][..], &utf16(&pem)].concat()),
                ("base64 in UTF-16LE", utf16(&base64)),
                ("base64 of PEM", STANDARD.encode(&pem).into_bytes()),
                ("base64 of PEM, in lines", wrapped(&STANDARD.encode(&pem), 76)),
                ("base64url of PEM", URL_SAFE_NO_PAD.encode(&pem).into_bytes()),
                ("base64 of PEM in UTF-16LE", STANDARD.encode(utf16(&pem)).into_bytes()),
                ("hex of PEM", base::digest::hex(pem.as_bytes()).into_bytes()),
                ("hex of base64", base::digest::hex(base64.as_bytes()).into_bytes()),
                ("base64 of base64", STANDARD.encode(&base64).into_bytes()),
            ] {
                for before in ["", "x", "x\0y", "a b"] {
                    let bytes = [before.as_bytes(), text.as_slice(), b"\0code"].concat();
                    let found = find(&bytes);
                    assert!(
                        matches!(found, Some(FoundSecret::PrivateKey | FoundSecret::EncodedKey)),
                        "{name} in {form} after {before:?}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn keys_of_openssh_are_found_in_json() {
        let body = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAA".repeat(2);
        let json = format!(r#"{{"k": "-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END"}}"#);
        assert_eq!(find(json.as_bytes()), Some(FoundSecret::PrivateKey));
        // As a program contains its messages after a label, one after the other.
        let texts = "-----BEGIN PRIVATE KEY-----\"the key, which must be of EC, cannot be read, and is left out\"";
        assert_eq!(find(texts.as_bytes()), None);
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
