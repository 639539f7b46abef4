//! `cargo xtask interop`: the long matrices.

use clap::Args;

use crate::error::Result;
use crate::run::cargo;
use crate::setup::Setup;

/// Hold every algorithm in every format against every reader
#[derive(Args)]
#[command(long_about = "Hold every algorithm in every format against every reader.\n\n\
    CI runs the corners of these matrices; here all of them run, which takes several minutes. They are the tests \
    marked as ignored in the tests crate.")]
pub(crate) struct Interop {
    /// Only tests whose names contain this
    filter: Option<String>,
}

impl Interop {
    pub(crate) fn run(&self) -> Result<()> {
        Setup {}.run()?;
        cargo()
            .args(["test", "--package", "tbpki-tests", "--tests", "--"])
            .args(self.filter.as_deref())
            .args(["--ignored"])
            .show()
    }
}
