//! Text that must not be seen: passwords and passphrases.

use std::fmt;

use serde::{Serialize, Serializer};
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

/// A secret that the user has asked to see. A report writes it; `Debug` does not show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSecret(Secret);

impl ShownSecret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl From<Secret> for ShownSecret {
    fn from(secret: Secret) -> Self {
        Self(secret)
    }
}

impl Serialize for ShownSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.reveal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_a_report_shows_is_not_in_its_debug_form() {
        let shown = ShownSecret::from(Secret::from("hunter22"));
        assert_eq!(serde_json::to_string(&shown).unwrap(), "\"hunter22\"");
        assert_eq!(format!("{shown:?}"), "ShownSecret(Secret(..))");
    }
}
