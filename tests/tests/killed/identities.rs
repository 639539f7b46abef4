//! `client` and `server`, new and over an identity that is there.

use tbpki_tests::Sandbox;
use tbpki_tests::kill::kill_at_every_write;

use crate::{Extent, Issuance, JOURNAL, Seen, State};

const CLIENT: &[&str] = &["client", "--device", "pump-1"];
const DEVICE: [&str; 3] =
    ["pki/devices/pump-1/chain.pem", "pki/devices/pump-1/key.pem", "pki/ca/devices-root/cert.pem"];
const DEVICE_PASSWORD: Option<&str> = Some("pki/secrets/device-pump-1.keystore-password");

const SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names", "--out", "out"];
const FORCED_SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names", "--out", "out", "--force"];
const SERVER_PLACES: &[&str] = &["pki/servers/tb.example", "out"];
const SERVER_PASSWORD: Option<&str> = Some("pki/secrets/server-tb.example.keystore-password");
const SERVER_RESULT: [&str; 3] = ["out/mqttserver.pem", "out/mqttserver_key.pem", "out/cafile.pem"];

/// Every place has been found old and new.
#[track_caller]
fn assert_both_were_seen(seen: &Seen, places: &[&str]) {
    for (index, place) in places.iter().enumerate() {
        assert!(seen.count(index, State::Old) > 0, "{place} was never old: {seen}");
        assert!(seen.count(index, State::New) > 0, "{place} was never new: {seen}");
    }
}

#[test]
fn a_new_device() {
    let start = Sandbox::in_memory().make_store();
    let places = &["pki/devices/pump-1"];
    let walk = Issuance { start: &start, args: CLIENT, places, again: &[CLIENT], result: DEVICE, password: None };
    assert_both_were_seen(&walk.run(), places);
}

#[test]
fn a_device_that_replaces_an_earlier_one() {
    let start = Sandbox::in_memory().make_store();
    start.ok(CLIENT);
    let force = [CLIENT, &["--force"]].concat();
    let places = &["pki/devices/pump-1"];
    // Neither who wants the device as it is now nor who wants a new one is held up.
    let again = &[CLIENT, &force];
    let seen = Issuance { start: &start, args: &force, places, again, result: DEVICE, password: None }.run();
    assert_both_were_seen(&seen, places);
    assert!(seen.count(0, State::Journal) > 0, "{seen}");
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn a_new_server() {
    let start = Sandbox::in_memory().make_store();
    let walk = Issuance {
        start: &start,
        args: SERVER,
        places: SERVER_PLACES,
        again: &[SERVER],
        result: SERVER_RESULT,
        password: SERVER_PASSWORD,
    };
    assert_both_were_seen(&walk.run(), SERVER_PLACES);
}

/// A directory with a ThingsBoard in it, and a server that is in use there.
fn server_in_use() -> Sandbox {
    let start = Sandbox::in_memory().make_store();
    start.write("out/thingsboard.conf", "");
    start.private("out");
    start.ok(SERVER);
    start
}

#[test]
fn a_server_that_replaces_one_in_use() {
    let start = server_in_use();
    let walk = Issuance {
        start: &start,
        args: FORCED_SERVER,
        places: SERVER_PLACES,
        again: &[FORCED_SERVER],
        result: SERVER_RESULT,
        password: SERVER_PASSWORD,
    };
    let seen = walk.run();
    assert_both_were_seen(&seen, SERVER_PLACES);
    for place in 0..SERVER_PLACES.len() {
        assert!(seen.count(place, State::Journal) > 0, "{seen}");
    }
}

/// The files that a generation replaced, `FILE.SERIAL`.
fn kept(sandbox: &Sandbox, dir: &str) -> usize {
    let names = std::fs::read_dir(sandbox.join(dir)).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("mqttserver_key.pem.")).count()
}

/// True if a directory has files on their way into their places.
fn has_journal(sandbox: &Sandbox, dir: &str) -> bool {
    let names = std::fs::read_dir(sandbox.join(dir)).unwrap().map(|entry| entry.unwrap().file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with(JOURNAL))
}

/// Kills `server --force` at each of its writes, and runs `again` afterwards.
fn forced_server_is_finished_by(again: &[&str]) {
    let start = server_in_use();
    let mut finished = 0;
    kill_at_every_write(
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(FORCED_SERVER).command(), sandbox))
        },
        |step, sandbox| {
            // Half delivered: the new generation is in the store, and the old one in the directory.
            let file = |dir: &str, name: &str| sandbox.read(format!("{dir}/{name}"));
            let (store, out) = ("pki/servers/tb.example", "out");
            // With a journal in either place the swap is not over, and the files of the two places may differ for
            // that reason.
            let is_half = !has_journal(&sandbox, store)
                && !has_journal(&sandbox, out)
                && file(store, "mqttserver.pem") != file(out, "mqttserver.pem");
            let new = is_half.then(|| file(store, "mqttserver.pem"));
            let outcome = sandbox.tbpki(again).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            for name in ["mqttserver.pem", "mqttserver_key.pem", "cafile.pem"] {
                assert!(file(store, name) == file(out, name), "{name} differs after {step}");
            }
            if let Some(new) = new {
                // Delivered, and not replaced by a third generation; the first one is kept, once in each place.
                assert!(file(out, "mqttserver.pem") == new, "issued again after {step}");
                assert_eq!((kept(&sandbox, store), kept(&sandbox, out)), (1, 1), "after {step}");
                finished += 1;
            }
        },
    )
    .unwrap();
    assert!(finished > 5, "{finished} kills left a new generation in the store");
}

#[test]
fn a_forced_server_is_finished_and_not_issued_twice() {
    // A person who repeats the command with --force must not get a third certificate.
    forced_server_is_finished_by(FORCED_SERVER);
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn a_forced_server_is_finished_without_force() {
    // Without --force the old certificate must not be left in use.
    forced_server_is_finished_by(SERVER);
}

fn bundle_of_a_station(extent: Extent) {
    let start = Sandbox::in_memory().make_store();
    start.write("kit.pass", "passphrase on the way\n");
    start.hides("passphrase on the way");
    let export = ["ca", "export", "devices", "--no-input", "--out", "kit", "--passphrase-file", "kit.pass"];
    let mut present = 0;
    extent.kill(
        || {
            let sandbox = start.copy();
            Ok((sandbox.tbpki(export).command(), sandbox))
        },
        |step, sandbox| {
            let key = sandbox.join("kit/pki/ca/devices-issuing/key.pem");
            let before = std::fs::read(&key).ok();
            present += usize::from(before.is_some());
            let outcome = sandbox.tbpki(export).run();
            assert!(outcome.status == 0, "run again it does not finish: {outcome}\nafter {step}");
            if let Some(before) = before {
                assert!(std::fs::read(&key).unwrap() == before, "the key was replaced after {step}");
            }
            let config = sandbox.join("kit/keygen.toml");
            let list = sandbox.tbpki(["list", "--json", "--config"]).arg(config).run().ok().json();
            assert_eq!(list["result"]["identities"].as_array().unwrap().len(), 4, "after {step}");
        },
    );
    assert!(present > 0, "no kill left a key in the bundle");
}

#[test]
fn a_bundle_of_a_station() {
    bundle_of_a_station(Extent::Some);
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn a_bundle_of_a_station_at_every_write() {
    bundle_of_a_station(Extent::All);
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn a_device_with_every_format_and_copies() {
    let start = Sandbox::in_memory().make_store();
    let args = [CLIENT, &["--out", "out", "--format", "p12,jks,nopass,pub,cer"]].concat();
    let places = &["pki/devices/pump-1", "out"];
    let again = &[args.as_slice()];
    let walk = Issuance { start: &start, args: &args, places, again, result: DEVICE, password: DEVICE_PASSWORD };
    assert_both_were_seen(&walk.run(), places);
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn a_device_with_every_format_that_replaces_an_earlier_one() {
    let start = Sandbox::in_memory().make_store();
    let args = [CLIENT, &["--out", "out", "--format", "p12,jks,nopass,pub,cer"]].concat();
    start.ok(&args);
    let force = [args.as_slice(), &["--force"]].concat();
    let places = &["pki/devices/pump-1", "out"];
    let walk =
        Issuance { start: &start, args: &force, places, again: &[&force], result: DEVICE, password: DEVICE_PASSWORD };
    assert_both_were_seen(&walk.run(), places);
}

#[test]
#[ignore = "long: cargo xtask interop"]
fn formats_that_are_added_to_a_device() {
    let start = Sandbox::in_memory().make_store();
    start.ok(CLIENT);
    let args = [CLIENT, &["--format", "p12,jks,nopass"]].concat();
    let places = &["pki/devices/pump-1"];
    let again = &[args.as_slice()];
    let walk = Issuance { start: &start, args: &args, places, again, result: DEVICE, password: DEVICE_PASSWORD };
    assert_both_were_seen(&walk.run(), places);
}
