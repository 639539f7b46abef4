//! Two futures at once.

use core::convert::Infallible;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use super::platform::Time;

/// What comes of the future, or nothing where that takes longer than so many milliseconds. The future is dropped then.
pub(super) async fn within<T>(time: &impl Time, milliseconds: u64, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut end) = (pin!(future), pin!(time.sleep(milliseconds)));
    poll_fn(|context| {
        if let Poll::Ready(result) = future.as_mut().poll(context) {
            return Poll::Ready(Some(result));
        }
        end.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// Two futures that never end.
pub(super) async fn both(one: impl Future<Output = Infallible>, other: impl Future<Output = Infallible>) -> Infallible {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(never) => match never {},
        Poll::Pending => other.as_mut().poll(context),
    })
    .await
}
