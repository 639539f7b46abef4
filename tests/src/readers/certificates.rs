//! Certificates for clients, good ones and all kinds of others, made in memory.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use time::{Duration, OffsetDateTime};

use crate::wire::Shown;

/// A certificate in the making.
pub struct Wanted {
    params: CertificateParams,
    key: KeyPair,
}

/// A CA.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate, and those above it, as DER.
    pub chain: Vec<Vec<u8>>,
}

impl Wanted {
    /// A client of this name, valid now.
    pub fn client(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        // An hour back, so that a client whose clock is a little behind takes it.
        params.not_before = OffsetDateTime::now_utc() - Duration::hours(1);
        params.not_after = OffsetDateTime::now_utc() + Duration::days(1);
        Self { params, key: KeyPair::generate().unwrap() }
    }

    /// Valid from so many hours from now to so many.
    #[must_use]
    pub fn valid(mut self, from: i64, to: i64) -> Self {
        self.params.not_before = OffsetDateTime::now_utc() + Duration::hours(from);
        self.params.not_after = OffsetDateTime::now_utc() + Duration::hours(to);
        self
    }

    /// With the purpose of servers.
    #[must_use]
    pub fn for_servers(mut self) -> Self {
        self.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self
    }

    /// Adds a critical extension that readers do not know, so that they must refuse it (RFC 5280, section 4.2).
    #[must_use]
    pub fn with_unknown_critical_extension(mut self) -> Self {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99999, 1], vec![5, 0]);
        extension.set_criticality(true);
        self.params.custom_extensions.push(extension);
        self
    }

    /// Signed with its own key.
    pub fn self_signed(self) -> Shown {
        let der = self.params.self_signed(&self.key).unwrap().der().to_vec();
        Shown { chain: vec![der], key: self.key.serialize_der() }
    }

    /// Signed by a CA, which is shown behind it.
    pub fn signed_by(self, ca: &Ca) -> Shown {
        let der = self.params.signed_by(&self.key, &ca.issuer).unwrap().der().to_vec();
        let chain = std::iter::once(der).chain(ca.chain.iter().cloned()).collect();
        Shown { chain, key: self.key.serialize_der() }
    }
}

impl Ca {
    /// A CA with a certificate that it has signed itself.
    pub fn root(name: &str) -> Self {
        Self::new(name, None, true, (-1, 24))
    }

    /// Below another one; perhaps expired, perhaps without the flag that makes it a CA.
    pub fn below(parent: &Self, name: &str, is_ca: bool, valid: (i64, i64)) -> Self {
        Self::new(name, Some(parent), is_ca, valid)
    }

    fn new(name: &str, parent: Option<&Self>, is_ca: bool, (from, to): (i64, i64)) -> Self {
        let mut params = Wanted::client(name).valid(from, to).params;
        // A CA with an extended key usage would limit the certificates below it (RFC 5280, 4.2.1.12, as OpenSSL reads
        // it).
        params.extended_key_usages.clear();
        params.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        let key = KeyPair::generate().unwrap();
        let (certificate, above) = match parent {
            None => (params.self_signed(&key).unwrap(), Vec::new()),
            Some(parent) => (params.signed_by(&key, &parent.issuer).unwrap(), parent.chain.clone()),
        };
        let chain = std::iter::once(certificate.der().to_vec()).chain(above).collect();
        Self { issuer: Issuer::new(params, key), chain }
    }
}

/// A certificate as PEM.
pub fn pem(der: &[u8]) -> String {
    let body = base64(der);
    // 64 characters a line, as RFC 7468 (section 2) demands of writers. A strict reader may refuse others.
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// One line of base64.
pub fn base64(der: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(der)
}
