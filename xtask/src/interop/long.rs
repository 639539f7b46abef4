//! The long tests of one subject, one by one, with the time of each.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::{Doing, Error, Result};
use crate::run::cargo;

/// A group of long tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// The word for it on the command line.
    pub(super) word: &'static str,
    /// The beginning of the names of its tests, behind their modules.
    prefix: &'static str,
    /// Its subject.
    subject: &'static str,
}

/// All groups.
pub(super) const GROUPS: [Group; 2] = [
    Group { word: "life", prefix: "life_", subject: "an identity's life" },
    Group { word: "enroll", prefix: "enroll_", subject: "enrolment" },
];

/// The package of the tests.
const PACKAGE: &str = "tbpki-tests";

/// A long test.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LongTest {
    /// The target that has it, as cargo names it.
    target: String,
    /// Its name with its modules.
    name: String,
}

/// Runs those of a group whose names contain `only`. A test that fails does not keep the others from running.
pub(super) fn run(group: Group, only: Option<&str>) -> Result<()> {
    let metadata = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).silent().read()?;
    let metadata: Value = serde_json::from_str(&metadata).doing("read the output of cargo metadata")?;
    // Once for all targets: the calls below find everything built, so that the times are those of the tests.
    cargo().args(["test", "--package", PACKAGE, "--tests", "--no-run"]).show()?;
    let mut tests = Vec::new();
    for target in targets(&metadata) {
        let list = ["--", "--list", "--ignored", "--format", "terse"];
        let list =
            cargo().args(["test", "--quiet", "--package", PACKAGE, "--test", &target]).args(list).silent().read()?;
        tests.extend(
            long_tests(group, &target, &list)
                .into_iter()
                .filter(|test| only.is_none_or(|only| test.name.contains(only))),
        );
    }
    if tests.is_empty() {
        return Err(Error::new("no long test has such a name"));
    }
    let mut times = Vec::new();
    for test in tests {
        let begun = Instant::now();
        let args = ["test", "--quiet", "--package", PACKAGE, "--test", &test.target, "--", "--ignored", "--exact"];
        let outcome = cargo().args(args).arg(&test.name).show();
        let line = line(&test, outcome.is_ok(), begun.elapsed());
        println!("{line}");
        times.push((outcome.is_ok(), line));
    }
    println!("\nlong tests of {}:", group.subject);
    times.iter().for_each(|(_, line)| println!("{line}"));
    match times.iter().filter(|(is_passed, _)| !is_passed).count() {
        0 => Ok(()),
        failed => Err(Error::new(format!("{failed} of {} long tests failed", times.len()))),
    }
}

/// The test targets of the package.
fn targets(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let targets =
        packages.filter(|package| package["name"] == PACKAGE).filter_map(|package| package["targets"].as_array());
    // A target with required features is not built without them, and cargo refuses to be asked for it.
    let is_test = |target: &&Value| {
        target["required-features"].as_array().is_none_or(Vec::is_empty)
            && target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "test"))
    };
    targets.flatten().filter(is_test).filter_map(|target| target["name"].as_str()).map(str::to_owned).collect()
}

/// The long tests in the list that libtest prints of a target.
fn long_tests(group: Group, target: &str, list: &str) -> Vec<LongTest> {
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let is_long = |name: &&str| name.rsplit("::").next().is_some_and(|last| last.starts_with(group.prefix));
    names.filter(is_long).map(|name| LongTest { target: target.to_owned(), name: name.to_owned() }).collect()
}

/// The line about a test that has run.
fn line(test: &LongTest, is_passed: bool, time: Duration) -> String {
    let outcome = if is_passed { "passed" } else { "FAILED" };
    format!("{outcome} {:>8.1} s  {}: {}", time.as_secs_f64(), test.target, test.name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_prefix_counts_only_at_the_beginning_of_the_name() {
        let list = "years::life_a_store_lives_32_years: test\nlife_x: test\nlife_mod::other: test\na_life_b: test\n\n3 tests\n";
        let names: Vec<String> = long_tests(GROUPS[0], "lifecycle", list).into_iter().map(|test| test.name).collect();
        assert_eq!(names, ["years::life_a_store_lives_32_years", "life_x"]);
    }

    #[test]
    fn only_test_targets_of_the_package_are_asked() {
        let target = |name: &str, kind: &str| json!({"name": name, "kind": [kind]});
        let session = json!({"name": "device_session", "kind": ["test"], "required-features": ["mbedtls"]});
        let metadata = json!({"packages": [
            {"name": PACKAGE, "targets": [target("tests", "lib"), target("lifecycle", "test"), session, target("killed", "test")]},
            {"name": "other", "targets": [target("unit", "test")]},
        ]});
        assert_eq!(targets(&metadata), ["lifecycle", "killed"]);
    }

    #[test]
    fn a_line_has_outcome_time_and_place() {
        let test = LongTest { target: "lifecycle".to_owned(), name: "years::life_x".to_owned() };
        assert_eq!(line(&test, true, Duration::from_millis(12_340)), "passed     12.3 s  lifecycle: years::life_x");
        assert_eq!(line(&test, false, Duration::ZERO), "FAILED      0.0 s  lifecycle: years::life_x");
    }
}
