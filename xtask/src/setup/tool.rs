//! Programs of the Rust ecosystem, built at pinned versions into target/tools.

use std::fs;
use std::path::PathBuf;

use crate::error::{Doing, Error, Result};
use crate::run::{cargo, run};
use crate::workspace::{on_path, tools};

/// A program from crates.io.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    /// Further arguments of `cargo install`.
    options: &'static [&'static str],
}

/// cargo-deny, which checks licenses, sources and banned crates, in the version that `deny.toml` is written for.
pub(crate) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", options: &[] };

/// mdBook, which builds the book, without its web server.
pub(crate) const MDBOOK: Tool =
    Tool { name: "mdbook", version: "0.5.4", options: &["--no-default-features", "--features", "search"] };

impl Tool {
    /// The program, built now if neither target/tools nor the PATH has this version.
    pub(crate) fn program(&self) -> Result<PathBuf> {
        let Self { name, version, .. } = self;
        if let Some(program) = self.find() {
            return Ok(program);
        }
        eprintln!("setup: building {name} {version}; this takes a minute or two");
        let build = tools()?.join("build");
        // Unoptimized: an optimized build takes longer than the program will ever run.
        cargo()
            .args(["install", "--quiet", "--locked", "--debug", "--version", version, name])
            .args(self.options)
            .arg("--root")
            .arg(tools()?)
            .arg("--target-dir")
            .arg(&build)
            .read()?;
        // Hundreds of megabytes, which no later build would use.
        fs::remove_dir_all(&build).doing(format!("remove {}", build.display()))?;
        self.find().ok_or_else(|| Error::new(format!("{name} {version} was built but is not in target/tools")))
    }

    fn find(&self) -> Option<PathBuf> {
        let ours = tools().ok()?.join("bin").join(self.name);
        [Some(ours), on_path(self.name)].into_iter().flatten().find(|program| {
            let version = || run(program).arg("--version").silent().read();
            // The end of the output, because the name before the version differs: "mdbook v0.5.4", "cargo-deny 0.20.2".
            program.is_file() && version().is_ok_and(|version| version.trim().ends_with(self.version))
        })
    }
}
