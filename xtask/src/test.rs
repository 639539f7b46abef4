//! `cargo xtask test`: everything that CI runs.

mod book;
pub(crate) mod changelog;
mod dependencies;
mod images;
mod links;
mod maps;
pub(crate) mod versions;

use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use crate::dist::try_test_package;
use crate::error::{Doing, Error, Result};
use crate::firmware::{Firmware, SetupXtensa};
use crate::generate::Gen;
use crate::prose::Prose;
use crate::run::{cargo, run};
use crate::setup::Setup;
use crate::setup::tool::CARGO_DENY;
use crate::workspace::{root, target};

/// Set up, then run everything that CI runs
#[derive(Args)]
pub(crate) struct Test {
    /// Run these steps only, in their usual order
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    only: Vec<Step>,

    /// Install nothing; tests fail if something is missing
    #[arg(long)]
    no_setup: bool,
}

/// The steps, the quick ones first.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    /// rustfmt changes nothing
    Format,
    /// Crates and folders use only those that they may use
    Dependencies,
    /// ARCHITECTURE.md has a map of each crate, and the files that it names exist
    Maps,
    /// CHANGELOG.md has its format, and begins with this version
    Changelog,
    /// No file uses words that are not plain technical English
    Prose,
    /// Licenses, sources and banned crates; known vulnerabilities if the database can be fetched
    Deny,
    /// clippy has no warnings
    Clippy,
    /// The documentation builds without warnings
    Docs,
    /// The book builds, and links in it and in other pages lead to files and headings
    Book,
    /// The committed reference, schemas and example follow from the code
    Generated,
    /// cargo test, fuzz corpora and end-to-end tests included
    Tests,
    /// The device's session over Mbed TLS, with a real broker
    Session,
    /// The firmware builds for every chip, checks dates if required, and is within its budgets
    Firmware,
    /// Espressif's own tool accepts flash images with that firmware
    Images,
    /// A package with that firmware has all that its program needs
    Packages,
}

impl Test {
    pub(crate) fn run(&self) -> Result<()> {
        let steps: Vec<Step> = Step::value_variants()
            .iter()
            .copied()
            .filter(|step| self.only.is_empty() || self.only.contains(step))
            .collect();
        let mut times: Vec<(String, Duration)> = Vec::new();
        // Only for steps that need it: setup may load programs from the network.
        if !self.no_setup && steps.iter().any(Step::needs_setup) {
            times.push(timed("setup", || Setup {}.run())?);
        }
        if !self.no_setup && (steps.contains(&Step::Firmware) || steps.contains(&Step::Images)) {
            times.push(timed("setup-xtensa", || SetupXtensa {}.run())?);
        }
        for step in steps {
            // The first failure ends the run: later steps take minutes and often fail for the same reason.
            times.push(timed(&name(step), || run_step(step))?);
        }
        // At the end, because the output of the steps is long and the times decide what to make faster.
        eprintln!();
        for (step, time) in times {
            eprintln!("{step:<14}{:>6.1} s", time.as_secs_f64());
        }
        Ok(())
    }
}

impl Step {
    /// True if it uses programs that `setup` installs.
    fn needs_setup(&self) -> bool {
        matches!(self, Self::Tests | Self::Session | Self::Firmware | Self::Images | Self::Packages)
    }
}

fn name(step: Step) -> String {
    step.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

fn timed(step: &str, body: impl FnOnce() -> Result<()>) -> Result<(String, Duration)> {
    eprintln!("\n== {step}");
    let start = Instant::now();
    match body() {
        Ok(()) => Ok((step.to_owned(), start.elapsed())),
        Err(error) => {
            Err(Error::new(format!("{step}: {error}"))
                .fix(format!("run this step alone: cargo xtask test --only {step}")))
        }
    }
}

fn run_step(step: Step) -> Result<()> {
    match step {
        Step::Format => format(),
        Step::Dependencies => dependencies::check(),
        Step::Maps => maps::check(),
        Step::Changelog => changelog::check(),
        Step::Prose => Prose::check().run(),
        Step::Deny => deny(),
        Step::Clippy => clippy(),
        Step::Docs => docs(),
        Step::Book => book::check(),
        Step::Generated => Gen { check: true, out: None }.run(),
        Step::Tests => tests(),
        Step::Session => session(),
        Step::Firmware => Firmware::everything().run(),
        Step::Images => images::check(),
        Step::Packages => {
            build_all()?;
            try_test_package()
        }
    }
}

fn format() -> Result<()> {
    cargo().args(["fmt", "--all", "--check"]).show()?;
    // A separate workspace, because its targets are built with other flags.
    cargo().args(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]).show()?;
    // Also a separate workspace, because it is built for chips.
    cargo().args(["fmt", "--manifest-path", "crates/firmware/Cargo.toml", "--all", "--check"]).show()
}

/// Both workspaces, each by its own `deny.toml`.
fn deny() -> Result<()> {
    let program = CARGO_DENY.program()?;
    for directory in [root(), root().join("crates/firmware")] {
        let check = |what: &[&str]| run(&program).directory(&directory).arg("check").args(what);
        check(&["bans", "licenses", "sources"]).show()?;
        match check(&["advisories"]).read() {
            Ok(_) => {}
            // A machine without a network must still be able to run all the rest; the omission stays visible.
            Err(error) if error.to_string().contains("failed to fetch advisory database") => {
                eprintln!("*************************************************************************************");
                eprintln!("*  NOT CHECKED: known vulnerabilities of dependencies. The advisory database        *");
                eprintln!("*  cannot be fetched. Run `cargo deny check advisories` with network access.        *");
                eprintln!("*************************************************************************************");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn clippy() -> Result<()> {
    cargo().args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"]).show()
}

fn docs() -> Result<()> {
    cargo()
        .args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "--deny warnings")
        .show()
}

/// Builds everything at once: a part, for example the programs alone, is built with other features, and its dependencies a
/// second time.
fn build_all() -> Result<()> {
    cargo().args(["build", "--quiet", "--workspace", "--all-targets"]).show()
}

fn tests() -> Result<()> {
    build_all()?;
    let tests = cargo().args(["test", "--workspace"]).env("TBPKI_TEST_BINARY", target()?.join("debug/tbpki"));
    match std::env::var_os("RUST_TEST_THREADS") {
        Some(_) => tests.show(),
        // Most end-to-end tests wait for another program most of the time, and leave the cores idle.
        None => {
            let cores = std::thread::available_parallelism().doing("count the cores")?.get();
            tests.env("RUST_TEST_THREADS", (2 * cores).to_string()).show()
        }
    }
}

/// A separate step, because it compiles Mbed TLS, and its feature must not be on in other builds.
fn session() -> Result<()> {
    // The whole workspace, as in the other steps: a single package is built with other features of its dependencies,
    // which would compile all of them once more.
    let session = ["--workspace", "--features", "tbpki-tests/mbedtls", "--test", "device_session"];
    // Its unit tests have this feature only here.
    cargo().args(["test", "--package", "tbpki-device", "--features", "life", "--lib"]).show()?;
    build_all()?;
    cargo().arg("clippy").arg("--quiet").args(session).args(["--", "--deny", "warnings"]).show()?;
    cargo().arg("test").args(session).env("TBPKI_TEST_BINARY", target()?.join("debug/tbpki")).show()
}
