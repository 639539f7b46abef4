//! The parameters of an identity, as the ledger keeps them.

use base::Result;
use ledger::Parameters;
use pki::key::PublicKey;
use pki::{Algorithm, Certificate, San};
use serde::Serialize;

/// The properties requested for an identity, as the ledger keeps them: a repeated request must have the same.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RequestedParameters<'a> {
    pub(crate) subject: String,
    pub(crate) san: Vec<String>,
    pub(crate) alg: &'a str,
    pub(crate) days: u32,
    /// The fingerprint of the CA, or that it is self-signed.
    pub(crate) issuer: String,
    /// The identifier of the key in a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) csr: Option<String>,
    pub(crate) prefix: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) single_file: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) include_root: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What the files of an identity show about the request for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileTraits<'a> {
    /// The name before `.pem` and other suffixes.
    pub prefix: &'a str,
    /// True if no file has the private key: it is where the signing request came from.
    pub is_key_elsewhere: bool,
    /// True if key and chain of a server are in one PEM file.
    pub single_file: bool,
    /// True if the root follows the issuing CA in the chain of a server.
    pub include_root: bool,
}

/// The parameters that a request for this certificate would have had, as far as the certificate and its files show them.
///
/// # Errors
/// Those of [`Parameters::of`] and of the certificate's public key.
pub fn of_certificate(leaf: &Certificate, issuer: &str, files: FileTraits<'_>) -> Result<Parameters> {
    let key = files.is_key_elsewhere.then(|| PublicKey::from_spki_der(leaf.spki_der())).transpose()?;
    Parameters::of(&RequestedParameters {
        subject: leaf.subject_name().map_or_else(|| leaf.subject(), |subject| subject.to_string()),
        san: leaf.sans().iter().map(ToString::to_string).collect(),
        alg: &leaf.algorithm_name(),
        days: days_of(leaf),
        issuer: issuer.to_owned(),
        csr: key.map(|key| key.fingerprint_hex()),
        prefix: files.prefix,
        single_file: files.single_file,
        include_root: files.include_root,
    })
}

/// The lifetime that was asked for, in days: a certificate begins an hour before it is made.
pub fn days_of(leaf: &Certificate) -> u32 {
    let lifetime = leaf.not_after() - leaf.not_before();
    u32::try_from(lifetime.whole_days()).unwrap_or_default()
}

/// The requested properties of a device of a fleet, without its name, which the ledger keeps in a column of its own.
/// A million devices share one such text.
///
/// # Errors
/// Those of [`Parameters::of`].
pub fn shared(
    subject: &str,
    sans: &[San],
    alg: Algorithm,
    days: u32,
    issuer: &str,
    prefix: Option<&str>,
) -> Result<Parameters> {
    Parameters::of(&RequestedParameters {
        subject: subject.to_owned(),
        san: sans.iter().map(ToString::to_string).collect(),
        alg: alg.name(),
        days,
        issuer: issuer.to_owned(),
        prefix: prefix.unwrap_or_default(),
        ..RequestedParameters::default()
    })
}
