//! Signing requests that tbpki makes (PKCS#10, RFC 2986), for a certificate that another machine issues.

use base::Result;

use crate::asn1::tlv::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, push, tlv};
use crate::issue::revocation_list::signature_algorithm;
use crate::key::SigningKey;
use crate::names::san::San;

/// extensionRequest (RFC 2985, section 5.4.2).
const EXTENSION_REQUEST: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
/// subjectAltName (RFC 5280, section 4.2.1.6).
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];
/// `[0]`: the attributes of a request.
const ATTRIBUTES: u8 = 0xa0;

/// The DER of a request for the public half of `key`, signed with it. `subject` is the DER of a Name, so that a renewal
/// asks for exactly the subject of the certificate before.
///
/// # Errors
/// Those of the key.
pub fn write(key: &dyn SigningKey, subject: &[u8], sans: &[San]) -> Result<Vec<u8>> {
    let mut attributes = Vec::new();
    if !sans.is_empty() {
        let names: Vec<u8> = sans.iter().flat_map(general_name).collect();
        let mut extension = tlv(OBJECT_IDENTIFIER, &SUBJECT_ALT_NAME);
        push(&mut extension, OCTET_STRING, &tlv(SEQUENCE, &names));
        let extensions = tlv(SEQUENCE, &tlv(SEQUENCE, &extension));
        let mut attribute = tlv(OBJECT_IDENTIFIER, &EXTENSION_REQUEST);
        push(&mut attribute, SET, &extensions);
        push(&mut attributes, SEQUENCE, &attribute);
    }
    // 0 means version 1, the only one.
    let mut info = tlv(INTEGER, &[0]);
    info.extend_from_slice(subject);
    info.extend_from_slice(key.public().spki_der());
    // Also without any attribute: the field is not optional (RFC 2986, section 4.1).
    push(&mut info, ATTRIBUTES, &attributes);
    let mut request = tlv(SEQUENCE, &info);
    let signature = key.sign(&request)?;
    push(&mut request, SEQUENCE, signature_algorithm(key.public().algorithm()).as_ref());
    // The octet in front is the number of unused bits.
    push(&mut request, BIT_STRING, &[&[0], signature.as_slice()].concat());
    Ok(tlv(SEQUENCE, &request))
}

/// A GeneralName (RFC 5280, section 4.2.1.6).
fn general_name(name: &San) -> Vec<u8> {
    match name {
        San::Email(text) => tlv(0x81, text.as_bytes()),
        San::Dns(text) => tlv(0x82, text.as_bytes()),
        San::Uri(text) => tlv(0x86, text.as_bytes()),
        San::Ip(std::net::IpAddr::V4(address)) => tlv(0x87, &address.octets()),
        San::Ip(std::net::IpAddr::V6(address)) => tlv(0x87, &address.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::key::PrivateKey;
    use crate::names::subject::Subject;
    use crate::read::csr::Csr;

    #[test]
    fn the_strict_reader_takes_what_is_written_for_every_algorithm() {
        let subject = Subject::default().with_common_name("pump-1").unwrap();
        let sans: Vec<San> = ["dns:a.example", "ip:10.0.0.1", "ip:fe80::1", "uri:urn:a:b", "email:a@b.example"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        for &algorithm in Algorithm::ALL.iter().filter(|algorithm| **algorithm != Algorithm::Rsa4096) {
            let key = PrivateKey::generate(algorithm).unwrap();
            for sans in [&sans[..], &[]] {
                let csr = Csr::from_der(&write(&key, subject.to_der(), sans).unwrap()).unwrap();
                assert_eq!(csr.subject(), &subject);
                assert_eq!(csr.sans(), sans);
                assert_eq!(csr.key().spki_der(), key.spki_der());
            }
        }
    }
}
