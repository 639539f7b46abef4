//! BER (X.690, section 8) turned into DER, as far as keystores and PKCS#7 need it.
//!
//! NSS, BouncyCastle and Windows write lengths that are not known in advance, and cut octet strings into pieces. Both are
//! resolved here, so that everything behind this reads DER alone. The contents of primitive elements, and with them each
//! certificate inside of an OCTET STRING, stay as they are.
//!
//! Written by hand because all readers after it, also those of other crates, must get DER.

use zeroize::Zeroizing;

use super::tlv::{OCTET_STRING, push_header};

/// The deepest nesting that is followed. A keystore of BouncyCastle needs about ten levels.
const MAX_DEPTH: usize = 64;
/// The bit of a tag octet for elements that consist of elements.
const CONSTRUCTED: u8 = 0x20;
/// The low bits of a tag octet if the number of the tag follows in octets of its own.
const LONG_TAG: u8 = 0x1f;
/// The length octet of an element that ends with [`END`].
const INDEFINITE: u8 = 0x80;
const END: [u8; 2] = [0, 0];

/// The one element in `bytes` as DER; none if it is damaged, is nested too deeply, or if octets follow it.
///
/// The result can hold a key, and is wiped on drop. Its size is bounded by that of `bytes`.
pub(crate) fn to_der(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    first_to_der(bytes).and_then(|(der, rest)| rest.is_empty().then_some(der))
}

/// The first element in `bytes` as DER, and the octets that follow it; none if it is damaged or is nested too deeply.
pub(crate) fn first_to_der(bytes: &[u8]) -> Option<(Zeroizing<Vec<u8>>, &[u8])> {
    let mut der = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let rest = append(bytes, 0, &mut der)?;
    Some((der, rest))
}

/// The first element in `bytes` as it is there, and the octets that follow it. Octets that begin none are one element, whose
/// reader finds the reason.
pub(crate) fn split_first(bytes: &[u8]) -> (&[u8], &[u8]) {
    match first_to_der(bytes) {
        Some((_, rest)) => bytes.split_at(bytes.len() - rest.len()),
        None => (bytes, &[]),
    }
}

/// The first element in `bytes` if only white space or NUL octets follow it, as editors and file systems add them;
/// otherwise all of them.
pub(crate) fn without_padding(bytes: &[u8]) -> &[u8] {
    let (first, rest) = split_first(bytes);
    if is_padding(rest) { first } else { bytes }
}

/// Whether octets behind an element are only white space or NUL.
pub(crate) fn is_padding(rest: &[u8]) -> bool {
    rest.iter().all(|octet| octet.is_ascii_whitespace() || *octet == 0)
}

/// The octets of an OCTET STRING whose own tag was replaced (X.690, section 8.14.3): `content` is what the element holds,
/// pieces if it is constructed. `content` must come from [`to_der`].
pub(crate) fn implicit_octets(constructed: bool, content: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if !constructed {
        return Some(content.to_vec().into());
    }
    pieces_of(content, Some(content.len()), 0).map(|(octets, _)| octets)
}

/// Tag octets, whether the element is constructed, and its length; what follows the header.
struct Header<'a> {
    tag: &'a [u8],
    constructed: bool,
    /// None for an element that ends with [`END`].
    length: Option<usize>,
    rest: &'a [u8],
}

fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let first = *bytes.first()?;
    let tag_length = match first & LONG_TAG {
        // At most four octets of number: no format in use comes near.
        LONG_TAG => 2 + bytes.iter().skip(1).take(4).position(|octet| octet & 0x80 == 0)?,
        _ => 1,
    };
    let (tag, rest) = bytes.split_at_checked(tag_length)?;
    let constructed = first & CONSTRUCTED != 0;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        // 0xff is reserved (X.690, 8.1.3.5), and a primitive value has no indefinite length.
        INDEFINITE if constructed => (None, rest),
        INDEFINITE | 0xff => return None,
        short @ 0..=0x7f => (Some(usize::from(short)), rest),
        long => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = digits
                .iter()
                // Checked: 127 digits would overflow any integer.
                .try_fold(0_usize, |length, digit| length.checked_mul(256)?.checked_add(usize::from(*digit)))?;
            (Some(length), rest)
        }
    };
    // A length beyond the end is refused before anything is reserved for it.
    length.is_none_or(|length| length <= rest.len()).then_some(Header { tag, constructed, length, rest })
}

/// Appends the first element as DER, and returns what follows it.
fn append<'a>(bytes: &'a [u8], depth: usize, der: &mut Zeroizing<Vec<u8>>) -> Option<&'a [u8]> {
    let Header { tag, constructed, length, rest } = header(bytes)?;
    if depth > MAX_DEPTH {
        return None;
    }
    let (tag, content, rest) = match (constructed, length) {
        (false, length) => {
            let (content, rest) = rest.split_at_checked(length?)?;
            (tag, Zeroizing::new(content.to_vec()), rest)
        }
        // Some writers of PKCS #12 divide an OCTET STRING into pieces; DER has it in one piece only.
        (true, length) if tag == [OCTET_STRING | CONSTRUCTED] => {
            let (octets, rest) = pieces_of(rest, length, depth)?;
            (&[OCTET_STRING][..], octets, rest)
        }
        (true, length) => {
            let mut content = Zeroizing::new(Vec::with_capacity(length.unwrap_or_default()));
            let rest = each(rest, length, |element| append(element, depth + 1, &mut content))?;
            (tag, content, rest)
        }
    };
    let (last, others) = tag.split_last()?;
    der.extend_from_slice(others);
    push_header(der, *last, content.len());
    der.extend_from_slice(&content);
    Some(rest)
}

/// The octets of the pieces, each of them an OCTET STRING, constructed or not.
fn pieces_of(bytes: &[u8], length: Option<usize>, depth: usize) -> Option<(Zeroizing<Vec<u8>>, &[u8])> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut octets = Zeroizing::new(Vec::with_capacity(length.unwrap_or_default()));
    let rest = each(bytes, length, |element| {
        let piece = header(element)?;
        // Pieces have the type of the whole (8.7.3.2).
        if *piece.tag != [OCTET_STRING] && *piece.tag != [OCTET_STRING | CONSTRUCTED] {
            return None;
        }
        if piece.constructed {
            let (inner, rest) = pieces_of(piece.rest, piece.length, depth + 1)?;
            octets.extend_from_slice(&inner);
            return Some(rest);
        }
        let (content, rest) = piece.rest.split_at_checked(piece.length?)?;
        octets.extend_from_slice(content);
        Some(rest)
    })?;
    Some((octets, rest))
}

/// Calls `take` for each element of a content, which returns what follows the element; returns what follows the content.
fn each<'a>(
    bytes: &'a [u8],
    length: Option<usize>,
    mut take: impl FnMut(&'a [u8]) -> Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    match length {
        Some(length) => {
            let (mut content, rest) = bytes.split_at_checked(length)?;
            while !content.is_empty() {
                content = take(content)?;
            }
            Some(rest)
        }
        None => {
            let mut content = bytes;
            loop {
                if let Some(rest) = content.strip_prefix(&END) {
                    return Some(rest);
                }
                content = take(content)?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn der(bytes: &[u8]) -> Option<Vec<u8>> {
        to_der(bytes).map(|der| der.to_vec())
    }

    #[test]
    fn der_stays_as_it_is() {
        for file in ["leaf.der", "root.der", "leaf-key.der", "keytool.p12", "openssl-legacy.p12"] {
            let path = format!("{}/tests/data/keystores/{file}", env!("CARGO_MANIFEST_DIR"));
            let bytes = base::file::read(path, 100_000).unwrap();
            assert_eq!(der(&bytes), Some(bytes.clone()), "{file}");
        }
    }

    #[test]
    fn lengths_that_are_not_known_in_advance_are_counted() {
        assert_eq!(der(&[0x30, 0x80, 2, 1, 3, 0, 0]), Some(vec![0x30, 3, 2, 1, 3]));
        assert_eq!(
            der(&[0x30, 0x80, 0x30, 0x80, 0, 0, 0xa0, 0x80, 5, 0, 0, 0, 0, 0]),
            Some(vec![0x30, 6, 0x30, 0, 0xa0, 2, 5, 0])
        );
        assert_eq!(der(&[0x30, 0x82, 0, 3, 2, 0x81, 1, 3]), None, "the content is longer than its length");
        assert_eq!(der(&[0x30, 0x83, 0, 0, 4, 2, 0x81, 1, 3]), Some(vec![0x30, 3, 2, 1, 3]));
    }

    #[test]
    fn pieces_of_octet_strings_are_joined() {
        let whole = Some(vec![4, 3, b'a', b'b', b'c']);
        assert_eq!(der(&[0x24, 0x80, 4, 1, b'a', 4, 2, b'b', b'c', 0, 0]), whole);
        assert_eq!(der(&[0x24, 7, 4, 1, b'a', 4, 2, b'b', b'c']), whole);
        assert_eq!(der(&[0x24, 0x80, 0x24, 0x80, 4, 1, b'a', 0, 0, 4, 2, b'b', b'c', 0, 0]), whole);
        assert_eq!(der(&[0x24, 0x80, 0, 0]), Some(vec![4, 0]));
        assert_eq!(der(&[0x24, 3, 2, 1, 3]), None, "an INTEGER is no piece");
        assert_eq!(implicit_octets(true, &[4, 1, b'a', 4, 2, b'b', b'c']).unwrap()[..], *b"abc");
        assert_eq!(implicit_octets(false, b"abc").unwrap()[..], *b"abc");
    }

    #[test]
    fn damage_is_refused() {
        let deep = [&[0x30, 0x80][..]; MAX_DEPTH + 2].concat();
        let closed = [&deep[..], &[0; 2 * (MAX_DEPTH + 2)]].concat();
        for bytes in [
            &b""[..],
            &[0x30],
            &[0x30, 0x80],
            &[0x30, 0x80, 0],
            &[4, 0x80, 0, 0],
            &[0x30, 0xff, 0],
            &[0x30, 0, 0],
            &[0x1f, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
            &[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0],
            &deep,
            &closed,
        ] {
            assert_eq!(der(bytes), None, "{bytes:02x?}");
        }
    }

    #[test]
    fn a_long_tag_can_be_at_the_end() {
        for bytes in [&[0x30, 3, 0x9f, 0x1f, 0][..], &[0x30, 4, 0x9f, 0x81, 0x01, 0], &[0x9f, 0x1f, 0]] {
            assert_eq!(der(bytes).as_deref(), Some(bytes));
        }
    }

    proptest! {
        #[test]
        fn what_was_resolved_needs_no_further_resolving(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for start in [&[0x30, 0x80][..], &[0x24, 0x80], &[0x30, 0x80, 0xa0, 0x80, 0x24, 0x80]] {
                let input = [start, &bytes, &[0; 6]].concat();
                if let Some(first) = der(&input) {
                    prop_assert!(first.len() <= input.len());
                    prop_assert_eq!(der(&first), Some(first));
                }
            }
        }
    }
}
