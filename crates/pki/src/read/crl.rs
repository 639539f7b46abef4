//! Certificate revocation lists (RFC 5280, section 5), for reading.

use std::fmt;
use std::ops::Range;

use base::{Code, Result};
use time::OffsetDateTime;
use x509_parser::asn1_rs::{BitString, FromDer as _};
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::oid_registry::OID_X509_EXT_ISSUER_DISTRIBUTION_POINT;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};

use crate::asn1::reader::DerReader;
use crate::asn1::tlv::INTEGER;
use crate::asn1::{canonical, oid};
use crate::read::certificate::authority::Authority;
use crate::read::certificate::distribution::Scope;
use crate::read::certificate::{Certificate, SignatureAlgorithm, SignatureFailure, name};
use crate::read::certificate::{label, parser_text, serial_text, signature_error, utc, verify_with_spki_der};

const ENUMERATED: u8 = 0x0a;

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
    version: u32,
    authority: Authority,
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
            version: tbs.version.map_or(1, |version| version.0.saturating_add(1)),
            authority: Authority::default(),
            revoked: revoked.ok_or_else(unknown_time)?,
            scope: Scope::default(),
            unknown_critical: Vec::new(),
            faults: Vec::new(),
        };
        if tbs.signature != parsed.signature_algorithm {
            crl.faults.push("it names two different signature algorithms".to_owned());
        }
        if let Some(fault) = canonical::fault(der) {
            crl.faults.push(format!("it is not DER: {fault}"));
        }
        crl.check_version(&parsed);
        crl.read_extensions(&parsed);
        crl.read_entry_extensions(&parsed);
        Ok(crl)
    }

    /// RFC 5280, section 5.1.2.1. Lists of version 1 without extensions are common: `openssl ca -gencrl` makes them.
    fn check_version(&mut self, parsed: &CertificateRevocationList<'_>) {
        let has_extensions = !parsed.extensions().is_empty()
            || parsed.iter_revoked_certificates().any(|entry| !entry.extensions().is_empty());
        match self.version {
            1 if has_extensions => self.faults.push("it has extensions, which version 1 has not".to_owned()),
            1 | 2 => {}
            _ => self.faults.push("its version is none of 1 and 2".to_owned()),
        }
    }

    fn read_extensions(&mut self, parsed: &CertificateRevocationList<'_>) {
        if let Some(fault) = extension_fault(parsed.extensions()) {
            self.faults.push(fault);
        }
        for extension in parsed.extensions() {
            let mut understood = false;
            match extension.parsed_extension() {
                _ if extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT => {
                    let scope = Scope::from_der(extension.value, parsed.issuer().as_raw());
                    understood = scope.is_some();
                    self.scope = scope.unwrap_or_default();
                    if self.scope.lists_all_reasons {
                        let fault =
                            "its scope lists every reason (RFC 5280, section 5.2.5), which OpenSSL takes for some";
                        self.faults.push(fault.to_owned());
                    }
                }
                ParsedExtension::CRLNumber(_) => {
                    // Any integer that the parser took; its octets are shown, not its value.
                    // Tag and length are two octets, because a number has at most 20 (section 5.2.3).
                    self.number = Some(serial_text(extension.value.get(2..).unwrap_or_default()));
                }
                ParsedExtension::AuthorityKeyIdentifier(authority) => {
                    self.authority = Authority::from_parsed(authority);
                    understood = true;
                    if extension.critical {
                        let fault = "its authority key identifier is marked as critical, which Go refuses";
                        self.faults.push(fault.to_owned());
                    }
                }
                _ => {}
            }
            // The scope of a list is always critical (section 5.2.5). One that is not
            // marked, and that cannot be read, must not pass for a list of everything.
            // The number is never critical (section 5.2.3), and OpenSSL does not know one that is.
            if !understood && (extension.critical || extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT) {
                self.unknown_critical.push(oid::text(extension.oid.as_bytes()));
            }
        }
    }

    /// One fault of each kind is enough to refuse the list, which may have millions of entries.
    fn read_entry_extensions(&mut self, parsed: &CertificateRevocationList<'_>) {
        let entries = || parsed.iter_revoked_certificates().map(RevokedCertificate::extensions);
        let fault = entries().find_map(extension_fault);
        self.faults.extend(fault.map(|fault| format!("in an entry, {fault}")));
        // A reader that does not know a critical extension of an entry must not use the list (section 5.3).
        let unknown = entries()
            .flatten()
            .filter(|extension| extension.critical)
            .map(|extension| oid::text(extension.oid.as_bytes()));
        self.unknown_critical.extend(unknown.take(1));
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        // The ranges were taken from this very DER, so that the default is never used.
        self.der.get(range.clone()).unwrap_or_default()
    }

    /// The version as people count: 1 or 2.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The identifier of the key that signed it, as the list names it (RFC 5280, section 5.2.1).
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.authority.key_id.as_deref()
    }

    /// Whether the authority key identifier names another certificate than `signer`. OpenSSL then does not use the list.
    pub(crate) fn names_other_signer(&self, signer: &Certificate) -> bool {
        self.authority.contradiction(signer.signer_parts()).is_some()
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

/// The first extension that is there twice, or that cannot be read although its type is known. Java refuses both, and Go the
/// second.
fn extension_fault(extensions: &[X509Extension<'_>]) -> Option<String> {
    extensions.iter().enumerate().find_map(|(place, extension)| {
        let id = || label(&oid::text(extension.oid.as_bytes()));
        if extensions.iter().take(place).any(|other| other.oid == extension.oid) {
            return Some(format!("extension {} occurs twice", id()));
        }
        let is_unread = matches!(extension.parsed_extension(), ParsedExtension::ParseError { .. });
        (is_unread && !has_odd_value(extension)).then(|| format!("extension {} cannot be read", id()))
    })
}

/// Whether the extension is a number or a reason of the right type, with a value that only the parser refuses: a negative
/// number, or a reason that RFC 5280 does not know.
fn has_odd_value(extension: &X509Extension<'_>) -> bool {
    let tag = match oid::text(extension.oid.as_bytes()).as_str() {
        "2.5.29.20" => INTEGER,
        "2.5.29.21" => ENUMERATED,
        _ => return false,
    };
    DerReader::new(extension.value).optional(tag).is_some_and(|value| !value.content.is_empty())
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
    use testkit::der::{Node, element};
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

    /// A list with one entry, with other octets at a place. Below the TBSCertList: version, algorithm, issuer, dates, entries,
    /// extensions.
    fn changed(place: &[usize], raw: Vec<u8>) -> Crl {
        let root = testing::root("Root");
        let leaf = root.issue(&testing::leaf("device-1")).certificate;
        let node = Node::parse(testing::crl(&root, &[&leaf]).der());
        Crl::from_der(&node.with(&[&[0], place].concat(), raw)).unwrap()
    }

    fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
        let mark: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
        element(0x30, &[&element(6, id), mark, &element(4, value)].concat())
    }

    /// As OpenSSL 3.0, Go 1.24 and Java 17 decide: each of these lists is refused by one of them.
    #[test]
    fn a_list_that_a_strict_reader_refuses_has_a_fault() {
        const VERSION: usize = 0;
        const THIS_UPDATE: usize = 3;
        const ENTRIES: usize = 5;
        const EXTENSIONS: usize = 6;
        let number = extension(&[0x55, 0x1d, 20], false, &[2, 1, 5]);
        let wrapped = |extensions: &[Vec<u8>]| element(0xa0, &element(0x30, &extensions.concat()));
        let authority = element(0x30, &element(0x80, b"key"));
        let reason = |value: &[u8]| extension(&[0x55, 0x1d, 21], false, value);
        let entry = |extensions: &[Vec<u8>]| {
            let parts = [element(2, &[5]), element(0x17, b"250601000000Z"), element(0x30, &extensions.concat())];
            element(0x30, &element(0x30, &parts.concat()))
        };
        let scope = |flags: &[u8]| extension(&[0x55, 0x1d, 28], true, &element(0x30, &element(0x83, flags)));
        for (place, raw, said) in [
            (VERSION, Vec::new(), "it has extensions, which version 1 has not"),
            (VERSION, element(2, &[2]), "its version is none of 1 and 2"),
            (THIS_UPDATE, element(0x17, b"2506010000Z"), "it is not DER: a UTCTime"),
            (THIS_UPDATE, element(0x17, b"250601000000+0100"), "it is not DER: a UTCTime"),
            (EXTENSIONS, wrapped(&[number.clone(), number.clone()]), "extension cRLNumber (2.5.29.20) occurs twice"),
            (
                EXTENSIONS,
                wrapped(&[extension(&[0x55, 0x1d, 20], false, &[4, 1, 5])]),
                "cRLNumber (2.5.29.20) cannot be read",
            ),
            (EXTENSIONS, wrapped(&[extension(&[0x55, 0x1d, 35], true, &authority)]), "critical, which Go refuses"),
            (
                EXTENSIONS,
                wrapped(&[extension(&[0x2a, 3], false, &[]), extension(&[0x2a, 3], false, &[])]),
                "1.2.3 occurs twice",
            ),
            (EXTENSIONS, wrapped(&[scope(&[7, 0xff, 0x80])]), "its scope lists every reason"),
            (
                ENTRIES,
                entry(&[reason(&[10, 1, 1]), reason(&[10, 1, 2])]),
                "in an entry, extension reasonCode (2.5.29.21) occurs twice",
            ),
            (ENTRIES, entry(&[reason(&[4, 1, b'x'])]), "in an entry, extension reasonCode (2.5.29.21) cannot be read"),
        ] {
            let crl = changed(&[place], raw);
            let faults = crl.format_faults().join("; ");
            assert!(faults.contains(said), "{faults:?} lacks {said:?}");
        }
        let good = changed(&[EXTENSIONS], wrapped(&[number, scope(&[6, 0x40])]));
        assert_eq!((good.format_faults(), good.unknown_critical_extensions()), (&[][..], &[][..]));
        // All three read a reason of the future, and a negative number.
        for (place, raw) in [
            (ENTRIES, entry(&[reason(&[10, 1, 99])])),
            (EXTENSIONS, wrapped(&[extension(&[0x55, 0x1d, 20], false, &[2, 1, 0xfb])])),
        ] {
            assert_eq!(changed(&[place], raw).format_faults(), [] as [String; 0]);
        }
        let critical = changed(&[EXTENSIONS], wrapped(&[extension(&[0x55, 0x1d, 20], true, &[2, 1, 5])]));
        assert_eq!(critical.unknown_critical_extensions(), ["2.5.29.20"], "OpenSSL does not know it");
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
