//! Private keys in DER that a program contains as text: in base64 (RFC 4648, sections 4 and 5) or in hexadecimal digits.

use zeroize::Zeroizing;

use super::private_key;

/// The shortest text that is decoded, in characters: no key in DER has fewer than 36 bytes.
const SHORTEST: usize = 48;

/// True if `bytes` contain an unencrypted private key in DER as text. Line breaks, quotes and the like may be within it,
/// as JSON and the source of a program have them.
///
/// Each run of characters is decoded once for each position that a byte can begin at, so that the time is linear.
pub(super) fn is_in(bytes: &[u8]) -> bool {
    runs(bytes, sextet).any(|run| holds_key(&run, 6)) || runs(bytes, nibble).any(|run| holds_key(&run, 4))
}

/// The values of the characters of each long run, without what separates them.
fn runs(bytes: &[u8], value: fn(u8) -> Option<u8>) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let mut rest = bytes.iter().copied().peekable();
    std::iter::from_fn(move || {
        let mut run = Zeroizing::new(Vec::new());
        while let Some(byte) = rest.next() {
            match value(byte) {
                Some(value) => run.push(value),
                // The letter of `\n` is no character of the run.
                None if byte == b'\\' => drop(rest.next_if(|next| matches!(next, b'n' | b'r' | b't'))),
                None if is_separator(byte) => {}
                None if run.len() >= SHORTEST => return Some(run),
                None => run.clear(),
            }
        }
        (run.len() >= SHORTEST).then_some(run)
    })
}

/// True for what is between the characters of a key in JSON, or in the source of a program.
pub(super) fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b',' | b':' | b';')
}

/// True if digits of so many bits contain a key, wherever its first byte begins.
fn holds_key(digits: &[u8], bits: u32) -> bool {
    let positions = if bits == 4 { 2 } else { 4 };
    (0..positions).any(|skipped| private_key::is_in(&decoded(digits.get(skipped..).unwrap_or_default(), bits)))
}

fn decoded(digits: &[u8], bits: u32) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(digits.len() * bits as usize / 8));
    let (mut buffer, mut held) = (0_u32, 0);
    for digit in digits {
        buffer = buffer << bits | u32::from(*digit);
        held += bits;
        if held >= 8 {
            held -= 8;
            bytes.push((buffer >> held & 0xFF) as u8);
        }
    }
    bytes
}

/// The value of a character of base64, in both alphabets.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// The value of a hexadecimal digit.
fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_decoded_from_every_position() {
        let of = |text: &str, value: fn(u8) -> Option<u8>| text.bytes().filter_map(value).collect::<Vec<u8>>();
        // The examples of RFC 4648, section 10.
        assert_eq!(*decoded(&of("Zm9vYmFy", sextet), 6), b"foobar");
        assert_eq!(*decoded(&of("Zm9vYg", sextet), 6), b"foob");
        assert_eq!(*decoded(&of("666F6F626172", nibble), 4), b"foobar");
        assert_eq!(*decoded(&of("-_-_", sextet), 6), *decoded(&of("+/+/", sextet), 6));
    }

    #[test]
    fn runs_end_at_other_bytes_and_not_at_separators() {
        let long = "A".repeat(SHORTEST);
        let (one, other) = long.split_at(20);
        let found = |text: String| runs(text.as_bytes(), sextet).map(|run| run.len()).collect::<Vec<_>>();
        assert_eq!(found(format!("{one}\\n\"\n  \"{other}\0{long}B")), [SHORTEST, SHORTEST + 1]);
        assert_eq!(found(format!("{one}\0{other}")), [0_usize; 0]);
        assert_eq!(found(long[1..].to_owned()), [0_usize; 0]);
    }

    #[test]
    fn one_run_over_a_whole_flash_takes_linear_time() {
        // Each four characters are the beginning of a sequence with a long length.
        assert!(!is_in(&b"MIJ/".repeat(1 << 19)));
        assert!(!is_in(&b"3082".repeat(1 << 19)));
    }
}
