//! The renewal of ten thousand devices that is killed a hundred times, and its registration on a platform that fails now
//! and then.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pki::PrivateKey;
use pki::pem_bundle::PemBundle;
use serde_json::Value;
use tb_sim::Fault;
use tbpki_tests::forge::sql;
use tbpki_tests::leftovers::assert_private;

use crate::Fleet;
use crate::hundred_kills::FAULTS;

const DEVICES: usize = 10_000;
const KILLS: u32 = 100;

const RENEW: &[&str] = &["fleet", "renew", "--job", "1", "--due", "--out", "renewed"];
const REGISTER: &[&str] = &["fleet", "register", "--pending", "--job", "2"];

/// Ten thousand devices that are registered and due.
fn due() -> Fleet {
    let fleet = Fleet::empty();
    let count = DEVICES.to_string();
    fleet.issue(&["--count", &count, "--name-pattern", "pump-{:05}", "--out", "fleet", "--days", "90"]);
    fleet.register(&[]).ok();
    let aged = "UPDATE identity SET not_before = not_before - 6912000, not_after = not_after - 6912000 \
                WHERE kind = 'device'";
    sql(&fleet.sandbox.join("pki/ledger.db"), aged);
    fleet
}

/// Starts a command and kills it within so many milliseconds. False if it had ended by then.
fn kill(fleet: &Fleet, args: &[&str], within: u64, random: &mut fastrand::Rng) -> bool {
    let mut command = fleet.tbpki(args).command();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(random.u64(0..within)));
    let was_running = child.try_wait().unwrap().is_none();
    // One that has ended already cannot be killed.
    drop(child.kill());
    child.wait().unwrap();
    was_running
}

/// The generations of each device: role, credentials id, fingerprint.
#[track_caller]
fn generations(fleet: &Fleet) -> BTreeMap<String, Vec<[String; 3]>> {
    let listed = fleet.sandbox.ok(["list", "--all", "--kind", "device", "--ndjson"]).stdout_text();
    let mut found: BTreeMap<String, Vec<[String; 3]>> = BTreeMap::new();
    for line in listed.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let generations = found.entry(text("name")).or_default();
        generations.push([text("role"), text("credentials_id"), text("fingerprint")]);
    }
    found
}

/// Stops the test unless each device has a generation in each of two roles, and no others but void ones.
#[track_caller]
fn has_roles(fleet: &Fleet, roles: [&str; 2]) -> BTreeMap<String, [[String; 3]; 2]> {
    let found = generations(fleet);
    assert_eq!(found.len(), DEVICES);
    let two = |(name, rows): (String, Vec<[String; 3]>)| {
        let rows: Vec<_> = rows.into_iter().filter(|[role, ..]| role != "void").collect();
        let rows: [[String; 3]; 2] = rows.try_into().unwrap_or_else(|rows| panic!("{name}: {rows:?}"));
        assert_eq!([rows[0][0].as_str(), rows[1][0].as_str()], roles, "{name}");
        (name, rows)
    };
    found.into_iter().map(two).collect()
}

/// The number of shards that a directory has under their own names.
fn shards(fleet: &Fleet, directory: &str) -> usize {
    // The first runs are killed before there is a directory.
    let Ok(entries) = fs::read_dir(fleet.sandbox.join(directory)) else { return 0 };
    entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("shard-")).count()
}

/// The fingerprints of the leaves in the shards of a directory, each with its key, by device.
#[track_caller]
fn on_disk(fleet: &Fleet, directory: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for shard in fs::read_dir(fleet.sandbox.join(directory)).unwrap().map(Result::unwrap) {
        if !shard.file_name().to_string_lossy().starts_with("shard-") {
            continue;
        }
        for file in fs::read_dir(shard.path()).unwrap().map(|file| file.unwrap().path()) {
            let pem = fs::read(&file).unwrap();
            let leaf = PemBundle::parse(&pem).unwrap().certificates.remove(0);
            PrivateKey::from_pem_or_der(&pem, None).unwrap().check_belongs_to(leaf.spki_der()).unwrap();
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let twice = found.insert(name, leaf.fingerprint_hex());
            assert!(twice.is_none(), "{} has two identities", file.display());
        }
    }
    found
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_hundred_kills_leave_every_device_one_renewal_and_one_credential() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let fleet = due();
    let first = on_disk(&fleet, "fleet");
    let (mut kills, mut within) = (0, 50);
    while kills < KILLS / 2 {
        let before = shards(&fleet, "renewed");
        if !kill(&fleet, RENEW, within, &mut random) {
            break;
        }
        kills += 1;
        // How fast shards are made depends on the machine. Most kills must come in the middle of one, because a run
        // that ends ten shards is over.
        within = if shards(&fleet, "renewed") > before { within / 2 + 1 } else { within + within / 8 + 1 };
        if kills % 20 == 0 {
            assert_private(&fleet.sandbox.join("pki"), format!("kill {kills}"));
        }
    }
    println!("{kills} kills of the renewal");
    assert!(kills >= 10, "the renewal was over after {kills} kills");
    fleet.tbpki(RENEW).patience(Duration::from_secs(600)).run().ok();
    // The renewals wait, the platform has what it had, and no key is gone.
    let waiting = has_roles(&fleet, ["current", "pending"]);
    let renewed = on_disk(&fleet, "renewed");
    assert_eq!(on_disk(&fleet, "fleet"), first);
    assert_eq!((renewed.len(), first.len()), (DEVICES, DEVICES));
    for (name, [current, pending]) in &waiting {
        assert_eq!((&first[name], &renewed[name]), (&current[2], &pending[2]), "{name}");
        assert_eq!(fleet.sim().credentials(name).unwrap().id, current[1], "{name}");
    }

    // So that the run is not over before it was killed so often.
    fleet.sim().set_latency(Duration::from_millis(50));
    while kills < KILLS {
        for kind in FAULTS {
            let path = if random.bool() { "/api/device/credentials" } else { "/api/" };
            fleet.sim().inject(Fault::new(kind).on("POST", path).after(random.u32(0..80)));
        }
        assert!(kill(&fleet, REGISTER, 1000, &mut random), "the registration was over after {kills} kills");
        kills += 1;
        fleet.sim().clear_faults();
    }
    fleet.sim().set_latency(Duration::ZERO);
    fleet.tbpki(REGISTER).patience(Duration::from_secs(600)).run().ok();
    let done = has_roles(&fleet, ["superseded", "current"]);
    for (name, [old, current]) in &done {
        assert_eq!((&waiting[name][0][2], &waiting[name][1][2]), (&old[2], &current[2]), "{name}");
        let stored = fleet.sim().credentials(name).unwrap();
        assert_eq!((&stored.id, stored.version), (&current[1], 2), "{name}");
    }
    assert_eq!((on_disk(&fleet, "fleet"), on_disk(&fleet, "renewed")), (first, renewed));
    fleet.sandbox.ok(["store", "check"]);
}
