//! The origin that a client sends its requests to.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use base::{Code, Error, Result};
use reqwest::Url;

/// Scheme, host, port, and the path of the API.
#[derive(Debug)]
pub(super) struct HttpOrigin {
    base: Url,
    /// The URL without a final slash.
    text: String,
    /// The addresses of a name below `localhost`, if all of them are of this machine.
    local: Vec<SocketAddr>,
}

impl HttpOrigin {
    /// Parses a URL.
    ///
    /// # Errors
    /// [`Code::BadValue`], and [`Code::PlainHttp`] for http:// to another machine unless that is allowed.
    pub(super) fn parse(text: &str, allow_plain: bool) -> Result<Self> {
        Self::parse_with(text, allow_plain, |host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }

    /// As [`parse`](Self::parse), with the addresses that `resolve` finds for a name below `localhost`.
    fn parse_with(
        text: &str,
        allow_plain: bool,
        resolve: impl FnOnce(&str, u16) -> io::Result<Vec<SocketAddr>>,
    ) -> Result<Self> {
        let bad = |why: String| Code::BadValue.error("the platform's address cannot be used").because(why);
        let base = Url::parse(text).map_err(|error| bad(error.to_string()))?;
        if !matches!(base.scheme(), "https" | "http") || base.host_str().is_none() {
            return Err(bad("it does not begin with https:// or http:// and a host".to_owned()));
        }
        // A password in the URL would appear in logs and messages.
        if !base.username().is_empty() || base.password().is_some() {
            return Err(bad("it holds a user name".to_owned()));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(bad("it has a query or a fragment".to_owned()));
        }
        let host = base.host_str().unwrap_or_default();
        let mut local = Vec::new();
        // RFC 6761, section 6.3 asks resolvers to answer with this machine, but not all of them do.
        if host.ends_with(".localhost") {
            local = resolve(host, base.port_or_known_default().unwrap_or_default()).unwrap_or_default();
            // A name that leads elsewhere gets no exception from encryption.
            if !local.iter().all(|address| address.ip().is_loopback()) {
                local.clear();
            }
        }
        // Paths begin with a slash, so the base must not end with one.
        let origin = Self { text: base.as_str().trim_end_matches('/').to_owned(), base, local };
        if !origin.is_https() && !origin.is_loopback() && !allow_plain {
            return Err(Code::PlainHttp
                .error("the platform's address has no encryption, and leads to another machine")
                .item(origin.text)
                .fix("use https://, or --allow-plain-http in a network without other users"));
        }
        Ok(origin)
    }

    /// The URL for messages.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn is_https(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// True if the host is this machine. Such connections need no proxy and no encryption.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default();
        // Brackets surround IPv6 addresses in URLs.
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        address.map_or_else(|_| host == "localhost" || !self.local.is_empty(), |address| address.is_loopback())
    }

    /// The name whose addresses are known to be of this machine, with these: it must not be resolved again.
    pub(super) fn local(&self) -> Option<(&str, &[SocketAddr])> {
        let host = self.base.host_str().filter(|_| !self.local.is_empty())?;
        Some((host, &self.local))
    }

    /// The URL of an API path with query parameters, which are encoded here. The path begins with a slash and is encoded
    /// already.
    ///
    /// # Errors
    /// [`Code::Internal`] if the URL would lead to another origin.
    pub(super) fn join(&self, path: &str, parameters: &[(&'static str, String)]) -> Result<Url> {
        let stray = || -> Error { Code::Internal.error("a request would leave the platform") };
        let mut url = Url::parse(&format!("{}{path}", self.text)).map_err(|_| stray())?;
        // Paths contain ids that the platform sent. A host in one of them would receive the token.
        if !path.starts_with('/') || url.origin() != self.base.origin() {
            return Err(stray());
        }
        // `query_pairs_mut` alone would append an empty query to the URL.
        if !parameters.is_empty() {
            url.query_pairs_mut().extend_pairs(parameters);
        }
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_to_other_machines_must_be_allowed() {
        for url in ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:9"] {
            assert!(HttpOrigin::parse(url, false).unwrap().is_loopback(), "{url}");
        }
        for url in
            // Names that only begin as those of this machine do.
            [
                "http://tb.example",
                "http://192.168.1.4:8080",
                "http://localhost.example",
                "http://127.0.0.1.nip.io",
            ]
        {
            assert_eq!(HttpOrigin::parse(url, false).unwrap_err().code(), Code::PlainHttp, "{url}");
            assert!(HttpOrigin::parse(url, true).is_ok());
        }
        assert!(!HttpOrigin::parse("https://tb.example", false).unwrap().is_loopback());
    }

    #[test]
    fn a_name_below_localhost_is_this_machine_only_if_it_resolves_so() {
        let parse = |addresses: &[&str]| {
            let addresses: Vec<SocketAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            HttpOrigin::parse_with("http://tb.localhost:8080", false, |host, port| {
                assert_eq!((host, port), ("tb.localhost", 8080));
                Ok(addresses)
            })
        };
        let local = parse(&["127.0.0.1:8080", "[::1]:8080"]).unwrap();
        assert!(local.is_loopback());
        assert_eq!(local.local().map(|(host, addresses)| (host, addresses.len())), Some(("tb.localhost", 2)));
        // One address elsewhere is enough: the client may connect to any of them.
        for elsewhere in [&["192.0.2.7:8080"][..], &["127.0.0.1:8080", "192.0.2.7:8080"], &[]] {
            assert_eq!(parse(elsewhere).unwrap_err().code(), Code::PlainHttp, "{elsewhere:?}");
        }
        let failed = HttpOrigin::parse_with("http://tb.localhost", false, |_, _| Err(io::Error::other("no resolver")));
        assert_eq!(failed.unwrap_err().code(), Code::PlainHttp);
    }

    #[test]
    fn the_path_of_the_api_is_kept_and_other_origins_are_rejected() {
        let origin = HttpOrigin::parse("https://tb.example:8443/iot/", false).unwrap();
        assert_eq!(origin.join("/api/device/1", &[]).unwrap().as_str(), "https://tb.example:8443/iot/api/device/1");
        // Appended to the host, each of these would name another one.
        for path in ["api", "@evil.example/api", ".evil.example/api", ":1/api"] {
            assert_eq!(origin.join(path, &[]).unwrap_err().code(), Code::Internal, "{path}");
        }
    }

    #[test]
    fn query_parameters_are_encoded() {
        let origin = HttpOrigin::parse("https://tb.example", false).unwrap();
        for (name, encoded) in [
            ("pump-1", "pump-1"),
            ("a&b=c", "a%26b%3Dc"),
            ("a#b?c", "a%23b%3Fc"),
            ("two words", "two+words"),
            // In a form a plus sign means a space.
            ("a+b", "a%2Bb"),
            ("Größe", "Gr%C3%B6%C3%9Fe"),
            ("100%/;\u{0}", "100%25%2F%3B%00"),
            ("", ""),
        ] {
            let parameters = [("deviceName", name.to_owned()), ("page", "0".to_owned())];
            let url = origin.join("/api/tenant/devices", &parameters).unwrap();
            assert_eq!(url.as_str(), format!("https://tb.example/api/tenant/devices?deviceName={encoded}&page=0"));
            let decoded: Vec<_> = url.query_pairs().into_owned().collect();
            assert_eq!(decoded, parameters.map(|(name, value)| (name.to_owned(), value)), "{name}");
            assert_eq!((url.path(), url.fragment()), ("/api/tenant/devices", None), "{name}");
        }
    }

    #[test]
    fn urls_with_other_parts_are_rejected() {
        for url in ["", "tb.example", "ftp://tb.example", "https://u:hunter2@tb.example", "https://tb.example?token=x"]
        {
            let error = HttpOrigin::parse(url, true).unwrap_err();
            assert!(error.code() == Code::BadValue && !error.to_string().contains("hunter2"), "{url}: {error}");
        }
    }
}
