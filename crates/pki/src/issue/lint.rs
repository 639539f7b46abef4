//! Checks on what is about to be signed, so that a mistake of ours never gets a signature.
//!
//! The rules are those of RFC 5280 that our profiles can break. They run on the very bytes that are signed.

use base::{Code, Error, Result};
use x509_parser::certificate::TbsCertificate;
use x509_parser::extensions::{GeneralName, ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use crate::issue::profile::Profile;
use crate::issue::serial::Serial;
use crate::names::san::San;
use crate::names::subject::Subject;

/// Fails with [`Code::LintFailed`], naming the rule, unless `tbs` is a TBSCertificate that fits `profile`.
pub fn check(tbs: &[u8], profile: Profile) -> Result<()> {
    let (rest, tbs) = TbsCertificate::from_der(tbs).map_err(|error| broken("it cannot be parsed").caused_by(error))?;
    // The parser stops at the end of the structure, but all bytes would be signed.
    rule(rest.is_empty(), "nothing follows it (RFC 5280, section 4.1)")?;
    rule(tbs.version() == X509Version::V3, "extensions need version 3 (section 4.1.2.1)")?;
    check_serial(tbs.raw_serial())?;
    let validity = tbs.validity();
    rule(validity.not_before < validity.not_after, "it begins before it ends (section 4.1.2.5)")?;
    rule(tbs.subject().iter().next().is_some(), "the subject has a name (section 4.1.2.6)")?;
    rule(tbs.issuer().iter().next().is_some(), "the issuer has a name (section 4.1.2.4)")?;
    check_extensions(&tbs, profile)
}

/// The rules of [`check`] on what differs from leaf to leaf below one template that passed it: serial number, subject
/// and alternative names.
///
/// # Errors
/// [`Code::LintFailed`], naming the rule.
pub(crate) fn check_varying(profile: Profile, serial: &Serial, subject: &Subject, sans: &[San]) -> Result<()> {
    let octets = serial.octets();
    // An integer has no redundant octet in front (X.690, section 8.3.2), and all of ours have 16.
    rule(!matches!(octets, [0, 0..=0x7f, ..]), "the serial number has 16 octets")?;
    check_serial(octets)?;
    rule(!subject.is_empty(), "the subject has a name (section 4.1.2.6)")?;
    rule(!profile.needs_san() || !sans.is_empty(), "a server has an alternative name (RFC 9525, section 3)")?;
    let readable = sans.iter().all(|san| match san {
        San::Dns(text) | San::Uri(text) | San::Email(text) => !text.is_empty() && text.is_ascii(),
        San::Ip(_) => true,
    });
    rule(readable, "alternative names are DNS, IP, URI or e-mail (section 4.2.1.6)")
}

fn check_serial(octets: &[u8]) -> Result<()> {
    rule(octets.len() <= 20, "the serial number has at most 20 octets (section 4.1.2.2)")?;
    // As the CA/Browser Forum demands (Baseline Requirements, section 7.1), against collisions of the hash.
    rule(octets.len() >= 8, "the serial number has at least 64 random bits")?;
    rule(octets.first().is_some_and(|first| first & 0x80 == 0), "the serial number is positive (section 4.1.2.2)")?;
    rule(octets.iter().any(|octet| *octet != 0), "the serial number is not zero (section 4.1.2.2)")
}

fn check_extensions(tbs: &TbsCertificate<'_>, profile: Profile) -> Result<()> {
    let extensions = tbs.extensions_map().map_err(|_| broken("no extension occurs twice (section 4.2)"))?;
    let find =
        |is: fn(&ParsedExtension<'_>) -> bool| extensions.values().find(|ext| is(ext.parsed_extension())).copied();
    rule(
        extensions.values().all(|ext| ext.parsed_extension().error().is_none()),
        "every extension can be parsed (section 4.2)",
    )?;
    let subject_key = find(|ext| matches!(ext, ParsedExtension::SubjectKeyIdentifier(_)));
    rule(subject_key.is_some_and(|ext| !ext.critical), "there is a subject key identifier (section 4.2.1.2)")?;
    let authority_key = find(|ext| matches!(ext, ParsedExtension::AuthorityKeyIdentifier(_)));
    rule(authority_key.is_some_and(|ext| !ext.critical), "there is an authority key identifier (section 4.2.1.1)")?;
    check_basic_constraints(find(|ext| matches!(ext, ParsedExtension::BasicConstraints(_))), profile)?;
    check_usages(
        find(|ext| matches!(ext, ParsedExtension::KeyUsage(_))),
        find(|ext| matches!(ext, ParsedExtension::ExtendedKeyUsage(_))),
        profile,
    )?;
    check_names(find(|ext| matches!(ext, ParsedExtension::SubjectAlternativeName(_))), profile)?;
    let constraints = find(|ext| matches!(ext, ParsedExtension::NameConstraints(_)));
    rule(
        constraints.is_none_or(|ext| ext.critical && profile.is_ca()),
        "name constraints are critical and stand in CAs only (section 4.2.1.10)",
    )
}

fn check_basic_constraints(extension: Option<&X509Extension<'_>>, profile: Profile) -> Result<()> {
    let Some(X509Extension { critical: true, .. }) = extension else {
        return Err(broken("there are critical basic constraints (section 4.2.1.9)"));
    };
    let Some(ParsedExtension::BasicConstraints(constraints)) = extension.map(X509Extension::parsed_extension) else {
        return Err(broken("there are basic constraints (section 4.2.1.9)"));
    };
    rule(constraints.ca == profile.is_ca(), "the CA flag fits the profile (section 4.2.1.9)")?;
    // One CA below the root and none below that: an issuing CA cannot make another CA.
    let path_len = match profile {
        Profile::Root => Some(1),
        Profile::IssuingCa => Some(0),
        Profile::Server | Profile::Device => None,
    };
    rule(constraints.path_len_constraint == path_len, "the path length fits the profile (section 4.2.1.9)")
}

fn check_usages(
    usage: Option<&X509Extension<'_>>,
    extended: Option<&X509Extension<'_>>,
    profile: Profile,
) -> Result<()> {
    let Some(ParsedExtension::KeyUsage(usage)) = usage.filter(|ext| ext.critical).map(X509Extension::parsed_extension)
    else {
        return Err(broken("there is a critical key usage (section 4.2.1.3)"));
    };
    rule(usage.key_cert_sign() == profile.is_ca(), "only CAs sign certificates (section 4.2.1.3)")?;
    // CAs sign certificates and lists only; the key of a CA must not open TLS connections.
    rule(usage.digital_signature() != profile.is_ca(), "leaves sign handshakes (section 4.2.1.3)")?;
    let (server, client) = match extended.map(X509Extension::parsed_extension) {
        Some(ParsedExtension::ExtendedKeyUsage(extended)) => (extended.server_auth, extended.client_auth),
        _ => (false, false),
    };
    rule(
        server == (profile == Profile::Server) && client == (profile == Profile::Device),
        "the extended key usage fits the profile (section 4.2.1.12)",
    )
}

fn check_names(extension: Option<&X509Extension<'_>>, profile: Profile) -> Result<()> {
    let names = match extension.map(X509Extension::parsed_extension) {
        Some(ParsedExtension::SubjectAlternativeName(names)) => names.general_names.as_slice(),
        _ => &[],
    };
    rule(extension.is_none() || !names.is_empty(), "an alternative name extension holds a name (section 4.2.1.6)")?;
    rule(!profile.needs_san() || !names.is_empty(), "a server has an alternative name (RFC 9525, section 3)")?;
    let readable = names.iter().all(|name| match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            !text.is_empty() && text.is_ascii()
        }
        GeneralName::IPAddress(octets) => matches!(octets.len(), 4 | 16),
        _ => false,
    });
    rule(readable, "alternative names are DNS, IP, URI or e-mail (section 4.2.1.6)")
}

fn rule(holds: bool, text: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(broken(text)) }
}

fn broken(rule: &str) -> Error {
    Code::LintFailed.error("a certificate about to be signed breaks a rule").because(rule)
}
