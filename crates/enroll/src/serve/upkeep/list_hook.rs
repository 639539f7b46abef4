//! The thread that runs the program of `[crl] after`. It can take a minute: the desk decides requests meanwhile, and the
//! program may itself call a verb that needs the store.

use std::sync::mpsc::Receiver;

use base::Result;

/// Runs the program each time that lists have changed, until the desk is gone; at the beginning if `is_open`, because it
/// failed or was interrupted before. Failures are logged, and the program stays open.
pub(crate) fn work(mut run: impl FnMut() -> Result<()>, is_open: bool, changed: &Receiver<()>) {
    let mut run_logged = || {
        if let Err(error) = run() {
            let help = error.finding().fix.clone();
            tracing::warn!(%error, help, "the program of [crl] after is repeated after the next lists");
        }
    };
    if is_open {
        run_logged();
    }
    while changed.recv().is_ok() {
        run_logged();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use base::Code;

    use super::*;

    #[test]
    fn the_program_runs_for_each_change_and_for_what_was_left_open() {
        for (is_open, runs) in [(false, 2), (true, 3)] {
            let (sender, changed) = mpsc::channel();
            (0..2).for_each(|_| sender.send(()).unwrap());
            // What has changed before the service stops is still told.
            drop(sender);
            let mut count = 0;
            let run = || {
                count += 1;
                Err(Code::HookFailed.error("a failure does not end the thread"))
            };
            work(run, is_open, &changed);
            assert_eq!(count, runs);
        }
    }
}
