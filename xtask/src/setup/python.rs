//! The Python environment under target/oracles/venv.

use std::fs;

use super::remake_if_changed;
use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::{oracles, root};

/// Makes the environment from `tests/oracles/requirements.txt`.
pub(super) fn install() -> Result<()> {
    let requirements = root().join("tests/oracles/requirements.txt");
    let inputs = fs::read_to_string(&requirements).doing(format!("read {}", requirements.display()))?;
    let venv = oracles()?.join("venv");
    remake_if_changed(&venv, &inputs, || {
        run("python3").args(["-m", "venv"]).arg(&venv).read()?;
        // The list is complete, and one package's dependency on a C extension that it does not need is left out.
        run(venv.join("bin/pip"))
            .args(["install", "--quiet", "--no-deps", "--requirement"])
            .arg(&requirements)
            .read()?;
        Ok(())
    })
}
