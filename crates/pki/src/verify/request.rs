//! A request to verify a chain.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use base::{Code, Error, Finding, Result};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::key::PublicKey;
use crate::names::san::San;
use crate::read::certificate::{Certificate, ExtendedKeyUsage};
use crate::read::crl::Crl;

/// The purpose of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// A TLS server: extended key usage serverAuth.
    Server,
    /// A device, which is a TLS client: extended key usage clientAuth.
    Device,
}

/// The peer's name, as the client that connects to it knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A DNS name in ASCII and lower case.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// A chain to be verified, and the conditions.
#[derive(Debug)]
pub struct VerifyRequest<'a> {
    /// The certificates in the order in which the peer sends them: the leaf first.
    pub chain: &'a [Certificate],
    /// Certificates that may stand between chain and anchors although the peer does not send them.
    pub extra: &'a [Certificate],
    /// The trust anchors.
    pub anchors: &'a [Certificate],
    /// The leaf's private key, where it is at hand.
    pub key: Option<&'a PublicKey>,
    /// The name under which a server is reached.
    pub host: Option<&'a Host>,
    /// The purpose of the leaf; `None` allows any.
    pub purpose: Option<Purpose>,
    /// The moment for which to verify.
    pub time: OffsetDateTime,
    /// Revocation lists. With any, the leaf must be covered by one of them.
    pub crls: &'a [Crl],
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Purpose::Server => "server",
            Purpose::Device => "device",
        })
    }
}

impl FromStr for Host {
    type Err = Error;

    /// Reads an IP address or a host name; internationalized names become punycode.
    fn from_str(text: &str) -> Result<Self> {
        match San::host(text)? {
            San::Ip(ip) => Ok(Host::Ip(ip)),
            San::Dns(name) => Ok(Host::Dns(name)),
            San::Uri(_) | San::Email(_) => Err(Code::BadSan.error("this is not a host name")),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Dns(name) => f.write_str(name),
            Host::Ip(ip) => ip.fmt(f),
        }
    }
}

/// Whether these extended key usages allow a purpose. anyExtendedKeyUsage does not: OpenSSL, Mbed TLS and rustls look for
/// the usage itself, also in the certificates of CAs.
pub(super) fn allows(usages: &[ExtendedKeyUsage], purpose: Purpose) -> bool {
    let wanted = match purpose {
        Purpose::Server => ExtendedKeyUsage::ServerAuth,
        Purpose::Device => ExtendedKeyUsage::ClientAuth,
    };
    usages.contains(&wanted)
}

/// The finding, made about that certificate unless it names another already.
pub(super) fn about(finding: Finding, certificate: &Certificate) -> Finding {
    if finding.location.item.is_some() { finding } else { finding.item(certificate.label()) }
}
