//! Three stations make one fleet, and one of them is killed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use devkit::chip::Chip;
use pki::PrivateKey;
use pki::pem_bundle::PemBundle;
use tb_sim::Settings;
use tbpki_tests::leftovers::assert_private;
use tbpki_tests::platform::{Platform, eventually};
use tbpki_tests::{Sandbox, Tool};
use testkit::application::Sample;

use super::{SHARED, names, station};

// Two shards for each of the three stations: the one that is killed has only begun.
const DEVICES: usize = 6000;

const RUN: &[&str] = &[
    "fleet",
    "run",
    "--count=6000",
    "--name-pattern=pump-{:04}",
    "--out=fleet",
    "--chip=esp32c3",
    "--app=app.elf",
    "--broker=broker.example",
    "--wifi-ssid=workshop",
    "--wifi-password-file=wifi",
];

/// Everything that a station needs for a run.
fn furnish(sandbox: &Sandbox, platform: &Platform) {
    sandbox.write("app.elf", Sample::new(Chip::Esp32C3.name()).elf());
    for (file, text) in [("wifi", "a wireless password"), ("password", platform.password())] {
        let path = sandbox.write(file, text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn run(sandbox: &Sandbox, platform: &Platform) -> Tool {
    platform.known_to(sandbox.tbpki(RUN), "password")
}

fn start(sandbox: &Sandbox, platform: &Platform) -> Child {
    run(sandbox, platform).command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn each_name_is_made_registered_and_bundled_once_though_a_station_is_killed() {
    let cluster = &SHARED.1;
    let platform = Platform::simulator(Settings::default());
    let one = station(&cluster.url(&cluster.database()), "").make_store();
    furnish(&one, &platform);
    let stations = [one.copy(), one.copy(), one];
    let [mut killed, mut second, mut third] = stations.each_ref().map(|station| start(station, &platform));
    eventually("some devices", || !names(&stations[0]).is_empty());
    killed.kill().unwrap();
    killed.wait().unwrap();
    // What the killed one had claimed is issued again once its lease has ended; what it had issued lies with it alone.
    for running in [&mut second, &mut third] {
        let status = running.wait().unwrap().code();
        // 4, where the last shards are those of the killed station.
        assert!(matches!(status, Some(0 | 4)), "{status:?}");
    }
    for station in &stations {
        // In each directory: only a station that has the keys of a shard can bundle it.
        run(station, &platform).run().ok();
    }

    let listed = stations[1].ok(["list", "--json", "--kind", "device"]).json();
    let listed = listed["result"]["identities"].as_array().unwrap();
    let ledger: BTreeMap<&str, &str> = listed
        .iter()
        .map(|row| {
            assert_eq!((&row["state"], row.get("last_error")), (&"bundled".into(), None), "{row}");
            (row["name"].as_str().unwrap(), row["fingerprint"].as_str().unwrap())
        })
        .collect();
    assert_eq!((listed.len(), ledger.len()), (DEVICES, DEVICES));

    let (mut identities, mut bundles) = (BTreeMap::new(), Vec::new());
    for station in &stations {
        assert_private(&station.join("fleet"), "three stations");
        for file in station.files().into_iter().filter(|path| path.starts_with("fleet")) {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            let shard = file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
            if shard.starts_with("shard-") {
                let pem = station.read(&file);
                let leaf = PemBundle::parse(&pem).unwrap().certificates.remove(0);
                PrivateKey::from_pem_or_der(&pem, None).unwrap().check_belongs_to(leaf.spki_der()).unwrap();
                assert_eq!(identities.insert(name.clone(), leaf.fingerprint_hex()), None, "{name} has two identities");
            } else if shard.starts_with("bundle-") {
                bundles.push(name);
            }
        }
    }
    bundles.sort();
    assert!(bundles.iter().eq(ledger.keys()), "{} bundles", bundles.len());
    assert_eq!(identities.len(), DEVICES);
    for (name, fingerprint) in &identities {
        assert_eq!(ledger[name.as_str()], fingerprint, "{name}");
    }

    let sim = platform.sim().unwrap();
    assert_eq!(sim.devices().len(), DEVICES);
    for row in listed {
        let name = row["name"].as_str().unwrap();
        let stored = sim.credentials(name).unwrap();
        // Version 1: the credentials were never replaced, not even by the same.
        assert_eq!((stored.id.as_str(), stored.version), (row["credentials_id"].as_str().unwrap(), 1), "{name}");
    }
}
