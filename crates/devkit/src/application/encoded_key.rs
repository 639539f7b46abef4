//! Texts in base64 (RFC 4648, sections 4 and 5) or in hexadecimal digits that a program contains, decoded.

use zeroize::Zeroizing;

/// The shortest text that is decoded, in characters: no key in DER has fewer than 36 bytes.
const SHORTEST: usize = 48;

/// The shortest text that can have half of a private number, in characters: 16 bytes in base64.
const SHORTEST_PART: usize = 22;

/// True if one of the texts in `bytes`, decoded, contains an unencrypted private key as `is_key` finds it. Line breaks,
/// quotes and the like may be within a text, as JSON and the source of a program have them, and octets may be written as
/// `0x30` or `\x30`.
///
/// Each run of characters is decoded once for each position that a byte can begin at, so that the time is linear.
pub(super) fn is_in(bytes: &[u8], is_key: impl Fn(&[u8]) -> bool) -> bool {
    ALPHABETS.into_iter().any(|alphabet| {
        runs(bytes, alphabet, SHORTEST).any(|run| alphabet.decodings(&run).any(|decoded| is_key(&decoded)))
    })
}

/// What the texts in `bytes` are decoded, in a row: the key of a device is searched in it.
pub(crate) fn decoded_texts(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut texts = Zeroizing::new(Vec::new());
    for alphabet in ALPHABETS {
        for run in runs(bytes, alphabet, SHORTEST_PART) {
            alphabet.decodings(&run).for_each(|decoded| texts.extend_from_slice(&decoded));
        }
    }
    texts
}

/// The characters of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Base64,
    Hex,
}

const ALPHABETS: [Alphabet; 2] = [Alphabet::Base64, Alphabet::Hex];

impl Alphabet {
    /// A run, decoded from each position that a byte can begin at.
    fn decodings(self, run: &[u8]) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
        let (bits, positions) = match self {
            Self::Base64 => (6, 4),
            Self::Hex => (4, 2),
        };
        (0..positions).map(move |skipped| decoded(run.get(skipped..).unwrap_or_default(), bits))
    }

    fn value(self, byte: u8) -> Option<u8> {
        match self {
            Self::Base64 => sextet(byte),
            Self::Hex => nibble(byte),
        }
    }
}

/// The values of the characters of each run of `shortest` or more, without what separates them.
fn runs(bytes: &[u8], alphabet: Alphabet, shortest: usize) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    let mut rest = bytes.iter().copied().peekable();
    std::iter::from_fn(move || {
        let mut run = Zeroizing::new(Vec::new());
        // Where the digits of an octet with a prefix begin.
        let mut octet: Option<usize> = None;
        let mut before = 0;
        while let Some(byte) = rest.next() {
            if let Some(value) = alphabet.value(byte) {
                run.push(value);
                before = byte;
                continue;
            }
            // An octet with a prefix can have one digit: `0x4`.
            if let Some(start) = octet.take().filter(|start| run.len() == start + 1) {
                run.insert(start, 0);
            }
            let is_prefix = alphabet == Alphabet::Hex && matches!(byte, b'x' | b'X');
            match byte {
                b'x' | b'X' if is_prefix && before == b'0' => {
                    run.pop();
                    octet = Some(run.len());
                }
                // The letter of `\n` is no character of the run.
                b'\\' => match rest.next_if(|next| matches!(next, b'n' | b'r' | b't' | b'x')) {
                    Some(b'x') if alphabet == Alphabet::Hex => octet = Some(run.len()),
                    // A digit of base64, which no escape has.
                    Some(b'x') => run.extend(sextet(b'x')),
                    _ => {}
                },
                byte if is_separator(byte) => {}
                _ if run.len() >= shortest => return Some(run),
                _ => run.clear(),
            }
            before = byte;
        }
        (run.len() >= shortest).then_some(run)
    })
}

/// True for what is between the characters of a key in JSON, or in the source of a program.
pub(super) fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b',' | b':' | b';')
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
    use crate::application::private_key;

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
        let found =
            |text: String| runs(text.as_bytes(), Alphabet::Base64, SHORTEST).map(|run| run.len()).collect::<Vec<_>>();
        assert_eq!(found(format!("{one}\\n\"\n  \"{other}\0{long}B")), [SHORTEST, SHORTEST + 1]);
        assert_eq!(found(format!("{one}\0{other}")), [0_usize; 0]);
        assert_eq!(found(long[1..].to_owned()), [0_usize; 0]);
    }

    #[test]
    fn octets_have_prefixes_as_in_a_source() {
        let found =
            |text: &str| runs(text.as_bytes(), Alphabet::Hex, SHORTEST).map(|run| decoded(&run, 4).to_vec()).next();
        let wanted: Vec<u8> = (0..32).collect();
        for (name, before, digits, after) in [
            ("C", "0x", 2, ", "),
            ("C, capitals", "0X", 2, ",\n"),
            ("C, without leading zeros", "0x", 1, ", "),
            ("an escape", "\\x", 2, ""),
            ("text", "", 2, " "),
        ] {
            let text: String = wanted.iter().map(|octet| format!("{before}{octet:0digits$x}{after}")).collect();
            assert_eq!(found(&format!("{{ {text} }}")).as_ref(), Some(&wanted), "{name}: {text}");
        }
        // The `x` of another word ends a run.
        assert_eq!(found(&format!("{}x{}", "1".repeat(40), "1".repeat(40))), None);
    }

    #[test]
    fn one_run_over_a_whole_flash_takes_linear_time() {
        // Each four characters are the beginning of a sequence with a long length.
        for text in [b"MIJ/".repeat(1 << 19), b"3082".repeat(1 << 19), b"0x30,0x82,".repeat(1 << 18)] {
            assert!(!is_in(&text, private_key::is_in));
        }
    }
}
