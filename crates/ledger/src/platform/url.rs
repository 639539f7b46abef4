//! The address of a platform, in one form for all ways of writing it.

use std::fmt;
use std::str::FromStr;

use base::{Code, Error, Result};
use url::Url;

/// The normalized address of a platform, as the WHATWG URL Standard writes it (which HTTP clients use): scheme and host in
/// lower case, no default port, no dot segments; besides, no trailing slash, no user and no query.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlatformUrl(String);

impl PlatformUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Text that the ledger holds. Earlier versions normalized less.
    pub(crate) fn stored(text: String) -> Self {
        text.parse().unwrap_or(Self(text))
    }
}

impl FromStr for PlatformUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // Not shown: a part of it may be a password.
        let wrong = |what: &str| Code::BadValue.error(format!("the address of the platform {what}"));
        let url: Url = text.trim().parse().map_err(|_| wrong("does not begin with https:// or http:// and a host"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(wrong("does not begin with https:// or http:// and a host"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has a user or a password, which have keys of their own"));
        }
        let host = url.host_str().unwrap_or_default();
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        Ok(Self(format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/'))))
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
            ("https://tb.example?x=1#y", "https://tb.example"),
            ("http://[::1]:80", "http://[::1]"),
            ("http://[0:0::1]:80", "http://[::1]"),
            ("http://127.0.0.1:018081/.", "http://127.0.0.1:18081"),
            ("http://0x7f.1:18081", "http://127.0.0.1:18081"),
            ("https://b\u{fc}ro.example", "https://xn--bro-hoa.example"),
            (" http://127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(text.parse::<PlatformUrl>().unwrap().as_str(), normalized, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_it() {
        for text in [
            "",
            "tb.example",
            "ftp://tb.example",
            "https://",
            "https://user:secret@",
            "https://user:secret@x",
            "http://exa mple/a b",
        ] {
            let error = text.parse::<PlatformUrl>().unwrap_err();
            assert_eq!(error.code(), Code::BadValue, "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
