//! What a certificate is for, and the extensions that follow from it.
//!
//! Profiles, not flags, decide extensions: basicConstraints and keyUsage are critical, every certificate
//! carries subject and authority key identifiers (RFC 5280, section 4.2).

use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use serde::{Deserialize, Serialize};

use crate::algorithm::Algorithm;

/// The purpose of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// A root: self-signed, signs issuing CAs and nothing else.
    Root,
    /// An issuing CA: signs leaves only (pathLenConstraint 0).
    IssuingCa,
    /// The leaf of a server (serverAuth).
    Server,
    /// The leaf of a device (clientAuth).
    Device,
}

impl Profile {
    /// The name in the ledger and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::Root => "root",
            Profile::IssuingCa => "issuing-ca",
            Profile::Server => "server",
            Profile::Device => "device",
        }
    }

    /// True if certificates of this profile sign others.
    pub const fn is_ca(self) -> bool {
        matches!(self, Profile::Root | Profile::IssuingCa)
    }

    /// Whether a certificate of this profile is useless without subject alternative names: those of servers
    /// are what clients compare with the host (RFC 9525).
    pub const fn needs_san(self) -> bool {
        matches!(self, Profile::Server)
    }

    pub(crate) fn basic_constraints(self) -> IsCa {
        match self {
            Profile::Root => IsCa::Ca(BasicConstraints::Constrained(1)),
            Profile::IssuingCa => IsCa::Ca(BasicConstraints::Constrained(0)),
            // "Not a CA" is explicit: without the extension nothing stops a careless verifier.
            Profile::Server | Profile::Device => IsCa::ExplicitNoCa,
        }
    }

    /// RSA leaves of servers also decrypt: TLS 1.2 still has suites with RSA key exchange.
    pub(crate) fn key_usages(self, key: Algorithm) -> Vec<KeyUsagePurpose> {
        match self {
            Profile::Root | Profile::IssuingCa => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            Profile::Server if key.is_rsa() => {
                vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment]
            }
            Profile::Server | Profile::Device => vec![KeyUsagePurpose::DigitalSignature],
        }
    }

    pub(crate) fn extended_key_usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Profile::Root | Profile::IssuingCa => Vec::new(),
            Profile::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Profile::Device => vec![ExtendedKeyUsagePurpose::ClientAuth],
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
