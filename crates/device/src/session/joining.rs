//! Joining a Wi-Fi network: when the next attempt is made, and which events are worth a line.

use super::backoff::Backoff;
use super::settings::SessionSettings;

/// The scans without the network, one after the other, after which its absence is logged. Access points are missed in a
/// single scan now and then.
const MISSES: u8 = 2;

/// The attempts to join a network.
pub struct JoinAttempts {
    backoff: Backoff,
    missed: u8,
    longest_pause: u64,
}

impl JoinAttempts {
    /// Attempts with the pauses of a session.
    pub fn new(settings: &SessionSettings) -> Self {
        let backoff = Backoff::new(settings.first_pause, settings.longest_pause);
        Self { backoff, missed: 0, longest_pause: settings.longest_pause }
    }

    /// Counts a scan that did not find the network. Returns whether to log that it is missing, which is once.
    pub fn is_missing(&mut self) -> bool {
        self.missed = self.missed.saturating_add(1);
        // Only at this number, so that the message appears once. A single scan often misses a network.
        self.missed == MISSES
    }

    /// Records that a scan found the network.
    pub fn found(&mut self) {
        self.missed = 0;
    }

    /// Records that the network was left after so many milliseconds. Only one that held for a while makes the next pauses
    /// short: an access point may accept a device and then send it away, again and again.
    pub fn left_after(&mut self, milliseconds: u64) {
        // A long connection was a success. A short one means that joining fails again and again.
        if milliseconds >= self.longest_pause {
            self.backoff.reset();
        }
    }

    /// The pause before the next attempt in milliseconds.
    pub fn pause(&mut self, random: u32) -> u64 {
        self.backoff.pause(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_missed_scan_is_not_logged_and_a_missing_network_is_logged_once() {
        let mut joining = JoinAttempts::new(&SessionSettings::for_build(0));
        assert!(!joining.is_missing());
        joining.found();
        let logged: [bool; 5] = core::array::from_fn(|_| joining.is_missing());
        assert_eq!(logged, [false, true, false, false, false]);
        joining.found();
        assert!(!joining.is_missing() && joining.is_missing());
    }

    #[test]
    fn pauses_grow_until_the_network_held_for_a_while() {
        let mut joining = JoinAttempts::new(&SessionSettings::for_build(0));
        let pauses: [u64; 8] = core::array::from_fn(|_| joining.pause(0));
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        joining.left_after(59_999);
        assert_eq!(joining.pause(0), 30_000);
        joining.left_after(60_000);
        assert_eq!(joining.pause(0), 500);
    }
}
