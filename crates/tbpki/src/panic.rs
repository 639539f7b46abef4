//! Panics: each is a bug in tbpki, and ends the process with exit status 70.

use std::panic::{self, PanicHookInfo, UnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};

use base::text::printable;
use base::{Code, Error};

use crate::exit::Exit;
use crate::output;

/// Runs `work`. A panic in it is reported as a bug, and becomes [`Exit::Bug`].
pub(crate) fn caught(work: impl FnOnce() -> Exit + UnwindSafe) -> Exit {
    // The hook reports, because only it knows where the panic happened. It also runs for threads.
    panic::set_hook(Box::new(|info| {
        if HAPPENED.swap(true, Ordering::SeqCst) {
            // A panic while the first one unwinds would abort the process with a signal.
            std::process::exit(Exit::Bug as i32);
        }
        output::print_error(&bug(info));
    }));
    let exit = panic::catch_unwind(work).unwrap_or(Exit::Bug);
    // A thread may have panicked without ending its verb.
    if HAPPENED.load(Ordering::SeqCst) { Exit::Bug } else { exit }
}

/// True if a thread of this process has panicked.
static HAPPENED: AtomicBool = AtomicBool::new(false);

fn bug(info: &PanicHookInfo<'_>) -> Error {
    let place = info.location().map(|location| format!(" ({location})")).unwrap_or_default();
    let message = info.payload_as_str().unwrap_or("no message");
    Code::Internal
        .error("tbpki stopped because of a bug")
        // The message can contain text of a file or a server that was being read.
        .because(format!("{}{place}", printable(message)))
        .fix("report this message and the command to the maintainers; run the command again to finish its work")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic, reason = "what is tested")]
    fn a_panic_becomes_the_status_of_a_bug() {
        assert_eq!(caught(|| Exit::Partly), Exit::Partly);
        assert_eq!(caught(|| panic!("index {} is out of range", 3)), Exit::Bug);
        HAPPENED.store(false, Ordering::SeqCst);
        let in_a_thread = || {
            let joined = std::thread::spawn(|| panic!("in a thread")).join();
            if joined.is_err() { Exit::Done } else { Exit::Failed }
        };
        assert_eq!(caught(in_a_thread), Exit::Bug);
        drop(panic::take_hook());
    }
}
