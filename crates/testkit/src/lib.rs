//! Fixtures and samples that the tests of several crates share.
//!
//! This crate depends on no crate of the product. The code under test must not make what it is tested with.

pub mod application;
pub mod ber;
pub mod certificates;
pub mod der;
pub mod postgres;
