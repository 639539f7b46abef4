//! Connections to the enrolment service, over the network and TLS of a session.

use alloc::string::ToString;

use super::error::ServiceFailure;
use super::hardware::Hardware;
use crate::enrolment::{EnrolmentMachine, EnrolmentServer, SignError};
use crate::identity::Identity;
use crate::secret::Secret;
use crate::session::platform::{Network, Time, Tls, TlsPeer};
use crate::session::timeout::with_timeout;
use crate::session::{NetworkFailure, SessionSettings, Surroundings, TlsFailure};

/// The machine of a session as the machine of an enrolment.
pub(super) struct Service<'m, N, T, C, H> {
    network: &'m mut N,
    tls: &'m mut T,
    time: &'m C,
    hardware: &'m mut H,
    settings: &'m SessionSettings,
    server: EnrolmentServer<'m>,
    /// The trust anchors for the service: PEM and a NUL.
    anchors: &'m str,
    /// The Unix time at uptime 0 in seconds.
    epoch: u64,
    /// The least free memory after a handshake in bytes.
    pub(super) least_free: Option<usize>,
}

impl<'m, N, T, C, H> Service<'m, N, T, C, H> {
    /// The service at `server`, on the machine of a session without a connection.
    pub(super) fn new<R, L>(
        on: &'m mut Surroundings<'_, N, T, C, R, L>,
        hardware: &'m mut H,
        server: EnrolmentServer<'m>,
        anchors: &'m str,
        epoch: u64,
    ) -> Self {
        let Surroundings { network, tls, time, settings, .. } = on;
        Self { network, tls, time, hardware, settings, server, anchors, epoch, least_free: None }
    }
}

impl<N: Network, T: Tls, C: Time, H: Hardware> EnrolmentMachine for Service<'_, N, T, C, H> {
    type Stream<'a>
        = T::Stream<'a, N::Stream<'a>>
    where
        Self: 'a;
    type Error = ServiceFailure;
    type Key = H::Key;

    async fn connect<'a>(&'a mut self, identity: Option<Identity<'_>>) -> Result<Self::Stream<'a>, ServiceFailure> {
        let Self { network, tls, time, hardware, settings, server, anchors, least_free, .. } = self;
        // The name is always compared: a record switches the check off for its broker alone.
        let peer = TlsPeer { host: server.host, skip_host_name_check: false, anchors, identity };
        tls.set_peer(&peer).map_err(|refusal| ServiceFailure::Credentials(refusal.to_string()))?;
        let connecting = network.connect(server.host, server.port);
        let stream = match with_timeout(*time, settings.answer, connecting).await {
            Some(connected) => connected.map_err(ServiceFailure::Network)?,
            None => return Err(ServiceFailure::Network(NetworkFailure::NoAnswer)),
        };
        let (stream, _version) = match with_timeout(*time, settings.handshake, tls.handshake(stream)).await {
            Some(done) => done.map_err(ServiceFailure::Tls)?,
            None => return Err(ServiceFailure::Tls(TlsFailure::TimedOut)),
        };
        // The memory is scarcest here: the connection has its buffers, and the identity is parsed.
        if let Some(free) = hardware.free_memory() {
            *least_free = Some(least_free.map_or(free, |least| least.min(free)));
        }
        Ok(stream)
    }

    fn new_key(&mut self) -> Result<Secret, SignError> {
        self.hardware.new_key()
    }

    fn key(&mut self, text: &Secret) -> Result<H::Key, SignError> {
        self.hardware.key(text)
    }

    fn now(&mut self) -> u64 {
        self.epoch.saturating_add(self.time.uptime() / 1_000)
    }
}
