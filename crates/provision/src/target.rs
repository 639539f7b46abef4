//! The address of a server.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use base::text::{printable, quote};
use base::{Code, Result};
use pki::San;
use pki::san::authority;
use rustls::pki_types::ServerName;

/// A host and a port (`HOST[:PORT]`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    host: String,
    port: u16,
    server_name: ServerName<'static>,
}

impl Target {
    /// A host name or address with a port. International names are converted to punycode.
    ///
    /// # Errors
    /// [`Code::BadSan`] if the host is neither a name nor an address, [`Code::BadValue`] if it is a part of the text.
    pub fn new(host: &str, port: u16) -> Result<Self> {
        Ok(Self { host: host.to_owned(), port, server_name: server_name(host)? })
    }

    /// Parses `host`, `host:port`, `192.0.2.1:port`, `::1` and `[::1]:port`.
    ///
    /// # Errors
    /// [`Code::BadValue`] for an invalid port and for more than a host and a port, [`Code::BadSan`] as for [`Target::new`].
    pub fn parse(text: &str, default_port: u16) -> Result<Self> {
        let text = text.trim();
        if let Some((scheme, _)) = text.split_once("://") {
            let host = authority(text);
            // The address is not shown as it is, because a password can be in it.
            let shown = format!("{scheme}://{host}");
            return Err(Code::BadValue.error(format!("{} is an address with a scheme", quote(&shown))).fix(format!(
                "leave {}:// out: {}",
                printable(scheme),
                printable(host)
            )));
        }
        // As in a URL without its scheme. What is in front of the host is not shown, because it can be a password.
        let alone = authority(text);
        if alone != text && San::host(alone.split(':').next().unwrap_or_default()).is_ok() {
            return Err(Code::BadValue
                .error("the address of the server has more than a host and a port")
                .fix(format!("name the host and the port alone: {}", printable(alone))));
        }
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            // Text without a colon after the bracket is reported as an invalid port.
            Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or("]"))),
            // More than one colon without brackets can only be an IPv6 address.
            None => match text.split_once(':') {
                Some((host, port)) if !port.contains(':') => (host, Some(port)),
                _ => (text, None),
            },
        };
        let port = match port {
            None => default_port,
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
                Code::BadValue.error(format!("{port:?} is not a port")).fix("a port is a number from 1 to 65535")
            })?,
        };
        Self::new(host, port)
    }

    /// The host as the user gave it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name that the server's certificate must be valid for.
    pub fn server_name(&self) -> &ServerName<'static> {
        &self.server_name
    }

    /// The host for the resolver.
    pub(crate) fn lookup_name(&self) -> String {
        match &self.server_name {
            ServerName::DnsName(name) => name.as_ref().to_owned(),
            // An IPv6 address may have a zone, which `ServerName` does not keep.
            _ => self.host.clone(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(address.into()));
    }
    if let Some(address) = host.split_once('%').and_then(|(address, _zone)| address.parse::<Ipv6Addr>().ok()) {
        return Ok(ServerName::IpAddress(IpAddr::V6(address).into()));
    }
    let no_host = || Code::BadSan.error(format!("{} is not the name of a host", quote(host)));
    // Within the text a blank would be lost, as in front of a port.
    if host.contains(char::is_whitespace) {
        return Err(no_host().because("it contains white space").fix("write HOST or HOST:PORT, without blanks"));
    }
    match San::host(host)? {
        San::Ip(address) => Ok(ServerName::IpAddress(address.into())),
        San::Dns(name) => ServerName::try_from(name)
            .map_err(|error| no_host().caused_by(error).fix("write a host name or an IP address")),
        San::Uri(_) | San::Email(_) => Err(no_host().fix("write a host name or an IP address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        Target::parse(text, 8883).unwrap().to_string()
    }

    #[test]
    fn a_host_and_perhaps_a_port() {
        assert_eq!(parsed("mqtt.example.com"), "mqtt.example.com:8883");
        assert_eq!(parsed("mqtt.example.com:443"), "mqtt.example.com:443");
        assert_eq!(parsed("192.0.2.1:1"), "192.0.2.1:1");
        assert_eq!(parsed("::1"), "[::1]:8883");
        assert_eq!(parsed("[::1]"), "[::1]:8883");
        // A link-local address needs its interface.
        assert_eq!(parsed("[fe80::1%eth0]:65535"), "[fe80::1%eth0]:65535");
    }

    #[test]
    fn an_international_name_is_looked_up_in_punycode() {
        let target = Target::parse("bücher.example", 8883).unwrap();
        assert_eq!((target.host(), &*target.lookup_name()), ("bücher.example", "xn--bcher-kva.example"));
    }

    #[test]
    fn a_scheme_is_left_out() {
        for (text, fix) in [
            ("mqtts://h:8883", "leave mqtts:// out: h:8883"),
            ("mqtt://host", "leave mqtt:// out: host"),
            ("https://tb.example:8080/login", "leave https:// out: tb.example:8080"),
        ] {
            let error = Target::parse(text, 8883).unwrap_err();
            assert_eq!(error.finding().fix.as_deref(), Some(fix));
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for (text, code) in [
            ("host:0", Code::BadValue),
            ("host:65536", Code::BadValue),
            ("host:", Code::BadValue),
            // Without the colon.
            ("[::1]8883", Code::BadValue),
            ("", Code::BadSan),
            ("not a host!", Code::BadSan),
            ("*.example.com", Code::BadValue),
            ("user@host", Code::BadValue),
            ("user:secret@host:8883", Code::BadValue),
            ("host/path", Code::BadValue),
            ("h:8883:8883", Code::BadSan),
            (":8883", Code::BadSan),
            ("1.2.3.4.5", Code::BadSan),
            ("h :8883", Code::BadSan),
            ("a,b", Code::BadSan),
            ("mqtt://host", Code::BadValue),
            ("mqtts://host:8883", Code::BadValue),
        ] {
            let error = Target::parse(text, 8883).unwrap_err();
            assert_eq!(error.code(), code, "{text}");
            // The advice is about hosts, and shows no password.
            let shown = format!("{error:?}");
            assert!(!shown.contains("alternative name") && !shown.contains("secret"), "{shown}");
        }
    }
}
