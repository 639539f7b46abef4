//! Ctrl-C and its like, for work that can be finished later.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base::{Code, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::Exit;

/// Becomes true with the first signal that asks for an end. The second one ends the process at once, which loses
/// nothing either: the next run finds what this one has left.
pub(crate) fn on_request() -> Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register_conditional_shutdown(signal, Exit::Partly as i32, Arc::clone(&asked))
            .and_then(|_| flag::register(signal, Arc::clone(&asked)))
            .map_err(|error| Code::Internal.error("signals cannot be listened for").because(error))?;
    }
    Ok(asked)
}
