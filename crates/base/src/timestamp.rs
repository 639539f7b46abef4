//! Times as messages and reports show them.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time in the form of RFC 3339, section 5.6; one that is too far away for it, in another form.
pub fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_else(|_| at.to_string())
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_time_has_the_form_of_the_standard() {
        assert_eq!(rfc3339(datetime!(2027-01-02 3:04:05 UTC)), "2027-01-02T03:04:05Z");
        assert_eq!(rfc3339(datetime!(-0001-01-02 3:04:05 UTC)), "-0001-01-02 3:04:05.0 +00:00:00");
    }
}
