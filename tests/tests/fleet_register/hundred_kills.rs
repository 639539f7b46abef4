//! A run over ten thousand devices that is killed a hundred times, on a platform that fails now and then.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};
use tb_sim::{Fault, FaultKind};
use tbpki_tests::leftovers::assert_private;

use crate::Fleet;
use crate::run::{args, assert_all, ready};

const DEVICES: usize = 10_000;
const KILLS: u32 = 100;

/// The faults of the platform between two kills, each of them once.
pub(crate) const FAULTS: [FaultKind; 6] = [
    FaultKind::Status(429),
    FaultKind::DropAfter,
    FaultKind::Status(503),
    FaultKind::DropBefore,
    FaultKind::HalfAnswer,
    FaultKind::DelayAnswer(300),
];

#[test]
#[ignore = "takes minutes: cargo xtask interop"]
fn a_hundred_kills_leave_every_device_one_identity_one_credential_and_one_bundle() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    // Printed, so that a failure can be repeated with the same moments.
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let fleet = ready();
    // So that the run is not over before it was killed so often.
    fleet.sim().set_latency(Duration::from_millis(50));
    let out = fleet.sandbox.join("fleet");
    let count = DEVICES.to_string();
    let run = args(&count, &["--out", "fleet"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| watch(&out, &over));
        // Also when an assertion below fails: the watcher would never end, and with it the test.
        let over = Over(&over);
        let mut kills = 0;
        for round in 0..KILLS {
            for kind in FAULTS {
                let path = if random.bool() { "/api/device-with-credentials" } else { "/api/" };
                fleet.sim().inject(Fault::new(kind).on("POST", path).after(random.u32(0..80)));
            }
            let mut command = fleet.tbpki(&run).command();
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            thread::sleep(Duration::from_millis(random.u64(0..1000)));
            kills += u32::from(child.try_wait().unwrap().is_none());
            // One that has ended already cannot be killed.
            drop(child.kill());
            child.wait().unwrap();
            if round % 20 == 0 && out.exists() {
                assert_private(&fleet.sandbox.join("pki"), format!("kill {round}"));
                assert_private(&out, format!("kill {round}"));
            }
            fleet.sim().clear_faults();
        }
        assert_eq!(kills, KILLS, "a run was over before it was killed");
        let done = fleet.devices();
        println!("{} of {DEVICES} issued after {kills} kills", done.len());
        fleet.tbpki(&run).patience(Duration::from_secs(600)).run().ok();
        drop(over);
    });
    assert_all(&fleet, DEVICES);
    for name in fleet.sim().devices() {
        // Each save increments it: 1 means that the credential was written once, and never again.
        assert_eq!(fleet.sim().credentials(&name).unwrap().version, 1, "{name}");
    }
    assert_on_disk(&fleet, &out);
}

/// Each device has one file with its key and the leaf that the ledger knows, and one bundle.
fn assert_on_disk(fleet: &Fleet, out: &Path) {
    let names = |kind: &str| {
        let mut found = Vec::new();
        for shard in fs::read_dir(out).unwrap().map(Result::unwrap) {
            if shard.file_name().to_string_lossy().starts_with(kind) {
                let files = fs::read_dir(shard.path()).unwrap().map(|file| file.unwrap().path());
                found.extend(files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path)));
            }
        }
        found.sort();
        found
    };
    let (identities, bundles) = (names("shard-"), names("bundle-"));
    let ledger = fleet.devices();
    assert_eq!((identities.len(), bundles.len(), ledger.len()), (DEVICES, DEVICES, DEVICES));
    let mut ledger: Vec<_> =
        ledger.iter().map(|row| (row["name"].as_str().unwrap(), row["fingerprint"].as_str().unwrap())).collect();
    ledger.sort_unstable();
    for (((name, path), (bundled, _)), (known, fingerprint)) in identities.iter().zip(&bundles).zip(ledger) {
        assert_eq!((name.as_str(), bundled.as_str()), (known, known));
        let pem = fs::read(path).unwrap();
        let leaf: Certificate = PemBundle::parse(&pem).unwrap().certificates.remove(0);
        assert_eq!(leaf.fingerprint_hex(), fingerprint, "{name}");
        PrivateKey::from_pem_or_der(&pem, None).unwrap().check_belongs_to(leaf.spki_der()).unwrap();
    }
}

/// Ends the watcher.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Looks all the time whether others may read a file with a key, or enter the directory that it is in.
fn watch(out: &Path, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        private_below(out);
        thread::sleep(Duration::from_millis(1));
    }
}

fn private_below(directory: &Path) {
    // A directory that is gone again cannot be read by other users.
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        let name = entry.file_name();
        if name == "firmware" || name == "tb-server-chain.pem" {
            continue;
        }
        let mode = metadata.permissions().mode();
        assert!(mode & 0o077 == 0, "others may open {} ({mode:o})", entry.path().display());
        if metadata.is_dir() {
            private_below(&entry.path());
        }
    }
}
