//! What the key derivations of encrypted keys and keystores cost, told before the first round is done.
//!
//! The file says how often to hash and how much memory to take; a hostile one says more than anybody has.

use pkcs5::pbes2::Kdf;

/// What one key derivation asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Rounds of hashing, or what takes about as long.
    pub(crate) rounds: u64,
    /// In bytes.
    pub(crate) memory: u64,
}

impl Cost {
    /// More than anybody has.
    const ABSURD: Self = Self { rounds: u64::MAX, memory: u64::MAX };

    /// The cost of PBKDF2 (RFC 8018, section 5.2) or scrypt (RFC 7914). Others are not known here and cost nothing,
    /// since nobody carries them out.
    pub(crate) fn of(kdf: &Kdf) -> Self {
        match kdf {
            Kdf::Pbkdf2(kdf) => Self { rounds: kdf.iteration_count.into(), memory: 0 },
            // The crate scrypt stops the process at a cost of 0, which is no power of two.
            Kdf::Scrypt(kdf) if !kdf.cost_parameter.is_power_of_two() => Self::ABSURD,
            Kdf::Scrypt(kdf) => {
                let work = kdf.cost_parameter.saturating_mul(kdf.block_size.into());
                Self { rounds: work.saturating_mul(kdf.parallelization.into()), memory: work.saturating_mul(128) }
            }
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use pkcs5::pbes2::ScryptParams;

    use super::*;

    fn scrypt(cost_parameter: u64, block_size: u16) -> Cost {
        let salt = pkcs5::pbes2::Salt::new([1; 16]).unwrap();
        Cost::of(&Kdf::Scrypt(ScryptParams { salt, cost_parameter, block_size, parallelization: 1, key_length: None }))
    }

    #[test]
    fn what_openssl_asks_for_takes_16_mib() {
        assert_eq!(scrypt(16_384, 8), Cost { rounds: 131_072, memory: 16 << 20 });
    }

    #[test]
    fn numbers_that_overflow_are_not_small() {
        assert_eq!(scrypt(1 << 63, 8), Cost::ABSURD);
        assert_eq!(scrypt(1 << 54, 8).memory, u64::MAX);
    }

    #[test]
    fn a_cost_that_is_no_power_of_two_is_never_tried() {
        for cost in [0, 3, u64::MAX] {
            assert_eq!(scrypt(cost, 8), Cost::ABSURD);
        }
    }
}
