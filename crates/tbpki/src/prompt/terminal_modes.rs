//! The modes of the terminal, which are as before however a prompt ends: a library that hides what is typed leaves them
//! changed if a signal ends the process.

use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::signals;

/// The modes of the terminal before the prompt; none without a prompt.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Restores the modes of the terminal on standard input when it is dropped.
pub(super) struct KeptModes(());

impl KeptModes {
    /// Keeps the present modes, and lets the signals that end a process restore them first.
    pub(super) fn new() -> io::Result<Self> {
        watch_signals()?;
        *saved() = Some(tcgetattr(io::stdin())?);
        Ok(Self(()))
    }
}

impl Drop for KeptModes {
    fn drop(&mut self) {
        restore(&mut saved());
    }
}

fn saved() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restores the terminal. True if there was a prompt.
fn restore(saved: &mut Option<Termios>) -> bool {
    let Some(before) = saved.take() else { return false };
    // Fails only if the terminal is gone, and then nothing is left to restore.
    let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &before);
    true
}

/// Starts a thread that ends the process by the signal that it received, with the terminal restored.
fn watch_signals() -> io::Result<()> {
    static STARTED: OnceLock<()> = OnceLock::new();
    if STARTED.get().is_some() {
        return Ok(());
    }
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    std::thread::Builder::new().name("terminal".to_owned()).spawn(move || {
        loop {
            // The library of the prompts answers each interrupted read with SIGINT: another signal is the cause then.
            let Some(signal) = signals.wait().max_by_key(|signal| *signal != SIGINT) else { continue };
            // Kept locked: no other prompt may begin now.
            let mut saved = saved();
            // A verb that handles signals itself is stopped only at a prompt, where it waits and would not notice them.
            if restore(&mut saved) || !signals::are_handled(signal) {
                // Fails only for signals that do not exist.
                let _ = emulate_default_handler(signal);
            }
        }
    })?;
    STARTED.get_or_init(|| ());
    Ok(())
}
