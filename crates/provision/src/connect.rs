//! TCP connections with a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use base::{Code, Result};

use crate::target::Target;

/// The number of addresses that are tried, because each gets a share of the time.
const MAX_ADDRESSES: usize = 16;

/// The number of first bytes that are kept.
const REMEMBERED: usize = 16;

/// A connection with one deadline for all reads and writes, so that a slow peer cannot extend it.
pub(crate) struct DeadlineStream {
    stream: TcpStream,
    deadline: Instant,
    first: Vec<u8>,
}

/// Resolves a host and connects to it.
pub(crate) fn connect(target: &Target, deadline: Instant) -> Result<(DeadlineStream, SocketAddr)> {
    open(target, &look_up(target, deadline)?, deadline)
}

/// The addresses of a host.
///
/// # Errors
/// [`Code::HostUnknown`].
pub(crate) fn look_up(target: &Target, deadline: Instant) -> Result<Vec<SocketAddr>> {
    resolve(target, deadline).map_err(|error| {
        Code::HostUnknown
            .error(format!("{} does not resolve", target.host()))
            .item(target.to_string())
            .caused_by(error)
            .fix("check the spelling of the host, and the resolver of this machine")
    })
}

/// Tries the addresses of a host in order. Each gets an equal share of the remaining time.
///
/// # Errors
/// [`Code::Unreachable`] with the error of each address.
pub(crate) fn open(
    target: &Target,
    addresses: &[SocketAddr],
    deadline: Instant,
) -> Result<(DeadlineStream, SocketAddr)> {
    let mut refusals = Vec::new();
    for (tried, address) in addresses.iter().enumerate() {
        let shares = u32::try_from(addresses.len() - tried).unwrap_or(1).max(1);
        let attempt = remaining(deadline)
            // A time limit of zero is an error for the socket.
            .and_then(|time| TcpStream::connect_timeout(address, (time / shares).max(Duration::from_millis(1))))
            // A handshake is a series of small messages, each of which waits for the one before.
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        match attempt {
            Ok(stream) => return Ok((DeadlineStream { stream, deadline, first: Vec::new() }, *address)),
            Err(error) => refusals.push(format!("{address}: {error}")),
        }
    }
    Err(Code::Unreachable
        .error(format!("{} cannot be reached", target.host()))
        .item(target.to_string())
        .because(refusals.join("; "))
        .fix("check that the server runs, its port, and the firewalls in between"))
}

/// Resolves a name. The system's resolver has no time limit, so that its thread is abandoned at the deadline.
fn resolve(target: &Target, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::channel();
    let (host, port) = (target.lookup_name(), target.port());
    thread::Builder::new().name("resolver".to_owned()).spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(|all| all.take(MAX_ADDRESSES).collect::<Vec<_>>());
        // The receiver is gone if the deadline has passed.
        let _ = sender.send(found);
    })?;
    let found = receiver
        .recv_timeout(remaining(deadline)?)
        .map_err(|_| io::Error::new(ErrorKind::TimedOut, "the name lookup does not end"))??;
    if found.is_empty() {
        return Err(io::Error::new(ErrorKind::NotFound, "the name has no addresses"));
    }
    Ok(found)
}

/// The remaining time. Never zero, which sockets treat as no limit.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        time => Ok(time),
    }
}

impl DeadlineStream {
    /// The first bytes that were received, which identify the peer's protocol.
    pub(crate) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Sets the deadline, and returns the previous one.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) -> Instant {
        std::mem::replace(&mut self.deadline, deadline)
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        // Before each read, because the timeout of a socket is for one call.
        self.stream.set_read_timeout(Some(remaining(self.deadline)?))?;
        let read = self.stream.read(bytes).map_err(timed_out)?;
        let room = REMEMBERED.saturating_sub(self.first.len());
        self.first.extend(bytes.iter().take(read.min(room)));
        Ok(read)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(remaining(self.deadline)?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Maps `WouldBlock`, which sockets return after a timeout, to `TimedOut`.
fn timed_out(error: io::Error) -> io::Error {
    // On Unix an expired timeout of a socket shows as WouldBlock.
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}
