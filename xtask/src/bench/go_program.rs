//! Peers that are written in Go, installed by Go's module proxy.

use std::path::PathBuf;

use crate::error::Result;
use crate::run::run;
use crate::workspace::{on_path, oracles};

/// A program in Go, in the version that is compared.
pub(super) struct GoProgram {
    /// The name of the program.
    pub(super) name: &'static str,
    /// The package and its version, as `go install` takes it.
    pub(super) package: &'static str,
}

impl GoProgram {
    /// The program, installed with Go if it is not there; `None`, with a printed reason, if it cannot be.
    pub(super) fn installed(&self) -> Result<Option<PathBuf>> {
        let name = self.name;
        if let Some(program) = on_path(name) {
            return Ok(Some(program));
        }
        let directory = oracles()?.join(name);
        let program = directory.join(name);
        if program.is_file() {
            return Ok(Some(program));
        }
        if on_path("go").is_none() {
            println!("{name} is not installed, and is not measured: installing it needs Go");
            return Ok(None);
        }
        println!("Installing {name} with Go takes some minutes.");
        // With cgo step and step-ca want the headers of a smart card library.
        let install = run("go").args(["install", self.package]).env("CGO_ENABLED", "0").env("GOBIN", &directory);
        match install.silent().read() {
            Ok(_) => Ok(Some(program)),
            Err(error) => {
                println!("{name} cannot be installed, and is not measured: {error}");
                Ok(None)
            }
        }
    }
}
