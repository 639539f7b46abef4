//! The thread that brings confirmed certificates to the platform. The desk never waits for it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use base::Result;

/// Brings the certificates that wait to the platform, until the flag is true. What fails stays in the ledger.
pub type FinishSwaps<'a> = dyn FnMut(&AtomicBool) -> Result<()> + Send + 'a;

/// How often the ledger is asked for certificates that wait, for example because an earlier attempt has failed, or because
/// another instance has confirmed them.
const EVERY: Duration = Duration::from_secs(5);

/// Works until `stop` is true, or until the desk is gone. `awaited` tells that a certificate waits.
pub(crate) fn work(finish: &mut FinishSwaps<'_>, awaited: &Receiver<()>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        if let Err(error) = finish(stop) {
            tracing::error!(%error, "certificates wait for the platform");
        }
        if let Err(RecvTimeoutError::Disconnected) = awaited.recv_timeout(EVERY) {
            return;
        }
    }
}
