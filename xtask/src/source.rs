//! The workspace's own source text: its files, their tokens, and which file uses which.

pub(crate) mod circles;
pub(crate) mod files;
pub(crate) mod lexer;
pub(crate) mod module;
pub(crate) mod uses;
