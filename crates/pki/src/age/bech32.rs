//! Bech32 (BIP 173), the form in which age writes its keys, without its limit on length.

/// The 32 characters by their values.
const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Check characters at the end.
const CHECK: usize = 6;

/// The octets of `text`, none unless it is of lower case, begins with `prefix` and has check characters that fit.
pub(super) fn decode(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let data = text.strip_prefix(prefix)?.strip_prefix('1')?;
    let value = |character: u8| CHARACTERS.iter().position(|known| *known == character);
    let values: Vec<u8> = data
        .bytes()
        .map(|character| value(character).and_then(|value| value.try_into().ok()))
        .collect::<Option<_>>()?;
    if checksum(prefix, &values) != 1 {
        return None;
    }
    let values = values.get(..values.len().checked_sub(CHECK)?)?;
    let mut octets = Vec::with_capacity(values.len() * 5 / 8);
    let (mut bits, mut count) = (0_u32, 0);
    for value in values {
        bits = bits << 5 | u32::from(*value);
        count += 5;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count & 0xff) as u8);
        }
    }
    // What fills the last character is less than a character, and nothing.
    (count < 5 && bits & ((1 << count) - 1) == 0).then_some(octets)
}

/// The text for `octets`.
pub(super) fn encode(prefix: &str, octets: &[u8]) -> String {
    let mut values = Vec::with_capacity(octets.len() * 8 / 5 + 1 + CHECK);
    let (mut bits, mut count) = (0_u32, 0);
    for octet in octets {
        bits = bits << 8 | u32::from(*octet);
        count += 8;
        while count >= 5 {
            count -= 5;
            values.push((bits >> count & 31) as u8);
        }
    }
    if count > 0 {
        values.push((bits << (5 - count) & 31) as u8);
    }
    let data = values.len();
    values.extend([0; CHECK]);
    let check = checksum(prefix, &values) ^ 1;
    for (index, value) in values.iter_mut().skip(data).enumerate() {
        *value = (check >> (5 * (CHECK - 1 - index)) & 31) as u8;
    }
    let characters = values.iter().filter_map(|value| CHARACTERS.get(usize::from(*value)).copied().map(char::from));
    format!("{prefix}1{}", characters.collect::<String>())
}

fn checksum(prefix: &str, values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let expanded = prefix.bytes().map(|character| character >> 5).chain([0]).chain(prefix.bytes().map(|c| c & 31));
    expanded.chain(values.iter().copied()).fold(1, |check: u32, value| {
        let top = check >> 25;
        let next = (check & 0x01ff_ffff) << 5 ^ u32::from(value);
        GENERATOR
            .iter()
            .enumerate()
            .fold(next, |next, (bit, term)| if top >> bit & 1 == 1 { next ^ term } else { next })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_of_every_length_read_back() {
        for size in 0..40 {
            let octets: Vec<u8> = (0..size).map(|index: u8| index.wrapping_mul(37).wrapping_add(11)).collect();
            let text = encode("age", &octets);
            assert_eq!(decode("age", &text), Some(octets), "{text}");
        }
    }

    #[test]
    fn the_examples_of_the_standard_hold() {
        // BIP 173's valid strings.
        assert_eq!(decode("a", "a12uel5l"), Some(Vec::new()));
        assert_eq!(
            decode("abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw").map(|octets| octets.len()),
            Some(20)
        );
        // One character changed, another prefix, capitals, bits left over.
        assert_eq!(decode("a", "a12uel5q"), None);
        assert_eq!(decode("b", "a12uel5l"), None);
        assert_eq!(decode("a", "A12UEL5L"), None);
    }
}
