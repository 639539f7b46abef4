//! A keystore that was read, in any format.

/// A keystore's contents.
pub(crate) struct Keystore {
    pub(crate) keys: Vec<KeystoreEntry>,
    pub(crate) trusted: Vec<Vec<u8>>,
}

/// A key in a keystore.
pub(crate) struct KeystoreEntry {
    pub(crate) alias: String,
    /// PKCS#8, if the password opens it.
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) chain: Vec<Vec<u8>>,
}
