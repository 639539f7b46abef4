//! The time, as the platforms write it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
pub(crate) fn milliseconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Seconds since 1970.
pub(crate) fn seconds() -> i64 {
    milliseconds() / 1000
}

/// `YYYY-MM-DD HH:MM:SS`, in UTC.
pub(crate) fn text() -> String {
    let now = time::OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    format!("{date} {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

/// The `Date` header of HTTP (RFC 9110, section 5.6.7), `offset` seconds from now.
pub(crate) fn http_date(offset: i64) -> String {
    let at = time::OffsetDateTime::now_utc() + time::Duration::seconds(offset);
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    format!(
        "{weekday:.3}, {:02} {month:.3} {} {:02}:{:02}:{:02} GMT",
        at.day(),
        at.year(),
        at.hour(),
        at.minute(),
        at.second()
    )
}
