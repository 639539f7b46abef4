//! The part of a certificate that is signed (TBSCertificate, RFC 5280, section 4.1.2).
//!
//! rcgen writes it; what it cannot hold is put in afterwards: names with repeated attributes, and names of
//! foreign CAs, whose bytes have to stay exactly as they are for the chain to hold.

mod pieces;

use std::sync::Mutex;

use base::{Code, Error, Result, hex};
use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, SliceReader, Tag};
use rcgen::{
    CertificateParams, CrlDistributionPoint, DistinguishedName, DnType, GeneralSubtree, KeyIdMethod, NameConstraints,
    PublicKeyData, SanType, SerialNumber,
};

use crate::issue::profile::Profile;
use crate::issue::serial::Serial;
use crate::issue::validity::Validity;
use crate::key::PublicKey;
use crate::names::san::San;
use crate::names::subject::Subject;

pub(crate) use pieces::{Pieces, period};

/// The content of a certificate, without its key and its issuer.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The kind of certificate, from which its extensions follow.
    pub profile: Profile,
    /// The serial number.
    pub serial: Serial,
    /// From when until when it holds.
    pub validity: Validity,
    /// Whose it is.
    pub subject: Subject,
    /// Under which names.
    pub sans: Vec<San>,
    /// For CAs: the only domains below which they may vouch for DNS names; empty for all (RFC 5280, section
    /// 4.2.1.10). The extension has to be critical, and the Mbed TLS of our own firmware refuses chains with it.
    pub permitted_dns: Vec<String>,
    /// The base of the addresses of revocation lists, without a slash at its end. The certificate then names the list of
    /// its issuer's key as a distribution point (RFC 5280, section 4.2.1.13); see [`list_url`]. `None` names none.
    pub crl_url: Option<String>,
}

/// The address of the revocation list of a CA key below `base`. The key decides and not the CA's name, because each
/// generation of a CA with a key of its own has a list of its own.
pub fn list_url(base: &str, key_id: &[u8]) -> String {
    format!("{base}/{}", list_name(key_id))
}

/// The last part of that address.
pub fn list_name(key_id: &[u8]) -> String {
    format!("{}.crl", hex::lower(key_id))
}

/// The values that a certificate takes over from its issuer.
#[derive(Debug, Clone)]
pub(crate) struct IssuedBy<'a> {
    /// The issuer's subject, byte for byte.
    pub(crate) name_der: &'a [u8],
    /// The issuer's subjectKeyIdentifier.
    pub(crate) key_id: Vec<u8>,
    /// The issuer's key, which decides the signature algorithm.
    pub(crate) key: &'a PublicKey,
}

/// Writes the DER of a TBSCertificate.
pub(crate) fn write(contents: &Contents, key: &PublicKey, issuer: &IssuedBy<'_>) -> Result<Vec<u8>> {
    let mut params = CertificateParams::default();
    params.not_before = contents.validity.not_before();
    params.not_after = contents.validity.not_after();
    params.serial_number = Some(SerialNumber::from_slice(contents.serial.octets()));
    params.subject_alt_names = contents.sans.iter().map(san_type).collect::<Result<_>>()?;
    params.distinguished_name = placeholder();
    params.is_ca = contents.profile.basic_constraints();
    params.key_usages = contents.profile.key_usages(key.algorithm());
    params.extended_key_usages = contents.profile.extended_key_usages();
    params.name_constraints = name_constraints(&contents.permitted_dns);
    let list = contents.crl_url.as_ref().map(|base| list_url(base, &issuer.key_id));
    params.crl_distribution_points = list.map(|list| CrlDistributionPoint { uris: vec![list] }).into_iter().collect();
    // Without it rcgen leaves the authorityKeyIdentifier out, and a verifier cannot tell two CAs of one name apart, for
    // example after a rollover.
    params.use_authority_key_identifier_extension = true;
    params.key_identifier_method = KeyIdMethod::PreSpecified(key.key_id());

    // The issuer's own parameters do not reach the certificate; rcgen takes only its name and its key id from them.
    let mut issuer_params = CertificateParams::default();
    issuer_params.distinguished_name = placeholder();
    issuer_params.key_identifier_method = KeyIdMethod::PreSpecified(issuer.key_id.clone());
    let recorder = Recorder { key: issuer.key, message: Mutex::new(Vec::new()) };
    params
        .signed_by(key, &rcgen::Issuer::new(issuer_params, &recorder))
        .map_err(|error| Code::LintFailed.error("the certificate cannot be encoded").caused_by(error))?;
    let tbs = recorder.message.into_inner().map_err(|_| Code::Internal.error("a lock is poisoned"))?;
    // rcgen knows no repeated attributes (several OUs), and would encode a foreign CA's name again in its own string
    // types. Many verifiers compare names octet by octet, so the issuer's bytes are copied.
    with_names(&tbs, issuer.name_der, contents.subject.to_der()).map_err(malformed)
}

/// Puts a signature behind a TBSCertificate.
pub(crate) fn seal(tbs: &[u8], signature: &[u8]) -> Result<Vec<u8>> {
    // The outer signatureAlgorithm must equal the inner field (RFC 5280, section 4.1.1.2). It is copied, not built.
    let [_, _, algorithm, ..] = fields(tbs).map_err(malformed)?;
    let bits = der::asn1::BitStringRef::from_bytes(signature).and_then(|bits| bits.to_der()).map_err(malformed)?;
    sequence(&[tbs, algorithm, &bits]).map_err(malformed)
}

/// A key that signs nothing: it keeps what it was asked to sign, so that it can be checked first.
struct Recorder<'a> {
    key: &'a PublicKey,
    message: Mutex<Vec<u8>>,
}

impl PublicKeyData for &Recorder<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.key.der_bytes()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        PublicKeyData::algorithm(self.key)
    }
}

impl rcgen::SigningKey for &Recorder<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        // The lint reads these bytes before a key signs them: a certificate that fails it is never signed.
        *self.message.lock().map_err(|_| rcgen::Error::RemoteKeyError)? = message.to_vec();
        // An empty signature is enough: rcgen appends it after the TBSCertificate, and only that part is kept.
        Ok(Vec::new())
    }
}

/// A name that is not empty, since rcgen draws conclusions from an empty one. The real names are put in later.
fn placeholder() -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "-");
    name
}

fn name_constraints(permitted_dns: &[String]) -> Option<NameConstraints> {
    // An empty extension would be invalid (RFC 5280, section 4.2.1.10), so that no domain means no extension.
    let permitted_subtrees: Vec<_> = permitted_dns.iter().cloned().map(GeneralSubtree::DnsName).collect();
    (!permitted_subtrees.is_empty()).then_some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() })
}

/// Fails for a name that its string type cannot hold. One that was read from text always fits.
pub(crate) fn check_san(san: &San) -> Result<()> {
    san_type(san).map(drop)
}

fn san_type(san: &San) -> Result<SanType> {
    let ascii = |text: &str| {
        rcgen::string::Ia5String::try_from(text)
            .map_err(|error| Code::BadSan.error(format!("{text:?} is not ASCII")).caused_by(error))
    };
    Ok(match san {
        San::Dns(name) => SanType::DnsName(ascii(name)?),
        San::Ip(address) => SanType::IpAddress(*address),
        San::Uri(uri) => SanType::URI(ascii(uri)?),
        San::Email(address) => SanType::Rfc822Name(ascii(address)?),
    })
}

/// The eight fields of a version 3 TBSCertificate, each with its tag and length: version, serialNumber,
/// signature, issuer, validity, subject, subjectPublicKeyInfo, extensions.
fn fields(tbs: &[u8]) -> der::Result<[&[u8]; 8]> {
    // Version 3 without unique ids has exactly eight fields. rcgen writes no others, so this need not handle optional
    // ones.
    let content = AnyRef::from_der(tbs)?.value();
    let mut reader = SliceReader::new(content)?;
    let mut fields: [&[u8]; 8] = [&[]; 8];
    for field in &mut fields {
        *field = reader.tlv_bytes()?;
    }
    Ok(fields)
}

fn with_names(tbs: &[u8], issuer: &[u8], subject: &[u8]) -> der::Result<Vec<u8>> {
    let [version, serial, algorithm, _, validity, _, key, extensions] = fields(tbs)?;
    sequence(&[version, serial, algorithm, issuer, validity, subject, key, extensions])
}

fn sequence(parts: &[&[u8]]) -> der::Result<Vec<u8>> {
    AnyRef::new(Tag::Sequence, &parts.concat())?.to_der()
}

fn malformed(error: der::Error) -> Error {
    Code::Internal.error("a certificate of ours is not valid DER").caused_by(error)
}
