//! Keys, certificates, chains and keystores for device fleets.
//!
//! The data has two directions. An [`issuer`] signs, an [`identity`] contains the result, and [`key`] and [`keystore`]
//! encode it. [`inspect`] and [`verify`] parse bytes and return [findings](base::Finding).

pub mod age;
pub mod algorithm;
mod asn1;
pub mod credentials_id;
mod encryption;
mod foreign;
pub mod identity;
pub mod inspect;
mod issue;
pub mod key;
pub mod keystore;
mod names;
pub mod pkcs11;
mod read;
pub mod verify;

pub use algorithm::Algorithm;
pub use asn1::armor;
pub use certificate::Certificate;
pub use issue::{
    certs_only, chain_period, issuer, lint, profile, revocation_list, serial, signing_request, tbs, trial, validity,
};
pub use key::PrivateKey;
pub use names::{device_name, san, subject};
pub use read::{ancestry, certificate, chain, crl, csr, pem_bundle};
pub use san::San;
pub use subject::Subject;
