//! The type Time (RFC 5280, section 5.1.2.4): UTCTime until 2049, GeneralizedTime from 2050 on, both in whole seconds.

use base::{Code, Result};
use time::{OffsetDateTime, UtcOffset};

use crate::asn1::tlv;

/// Appends a time.
///
/// # Errors
/// [`Code::CrlDates`] for a year before 1950 or after 9999, which the type cannot express as RFC 5280 wants it.
pub(super) fn push(to: &mut Vec<u8>, at: OffsetDateTime) -> Result<()> {
    let at = at.to_offset(UtcOffset::UTC);
    let rest =
        format!("{:02}{:02}{:02}{:02}{:02}Z", u8::from(at.month()), at.day(), at.hour(), at.minute(), at.second());
    match at.year() {
        year @ 1950..=2049 => tlv::push(to, tlv::UTC_TIME, format!("{:02}{rest}", year % 100).as_bytes()),
        year @ 2050..=9999 => tlv::push(to, tlv::GENERALIZED_TIME, format!("{year:04}{rest}").as_bytes()),
        year => {
            return Err(Code::CrlDates
                .error(format!("a revocation list cannot contain the year {year}"))
                .fix("check the clock of this machine"));
        }
    }
    Ok(())
}
