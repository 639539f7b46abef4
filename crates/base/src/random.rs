//! Random bytes from the system.

use zeroize::Zeroizing;

use crate::{Code, Result};

/// `N` random bytes, which may be a secret.
///
/// # Errors
/// [`Code::Internal`] if the system has no random numbers.
pub fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    fill(bytes.as_mut_slice())?;
    Ok(bytes)
}

/// Fills a buffer with random bytes.
///
/// # Errors
/// [`Code::Internal`] if the system has no random numbers.
pub fn fill(bytes: &mut [u8]) -> Result<()> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| Code::Internal.error("the random generator does not work"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_differ() {
        assert_ne!(bytes::<16>().unwrap(), bytes::<16>().unwrap());
    }
}
