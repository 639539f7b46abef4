//! Keys, certificates, chains and keystores for device fleets.
//!
//! The data has two directions. An [`issuer`] signs, an [`identity`] contains the result, and [`key`] and [`keystore`]
//! encode it. [`inspect`] and [`verify`] parse bytes and return [findings](base::Finding).

pub mod age;
pub mod algorithm;
pub mod armour;
pub mod certificate;
pub mod chain;
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
pub mod lint;
pub mod pem_bundle;
pub mod pkcs11;
pub mod profile;
pub mod san;
pub mod serial;
pub mod subject;
pub mod tbs;
mod tlv;
pub mod validity;
pub mod verify;

pub use algorithm::Algorithm;
pub use certificate::Certificate;
pub use key::PrivateKey;
pub use san::San;
pub use subject::Subject;
