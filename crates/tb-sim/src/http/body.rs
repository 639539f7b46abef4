//! A reply's body: whole, or half of one and then the end of the connection.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body.
pub(crate) struct Body {
    bytes: Option<Bytes>,
    /// For half a body: the time until the connection ends, so that the half is sent before.
    then_fails: Option<Pin<Box<Sleep>>>,
}

impl Body {
    pub(crate) fn whole(bytes: Vec<u8>) -> Self {
        Self { bytes: Some(Bytes::from(bytes)), then_fails: None }
    }

    pub(crate) fn half(mut bytes: Vec<u8>) -> Self {
        bytes.truncate(bytes.len() / 2);
        // hyper writes head and half together when it is polled for more. An error at once would drop both.
        Self { bytes: Some(Bytes::from(bytes)), then_fails: Some(Box::pin(sleep(Duration::from_millis(20)))) }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match &mut self.then_fails {
            None => Poll::Ready(None),
            Some(wait) => wait
                .as_mut()
                .poll(context)
                .map(|()| Some(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "asked for")))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty) && self.then_fails.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.bytes, &self.then_fails) {
            (Some(bytes), None) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or_default()),
            (None, None) => SizeHint::with_exact(0),
            // No exact size: hyper would compare it with the length that was promised.
            _ => SizeHint::default(),
        }
    }
}
