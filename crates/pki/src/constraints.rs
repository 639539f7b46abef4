//! Name constraints of a CA (RFC 5280, section 4.2.1.10).
//!
//! They are an option: OpenSSL, Java, Go and rustls honour them, but the extension must be critical, and the
//! Mbed TLS of our own firmware refuses chains with critical name constraints.

use std::net::IpAddr;
use std::str::FromStr;

use rcgen::{CidrSubnet, GeneralSubtree};

use crate::certificate::{Certificate, GeneralName};
use crate::code::Code;
use crate::error::{Error, Result};
use crate::san::San;

/// The names below which a CA may vouch. A kind of name that is not mentioned is not restricted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameConstraints {
    permitted: Vec<Subtree>,
    excluded: Vec<Subtree>,
}

/// All names below one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subtree {
    /// A DNS name and everything under it.
    Dns(String),
    /// An address and the length of its network prefix in bits.
    Ip(IpAddr, u8),
    /// A mailbox, or all of a host.
    Email(String),
}

impl NameConstraints {
    /// Constraints that permit and exclude something; none at all where both lists are empty.
    pub fn new(permitted: Vec<Subtree>, excluded: Vec<Subtree>) -> Option<Self> {
        if permitted.is_empty() && excluded.is_empty() { None } else { Some(Self { permitted, excluded }) }
    }

    /// The constraints in a certificate, as far as they are about names that tbpki writes.
    pub fn of(certificate: &Certificate) -> Option<Self> {
        let constraints = certificate.name_constraints()?;
        let subtrees = |names: &[GeneralName]| names.iter().filter_map(Subtree::from_general_name).collect();
        Self::new(subtrees(&constraints.permitted), subtrees(&constraints.excluded))
    }

    /// Fails with [`Code::NameConstraint`] for the first of `sans` that a verifier would refuse.
    pub fn check(&self, sans: &[San]) -> Result<()> {
        for san in sans {
            let mut same_kind = self.permitted.iter().filter(|subtree| subtree.is_kind_of(san)).peekable();
            let permitted = same_kind.peek().is_none() || same_kind.any(|subtree| subtree.covers(san));
            if !permitted || self.excluded.iter().any(|subtree| subtree.covers(san)) {
                return Err(Code::NameConstraint
                    .error(format!("{san} is outside the name constraints of the issuing CA"))
                    .fix("leave the name out, or make CAs with other constraints"));
            }
        }
        Ok(())
    }

    pub(crate) fn to_rcgen(&self) -> rcgen::NameConstraints {
        let convert = |subtrees: &[Subtree]| subtrees.iter().map(Subtree::to_rcgen).collect();
        rcgen::NameConstraints {
            permitted_subtrees: convert(&self.permitted),
            excluded_subtrees: convert(&self.excluded),
        }
    }
}

impl Subtree {
    fn from_general_name(name: &GeneralName) -> Option<Self> {
        match name {
            GeneralName::Dns(name) => Some(Subtree::Dns(name.clone())),
            GeneralName::Email(name) => Some(Subtree::Email(name.clone())),
            GeneralName::Ip(octets) => network(octets).map(|(address, prefix)| Subtree::Ip(address, prefix)),
            _ => None,
        }
    }

    fn is_kind_of(&self, san: &San) -> bool {
        matches!(
            (self, san),
            (Subtree::Dns(_), San::Dns(_)) | (Subtree::Ip(..), San::Ip(_)) | (Subtree::Email(_), San::Email(_))
        )
    }

    fn covers(&self, san: &San) -> bool {
        match (self, san) {
            (Subtree::Dns(base), San::Dns(name)) => is_below(name, base),
            (Subtree::Ip(network, prefix), San::Ip(address)) => is_in(*address, *network, *prefix),
            (Subtree::Email(base), San::Email(address)) if base.contains('@') => address.eq_ignore_ascii_case(base),
            (Subtree::Email(base), San::Email(address)) => {
                address.rsplit_once('@').is_some_and(|(_, host)| host.eq_ignore_ascii_case(base))
            }
            _ => false,
        }
    }

    fn to_rcgen(&self) -> GeneralSubtree {
        match self {
            Subtree::Dns(name) => GeneralSubtree::DnsName(name.clone()),
            Subtree::Ip(address, prefix) => GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, *prefix)),
            Subtree::Email(name) => GeneralSubtree::Rfc822Name(name.clone()),
        }
    }
}

impl FromStr for Subtree {
    type Err = Error;

    /// Reads `dns:example.org`, `ip:10.0.0.0/8`, `email:example.org`; without a kind, whatever fits.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Code::BadValue
                .error(format!("{text:?} is no name constraint"))
                .fix("write a DNS name, a network such as ip:10.0.0.0/8, or email:HOST")
        };
        let (kind, rest) = text.split_once(':').filter(|(kind, _)| !kind.contains('.')).unwrap_or(("", text));
        if let Some((address, prefix)) = rest.split_once('/').filter(|_| matches!(kind, "" | "ip")) {
            let address: IpAddr = address.parse().map_err(|_| bad())?;
            let prefix: u8 = prefix.parse().map_err(|_| bad())?;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            return if prefix <= bits { Ok(Subtree::Ip(address, prefix)) } else { Err(bad()) };
        }
        match kind {
            "" | "dns" => match San::dns(rest)? {
                San::Dns(name) if !name.starts_with('*') => Ok(Subtree::Dns(name)),
                _ => Err(bad()),
            },
            "email" if rest.contains('@') => match San::email(rest)? {
                San::Email(address) => Ok(Subtree::Email(address)),
                _ => Err(bad()),
            },
            "email" => match San::dns(rest)? {
                San::Dns(host) => Ok(Subtree::Email(host)),
                _ => Err(bad()),
            },
            _ => Err(bad()),
        }
    }
}

/// An address and its mask, as a constraint holds them.
fn network(octets: &[u8]) -> Option<(IpAddr, u8)> {
    let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
    let address = match address.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
        _ => return None,
    };
    let prefix = mask.iter().map(|octet| octet.leading_ones()).sum::<u32>();
    Some((address, u8::try_from(prefix).ok()?))
}

fn is_below(name: &str, base: &str) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    name == base || name.strip_suffix(&base).is_some_and(|front| front.ends_with('.'))
}

fn is_in(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(u32::from(a)), u128::from(u32::from(n)), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (u128::from(a), u128::from(n), 128),
        _ => return false,
    };
    let host_bits = width - u32::from(prefix);
    address.checked_shr(host_bits).unwrap_or(0) == network.checked_shr(host_bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(permitted: &[&str], excluded: &[&str]) -> NameConstraints {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        NameConstraints::new(parse(permitted), parse(excluded)).unwrap()
    }

    #[test]
    fn names_below_are_permitted_and_others_are_not() {
        let only = constraints(&["example.org", "ip:10.0.0.0/8"], &["secret.example.org"]);
        for good in ["example.org", "tb.example.org", "*.example.org", "10.1.2.3", "uri:https://x.test/"] {
            assert!(only.check(&[good.parse().unwrap()]).is_ok(), "{good}");
        }
        for bad in ["badexample.org", "example.com", "a.secret.example.org", "11.0.0.1", "::1"] {
            let error = only.check(&[bad.parse().unwrap()]).unwrap_err();
            assert_eq!(error.code(), Code::NameConstraint, "{bad}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in ["", "ip:10.0.0.0/33", "ip:10.0.0.0", "foo:bar", "*.example.org", "10.0.0.0/x"] {
            assert!(bad.parse::<Subtree>().is_err(), "{bad}");
        }
    }
}
