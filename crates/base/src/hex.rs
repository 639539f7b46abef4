//! Bytes as hexadecimal text.

/// Lower case, without separators.
pub fn lower(bytes: &[u8]) -> String {
    joined(bytes, b"0123456789abcdef")
}

/// Upper case, without separators.
pub fn upper(bytes: &[u8]) -> String {
    joined(bytes, b"0123456789ABCDEF")
}

/// The bytes of hexadecimal digits in either case, two a byte; `None` for all other texts.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// By table and as octets, because formatting each byte takes ten times as long, and pushing each digit as a `char` three
/// times: a fleet has four such texts for each device.
fn joined(bytes: &[u8], digits: &[u8; 16]) -> String {
    let digit = |value: u8| digits.get(usize::from(value)).copied().unwrap_or(b'?');
    let mut text = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }
    // Digits are ASCII.
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_is_two_digits() {
        assert_eq!(super::lower(&[0, 0x1f, 0xab]), "001fab");
        assert_eq!(super::upper(&[0, 0x1f, 0xab]), "001FAB");
        assert_eq!(super::decode("001fAB"), Some(vec![0, 0x1f, 0xab]));
        for text in ["0", "0x", "é", "00 1"] {
            assert_eq!(super::decode(text), None, "{text}");
        }
    }
}
