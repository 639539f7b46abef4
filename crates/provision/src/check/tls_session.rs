//! The connection of a login, which is only opened to a trusted server.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, ProtocolVersion};

use crate::connect::{self, DeadlineStream};
use crate::target::Target;
use crate::tls::{self, ClientKey, CloseReason, ServerVerifier, TrustPolicy};

/// The time that a TLS 1.3 server has to reject the client certificate after the handshake. Most servers send a session
/// ticket when they accept it, which ends the wait early.
const REJECTION_WAIT: Duration = Duration::from_millis(800);

/// A verified connection.
pub(crate) struct TlsSession {
    connection: ClientConnection,
    stream: DeadlineStream,
}

impl TlsSession {
    /// Connects to the address that was probed, and performs the handshake. With TLS 1.3 it also waits for the server's
    /// decision on the client certificate, which follows the handshake (RFC 8446, section 4.4.2.4).
    pub(crate) fn open(
        target: &Target,
        address: SocketAddr,
        policy: Arc<TrustPolicy>,
        client: &Arc<ClientKey>,
        deadline: Instant,
    ) -> Result<Self, CloseReason> {
        // The probed address, and not the name again: a name can lead to several servers with different certificates.
        let (stream, _) = connect::open(target, &[address], deadline)
            .map_err(|error| CloseReason::Other(error.finding().why.clone().unwrap_or_default()))?;
        let verifier = Arc::new(ServerVerifier::enforcing(policy));
        let config = tls::client_config(verifier, client.clone()).map_err(|error| CloseReason::of_tls(&error))?;
        let connection = ClientConnection::new(Arc::new(config), target.server_name().clone())
            .map_err(|error| CloseReason::of_tls(&error))?;
        let mut session = Self { connection, stream };
        session.shake_hands().map_err(|error| CloseReason::of(&error))?;
        session.wait_for_verdict(deadline)?;
        Ok(session)
    }

    fn shake_hands(&mut self) -> io::Result<()> {
        while self.connection.is_handshaking() {
            self.connection.complete_io(&mut self.stream)?;
        }
        // The client's last message may still be in the buffer.
        while self.connection.wants_write() {
            self.connection.write_tls(&mut self.stream)?;
        }
        Ok(())
    }

    fn wait_for_verdict(&mut self, deadline: Instant) -> Result<(), CloseReason> {
        if self.connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return Ok(());
        }
        // The wait is short: a server that sends no ticket would otherwise delay every check.
        self.stream.set_deadline((Instant::now() + REJECTION_WAIT).min(deadline));
        let verdict = loop {
            if self.connection.tls13_tickets_received() > 0 {
                break Ok(());
            }
            match self.connection.read_tls(&mut self.stream) {
                Ok(0) => break Err(CloseReason::Closed),
                Ok(_) => {
                    if let Err(error) = self.connection.process_new_packets() {
                        break Err(CloseReason::of_tls(&error));
                    }
                }
                // No rejection within the time counts as acceptance.
                Err(error) => match CloseReason::of(&error) {
                    CloseReason::TimedOut => break Ok(()),
                    other => break Err(other),
                },
            }
        };
        // The deadline of the whole check holds again for the login.
        self.stream.set_deadline(deadline);
        verdict
    }

    /// Closes the connection. Errors are ignored, because the check is finished.
    pub(crate) fn close(mut self) {
        self.connection.send_close_notify();
        // The result of the closing alert changes nothing.
        drop(self.connection.complete_io(&mut self.stream));
    }
}

impl Read for TlsSession {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut self.connection, &mut self.stream).read(bytes)
    }
}

impl Write for TlsSession {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        rustls::Stream::new(&mut self.connection, &mut self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        rustls::Stream::new(&mut self.connection, &mut self.stream).flush()
    }
}
