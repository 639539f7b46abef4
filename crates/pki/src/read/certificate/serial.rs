//! Serial numbers as text.

use base::hex;

/// A serial number as OpenSSL prints it.
pub(crate) fn serial_text(octets: &[u8]) -> String {
    match octets {
        [0, rest @ ..] if !rest.is_empty() => hex::upper(rest),
        [first, ..] if first & 0x80 != 0 => format!("-{}", hex::upper(&negated(octets))),
        octets => hex::upper(octets),
    }
}

/// The absolute value of a negative number in two's complement.
fn negated(octets: &[u8]) -> Vec<u8> {
    let mut carry = true;
    let mut value: Vec<u8> = octets
        .iter()
        .rev()
        .map(|octet| {
            let (octet, overflow) = (!octet).overflowing_add(u8::from(carry));
            carry = overflow;
            octet
        })
        .collect();
    value.reverse();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_are_shown_as_openssl_does() {
        assert_eq!(serial_text(&[0, 0xff]), "FF");
        assert_eq!(serial_text(&[0]), "00");
        assert_eq!(serial_text(&[0x12, 0x34]), "1234");
        assert_eq!(serial_text(&[0xff]), "-01");
        assert_eq!(serial_text(&[0x80, 0x00]), "-8000");
    }
}
