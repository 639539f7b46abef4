//! Object identifiers as dotted text.

/// The dotted text of an identifier's content octets (X.690, section 8.19).
///
/// Arcs are bounded, so that a hostile identifier of a megabyte costs nothing: what exceeds 128 bits in one arc
/// or 64 octets in all is shown as hexadecimal.
pub(crate) fn text(content: &[u8]) -> String {
    dotted(content).unwrap_or_else(|| {
        let shown = content.get(..32).unwrap_or(content);
        format!("oid:{}{}", base::hex::lower(shown), if shown.len() < content.len() { ".." } else { "" })
    })
}

/// True if a number of the identifier is above 2^31 - 1, as in identifiers of UUIDs (`2.25`). Go reads no such types of
/// attributes, extensions, purposes and algorithms; it does read such policies.
pub(crate) fn has_large_arc(content: &[u8]) -> bool {
    let mut arc: u32 = 0;
    content.iter().any(|byte| {
        // Seven bits of each octet count, so that 31 bits are left below this bound.
        if arc >= 1 << 24 {
            return true;
        }
        arc = arc << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            arc = 0;
        }
        false
    })
}

fn dotted(content: &[u8]) -> Option<String> {
    if content.is_empty() || content.len() > 64 {
        return None;
    }
    let mut arcs: Vec<u128> = Vec::new();
    let mut arc: u128 = 0;
    let mut complete = true;
    for byte in content {
        arc = arc.checked_mul(128)?.checked_add(u128::from(byte & 0x7f))?;
        complete = byte & 0x80 == 0;
        if complete {
            arcs.push(arc);
            arc = 0;
        }
    }
    let (&first, rest) = arcs.split_first()?;
    if !complete {
        return None;
    }
    // The first two arcs share one number: 40 * first + second, where only arc 2 may have a second above 39.
    let top = (first / 40).min(2);
    let mut text = format!("{top}.{}", first - 40 * top);
    for arc in rest {
        text.push('.');
        // Numbers of 128 bits take far longer to write, and nearly all arcs are small.
        text.push_str(&u32::try_from(*arc).map_or_else(|_| arc.to_string(), |arc| arc.to_string()));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::{has_large_arc, text};

    #[test]
    fn identifiers_are_dotted() {
        assert_eq!(text(&[0x55, 0x04, 0x03]), "2.5.4.3");
        assert_eq!(text(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b]), "1.2.840.113549.1.1.11");
        // The example of X.690, section 8.19.5: the first two arcs take two octets.
        assert_eq!(text(&[0x88, 0x37, 0x03]), "2.999.3");
    }

    #[test]
    fn what_is_no_identifier_is_hexadecimal() {
        assert_eq!(text(&[]), "oid:");
        assert_eq!(text(&[0x55, 0x84]), "oid:5584");
        assert!(text(&[0x81; 4096]).ends_with(".."));
    }

    #[test]
    fn numbers_that_go_reads_end_at_31_bits() {
        for (content, is_large) in [
            (&[][..], false),
            (&[0x55, 0x04, 0x03], false),
            // 2.25.(2^31 - 1) and 2.25.2^31.
            (&[0x69, 0x87, 0xff, 0xff, 0xff, 0x7f], false),
            (&[0x69, 0x88, 0x80, 0x80, 0x80, 0x00], true),
            // The first two arcs share one number.
            (&[0x87, 0xff, 0xff, 0xff, 0x7f], false),
            (&[0x88, 0x80, 0x80, 0x80, 0x00], true),
            (&[0x69, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00], true),
            // Several large numbers that are each in the range.
            (&[0x2a, 0x87, 0xff, 0xff, 0xff, 0x7f, 0x87, 0xff, 0xff, 0xff, 0x7f], false),
        ] {
            assert_eq!(has_large_arc(content), is_large, "{content:02x?}");
        }
    }
}
