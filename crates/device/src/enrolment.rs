//! Enrolment: a device fetches its certificate, and later the next one, from a service with EST (RFC 7030).
//!
//! ```text
//! Signer ─> request (PKCS#10) ─> HTTP over TLS ─> answer (certs-only) ─> checks ─> StoredCertificate
//! ```
//!
//! The private key never leaves the device: it stays behind [`Signer`], and a request proves that the device holds it. An
//! answer is only believed if its certificate has the key and the names of the request and is valid now. The answer has
//! the leaf alone (RFC 7030, section 4.2.3): the chain is built with the service's hierarchy, which comes in any order.
//!
//! DER, the request and the answer are read and written by hand: they are a few fields, and the crates for the whole of
//! X.509 and CMS would take a sixth of a small chip's flash. The module depends on no executor, network or clock.

mod answer;
mod certificate;
mod certs_only;
mod der;
mod exchange;
mod failure;
mod fetch;
mod http;
mod p256_key;
mod request;
#[cfg(test)]
pub(crate) mod samples;
mod signer;
mod stated_anchors;

pub use answer::{CaCertificates, IssuedCertificate};
pub use certificate::leaf_dates;
pub use exchange::{Authentication, EnrolmentServer, confirm, enroll, fetch_anchors, fetch_ca_certificates};
pub use failure::{EnrolmentFailure, Retry};
pub use fetch::{EnrolmentMachine, FetchFailure, Proof, confirm_identity, fetch};
pub use p256_key::P256Key;
pub use request::{CertificateRequest, RequestedNames};
pub use signer::{PUBLIC_KEY, SignError, Signer};
