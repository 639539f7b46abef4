//! Distinguished names of foreign certificates, which may be anything that the parser let through.

use crate::names::subject::Subject;

/// The name with this DER as RFC 4514 writes it. Safe to print.
pub fn text(der: &[u8]) -> String {
    Subject::from_der(der).map_or_else(|_| "(unreadable name)".to_owned(), |name| name.to_string())
}

/// Whether two names are the same by RFC 5280, section 7.1.
pub(crate) fn equal(one: &[u8], other: &[u8]) -> bool {
    one == other
        || match (Subject::from_der(one), Subject::from_der(other)) {
            (Ok(one), Ok(other)) => one.is_same_name(&other),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_name_is_equal_to_its_copy_only() {
        assert_eq!(text(b"\x30\x05junk"), "(unreadable name)");
        assert!(equal(b"\x30\x05junk", b"\x30\x05junk"));
        assert!(!equal(b"\x30\x05junk", b"\x30\x04junk"));
    }
}
