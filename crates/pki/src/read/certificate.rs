//! A parsed certificate.
//!
//! Parsing is lenient where people need to see what they were given (odd serial numbers, version 1, extensions that
//! make no sense) and strict where two readers could see two different certificates: data behind the end is refused.
//! Judging is left to [`verify`](crate::verify).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::digest;
use base::text::counted;
use base::{Code, Error, Finding, Result, hex};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::{Duration, OffsetDateTime, UtcOffset};
use x509_parser::asn1_rs::{BitString, FromDer as _};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::time::ASN1Time;

use crate::asn1::canonical;
use crate::credentials_id;
use crate::names::san::San;
use crate::names::subject::Subject;

pub(crate) mod authority;
pub(crate) mod constraints;
pub(crate) mod distribution;
mod extensions;
mod findings;
pub(crate) mod general_name;
pub(crate) mod name;
mod public_key;
mod self_signature;
mod serial;
mod signature;
mod strict;
#[cfg(test)]
pub(crate) mod testing;
mod usage;

use authority::{Contradiction, SignerParts};
pub use distribution::DistributionPoint;
use extensions::Extensions;
pub use extensions::NameConstraints;
pub(crate) use extensions::{Policies, label};
pub use general_name::GeneralName;
pub use name::text as name_text;
pub use public_key::PublicKeyKind;
pub use self_signature::SelfSignature;
pub(crate) use serial::serial_text;
pub use signature::SignatureAlgorithm;
pub(crate) use signature::{SignatureFailure, verify_with_spki_der};
use strict::Strict;
pub use usage::{ExtendedKeyUsage, KeyUsage, NetscapeUsage};

/// An X.509 certificate (RFC 5280), parsed once and owned. Two are equal when their DER is. Cloning is cheap: the CAs
/// above a fleet stand in every device's chain.
#[derive(Clone)]
pub struct Certificate(Arc<Parts>);

struct Parts {
    der: Vec<u8>,
    at: Places,
    version: u32,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    key: PublicKeyKind,
    signature_algorithm: SignatureAlgorithm,
    extensions: Extensions,
    /// Computed when it is asked for: a fleet has millions of certificates of our own making.
    strict: OnceLock<Strict>,
}

/// The places of its parts in the DER.
struct Places {
    tbs: Range<usize>,
    serial: Range<usize>,
    issuer: Range<usize>,
    subject: Range<usize>,
    spki: Range<usize>,
    signature: Range<usize>,
}

impl Certificate {
    /// Reads one certificate from DER.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`] when this is something else, or when anything follows the certificate.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let unreadable = |why: String| Code::CertificateUnreadable.error("this is not a certificate").because(why);
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|error| unreadable(parser_text(error)))?;
        if !rest.is_empty() {
            return Err(unreadable(trailing(rest)));
        }
        // The parser returns slices of `der`. Positions are kept, because
        // a certificate owns its octets and cannot borrow from itself.
        let place = |part: &[u8]| {
            let start = (part.as_ptr() as usize).checked_sub(der.as_ptr() as usize)?;
            let range = start..start.checked_add(part.len())?;
            der.get(range.clone()).map(|_| range)
        };
        let tbs = &parsed.tbs_certificate;
        let places = || {
            Some(Places {
                tbs: place(tbs.as_ref())?,
                serial: place(tbs.raw_serial())?,
                issuer: place(tbs.issuer.as_raw())?,
                subject: place(tbs.subject.as_raw())?,
                spki: place(tbs.subject_pki.raw)?,
                signature: place(&parsed.signature_value.data)?,
            })
        };
        let at = places().ok_or_else(|| unreadable("a field is not part of it".to_owned()))?;
        // The parser does not look behind the signature, the last of the three fields.
        if at.signature.end != der.len() {
            return Err(unreadable("octets follow its signature".to_owned()));
        }
        let mut extensions = Extensions::read(tbs.extensions(), tbs.issuer.as_raw());
        if parsed.signature_value.unused_bits != 0 {
            extensions.faults.push("its signature is not a whole number of octets".to_owned());
        }
        let dates = (utc(tbs.validity.not_before), utc(tbs.validity.not_after));
        let (Some(not_before), Some(not_after)) = dates else {
            return Err(unreadable("its dates lie outside of the calendar".to_owned()));
        };
        Ok(Self(Arc::new(Parts {
            // Saturating, because a broken encoder may have written the largest number.
            version: tbs.version.0.saturating_add(1),
            not_before,
            not_after,
            key: PublicKeyKind::of_parsed(&tbs.subject_pki),
            signature_algorithm: SignatureAlgorithm::from_parsed(&parsed.signature_algorithm),
            extensions,
            strict: OnceLock::new(),
            at,
            der: der.to_vec(),
        })))
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        // The ranges were taken from this very DER, so that the default is never used.
        self.0.der.get(range.clone()).unwrap_or_default()
    }

    /// The certificate as it was read.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The certificate as PEM (RFC 7468): 64 columns, LF, with a final newline.
    pub fn to_pem(&self) -> String {
        let text = STANDARD.encode(&self.0.der);
        let mut pem = String::with_capacity(text.len() + text.len() / 64 + 64);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        let mut rest = text.as_str();
        while let Some((line, more)) = rest.split_at_checked(64) {
            pem.push_str(line);
            pem.push('\n');
            rest = more;
        }
        if !rest.is_empty() {
            pem.push_str(rest);
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// The version as people count: 1, 2 or 3, or whatever a broken encoder wrote, plus one.
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// The subject's Name, as DER.
    pub fn subject_der(&self) -> &[u8] {
        self.part(&self.0.at.subject)
    }

    /// The issuer's Name, as DER.
    pub fn issuer_der(&self) -> &[u8] {
        self.part(&self.0.at.issuer)
    }

    /// The subject, where every part of it could be read.
    pub fn subject_name(&self) -> Option<Subject> {
        Subject::from_der(self.subject_der()).ok()
    }

    /// Why no certificate may be issued with this subject, although this one was: a reader refuses its encoding, or it has a
    /// character that is invisible or changes how the text is shown.
    pub fn subject_fault(&self) -> Option<String> {
        let der = self.subject_der();
        let fault = canonical::fault(der).map(|fault| format!("its subject is not DER: {fault}"));
        let fault = fault.or_else(|| name::fault(der).map(|fault| format!("its subject {fault}")));
        let hidden = || {
            let hidden = self.subject_name()?.hidden_character()?;
            Some(format!("its subject contains the character U+{:04X}, which is not visible", u32::from(hidden)))
        };
        fault.or_else(hidden)
    }

    /// The issuer, where every part of it could be read.
    pub(crate) fn issuer_name(&self) -> Option<Subject> {
        Subject::from_der(self.issuer_der()).ok()
    }

    /// The subject in the form of RFC 4514, the most specific attribute first. Safe to print.
    pub fn subject(&self) -> String {
        name::text(self.subject_der())
    }

    /// The issuer in the form of RFC 4514, the most specific attribute first. Safe to print.
    pub fn issuer(&self) -> String {
        name::text(self.issuer_der())
    }

    /// The first common name of the subject, where it is text. Not escaped: see [`subject`](Self::subject).
    pub fn common_name(&self) -> Option<String> {
        self.subject_name().and_then(|name| name.common_name().map(str::to_owned))
    }

    /// A short name for messages: the subject or, where that is empty, the serial number. Safe to print.
    pub fn label(&self) -> String {
        let subject = self.subject();
        if subject.is_empty() { format!("serial {}", self.serial_hex()) } else { subject }
    }

    /// The serial number's content octets, big endian and in two's complement.
    pub fn serial(&self) -> &[u8] {
        self.part(&self.0.at.serial)
    }

    /// The serial number as OpenSSL prints it: upper-case hexadecimal, without the octet that only keeps it positive.
    pub fn serial_hex(&self) -> String {
        serial_text(self.serial())
    }

    /// The first moment at which it is valid, in UTC.
    pub fn not_before(&self) -> OffsetDateTime {
        self.0.not_before
    }

    /// The last moment at which it is valid, in UTC.
    pub fn not_after(&self) -> OffsetDateTime {
        self.0.not_after
    }

    /// A warning if less than a third of its lifetime is left at `now`, which is when step and thin-edge.io renew. `None` if it
    /// has expired or is not valid yet, which are faults of their own.
    pub fn due_warning(&self, now: OffsetDateTime) -> Option<Finding> {
        let (left, lifetime) = (self.not_after() - now, self.not_after() - self.not_before());
        let is_due = left >= Duration::ZERO && now >= self.not_before() && left <= lifetime / 3;
        let what = || format!("the certificate expires in {}", counted(left.whole_days(), "day", "days"));
        let finding = is_due.then(|| Code::RenewalDue.warning(what()));
        finding.map(|finding| finding.because("less than a third of its lifetime is left"))
    }

    /// The public key with its algorithm: the SubjectPublicKeyInfo, as DER.
    pub fn spki_der(&self) -> &[u8] {
        self.part(&self.0.at.spki)
    }

    /// The kind of the public key.
    pub fn public_key(&self) -> &PublicKeyKind {
        &self.0.key
    }

    /// The name of the public key's algorithm: one of ours, such as `ec-p256`, or one of the same form.
    pub fn algorithm_name(&self) -> String {
        self.0.key.name()
    }

    /// The algorithm that the issuer signed with.
    pub fn signature_algorithm(&self) -> &SignatureAlgorithm {
        &self.0.signature_algorithm
    }

    /// True if its name constraints, if it has any, allow a certificate below it to carry `san`.
    pub fn may_vouch_for(&self, san: &San) -> bool {
        self.name_constraints()
            .is_none_or(|constraints| constraints::forbidden(&[GeneralName::of_san(san)], constraints).is_none())
    }

    /// True if basicConstraints has CA:TRUE.
    pub fn is_ca(&self) -> bool {
        self.0.extensions.ca
    }

    /// True if it has basicConstraints, marked as critical.
    pub(crate) fn has_critical_basic_constraints(&self) -> bool {
        self.0.extensions.has_critical_basic_constraints
    }

    /// The number of CAs that may be between this one and the leaf, if that is limited.
    pub fn path_len(&self) -> Option<u32> {
        self.0.extensions.path_len
    }

    /// The subject key identifier.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.subject_key_id.as_deref()
    }

    /// The key identifier within the authority key identifier.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.0.extensions.authority.key_id.as_deref()
    }

    /// Why the authority key identifier (RFC 5280, section 4.2.1.1) does not name `issuer`, if it does not. OpenSSL and Java
    /// then look for another issuer.
    pub(crate) fn authority_contradiction(&self, issuer: &Certificate) -> Option<&'static str> {
        Some(match self.0.extensions.authority.contradiction(issuer.signer_parts())? {
            Contradiction::KeyId => "its authority key identifier is not the subject key identifier of its issuer",
            Contradiction::Serial => "its authority key identifier has another serial number than its issuer",
            Contradiction::Issuer => "its authority key identifier has another issuer than its issuer",
        })
    }

    /// The parts that the authority key identifier of what it has signed can name.
    pub(crate) fn signer_parts(&self) -> SignerParts<'_> {
        SignerParts { key_id: self.subject_key_id(), serial: self.serial(), issuer: self.issuer_der() }
    }

    /// The keyUsage extension. Without one, every use is allowed.
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.0.extensions.key_usage
    }

    /// The extendedKeyUsage extension. Without one, every purpose is allowed.
    pub fn extended_key_usages(&self) -> Option<&[ExtendedKeyUsage]> {
        self.0.extensions.extended_key_usages.as_deref()
    }

    /// The uses that nsCertType allows, if it is there.
    pub fn netscape_usage(&self) -> Option<NetscapeUsage> {
        self.0.extensions.netscape_usage
    }

    /// The subject alternative names that are of the kinds and in the form that tbpki writes; the others are only in
    /// [`general_names`](Self::general_names).
    pub fn sans(&self) -> Vec<San> {
        self.0.extensions.names.iter().filter_map(GeneralName::to_san).collect()
    }

    /// Every subject alternative name, whatever its kind and however odd.
    pub fn general_names(&self) -> &[GeneralName] {
        &self.0.extensions.names
    }

    /// The subject alternative names that are IP addresses.
    pub fn ip_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.0.extensions.names.iter().filter_map(GeneralName::ip)
    }

    /// The nameConstraints extension.
    pub fn name_constraints(&self) -> Option<&NameConstraints> {
        self.0.extensions.name_constraints.as_ref()
    }

    /// The places of published revocation lists.
    pub fn crl_distribution_points(&self) -> &[DistributionPoint] {
        &self.0.extensions.crl_points
    }

    /// The policies of the certificate, and those that it asks for.
    pub(crate) fn policies(&self) -> &Policies {
        &self.0.extensions.policies
    }

    /// True if it is a proxy certificate (RFC 3820), which OpenSSL and Java refuse.
    pub(crate) fn is_proxy(&self) -> bool {
        self.0.extensions.is_proxy
    }

    /// Critical extensions that [`verify`](crate::verify) does not act upon, and for which it must therefore refuse
    /// the certificate (RFC 5280, section 4.2).
    pub fn unknown_critical_extensions(&self) -> &[String] {
        &self.0.extensions.unknown_critical
    }

    /// What keeps at least one of OpenSSL, Go and Java from reading the certificate, although it could be read here:
    /// encodings that are not DER, extensions that occur twice or hold something else, fields that contradict each other.
    /// One sentence each.
    pub fn format_faults(&self) -> impl Iterator<Item = &str> {
        let parsed = &self.0.extensions.faults;
        let strict = self.strict().faults.iter().filter(move |fault| !parsed.contains(fault));
        parsed.iter().chain(strict).map(String::as_str)
    }

    /// Breaches of the format's rules that OpenSSL, Go and Java all accept. One sentence each.
    pub fn format_oddities(&self) -> impl Iterator<Item = &str> {
        self.strict().oddities.iter().map(String::as_str)
    }

    /// What is wrong with the form of its public key: a compressed point, a point off its curve, RSA numbers that are no
    /// key.
    pub fn key_form_fault(&self) -> Option<&str> {
        self.strict().key.as_deref()
    }

    fn strict(&self) -> &Strict {
        self.0.strict.get_or_init(|| Strict::check(self.der()))
    }

    /// True if subject and issuer are the same name.
    pub fn is_self_issued(&self) -> bool {
        name::equal(self.subject_der(), self.issuer_der())
    }

    /// True if it is its own issuer: the names are the same and the signature was made by its own key.
    pub fn is_self_signed(&self) -> bool {
        self.is_self_issued() && self.verify_signed_by(self).is_ok()
    }

    /// True if it names `issuer` as its issuer. Does not check the signature.
    pub fn names_as_issuer(&self, issuer: &Certificate) -> bool {
        name::equal(self.issuer_der(), issuer.subject_der())
    }

    /// Checks that the key in `issuer` made the signature on this certificate. Neither names nor dates are looked at.
    ///
    /// # Errors
    /// [`Code::BadSignature`] when another key made it, [`Code::SignatureUnsupported`] if no library here can check it.
    pub fn verify_signed_by(&self, issuer: &Certificate) -> Result<()> {
        self.signed_by(issuer).map_err(|failure| signature_error(&self.label(), &issuer.label(), &failure))
    }

    pub(crate) fn signed_by(&self, issuer: &Certificate) -> Result<(), SignatureFailure> {
        let signature = BitString::new(0, self.part(&self.0.at.signature));
        verify_with_spki_der(&self.0.signature_algorithm, issuer.spki_der(), self.part(&self.0.at.tbs), &signature)
    }

    /// The SHA-256 of the DER.
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(&self.0.der)
    }

    /// The SHA-256 of the DER: 64 lower-case hexadecimal digits.
    pub fn fingerprint_hex(&self) -> String {
        hex::lower(&self.fingerprint())
    }

    /// The SHA-256 of the public key with its algorithm (its SubjectPublicKeyInfo), as lower-case hexadecimal: equal
    /// for a certificate, a request and a private key that belong together.
    pub fn public_key_id(&self) -> String {
        hex::lower(&sha256(self.spki_der()))
    }

    /// The id under which ThingsBoard stores this certificate as credentials.
    pub fn credentials_id(&self) -> String {
        credentials_id::of_certificate_der(&self.0.der)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.der == other.0.der
    }
}

impl Eq for Certificate {}

impl Hash for Certificate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.der.hash(state);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, serial {})", self.subject(), self.serial_hex())
    }
}

/// The error for a signature by `signer` on `signed` that does not count.
pub(crate) fn signature_error(signed: &str, signer: &str, failure: &SignatureFailure) -> Error {
    match failure {
        SignatureFailure::Mismatch => {
            Code::BadSignature.error(format!("the signature on {signed} was not made by the key of {signer}"))
        }
        SignatureFailure::Unsupported(algorithm) => Code::SignatureUnsupported
            .error(format!("the signature on {signed} cannot be checked"))
            .because(format!("tbpki does not verify {algorithm}; it can still be valid"))
            .fix("use RSA with PKCS#1 v1.5, ECDSA on a NIST curve, or Ed25519, with SHA-256 or a stronger hash"),
    }
}

/// The moment in UTC. Foreign encoders write other time zones, and the last hours of the calendar may not have one.
pub(crate) fn utc(time: ASN1Time) -> Option<OffsetDateTime> {
    time.to_datetime().checked_to_offset(UtcOffset::UTC)
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    // The lengths are equal; were they not, the zeros would match no fingerprint.
    if let Ok(digest) = <[u8; 32]>::try_from(digest::digest(&digest::SHA256, bytes).as_ref()) {
        hash = digest;
    }
    hash
}

/// The reason against octets behind a certificate or a request.
pub(crate) fn trailing(rest: &[u8]) -> String {
    if rest.len() == 1 { "1 octet follows its end".to_owned() } else { format!("{} octets follow its end", rest.len()) }
}

/// The part at which the parser gave up, in words.
pub(crate) fn parser_text(error: x509_parser::nom::Err<X509Error>) -> String {
    let error = match error {
        x509_parser::nom::Err::Incomplete(_) => return "it ends too early".to_owned(),
        x509_parser::nom::Err::Error(error) | x509_parser::nom::Err::Failure(error) => error,
    };
    let part = match error {
        X509Error::InvalidVersion => "its version",
        X509Error::InvalidSerial => "its serial number",
        X509Error::InvalidAlgorithmIdentifier => "the identifier of an algorithm in it",
        X509Error::InvalidX509Name => "a name in it",
        X509Error::InvalidDate => "one of its dates",
        X509Error::InvalidSPKI => "its public key",
        X509Error::InvalidExtensions | X509Error::DuplicateExtensions => "one of its extensions",
        X509Error::InvalidAttributes | X509Error::DuplicateAttributes => "one of its attributes",
        X509Error::InvalidSignatureValue => "its signature",
        _ => return "its structure ends early, or is another one".to_owned(),
    };
    format!("{part} cannot be parsed")
}

#[cfg(test)]
mod tests;
