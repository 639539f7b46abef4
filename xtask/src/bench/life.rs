//! Renewal and revocation, side by side with the tools that would do it otherwise, as ratios.

mod lists;
mod million;
mod renewal;
mod server;
mod store;

use super::programs;
use super::scratch::Scratch;
use crate::error::{Error, Result};

/// The sizes of what is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    /// Identities that are issued and renewed in a turn, and entries of a revocation list.
    pub(super) many: u32,
    /// The rows of two ledgers.
    pub(super) rows: [u32; 2],
}

impl Sizes {
    pub(super) const FULL: Self = Self { many: 100_000, rows: [40_000, 1_000_000] };

    /// One hundredth, to see that everything runs. Its ratios mean nothing.
    pub(super) const SMALL: Self = Self { many: 1_000, rows: [400, 10_000] };
}

pub(super) fn compare(rounds: u32, strict: bool, sizes: Sizes) -> Result<()> {
    programs::build()?;
    let scratch = Scratch::new("life")?;
    // `&` and not `&&`: everything is measured and printed, even if the first misses its target.
    let reached = renewal::compare(scratch.path(), rounds, sizes.many)?
        & lists::compare(scratch.path(), rounds, sizes.many)?
        & server::compare(scratch.path(), rounds)?
        & million::compare(scratch.path(), sizes.rows)?;
    if strict && !reached { Err(Error::new("a target was missed")) } else { Ok(()) }
}
