//! A time limit for futures.
//!
//! `embassy_time::with_timeout` needs the one global clock of a program. This one takes the session's clock, which tests
//! replace.

use core::future::Future;

use embassy_futures::select::{Either, select};

use super::platform::Time;

/// The result of `future`, or `None` if it takes longer than `milliseconds`. The future is then dropped.
pub(crate) async fn with_timeout<T>(time: &impl Time, milliseconds: u64, future: impl Future<Output = T>) -> Option<T> {
    // The future comes first: `select` polls it first, so its result counts if both are ready.
    match select(future, time.sleep(milliseconds)).await {
        Either::First(result) => Some(result),
        Either::Second(()) => None,
    }
}
