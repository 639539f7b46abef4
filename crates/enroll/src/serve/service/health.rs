//! Whether the service can serve requests now.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The state of the service. Each part is set by those who notice it.
#[derive(Debug)]
pub(crate) struct Health {
    /// Whether the store and its CAs were in order at the last look.
    is_store_good: AtomicBool,
    /// Whether the last batch of requests could use the store.
    are_batches_good: AtomicBool,
    /// Whether the last line of the audit log was written.
    is_audited: AtomicBool,
    /// The last sign of the thread that decides.
    last_sign: Mutex<Instant>,
    /// How long that thread may give no sign.
    patience: Duration,
}

impl Health {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            is_store_good: AtomicBool::new(true),
            are_batches_good: AtomicBool::new(true),
            is_audited: AtomicBool::new(true),
            last_sign: Mutex::new(Instant::now()),
            patience,
        }
    }

    pub(crate) fn is_good(&self) -> bool {
        let last = *self.last_sign.lock().unwrap_or_else(PoisonError::into_inner);
        // A server of the ledger that does not answer stops this thread without an error.
        let is_alive = last.elapsed() <= self.patience;
        let parts = [&self.is_store_good, &self.are_batches_good, &self.is_audited];
        is_alive && parts.iter().all(|part| part.load(Ordering::Relaxed))
    }

    /// The result of a look at the store.
    pub(crate) fn looked(&self, is_good: bool) {
        self.is_store_good.store(is_good, Ordering::Relaxed);
        self.sign();
    }

    /// The result of a batch of requests.
    pub(crate) fn served(&self, is_good: bool) {
        self.are_batches_good.store(is_good, Ordering::Relaxed);
        self.sign();
    }

    pub(crate) fn are_batches_good(&self) -> bool {
        self.are_batches_good.load(Ordering::Relaxed)
    }

    /// Whether a line of the audit log was written, or could be.
    pub(crate) fn audited(&self, is_good: bool) {
        self.is_audited.store(is_good, Ordering::Relaxed);
    }

    pub(crate) fn is_audited(&self) -> bool {
        self.is_audited.load(Ordering::Relaxed)
    }

    fn sign(&self) {
        *self.last_sign.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_counts_and_so_does_silence() {
        let health = Health::new(Duration::from_secs(3600));
        assert!(health.is_good());
        for set in [Health::looked, Health::served, Health::audited] {
            set(&health, false);
            assert!(!health.is_good());
            set(&health, true);
            assert!(health.is_good());
        }
        let silent = Health::new(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(1));
        assert!(!silent.is_good());
    }
}
