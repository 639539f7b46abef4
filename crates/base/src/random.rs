//! Random bytes from the system.

use zeroize::Zeroizing;

use crate::{Code, Result};

/// `N` random bytes, which may be a secret.
///
/// # Errors
/// [`Code::Internal`] if the system has no random numbers.
pub fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    aws_lc_rs::rand::fill(bytes.as_mut_slice())
        .map_err(|_| Code::Internal.error("the random generator does not work"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_differ() {
        assert_ne!(bytes::<16>().unwrap(), bytes::<16>().unwrap());
    }
}
