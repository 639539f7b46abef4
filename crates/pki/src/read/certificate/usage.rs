//! The allowed uses of a key: keyUsage and extendedKeyUsage.

use std::fmt;

use x509_parser::extensions as parsed;

use crate::asn1::oid;

/// The bits of a keyUsage extension (RFC 5280, section 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// The names of the bits, in the order of RFC 5280 and as it spells them.
    const NAMES: [&'static str; 9] = [
        "digitalSignature",
        "nonRepudiation",
        "keyEncipherment",
        "dataEncipherment",
        "keyAgreement",
        "keyCertSign",
        "cRLSign",
        "encipherOnly",
        "decipherOnly",
    ];

    pub(crate) fn from_parsed(parsed: parsed::KeyUsage) -> Self {
        // ASN.1 counts the bits of a string from the left. The parser
        // has turned them around: bit 0 is the lowest here.
        Self(parsed.flags)
    }

    /// True if the bit of that number is set, counted as in RFC 5280.
    fn bit(self, number: u32) -> bool {
        self.0.checked_shr(number).is_some_and(|bits| bits & 1 == 1)
    }

    /// May sign what is neither a certificate nor a revocation list: TLS handshakes with (EC)DHE.
    pub fn digital_signature(self) -> bool {
        self.bit(0)
    }

    /// May encrypt keys: TLS handshakes with RSA key exchange.
    pub fn key_encipherment(self) -> bool {
        self.bit(2)
    }

    /// May agree on keys: TLS handshakes with static (EC)DH.
    pub fn key_agreement(self) -> bool {
        self.bit(4)
    }

    /// May sign certificates.
    pub fn key_cert_sign(self) -> bool {
        self.bit(5)
    }

    /// May sign revocation lists.
    pub fn crl_sign(self) -> bool {
        self.bit(6)
    }

    /// The names of the bits that are set, as RFC 5280 spells them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        (0..).zip(Self::NAMES).filter(move |(number, _)| self.bit(*number)).map(|(_, name)| name)
    }
}

impl fmt::Display for KeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(", "))
    }
}

/// The bits of a nsCertType extension, with which Netscape restricted certificates before extendedKeyUsage existed. OpenSSL
/// still applies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetscapeUsage(u8);

impl NetscapeUsage {
    /// The names of the bits as OpenSSL writes them in configurations.
    const NAMES: [&'static str; 8] = ["client", "server", "email", "objsign", "reserved", "sslCA", "emailCA", "objCA"];

    /// From the BIT STRING, its first octet the number of unused bits.
    pub(crate) fn from_bits(content: &[u8]) -> Self {
        Self(content.get(1).copied().unwrap_or(0))
    }

    /// May be a TLS client.
    pub fn client(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// May be a TLS server.
    pub fn server(self) -> bool {
        self.0 & 0x40 != 0
    }
}

impl fmt::Display for NetscapeUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            (0..8).zip(Self::NAMES).filter(|(bit, _)| self.0 << bit & 0x80 != 0).map(|(_, name)| name).collect();
        f.write_str(if names.is_empty() { "empty" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

/// One purpose of an extendedKeyUsage extension (RFC 5280, section 4.2.1.12).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtendedKeyUsage {
    /// Any purpose.
    Any,
    /// TLS servers.
    ServerAuth,
    /// TLS clients.
    ClientAuth,
    /// Signing code.
    CodeSigning,
    /// E-mail.
    EmailProtection,
    /// Time stamps.
    TimeStamping,
    /// OCSP answers.
    OcspSigning,
    /// Another, as a dotted object identifier.
    Other(String),
}

impl ExtendedKeyUsage {
    pub(crate) fn from_parsed(parsed: &parsed::ExtendedKeyUsage<'_>) -> Vec<Self> {
        let known = [
            (parsed.any, ExtendedKeyUsage::Any),
            (parsed.server_auth, ExtendedKeyUsage::ServerAuth),
            (parsed.client_auth, ExtendedKeyUsage::ClientAuth),
            (parsed.code_signing, ExtendedKeyUsage::CodeSigning),
            (parsed.email_protection, ExtendedKeyUsage::EmailProtection),
            (parsed.time_stamping, ExtendedKeyUsage::TimeStamping),
            (parsed.ocsp_signing, ExtendedKeyUsage::OcspSigning),
        ];
        let known = known.into_iter().filter(|(set, _)| *set).map(|(_, usage)| usage);
        let others = parsed.other.iter().map(|id| ExtendedKeyUsage::Other(oid::text(id.as_bytes())));
        known.chain(others).collect()
    }
}

impl fmt::Display for ExtendedKeyUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ExtendedKeyUsage::Any => "anyExtendedKeyUsage",
            ExtendedKeyUsage::ServerAuth => "serverAuth",
            ExtendedKeyUsage::ClientAuth => "clientAuth",
            ExtendedKeyUsage::CodeSigning => "codeSigning",
            ExtendedKeyUsage::EmailProtection => "emailProtection",
            ExtendedKeyUsage::TimeStamping => "timeStamping",
            ExtendedKeyUsage::OcspSigning => "OCSPSigning",
            ExtendedKeyUsage::Other(id) => id,
        })
    }
}
