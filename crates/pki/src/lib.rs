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
pub mod config;
pub mod credentials_id;
pub mod crl;
pub mod csr;
pub mod device_name;
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
pub mod serial;
mod shell;
pub mod subject;
pub mod tbs;
pub mod thingsboard;
mod tlv;
pub mod validity;
pub mod verify;

pub use algorithm::Algorithm;
pub use certificate::Certificate;
pub use key::PrivateKey;
pub use san::San;
pub use subject::Subject;
