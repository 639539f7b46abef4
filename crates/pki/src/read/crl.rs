//! Certificate revocation lists (RFC 5280, section 5), for reading.

use std::fmt;
use std::ops::Range;

use base::{Code, Result};
use time::OffsetDateTime;
use x509_parser::asn1_rs::{BitString, FromDer as _};
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::OID_X509_EXT_ISSUER_DISTRIBUTION_POINT;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};

use crate::asn1::oid;
use crate::read::certificate::distribution::Scope;
use crate::read::certificate::{Certificate, SignatureAlgorithm, SignatureFailure, name};
use crate::read::certificate::{parser_text, serial_text, signature_error, utc, verify_with_spki_der};

/// A certificate revocation list, parsed once and owned.
#[derive(Clone)]
pub struct Crl {
    der: Vec<u8>,
    tbs: Range<usize>,
    issuer: Range<usize>,
    signature: Range<usize>,
    signature_algorithm: SignatureAlgorithm,
    this_update: OffsetDateTime,
    next_update: Option<OffsetDateTime>,
    number: Option<String>,
    authority_key: Option<Vec<u8>>,
    revoked: Vec<Revoked>,
    scope: Scope,
    unknown_critical: Vec<String>,
    faults: Vec<String>,
}

/// One entry of a revocation list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The serial number's content octets.
    pub serial: Vec<u8>,
    /// Since when.
    pub since: OffsetDateTime,
    /// The reason in the words of RFC 5280, section 5.3.1, if the entry has one.
    pub reason: Option<&'static str>,
}

impl Crl {
    /// Reads one revocation list from DER.
    ///
    /// # Errors
    /// [`Code::CrlUnreadable`] when this is something else, or when anything follows the list.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let unreadable = |why: String| Code::CrlUnreadable.error("this is not a revocation list").because(why);
        let (rest, parsed) =
            CertificateRevocationList::from_der(der).map_err(|error| unreadable(parser_text(error)))?;
        let place = |part: &[u8]| {
            let start = (part.as_ptr() as usize).checked_sub(der.as_ptr() as usize)?;
            let range = start..start.checked_add(part.len())?;
            der.get(range.clone()).map(|_| range)
        };
        let tbs = &parsed.tbs_cert_list;
        let places = (place(tbs.as_ref()), place(tbs.issuer.as_raw()), place(&parsed.signature_value.data));
        let (Some(tbs_place), Some(issuer), Some(signature)) = places else {
            return Err(unreadable("a field is not part of it".to_owned()));
        };
        if !rest.is_empty() || signature.end != der.len() {
            return Err(unreadable("octets follow its end".to_owned()));
        }
        let unknown_time = || unreadable("its dates lie outside of the calendar".to_owned());
        let revoked = tbs.revoked_certificates.iter().map(Revoked::from_parsed).collect::<Option<Vec<_>>>();
        let mut crl = Self {
            der: der.to_vec(),
            tbs: tbs_place,
            issuer,
            signature,
            signature_algorithm: SignatureAlgorithm::from_parsed(&parsed.signature_algorithm),
            this_update: utc(tbs.this_update).ok_or_else(unknown_time)?,
            next_update: tbs.next_update.map(|time| utc(time).ok_or_else(unknown_time)).transpose()?,
            number: None,
            authority_key: None,
            revoked: revoked.ok_or_else(unknown_time)?,
            scope: Scope::default(),
            unknown_critical: Vec::new(),
            faults: Vec::new(),
        };
        if tbs.signature != parsed.signature_algorithm {
            crl.faults.push("it names two different signature algorithms".to_owned());
        }
        crl.read_extensions(&parsed);
        Ok(crl)
    }

    fn read_extensions(&mut self, parsed: &CertificateRevocationList<'_>) {
        for extension in parsed.extensions() {
            let mut understood = false;
            match extension.parsed_extension() {
                _ if extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT => {
                    let scope = Scope::from_der(extension.value, parsed.issuer().as_raw());
                    understood = scope.is_some();
                    self.scope = scope.unwrap_or_default();
                }
                ParsedExtension::CRLNumber(_) => {
                    // Any integer that the parser took; its octets are shown, not its value.
                    // Tag and length are two octets, because a number has at most 20 (section 5.2.3).
                    self.number = Some(serial_text(extension.value.get(2..).unwrap_or_default()));
                    understood = true;
                }
                ParsedExtension::AuthorityKeyIdentifier(key) => {
                    self.authority_key = key.key_identifier.as_ref().map(|id| id.0.to_vec());
                    understood = true;
                }
                _ => {}
            }
            // The scope of a list is always critical (section 5.2.5). One that is not
            // marked, and that cannot be read, must not pass for a list of everything.
            if !understood && (extension.critical || extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT) {
                self.unknown_critical.push(oid::text(extension.oid.as_bytes()));
            }
        }
        // A reader that does not know a critical extension of an entry must not use the list (section 5.3).
        let entries = parsed.iter_revoked_certificates().flat_map(RevokedCertificate::extensions);
        let unknown =
            entries.filter(|extension| extension.critical).map(|extension| oid::text(extension.oid.as_bytes()));
        // One is enough to refuse the list, which may have millions of entries.
        self.unknown_critical.extend(unknown.take(1));
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        // The ranges were taken from this very DER, so that the default is never used.
        self.der.get(range.clone()).unwrap_or_default()
    }

    /// The identifier of the key that signed it, as the list names it (RFC 5280, section 5.2.1).
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.authority_key.as_deref()
    }

    /// The list as it was read.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The issuer's Name, as DER.
    pub fn issuer_der(&self) -> &[u8] {
        self.part(&self.issuer)
    }

    /// The issuer in the form of RFC 4514. Safe to print.
    pub fn issuer(&self) -> String {
        name::text(self.issuer_der())
    }

    /// When it was made, in UTC.
    pub fn this_update(&self) -> OffsetDateTime {
        self.this_update
    }

    /// When the next one is made at the latest, in UTC. From then on this one does not count any more.
    pub fn next_update(&self) -> Option<OffsetDateTime> {
        self.next_update
    }

    /// The number, as upper-case hexadecimal.
    pub fn number(&self) -> Option<&str> {
        self.number.as_deref()
    }

    /// The algorithm that the issuer signed with.
    pub fn signature_algorithm(&self) -> &SignatureAlgorithm {
        &self.signature_algorithm
    }

    /// The revoked certificates, in the order of the list.
    pub fn revoked(&self) -> &[Revoked] {
        &self.revoked
    }

    /// The entry for a serial number, if there is one.
    pub fn entry(&self, serial: &[u8]) -> Option<&Revoked> {
        self.revoked.iter().find(|entry| shortest(&entry.serial) == shortest(serial))
    }

    /// Critical extensions that tbpki does not know: the list must not be relied upon (RFC 5280, section 5.2).
    pub fn unknown_critical_extensions(&self) -> &[String] {
        &self.unknown_critical
    }

    /// What breaks the rules of the format although it could be read, one sentence each. Such a list must not be relied
    /// upon.
    pub fn format_faults(&self) -> &[String] {
        &self.faults
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether `issuer` is the CA that made it (RFC 5280, section 5.1.2.3): by the name first, which costs far less than a
    /// signature, and then by the signature, because CAs of two stores can have one name.
    pub fn is_issued_by(&self, issuer: &Certificate) -> bool {
        // Names are equal in any string type.
        name::equal(self.issuer_der(), issuer.subject_der()) && self.signed_by(issuer).is_ok()
    }

    /// Checks that the key in `issuer` made the signature. Neither names, dates nor usages are looked at.
    ///
    /// # Errors
    /// [`Code::BadSignature`] when another key made it, [`Code::SignatureUnsupported`] if no library here can check it.
    pub fn verify_signed_by(&self, issuer: &Certificate) -> Result<()> {
        let label = format!("the revocation list of {}", self.issuer());
        self.signed_by(issuer).map_err(|failure| signature_error(&label, &issuer.label(), &failure))
    }

    pub(crate) fn signed_by(&self, issuer: &Certificate) -> Result<(), SignatureFailure> {
        let signature = BitString::new(0, self.part(&self.signature));
        verify_with_spki_der(&self.signature_algorithm, issuer.spki_der(), self.part(&self.tbs), &signature)
    }
}

impl Revoked {
    fn from_parsed(parsed: &RevokedCertificate<'_>) -> Option<Self> {
        Some(Self {
            serial: parsed.raw_serial().to_vec(),
            since: utc(parsed.revocation_date)?,
            reason: parsed.reason_code().and_then(|(_, code)| reason(code.0)),
        })
    }
}

impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Crl({}, {} entries)", self.issuer(), self.revoked.len())
    }
}

fn reason(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        _ => return None,
    })
}

/// A number without the zeros in front that its sign does not need.
fn shortest(mut octets: &[u8]) -> &[u8] {
    // A loop, since a hostile number may begin with a million of them.
    while let [0, rest @ ..] = octets
        && rest.first().is_some_and(|next| next & 0x80 == 0)
    {
        octets = rest;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::certificate::testing;
    use time::macros::datetime;

    #[test]
    fn a_list_tells_what_it_revokes() {
        let root = testing::root("Root");
        let leaf = root.issue(&testing::leaf("device-1")).certificate;
        let crl = testing::crl(&root, &[&leaf]);
        assert_eq!(crl.issuer(), "CN=Root");
        assert_eq!(crl.next_update(), Some(datetime!(2035-01-01 0:00 UTC)));
        assert_eq!(crl.number(), Some("07"));
        let [entry] = crl.revoked() else { panic!("{crl:?}") };
        assert_eq!(shortest(&entry.serial), shortest(leaf.serial()));
        assert_eq!(entry.reason, Some("keyCompromise"));
        assert_eq!(crl.entry(leaf.serial()), Some(entry));
        assert_eq!(crl.entry(root.certificate.serial()), None);
        assert!(crl.unknown_critical_extensions().is_empty());
    }

    #[test]
    fn only_the_issuers_key_verifies_it() {
        let root = testing::root("Root");
        let crl = testing::crl(&root, &[]);
        crl.verify_signed_by(&root.certificate).unwrap();
        let impostor = testing::root("Root").certificate;
        assert_eq!(crl.verify_signed_by(&impostor).unwrap_err().code(), Code::BadSignature);
        assert!(crl.is_issued_by(&root.certificate) && !crl.is_issued_by(&impostor));
    }

    #[test]
    fn its_issuer_has_its_name_and_its_key() {
        let root = testing::root("Root");
        let crl = testing::crl(&root, &[]);
        let other_name = root
            .issue_for(&testing::ca("Other name", None), rcgen::KeyPair::from_pem(&root.key_pem()).unwrap())
            .certificate;
        // The signature is right, and the list is another CA's.
        crl.verify_signed_by(&other_name).unwrap();
        assert!(!crl.is_issued_by(&other_name));
    }

    #[test]
    fn a_list_that_contradicts_itself_is_shown_and_not_relied_upon() {
        let root = testing::root("Root");
        let mut der = testing::crl(&root, &[]).der().to_vec();
        let sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        let at = der.windows(8).position(|window| window == sha256).unwrap();
        // The first of the two places that name the algorithm becomes SHA-384.
        der[at + 7] = 0x03;
        let crl = Crl::from_der(&der).unwrap();
        assert_eq!(crl.format_faults(), ["it names two different signature algorithms"]);
    }

    #[test]
    fn other_things_are_refused() {
        let root = testing::root("Root");
        let mut der = testing::crl(&root, &[]).der().to_vec();
        der.push(0);
        assert_eq!(Crl::from_der(&der).unwrap_err().code(), Code::CrlUnreadable);
        assert_eq!(Crl::from_der(root.certificate.der()).unwrap_err().code(), Code::CrlUnreadable);
    }
}
