//! The rules by which a failure ends a run, is tried again, or concerns one device.

use std::time::{Duration, Instant};

use base::code::Reach;
use base::{Code, Error};

/// How often a device is tried whose failure may pass, each time after the others of its batch.
pub(crate) const TRIES: u8 = 3;
/// After so many failures in a row, over this time, the platform is taken for broken. A ThingsBoard takes about a minute
/// to start again.
const IN_A_ROW: usize = 8;
const PATIENCE: Duration = Duration::from_secs(120);

/// The policy, and what it knows of the platform.
#[derive(Debug)]
pub(crate) struct RetryPolicy {
    /// Whether the platform has answered in this run.
    is_reached: bool,
    /// Failures in a row.
    in_a_row: usize,
    /// The time of the last answer that was no failure of the platform.
    well: Instant,
}

/// The consequence of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    /// The device failed; the others are tried.
    Device,
    /// The device is tried again later.
    Later,
    /// The run ends.
    End,
}

impl RetryPolicy {
    /// The policy at the begin of a run; `is_reached` if the platform has answered already.
    pub(crate) fn new(is_reached: bool) -> Self {
        Self { is_reached, in_a_row: 0, well: Instant::now() }
    }

    /// The platform has done what was requested.
    pub(crate) fn succeeded(&mut self) {
        (self.is_reached, self.in_a_row, self.well) = (true, 0, Instant::now());
    }

    /// The platform, or something on the way to it, has failed at a device.
    pub(crate) fn failed(&mut self, error: &Error, may_repeat: bool) -> Consequence {
        // A platform that answered before may be starting again. Another address or port never answers.
        let reach = error.code().reach();
        let may_pass = reach == Reach::Passing || (self.is_reached && error.code() == Code::Unreachable);
        if may_pass {
            self.in_a_row += 1;
        } else {
            (self.in_a_row, self.well) = (0, Instant::now());
        }
        match may_pass {
            false if reach == Reach::All => Consequence::End,
            true if is_broken(self.in_a_row, self.well.elapsed()) => Consequence::End,
            true if may_repeat => Consequence::Later,
            _ => Consequence::Device,
        }
    }
}

/// Whether a platform that has failed at so many devices in a row, and done nothing well for so long, is broken.
fn is_broken(in_a_row: usize, since: Duration) -> bool {
    in_a_row >= IN_A_ROW && since >= PATIENCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_that_starts_again_is_waited_for_and_one_that_does_not_come_back_is_given_up() {
        let minute = Duration::from_secs(60);
        assert!(!is_broken(1000, minute), "many devices at once fail in a moment");
        assert!(!is_broken(1, 10 * minute), "one device that always fails says nothing of the others");
        assert!(is_broken(8, 2 * minute));
    }

    #[test]
    fn a_platform_that_never_answered_ends_the_run_and_one_that_did_is_waited_for() {
        let gone = Code::Unreachable.error("gone");
        assert_eq!(RetryPolicy::new(false).failed(&gone, true), Consequence::End);
        let mut policy = RetryPolicy::new(true);
        assert_eq!(policy.failed(&gone, true), Consequence::Later);
        assert_eq!(policy.failed(&gone, false), Consequence::Device);
        let mut policy = RetryPolicy::new(false);
        policy.succeeded();
        assert_eq!(policy.failed(&gone, true), Consequence::Later);
    }

    #[test]
    fn what_concerns_the_user_ends_the_run_and_what_concerns_the_device_does_not() {
        let mut policy = RetryPolicy::new(true);
        assert_eq!(policy.failed(&Code::LoginRefused.error("no"), true), Consequence::End);
        assert_eq!(policy.failed(&Code::DeviceLimit.error("no"), true), Consequence::End);
        assert_eq!(policy.failed(&Code::CredentialDiffers.error("no"), true), Consequence::Device);
        assert_eq!(policy.failed(&Code::PlatformFault.error("no"), true), Consequence::Later);
    }
}
