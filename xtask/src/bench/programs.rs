//! The programs that are measured, and those on the other side.

use crate::error::Result;
use crate::run::cargo;

/// Builds the programs of all benchmarks but `startup`.
///
/// Always all of them: cargo builds a crate again for each set of packages that needs other features of its dependencies,
/// and an optimized build of one set takes many minutes.
pub(super) fn build() -> Result<()> {
    let programs = [("tbpki", "tbpki"), ("tbpki-tb-sim", "tbpki-tb-sim"), ("tbpki-tests", "enroll-load")];
    let programs = programs.into_iter().flat_map(|(package, program)| ["--package", package, "--bin", program]);
    cargo().args(["build", "--quiet", "--release"]).args(programs).show()
}

/// Builds the example `bench` of a package.
pub(super) fn build_example(package: &str) -> Result<()> {
    cargo().args(["build", "--quiet", "--release", "--package", package, "--example", "bench"]).show()
}
