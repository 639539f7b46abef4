//! The Python environments under target/oracles.

use std::fs;

use super::remake_if_changed;
use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::{oracles, root};

/// An environment, and the list of its packages below tests/oracles.
const ENVIRONMENTS: &[(&str, &str)] =
    &[("venv", "requirements.txt"), ("venv-thingsboard", "requirements-thingsboard.txt")];

/// Makes the environments from their lists.
pub(super) fn install() -> Result<()> {
    for (environment, list) in ENVIRONMENTS {
        let requirements = root().join("tests/oracles").join(list);
        let inputs = fs::read_to_string(&requirements).doing(format!("read {}", requirements.display()))?;
        let venv = oracles()?.join(environment);
        remake_if_changed(&venv, &inputs, || {
            run("python3").args(["-m", "venv"]).arg(&venv).read()?;
            // The lists are complete, and one package's dependency on a C extension that it does not need is left out.
            run(venv.join("bin/pip"))
                .args(["install", "--quiet", "--no-deps", "--requirement"])
                .arg(&requirements)
                .read()?;
            Ok(())
        })?;
    }
    Ok(())
}
