//! The cost of key derivations, known before the first round is done.
//!
//! The file states how often to hash and how much memory to take; a hostile one demands more than any machine has.

/// The cost of one key derivation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Rounds of hashing, or what takes about as long.
    pub(crate) rounds: u64,
    /// In bytes.
    pub(crate) memory: u64,
}

impl Cost {
    /// More than any machine has.
    const ABSURD: Self = Self { rounds: u64::MAX, memory: u64::MAX };

    /// Rounds without memory, as of PBKDF2 (RFC 8018, section 5.2).
    pub(crate) const fn of_rounds(rounds: u64) -> Self {
        Self { rounds, memory: 0 }
    }

    /// The cost of scrypt (RFC 7914, section 2).
    pub(super) fn of_scrypt(cost: u64, block_size: u16, parallelization: u16) -> Self {
        // RFC 7914 wants a power of two; the crate scrypt takes its logarithm.
        if !cost.is_power_of_two() {
            return Self::ABSURD;
        }
        let work = cost.saturating_mul(block_size.into());
        let blocks = cost.saturating_add(parallelization.into()).saturating_mul(block_size.into());
        Self { rounds: work.saturating_mul(parallelization.into()), memory: blocks.saturating_mul(128) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_of_openssl_takes_16_mib() {
        let cost = Cost::of_scrypt(16_384, 8, 1);
        assert_eq!((cost.rounds, cost.memory >> 20), (131_072, 16));
    }

    #[test]
    fn numbers_that_overflow_are_not_small() {
        assert_eq!(Cost::of_scrypt(1 << 63, 8, 1), Cost::ABSURD);
        assert_eq!(Cost::of_scrypt(1 << 54, 8, 1).memory, u64::MAX);
        assert!(Cost::of_scrypt(2, 65_535, 65_535).memory > 500_000_000_000, "parallelization takes memory too");
    }

    #[test]
    fn a_cost_that_is_no_power_of_two_is_never_tried() {
        for cost in [0, 3, u64::MAX] {
            assert_eq!(Cost::of_scrypt(cost, 8, 1), Cost::ABSURD);
        }
    }
}
