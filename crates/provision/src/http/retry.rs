//! The retry policy of requests.

use std::time::Duration;

use super::fault::SendError;
use super::request::Repeat;
use super::response::ApiResponse;

/// The limit of attempts after faults of the platform.
const TRIES: u32 = 4;

/// The limit of attempts after status 429, where waiting helps.
const TRIES_OF_LIMITED: u32 = 8;

/// The longest pause, unless the platform demands a longer one.
const LONGEST: Duration = Duration::from_secs(10);

/// The longest pause that the platform can demand.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// The retry policy.
#[derive(Debug, Clone, Copy)]
pub(super) struct HttpRetryPolicy {
    /// The approximate length of the first pause.
    pub(super) first: Duration,
}

impl HttpRetryPolicy {
    /// The pause before the next attempt; `None` if the result is final.
    pub(super) fn pause(
        self,
        sent: u32,
        outcome: &Result<ApiResponse, SendError>,
        repeat: Repeat,
        reached: bool,
    ) -> Option<Duration> {
        let (again, tries, asked) = match outcome {
            // The platform did not process the request, so that even a request that is not idempotent may be repeated.
            Ok(answer) if answer.status == 429 => (true, TRIES_OF_LIMITED, answer.retry_after),
            // A status of 500 and above may come after the change was made. Only repeatable requests are sent again.
            Ok(answer) if answer.status >= 500 => (repeat == Repeat::Safe, TRIES, answer.retry_after),
            Ok(_) => (false, 0, None),
            // The request was sent, and its answer was lost.
            Err(failure) if failure.sent => (repeat == Repeat::Safe, TRIES, None),
            // Not sent at all: repeating is safe, but useless if the address has never answered.
            Err(failure) => (reached && failure.error.code() == base::Code::Unreachable, TRIES, None),
        };
        // `asked` replaces the own pause, within a bound.
        (again && sent < tries).then(|| asked.map_or_else(|| self.backoff(sent), |asked| asked.min(LONGEST_ASKED)))
    }

    /// A pause that doubles with each attempt. Half of it is random, so that requests that failed together do not all return
    /// together.
    pub(crate) fn backoff(self, sent: u32) -> Duration {
        let full = self.first.saturating_mul(1 << sent.saturating_sub(1).min(16)).min(LONGEST);
        // Half fixed and half random, so that many stations do not return at the same moment.
        full / 2 + full.mul_f64(fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_vary() {
        let retry = HttpRetryPolicy { first: Duration::from_millis(100) };
        for (sent, least, most) in
            [(1, 50, 100), (2, 100, 200), (3, 200, 400), (12, 5_000, 10_000), (200, 5_000, 10_000)]
        {
            let pauses: Vec<Duration> = (0..50).map(|_| retry.backoff(sent)).collect();
            let (least, most) = (Duration::from_millis(least), Duration::from_millis(most));
            assert!(pauses.iter().all(|pause| (least..=most).contains(pause)), "{sent}: {pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]));
        }
    }
}
