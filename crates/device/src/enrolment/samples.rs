//! What a service sends, for tests: certificates and messages whose signatures are not verified.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64, Encoding};

use super::certs_only;
use super::der::{self, BIT_STRING, CONTEXT_0, CONTEXT_3, INTEGER, OBJECT_IDENTIFIER, SEQUENCE, SET, UTC_TIME};
use super::request::RequestedNames;

/// A certificate for a `SubjectPublicKeyInfo`. The dates are UTC times.
pub(crate) fn certificate(
    issuer: &str,
    subject: &str,
    public_key: &[u8],
    dates: [String; 2],
    name: Option<&[u8]>,
) -> Vec<u8> {
    let names = |text: &str| RequestedNames::of_device(text).subject;
    let [from, to] = dates.map(|date| der::value(UTC_TIME, &[date.as_bytes()]));
    let validity = der::value(SEQUENCE, &[&from, &to]);
    let empty = der::value(SEQUENCE, &[]);
    let version = der::value(CONTEXT_0, &[&der::value(INTEGER, &[&[2]])]);
    let serial = der::value(INTEGER, &[&[1]]);
    let extensions = name.map_or_else(Vec::new, |name| der::value(CONTEXT_3, &[&der::value(SEQUENCE, &[name])]));
    let (issuer, subject) = (names(issuer), names(subject));
    let fields = [&version, &serial, &empty, &issuer, &validity, &subject, public_key, &extensions];
    let fields = der::value(SEQUENCE, &fields);
    der::value(SEQUENCE, &[&fields, &empty, &der::value(BIT_STRING, &[&[0]])])
}

/// A certs-only message in base64, with a line break.
pub(crate) fn message(certificates: &[&[u8]]) -> String {
    let empty_set = der::value(SET, &[]);
    let data = der::value(SEQUENCE, &[]);
    let version = der::value(INTEGER, &[&[1]]);
    let certificates = der::value(CONTEXT_0, certificates);
    let signed = der::value(SEQUENCE, &[&version, &empty_set, &data, &certificates, &empty_set]);
    let kind = der::value(OBJECT_IDENTIFIER, &[&certs_only::SIGNED_DATA]);
    let whole = der::value(SEQUENCE, &[&kind, &der::value(CONTEXT_0, &[&signed])]);
    let mut text = Base64::encode_string(&whole);
    // Base64 has lines in EST (RFC 7030, section 4.1.3).
    text.insert_str(text.len() / 2, "\r\n");
    text
}

/// The `SubjectPublicKeyInfo` of a request in base64.
#[cfg(feature = "life")]
pub(crate) fn requested_key(body: &str) -> Vec<u8> {
    use super::der::Values;

    let der = Base64::decode_vec(body).unwrap();
    let mut info = Values::new(Values::only(&der, SEQUENCE).unwrap().expect(SEQUENCE).unwrap().contents);
    info.expect(INTEGER).unwrap();
    info.expect(SEQUENCE).unwrap();
    info.expect(SEQUENCE).unwrap().whole.to_vec()
}

/// The `SubjectPublicKeyInfo` of the leaf of a chain in PEM.
#[cfg(feature = "life")]
pub(crate) fn key_of_leaf(chain: &str) -> Vec<u8> {
    let der = super::certificate::leaf_der(chain).unwrap();
    super::certificate::Certificate::read(&der).unwrap().public_key.to_vec()
}

/// A certificate in PEM.
#[cfg(feature = "life")]
pub(crate) fn pem(der: &[u8]) -> String {
    pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, der).unwrap()
}
