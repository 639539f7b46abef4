//! The lists of a CA that stations issue with: one store writes them, and learns from the stations what they have revoked.

use std::fs;
use std::path::Path;
use std::slice;

use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Sandbox, Snapshot, Tool};

/// The file with the lists, in both stores.
const LISTS: &str = "pki/devices-crl.pem";

/// A store that publishes lists, with one revoked device, and a station with a ledger of its own.
fn home_and_station() -> (Sandbox, Sandbox) {
    let home = Sandbox::with_store();
    home.ok(["client", "--device", "pump-1"]);
    home.ok(["revoke", "--device", "pump-1"]);
    home.write("kit.pass", "passphrase on the way\n");
    home.private("kit.pass");
    home.ok(["ca", "export", "devices", "--no-input", "--out", "kit", "--passphrase-file", "kit.pass"]);
    let station = Sandbox::new();
    Tool::new("cp").arg("-a").arg(home.join("kit/.")).arg(station.path()).run().ok();
    station.write("ca.pass", "passphrase on the way\n");
    station.private("ca.pass");
    (home, station)
}

fn issue(station: &Sandbox, names: &[String]) {
    for name in names {
        station.ok(["client", "--device", name, "--ca-passphrase-file", "ca.pass"]);
    }
}

/// The serial numbers in a file with lists, as openssl reads them.
fn listed(file: &Path) -> Vec<String> {
    let mut serials = Vec::new();
    let text = fs::read_to_string(file).unwrap();
    for list in text.split_inclusive("-----END X509 CRL-----\n") {
        let shown = openssl().args(["crl", "-noout", "-text"]).stdin(list).run().ok().stdout_text();
        let lines = shown.lines().filter_map(|line| line.trim().strip_prefix("Serial Number:"));
        serials.extend(lines.map(|serial| serial.trim().to_owned()));
    }
    serials
}

fn serial(station: &Sandbox, name: &str) -> String {
    let rows = station.ok(["list", "--all", "--name", name, "--json"]).json();
    rows["result"]["identities"][0]["serial"].as_str().unwrap().to_owned()
}

/// The commands that a station prints for the other store.
fn commands(outcome: &Outcome) -> Vec<String> {
    let groups = outcome.json()["result"]["hand_over"].as_array().unwrap().clone();
    groups.iter().map(|group| group["command"].as_str().unwrap().to_owned()).collect()
}

/// Runs a command as it was printed.
fn follow(home: &Sandbox, command: &str) -> Outcome {
    home.ok(command.strip_prefix("tbpki ").unwrap().split(' '))
}

fn copy_lists(home: &Sandbox, station: &Sandbox) {
    fs::copy(home.join(LISTS), station.join(LISTS)).unwrap();
}

#[test]
fn what_a_station_revokes_is_on_the_list_of_the_store_that_exported_it() {
    let (home, station) = home_and_station();
    assert!(station.text("keygen.toml").contains("\nwrite = false\n"), "{}", station.text("keygen.toml"));
    issue(&station, &["pump-2".to_owned()]);
    let number = serial(&station, "pump-2");
    let revoke = ["revoke", "pump-2", "--reason", "keyCompromise"];
    let revoked = station.tbpki([&revoke[..], &["--json"]].concat()).run().ends(4);
    let expected =
        format!("tbpki revoke --serial {number} --issuer devices-issuing --not-in-ledger --reason keyCompromise");
    assert_eq!(commands(&revoked), slice::from_ref(&expected));
    // Again for people, and until the list has it.
    station.tbpki(revoke).run().ends(4).prints(&expected).prints("TBPKI-0380").prints("pki/devices-crl.pem");
    station.tbpki(["revoke", "--open"]).run().ends(4).prints(&expected);
    assert!(!station.join(LISTS).exists());
    station.fails(["crl"], 1, "TBPKI-0380").prints("in the store that exported this station bundle");
    assert!(!station.join(LISTS).exists());

    let before = listed(&home.join(LISTS));
    follow(&home, &expected).prints("revoked-").prints("revoked");
    let after = listed(&home.join(LISTS));
    assert!(after.contains(&number) && before.iter().all(|serial| after.contains(serial)), "{before:?} {after:?}");
    follow(&home, &expected).prints("was revoked before");
    home.ok(["crl"]);
    assert_eq!(listed(&home.join(LISTS)), after);

    copy_lists(&home, &station);
    station.ok(["revoke", "--open"]).prints("no step is open");
    // What the list has of others is no difference from this ledger.
    station.ok(["store", "check"]);
    station.ok(["revoke", "pump-2"]).prints("was revoked before");
    let leaf = station.join("pki/devices/pump-2/cert.pem");
    home.tbpki(["verify", "--crl", LISTS, leaf.to_str().unwrap()]).run().ends(3).prints("revoked");
}

#[test]
fn many_serial_numbers_go_into_a_file() {
    let (home, station) = home_and_station();
    let names: Vec<String> = (1..=11).map(|number| format!("valve-{number}")).collect();
    issue(&station, &names);
    station.write("stolen.txt", names.join("\n"));
    let revoked = station.tbpki(["revoke", "--file", "stolen.txt", "--json"]).run().ends(4);
    let file = "revoke-devices-issuing-unspecified.txt";
    let command = format!("tbpki revoke --serial-file {file} --issuer devices-issuing --not-in-ledger");
    assert_eq!(commands(&revoked), slice::from_ref(&command));
    assert_eq!(revoked.json()["result"]["hand_over"][0]["certificates"], 11);
    fs::copy(station.join("pki").join(file), home.join(file)).unwrap();
    follow(&home, &command);
    let after = listed(&home.join(LISTS));
    for name in &names {
        assert!(after.contains(&serial(&station, name)), "{name} in {after:?}");
    }
    copy_lists(&home, &station);
    station.ok(["revoke", "--open"]).prints("no step is open");
}

#[test]
fn what_a_renewal_at_a_station_has_replaced_is_handed_over_too() {
    let (home, station) = home_and_station();
    let settings = station.text("keygen.toml").replace("write = false", "write = false\nsuperseded = true");
    station.write("keygen.toml", &settings);
    issue(&station, &["pump-3".to_owned()]);
    let first = serial(&station, "pump-3");
    let flash = ["client", "--device", "pump-3", "--force", "--ca-passphrase-file", "ca.pass"];
    station.ok(flash);
    let open = station.tbpki(["revoke", "--open", "--json"]).run().ends(4);
    let expected =
        format!("tbpki revoke --serial {first} --issuer devices-issuing --not-in-ledger --reason superseded");
    assert_eq!(commands(&open), slice::from_ref(&expected));
    follow(&home, &expected);
    assert!(listed(&home.join(LISTS)).contains(&first));
}

#[test]
fn a_serial_number_that_the_ledger_lacks_is_revoked_only_if_that_is_meant() {
    let (home, station) = home_and_station();
    issue(&station, &["pump-4".to_owned()]);
    let number = serial(&station, "pump-4");
    let before = Snapshot::of(home.path()).without(|name| name.ends_with(".lock"));
    let refused = |args: &[&str], status: i32, code: &str, text: &str| {
        let outcome = home.fails([&["revoke", "--serial", &number], args].concat(), status, code).prints(text);
        before.is_unchanged(&Snapshot::of(home.path()).without(|name| name.ends_with(".lock")), &outcome);
    };
    refused(&[], 1, "TBPKI-0096", "--not-in-ledger");
    refused(&["--issuer", "devices-issuing"], 1, "TBPKI-0096", "--not-in-ledger");
    refused(&["--not-in-ledger"], 2, "TBPKI-0011", "--issuer");
    refused(&["--issuer", "server-issuing", "--not-in-ledger"], 2, "TBPKI-0011", "does not issue devices");
    refused(&["--issuer", "devices-root", "--not-in-ledger"], 2, "TBPKI-0011", "does not issue devices");
    refused(&["--issuer", "pumps", "--not-in-ledger"], 1, "TBPKI-0096", "no CA");
    let meant = ["revoke", "--serial", &number, "--issuer", "devices-issuing", "--not-in-ledger"];
    let planned = home.ok([&meant[..], &["--dry-run"]].concat()).prints("would be revoked");
    before.is_unchanged(&Snapshot::of(home.path()).without(|name| name.ends_with(".lock")), &planned);
    home.ok(meant);
    // A station does not write lists, so that it cannot take over those of another one.
    station.fails(meant, 1, "TBPKI-0380");
    home.write("serials.txt", "5D0E\nnot a number\n");
    home.fails(["revoke", "--serial-file", "serials.txt"], 1, "TBPKI-").prints("serials.txt:2:1");
}

/// A revocation at a station, and the command for the other store.
fn revoked_at(station: &Sandbox, name: &str) -> String {
    let number = serial(station, name);
    station.tbpki(["revoke", name]).run().ends(4);
    format!("tbpki revoke --serial {number} --issuer devices-issuing --not-in-ledger")
}

#[test]
fn the_copy_of_a_rollover_is_no_difference_at_a_station() {
    let (home, station) = home_and_station();
    issue(&station, &["pump-2".to_owned()]);
    let command = revoked_at(&station, "pump-2");
    home.ok(["ca", "prepare", "devices-issuing"]);
    follow(&home, &command);
    copy_lists(&home, &station);
    station.ok(["revoke", "--open"]).prints("no step is open");
    station.ok(["store", "check"]);
}

#[test]
fn what_a_station_revokes_after_its_ca_was_replaced_needs_no_entry() {
    let (home, station) = home_and_station();
    issue(&station, &["pump-2".to_owned()]);
    for step in ["prepare devices-issuing", "confirm devices-issuing --all"] {
        home.ok(["ca"].into_iter().chain(step.split(' ')));
    }
    home.ok(["crl"]);
    home.ok(["ca", "activate", "devices-issuing"]);
    home.ok(["ca", "retire", "devices-issuing"]);
    let command = revoked_at(&station, "pump-2");
    follow(&home, &command).prints("out of service").prints("tbpki ca export devices");
    copy_lists(&home, &station);
    station.ok(["revoke", "--open"]).prints("TBPKI-0380").prints("has replaced devices-issuing");
    station.ok(["revoke", "--open"]).prints("no step is open");
}
