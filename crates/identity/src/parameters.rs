//! The parameters of an identity, as the ledger keeps them.

use base::Result;
use ledger::Parameters;
use pki::{Algorithm, San};
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
