//! Parsing what other programs wrote: certificates, chains, requests, revocation lists, PEM files.

pub mod ancestry;
pub mod certificate;
pub mod chain;
pub mod crl;
pub mod csr;
pub(crate) mod kind;
pub(crate) mod mislabeled;
pub mod pem_bundle;
pub(crate) mod pkcs7;
