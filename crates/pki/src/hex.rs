//! Bytes as hexadecimal text.

use std::fmt::Write;

/// Lower case, without separators.
pub(crate) fn lower(bytes: &[u8]) -> String {
    joined(bytes, |text, byte| write!(text, "{byte:02x}"))
}

/// Upper case, without separators.
pub(crate) fn upper(bytes: &[u8]) -> String {
    joined(bytes, |text, byte| write!(text, "{byte:02X}"))
}

fn joined(bytes: &[u8], put: impl Fn(&mut String, u8) -> std::fmt::Result) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a String cannot fail; its Result is an accident of the trait.
        let _ = put(&mut text, *byte);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_is_two_digits() {
        assert_eq!(super::lower(&[0, 0x1f, 0xab]), "001fab");
        assert_eq!(super::upper(&[0, 0x1f, 0xab]), "001FAB");
    }
}
