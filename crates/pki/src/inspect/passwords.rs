//! Passwords that open an encrypted file.

use base::Secret;

/// The passwords of the file. Without them every unencrypted part is shown.
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
