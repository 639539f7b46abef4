//! Signals that end a verb which can be resumed later.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base::{Code, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

/// The signals that ask a verb to stop.
const REQUESTS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// True once a verb handles [`REQUESTS`] itself.
static HANDLED: AtomicBool = AtomicBool::new(false);

/// True if the running verb handles this signal, so that it must not end the process.
pub(crate) fn are_handled(signal: i32) -> bool {
    HANDLED.load(Ordering::SeqCst) && REQUESTS.contains(&signal)
}

/// A flag that the first SIGINT, SIGTERM or SIGHUP sets. The second one ends the process at once, which is safe too: the
/// next run finds the unfinished work in the ledger.
pub(crate) fn on_request() -> Result<Arc<AtomicBool>> {
    on(&REQUESTS)
}

/// As [`on_request`], for a service: SIGHUP asks services to read their files again, and ours does so without a signal.
pub(crate) fn on_request_to_service() -> Result<Arc<AtomicBool>> {
    let ignored = Arc::new(AtomicBool::new(false));
    flag::register(SIGHUP, ignored)
        .map_err(|error| Code::Internal.error("cannot install signal handlers").caused_by(error))?;
    on(&[SIGINT, SIGTERM])
}

fn on(signals: &[i32]) -> Result<Arc<AtomicBool>> {
    let requested = Arc::new(AtomicBool::new(false));
    HANDLED.store(true, Ordering::SeqCst);
    for &signal in signals {
        // This one first: at the first signal the flag is not set yet, so only a second one ends the process.
        flag::register_conditional_shutdown(signal, Exit::Partly as i32, Arc::clone(&requested))
            .and_then(|_| flag::register(signal, Arc::clone(&requested)))
            .map_err(|error| Code::Internal.error("cannot install signal handlers").caused_by(error))?;
    }
    Ok(requested)
}
