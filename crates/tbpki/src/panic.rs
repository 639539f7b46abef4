//! Panics: each is a bug in tbpki, and ends the process with exit status 70.

use std::panic::{self, PanicHookInfo, UnwindSafe};

use base::text::printable;
use base::{Code, Error};

use crate::exit::Exit;
use crate::output;

/// Runs `work`. A panic in it is reported as a bug, and becomes [`Exit::Bug`].
pub(crate) fn caught(work: impl FnOnce() -> Exit + UnwindSafe) -> Exit {
    // The hook reports, because only it knows where the panic happened. It also runs for threads.
    panic::set_hook(Box::new(|info| output::print_error(&bug(info))));
    panic::catch_unwind(work).unwrap_or(Exit::Bug)
}

fn bug(info: &PanicHookInfo<'_>) -> Error {
    let place = info.location().map(|location| format!(" ({location})")).unwrap_or_default();
    let message = info.payload_as_str().unwrap_or("no message");
    Code::Internal
        .error("tbpki stopped because of a bug")
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
        drop(panic::take_hook());
    }
}
