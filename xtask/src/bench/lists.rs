//! Verbs that read every device of the ledger: twenty times the devices may take about twenty times the processor time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::measure::{verdict, watch};
use super::programs;
use super::scratch::Scratch;
use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::target;

/// The sizes of the two fleets.
const FEW: u32 = 10_000;
const MANY: u32 = 200_000;

/// The most times the processor time, for twenty times the devices.
const MOST: f64 = 25.0;

/// Of several runs the shortest counts: other programs only lengthen one.
const RUNS: u32 = 3;

/// What is measured.
const VERBS: &[(&str, &[&str])] = &[
    ("list", &["list", "--csv"]),
    ("list --kind device", &["list", "--csv", "--kind", "device"]),
    ("list --unregistered", &["list", "--csv", "--unregistered"]),
    ("list --unbundled", &["list", "--csv", "--unbundled"]),
    ("list --state issued", &["list", "--csv", "--state", "issued"]),
    ("list --job", &["list", "--csv", "--job", "1"]),
    ("report", &["report", "--out", "fleet.html", "--force"]),
    ("fleet issue --results", &["fleet", "issue", "--resume", "1", "--results", "results"]),
    (
        "bundle-firmware --all --dry-run",
        &[
            "bundle-firmware",
            "--all",
            "--dry-run",
            "--json",
            "--chip",
            "esp32c3",
            "--app",
            "app.elf",
            "--broker",
            "tb.example",
            "--wifi-ssid",
            "workshop",
            "--wifi-password-file",
            "wifi",
        ],
    ),
];

pub(super) fn compare(strict: bool) -> Result<()> {
    programs::build()?;
    programs::build_example("tbpki-devkit")?;
    let scratch = Scratch::new("lists")?;
    let stores = [FEW, MANY].map(|count| store(scratch.path(), count));
    let [few, many] = stores;
    let (few, many) = (few?, many?);
    println!("Processor time in seconds, the shortest of {RUNS} runs:\n");
    println!("{:<34}{FEW:>12}{MANY:>12}{:>8}", "", "times");
    let mut reached = true;
    for (name, args) in VERBS {
        let (few, many) = (shortest(&few, args)?, shortest(&many, args)?);
        let times = many / few;
        println!("{name:<34}{few:>12.2}{many:>12.2}{times:>8.1}");
        reached &= verdict(times <= MOST, &format!("at most {MOST} times"));
    }
    if strict && !reached { Err(Error::new("a target was missed")) } else { Ok(()) }
}

/// A store with a fleet of this size in an archive.
fn store(scratch: &Path, count: u32) -> Result<PathBuf> {
    let directory = scratch.join(count.to_string());
    fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
    fs::write(directory.join("wifi"), "a password\n").doing("write the password")?;
    let bench = target()?.join("release/examples/bench");
    run(bench).arg("application").arg(directory.join("app.elf")).silent().read()?;
    watch(&mut tbpki(&directory, &["init", "--quiet", "--no-input", "--insecure-no-passphrase"])?)?;
    let (count, names) = (count.to_string(), "sensor-{:07}");
    let issue = ["fleet", "issue", "--quiet", "--count", &count, "--name-pattern", names, "--archive", "fleet.tar"];
    watch(&mut tbpki(&directory, &issue)?)?;
    Ok(directory)
}

fn shortest(store: &Path, args: &[&str]) -> Result<f64> {
    let mut shortest = f64::INFINITY;
    for _ in 0..RUNS {
        // A verb that replaces the files of an earlier run would measure that too.
        let results = store.join("results");
        if results.exists() {
            fs::remove_dir_all(&results).doing("remove earlier results")?;
        }
        shortest = shortest.min(watch(&mut tbpki(store, args)?)?.cpu.as_secs_f64());
    }
    // The kernel counts in steps of 10 ms. A shorter run would be 0, and the ratio infinite.
    Ok(shortest.max(0.01))
}

fn tbpki(store: &Path, args: &[&str]) -> Result<Command> {
    let mut command = Command::new(target()?.join("release/tbpki"));
    command.args(args).current_dir(store);
    Ok(command)
}
