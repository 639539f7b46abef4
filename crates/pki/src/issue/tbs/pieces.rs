//! A TBSCertificate taken apart, so that similar ones can be put together without encoding all of it again.

use std::net::IpAddr;

use base::{Code, Result};
use der::{Reader, SliceReader};

use super::fields;
use crate::asn1::tlv::{INTEGER, OCTET_STRING, SEQUENCE, length_of, push, push_header, tlv};
use crate::issue::serial::Serial;
use crate::issue::time_field;
use crate::issue::validity::Validity;
use crate::key::PublicKey;
use crate::names::san::San;

/// The common part of all certificates of one profile, CA and key algorithm, as DER.
#[derive(Debug)]
pub(crate) struct Pieces {
    /// The version.
    version: Vec<u8>,
    /// Behind the serial number: signature algorithm, issuer.
    middle: Vec<u8>,
    /// The extensions in front of subjectAltName.
    before_names: Vec<u8>,
    /// Those between it and subjectKeyIdentifier.
    between: Vec<u8>,
    /// Those behind that.
    after: Vec<u8>,
}

/// `[3]`, in which the extensions stand.
const EXTENSIONS: u8 = 0xa3;

/// The beginning of subjectAltName (RFC 5280, section 4.2.1.6): its identifier. It is not critical, since no subject
/// of ours is empty.
const NAMES: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];

/// subjectKeyIdentifier (RFC 5280, section 4.2.1.2), complete but for the 20 octets of SHA-1.
const KEY_ID: [u8; 11] = [0x30, 0x1d, 0x06, 0x03, 0x55, 0x1d, 0x0e, 0x04, 0x16, 0x04, 0x14];

const KEY_ID_OCTETS: usize = 20;

impl Pieces {
    /// Takes a TBSCertificate apart that has an alternative name; nothing for one that is not as ours are.
    pub(crate) fn of(tbs: &[u8]) -> Option<Self> {
        let [version, _, algorithm, issuer, _, _, _, extensions] = fields(tbs).ok()?;
        // Two levels: the tag `[3]`, and the SEQUENCE inside it.
        let extensions = elements(content(content(extensions)?)?)?;
        let is_names = |extension: &&[u8]| content(extension).is_some_and(|content| content.starts_with(&NAMES));
        let is_key_id =
            |extension: &&[u8]| extension.starts_with(&KEY_ID) && extension.len() == KEY_ID.len() + KEY_ID_OCTETS;
        let names = extensions.iter().position(is_names)?;
        // The order of both is fixed: the slice below fails, and with it the template, if rcgen ever writes them the
        // other way round.
        let key_id = extensions.iter().position(is_key_id)?;
        Some(Self {
            version: version.to_vec(),
            middle: [algorithm, issuer].concat(),
            before_names: extensions.get(..names)?.concat(),
            between: extensions.get(names + 1..key_id)?.concat(),
            after: extensions.get(key_id + 1..)?.concat(),
        })
    }

    /// The TBSCertificate with what differs. `period` is the validity as [`period`] writes it.
    pub(crate) fn write(
        &self,
        serial: &Serial,
        period: &[u8],
        subject: &[u8],
        sans: &[San],
        key: &PublicKey,
    ) -> Vec<u8> {
        let names = names(sans);
        let extensions = self.before_names.len()
            + names.len()
            + self.between.len()
            + KEY_ID.len()
            + KEY_ID_OCTETS
            + self.after.len();
        // Lengths are computed from the inside out, because DER writes the length of an outer element before its
        // content.
        let list = length_of(extensions);
        let length = self.version.len()
            + length_of(serial.octets().len())
            + self.middle.len()
            + period.len()
            + subject.len()
            + key.spki_der().len()
            + length_of(list);

        // The exact capacity: a fleet builds millions of these, and growing the buffer costs more than filling it.
        let mut tbs = Vec::with_capacity(length_of(length));
        push_header(&mut tbs, SEQUENCE, length);
        tbs.extend_from_slice(&self.version);
        push(&mut tbs, INTEGER, serial.octets());
        for part in [&self.middle, period, subject, key.spki_der()] {
            tbs.extend_from_slice(part);
        }
        push_header(&mut tbs, EXTENSIONS, list);
        push_header(&mut tbs, SEQUENCE, extensions);
        for part in [&self.before_names, &names, &self.between, KEY_ID.as_slice(), &key.key_id(), &self.after] {
            tbs.extend_from_slice(part);
        }
        tbs
    }
}

/// The field validity (RFC 5280, section 4.1.2.5).
///
/// # Errors
/// [`Code::BadValidity`] for a year that it cannot express.
pub(crate) fn period(validity: &Validity) -> Result<Vec<u8>> {
    let mut times = Vec::with_capacity(34);
    for at in [validity.not_before(), validity.not_after()] {
        time_field::push(&mut times, at)
            .ok_or_else(|| Code::BadValidity.error(format!("a certificate cannot contain the year {}", at.year())))?;
    }
    Ok(tlv(SEQUENCE, &times))
}

/// The extension subjectAltName; no bytes where there is no name.
fn names(sans: &[San]) -> Vec<u8> {
    if sans.is_empty() {
        return Vec::new();
    }
    let mut names = Vec::new();
    for san in sans {
        match san {
            San::Email(address) => push(&mut names, 0x81, address.as_bytes()),
            San::Dns(name) => push(&mut names, 0x82, name.as_bytes()),
            San::Uri(uri) => push(&mut names, 0x86, uri.as_bytes()),
            San::Ip(IpAddr::V4(address)) => push(&mut names, 0x87, &address.octets()),
            San::Ip(IpAddr::V6(address)) => push(&mut names, 0x87, &address.octets()),
        }
    }
    let mut extension = NAMES.to_vec();
    push(&mut extension, OCTET_STRING, &tlv(SEQUENCE, &names));
    tlv(SEQUENCE, &extension)
}

/// The content of the element that `der` is.
fn content(der: &[u8]) -> Option<&[u8]> {
    der::asn1::AnyRef::try_from(der).ok().map(der::asn1::AnyRef::value)
}

/// The elements that `bytes` consist of, each with its tag and length.
fn elements(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut reader = SliceReader::new(bytes).ok()?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(reader.tlv_bytes().ok()?);
    }
    Some(elements)
}
