//! When a request is sent again, and after how long.

use std::time::Duration;

use super::fault::SendError;
use super::request::Repeat;
use super::response::ApiResponse;

/// How often a request is sent at most when the platform fails.
const TRIES: u32 = 4;

/// How often when the platform says that there were too many: then waiting helps for certain.
const TRIES_OF_LIMITED: u32 = 8;

/// No pause is longer, unless the platform asks for it.
const LONGEST: Duration = Duration::from_secs(10);

/// No pause that the platform asks for is longer.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// How patient a client is.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPolicy {
    /// About how long the first pause is.
    pub(super) first: Duration,
}

impl RetryPolicy {
    /// The pause before the request is sent again; none where the outcome stands.
    pub(super) fn pause(
        self,
        sent: u32,
        outcome: &Result<ApiResponse, SendError>,
        repeat: Repeat,
        reached: bool,
    ) -> Option<Duration> {
        let (again, tries, asked) = match outcome {
            // Nothing was done, so even what must not be done twice may be sent again.
            Ok(answer) if answer.status == 429 => (true, TRIES_OF_LIMITED, answer.retry_after),
            Ok(answer) if answer.status >= 500 => (repeat == Repeat::Safe, TRIES, answer.retry_after),
            Ok(_) => (false, 0, None),
            Err(failure) if failure.sent => (repeat == Repeat::Safe, TRIES, None),
            Err(failure) => (reached && failure.error.code() == base::Code::Unreachable, TRIES, None),
        };
        (again && sent < tries).then(|| asked.map_or_else(|| self.backoff(sent), |asked| asked.min(LONGEST_ASKED)))
    }

    /// Doubles from pause to pause. Half of it is left to chance, so that those who were refused together do not all
    /// come back together.
    pub(crate) fn backoff(self, sent: u32) -> Duration {
        let full = self.first.saturating_mul(1 << sent.saturating_sub(1).min(16)).min(LONGEST);
        full / 2 + full.mul_f64(fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_are_never_all_alike() {
        let retry = RetryPolicy { first: Duration::from_millis(100) };
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
