//! The ground that all other crates build on: errors and their codes, findings, secrets, text and the file layer.
//!
//! Everything that can fail in this workspace fails with an [`Error`] that carries a stable [`Code`], and every file is
//! read and written through [`mod@file`]. Nothing here knows X.509, the network or the product's configuration.

pub mod code;
pub mod csv_writer;
pub mod digest;
pub mod error;
pub mod file;
pub mod hex;
pub mod host;
pub mod prometheus;
pub mod random;
pub mod secret;
pub mod settings_file;
pub mod suggest;
pub mod text;
pub mod timestamp;

pub use code::Code;
pub use error::{Error, Finding, Location, Result, Severity};
pub use secret::{Secret, ShownSecret};
