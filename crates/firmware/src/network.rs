//! TCP, UDP and DNS over the link that `embassy-net` drives.

use alloc::boxed::Box;
use alloc::vec;
use core::net::Ipv4Addr;

use device::session::NetworkFailure;
use device::session::platform::{Datagrams, Network};
use embassy_net::dns::DnsQueryType;
use embassy_net::tcp::{ConnectError, TcpSocket};
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{IpAddress, Stack};

/// The size of the TCP buffer in each direction, in bytes. TLS reads its records in pieces, so that one need not fit.
const TCP_BUFFER: usize = 4096;

/// The network of this chip.
pub(crate) struct ChipNetwork {
    stack: Stack<'static>,
    // On the heap, because the session's future is made on the stack before it is boxed.
    received: Box<[u8]>,
    to_send: Box<[u8]>,
}

impl ChipNetwork {
    /// The network of this stack.
    pub(crate) fn new(stack: Stack<'static>) -> Self {
        let buffer = || vec![0; TCP_BUFFER].into_boxed_slice();
        Self { stack, received: buffer(), to_send: buffer() }
    }
}

/// Datagrams and names on this chip, independent of its connections.
#[derive(Clone, Copy)]
pub(crate) struct ChipDatagrams {
    stack: Stack<'static>,
}

impl ChipDatagrams {
    /// The datagrams of this stack.
    pub(crate) fn new(stack: Stack<'static>) -> Self {
        Self { stack }
    }

    async fn address(&self, host: &str) -> Result<IpAddress, NetworkFailure> {
        if !self.stack.is_config_up() {
            return Err(NetworkFailure::NoNetwork);
        }
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Ok(address.into());
        }
        // The stack is built without IPv6.
        let addresses = self.stack.dns_query(host, DnsQueryType::A).await;
        addresses.ok().and_then(|addresses| addresses.first().copied()).ok_or(NetworkFailure::UnknownHost)
    }
}

impl Network for ChipNetwork {
    type Stream<'a> = TcpSocket<'a>;

    async fn ready(&self) {
        self.stack.wait_config_up().await;
    }

    async fn connect(&mut self, host: &str, port: u16) -> Result<TcpSocket<'_>, NetworkFailure> {
        let address = ChipDatagrams::new(self.stack).address(host).await?;
        let mut socket = TcpSocket::new(self.stack, &mut self.received, &mut self.to_send);
        match socket.connect((address, port)).await {
            Ok(()) => Ok(socket),
            Err(ConnectError::ConnectionReset) => Err(NetworkFailure::Refused),
            Err(ConnectError::TimedOut) => Err(NetworkFailure::NoAnswer),
            Err(ConnectError::NoRoute) => Err(NetworkFailure::Other("there is no route to the broker's address")),
            Err(ConnectError::InvalidState) => Err(NetworkFailure::Other("the socket is in use")),
        }
    }
}

impl Datagrams for ChipDatagrams {
    async fn exchange(
        &self,
        host: &str,
        port: u16,
        request: &[u8],
        answer: &mut [u8],
    ) -> Result<usize, NetworkFailure> {
        const PACKETS: usize = 2;
        const BYTES: usize = 256;
        let address = self.address(host).await?;
        let (mut received, mut to_send) = ([PacketMetadata::EMPTY; PACKETS], [PacketMetadata::EMPTY; PACKETS]);
        let (mut received_bytes, mut bytes_to_send) = ([0; BYTES], [0; BYTES]);
        let mut socket =
            UdpSocket::new(self.stack, &mut received, &mut received_bytes, &mut to_send, &mut bytes_to_send);
        // 0 selects a free port.
        socket.bind(0).map_err(|_| NetworkFailure::Other("no port is free"))?;
        socket
            .send_to(request, (address, port))
            .await
            .map_err(|_| NetworkFailure::Other("there is no route to the host's address"))?;
        loop {
            let (length, from) = socket
                .recv_from(answer)
                .await
                .map_err(|_| NetworkFailure::Other("the answer is longer than the buffer"))?;
            // Any host can send a datagram to the port; those of others are passed over.
            if from.endpoint.addr == address && from.endpoint.port == port {
                return Ok(length);
            }
        }
    }
}
