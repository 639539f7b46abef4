//! The trust anchors that a device states with a confirmation: the SHA-256 of each certificate (DER) in hexadecimal, one on a
//! line.

use base::digest::{hex, sha256};
use pki::Certificate;

/// The most that are read: a device trusts a few roots.
const LIMIT: usize = 64;

/// The anchors in the body of a confirmation. Other lines are left out: a confirmation needs no body, and what another client
/// sends there proves nothing.
pub(crate) fn read(body: &[u8]) -> Vec<[u8; 32]> {
    let Ok(text) = std::str::from_utf8(body) else { return Vec::new() };
    text.lines().filter_map(|line| hash(line.trim())).take(LIMIT).collect()
}

/// The body of a confirmation with these anchors.
pub(crate) fn write(anchors: &[Certificate]) -> String {
    anchors.iter().take(LIMIT).map(|anchor| format!("{}\n", hex(&sha256(anchor.der())))).collect()
}

fn hash(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_and_other_lines_left_out() {
        let one = format!("{}ff", "00".repeat(31));
        let mut hash = [0; 32];
        hash[31] = 255;
        assert_eq!(read(format!("{one}\r\n{}\n", one.to_uppercase()).as_bytes()), [hash, hash]);
        for other in ["", "confirmed", &one[1..], &format!("{one}0"), &"+f".repeat(32), "\u{1}", &"ä".repeat(32)] {
            assert_eq!(read(other.as_bytes()), [] as [[u8; 32]; 0], "{other}");
        }
        assert_eq!(read(&[255, 10]), [] as [[u8; 32]; 0]);
        assert_eq!(read(format!("{one}\n").repeat(100).as_bytes()).len(), LIMIT);
    }
}
