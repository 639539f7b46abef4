//! Dates in the heads of HTTP's messages (RFC 9110, section 5.6.7).

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const FORM: &[FormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// The moment that a header names. Only the form that servers have to write is read.
pub(crate) fn parse(text: &str) -> Option<OffsetDateTime> {
    PrimitiveDateTime::parse(text.trim(), FORM).ok().map(PrimitiveDateTime::assume_utc)
}
