//! Text that must not be seen: passwords and passphrases.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password or passphrase. Wiped on drop; `Debug` and serialization never show it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. Every caller is a place where a secret leaves our hands.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even the length: it would tell an attacker which passwords are worth trying.
        f.write_str("Secret(..)")
    }
}
