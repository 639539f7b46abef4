//! Keys, certificates, chains and keystores for device fleets.
//!
//! The way of the data is always the same: a [`config`] says what is wanted, an [`issuer`] signs it, an
//! [`identity`] holds the result, and sinks ([`keystore`], [`mod@file`]) write it down. The way back is
//! [`inspect`] and [`verify`]: bytes are parsed and yield [`Finding`]s.

pub mod age;
pub mod algorithm;
pub mod armour;
pub mod certificate;
pub mod chain;
pub mod code;
pub mod config;
pub mod credentials_id;
pub mod crl;
pub mod csr;
pub mod device_name;
pub mod digest;
pub mod error;
pub mod file;
mod hex;
pub mod identity;
pub mod inspect;
pub mod issuer;
mod kdf;
pub mod key;
pub mod keystore;
pub mod legacy;
pub mod lint;
pub mod login_files;
pub mod pem_bundle;
pub mod pkcs11;
pub mod profile;
pub mod san;
pub mod secret;
pub mod serial;
mod shell;
pub mod subject;
pub mod suggest;
pub mod tbs;
pub mod text;
pub mod thingsboard;
mod tlv;
pub mod validity;
pub mod verify;

pub use algorithm::Algorithm;
pub use certificate::Certificate;
pub use code::Code;
pub use error::{Error, Finding, Place, Result, Severity};
pub use key::PrivateKey;
pub use san::San;
pub use secret::Secret;
pub use subject::Subject;
