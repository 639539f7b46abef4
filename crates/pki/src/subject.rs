//! Distinguished names.

/// A distinguished name.
pub struct Subject;
