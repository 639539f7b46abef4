//! PKCS#7 (RFC 2315, RFC 5652) as a container of certificates: `.p7b` and `.p7c`, which Windows CAs and browsers export.

use base::{Code, Error, Result};
use der::Tag;
use der::asn1::{AnyRef, ObjectIdentifier};

use crate::asn1::ber;
use crate::asn1::element::{self, CONTEXT_0};
use crate::read::certificate::Certificate;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

/// Netscape's sequence of certificates, which has the form of PKCS#7.
const NETSCAPE_SEQUENCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.113730.2.5");

/// The certificates and revocation lists of a file. The signature, if there is one, is not looked at.
#[derive(Debug, Default)]
pub(crate) struct Pkcs7 {
    /// In the order of the file, which means nothing: PKCS#7 has a set.
    pub(crate) certificates: Vec<Certificate>,
    /// As DER.
    pub(crate) crls: Vec<Vec<u8>>,
}

impl Pkcs7 {
    /// Reads DER or BER.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`] for damage and for PKCS#7 without certificates and lists, such as encrypted messages.
    pub(crate) fn from_ber(bytes: &[u8]) -> Result<Self> {
        let der = ber::to_der(bytes).ok_or_else(damaged)?;
        let parts = element::only(&der, Tag::Sequence).and_then(element::elements).map_err(|_| damaged())?;
        let [kind, content] = parts.as_slice() else { return Err(damaged()) };
        let kind = kind.decode_as::<ObjectIdentifier>().map_err(|_| damaged())?;
        if kind == NETSCAPE_SEQUENCE {
            return Err(Code::CertificateUnreadable
                .error("the file is a Netscape certificate sequence")
                .fix("convert it: `openssl nseq -in OLD -out NEW.pem`, from PEM with the label CERTIFICATE"));
        }
        if kind != SIGNED_DATA {
            return Err(Code::CertificateUnreadable
                .error("the PKCS#7 file contains an encrypted or other message, and no certificates")
                .fix("name the file with the certificates"));
        }
        let signed = element::content(*content, CONTEXT_0).and_then(|content| element::only(content, Tag::Sequence));
        let fields = signed.and_then(element::elements).map_err(|_| damaged())?;
        let mut found = Self::default();
        for field in fields {
            found.take(field)?;
        }
        if found.certificates.is_empty() && found.crls.is_empty() {
            return Err(Code::CertificateUnreadable
                .error("the PKCS#7 file contains no certificate")
                .fix("export it again with the certificates"));
        }
        Ok(found)
    }

    /// `[0]` has the certificates, `[1]` the lists (RFC 5652, section 5.1); other fields have neither.
    fn take(&mut self, field: AnyRef<'_>) -> Result<()> {
        use der::Encode as _;
        let der::Tag::ContextSpecific { number, .. } = der::Tagged::tag(&field) else { return Ok(()) };
        for one in element::elements(field.value()).map_err(|_| damaged())? {
            let der = one.to_der().map_err(|_| damaged())?;
            match number.value() {
                0 => self.certificates.push(Certificate::from_der(&der)?),
                1 => self.crls.push(der),
                _ => {}
            }
        }
        Ok(())
    }
}

fn damaged() -> Error {
    Code::CertificateUnreadable
        .error("the PKCS#7 file is damaged")
        .fix("copy it again in binary mode, or export the certificates as PEM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_netscape_sequence_is_no_encrypted_message() {
        let der = b"\x30\x0f\x06\x09\x60\x86\x48\x01\x86\xf8\x42\x02\x05\xa0\x02\x30\x00";
        let error = Pkcs7::from_ber(der).unwrap_err();
        assert_eq!(error.code(), Code::CertificateUnreadable);
        assert!(error.to_string().contains("Netscape certificate sequence"), "{error}");
    }
}
