//! A stream that writes garbage on request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Short enough to be written at once, and nothing that a parser of HTTP would take for a beginning.
const GARBAGE: &[u8] = b"\x15\x03\x03\x00\x02\x02\x50 \xff\xfe no HTTP \r\n\r\n";

/// The stream.
pub(crate) struct CorruptingStream<S> {
    inner: S,
    spoil: Arc<AtomicBool>,
}

impl<S> CorruptingStream<S> {
    pub(crate) fn new(inner: S, spoil: Arc<AtomicBool>) -> Self {
        Self { inner, spoil }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for CorruptingStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for CorruptingStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.spoil.load(Ordering::SeqCst) {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        }
        // How much was written does not matter: any beginning of it is garbage.
        ready!(Pin::new(&mut self.inner).poll_write(context, GARBAGE))?;
        Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "asked for")))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
