//! The tbpki that the tests run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Path of a freshly built `tbpki`, of the profile that the test itself was built with.
///
/// Built once per test program; where `TBPKI_TEST_BINARY` names one (as `cargo xtask test` does), that is taken.
pub fn tbpki() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("TBPKI_TEST_BINARY").map_or_else(build, PathBuf::from))
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Cargo's target directory, also a configured one: the directory that contains this program.
pub fn target() -> PathBuf {
    let program = env::current_exe().unwrap();
    let found = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").is_file());
    found.unwrap_or_else(|| panic!("{} is not in a target directory", program.display())).to_path_buf()
}

fn build() -> PathBuf {
    // The program is built as the tests are, so that both share the dependencies that are already compiled.
    let release = !cfg!(debug_assertions);
    // The cargo that runs the tests: another toolchain would compile everything again.
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).args(["build", "--quiet", "--package", "tbpki", "--bin", "tbpki", "--target-dir"]);
    cargo.arg(target()).args(release.then_some("--release"));
    let status = cargo.status().expect("cargo can be started");
    assert!(status.success(), "tbpki does not build");
    target().join(if release { "release" } else { "debug" }).join("tbpki")
}
