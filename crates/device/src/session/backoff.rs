//! Randomized exponential pauses between attempts.

/// A sequence of growing pauses, in milliseconds.
pub(crate) struct Backoff {
    first: u64,
    most: u64,
    next: u64,
}

impl Backoff {
    /// Pauses from about `first` up to `most` milliseconds.
    pub(crate) fn new(first: u64, most: u64) -> Self {
        Self { first, most, next: first }
    }

    /// The next pause in milliseconds: between half and all of the current length, so that the devices of a fleet do not all
    /// reconnect at the same moment when their broker returns.
    pub(crate) fn pause(&mut self, random: u32) -> u64 {
        let whole = self.next;
        self.next = whole.saturating_mul(2).min(self.most);
        let half = whole / 2;
        // Between half and all of the pause, so that a fleet does not return at the same moment after a power failure.
        half + u64::from(random) % (whole - half + 1)
    }

    /// Begins again with the first pause, after a success.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_restart_after_a_reset() {
        let mut backoff = Backoff::new(1_000, 60_000);
        let longest = |backoff: &mut Backoff, expected: &[u64]| {
            for &whole in expected {
                let pause = Backoff { ..*backoff }.pause(u32::MAX);
                assert!((whole / 2..=whole).contains(&pause), "{pause} of {whole}");
                assert_eq!(backoff.pause(0), whole / 2);
            }
        };
        longest(&mut backoff, &[1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        backoff.reset();
        longest(&mut backoff, &[1_000, 2_000]);
    }

    #[test]
    fn the_random_number_selects_the_pause() {
        let pause = |random| Backoff::new(1_000, 60_000).pause(random);
        assert_eq!([pause(0), pause(1), pause(500), pause(501)], [500, 501, 1_000, 500]);
    }
}
