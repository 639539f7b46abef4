//! Two keys of CAs with one name: verifiers would take the revocation list of the wrong one (RFC 5280, section 6.3.3).

use std::path::Path;

use base::Result;
use pki::Certificate;
use pki::key::is_same_key;
use store::ca::Ca;

/// Whether a trusted CA of the hierarchy of `ca` has the name of a certificate and another key.
///
/// # Errors
/// Those of reading the files.
pub(super) fn shares_name(store: &Path, ca: &Ca, certificate: &Certificate) -> Result<bool> {
    let is_it = |one: &Certificate| {
        one.subject_der() == certificate.subject_der() && !is_same_key(one.spki_der(), certificate.spki_der())
    };
    for other in ca.hierarchy().cas() {
        if other.trusted_certificates(store)?.iter().any(is_it) {
            return Ok(true);
        }
    }
    Ok(false)
}
