//! What the service takes from its clients, at most.

use std::time::Duration;

/// The limits of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the head of a request.
    pub head: usize,
    /// Bytes of its body.
    pub body: usize,
    /// The time for the TLS handshake.
    pub handshake: Duration,
    /// The time from a request's head to its answer, for a head to arrive, and for the client to take the next part of an answer.
    pub request: Duration,
    /// The time after which a connection is ended, once its last request is answered. A client connects again.
    pub age: Duration,
    /// Connections of a listener at once.
    pub connections: usize,
    /// Connections of one address to a listener at once. IPv6 addresses with the same first 64 bits count as one.
    pub per_address: usize,
    /// Certificates that an identity gets within 24 hours.
    pub issuances: u32,
    /// Requests that wait to be signed.
    pub queue: usize,
}

/// Bytes of the certificates that a client shows. Chains of devices are far shorter; without a limit, a message of the
/// handshake has up to 64 KiB, and stays as long as the connection.
pub(super) const CHAIN: usize = 16 << 10;

/// Bytes of a record of TLS (RFC 8446, section 5.1). It is kept as received, and decrypted.
const RECORD: usize = 16 << 10;

impl Limits {
    /// The longest time from the beginning of a connection to the answer to its first request.
    pub fn longest(&self) -> Duration {
        // The request's time runs twice: until the head has arrived, and from then on.
        self.handshake + self.request * 2
    }

    /// The bytes that the clients of a listener can fill by sending as much as they may.
    pub const fn memory(&self) -> usize {
        // The body as received, in one piece, and decoded. The certificates as TLS keeps them, and the first one of them
        // parsed and with the request. A handshake fills less: its largest message of 64 KiB, as received and parsed.
        let connection = self.head + 3 * self.body + 3 * CHAIN + 2 * RECORD;
        // A request whose time has ended is still in the queue when its connection is gone.
        self.connections * connection + self.queue * (self.body + CHAIN)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // hyper panics if its buffer is smaller than 8 KiB.
            head: 8 << 10,
            body: 16 << 10,
            handshake: Duration::from_secs(10),
            request: Duration::from_secs(30),
            age: Duration::from_secs(600),
            connections: 1_000,
            per_address: 64,
            issuances: 4,
            queue: 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::desk::{BATCH, GATHERING};
    use super::super::service::BUSY;
    use super::*;

    /// The page about the service, in one line: its lines end anywhere.
    fn page() -> String {
        include_str!("../../../../docs/src/guide/enrolment-service.md").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn has(sentence: &str) {
        assert!(page().contains(sentence), "the page lacks: {sentence}");
    }

    /// The promises of the guide and of the help: a change of one is a change for users.
    #[test]
    fn the_defaults_are_those_of_the_documentation() {
        let Limits { head, body, handshake, request, age, connections, per_address, issuances, queue } =
            Limits::default();
        assert_eq!((head, body), (8 << 10, 16 << 10));
        assert_eq!((handshake, request, age), [10, 30, 600].map(Duration::from_secs).into());
        assert_eq!((connections, per_address, issuances, queue), (1_000, 64, 4, 1_000));
    }

    #[test]
    fn the_guide_has_the_longest_wait() {
        let limits = Limits::default();
        let (handshake, request) = (limits.handshake.as_secs(), limits.request.as_secs());
        has(&format!(
            "A client has its answer at most {} seconds after it has connected: {handshake} for the handshake, {request} \
             until the head of its request is there, and {request} from then on.",
            limits.longest().as_secs()
        ));
        has(&format!("takes up to {BATCH} requests at once"));
        has(&format!("waits up to {} milliseconds for theirs", GATHERING.as_millis()));
        let batches = limits.queue.div_ceil(BATCH);
        has(&format!("With a full queue, {batches} such batches are served before the last request."));
        has(&format!(
            "the service waits {} seconds for it, then answers the batch with 202 and `Retry-After: {BUSY}`",
            store::PATIENCE.as_secs()
        ));
    }

    #[test]
    fn the_guide_has_the_most_memory() {
        let limits = Limits::default();
        let mib = limits.memory().div_ceil(1 << 20);
        has(&format!("With the defaults, clients that send as much as they may fill at most {mib} MiB more"));
        has(&format!("a client may show certificates of {} KiB", CHAIN >> 10));
        // The other part is measured: the test with a thousand connections has the same number.
        has("the process has at most 64 MiB");
        let unit = include_str!("../../../tbpki/units/tbpki-serve.service");
        let max = unit.lines().find_map(|line| line.strip_prefix("MemoryMax=")?.strip_suffix('M')?.parse().ok());
        assert!(max.is_some_and(|max: usize| 64 + mib <= max), "{mib} MiB and 64 MiB are more than {max:?}");
        // Each limit counts.
        for (less, by) in [
            (Limits { connections: 999, ..limits }, (8 << 10) + (48 << 10) + (48 << 10) + (32 << 10)),
            (Limits { queue: 999, ..limits }, 32 << 10),
        ] {
            assert_eq!(limits.memory() - less.memory(), by);
        }
    }
}
