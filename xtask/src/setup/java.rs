//! Java libraries and the test clients that are written in Java, under target/oracles/java.

use std::fs;

use super::{remake_if_changed, texts};
use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::{oracles, root};

/// Fetches the libraries that `tests/clients/java/pom.xml` names and compiles the classes in the same directory.
pub(super) fn install() -> Result<()> {
    let source = root().join("tests/clients/java");
    let pom = source.join("pom.xml");
    let java = oracles()?.join("java");
    let (libraries, classes) = (java.join("lib"), java.join("classes"));

    let inputs = fs::read_to_string(&pom).doing(format!("read {}", pom.display()))?;
    remake_if_changed(&libraries, &inputs, || {
        run("mvn")
            .args(["--batch-mode", "--quiet", "--file"])
            .arg(&pom)
            .arg("dependency:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", libraries.display()))
            .read()
            .map(drop)
    })?;
    // A directory of its own: a change of a class must not download the libraries again.
    remake_if_changed(&classes, &texts(&source)?, || {
        let files = fs::read_dir(&source).doing(format!("list {}", source.display()))?;
        run("javac")
            .args(["-Xlint:all", "-Werror", "-proc:none", "--release", "17", "-d"])
            .arg(&classes)
            .arg("-classpath")
            .arg(libraries.join("*"))
            .args(
                files
                    .filter_map(|entry| entry.ok().map(|e| e.path()))
                    .filter(|f| f.extension() == Some("java".as_ref())),
            )
            .read()
            .map(drop)
    })
}
