//! What `cargo xtask bench images` measures of ours: the NVS partition of one record, described as JSON for Espressif's
//! generator, timed in memory, or written to so many files; and an application to make images of.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a chore of this workspace, not the product"
)]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use device::Record;
use device::record::{Login, NAMESPACE, Parts, RecordValue};
use devkit::credentials;
use devkit::nvs::{self, NvsNamespace};
use serde_json::{Value as Json, json};

use devkit::chip::Chip;
use testkit::application::Sample;

const SIZE: usize = 0x6000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let record = record()?;
    match *args.as_slice() {
        ["describe"] => println!("{}", describe(&record)),
        ["time", rounds] => println!("{}", Json::from(times(&record, rounds.parse()?)?)),
        ["time-record", rounds] => println!("{}", Json::from(record_times(&record, rounds.parse()?)?)),
        ["files", directory, count] => files(&record, Path::new(directory), count.parse()?)?,
        ["application", file] => std::fs::write(file, Sample::new(Chip::Esp32C3.name()).elf())?,
        _ => {
            return Err(
                "usage: bench describe | time ROUNDS | time-record ROUNDS | files DIRECTORY COUNT | application FILE"
                    .into(),
            );
        }
    }
    Ok(())
}

/// The record of an EC device with its chain, in texts of the usual length.
fn record() -> Result<Record, Box<dyn Error>> {
    let pem = |label: &str, lines: usize| {
        // A line of PEM has 64 characters. Below, 11 lines are about a
        // root, 23 a leaf with its CA, and 3 a key on P-256.
        let line = "MIIBszCCAVmgAwIBAgIQbMl7kqUjOid3E5YuDXFm/DAKBggqhkjOPQQDAjBCMRMw";
        format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", format!("{line}\n").repeat(lines))
    };
    Ok(credentials::record(Parts {
        device_name: "pump-1".to_owned(),
        wifi_ssid: "workshop".to_owned(),
        wifi_password: "a wireless password".into(),
        host: "broker.example".to_owned(),
        port: 8883,
        ca_chain: pem("CERTIFICATE", 11),
        login: Login::Certificate { chain: pem("CERTIFICATE", 23), key: pem("PRIVATE KEY", 3).into() },
        skip_host_name_check: false,
        ntp_server: "pool.ntp.org".to_owned(),
        enrolment: None,
    })?)
}

fn describe(record: &Record) -> Json {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let entries: Vec<Json> = record
        .entries()
        .iter()
        .map(|entry| match entry.value {
            RecordValue::U8(number) => json!({"key": entry.key, "type": "u8", "value": number}),
            RecordValue::U16(number) => json!({"key": entry.key, "type": "u16", "value": number}),
            RecordValue::Str(text) => json!({"key": entry.key, "type": "string", "value": text}),
            RecordValue::Blob(bytes) => json!({"key": entry.key, "type": "hex2bin", "value": hex(bytes)}),
        })
        .collect();
    json!([{"size": SIZE, "keys": null, "namespaces": [{"name": NAMESPACE, "entries": entries}]}])
}

/// Nanoseconds for each partition, the first one unmeasured. Like Espressif's generator it is given the entries, of
/// which the record's hash is one, and writes them into memory.
fn times(record: &Record, rounds: usize) -> Result<Vec<u64>, Box<dyn Error>> {
    let entries = record.entries();
    let entries: Vec<_> = entries.iter().map(|entry| (entry.key, credentials::value(entry.value))).collect();
    let namespaces = [NvsNamespace { name: NAMESPACE, entries: &entries }];
    let mut partition = vec![0; SIZE];
    let mut times = Vec::with_capacity(rounds);
    for round in 0..=rounds {
        let start = Instant::now();
        nvs::write_into(&namespaces, &mut partition, None)?;
        let taken = start.elapsed();
        // Otherwise the compiler could leave out work whose result is not used.
        std::hint::black_box(&mut partition);
        if round > 0 {
            times.push(u64::try_from(taken.as_nanos())?);
        }
    }
    Ok(times)
}

/// The same from the record on: its hash is computed, and the partition gets memory of its own.
fn record_times(record: &Record, rounds: usize) -> Result<Vec<u64>, Box<dyn Error>> {
    let mut times = Vec::with_capacity(rounds);
    for round in 0..=rounds {
        let start = Instant::now();
        let partition = credentials::partition(record, SIZE, None)?;
        let taken = start.elapsed();
        std::hint::black_box(&partition);
        if round > 0 {
            times.push(u64::try_from(taken.as_nanos())?);
        }
    }
    Ok(times)
}

/// On all cores, each with a share of the files.
fn files(record: &Record, directory: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(directory)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = |core: usize| -> Result<(), String> {
        // Every core takes each n-th file: all are equally large, so that the shares end together.
        for number in (core..count).step_by(cores) {
            let partition = credentials::partition(record, SIZE, None).map_err(|error| error.to_string())?;
            std::fs::write(directory.join(format!("{number}.bin")), &*partition).map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..cores).map(|core| scope.spawn(move || share(core))).collect();
        running.into_iter().try_for_each(|share| share.join().map_err(|_| "a thread has panicked".to_owned())?)
    })?;
    Ok(())
}
