//! Certificates in PKCS#7 without a signer ("certs-only", RFC 8551, section 3.8), the answer of EST servers.

use base::Result;

use crate::asn1::tlv::{INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, push, tlv};
use crate::read::certificate::Certificate;
use crate::read::pkcs7::Pkcs7;

/// id-signedData (RFC 5652, section 5.1).
const SIGNED_DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
/// id-data (RFC 5652, section 4).
const DATA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
/// `[0]`: the content, and the certificates in it.
const CONTEXT_0: u8 = 0xa0;

/// The DER of a SignedData that contains these certificates, no content and no signer (RFC 5652, section 5.1).
///
/// The certificates are a SET OF, which DER sorts by its encoding: receivers find the leaf by its key.
pub fn write<'a>(certificates: impl IntoIterator<Item = &'a Certificate>) -> Vec<u8> {
    let mut sorted: Vec<&[u8]> = certificates.into_iter().map(Certificate::der).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let mut signed = Vec::new();
    // Version 1, because there is nothing but X.509 certificates and id-data (RFC 5652, section 5.1).
    // The two empty sets are the digest algorithms and the signers, neither of which may be left out.
    push(&mut signed, INTEGER, &[1]);
    push(&mut signed, SET, &[]);
    push(&mut signed, SEQUENCE, &tlv(OBJECT_IDENTIFIER, &DATA));
    push(&mut signed, CONTEXT_0, &sorted.concat());
    push(&mut signed, SET, &[]);
    let mut content = tlv(OBJECT_IDENTIFIER, &SIGNED_DATA);
    push(&mut content, CONTEXT_0, &tlv(SEQUENCE, &signed));
    tlv(SEQUENCE, &content)
}

/// The certificates of a PKCS#7 in DER or BER, in the order of the file, which means nothing.
///
/// # Errors
/// [`Code::CertificateUnreadable`](base::Code::CertificateUnreadable) for damage and for PKCS#7 without certificates.
pub fn read(bytes: &[u8]) -> Result<Vec<Certificate>> {
    Ok(Pkcs7::from_ber(bytes)?.certificates)
}

#[cfg(test)]
mod tests {
    use base::Code;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate(name: &str) -> Certificate {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Certificate::from_der(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der()).unwrap()
    }

    #[test]
    fn certificates_come_back_whatever_their_order() {
        let (a, b) = (certificate("a.example"), certificate("b.example"));
        let written = write([&a, &b]);
        assert_eq!(written, write([&b, &a, &b]));
        let read = read(&written).unwrap();
        assert_eq!(read.len(), 2);
        for one in [&a, &b] {
            assert!(read.iter().any(|other| other.der() == one.der()));
        }
    }

    #[test]
    fn an_empty_message_is_no_answer() {
        assert_eq!(read(&write([])).unwrap_err().code(), Code::CertificateUnreadable);
        assert_eq!(read(b"\x30\x00").unwrap_err().code(), Code::CertificateUnreadable);
    }
}
