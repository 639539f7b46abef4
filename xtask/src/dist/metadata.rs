//! The packages of a program, from `cargo metadata` and the lock file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Doing, Error, Result};
use crate::run::cargo;
use crate::workspace::root;

use super::release::Platform;

/// A program of a release.
pub(super) struct Program {
    /// The directory of its workspace below the root.
    workspace: &'static str,
    pub(super) name: &'static str,
    /// The targets of the compiler.
    targets: &'static [&'static str],
    /// True if the features are chosen by each build, so that those of all builds together count.
    all_features: bool,
}

/// The program. All platforms link the same libraries, and those for glibc one more.
pub(super) const TBPKI: Program = Program {
    workspace: ".",
    name: "tbpki",
    // The others differ by their architecture only.
    targets: &[Platform::X86_64Gnu.target(), Platform::X86_64Musl.target()],
    all_features: false,
};

/// The firmware of all chips. Each chip is a feature, and brings its own libraries, for example those of its radio.
pub(super) const FIRMWARE: Program = Program {
    workspace: "crates/firmware",
    name: "tbpki-firmware",
    targets: &[
        "riscv32imc-unknown-none-elf",
        "riscv32imac-unknown-none-elf",
        "xtensa-esp32-none-elf",
        "xtensa-esp32s3-none-elf",
    ],
    all_features: true,
};

/// A package that is linked into a program.
#[derive(Debug, Clone)]
pub(super) struct Package {
    /// The id that cargo gives it.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// The license expression; none if the manifest has none.
    pub(super) license: Option<String>,
    /// The authors that the manifest names.
    pub(super) authors: Vec<String>,
    /// The directory of its source.
    pub(super) directory: PathBuf,
    /// The SHA-256 of its archive on the registry; none for a package of this workspace.
    pub(super) checksum: Option<String>,
    /// The ids of the packages that it uses.
    pub(super) uses: Vec<String>,
}

/// The packages that a program and its libraries consist of, without those of builds and tests and without macros, by name
/// and version.
pub(super) fn packages(program: &Program) -> Result<Vec<Package>> {
    let workspace = root().join(program.workspace);
    let text = cargo()
        .directory(&workspace)
        .args(["metadata", "--locked", "--format-version", "1"])
        // For the targets: otherwise libraries of Windows and macOS would be among them, which are in no release.
        .args(program.targets.iter().flat_map(|target| ["--filter-platform", target]))
        .args(program.all_features.then_some("--all-features"))
        .silent()
        .read()?;
    let metadata: Value = serde_json::from_str(&text).doing("read the output of cargo metadata")?;
    let lock = workspace.join("Cargo.lock");
    let lock = fs::read_to_string(&lock).doing(format!("read {}", lock.display()))?;
    let lock: toml::Table = lock.parse().doing("read Cargo.lock")?;
    reachable(&metadata, &checksums(&lock), program.name)
        .ok_or_else(|| Error::new(format!("cargo metadata describes no package {}", program.name)))
}

/// The checksums of the lock file by name and version.
fn checksums(lock: &toml::Table) -> BTreeMap<(String, String), String> {
    let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let text = |package: &toml::Value, key: &str| package.get(key)?.as_str().map(str::to_owned);
    packages
        .filter_map(|package| Some(((text(package, "name")?, text(package, "version")?), text(package, "checksum")?)))
        .collect()
}

fn reachable(metadata: &Value, checksums: &BTreeMap<(String, String), String>, program: &str) -> Option<Vec<Package>> {
    let nodes: BTreeMap<&str, &Value> = metadata
        .pointer("/resolve/nodes")?
        .as_array()?
        .iter()
        .filter_map(|node| Some((node.get("id")?.as_str()?, node)))
        .collect();
    let described: BTreeMap<&str, &Value> = metadata["packages"]
        .as_array()?
        .iter()
        .filter_map(|package| Some((package.get("id")?.as_str()?, package)))
        .collect();
    let mut open =
        vec![*described.iter().find(|(_, package)| package.get("name").is_some_and(|name| name == program))?.0];
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let package = described.get(id)?;
        if is_macro(package) {
            continue;
        }
        let uses = linked(nodes.get(id)?)?;
        open.extend(&uses);
        let text = |key: &str| package.get(key)?.as_str().map(str::to_owned);
        let (name, version) = (text("name")?, text("version")?);
        found.push(Package {
            id: id.to_owned(),
            license: text("license"),
            authors: texts(package.get("authors")),
            directory: Path::new(package.get("manifest_path")?.as_str()?).parent()?.to_path_buf(),
            checksum: checksums.get(&(name.clone(), version.clone())).cloned(),
            uses: uses.into_iter().map(str::to_owned).collect(),
            name,
            version,
        });
    }
    // The order of cargo's graph is no promise, and bills have to be the same in each build.
    found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Some(found)
}

/// True for a library that the compiler runs, with all that it uses: nothing of it is in the program.
fn is_macro(package: &Value) -> bool {
    let targets = package.get("targets").and_then(Value::as_array).into_iter().flatten();
    targets.flat_map(|target| texts(target.get("kind"))).any(|kind| kind == "proc-macro")
}

/// The texts of a list.
fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The ids of the dependencies that are linked: those for builds and tests are not.
fn linked(node: &Value) -> Option<Vec<&str>> {
    let is_linked = |dependency: &&Value| {
        let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
        // `null` is the kind of ordinary dependencies; the others are "build" and "dev".
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind.get("kind").is_none_or(Value::is_null)))
    };
    node.get("deps")?.as_array()?.iter().filter(is_linked).map(|dependency| dependency.get("pkg")?.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_linked_packages_count() {
        let package = |name: &str| json!({"id": name, "name": name, "version": "1.0.0", "manifest_path": format!("/{name}/Cargo.toml")});
        let uses = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("program"),
                package("library"),
                package("builder"),
                package("other"),
                json!({"id": "macro", "name": "macro", "version": "1.0.0", "targets": [{"kind": ["proc-macro"]}]}),
            ],
            "resolve": {"nodes": [
                {"id": "program", "deps": [uses("library", Value::Null), uses("builder", json!("build"))]},
                {"id": "macro", "deps": [uses("other", Value::Null)]},
                {"id": "library", "deps": [uses("library", Value::Null), uses("macro", Value::Null)]},
                {"id": "builder", "deps": []},
                {"id": "other", "deps": [uses("program", Value::Null)]},
            ]},
        });
        let checksums = BTreeMap::from([(("library".to_owned(), "1.0.0".to_owned()), "abc".to_owned())]);
        let found = reachable(&metadata, &checksums, "program").unwrap_or_default();
        let names: Vec<_> = found.iter().map(|package| (package.name.as_str(), package.checksum.as_deref())).collect();
        assert_eq!(names, [("library", Some("abc")), ("program", None)]);
        assert_eq!(found.last().map(|program| program.uses.clone()), Some(vec!["library".to_owned()]));
        assert!(reachable(&metadata, &checksums, "missing").is_none());
    }

    #[test]
    fn the_firmware_is_described_for_the_target_of_every_chip() {
        let budgets = fs::read_to_string(root().join("crates/firmware/budgets.toml")).unwrap();
        let budgets: toml::Table = budgets.parse().unwrap();
        for (chip, budget) in budgets {
            let target = budget.get("target").and_then(toml::Value::as_str).unwrap_or_default();
            assert!(FIRMWARE.targets.contains(&target), "{chip}: {target}");
        }
    }
}
