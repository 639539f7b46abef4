//! The provenance: which source and compiler made which files, as a statement of in-toto with the predicate of SLSA 1.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::root;

use super::release::Release;
use super::sums::sha256;

/// Writes `tbpki-VERSION.provenance.json`.
pub(super) fn write(files: &[PathBuf], release: &Release, out: &Path) -> Result<PathBuf> {
    let statement = statement(files, release)?;
    let file = out.join(format!("tbpki-{}.provenance.json", release.version));
    let text = serde_json::to_string_pretty(&statement).doing("write JSON")?;
    fs::write(&file, format!("{text}\n")).doing(format!("write {}", file.display()))?;
    Ok(file)
}

fn statement(files: &[PathBuf], release: &Release) -> Result<Value> {
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
        "digest": {"gitCommit": release.commit},
    })];
    for lock in locks {
        materials.push(lock?);
    }
    let compiler = run("rustc").arg("--version").silent().read()?;
    Ok(json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": format!("{}/blob/main/docs/src/design/releases.md", env!("CARGO_PKG_REPOSITORY")),
                "externalParameters": {"command": "cargo xtask dist", "version": release.version},
                "internalParameters": {"rustc": compiler.trim(), "SOURCE_DATE_EPOCH": release.time},
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": builder()}},
        },
    }))
}

/// The address of the job that builds, or `local`.
fn builder() -> String {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("GITHUB_SERVER_URL"), variable("GITHUB_REPOSITORY"), variable("GITHUB_RUN_ID")) {
        (Some(server), Some(repository), Some(job)) => format!("{server}/{repository}/actions/runs/{job}"),
        _ => "local".to_owned(),
    }
}
