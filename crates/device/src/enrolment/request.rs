//! The signing request (PKCS#10, RFC 2986).

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

use super::certificate::{self, Certificate};
use super::der::{self, BIT_STRING, CONTEXT_0, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, UTF8_STRING};
use super::signer::{PUBLIC_KEY, SignError, Signer};

/// The object identifiers id-ecPublicKey and prime256v1 (RFC 5480, section 2.1.1), each with tag and length.
const P256_KEY: [u8; 19] =
    [0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// The object identifier ecdsa-with-SHA256 (RFC 5758, section 3.2) with tag and length.
const ECDSA_SHA256: [u8; 10] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];

/// The object identifier of a common name, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// The object identifier of the attribute extensionRequest, 1.2.840.113549.1.9.14 (RFC 2985, section 5.4.2).
const EXTENSION_REQUEST: [u8; 9] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x0E];

/// The names that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedNames {
    /// The subject in DER.
    pub(super) subject: Vec<u8>,
    /// The extension with the alternative names in DER.
    pub(super) alternative: Option<Vec<u8>>,
}

impl RequestedNames {
    /// Those of a first certificate: the device's name as common name (RFC 5280, section 4.1.2.6).
    pub fn of_device(device_name: &str) -> Self {
        let kind = der::value(OBJECT_IDENTIFIER, &[&COMMON_NAME]);
        let name = der::value(UTF8_STRING, &[device_name.as_bytes()]);
        let attribute = der::value(SEQUENCE, &[&kind, &name]);
        Self { subject: der::value(SEQUENCE, &[&der::value(SET, &[&attribute])]), alternative: None }
    }

    /// Those of the leaf of a chain in PEM, with or without a NUL, byte for byte: a renewal must not change them (RFC 7030,
    /// section 4.2.2). `None` if there is no certificate.
    pub fn of_chain(chain: &str) -> Option<Self> {
        let der = certificate::leaf_der(chain)?;
        let leaf = Certificate::read(&der)?;
        Some(Self { subject: leaf.subject.to_vec(), alternative: leaf.alternative_names.map(<[u8]>::to_vec) })
    }

    /// The attributes of a request (RFC 2986, section 4.1).
    fn attributes(&self) -> Vec<u8> {
        let Some(alternative) = &self.alternative else { return der::value(CONTEXT_0, &[]) };
        let kind = der::value(OBJECT_IDENTIFIER, &[&EXTENSION_REQUEST]);
        let values = der::value(SET, &[&der::value(SEQUENCE, &[alternative])]);
        der::value(CONTEXT_0, &[&der::value(SEQUENCE, &[&kind, &values])])
    }
}

/// A request for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRequest {
    der: Vec<u8>,
    names: RequestedNames,
    pub(super) public_key: Vec<u8>,
}

impl CertificateRequest {
    /// A request for these names, signed by the device's key. It asks for nothing else: purposes and days are those of the
    /// service.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn new(names: RequestedNames, signer: &mut impl Signer) -> Result<Self, SignError> {
        let public_key = public_key_info(&signer.public_key());
        let version = der::value(INTEGER, &[&[0]]);
        let info = der::value(SEQUENCE, &[&version, &names.subject, &public_key, &names.attributes()]);
        let signature = signer.sign(&info)?;
        let algorithm = der::value(SEQUENCE, &[&ECDSA_SHA256]);
        // The first byte of a bit string is the number of unused bits at its end.
        let signature = der::value(BIT_STRING, &[&[0], &signature]);
        Ok(Self { der: der::value(SEQUENCE, &[&info, &algorithm, &signature]), names, public_key })
    }

    /// The request in DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The body of a request to a service: the DER in base64 on one line.
    pub(super) fn to_body(&self) -> String {
        Base64::encode_string(&self.der)
    }

    /// True if a certificate has the names of this request. A first certificate may have alternative names in addition,
    /// which its profile adds.
    pub(super) fn has_names_of(&self, certificate: &Certificate<'_>) -> bool {
        let is_same = match &self.names.alternative {
            // Byte for byte, as the request was made: RFC 7030, section 4.2.2, lets a renewal change no names.
            Some(alternative) => certificate.alternative_names == Some(alternative),
            None => true,
        };
        certificate.subject == self.names.subject && is_same
    }

    /// True if a certificate has the key of this request.
    pub(super) fn has_key_of(&self, certificate: &Certificate<'_>) -> bool {
        certificate.public_key == self.public_key
    }
}

fn public_key_info(point: &[u8; PUBLIC_KEY]) -> Vec<u8> {
    let algorithm = der::value(SEQUENCE, &[&P256_KEY]);
    let key = der::value(BIT_STRING, &[&[0], point]);
    der::value(SEQUENCE, &[&algorithm, &key])
}

#[cfg(test)]
mod tests {
    use alloc::{format, vec};

    use super::*;

    const ANCHOR: &str = include_str!("testdata/anchor.pem");

    /// A signer whose signature is no signature. OpenSSL and the service check real ones.
    struct Fake(bool);

    impl Signer for Fake {
        fn public_key(&self) -> [u8; PUBLIC_KEY] {
            [4; PUBLIC_KEY]
        }

        fn sign(&mut self, _message: &[u8]) -> Result<Vec<u8>, SignError> {
            if self.0 { Ok(vec![0x30, 0]) } else { Err(SignError) }
        }
    }

    #[test]
    fn names_are_those_of_the_chain_byte_for_byte() {
        let names = RequestedNames::of_device("anchor");
        assert_eq!(RequestedNames::of_chain(ANCHOR).unwrap(), names);
        let mut chain = format!("a comment\n{ANCHOR}{ANCHOR}\0");
        assert_eq!(RequestedNames::of_chain(&chain).unwrap(), names);
        chain.truncate(200);
        for wrong in ["", "\0", &chain, &ANCHOR.replace("MII", "MIA")] {
            assert_eq!(RequestedNames::of_chain(wrong), None, "{wrong}");
        }
        let one = RequestedNames::of_device("x").subject;
        assert_eq!(one, b"\x30\x0C\x31\x0A\x30\x08\x06\x03\x55\x04\x03\x0C\x01x");
    }

    #[test]
    fn a_key_that_cannot_sign_makes_no_request() {
        let names = RequestedNames::of_device("x");
        assert_eq!(CertificateRequest::new(names.clone(), &mut Fake(false)).unwrap_err(), SignError);
        assert!(CertificateRequest::new(names, &mut Fake(true)).is_ok());
    }
}
