//! The extensions of a certificate that decide about its use (RFC 5280, section 4.2).

use x509_parser::asn1_rs::Oid;
use x509_parser::extensions::{GeneralSubtree, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_CERT_TYPE, OID_X509_EXT_CERTIFICATE_POLICIES,
    OID_X509_EXT_CRL_DISTRIBUTION_POINTS, OID_X509_EXT_EXTENDED_KEY_USAGE, OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS, OID_X509_EXT_SUBJECT_ALT_NAME,
};

use super::authority::Authority;
use super::distribution::DistributionPoint;
use super::general_name::GeneralName;
use super::usage::{ExtendedKeyUsage, KeyUsage, NetscapeUsage};
use crate::asn1::oid;
use crate::asn1::reader::DerReader;
use crate::asn1::tlv::BIT_STRING;

/// Critical extensions that [`verify`](crate::verify) acts upon. A critical certificatePolicies is among them:
/// a user who asks for no policy accepts each (RFC 5280, section 6.1.1 (c), any-policy). policyConstraints, which can demand
/// one, is not in the list: what it inhibits is not looked at.
const UNDERSTOOD: &[Oid<'static>] = &[
    OID_X509_EXT_BASIC_CONSTRAINTS,
    OID_X509_EXT_CERTIFICATE_POLICIES,
    OID_X509_EXT_CRL_DISTRIBUTION_POINTS,
    OID_X509_EXT_EXTENDED_KEY_USAGE,
    OID_X509_EXT_KEY_USAGE,
    OID_X509_EXT_NAME_CONSTRAINTS,
    OID_X509_EXT_SUBJECT_ALT_NAME,
];

/// proxyCertInfo (RFC 3820, section 3.8): 1.3.6.1.5.5.7.1.14.
const PROXY: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 14];

/// The subtrees of a nameConstraints extension (RFC 5280, section 4.2.1.10).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameConstraints {
    /// Names of these kinds must be below one of these.
    pub permitted: Vec<GeneralName>,
    /// Names must not be below any of these.
    pub excluded: Vec<GeneralName>,
    /// True if those that do not know the extension must refuse the certificate.
    pub critical: bool,
}

/// The policies of a certificate (RFC 5280, sections 4.2.1.4, 4.2.1.5 and 4.2.1.11).
#[derive(Debug, Clone, Default)]
pub(crate) struct Policies {
    /// The object identifiers, without tag and length; `None` without the extension.
    pub(crate) ids: Option<Vec<Vec<u8>>>,
    /// Whether policies of its issuer are equivalent to others.
    pub(crate) are_mapped: bool,
    /// The number of certificates below it after which the whole path must have a policy.
    pub(crate) required_after: Option<u32>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Extensions {
    pub(super) ca: bool,
    pub(super) has_critical_basic_constraints: bool,
    pub(super) path_len: Option<u32>,
    pub(super) key_usage: Option<KeyUsage>,
    pub(super) extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    pub(super) netscape_usage: Option<NetscapeUsage>,
    pub(super) subject_key_id: Option<Vec<u8>>,
    pub(super) authority: Authority,
    pub(super) names: Vec<GeneralName>,
    pub(super) name_constraints: Option<NameConstraints>,
    pub(super) crl_points: Vec<DistributionPoint>,
    pub(super) policies: Policies,
    /// Whether it is a proxy certificate (RFC 3820, section 3.8).
    pub(super) is_proxy: bool,
    pub(super) unknown_critical: Vec<String>,
    pub(super) faults: Vec<String>,
}

impl Extensions {
    pub(super) fn read(extensions: &[X509Extension<'_>], issuer: &[u8]) -> Self {
        let mut read = Extensions::default();
        let mut seen: Vec<&Oid<'_>> = Vec::new();
        for extension in extensions {
            // The first one counts. RFC 5280 (4.2) forbids a second one, and verifiers differ in which they take.
            if seen.contains(&&extension.oid) {
                read.faults.push(format!("extension {} occurs twice", id(extension)));
                continue;
            }
            seen.push(&extension.oid);
            read.take(extension, issuer);
            if extension.critical && !UNDERSTOOD.contains(&extension.oid) {
                read.unknown_critical.push(id(extension));
            }
        }
        read
    }

    fn take(&mut self, extension: &X509Extension<'_>, issuer: &[u8]) {
        match extension.parsed_extension() {
            ParsedExtension::BasicConstraints(constraints) => {
                self.ca = constraints.ca;
                self.has_critical_basic_constraints = extension.critical;
                self.path_len = constraints.path_len_constraint;
            }
            ParsedExtension::KeyUsage(usage) => self.key_usage = Some(KeyUsage::from_parsed(*usage)),
            ParsedExtension::ExtendedKeyUsage(usages) => {
                self.extended_key_usages = Some(ExtendedKeyUsage::from_parsed(usages));
            }
            ParsedExtension::SubjectKeyIdentifier(id) => self.subject_key_id = Some(id.0.to_vec()),
            ParsedExtension::AuthorityKeyIdentifier(authority) => self.authority = Authority::from_parsed(authority),
            ParsedExtension::SubjectAlternativeName(names) => {
                self.names = names.general_names.iter().map(GeneralName::from_parsed).collect();
            }
            ParsedExtension::NameConstraints(constraints) => {
                let list = |subtrees: &Option<Vec<GeneralSubtree<'_>>>| {
                    subtrees.iter().flatten().map(|tree| GeneralName::from_parsed(&tree.base)).collect()
                };
                self.name_constraints = Some(NameConstraints {
                    permitted: list(&constraints.permitted_subtrees),
                    excluded: list(&constraints.excluded_subtrees),
                    critical: extension.critical,
                });
            }
            ParsedExtension::CertificatePolicies(policies) => {
                self.policies.ids = Some(policies.iter().map(|policy| policy.policy_id.as_bytes().to_vec()).collect());
            }
            ParsedExtension::PolicyMappings(_) => self.policies.are_mapped = true,
            ParsedExtension::PolicyConstraints(constraints) => {
                self.policies.required_after = constraints.require_explicit_policy;
            }
            _ if extension.oid.as_bytes() == PROXY => self.is_proxy = true,
            _ if extension.oid == OID_X509_EXT_CERT_TYPE => {
                // Read here, because what x509-parser makes of it depends on the number of octets.
                let bits = DerReader::new(extension.value).optional(BIT_STRING);
                match bits {
                    Some(bits) => self.netscape_usage = Some(NetscapeUsage::from_bits(bits.content)),
                    None => self.faults.push(format!("extension {} cannot be read", id(extension))),
                }
            }
            // Before ParseError: names relative to the issuer are read here, whatever x509-parser makes of them.
            _ if extension.oid == OID_X509_EXT_CRL_DISTRIBUTION_POINTS => {
                match DistributionPoint::list_from_der(extension.value, issuer) {
                    Some(points) => self.crl_points = points,
                    None => self.faults.push(format!("extension {} cannot be read", id(extension))),
                }
            }
            ParsedExtension::ParseError { .. } => {
                self.faults.push(format!("extension {} cannot be read", id(extension)));
            }
            _ => {}
        }
    }
}

/// The name of the extension where it has one, and its object identifier.
fn id(extension: &X509Extension<'_>) -> String {
    label(&oid::text(extension.oid.as_bytes()))
}

/// The name of the extension with this object identifier where it has one, and the identifier.
pub(crate) fn label(dotted: &str) -> String {
    let name = match dotted {
        "2.5.29.14" => "subjectKeyIdentifier",
        "2.5.29.15" => "keyUsage",
        "2.5.29.17" => "subjectAltName",
        "2.5.29.18" => "issuerAltName",
        "2.5.29.20" => "cRLNumber",
        "2.5.29.21" => "reasonCode",
        "2.5.29.24" => "invalidityDate",
        "2.5.29.28" => "issuingDistributionPoint",
        "2.5.29.19" => "basicConstraints",
        "2.5.29.30" => "nameConstraints",
        "2.5.29.31" => "cRLDistributionPoints",
        "2.5.29.32" => "certificatePolicies",
        "2.5.29.33" => "policyMappings",
        "2.5.29.35" => "authorityKeyIdentifier",
        "2.5.29.36" => "policyConstraints",
        "2.5.29.37" => "extKeyUsage",
        "2.5.29.54" => "inhibitAnyPolicy",
        "1.3.6.1.5.5.7.1.1" => "authorityInfoAccess",
        "1.3.6.1.5.5.7.1.14" => "proxyCertInfo",
        "2.16.840.1.113730.1.1" => "nsCertType",
        _ => return dotted.to_owned(),
    };
    format!("{name} ({dotted})")
}
