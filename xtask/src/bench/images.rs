//! NVS partitions against Espressif's generator, and the flash images of a fleet against the disk.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::measure::{Target, Watched, report, summarize, verdict, watch};
use super::programs;
use super::scratch::Scratch;
use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::{oracles, root, target};

const LIBRARY: &str = "esp-idf-nvs-partition-gen, library";
const PROCESS: &str = "esp-idf-nvs-partition-gen, a run";
const RAW: &str = "as many files, written and synced";

/// The turns of both sides within a measurement.
const TURNS: u32 = 5;

/// The fleet.
const DEVICES: u32 = 1000;

/// A fleet that is small enough to show what memory one device takes.
const FEW: u32 = 10;

/// The additional memory allowed for a hundred times as many devices, in KiB: their names, and the report.
const MEMORY_MARGIN_KIB: u64 = 4096;

const FLASH_BYTES: usize = 4 << 20;

pub(super) fn compare(rounds: u32, strict: bool) -> Result<()> {
    programs::build()?;
    programs::build_example("tbpki-devkit")?;
    let scratch = Scratch::new("images")?;
    let directory = scratch.path();
    let bench = target()?.join("release/examples/bench");
    let described = directory.join("record.json");
    write(&described, &run(&bench).arg("describe").read()?)?;

    let reached = one_record(rounds, &bench, &described)?
        & thousand_partitions(rounds, &bench, &described, directory)?
        & thousand_images(&bench, directory)?;
    if strict && !reached { Err(Error::new("a target was missed")) } else { Ok(()) }
}

/// One partition in memory, both sides warm and in a process of their own, which take turns.
fn one_record(rounds: u32, bench: &Path, described: &Path) -> Result<bool> {
    let (mut ours, mut with_hash, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    // Ours is at least fifty times faster, so more rounds take no longer.
    let many = (rounds * 20).to_string();
    for _ in 0..TURNS {
        ours.extend(times(&run(bench).args(["time", &many]).silent().read()?)?);
        with_hash.extend(times(&run(bench).args(["time-record", &many]).silent().read()?)?);
        theirs.extend(times(&python(described, &["--time", &rounds.to_string()])?)?);
    }
    // The generator is given the record's hash with the other entries, and so are we in the first row.
    let measured = [
        summarize("devkit::nvs", ours)?,
        summarize("... the record's hash included", with_hash)?,
        summarize(LIBRARY, theirs)?,
    ];
    let title = "The NVS partition of one record (24 KiB), in memory, both warm and in-process";
    Ok(report(title, &measured, &[Target { contender: LIBRARY, at_least: 50.0 }]))
}

/// A thousand partitions in files, of one process of ours, against a run of the generator for each.
fn thousand_partitions(rounds: u32, bench: &Path, described: &Path, directory: &Path) -> Result<bool> {
    let csv = directory.join("record.csv");
    write(&csv, &csv_of(&fs::read_to_string(described).doing("read the record")?)?)?;
    let generator = oracles()?.join("venv/bin/python");
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        // New files on both sides, and none deleted in between: ext4 makes files many times slower after that.
        let partitions = directory.join(format!("partitions-{turn}"));
        let start = Instant::now();
        run(bench).arg("files").arg(&partitions).arg(DEVICES.to_string()).silent().read()?;
        ours.push(start.elapsed() / DEVICES);
        // A start of Python takes most of the time of a run, so a few are enough for a median.
        for _ in 0..(rounds / TURNS).clamp(1, 10) {
            let start = Instant::now();
            let module = ["-m", "esp_idf_nvs_partition_gen", "generate"];
            let files = [csv.as_path(), &directory.join("theirs.bin")];
            run(&generator).args(module).args(files).arg("0x6000").silent().read()?;
            theirs.push(start.elapsed());
        }
    }
    // A faster generator that writes something else would prove nothing.
    let same = fs::read(directory.join("theirs.bin")).doing("read their partition")?
        == fs::read(directory.join("partitions-0/0.bin")).doing("read our partition")?;
    if !same {
        return Err(Error::new("the two partitions are not the same"));
    }
    let measured = [summarize("1,000 partitions of one process, each", ours)?, summarize(PROCESS, theirs)?];
    let title = "NVS partitions in files: ours of a thousand in one process, theirs in a process each";
    Ok(report(title, &measured, &[Target { contender: PROCESS, at_least: 1000.0 }]))
}

/// The merged 4 MB images of a thousand devices, against the disk, and the memory against that of a few.
fn thousand_images(bench: &Path, directory: &Path) -> Result<bool> {
    let fleet = directory.join("fleet");
    fs::create_dir_all(&fleet).doing("make the directory of the fleet")?;
    let tbpki =
        |args: &[&str]| run(target()?.join("release/tbpki")).directory(&fleet).args(args).silent().read().map(drop);
    tbpki(&["init", "--no-input", "--insecure-no-passphrase"])?;
    run(bench).arg("application").arg(fleet.join("app.elf")).silent().read()?;
    let mut few = Watched::default();
    for number in 1..=DEVICES {
        tbpki(&["client", "--device", &format!("pump-{number}")])?;
        // From the same store, before the other devices exist: the two runs differ only in their number of devices.
        if number == FEW {
            few = bundle(&fleet, "few")?;
        }
    }
    let all = bundle(&fleet, "all")?;
    let raw = raw(&directory.join("raw"))?;
    let each = |time: Duration| time / DEVICES;
    let measured =
        [summarize("tbpki bundle-firmware --all, each", vec![each(all.wall)])?, summarize(RAW, vec![each(raw)])?];
    let fast = report(
        "1,000 devices' merged images of 4 MB, in files",
        &measured,
        // At most 1.5 times as long.
        &[Target { contender: RAW, at_least: 0.667 }],
    );
    println!("peak memory: {} KiB for {FEW} devices, {} KiB for {DEVICES}", few.peak_kib, all.peak_kib);
    let constant = all.peak_kib <= few.peak_kib + MEMORY_MARGIN_KIB;
    Ok(fast & verdict(constant, "constant memory"))
}

/// Makes the images of all devices in the store.
fn bundle(fleet: &Path, out: &str) -> Result<Watched> {
    let args = ["bundle-firmware", "--quiet", "--all", "--chip", "esp32c3", "--app", "app.elf", "--whole-flash"];
    watch(
        Command::new(target()?.join("release/tbpki"))
            .args(args)
            .args(["--broker", "broker.example", "--wifi-ssid", "workshop", "--out", out])
            .current_dir(fleet),
    )
}

/// The time of the disk for as many files of the same size, each synced as those of tbpki.
fn raw(directory: &Path) -> Result<Duration> {
    fs::create_dir_all(directory).doing("make a directory")?;
    // Erased flash is all ones, and so is most of an image.
    let bytes = vec![0xFF; FLASH_BYTES];
    let start = Instant::now();
    // The floor for any program that writes these files durably.
    for number in 0..DEVICES {
        let path = directory.join(format!("{number}.bin"));
        let doing = || format!("write {}", path.display());
        let mut file = File::create(&path).doing(doing())?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).doing(doing())?;
    }
    Ok(start.elapsed())
}

fn python(described: &Path, args: &[&str]) -> Result<String> {
    let script = root().join("tests/clients/python/nvs_generate.py");
    let input = File::open(described).doing(format!("open {}", described.display()))?;
    let output = Command::new(oracles()?.join("venv/bin/python"))
        .arg(script)
        .args(args)
        .stdin(input)
        .output()
        .doing("start Espressif's generator")?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::new(format!("Espressif's generator failed:\n{}", String::from_utf8_lossy(&output.stderr))))
}

fn times(json: &str) -> Result<Vec<Duration>> {
    let times: Vec<u64> = serde_json::from_str(json).doing("read the times")?;
    Ok(times.into_iter().map(Duration::from_nanos).collect())
}

/// The record as the generator's own command line takes it.
fn csv_of(described: &str) -> Result<String> {
    let wanted: Value = serde_json::from_str(described).doing("read the record")?;
    let namespace = wanted.pointer("/0/namespaces/0").unwrap_or(&Value::Null);
    let text = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let mut csv = format!("key,type,encoding,value\n{},namespace,,\n", text(namespace.get("name")));
    for entry in namespace.get("entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let [key, kind, value] = ["key", "type", "value"].map(|field| text(entry.get(field)));
        csv.push_str(&format!("{key},data,{kind},{value}\n"));
    }
    Ok(csv)
}

fn write(path: &PathBuf, text: &str) -> Result<()> {
    fs::write(path, text).doing(format!("write {}", path.display()))
}
