//! The protocol of enrolment: EST (RFC 7030) with the encoding of RFC 8951, and two resources of tbpki's own.
//!
//! Everything here is a function of bytes, so that it can be tested and fuzzed without a network.

/// The value of the header `Server` (RFC 9110, section 10.2.4) of all answers of `tbpki serve`. Clients of tbpki know by it that
/// the server has tbpki's own resources.
pub const PRODUCT: &str = "tbpki";

pub mod answer;
pub mod credentials;
pub mod csr_attrs;
pub mod refusal;
pub mod request;
pub mod route;
pub(crate) mod stated_anchors;

pub use answer::Answer;
pub use credentials::Credentials;
pub use refusal::Refusal;
pub use route::{Operation, Route};
