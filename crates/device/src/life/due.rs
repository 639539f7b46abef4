//! The date at which a certificate is renewed.

use sha2::{Digest, Sha256};

use crate::record::EnrolmentSettings;

const DAY: u64 = 24 * 3600;

/// The dates of a certificate, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: u64,
    pub(super) not_after: u64,
}

impl Validity {
    /// The date from which the certificate is renewed, in seconds since 1970.
    pub(super) fn due(self, settings: &EnrolmentSettings) -> u64 {
        let lifetime = self.not_after.saturating_sub(self.not_before);
        let window = match settings.renew_days {
            0 => lifetime / 3,
            days => u64::from(days) * DAY,
        };
        // A window longer than the lifetime would renew each certificate on the day on which it was issued.
        let window = window.min(lifetime / 2);
        self.not_after.saturating_sub(window).saturating_add(self.spread(settings, window))
    }

    /// A part of the first quarter of the window. The devices of a fleet that was made in one hour would otherwise all come
    /// to the service in the same hour.
    fn spread(self, settings: &EnrolmentSettings, window: u64) -> u64 {
        let mut hash = Sha256::new();
        hash.update(b"tbpki renewal\0");
        hash.update(settings.salt);
        // Another place in each generation, so that no device is always the last one.
        hash.update(self.not_after.to_le_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let number = hash.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
        number % (window / 4 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulated::enrolment;
    use super::*;

    fn settings(renew_days: u16, salt: u8) -> EnrolmentSettings {
        EnrolmentSettings { renew_days, salt: [salt; 16], ..enrolment() }
    }

    #[test]
    fn a_renewal_is_due_in_the_first_quarter_of_the_window() {
        let not_before = 1_800_000_000;
        for (lifetime, days, window) in [
            // A third of the lifetime, the days of the record, and half of the lifetime at most.
            (90 * DAY, 0, 30 * DAY),
            (365 * DAY, 30, 30 * DAY),
            (30 * DAY, 30, 15 * DAY),
            (1, 0, 0),
            (0, 30, 0),
        ] {
            let validity = Validity { not_before, not_after: not_before + lifetime };
            for salt in 0..50 {
                let due = validity.due(&settings(days, salt));
                let begin = validity.not_after - window;
                assert!((begin..=begin + window / 4).contains(&due), "{lifetime} {days} {salt}: {due}");
            }
        }
    }

    #[test]
    fn the_devices_of_a_fleet_and_the_generations_of_a_device_are_spread() {
        let at = |salt, not_after| Validity { not_before: 0, not_after }.due(&settings(30, salt));
        let mut dates: alloc::vec::Vec<_> = (0..=u8::MAX).map(|salt| at(salt, 400 * DAY)).collect();
        dates.sort_unstable();
        dates.dedup();
        assert!(dates.len() > 250, "{}", dates.len());
        assert!(dates.iter().any(|date| *date > 371 * DAY) && dates.iter().any(|date| *date < 376 * DAY));
        assert_ne!(at(1, 400 * DAY) + DAY, at(1, 401 * DAY));
        // A damaged slot does not overflow.
        assert_eq!(Validity { not_before: 9, not_after: 1 }.due(&settings(0, 0)), 1);
    }
}
