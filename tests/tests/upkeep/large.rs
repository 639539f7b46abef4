//! The repair of a store with a hundred thousand devices.

use std::fs;
use std::time::{Duration, Instant};

use crate::scene::{Scene, lose_ledger, shown};

const DEVICES: &str = "100000";

/// The most that a repair may need in memory, in KiB: it keeps the names, and never the keys of all devices.
const MEMORY: u64 = 1 << 20;

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_hundred_thousand_devices_come_back_with_names_serials_dates_and_registrations() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    let patient = |args: &[&str]| scene.tbpki(args).patience(Duration::from_secs(1800)).run().ok();
    scene.ok(&["client", "--device", "single"]);
    patient(&["fleet", "issue", "--count", DEVICES, "--name-pattern", "s-{:06}", "--out", "fleet"]);
    patient(&["fleet", "register"]);
    let before = shown(sandbox);
    // The time of issuing is in no file: a repair takes the beginning of the validity.
    let unregistered = || {
        let listed = sandbox.ok(["list", "--unregistered", "--json"]).json();
        let rows = listed["result"]["identities"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(unregistered(), ["single"]);
    lose_ledger(sandbox);

    let start = Instant::now();
    let mut command = scene.tbpki(&["store", "repair", "--json"]).command();
    command.stdout(fs::File::create(sandbox.join("report")).unwrap());
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        peak = peak.max(memory(child.id()));
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    println!("{:?}, at most {peak} KiB", start.elapsed());
    let report: serde_json::Value = serde_json::from_slice(&sandbox.read("report")).unwrap();
    assert!(status.success(), "{report}");
    assert_eq!(report["result"]["registrations"], 100_000, "{}", report["result"]);
    let after = shown(sandbox);
    assert_eq!(after.len(), before.len());
    let different = before.iter().zip(&after).find(|(before, after)| before != after);
    assert_eq!(different, None);
    assert_eq!(unregistered(), ["single"]);
    assert!(peak < MEMORY, "{peak} KiB");
    patient(&["store", "check"]);
}

/// The peak memory of a process so far, in KiB; 0 if it has ended.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
