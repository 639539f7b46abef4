//! One HTTP/1.1 request and its answer (RFC 9112), on a connection that ends afterwards.
//!
//! The crate `httparse` parses the heads. The rest is written by hand because the connection and its TLS belong to the
//! caller, and an answer must not take more memory than the limits below.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use embedded_io_async::{Read, Write};

use super::failure::EnrolmentFailure;

/// The length limit of an answer's head in bytes.
const MAX_HEAD: usize = 4096;

/// The length limit of an answer's body in bytes. A certs-only message with four RSA certificates has half of it.
pub(super) const MAX_BODY: usize = 16 * 1024;

/// The largest number of headers.
const MAX_HEADERS: usize = 32;

/// The largest number of interim answers (1xx) before the final one.
const MAX_INTERIM: usize = 4;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    /// The seconds of `Retry-After`. A date instead of seconds is not read: the device may not know the time.
    pub(super) retry_after: Option<u32>,
    pub(super) body: Vec<u8>,
}

/// The end of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    /// The body ends with the connection.
    Close,
}

/// Sends a request, whose head ends in an empty line, and reads the answer.
///
/// # Errors
/// [`EnrolmentFailure::Closed`] and [`EnrolmentFailure::NotHttp`].
pub(super) async fn exchange<S: Read + Write>(
    stream: &mut S,
    head: &str,
    body: &str,
) -> Result<HttpAnswer, EnrolmentFailure> {
    for part in [head, body] {
        stream.write_all(part.as_bytes()).await.map_err(|_| EnrolmentFailure::Closed)?;
    }
    // TLS buffers the request until it is flushed.
    stream.flush().await.map_err(|_| EnrolmentFailure::Closed)?;
    let mut input = Input { stream, bytes: Vec::new() };
    for _ in 0..=MAX_INTERIM {
        let (status, retry_after, framing) = input.head().await?;
        if (100..200).contains(&status) {
            continue;
        }
        // These two have no body (RFC 9112, section 6.3).
        let framing = if matches!(status, 204 | 304) { Framing::Length(0) } else { framing };
        return Ok(HttpAnswer { status, retry_after, body: input.body(framing).await? });
    }
    Err(EnrolmentFailure::NotHttp)
}

/// What was read of an answer and not used yet.
struct Input<'a, S> {
    stream: &'a mut S,
    bytes: Vec<u8>,
}

impl<S: Read> Input<'_, S> {
    /// Reads more. `false` at the end of the connection.
    async fn more(&mut self) -> Result<bool, EnrolmentFailure> {
        let mut buffer = [0; 256];
        let length = self.stream.read(&mut buffer).await.map_err(|_| EnrolmentFailure::Closed)?;
        self.bytes.extend_from_slice(buffer.get(..length).unwrap_or_default());
        Ok(length > 0)
    }

    /// The status, `Retry-After` and framing of an answer.
    async fn head(&mut self) -> Result<(u16, Option<u32>, Framing), EnrolmentFailure> {
        loop {
            if let Some((length, head)) = parse(&self.bytes)? {
                self.bytes.drain(..length);
                return Ok(head);
            }
            if self.bytes.len() > MAX_HEAD {
                return Err(EnrolmentFailure::NotHttp);
            }
            if !self.more().await? {
                return Err(EnrolmentFailure::Closed);
            }
        }
    }

    async fn body(&mut self, framing: Framing) -> Result<Vec<u8>, EnrolmentFailure> {
        match framing {
            Framing::Length(length) => self.take(length).await,
            Framing::Chunked => self.chunks().await,
            Framing::Close => {
                while self.bytes.len() <= MAX_BODY && self.more().await? {}
                if self.bytes.len() > MAX_BODY { Err(EnrolmentFailure::NotHttp) } else { Ok(self.bytes.split_off(0)) }
            }
        }
    }

    /// The next bytes, a number that was checked or is checked here.
    async fn take(&mut self, length: usize) -> Result<Vec<u8>, EnrolmentFailure> {
        if length > MAX_BODY {
            return Err(EnrolmentFailure::NotHttp);
        }
        while self.bytes.len() < length {
            if !self.more().await? {
                return Err(EnrolmentFailure::Closed);
            }
        }
        let rest = self.bytes.split_off(length);
        Ok(core::mem::replace(&mut self.bytes, rest))
    }

    /// A body in chunks (RFC 9112, section 7.1). The trailers after the last chunk are not read: the connection ends.
    async fn chunks(&mut self) -> Result<Vec<u8>, EnrolmentFailure> {
        let mut body = Vec::new();
        loop {
            let length = self.chunk_length().await?;
            if length == 0 {
                return Ok(body);
            }
            if body.len() + length > MAX_BODY {
                return Err(EnrolmentFailure::NotHttp);
            }
            body.extend(self.take(length).await?);
            if self.take(2).await? != b"\r\n" {
                return Err(EnrolmentFailure::NotHttp);
            }
        }
    }

    async fn chunk_length(&mut self) -> Result<usize, EnrolmentFailure> {
        loop {
            match httparse::parse_chunk_size(&self.bytes) {
                Ok(httparse::Status::Complete((used, length))) => {
                    self.bytes.drain(..used);
                    return usize::try_from(length)
                        .ok()
                        .filter(|length| *length <= MAX_BODY)
                        .ok_or(EnrolmentFailure::NotHttp);
                }
                // An extension of a chunk may be long, but has no use here.
                Ok(httparse::Status::Partial) if self.bytes.len() <= MAX_HEAD => {}
                _ => return Err(EnrolmentFailure::NotHttp),
            }
            if !self.more().await? {
                return Err(EnrolmentFailure::Closed);
            }
        }
    }
}

type Head = (u16, Option<u32>, Framing);

/// The head at the begin of these bytes and its length; `None` if more is needed.
fn parse(bytes: &[u8]) -> Result<Option<(usize, Head)>, EnrolmentFailure> {
    let mut headers = vec![httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(EnrolmentFailure::NotHttp),
    };
    let status = response.code.ok_or(EnrolmentFailure::NotHttp)?;
    let mut retry_after = None;
    let (mut sent_length, mut coding) = (None, None);
    for header in response.headers.iter() {
        let value = core::str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("retry-after") {
            retry_after = value.parse().ok();
        } else if header.name.eq_ignore_ascii_case("content-length") {
            // `parse` would also take a sign in front.
            let digits = value.bytes().all(|byte| byte.is_ascii_digit());
            let parsed = value.parse::<usize>().ok().filter(|_| digits).ok_or(EnrolmentFailure::NotHttp)?;
            // Two different lengths are an attempt to smuggle (RFC 9112, section 6.3).
            if sent_length.replace(parsed).is_some_and(|before| before != parsed) {
                return Err(EnrolmentFailure::NotHttp);
            }
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") && coding.replace(value).is_some() {
            return Err(EnrolmentFailure::NotHttp);
        }
    }
    let framing = match (coding, sent_length) {
        (None, Some(length)) => Framing::Length(length),
        (None, None) => Framing::Close,
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Framing::Chunked,
        // Both at once, or a coding that is not known here: the end of
        // the body would be a guess (RFC 9112, section 6.3).
        _ => return Err(EnrolmentFailure::NotHttp),
    };
    Ok(Some((length, (status, retry_after, framing))))
}

/// The first line of a text for a log, without control characters and at most 120 characters.
pub(super) fn first_line(body: &[u8]) -> String {
    let text = core::str::from_utf8(body).unwrap_or_default();
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|character| !character.is_control()).take(120).collect()
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use core::convert::Infallible;
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};

    use embedded_io_async::ErrorType;

    use super::*;

    /// A connection on which an answer comes in pieces of one size.
    struct Stream<'a> {
        answer: &'a [u8],
        piece: usize,
        sent: Vec<u8>,
    }

    impl ErrorType for Stream<'_> {
        type Error = Infallible;
    }

    impl Read for Stream<'_> {
        async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
            let length = self.piece.min(bytes.len()).min(self.answer.len());
            let (now, later) = self.answer.split_at(length);
            bytes[..length].copy_from_slice(now);
            self.answer = later;
            Ok(length)
        }
    }

    impl Write for Stream<'_> {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
            self.sent.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        async fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    /// The result of a future that never waits.
    fn ready<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the future waits"),
        }
    }

    /// The answer to a request, the same in pieces of any size.
    fn answer(bytes: &[u8]) -> Result<HttpAnswer, EnrolmentFailure> {
        // A line break, a length or a chunk can be cut anywhere: octet by octet, in twos and sevens, and not at all.
        let [first, rest @ ..] = [1, 2, 7, 100_000].map(|piece| {
            let mut stream = Stream { answer: bytes, piece, sent: Vec::new() };
            let answer = ready(exchange(&mut stream, "POST / HTTP/1.1\r\n\r\n", "body"));
            assert_eq!(stream.sent, b"POST / HTTP/1.1\r\n\r\nbody");
            answer
        });
        assert!(rest.iter().all(|other| *other == first), "{rest:?}");
        first
    }

    fn body(bytes: &[u8]) -> Vec<u8> {
        answer(bytes).unwrap().body
    }

    #[test]
    fn a_body_ends_by_its_length_its_chunks_or_the_connection() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more"), b"hello");
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 0\r\n\r\n"), b"");
        assert_eq!(body(b"HTTP/1.1 200\r\n\r\nhello"), b"hello");
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\n\r\n";
        assert_eq!(body(chunked), b"hello");
        // 204 never has a body (RFC 9110, section 15.3.5).
        assert_eq!(body(b"HTTP/1.1 204 None\r\n\r\nhello"), b"");
    }

    #[test]
    fn an_interim_answer_is_skipped_and_a_pause_is_read() {
        let busy =
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nRetry-After: 30\r\nContent-Length: 0\r\n\r\n";
        let expected = HttpAnswer { status: 202, retry_after: Some(30), body: Vec::new() };
        assert_eq!(answer(busy).unwrap(), expected);
        // A date is a legal form (RFC 9110, section 10.2.3). The device may not know the time yet.
        let dated = b"HTTP/1.1 503 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(answer(dated).unwrap().retry_after, None);
        // More interim answers than are skipped, which would otherwise keep the device reading for ever.
        let endless = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(6);
        assert_eq!(answer(&endless).unwrap_err(), EnrolmentFailure::NotHttp);
    }

    #[test]
    fn an_answer_that_ends_early_is_no_answer() {
        for bytes in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ] {
            assert_eq!(answer(bytes).unwrap_err(), EnrolmentFailure::Closed, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_http_or_too_long_is_refused() {
        let long_head = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(2 * MAX_HEAD));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(MAX_HEADERS + 1));
        let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(MAX_BODY + 1));
        let chunk = format!("2000\r\n{}\r\n", "x".repeat(0x2000));
        let chunks = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(3));
        for bytes in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/2 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 16385\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
            // Two lengths that differ, or a length with chunks: readers
            // differ in which one counts (RFC 9112, section 6.3).
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz",
            &long_head,
            &many,
            &endless,
            &chunks,
        ] {
            assert_eq!(answer(bytes.as_bytes()).unwrap_err(), EnrolmentFailure::NotHttp, "{bytes:.60}");
        }
    }

    #[test]
    fn the_first_line_of_a_text_fits_a_log() {
        // The answer comes from outside, and an escape sequence could change the terminal of who reads the log.
        assert_eq!(first_line(b"the password\x1b[2J has been used\nmore"), "the password[2J has been used");
        assert_eq!(first_line(&b"x".repeat(500)).len(), 120);
        assert_eq!(first_line(b"\xff"), "");
    }

    proptest::proptest! {
        #[test]
        fn no_answer_stops_the_reader(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _answer = answer(&bytes);
            let _chunks = answer(&[&head[..], &bytes].concat());
        }
    }
}
