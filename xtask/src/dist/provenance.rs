//! The provenance: which source and compiler made which files, as a statement of in-toto with the predicate of SLSA 1.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Doing, Result};
use crate::run::{Run, run};
use crate::workspace::root;

use super::release::Release;
use super::setup::zig;
use super::sums::sha256;

/// Writes `tbpki-VERSION.provenance.json`.
/// `parameters` are the options of the command.
pub(super) fn write(files: &[PathBuf], parameters: &[String], release: &Release, out: &Path) -> Result<PathBuf> {
    let statement = statement(files, parameters, release)?;
    let file = out.join(format!("tbpki-{}.provenance.json", release.version));
    let text = serde_json::to_string_pretty(&statement).doing("write JSON")?;
    fs::write(&file, format!("{text}\n")).doing(format!("write {}", file.display()))?;
    Ok(file)
}

fn statement(files: &[PathBuf], parameters: &[String], release: &Release) -> Result<Value> {
    let subjects = files.iter().map(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let bytes = fs::read(file).doing(format!("read {}", file.display()))?;
        Ok(json!({"name": name, "digest": {"sha256": sha256(&bytes)}}))
    });
    let subjects = subjects.collect::<Result<Vec<_>>>()?;
    // The lock files instead of a list of libraries: they contain the hash of each one.
    let locks = ["Cargo.lock", "crates/firmware/Cargo.lock"].map(|lock| {
        let bytes = fs::read(root().join(lock)).doing(format!("read {lock}"))?;
        Ok(json!({"name": lock, "digest": {"sha256": sha256(&bytes)}}))
    });
    let mut materials = vec![json!({
        "uri": format!("git+{}", env!("CARGO_PKG_REPOSITORY")),
        // A digest is nothing but hexadecimal digits; changes of the checkout are named apart from it.
        "digest": {"gitCommit": release.commit.trim_end_matches("-modified")},
        "annotations": {"modified": release.is_modified},
    })];
    for lock in locks {
        materials.push(lock?);
    }
    let compiler = run("rustc").arg("--version").silent().read()?;
    let linker = match zig()? {
        Some(programs) => {
            let version = |program: Run| Ok(program.silent().read()?.trim().to_owned());
            let zig = version(run(programs.join("python")).args(["-m", "ziglang", "version"]))?;
            format!("zig {zig}, {}", version(run(programs.join("cargo-zigbuild")).arg("--version"))?)
        }
        None => "of this machine".to_owned(),
    };
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": format!("{}/blob/main/docs/src/design/releases.md", env!("CARGO_PKG_REPOSITORY")),
                "externalParameters": {"command": "cargo xtask dist", "options": parameters, "version": release.version},
                "internalParameters": {
                    "rustc": compiler.trim(),
                    "linker": linker,
                    "SOURCE_DATE_EPOCH": release.time,
                },
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": builder()}},
        },
    }))
}

/// The address of the job that builds. SLSA requires a URI, also for a machine that has none.
fn builder() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("GITHUB_SERVER_URL"), variable("GITHUB_REPOSITORY"), variable("GITHUB_RUN_ID")) {
        (Some(server), Some(repository), Some(job)) => format!("{server}/{repository}/actions/runs/{job}"),
        _ => "urn:tbpki:local-build".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_names_the_commit_its_changes_and_the_options() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tbpki.deb");
        fs::write(&file, "abc").unwrap();
        let (commit, time) = ("ab12-modified".to_owned(), 1_700_000_000);
        let release = Release { version: "1.2.3".into(), commit, is_modified: true, time };
        let statement = statement(&[file], &["--all".to_owned()], &release).unwrap();
        let at = |pointer: &str| statement.pointer(pointer).cloned().unwrap_or_default();
        let source = "/predicate/buildDefinition/resolvedDependencies/0";
        assert_eq!(at(&format!("{source}/digest/gitCommit")), "ab12");
        assert_eq!(at(&format!("{source}/annotations/modified")), true);
        assert_eq!(at("/predicate/buildDefinition/externalParameters/options"), json!(["--all"]));
        // The example of FIPS 180-2, appendix B.1.
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(at("/subject/0/digest/sha256"), hash);
        assert!(at("/predicate/runDetails/builder/id").as_str().is_some_and(|id| id.contains(':')));
    }
}
