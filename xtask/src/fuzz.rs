//! `cargo xtask fuzz`: libFuzzer behind every parser of outside input.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Doing, Error, Result};
use crate::run::{cargo, run};
use crate::workspace::{root, target};

/// Coverage feedback for libFuzzer. The fuzzed code has no `unsafe`, so it needs no address sanitizer, which only a
/// nightly compiler has.
const INSTRUMENTATION: &[&str] = &[
    // Key derivations have fewer rounds, because the time is for the parsers.
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    // Several units per crate would lose counters when they are linked.
    "-Ccodegen-units=1",
];

/// The longest input, in bytes. The effects of size show well below it.
const MAX_INPUT: &str = "65536";

/// Fuzz the parsers of outside input, or replay their corpora
#[derive(Args)]
#[command(long_about = "Fuzz the parsers of outside input.\n\n\
    Each target starts from its corpus in fuzz/corpus; new inputs are kept in cargo's target directory \
    and used again the next time. An input that stops a parser, makes it slow or makes it large ends the run and \
    is written to target/fuzz/artifacts.")]
pub(crate) struct Fuzz {
    /// The target: a directory of fuzz/corpus; without it, all of them in turn
    target: Option<String>,

    /// Seconds for each target
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u32,

    /// Run the corpora and nothing else, as CI does: on an ordinary build, as a test
    #[arg(long, conflicts_with_all = ["target", "seconds"])]
    replay: bool,
}

impl Fuzz {
    pub(crate) fn run(&self) -> Result<()> {
        if self.replay {
            return cargo().args(["test", "--workspace", "--test", "repository", "fuzz_corpora"]).show();
        }
        let known = targets()?;
        let chosen = match &self.target {
            None => known,
            Some(name) if known.contains(name) => vec![name.clone()],
            Some(name) => {
                return Err(Error::new(format!("unknown target {name}")).fix(format!("one of {}", known.join(", "))));
            }
        };
        let program = build()?;
        for name in chosen {
            self.fuzz(&program, &name)?;
        }
        Ok(())
    }

    fn fuzz(&self, program: &Path, name: &str) -> Result<()> {
        let found = target()?.join("fuzz/corpus").join(name);
        let artifacts = target()?.join("fuzz/artifacts").join(name);
        for directory in [&found, &artifacts] {
            fs::create_dir_all(directory).doing(format!("make {}", directory.display()))?;
        }
        eprintln!("\n== {name}, {} s", self.seconds);
        run(program)
            .arg(format!("-max_total_time={}", self.seconds))
            .arg(format!("-max_len={MAX_INPUT}"))
            // A second is long for a parser of 64 KiB; ten allow for a loaded machine and still find what is quadratic.
            .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1", "-verbosity=0"])
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .arg(&found)
            // libFuzzer writes to the first directory alone, so the committed corpus stays as it is.
            .arg(root().join("fuzz/corpus").join(name))
            .env("TBPKI_FUZZ_TARGET", name)
            .show()
            .map_err(|error| {
                Error::new(format!("{name}: {error}")).fix(format!(
                    "the input is in {}; fix the parser, then copy the input to fuzz/corpus/{name} under a name that describes it",
                    artifacts.display()
                ))
            })
    }
}

/// The names of the corpora, sorted.
fn targets() -> Result<Vec<String>> {
    let corpora = root().join("fuzz/corpus");
    let entries = fs::read_dir(&corpora).doing(format!("list {}", corpora.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok().filter(|entry| entry.path().is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Builds the program that holds all targets.
fn build() -> Result<PathBuf> {
    let host = host()?;
    let directory = target()?.join("fuzz");
    eprintln!("fuzz: building with coverage; the first time this takes some minutes");
    cargo()
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--manifest-path",
            "fuzz/Cargo.toml",
            "--features",
            "libfuzzer",
        ])
        // With a target named, build scripts and macros are built without the instrumentation.
        .args(["--target", &host, "--target-dir"])
        .arg(&directory)
        .env("RUSTFLAGS", INSTRUMENTATION.join(" "))
        .show()?;
    Ok(directory.join(host).join("release/fuzz-target"))
}

/// This machine's target triple.
fn host() -> Result<String> {
    let version = run("rustc").arg("--version").arg("--verbose").silent().read()?;
    version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| Error::new("rustc --version --verbose has no line \"host:\""))
}
