//! Which crate may depend on which, compared with what cargo resolved, and which folder may import which.

mod allowance;
mod shape;
mod walls;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::error::{Doing, Error, Result};
use crate::run::cargo;
use crate::source::files::packages as all_packages;
use crate::source::module::{folders, modules};
use crate::source::uses::uses;
use crate::workspace::root;

/// Each crate of the workspace, and the crates of the workspace that it may depend on.
const MAY_USE: &[(&str, &[&str])] = &[
    ("tbpki-base", &[]),
    ("tbpki-pki", &["tbpki-base", "tbpki-testkit"]),
    ("tbpki-mqtt", &[]),
    ("tbpki-device", &["tbpki-firmware-clock", "tbpki-firmware-keys", "tbpki-mqtt"]),
    ("tbpki-config", &["tbpki-base", "tbpki-pki"]),
    ("tbpki-ledger", &["tbpki-base", "tbpki-testkit"]),
    ("tbpki-provision", &["tbpki-base", "tbpki-pki", "tbpki-mqtt", "tbpki-testkit"]),
    ("tbpki-devkit", &["tbpki-base", "tbpki-config", "tbpki-device", "tbpki-testkit"]),
    ("tbpki-store", &["tbpki-base", "tbpki-config", "tbpki-pki", "tbpki-ledger"]),
    ("tbpki-identity", &["tbpki-base", "tbpki-config", "tbpki-pki", "tbpki-ledger", "tbpki-store"]),
    (
        "tbpki-fleet",
        &[
            "tbpki-base",
            "tbpki-config",
            "tbpki-pki",
            "tbpki-ledger",
            "tbpki-store",
            "tbpki-identity",
            "tbpki-provision",
            "tbpki-devkit",
            "tbpki-device",
        ],
    ),
    (
        "tbpki-enroll",
        &[
            "tbpki-base",
            "tbpki-config",
            "tbpki-pki",
            "tbpki-ledger",
            "tbpki-store",
            "tbpki-identity",
            "tbpki-provision",
            "tbpki-testkit",
        ],
    ),
    (
        "tbpki",
        &[
            "tbpki-base",
            "tbpki-config",
            "tbpki-pki",
            "tbpki-ledger",
            "tbpki-store",
            "tbpki-identity",
            "tbpki-provision",
            "tbpki-devkit",
            "tbpki-fleet",
            "tbpki-enroll",
        ],
    ),
    ("tbpki-tb-sim", &[]),
    ("tbpki-testkit", &[]),
    (
        "tbpki-tests",
        &["tbpki-fuzz", "tbpki-tb-sim", "tbpki-testkit", "tbpki-base", "tbpki-pki", "tbpki-device", "tbpki-devkit"],
    ),
    ("xtask", &[]),
];

/// Crates that must not be anywhere below one of ours (a star at either end matches anything), and the reason.
const NEVER_BELOW: &[(&str, &str, &str)] = &[
    ("tbpki", "tbpki-tb-sim", "the simulator is for tests"),
    ("tbpki", "tbpki-testkit", "fixtures are for tests"),
    ("tbpki", "*mbedtls*", "only devices use Mbed TLS"),
    ("tbpki-devkit", "*mbedtls*", "devkit needs only the record of a device"),
    ("tbpki-base", "x509-parser", "base contains no X.509"),
    ("tbpki-base", "rcgen", "base contains no X.509"),
    ("tbpki-ledger", "x509-parser", "the ledger handles rows, not certificates"),
    ("tbpki-pki", "rustls", "pki does not use the network"),
    ("tbpki-pki", "dialoguer", "pki has no prompts"),
    ("tbpki-ledger", "reqwest", "the ledger connects only to its database"),
    ("tbpki-ledger", "ring", "one provider of cryptography: aws-lc-rs"),
    ("tbpki-ledger", "native-tls", "one TLS: rustls"),
    ("tbpki-pki", "toml", "pki contains no configuration"),
    ("tbpki-pki", "reqwest", "pki does not use the network"),
    ("tbpki-store", "reqwest", "the store is on this machine"),
    ("tbpki-identity", "reqwest", "making an identity needs no network"),
    ("tbpki-provision", "ring", "one provider of cryptography: aws-lc-rs"),
    ("tbpki-provision", "native-tls", "one TLS: rustls"),
    ("tbpki-devkit", "reqwest", "devkit connects to chips, not to servers"),
    ("tbpki-enroll", "ring", "one provider of cryptography: aws-lc-rs"),
    ("xtask", "aws-lc-*", "setup runs before there is a C compiler"),
];

/// Foreign crates that only some crates may name, and the reason.
const NAMED_ONLY_BY: &[(&str, &[&str], &str)] = &[(
    "cryptoki",
    &["tbpki-pki", "tbpki-tests"],
    "pki::pkcs11 is the only way to a token, because it tries a PIN only once",
)];

/// The manifests outside of the workspace, each with a lock file of its own that nothing else of CI reads as it is.
const OTHER_WORKSPACES: [&str; 2] = ["crates/firmware/Cargo.toml", "fuzz/Cargo.toml"];

/// Checks all tables, and that every lock file fits its manifests.
pub(super) fn check() -> Result<()> {
    for manifest in OTHER_WORKSPACES {
        let resolve = ["metadata", "--format-version", "1", "--locked", "--manifest-path", manifest];
        cargo().args(resolve).silent().read().map_err(|error| {
            let fix = format!("cargo update --workspace --manifest-path {manifest}");
            Error::new(format!("the lock file of {manifest} does not fit: {error}")).fix(fix)
        })?;
    }
    // Without the foreign packages, which no rule of the plan is about.
    let metadata = cargo().args(["metadata", "--format-version", "1", "--no-deps", "--locked"]).silent().read()?;
    let metadata: Value = serde_json::from_str(&metadata).doing("read the output of cargo metadata")?;
    let packages = metadata.get("packages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut faults = Vec::new();
    for package in packages {
        faults.extend(against_plan(package));
    }
    let ours: BTreeSet<&str> = packages.iter().map(name).collect();
    for (package, forbidden, why) in NEVER_BELOW.iter().filter(|(package, ..)| ours.contains(package)) {
        let below = crates_below(package)?;
        let found = below.iter().filter(|name| is_like(name, forbidden));
        faults.extend(
            found.map(|name| format!("{package} must not reach {name}: {why} (cargo tree -p {package} -i {name})")),
        );
    }
    faults.extend(inside_crates()?);
    if faults.is_empty() { Ok(()) } else { Err(Error::new(faults.join("\n"))) }
}

/// The faults inside crates: imports through walls, circles of files, and folders with too many modules.
fn inside_crates() -> Result<Vec<String>> {
    let (mut measures, mut faults) = (Vec::new(), Vec::new());
    let packages = all_packages(&root())?;
    let is_gone = |wall: &&walls::Wall| !packages.iter().any(|package| package.name == wall.package);
    faults.extend(
        walls::WALLS.iter().filter(is_gone).map(|wall| format!("a wall for {}, which is no package", wall.package)),
    );
    for package in packages {
        let src = package.directory.join("src");
        if !src.is_dir() {
            continue;
        }
        let modules = modules(&src)?;
        let uses = uses(&modules);
        measures.push(shape::circles(&package.name, &modules, &uses));
        measures.extend(shape::folders(&package.name, &folders(&src)?));
        for wall in walls::WALLS.iter().filter(|wall| wall.package == package.name) {
            let (found, stale) = walls::measure(wall, &modules, &uses);
            measures.extend(found);
            faults.extend(stale);
        }
    }
    faults.extend(allowance::judge(&measures, allowance::NOT_MET_YET));
    Ok(faults)
}

/// The dependencies of one crate that are not in the plan.
fn against_plan(package: &Value) -> Vec<String> {
    let user = name(package);
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == user) else {
        return vec![format!("{user} is new: list in {} the crates that it may use", file!())];
    };
    let dependencies = package.get("dependencies").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let reserved = dependencies.iter().map(name).filter_map(|used| {
        let (_, _, why) = NAMED_ONLY_BY.iter().find(|(of, by, _)| *of == used && !by.contains(&user))?;
        Some(format!("{user} must not name {used}: {why}"))
    });
    dependencies
        .iter()
        // By a path: what comes from the registry is no crate of the plan.
        .filter(|dependency| dependency.get("path").is_some_and(Value::is_string))
        .map(name)
        .filter(|used| !allowed.contains(used))
        .map(|used| format!("{user} must not depend on {used}: dependencies point from tbpki down to base"))
        .chain(reserved)
        .collect()
}

/// The names of all crates that are linked into this one.
fn crates_below(package: &str) -> Result<BTreeSet<String>> {
    // Normal edges alone: the tests of a crate may use a simulator that the crate itself must not reach.
    let args = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", package];
    let tree = cargo().args(args).silent().read()?;
    // The first line is the package itself.
    Ok(tree.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

fn is_like(name: &str, pattern: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

fn name(value: &Value) -> &str {
    value.get("name").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_dependency_against_the_plan_is_named() {
        let ledger = json!({"name": "tbpki-ledger", "dependencies": [
            {"name": "tbpki-base", "path": "/crates/base"},
            {"name": "tbpki-fleet", "path": "/crates/fleet"},
            {"name": "rusqlite"},
        ]});
        let faults = against_plan(&ledger);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("tbpki-ledger must not depend on tbpki-fleet"));
    }

    #[test]
    fn a_crate_that_few_may_name_is_named() {
        let of = |user: &str| against_plan(&json!({"name": user, "dependencies": [{"name": "cryptoki"}]}));
        assert_eq!(of("tbpki-pki").len(), 0);
        assert!(of("tbpki-fleet")[0].contains("tbpki-fleet must not name cryptoki"));
    }

    #[test]
    fn a_star_matches_anything() {
        assert!(is_like("esp-mbedtls-sys", "*mbedtls*"));
        assert!(is_like("aws-lc-sys", "aws-lc-*"));
        assert!(!is_like("rustls-webpki", "rustls"));
    }

    #[test]
    fn a_crate_that_the_plan_does_not_know_is_named() {
        assert!(against_plan(&json!({"name": "tbpki-new", "dependencies": []}))[0].contains("is new"));
    }
}
