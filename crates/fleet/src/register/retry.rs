//! The rules by which a failure ends a run, is tried again, or concerns one device.

use std::time::{Duration, Instant};

use base::Error;

/// The number of attempts at a device whose failure may pass, each after the others of its batch.
pub(crate) const TRIES: u8 = 3;
/// After so many failures in a row, over the time to wait, the platform is taken for broken.
const IN_A_ROW: usize = 8;
/// The time to wait, unless the request has one.
const PATIENCE: Duration = Duration::from_secs(120);

/// The policy, and what it knows of the platform.
#[derive(Debug)]
pub(crate) struct RetryPolicy {
    /// True if the platform has answered in this run.
    is_reached: bool,
    /// Failures in a row.
    in_a_row: usize,
    /// The time of the last answer that was no failure of the platform.
    well: Instant,
    /// The time to wait for a platform that is down. `None` does not wait longer than for other failures.
    wait: Option<Duration>,
    /// True if all devices of this pass that are tried again met a platform that is down.
    was_down: bool,
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
    pub(crate) fn new(is_reached: bool, wait: Option<Duration>) -> Self {
        // True until a device of the pass meets another failure.
        Self { is_reached, in_a_row: 0, well: Instant::now(), wait, was_down: true }
    }

    /// A pass over the open devices begins.
    pub(crate) fn begin_pass(&mut self) {
        self.was_down = true;
    }

    /// True if the platform was down for all devices of this pass that are tried again.
    pub(crate) fn was_down(&self) -> bool {
        self.was_down
    }

    /// The platform has done what was requested.
    pub(crate) fn succeeded(&mut self) {
        (self.is_reached, self.in_a_row, self.well) = (true, 0, Instant::now());
    }

    /// The platform, or something on the way to it, has failed at a device.
    pub(crate) fn failed(&mut self, error: &Error, may_repeat: bool) -> Consequence {
        let scope = error.code().reach();
        // A platform that answered before may be starting again. Another address or port never answers.
        let may_pass = scope.may_pass(self.is_reached);
        if may_pass {
            self.in_a_row += 1;
        } else {
            // A failure of the device proves that the platform works.
            (self.in_a_row, self.well) = (0, Instant::now());
        }
        match may_pass {
            false if scope.concerns_all(self.is_reached) => Consequence::End,
            true if is_broken(self.in_a_row, self.well.elapsed(), self.wait.unwrap_or(PATIENCE)) => Consequence::End,
            // Does not count as an attempt: a platform that restarts may take longer than three of them.
            true if self.wait.is_some() && scope.is_down() => Consequence::Later,
            true if may_repeat => {
                self.was_down = false;
                Consequence::Later
            }
            _ => Consequence::Device,
        }
    }
}

/// True if a platform that has failed at so many devices in a row, and done nothing well for so long, is broken.
fn is_broken(in_a_row: usize, since: Duration, patience: Duration) -> bool {
    // Both conditions: a few slow failures are not an outage, and many fast ones may be a short restart.
    in_a_row >= IN_A_ROW && since >= patience
}

#[cfg(test)]
mod tests {
    use base::Code;

    use super::*;

    #[test]
    fn a_platform_that_starts_again_is_waited_for_and_one_that_does_not_come_back_is_given_up() {
        let minute = Duration::from_secs(60);
        let patience = 10 * minute;
        assert!(!is_broken(1000, 9 * minute, patience), "a slow machine starts within minutes");
        assert!(!is_broken(1, 20 * minute, patience), "one device that always fails does not concern the others");
        assert!(is_broken(8, 10 * minute, patience));
    }

    #[test]
    fn attempts_while_the_platform_is_down_do_not_count_if_it_is_waited_for() {
        let down = Code::PlatformUnavailable.error("starting");
        let mut policy = RetryPolicy::new(true, Some(Duration::from_secs(600)));
        policy.begin_pass();
        assert_eq!((policy.failed(&down, false), policy.was_down()), (Consequence::Later, true));
        assert_eq!(policy.failed(&Code::PlatformFault.error("no"), true), Consequence::Later);
        assert!(!policy.was_down(), "this device may be the cause");
        let mut policy = RetryPolicy::new(true, None);
        assert_eq!(policy.failed(&down, false), Consequence::Device);
        let mut policy = RetryPolicy::new(true, Some(Duration::ZERO));
        let last = (0..8).map(|_| policy.failed(&down, false)).last();
        assert_eq!(last, Some(Consequence::End));
    }

    #[test]
    fn a_platform_that_never_answered_ends_the_run_and_one_that_did_is_waited_for() {
        let gone = Code::Unreachable.error("gone");
        assert_eq!(RetryPolicy::new(false, None).failed(&gone, true), Consequence::End);
        let mut policy = RetryPolicy::new(true, None);
        assert_eq!(policy.failed(&gone, true), Consequence::Later);
        assert_eq!(policy.failed(&gone, false), Consequence::Device);
        let mut policy = RetryPolicy::new(false, None);
        policy.succeeded();
        assert_eq!(policy.failed(&gone, true), Consequence::Later);
    }

    #[test]
    fn what_concerns_the_user_ends_the_run_and_what_concerns_the_device_does_not() {
        let mut policy = RetryPolicy::new(true, None);
        assert_eq!(policy.failed(&Code::LoginRefused.error("no"), true), Consequence::End);
        assert_eq!(policy.failed(&Code::DeviceLimit.error("no"), true), Consequence::End);
        assert_eq!(policy.failed(&Code::CredentialDiffers.error("no"), true), Consequence::Device);
        assert_eq!(policy.failed(&Code::PlatformFault.error("no"), true), Consequence::Later);
    }
}
