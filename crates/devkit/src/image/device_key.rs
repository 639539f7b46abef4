//! The search for the key of one device in the parts that all devices share.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use zeroize::Zeroizing;

use crate::application::secrets::narrowed;
use crate::application::{encoded_key, private_key};

/// The length of a window of the index in bytes. No half of a secret number is shorter.
const WINDOW: usize = 8;

/// The bytes of a secret number that are looked for. Equal parts of this length are no coincidence, and neither are halves.
const PART: usize = 32;

/// A part in which the keys of devices are looked up: its bytes, and the texts in it, decoded. A program can contain a number
/// as bytes, or as base64 or hexadecimal digits of any format, whatever comes before it and wherever a line ends.
#[derive(Debug)]
pub(super) struct KeySearch {
    bytes: WindowIndex,
    texts: WindowIndex,
    decoded: Zeroizing<Vec<u8>>,
}

impl KeySearch {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut decoded = encoded_key::decoded_texts(bytes);
        for skipped in 0..2 {
            let text = narrowed(bytes.get(skipped..).unwrap_or_default());
            decoded.extend_from_slice(&encoded_key::decoded_texts(&text));
        }
        Self { bytes: WindowIndex::new(bytes), texts: WindowIndex::new(&decoded), decoded }
    }

    /// True if `secret` is in the part with these `bytes`.
    pub(super) fn find(&self, bytes: &[u8], secret: &[u8]) -> bool {
        // A line has 48 bytes or more, so that it ends within one of the halves only.
        let (one, other) = secret.split_at(secret.len() / 2);
        self.bytes.find(bytes, secret) || [one, other].iter().any(|half| self.texts.find(&self.decoded, half))
    }
}

/// A Bloom filter of all windows of a program. A fleet has up to a million keys: with it most of them are looked up without
/// a search through the program.
#[derive(Debug)]
struct WindowIndex {
    bits: Vec<u64>,
    /// The number of low bits of a hash that are cut off.
    shift: u32,
}

impl WindowIndex {
    fn new(bytes: &[u8]) -> Self {
        // 16 bits for each window: one search of 16 is for nothing.
        let size = (bytes.len().max(4) * 16).next_power_of_two();
        let mut index = Self { bits: vec![0; size / 64], shift: 64 - size.trailing_zeros() };
        for window in bytes.windows(WINDOW) {
            let (word, bit) = index.place(window);
            if let Some(word) = index.bits.get_mut(word) {
                *word |= bit;
            }
        }
        index
    }

    /// True if `form` is in the bytes of the index.
    fn find(&self, bytes: &[u8], form: &[u8]) -> bool {
        let Some(window) = form.get(..WINDOW) else { return false };
        let (word, bit) = self.place(window);
        self.bits.get(word).is_some_and(|word| word & bit != 0) && memmem::find(bytes, form).is_some()
    }

    fn place(&self, window: &[u8]) -> (usize, u64) {
        let number = window.iter().fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
        // Fibonacci hashing: the high bits of the product depend on all bits of the number.
        let hash = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift;
        (usize::try_from(hash / 64).unwrap_or(usize::MAX), 1 << (hash % 64))
    }
}

/// The part of the secret number that is looked for, of a key as PKCS#8 in PEM.
pub(super) fn secret(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).map(str::trim).collect();
    let body = Zeroizing::new(body);
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).unwrap_or_default());
    let secret = private_key::secret(&der)?;
    // The zero byte that makes an integer positive is not in every form.
    let secret = secret.strip_prefix(&[0]).unwrap_or(secret);
    Some(Zeroizing::new(secret.get(..PART).unwrap_or(secret).to_vec()))
}

#[cfg(test)]
pub(crate) mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::application::private_key::tests::keys;

    fn wrapped(base64: &str, width: usize) -> Vec<u8> {
        base64.as_bytes().chunks(width).collect::<Vec<_>>().join(&b"\r\n"[..])
    }

    /// A form of a key in a program, with its name.
    type NamedForm = (String, Vec<u8>);

    /// Keys as PKCS#8 in PEM, each with the forms that a program can have of it.
    pub(crate) fn written() -> Vec<(String, Vec<NamedForm>)> {
        let keys = keys();
        let mut written = Vec::new();
        for (of, pkcs8, other) in [(0, 0, 1), (2, 2, 3), (7, 7, 8)] {
            let (name, key) = &keys[of];
            let secret = private_key::secret(key).unwrap().to_vec();
            let secret = secret.strip_prefix(&[0]).unwrap_or(&secret);
            let hex = base::digest::hex(secret);
            let octets: Vec<&str> = hex.as_bytes().chunks(2).map(|octet| std::str::from_utf8(octet).unwrap()).collect();
            let lines: Vec<String> = octets.chunks(15).map(|line| line.join(":")).collect();
            let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
            let mut forms = vec![
                (format!("{name}: base64url"), URL_SAFE_NO_PAD.encode(secret).into_bytes()),
                (format!("{name}: base64"), STANDARD.encode(secret).into_bytes()),
                (format!("{name}: hex with colons"), octets.join(":").into_bytes()),
                (format!("{name}: lines of OpenSSL"), format!("key:\n    {}\n", lines.join(":\n    ")).into_bytes()),
                (format!("{name}: octets of C"), format!("{{ 0x{} }};", octets.join(", 0x")).into_bytes()),
                (format!("{name}: hex in UTF-16LE"), utf16(&hex)),
                (format!("{name}: number"), secret.to_vec()),
                (format!("{name}: hex"), hex.to_uppercase().into_bytes()),
                (format!("{name}: HEX"), hex.into_bytes()),
            ];
            for form in [pkcs8, other] {
                let base64 = STANDARD.encode(&keys[form].1);
                for width in [64, 76, 100_000] {
                    forms.push((format!("{name}: base64 of {}, {width}", keys[form].0), wrapped(&base64, width)));
                }
            }
            let body = String::from_utf8(wrapped(&STANDARD.encode(key), 64)).unwrap();
            written.push((format!("-----BEGIN PRIVATE KEY-----\r\n{body}\r\n-----END PRIVATE KEY-----\r\n"), forms));
        }
        written
    }

    #[test]
    fn the_index_finds_what_is_there() {
        let bytes: Vec<u8> = (0..5000_u32).flat_map(|number| number.wrapping_mul(0x9E37_79B1).to_le_bytes()).collect();
        let index = WindowIndex::new(&bytes);
        for at in (0..bytes.len() - 16).step_by(97) {
            assert!(index.find(&bytes, &bytes[at..at + 16]), "{at}");
        }
        assert!(!index.find(&bytes, b"not in there at all"));
        assert!(!WindowIndex::new(b"").find(b"", b"12345678"));
    }
}
