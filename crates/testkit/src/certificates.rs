//! Certificates, requests and revocation lists, made with rcgen and new P-256 keys.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevocationReason, RevokedCertParams, SerialNumber,
};
use time::macros::datetime;

/// A certificate with its key, able to issue others.
pub struct TestCertificate {
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// The private key.
    pub key: KeyPair,
    params: CertificateParams,
}

impl TestCertificate {
    /// Signs a certificate for a new P-256 key.
    pub fn issue(&self, params: &CertificateParams) -> TestCertificate {
        self.issue_for(params, KeyPair::generate().unwrap())
    }

    /// Signs a certificate for this key.
    pub fn issue_for(&self, params: &CertificateParams, key: KeyPair) -> TestCertificate {
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        TestCertificate { der: certificate.der().to_vec(), key, params: params.clone() }
    }

    /// The private key as PKCS#8 in PEM.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

/// A self-signed certificate of these parameters.
pub fn self_signed(params: &CertificateParams) -> TestCertificate {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    TestCertificate { der: certificate.der().to_vec(), key, params: params.clone() }
}

/// A root CA.
pub fn root(name: &str) -> TestCertificate {
    self_signed(&ca(name, None))
}

/// The parameters of a CA.
pub fn ca(name: &str, path_len: Option<u8>) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(path_len.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The parameters of a device.
pub fn leaf(name: &str) -> CertificateParams {
    let mut params = named(name);
    // With the extension, as tbpki's own leaves have it: rcgen leaves it out otherwise.
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// The parameters of a server with these alternative names.
pub fn server(names: &[&str]) -> CertificateParams {
    let mut params = leaf(names.first().copied().unwrap_or("server"));
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.subject_alt_names = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        .unwrap()
        .subject_alt_names;
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // Fixed dates, so that the tests' expected texts never change.
    params.not_before = datetime!(2025-01-01 0:00 UTC);
    params.not_after = datetime!(2035-01-01 0:00 UTC);
    params.use_authority_key_identifier_extension = true;
    params
}

/// A revocation list of `issuer` in DER with these serial numbers, all of them for a compromised key.
pub fn crl(issuer: &TestCertificate, serials: &[&[u8]]) -> Vec<u8> {
    let entry = |serial: &&[u8]| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: datetime!(2025-06-01 0:00 UTC),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: datetime!(2025-06-01 0:00 UTC),
        next_update: datetime!(2035-01-01 0:00 UTC),
        crl_number: SerialNumber::from_slice(&[7]),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&Issuer::from_params(&issuer.params, &issuer.key)).unwrap().der().to_vec()
}

/// A certificate signing request for these alternative names that asks for a CA's certificate, as DER.
pub fn greedy_request(key: &KeyPair, names: &[&str]) -> Vec<u8> {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    // The request asks for more than it may get: a CA must not copy this.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.serialize_request(key).unwrap().der().to_vec()
}
