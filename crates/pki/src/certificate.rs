//! A parsed certificate.

/// A parsed certificate.
pub struct Certificate;
