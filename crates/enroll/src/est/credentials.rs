//! The name and the one-time password of a request (HTTP Basic, RFC 7617).

use base::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The name of a device and its one-time password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The device's name.
    pub name: String,
    /// The one-time password.
    pub password: Secret,
}

/// The longest value of the header that is read, in bytes.
const LIMIT: usize = 1024;

impl Credentials {
    /// The credentials in the value of an `Authorization` header; `None` for other schemes and for damage.
    ///
    /// The last colon separates the two, because names of devices may have colons (MAC addresses) and passwords of tbpki
    /// have none.
    pub fn of_header(value: &[u8]) -> Option<Self> {
        if value.len() > LIMIT {
            return None;
        }
        let text = std::str::from_utf8(value).ok()?;
        let (scheme, encoded) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (name, password) = decoded.rsplit_once(':')?;
        if name.is_empty() || password.is_empty() {
            return None;
        }
        Some(Self { name: name.to_owned(), password: Secret::from(password) })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    #[test]
    fn the_last_colon_separates_name_and_password() {
        for (text, name) in [("pump-1:secret", "pump-1"), ("a4:cf:12:ff:secret", "a4:cf:12:ff"), ("ü ü:secret", "ü ü")]
        {
            let read = Credentials::of_header(&header(text)).unwrap();
            assert_eq!((read.name.as_str(), read.password.reveal()), (name, "secret"));
        }
        let read = Credentials::of_header(b"bAsIc  cHVtcDpz ").unwrap();
        assert_eq!((read.name.as_str(), read.password.reveal()), ("pump", "s"));
    }

    #[test]
    fn what_is_no_basic_header_is_none() {
        for value in [&b""[..], b"Basic", b"Basic !", b"Bearer cHVtcDpz", b"Basic cHVtcA==", b"\xff \xff"] {
            assert_eq!(Credentials::of_header(value), None, "{value:?}");
        }
        for text in [":secret", "name:", ":", "name"] {
            assert_eq!(Credentials::of_header(&header(text)), None, "{text}");
        }
        assert_eq!(Credentials::of_header(&header(&format!("{}:secret", "a".repeat(LIMIT)))), None);
        assert_eq!(Credentials::of_header(&[&b"Basic "[..], STANDARD.encode(b"\xff:x").as_bytes()].concat()), None);
    }

    #[test]
    fn a_password_is_never_shown() {
        let read = Credentials::of_header(&header("pump-1:secret")).unwrap();
        let shown = format!("{read:?}");
        assert!(shown.contains("pump-1") && !shown.contains("secret"), "{shown}");
    }
}
