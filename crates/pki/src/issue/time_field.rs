//! The type Time (RFC 5280, sections 4.1.2.5 and 5.1.2.4): UTCTime until 2049, GeneralizedTime from 2050 on, both in whole
//! seconds.

use time::{OffsetDateTime, UtcOffset};

use crate::asn1::tlv;

/// Appends a time; `None` for a year before 1950 or after 9999, which the type cannot express as RFC 5280 wants it.
pub(super) fn push(to: &mut Vec<u8>, at: OffsetDateTime) -> Option<()> {
    let at = at.to_offset(UtcOffset::UTC);
    let year = at.year();
    let (tag, century) = match year {
        1950..=2049 => (tlv::UTC_TIME, None),
        2050..=9999 => (tlv::GENERALIZED_TIME, Some(year / 100)),
        _ => return None,
    };
    let fields = [year % 100, u8::from(at.month()).into(), at.day().into(), at.hour().into(), at.minute().into()];
    let digits = century.into_iter().chain(fields).chain([i32::from(at.second())]).flat_map(|number| {
        // Each is below 100.
        [number / 10, number % 10].map(|digit| b'0'.saturating_add(u8::try_from(digit).unwrap_or_default()))
    });
    let text: Vec<u8> = digits.chain([b'Z']).collect();
    tlv::push(to, tag, &text);
    Some(())
}
