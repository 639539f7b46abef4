//! The files from which a server takes its key.

use std::path::PathBuf;

/// The key material of a server, in the forms that ThingsBoard knows.
#[derive(Debug, Clone)]
pub enum ServerKeys {
    /// `…_CREDENTIALS_TYPE=PEM`.
    Pem {
        /// The leaf and its chain, perhaps with the key.
        certificate: PathBuf,
        /// The key, if it is in a file of its own.
        key: Option<PathBuf>,
        /// For traditional encryption.
        key_password: String,
    },
    /// `…_CREDENTIALS_TYPE=KEYSTORE`.
    Keystore {
        /// The keystore, JKS or PKCS#12. The format is detected, as Java does.
        file: PathBuf,
        /// The store's password.
        store_password: String,
        /// The key's password.
        key_password: String,
        /// The alias of the key; empty is the first key that can be decrypted.
        alias: String,
    },
}
