//! The names in subject alternative names and in name constraints of foreign certificates.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base::hex;
use base::text::printable;
use x509_parser::extensions::GeneralName as Parsed;

use super::name;
use crate::asn1::oid;
use crate::names::san::San;

/// A GeneralName (RFC 5280, section 4.2.1.6) as it is in a certificate, whether it makes sense or not.
///
/// [`San`] is the kind that tbpki writes and holds only what is legal; this one can hold, and show,
/// everything that others write.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeneralName {
    /// A DNS name; in a constraint, the name of a domain.
    Dns(String),
    /// An e-mail address; in a constraint also a host or, with a leading dot, a domain.
    Email(String),
    /// A URI; in a constraint a host or, with a leading dot, a domain.
    Uri(String),
    /// An address of 4 or 16 octets; in a constraint an address and its mask. Any other length is a mistake.
    Ip(Vec<u8>),
    /// A distinguished name, as DER.
    Directory(Vec<u8>),
    /// Any other kind: what it is called, and what of it can be shown.
    Other {
        /// The name of the kind, as OpenSSL calls it.
        kind: &'static str,
        /// The type, number or octets as text.
        text: String,
    },
}

impl GeneralName {
    pub(crate) fn from_parsed(parsed: &Parsed<'_>) -> Self {
        let other = |kind, text| GeneralName::Other { kind, text };
        match parsed {
            Parsed::DNSName(text) => GeneralName::Dns((*text).to_owned()),
            Parsed::RFC822Name(text) => GeneralName::Email((*text).to_owned()),
            Parsed::URI(text) => GeneralName::Uri((*text).to_owned()),
            Parsed::IPAddress(octets) => GeneralName::Ip(octets.to_vec()),
            Parsed::DirectoryName(name) => GeneralName::Directory(name.as_raw().to_vec()),
            Parsed::OtherName(kind, _) => other("othername", oid::text(kind.as_bytes())),
            Parsed::RegisteredID(id) => other("rid", oid::text(id.as_bytes())),
            Parsed::X400Address(any) => other("x400", shortened(any.data)),
            Parsed::EDIPartyName(any) => other("ediparty", shortened(any.data)),
            // Shown and not refused: one bad name does not hide the others from `inspect`.
            Parsed::Invalid(_, octets) => other("unreadable", shortened(octets)),
        }
    }

    /// The kind of name as it is shown: `dns`, `email`, `uri`, `ip`, `dirname`, or OpenSSL's word for the others.
    pub fn kind(&self) -> &'static str {
        match self {
            GeneralName::Dns(_) => "dns",
            GeneralName::Email(_) => "email",
            GeneralName::Uri(_) => "uri",
            GeneralName::Ip(_) => "ip",
            GeneralName::Directory(_) => "dirname",
            GeneralName::Other { kind, .. } => kind,
        }
    }

    /// A name that tbpki writes, as a certificate holds it.
    pub(crate) fn of_san(san: &San) -> Self {
        match san {
            San::Dns(text) => GeneralName::Dns(text.clone()),
            San::Email(text) => GeneralName::Email(text.clone()),
            San::Uri(text) => GeneralName::Uri(text.clone()),
            San::Ip(IpAddr::V4(address)) => GeneralName::Ip(address.octets().to_vec()),
            San::Ip(IpAddr::V6(address)) => GeneralName::Ip(address.octets().to_vec()),
        }
    }

    /// The name as one of the kinds that tbpki writes, where it is legal as such.
    pub fn to_san(&self) -> Option<San> {
        match self {
            GeneralName::Dns(text) => San::dns(text).ok(),
            GeneralName::Email(text) => San::email(text).ok(),
            GeneralName::Uri(text) => San::uri(text).ok(),
            GeneralName::Ip(octets) => ip(octets).map(San::Ip),
            GeneralName::Directory(_) | GeneralName::Other { .. } => None,
        }
    }

    /// The address, where this is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            GeneralName::Ip(octets) => ip(octets),
            _ => None,
        }
    }
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        // Four octets are IPv4 and sixteen IPv6 (RFC 5280, 4.2.1.6).
        .map(|octets| IpAddr::V4(Ipv4Addr::from(octets)))
        .or_else(|_| <[u8; 16]>::try_from(octets).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))))
        .ok()
}

fn shortened(octets: &[u8]) -> String {
    match octets.get(..32) {
        Some(start) if octets.len() > 32 => format!("{}..", hex::lower(start)),
        _ => hex::lower(octets),
    }
}

impl fmt::Display for GeneralName {
    /// The kind, a colon and the name, as in `dns:broker.example`. Characters that would deceive a reader or a
    /// terminal are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind())?;
        match self {
            GeneralName::Dns(text) | GeneralName::Email(text) | GeneralName::Uri(text) => printable(text).fmt(f),
            GeneralName::Ip(octets) => match (ip(octets), octets.split_at_checked(octets.len() / 2)) {
                (Some(ip), _) => ip.fmt(f),
                // In name constraints an address is followed by its mask, so it has eight or thirty-two octets.
                (None, Some((network, mask))) => match (ip(network), ip(mask)) {
                    (Some(network), Some(mask)) => write!(f, "{network}/{mask}"),
                    _ => write!(f, "#{}", shortened(octets)),
                },
                (None, None) => write!(f, "#{}", shortened(octets)),
            },
            GeneralName::Directory(der) => f.write_str(&name::text(der)),
            GeneralName::Other { text, .. } => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_show_their_kind() {
        assert_eq!(GeneralName::Dns("broker.example".into()).to_string(), "dns:broker.example");
        assert_eq!(GeneralName::Ip(vec![127, 0, 0, 1]).to_string(), "ip:127.0.0.1");
        assert_eq!(GeneralName::Ip(vec![0; 16]).to_string(), "ip:::");
        assert_eq!(GeneralName::Ip(vec![10, 0, 0, 0, 255, 0, 0, 0]).to_string(), "ip:10.0.0.0/255.0.0.0");
        assert_eq!(GeneralName::Ip(vec![1, 2, 3]).to_string(), "ip:#010203");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(GeneralName::Dns("a\u{1b}[2J".into()).to_string(), "dns:a\\u{1b}[2J");
    }
}
