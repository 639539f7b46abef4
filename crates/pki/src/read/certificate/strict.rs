//! The rules of the format that strict readers enforce, checked on the octets of a certificate (RFC 5280, section 4.1).
//!
//! The parser is lenient, because people need to see the certificates that they have. Here is measured against OpenSSL,
//! Go and Java: a certificate that one of them refuses to read has a fault. A certificate that breaks a rule which all of
//! them overlook has an oddity.

use super::{name, public_key};
use crate::asn1::canonical;
use crate::asn1::oid;
use crate::asn1::reader::{DerReader, Element};
use crate::asn1::tlv::{BIT_STRING, INTEGER, OBJECT_IDENTIFIER, SEQUENCE};

mod constraints;
mod extensions;

/// id-ecPublicKey (RFC 5480, section 2.1.1).
const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, in which the version is.
const VERSION: u8 = 0xa0;
/// `[1]` and `[2]`, the unique identifiers.
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
/// `[3]`, in which the extensions are.
const EXTENSIONS: u8 = 0xa3;

/// The findings of strict readers in a certificate.
#[derive(Debug, Default)]
pub(super) struct Strict {
    /// Faults that at least one of OpenSSL, Go and Java refuses. One sentence each.
    pub(super) faults: Vec<String>,
    /// Breaches of a rule that all of them accept.
    pub(super) oddities: Vec<String>,
    /// The fault of the form of the public key.
    pub(super) key: Option<String>,
}

/// The fields of a TBSCertificate.
struct Fields<'a> {
    version: Option<Element<'a>>,
    serial: Element<'a>,
    algorithm: Element<'a>,
    issuer: Element<'a>,
    validity: Element<'a>,
    subject: Element<'a>,
    spki: Element<'a>,
    unique_ids: bool,
    extensions: Option<Element<'a>>,
}

impl Strict {
    /// Checks a certificate. Each rule is checked, whatever the others find.
    pub(super) fn check(der: &[u8]) -> Self {
        let mut found = Self::default();
        if let Some(fault) = canonical::fault(der) {
            found.fault(format!("it is not DER: {fault}"));
        }
        let Some((fields, outer)) = split(der) else {
            // A broken tag or length was named above; whatever else is not there was seen by the parser.
            if found.faults.is_empty() {
                found.fault("its fields are not those of a certificate".to_owned());
            }
            return found;
        };
        // Java and Go reject a certificate whose two names of the algorithm differ; OpenSSL compares them only while
        // verifying.
        if fields.algorithm.whole != outer.whole {
            found.fault("it names two different signature algorithms".to_owned());
        }
        found.algorithms(&fields);
        found.version(&fields);
        found.serial(&fields);
        found.validity(&fields.validity);
        found.names(&fields);
        if !is_spki(&fields.spki) {
            found.fault("its public key is not an algorithm and bits".to_owned());
        }
        found.key = public_key::form_fault(fields.spki.whole);
        let has_critical_names =
            fields.extensions.is_some_and(|wrapper| extensions::check(wrapper.content, &mut found).has_critical_names);
        // Java does not read it, and RFC 5280, section 4.1.2.6, wants the alternative names then.
        if fields.subject.content.is_empty() && !has_critical_names {
            found.fault("its subject is empty, and it has no critical alternative names".to_owned());
        }
        found
    }

    fn fault(&mut self, text: String) {
        if !self.faults.contains(&text) {
            self.faults.push(text);
        }
    }

    fn oddity(&mut self, text: &str) {
        if !self.oddities.iter().any(|other| other == text) {
            self.oddities.push(text.to_owned());
        }
    }

    /// Go reads the type of an algorithm as a list of numbers of 31 bits, whether it knows the algorithm or not.
    fn algorithms(&mut self, fields: &Fields<'_>) {
        let key = DerReader::new(fields.spki.content).optional(SEQUENCE);
        for (which, algorithm) in [("signature", Some(fields.algorithm)), ("key", key)] {
            let Some(algorithm) = algorithm else { continue };
            let kind = DerReader::new(algorithm.content).optional(OBJECT_IDENTIFIER);
            if let Some(kind) = kind.filter(|kind| oid::has_large_arc(kind.content)) {
                let kind = oid::text(kind.content);
                self.fault(format!("its {which} algorithm is {kind}, whose number Go cannot read"));
            }
        }
    }

    fn version(&mut self, fields: &Fields<'_>) {
        // Content and tag are compared together: the field is `[0] EXPLICIT INTEGER`, and only 0, 1 and 2 are
        // defined.
        let version = match fields.version.map(|version| version.content) {
            None => 0,
            Some([INTEGER, 1, 0]) => {
                self.oddity("it spells out version 1, which DER leaves out");
                0
            }
            Some([INTEGER, 1, number @ (1 | 2)]) => *number,
            Some(_) => return self.fault("its version is none of 1, 2 and 3".to_owned()),
        };
        // Java refuses further fields in a version 1 certificate.
        if version < 2 && fields.extensions.is_some() {
            self.fault(format!("it has extensions, which version {} has not", version + 1));
        }
        if version == 0 && fields.unique_ids {
            self.fault("it has unique identifiers, which version 1 has not".to_owned());
        }
    }

    /// RFC 5280, section 4.1.2.2. Some old roots have the number 0, and all readers take them. Version 1 is older than
    /// the rule: ActorCloud gives the number 0 to all of its certificates.
    fn serial(&mut self, fields: &Fields<'_>) {
        match fields.serial.content {
            [] => self.fault("its serial number is empty".to_owned()),
            [first, ..] if first & 0x80 != 0 => self.fault("its serial number is negative".to_owned()),
            octets if octets.len() > 20 => {
                self.fault(format!("its serial number has {} octets; 20 are the most", octets.len()));
            }
            [0] if fields.version.is_some() => self.oddity("its serial number is 0"),
            _ => {}
        }
    }

    fn validity(&mut self, validity: &Element<'_>) {
        let mut reader = DerReader::new(validity.content);
        for _ in 0..2 {
            match reader.next() {
                // RFC 5280, section 4.1.2.5: dates up to 2049 are UTCTime. All three readers accept GeneralizedTime
                // earlier as well.
                Ok(time) if time.tag == UTC_TIME => {}
                Ok(time) if time.tag == GENERALIZED_TIME => {
                    // Digits of equal length: the octets compare as the numbers do.
                    if time.content.get(..4).is_some_and(|year| year < b"2050") {
                        self.oddity("it writes a date before 2050 as GeneralizedTime");
                    }
                }
                _ => return self.fault("its validity is not two dates".to_owned()),
            }
        }
        if !reader.is_empty() {
            self.fault("its validity has more than two dates".to_owned());
        }
    }

    fn names(&mut self, fields: &Fields<'_>) {
        for (which, element) in [("issuer", &fields.issuer), ("subject", &fields.subject)] {
            if let Some(fault) = name::fault(element.whole) {
                self.fault(format!("its {which} {fault}"));
            }
        }
        if fields.issuer.content.is_empty() {
            self.fault("its issuer is empty".to_owned());
        }
    }
}

/// True for a SubjectPublicKeyInfo (RFC 5280, section 4.1) whose elliptic curve, if it has one, is named.
fn is_spki(spki: &Element<'_>) -> bool {
    let mut parts = DerReader::new(spki.content);
    let (Some(algorithm), Some(_), true) = (parts.optional(SEQUENCE), parts.optional(BIT_STRING), parts.is_empty())
    // Explicit curve parameters are legal ASN.1, but RFC 5480, section 2.1.1, forbids them in certificates.
    else {
        return false;
    };
    let mut parts = DerReader::new(algorithm.content);
    let Some(kind) = parts.optional(OBJECT_IDENTIFIER) else { return false };
    if oid::text(kind.content) == EC_PUBLIC_KEY {
        parts.optional(OBJECT_IDENTIFIER).is_some() && parts.is_empty()
    } else {
        // RSA has NULL as its parameters and Ed25519 has none; what other algorithms have does not matter to readers.
        let _parameters = parts.next();
        parts.is_empty()
    }
}

/// The fields of the TBSCertificate, and the signature algorithm behind it.
fn split(der: &[u8]) -> Option<(Fields<'_>, Element<'_>)> {
    let mut file = DerReader::new(der);
    let mut certificate = DerReader::new(file.optional(SEQUENCE)?.content);
    let mut tbs = DerReader::new(certificate.optional(SEQUENCE)?.content);
    let outer = certificate.optional(SEQUENCE)?;
    certificate.optional(BIT_STRING)?;
    let fields = Fields {
        version: tbs.optional(VERSION),
        serial: tbs.optional(INTEGER)?,
        algorithm: tbs.optional(SEQUENCE)?,
        issuer: tbs.optional(SEQUENCE)?,
        validity: tbs.optional(SEQUENCE)?,
        subject: tbs.optional(SEQUENCE)?,
        spki: tbs.optional(SEQUENCE)?,
        unique_ids: [tbs.optional(ISSUER_UNIQUE_ID), tbs.optional(SUBJECT_UNIQUE_ID)].iter().any(Option::is_some),
        extensions: tbs.optional(EXTENSIONS),
    };
    // Bytes that are left mean that a field is in the wrong place.
    (file.is_empty() && certificate.is_empty() && tbs.is_empty()).then_some((fields, outer))
}

#[cfg(test)]
mod tests;
