//! The path of a request: which operation, and below which label (RFC 7030, section 3.2.2).

use pki::device_name::DeviceName;

/// An operation of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The issuing hierarchy (RFC 7030, section 4.1).
    CaCerts,
    /// A first certificate (section 4.2.1).
    SimpleEnroll,
    /// The next certificate of an identity (section 4.2.2).
    SimpleReenroll,
    /// What a request should contain (section 4.5).
    CsrAttrs,
    /// A client proves that it holds and uses its new certificate. tbpki's own.
    Confirm,
    /// The trust anchors of the servers. tbpki's own.
    Anchors,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 6] =
        [Self::CaCerts, Self::SimpleEnroll, Self::SimpleReenroll, Self::CsrAttrs, Self::Confirm, Self::Anchors];

    /// The last part of the path, and the word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CaCerts => "cacerts",
            Self::SimpleEnroll => "simpleenroll",
            Self::SimpleReenroll => "simplereenroll",
            Self::CsrAttrs => "csrattrs",
            Self::Confirm => "confirm",
            Self::Anchors => "anchors",
        }
    }

    /// The only method that the operation has.
    pub const fn method(self) -> &'static str {
        match self {
            Self::CaCerts | Self::CsrAttrs | Self::Anchors => "GET",
            Self::SimpleEnroll | Self::SimpleReenroll | Self::Confirm => "POST",
        }
    }

    /// Whether the body of a request is a signing request.
    pub const fn takes_request(self) -> bool {
        matches!(self, Self::SimpleEnroll | Self::SimpleReenroll)
    }

    const fn family(self) -> &'static str {
        match self {
            Self::Confirm | Self::Anchors => "tbpki",
            _ => "est",
        }
    }
}

/// A path of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// What the client asks for.
    pub operation: Operation,
    /// The label, which is the name of a device profile; `None` for the devices' issuing CA.
    pub label: Option<String>,
}

/// The longest label, in bytes before decoding: three for each byte of the longest name of a device profile.
const MAX_LABEL: usize = 3 * DeviceName::MAX_BYTES;

impl Route {
    /// The route of a path without its query; `None` for paths that the service does not have.
    ///
    /// A label is behind `/.well-known/est` (RFC 7030), or before it, where strongSwan puts the path of its URL.
    pub fn of(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        let (family, label, last) = match *parts.as_slice() {
            [".well-known", family, last] => (family, None, last),
            // One segment is a label: a slash in it has to be encoded.
            [".well-known", family, label, last] | [label, ".well-known", family, last] => (family, Some(label), last),
            _ => return None,
        };
        let operation =
            // Both have to fit: what tbpki has added to EST must not look like a part of the standard.
            Operation::ALL.into_iter().find(|operation| operation.as_str() == last && operation.family() == family)?;
        let label = match label {
            Some(label) => Some(decoded(label).filter(|label| !label.is_empty())?),
            None => None,
        };
        Some(Self { operation, label })
    }
}

/// A segment of a path with its percent-encoding undone (RFC 3986, section 2.1).
fn decoded(segment: &str) -> Option<String> {
    if segment.len() > MAX_LABEL {
        return None;
    }
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            // Digit by digit: `from_str_radix` would take a plus sign.
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(operation: Operation, label: Option<&str>) -> Option<Route> {
        Some(Route { operation, label: label.map(str::to_owned) })
    }

    #[test]
    fn every_operation_has_a_path_with_and_without_a_label() {
        for operation in Operation::ALL {
            let (family, last) = (operation.family(), operation.as_str());
            assert_eq!(Route::of(&format!("/.well-known/{family}/{last}")), route(operation, None));
            for path in [format!("/.well-known/{family}/pumps/{last}"), format!("/pumps/.well-known/{family}/{last}")] {
                assert_eq!(Route::of(&path), route(operation, Some("pumps")), "{path}");
            }
        }
    }

    #[test]
    fn a_label_is_decoded_once() {
        assert_eq!(Route::of("/.well-known/est/a%20b%252F/cacerts"), route(Operation::CaCerts, Some("a b%2F")));
        assert_eq!(Route::of("/.well-known/est/%C3%BC/cacerts"), route(Operation::CaCerts, Some("ü")));
        // The longest name that a profile can have, with four bytes for each character.
        let name: DeviceName = "😀".repeat(DeviceName::MAX_BYTES / 4).parse().unwrap();
        let encoded: String = name.as_str().bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(
            Route::of(&format!("/.well-known/est/{encoded}/cacerts")),
            route(Operation::CaCerts, Some(name.as_str()))
        );
    }

    #[test]
    fn other_paths_are_none_of_ours() {
        let long = format!("/.well-known/est/{}/cacerts", "a".repeat(MAX_LABEL + 1));
        for path in [
            "",
            "/",
            "*",
            ".well-known/est/cacerts",
            "/.well-known/est",
            "/.well-known/est/",
            "/.well-known/est/serverkeygen",
            "/.well-known/est/CACERTS",
            "/.well-known/est//cacerts",
            "//.well-known/est/cacerts",
            "/.well-known/est/cacerts/",
            "/.well-known/est/confirm",
            "/.well-known/tbpki/cacerts",
            "/a/.well-known/est/b/cacerts",
            "/.well-known/est/%zz/cacerts",
            "/.well-known/est/%/cacerts",
            "/.well-known/est/%FF/cacerts",
            &long,
        ] {
            assert_eq!(Route::of(path), None, "{path}");
        }
    }
}
