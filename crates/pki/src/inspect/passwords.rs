//! What opens an encrypted file.

use base::Secret;

/// What may be needed to open the file. Without them everything is shown that is not encrypted.
#[derive(Debug, Clone, Default)]
pub struct InspectPasswords {
    /// The password of a keystore, or the passphrase of a key.
    pub store: Option<Secret>,
    /// The password of the keys in a keystore, where it is another one.
    pub key: Option<Secret>,
}

impl InspectPasswords {
    pub(super) fn of_key(&self) -> Option<&Secret> {
        self.key.as_ref().or(self.store.as_ref())
    }
}
