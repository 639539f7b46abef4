//! The link between a run and its caller.

use std::sync::atomic::AtomicBool;

use super::progress::Status;

/// The connection of a run with the verb that started it: messages, progress and stop.
pub struct RunControl<'a> {
    /// Becomes true when it is to stop.
    pub stop: &'a AtomicBool,
    /// Hears how far it is.
    pub tell: &'a mut dyn FnMut(&Status),
    /// Hears what a person should know before it begins.
    pub say: &'a mut dyn FnMut(&str),
}
