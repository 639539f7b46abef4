//! The parts of an enrolment that depend on the machine.

use crate::enrolment::{SignError, Signer};
use crate::secret::Secret;

/// The keys of a machine, and its memory.
pub trait Hardware {
    /// A private key that signs.
    type Key: Signer;

    /// A new private key in PEM and a NUL, from the true random generator.
    ///
    /// # Errors
    /// [`SignError`] if the generator fails.
    fn new_key(&mut self) -> Result<Secret, SignError>;

    /// The key of a text that [`new_key`](Self::new_key) has returned.
    ///
    /// # Errors
    /// [`SignError`] for another text.
    fn key(&mut self, text: &Secret) -> Result<Self::Key, SignError>;

    /// The free memory in bytes, for the log; `None` if the machine does not measure it.
    fn free_memory(&self) -> Option<usize>;
}
