//! A terminal that does not show what is typed, and does so again however the prompt ends.

use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::signals;

/// The modes of the terminal before its echo was turned off; none if no secret is being typed.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Turns the echo of the terminal on standard input off until it is dropped.
pub(super) struct EchoOff(());

impl EchoOff {
    /// Turns the echo off, and lets the signals that end a process turn it on again first.
    pub(super) fn new() -> io::Result<Self> {
        watch_signals()?;
        let before = tcgetattr(io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes -= LocalModes::ECHO;
        let mut saved = saved();
        // What was typed before the question is no answer to it.
        tcsetattr(io::stdin(), OptionalActions::Flush, &hidden)?;
        *saved = Some(before);
        Ok(Self(()))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        restore(&mut saved());
    }
}

fn saved() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Restores the terminal. True if a secret was being typed.
fn restore(saved: &mut Option<Termios>) -> bool {
    let Some(before) = saved.take() else { return false };
    // Fails only if the terminal is gone, and then nothing is left to restore.
    let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &before);
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
        for signal in signals.forever() {
            // Kept locked: no other prompt may turn the echo off now.
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
