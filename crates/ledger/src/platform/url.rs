//! The address of a platform, in one form for all ways of writing it.

use std::fmt;
use std::str::FromStr;

use base::{Code, Error, Result};

/// The normalized address of a platform: scheme and host in lower case, no default port, no trailing slash, no user and no
/// query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformUrl(String);

impl PlatformUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that the ledger holds: normalized when it was written.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for PlatformUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            // Not shown: a part of it may be a password.
            Code::BadValue.error("the address of the platform does not begin with https:// or http:// and a host")
        };
        let (scheme, rest) = text.trim().split_once("://").ok_or_else(wrong)?;
        let scheme = scheme.to_ascii_lowercase();
        let port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return Err(wrong()),
        };
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // A user has no place in a list of platforms.
        let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let host = host.strip_suffix(port).unwrap_or(&host).trim_end_matches(':');
        if host.is_empty() {
            return Err(wrong());
        }
        Ok(Self(format!("{scheme}://{host}{}", path.trim_end_matches('/'))))
    }
}

impl fmt::Display for PlatformUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_platform_has_one_address_however_it_is_written() {
        for (text, normalized) in [
            ("https://TB.Example/", "https://tb.example"),
            ("HTTPS://tb.example:443", "https://tb.example"),
            ("http://tb.example:80//", "http://tb.example"),
            ("http://tb.example:443", "http://tb.example:443"),
            ("https://tb.example:8443/Base/", "https://tb.example:8443/Base"),
            ("https://user:secret@tb.example?x=1#y", "https://tb.example"),
            ("http://[::1]:80", "http://[::1]"),
            (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(text.parse::<PlatformUrl>().unwrap().as_str(), normalized, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        for text in ["", "tb.example", "ftp://tb.example", "https://", "https://user:secret@", "https:///path"] {
            let error = text.parse::<PlatformUrl>().unwrap_err();
            assert_eq!(error.code(), Code::BadValue, "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
