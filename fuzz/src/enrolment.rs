//! What clients and servers of enrolment (EST) send.

use enroll::est::{Credentials, Route, request};
use pki::certs_only;

/// The certificates in the answer of a server. Written again, they are the same set.
pub(crate) fn certs_only(input: &[u8]) {
    let Ok(certificates) = certs_only::read(input) else { return };
    let set = |certificates: &[pki::Certificate]| -> std::collections::BTreeSet<Vec<u8>> {
        certificates.iter().map(|certificate| certificate.der().to_vec()).collect()
    };
    if let Ok(again) = certs_only::read(&certs_only::write(&certificates)) {
        assert_eq!(set(&certificates), set(&again), "written and read again they are others");
    } else {
        assert!(certificates.is_empty(), "what was written cannot be read");
    }
}

/// The body of a request for a certificate.
pub(crate) fn body(input: &[u8]) {
    if let Err(refusal) = request::read(input) {
        assert_eq!(refusal.status(), 400, "{refusal}");
    }
}

/// The path of a request.
pub(crate) fn path(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(route) = Route::of(text) {
        assert!(text.ends_with(route.operation.as_str()));
        assert_ne!(route.label.as_deref(), Some(""));
    }
}

/// The value of an Authorization header.
pub(crate) fn authorization(input: &[u8]) {
    if let Some(credentials) = Credentials::of_header(input) {
        drop(format!("{credentials:?}"));
        assert!(!credentials.name.is_empty() && !credentials.password.reveal().is_empty());
    }
}
