//! DER written again in BER (X.690, section 8.1.3.6), as NSS, BouncyCastle and Windows write it.

/// The same elements with lengths that are not known in advance, for the first `levels` levels of nesting. Octet strings of
/// more than `piece` octets come in pieces (at most 127 octets each), and so does the `[0] IMPLICIT OCTET STRING` of
/// encrypted data.
///
/// # Panics
/// If the octets are no DER.
pub fn indefinite(der: &[u8], levels: usize, piece: usize) -> Vec<u8> {
    assert!((1..128).contains(&piece), "a piece has a length of one octet");
    let mut ber = Vec::new();
    let mut rest = der;
    while !rest.is_empty() {
        let (tag, header, content, after) = element(rest);
        if levels > 0 && tag & 0x20 != 0 {
            ber.extend([tag, 0x80]);
            ber.extend(indefinite(content, levels - 1, piece));
            ber.extend([0, 0]);
        } else if levels > 0 && matches!(tag, 0x04 | 0x80) && content.len() > piece {
            // 0x04 and 0x80 are the octet strings of PKCS #12 and CMS; others have no pieces here.
            ber.extend([tag | 0x20, 0x80]);
            for piece in content.chunks(piece) {
                ber.extend([0x04, u8::try_from(piece.len()).expect("pieces are short")]);
                ber.extend(piece);
            }
            ber.extend([0, 0]);
        } else {
            ber.extend(header);
            ber.extend(content);
        }
        rest = after;
    }
    ber
}

/// Tag, header, content, and what follows.
fn element(der: &[u8]) -> (u8, &[u8], &[u8], &[u8]) {
    let [tag, length, ..] = der else { panic!("an element ends early") };
    let digits = if *length < 0x80 { 0 } else { usize::from(length & 0x7f) };
    let (header, rest) = der.split_at(2 + digits);
    let length = match digits {
        0 => usize::from(*length),
        _ => header.iter().skip(2).fold(0, |length, digit| length * 256 + usize::from(*digit)),
    };
    let (content, after) = rest.split_at(length);
    (*tag, header, content, after)
}

#[cfg(test)]
mod tests {
    use super::indefinite;

    #[test]
    fn lengths_become_indefinite_and_octet_strings_come_in_pieces() {
        let der = [0x30, 8, 4, 3, b'a', b'b', b'c', 2, 1, 3];
        let expected = [0x30, 0x80, 0x24, 0x80, 4, 2, b'a', b'b', 4, 1, b'c', 0, 0, 2, 1, 3, 0, 0];
        assert_eq!(indefinite(&der, 9, 2), expected);
        assert_eq!(indefinite(&der, 1, 2), [&[0x30, 0x80][..], &der[2..], &[0, 0]].concat());
        assert_eq!(indefinite(&der, 0, 2), der);
    }
}
