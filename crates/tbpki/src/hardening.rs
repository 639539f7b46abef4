//! Hardening of the process before it reads the first secret or writes the first file.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use signal_hook::consts::SIGXFSZ;

/// Turns core dumps off: they would contain keys and passwords. Other processes of the same user cannot attach or read
/// the memory either. A write beyond the limit for the size of files (setrlimit(2)) becomes an error of that write instead
/// of the end of the process.
pub(crate) fn start() {
    // A handler does nothing here but exist. Programs that tbpki runs get the default action, because exec resets handlers.
    if let Err(error) = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))) {
        tracing::debug!(%error, "the limit for the size of files ends the process");
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // A system that forbids it, for example a sandbox, is no reason to do nothing at all.
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::debug!(%error, "core dumps cannot be limited");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::debug!(%error, "core dumps cannot be turned off");
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn a_process_leaves_no_core() {
        start();
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
