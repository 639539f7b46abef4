//! The link between a run and its caller.

use std::sync::atomic::AtomicBool;

use super::progress::Status;

/// What a run has to do with whoever started it.
pub struct Control<'a> {
    /// Becomes true when it is to stop.
    pub stop: &'a AtomicBool,
    /// Hears how far it is.
    pub tell: &'a mut dyn FnMut(&Status),
    /// Hears what a person should know before it begins.
    pub say: &'a mut dyn FnMut(&str),
}
