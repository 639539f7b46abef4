//! Subject alternative names.

/// A subject alternative name.
pub enum San {}
