//! The CA that makes devices' keys and certificates: RSA 2048, version 1 (X.509, without a version field, and so without
//! extensions), always with the serial number 0.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use time::{Duration, OffsetDateTime};

use crate::certificate;
use crate::certificate::pem;
use crate::error::{Error, Result};

/// `sha256WithRSAEncryption` with its NULL (RFC 4055).
const SHA256_WITH_RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11, 5, 0];
/// `rsaEncryption` with its NULL.
const RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
/// The attributes of names, by the last number of their identifier 2.5.4.x.
const COUNTRY: u8 = 6;
const STATE: u8 = 8;
const CITY: u8 = 7;
const ORGANIZATION: u8 = 10;
const UNIT: u8 = 11;
const COMMON_NAME: u8 = 3;

/// The CA.
pub(super) struct Authority {
    key: KeyPair,
    name: Vec<u8>,
    certificate: Vec<u8>,
}

/// A certificate and its key, as PEM.
pub(super) struct IssuedCert {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Result<Self> {
        let key = new_key()?;
        let name = name(&[
            (COUNTRY, "CN"),
            (STATE, "ZJ"),
            (CITY, "HZ"),
            (ORGANIZATION, "EMQ"),
            (UNIT, "EMQ"),
            (COMMON_NAME, "ActorCloud"),
        ]);
        // The CA in ActorCloud's repository was valid for 30 days, in 2019. This one begins now, so that chains can be
        // verified.
        let certificate = sign(&key, &name, &name, key.public_key().as_ref(), Duration::days(30))?;
        Ok(Self { key, name, certificate })
    }

    /// The certificate of the CA, as DER.
    pub(super) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate of the CA, as PEM.
    pub(super) fn root(&self) -> String {
        pem::certificate(&self.certificate)
    }

    /// The subject of the CA, as DER.
    pub(super) fn subject(&self) -> Vec<u8> {
        certificate::subject(&self.certificate).unwrap_or_default()
    }

    /// A key and a certificate with this common name, for 365 days.
    pub(super) fn issue(&self, common_name: &str) -> Result<IssuedCert> {
        let key = new_key()?;
        let subject = name(&[(COMMON_NAME, common_name)]);
        let der = sign(&self.key, &self.name, &subject, key.public_key().as_ref(), Duration::days(365))?;
        let pkcs8 = key.as_der().map_err(|_| Error::new("the key has no PKCS#8 form"))?;
        Ok(IssuedCert { certificate: pem::certificate(&der), key: pem::encode("PRIVATE KEY", pkcs8.as_ref()) })
    }
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::new("no RSA key can be made"))
}

/// A certificate (RFC 5280, section 4.1) of version 1.
fn sign(ca: &KeyPair, issuer: &[u8], subject: &[u8], public_key: &[u8], life: Duration) -> Result<Vec<u8>> {
    let now = OffsetDateTime::now_utc();
    let validity = tlv(0x30, &[utc_time(now), utc_time(now + life)].concat());
    let key = tlv(0x30, &[RSA, &tlv(3, &[&[0], public_key].concat())].concat());
    // ActorCloud never sets a serial number, so each of its certificates has pyOpenSSL's default.
    let serial = tlv(2, &[0]);
    // Without the version: DER leaves out a field that has its default value (X.690, section 11.5), which is version 1.
    let content = [&serial, SHA256_WITH_RSA, issuer, &validity, subject, &key].concat();
    let tbs = tlv(0x30, &content);
    let mut signature = vec![0; ca.public_modulus_len()];
    ca.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &tbs, &mut signature)
        .map_err(|_| Error::new("the CA does not sign"))?;
    let bits = tlv(3, &[&[0], signature.as_slice()].concat());
    Ok(tlv(0x30, &[&tbs, SHA256_WITH_RSA, &bits].concat()))
}

/// A name, its attributes as UTF8String; the country as PrintableString.
fn name(attributes: &[(u8, &str)]) -> Vec<u8> {
    let rdns: Vec<u8> = attributes
        .iter()
        .flat_map(|(attribute, value)| {
            let text = tlv(if *attribute == COUNTRY { 0x13 } else { 0x0c }, value.as_bytes());
            tlv(0x31, &tlv(0x30, &[&[6, 3, 0x55, 4, *attribute], text.as_slice()].concat()))
        })
        .collect();
    tlv(0x30, &rdns)
}

/// UTCTime (RFC 5280, section 4.1.2.5.1).
fn utc_time(at: OffsetDateTime) -> Vec<u8> {
    let text = format!(
        "{:02}{:02}{:02}{:02}{:02}{:02}Z",
        at.year() % 100,
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    );
    tlv(0x17, text.as_bytes())
}

/// An element of DER (X.690, section 8.1).
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    let significant: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    match significant.as_slice() {
        [] => bytes.push(0),
        [byte] if *byte < 0x80 => bytes.push(*byte),
        more => {
            bytes.push(0x80 | u8::try_from(more.len()).unwrap_or_default());
            bytes.extend(more);
        }
    }
    bytes.extend(content);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_of_version_1_with_serial_0_and_hold() {
        let authority = Authority::new().unwrap();
        let made = authority.issue("C12345678:0123456789abcdef0123456789").unwrap();
        let der = pem::certificates(&made.certificate).remove(0);
        let leaf = certificate::parse(&der).unwrap();
        assert_eq!(leaf.version(), x509_parser::x509::X509Version::V1);
        assert!(leaf.extensions().is_empty());
        assert_eq!(leaf.raw_serial(), [0]);
        assert_eq!(certificate::common_name(&der).as_deref(), Some("C12345678:0123456789abcdef0123456789"));
        let ca = certificate::parse(authority.certificate()).unwrap();
        assert_eq!(leaf.issuer(), ca.subject());
        assert!(crate::tls::links(&leaf, &ca));
        let days = leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp();
        assert_eq!(days, 365 * 86_400);
        assert!(made.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    }
}
