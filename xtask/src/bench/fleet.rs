//! Identities by the hundred thousand, compared with the limit, the disk and other tools.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::measure::{Watched, verdict, watch};
use super::peers::{Openssl, cryptography};
use super::programs;
use super::register::{LATENCY_MS, REACHED, measured};
use super::scratch::Scratch;
use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::target;

/// The rounds of one turn, which takes as long as many rounds of the other benchmarks. Results are medians of turns.
const ROUNDS_A_TURN: u32 = 15;

/// Identities that one turn makes in memory, on all cores together.
const IN_MEMORY: u32 = 100_000;

/// Identities that one turn writes to an archive, or to shards of files.
const ON_DISK: u32 = 100_000;

/// Identities that openssl and Python make in a turn.
const BY_OPENSSL: u32 = 20;
const BY_PYTHON: u32 = 10_000;

/// The sizes of two fleets that must need about the same memory.
const FEW: u32 = 10_000;
const MANY: u32 = 1_000_000;

/// Identities that are registered.
const REGISTERED: u32 = 10_000;

/// Connections for the registration. A real server is no faster with more.
const CONNECTIONS: u32 = 32;

/// Required results: share of the limit per core, in memory and in an archive; identities a second on two cores; ratios to
/// other tools; ratio of memory.
const OF_LIMIT: f64 = 0.9;
const ARCHIVE_OF_LIMIT: f64 = 0.6;
const SHARDS: f64 = 10_000.0;
const ARCHIVE: f64 = 40_000.0;
const OPENSSL: f64 = 500.0;
const PYTHON: f64 = 3.0;
const MEMORY: f64 = 1.5;

pub(super) fn compare(rounds: u32, strict: bool) -> Result<()> {
    programs::build()?;
    programs::build_example("tbpki-pki")?;
    let mut area = Area::new()?;
    let turns = (rounds / ROUNDS_A_TURN).max(1);
    println!("All take turns, {turns} of them, every run in a new directory of {}.", area.scratch.path().display());
    // `&` and not `&&`: all three are measured and printed, even if the first misses its target.
    let reached = rates(&mut area, turns)? & memory(&mut area)? & registration(&mut area)?;
    if strict && !reached { Err(Error::new("a target was missed")) } else { Ok(()) }
}

/// Identities a second, of tbpki and of other tools.
fn rates(area: &mut Area, turns: u32) -> Result<bool> {
    let openssl = Openssl::prepare(&area.next("openssl"))?;
    let mut all = Measured::default();
    // In turns, so that a slow minute of the machine touches all of them.
    for _ in 0..turns {
        let rates = in_memory()?;
        all.limit.add(number(&rates, "limit")?);
        all.template.add(number(&rates, "template")?);
        all.ordinary.add(number(&rates, "ordinary")?);
        all.python.add(cryptography(BY_PYTHON)?);
        for (layout, rates, cpu) in [
            (["--archive", "fleet.tar"], &mut all.archive, &mut all.archive_cpu),
            (["--out", "fleet"], &mut all.shards, &mut all.shards_cpu),
        ] {
            let watched = area.store("disk")?.issue(ON_DISK, &layout)?;
            rates.add(rate(ON_DISK, watched.wall));
            cpu.add(watched.cpu.as_secs_f64() / f64::from(ON_DISK) * 1e6);
        }
        let start = Instant::now();
        (0..BY_OPENSSL).try_for_each(|_| openssl.make())?;
        all.openssl.add(rate(BY_OPENSSL, start.elapsed()));
    }

    let (limit, template, python) = (all.limit.median(), all.template.median(), all.python.median());
    println!("\nEC P-256 identities in memory, {IN_MEMORY} a turn, each second of each core:");
    row("limit: key generation and one signature", limit);
    row("by template: subject, key, leaf, ids", template);
    row("by the path of one device", all.ordinary.median());
    row("Python cryptography", python);
    let of_limit = template / limit;
    println!("the template reaches {:.0}% of the limit, {:.1} times Python", of_limit * 100.0, template / python);
    let reached = verdict(of_limit >= OF_LIMIT, &format!("at least {:.0}% of the limit", OF_LIMIT * 100.0))
        & verdict(template / python >= PYTHON, &format!("at least {PYTHON} times Python"));

    let (shards, archive, openssl) = (all.shards.median(), all.archive.median(), all.openssl.median());
    println!("\nOn disk, synced, with the ledger, {ON_DISK} a turn, each second from start to end of the process:");
    row("tbpki fleet issue --out, a PEM each", shards);
    row("tbpki fleet issue --archive", archive);
    row("openssl ecparam, req, x509; not synced", openssl);
    let (of_shards, of_archive) = (all.shards_cpu.median(), all.archive_cpu.median());
    println!("of all cores together, each takes {of_shards:.1} us in files and {of_archive:.1} us in the archive");
    let archive_of_limit = 1e6 / limit / of_archive;
    println!("processor time in the archive: {:.0}% is key generation and signature", archive_of_limit * 100.0);
    println!("an archive takes in {:.0} times as many as openssl makes", archive / openssl);
    Ok(reached
        & verdict(shards >= SHARDS, &format!("at least {SHARDS:.0} in files"))
        & verdict(archive >= ARCHIVE, &format!("at least {ARCHIVE:.0} into an archive"))
        & verdict(archive_of_limit >= ARCHIVE_OF_LIMIT, &format!("at least {:.0}% of it", ARCHIVE_OF_LIMIT * 100.0))
        & verdict(archive / openssl >= OPENSSL, &format!("at least {OPENSSL} times openssl")))
}

fn in_memory() -> Result<Value> {
    // One thread a core: the limit that the rates are compared with is that of a core.
    let cores = std::thread::available_parallelism().doing("count the cores")?.to_string();
    let bench = target()?.join("release/examples/bench");
    let output = run(bench).args(["memory", &IN_MEMORY.to_string(), &cores]).silent().read()?;
    serde_json::from_str(&output).doing("read the rates in memory")
}

/// The memory of a small fleet and of a large one.
fn memory(area: &mut Area) -> Result<bool> {
    let few = area.store("few")?.issue(FEW, &["--archive", "fleet.tar"])?;
    let store = area.store("many")?;
    let many = store.issue(MANY, &["--archive", "fleet.tar"])?;
    let archive = fs::metadata(store.directory.join("fleet.tar")).doing("look at the archive")?.len();
    println!("\nA million names into an archive: {:.1} s, {} MB", many.wall.as_secs_f64(), archive / 1_000_000);
    // The ratio and not a limit in KiB, which the allocator and the machine would decide.
    let times = many.peak_kib as f64 / few.peak_kib as f64;
    println!("peak memory: {} KiB for {FEW}, {} KiB for {MANY}: {times:.2} times", few.peak_kib, many.peak_kib);
    Ok(verdict(times <= MEMORY, &format!("at most {MEMORY} times")))
}

/// Registration, compared with the rate that the latency and the number of connections allow.
fn registration(area: &mut Area) -> Result<bool> {
    let store = area.store("registered")?;
    store.issue(REGISTERED, &["--archive", "fleet.tar"])?;
    fs::write(store.directory.join("password"), "tenant\n").doing("write the password")?;
    let (watched, calls) = measured(|sim| {
        let args = ["fleet", "register", "--quiet", "--platform-url", &sim.url, "--platform-user", &sim.user];
        watch(store.command(&args)?.args([
            "--platform-password-file",
            "password",
            "--connections",
            &CONNECTIONS.to_string(),
        ]))
    })?;
    // Rounded, because some calls are for the whole fleet and not for a device.
    let a_device = (f64::from(calls) / f64::from(REGISTERED)).round();
    let allowed = f64::from(CONNECTIONS) / (a_device * f64::from(LATENCY_MS) / 1000.0);
    let rate = rate(REGISTERED, watched.wall);
    println!("\n{REGISTERED} devices, tb-sim answering {LATENCY_MS} ms late, {CONNECTIONS} requests at once:");
    row("tbpki fleet register", rate);
    let share = rate / allowed;
    println!("{a_device:.0} calls a device allow {allowed:.0} devices/s; reached are {:.0}%", share * 100.0);
    Ok(verdict(share >= REACHED, &format!("at least {:.0}%", REACHED * 100.0)))
}

/// The directory of the runs.
struct Area {
    scratch: Scratch,
    runs: u32,
}

impl Area {
    fn new() -> Result<Self> {
        Ok(Self { scratch: Scratch::new("fleet")?, runs: 0 })
    }

    fn next(&mut self, name: &str) -> PathBuf {
        self.runs += 1;
        self.scratch.path().join(format!("{}-{name}", self.runs))
    }

    fn store(&mut self, name: &str) -> Result<Store> {
        let directory = self.next(name);
        fs::create_dir_all(&directory).doing(format!("make {}", directory.display()))?;
        let store = Store { directory };
        // Without a passphrase: its derivation takes a part of a second by design, which is no work of the fleet.
        watch(&mut store.command(&["init", "--quiet", "--no-input", "--insecure-no-passphrase"])?)?;
        Ok(store)
    }
}

/// A store that contains only its CAs.
struct Store {
    directory: PathBuf,
}

impl Store {
    fn issue(&self, count: u32, layout: &[&str]) -> Result<Watched> {
        let count = count.to_string();
        let names = ["fleet", "issue", "--quiet", "--count", &count, "--name-pattern", "sensor-{:07}"];
        watch(self.command(&names)?.args(layout))
    }

    fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(program()?);
        command.args(args).current_dir(&self.directory);
        Ok(command)
    }
}

fn program() -> Result<PathBuf> {
    Ok(target()?.join("release/tbpki"))
}

/// The results of the turns, in identities a second unless the name states another unit.
#[derive(Default)]
struct Measured {
    limit: Rates,
    template: Rates,
    ordinary: Rates,
    python: Rates,
    archive: Rates,
    shards: Rates,
    /// In microseconds for each.
    archive_cpu: Rates,
    shards_cpu: Rates,
    openssl: Rates,
}

/// The rates of several turns.
#[derive(Default)]
struct Rates(Vec<f64>);

impl Rates {
    fn add(&mut self, rate: f64) {
        self.0.push(rate);
    }

    fn median(mut self) -> f64 {
        // The median, because one run that waits for the disk would spoil a mean.
        self.0.sort_by(f64::total_cmp);
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }
}

fn rate(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64()
}

fn row(name: &str, rate: f64) {
    println!("{name:<42}{rate:>10.0}");
}

fn number(rates: &Value, name: &str) -> Result<f64> {
    rates.get(name).and_then(Value::as_f64).ok_or_else(|| Error::new(format!("{name} was not measured")))
}
