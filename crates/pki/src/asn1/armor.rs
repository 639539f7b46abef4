//! PEM (RFC 7468), written into a buffer that is at hand: a fleet has millions of lines of it.
//!
//! Written by hand because the crate `pem` returns a new text for each block, and copies of keys would remain in memory.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets in a full line: 64 characters of base64.
const LINE: usize = 48;

/// Appends `der` as PEM under `label`: 64 columns, LF, with a final newline.
///
/// A buffer that holds keys should have the room already ([`length`]): one that grows leaves a copy behind.
pub fn append(label: &str, der: &[u8], to: &mut Vec<u8>) {
    boundary(b"-----BEGIN ", label, to);
    for octets in der.chunks(LINE) {
        // In place: a line elsewhere would have to be wiped, which takes longer than to encode it.
        let start = to.len();
        to.resize(start + octets.len().div_ceil(3) * 4, 0);
        // As large as the text is.
        let written = STANDARD.encode_slice(octets, to.get_mut(start..).unwrap_or_default()).unwrap_or_default();
        to.truncate(start + written);
        to.push(b'\n');
    }
    boundary(b"-----END ", label, to);
}

/// The number of bytes that [`append`] adds.
pub fn length(label: &str, der: &[u8]) -> usize {
    let base64 = der.len().div_ceil(3) * 4;
    base64 + der.len().div_ceil(LINE) + 2 * label.len() + "-----BEGIN -----\n-----END -----\n".len()
}

fn boundary(start: &[u8], label: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(start);
    to.extend_from_slice(label.as_bytes());
    to.extend_from_slice(b"-----\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_reads_back_and_is_predicted() {
        // All ends of a line and of a base64 group, and one that is divisible by neither.
        for size in (0..=200).chain([4095, 4096]) {
            let der: Vec<u8> = (0..size).map(|index: usize| (index * 7 % 256) as u8).collect();
            let mut text = Vec::new();
            append("CERTIFICATE", &der, &mut text);
            assert_eq!(text.len(), length("CERTIFICATE", &der), "{size}");
            let read = pem::parse(&text).unwrap();
            assert_eq!((read.tag(), read.contents()), ("CERTIFICATE", der.as_slice()), "{size}");
            let plain = pem::encode_config(&read, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF));
            assert_eq!(String::from_utf8(text).unwrap(), plain, "{size}");
        }
    }
}
