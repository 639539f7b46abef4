//! The random tokens that take the place of credentials that are taken from the platform.

use base::{Result, Secret};
use pki::keystore::password;

use crate::platform::DeviceCredential;

/// The beginning of each of these tokens. Tokens that devices use never begin with it, so that a withdrawal that is
/// repeated can tell the two apart.
const PREFIX: &str = "withdrawn-";

/// The number of characters of such a token: as many as ThingsBoard's web interface shows.
const LENGTH: usize = 32;

/// A new random token that is known to no one: 22 random letters and digits (128 bits) after a fixed beginning.
///
/// # Errors
/// [`Code::Internal`](base::Code::Internal) if the system has no random numbers.
pub fn withdrawal_token() -> Result<DeviceCredential> {
    let random = password::generate()?;
    let random = random.reveal().get(..LENGTH - PREFIX.len()).unwrap_or_else(|| random.reveal());
    Ok(DeviceCredential::AccessToken(Secret::new(format!("{PREFIX}{random}"))))
}

/// Whether a token is one of [`withdrawal_token`].
pub fn is_withdrawal_token(token: &str) -> bool {
    token.len() == LENGTH && token.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_withdrawal_is_told_from_the_tokens_of_devices() {
        let DeviceCredential::AccessToken(token) = withdrawal_token().unwrap() else { unreachable!() };
        let DeviceCredential::AccessToken(other) = withdrawal_token().unwrap() else { unreachable!() };
        assert!(is_withdrawal_token(token.reveal()) && token.reveal() != other.reveal());
        assert!(!is_withdrawal_token(password::generate().unwrap().reveal()));
        for other in ["", "withdrawn-", "A1_TEST_TOKEN", "withdrawn-lamp"] {
            assert!(!is_withdrawal_token(other), "{other}");
        }
    }
}
