//! The test client that is written in Go, as target/oracles/go/client.

use super::{remake_if_changed, texts};
use crate::error::Result;
use crate::run::run;
use crate::workspace::{oracles, root};

/// Builds the client from the standard library alone, so that nothing is fetched.
pub(super) fn install() -> Result<()> {
    let source = root().join("tests/clients/go");
    let directory = oracles()?.join("go");
    remake_if_changed(&directory, &texts(&source)?, || {
        run("go")
            .directory(&source)
            .args(["build", "-trimpath", "-o"])
            .arg(directory.join("client"))
            .arg(".")
            // Neither modules nor another toolchain may be fetched; a new dependency fails the build here.
            .env("GOPROXY", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GOFLAGS", "-buildvcs=false")
            .env("CGO_ENABLED", "0")
            .read()
            .map(drop)
    })
}
