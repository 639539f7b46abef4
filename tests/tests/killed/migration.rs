//! A ledger of 0.1.0 that is brought up to date: killed at any write, or with a disk that is full.

use std::fs;
use std::path::Path;

use tbpki_tests::forge::sql;
use tbpki_tests::kill::{Injection, Step, disturb_every_write, kill_at_every_write, kill_at_some_writes};
use tbpki_tests::ledger_file::LedgerContents;
use tbpki_tests::leftovers::assert_private;
use tbpki_tests::{Disk, Sandbox, Tool};

const STORE: &str = "store.tar.zst";
const DOUBLED: &str = "store-with-a-doubled-name.tar.zst";
const LEDGER: &str = "pki/ledger.db";
const LIST: [&str; 3] = ["list", "--all", "--json"];

/// A ledger before and after it was brought up to date.
struct Upgrade {
    start: Sandbox,
    old: LedgerContents,
    new: LedgerContents,
    listed: String,
}

impl Upgrade {
    #[track_caller]
    fn of(fixture: &str) -> Self {
        let start = Sandbox::in_memory().made_by_0_1_0(fixture);
        let old = LedgerContents::of(&start.join(LEDGER));
        let undisturbed = start.copy();
        let listed = undisturbed.ok(LIST).stdout_text();
        let new = LedgerContents::of(&undisturbed.join(LEDGER));
        assert!(old.layout() == 2 && new.layout() > 2, "{} {}", old.layout(), new.layout());
        Self { start, old, new, listed }
    }

    /// Stops the test unless the ledger is the old one or the new one, and a reader finds all of it. True for the new one.
    #[track_caller]
    fn is_whole(&self, sandbox: &Sandbox, step: &Step) -> bool {
        assert_private(sandbox.path(), step);
        let left = LedgerContents::of(&sandbox.join(LEDGER));
        assert!(left == self.old || left == self.new, "neither old nor new after {step}: {left:?}");
        assert_eq!(sandbox.ok(LIST).stdout_text(), self.listed, "after {step}");
        assert!(LedgerContents::of(&sandbox.join(LEDGER)) == self.new, "after {step}");
        left == self.new
    }
}

#[test]
fn a_reader_that_is_killed_leaves_the_old_ledger_or_the_new_one() {
    let upgrade = Upgrade::of(STORE);
    let (mut kills, mut new) = (0, 0);
    kill_at_every_write(
        || {
            let sandbox = upgrade.start.copy();
            Ok((sandbox.tbpki(LIST).command(), sandbox))
        },
        |step, sandbox| {
            new += usize::from(upgrade.is_whole(&sandbox, step));
            if kills % 10 == 0 {
                sandbox.ok(["client", "--device", "new"]);
                sandbox.ok(["client", "--device", "pump-1"]).prints("is up to date");
            }
            kills += 1;
        },
    )
    .unwrap();
    println!("{kills} kills, {new} with the new ledger");
    assert!(new > 0 && new < kills, "{new} of {kills}");
}

#[test]
fn a_verb_that_writes_leaves_the_old_ledger_or_the_new_one() {
    let upgrade = Upgrade::of(DOUBLED);
    let client = ["client", "--device", "new"];
    let kills = kill_at_some_writes(
        12,
        || {
            let sandbox = upgrade.start.copy();
            Ok((sandbox.tbpki(client).command(), sandbox))
        },
        |step, sandbox| {
            assert_private(sandbox.path(), step);
            let left = LedgerContents::of(&sandbox.join(LEDGER));
            assert!(left == upgrade.old || left.layout() == upgrade.new.layout(), "after {step}: {left:?}");
            sandbox.ok(client);
            let listed = sandbox.ok(["list", "--name", "new", "--json"]).json();
            assert_eq!(listed["result"]["identities"].as_array().map(Vec::len), Some(1), "after {step}");
            assert_eq!(LedgerContents::of(&sandbox.join(LEDGER)).layout(), upgrade.new.layout());
        },
    )
    .unwrap();
    assert!(kills >= 12, "{kills}");
}

/// Lets each write of a reader fail.
fn fail(fault: Injection<'_>) {
    let upgrade = Upgrade::of(STORE);
    let (mut failed, mut new) = (0, 0);
    let writes = disturb_every_write(
        fault,
        || {
            let sandbox = upgrade.start.copy();
            Ok((sandbox.tbpki(LIST).command(), sandbox))
        },
        |step, sandbox| {
            let is_new = upgrade.is_whole(&sandbox, step);
            let status = step.output.status.code();
            if status == Some(0) {
                assert!(is_new, "{step}");
                assert_eq!(String::from_utf8_lossy(&step.output.stdout), upgrade.listed, "{step}");
            } else if String::from_utf8_lossy(&step.output.stderr).contains("TBPKI-") {
                assert!(matches!(status, Some(1 | 4)), "{step}");
                failed += 1;
            }
            new += usize::from(is_new);
        },
    )
    .unwrap();
    println!("{fault:?}: {writes} writes, {failed} failed, {new} with the new ledger");
    assert!(failed > 5 && new > 0, "{failed} {new}");
}

#[test]
fn a_disk_that_is_full_leaves_the_old_ledger_or_the_new_one() {
    fail(Injection::Error("ENOSPC"));
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_a_disk_that_fails_from_then_on_leaves_the_old_ledger_or_the_new_one() {
    fail(Injection::ErrorFromHereOn("EIO"));
}

/// A store of 0.1.0 with so many more devices on a small disk, and its configuration elsewhere.
#[track_caller]
fn on_a_disk(disk: &Disk, devices: u32) -> Sandbox {
    let sandbox = Sandbox::new().made_by_0_1_0(STORE);
    if devices > 0 {
        grow(&sandbox.join(LEDGER), devices);
    }
    Tool::new("cp").arg("-a").arg(sandbox.join("pki")).arg(disk.path()).run().ok();
    fs::remove_dir_all(sandbox.join("pki")).unwrap();
    let config = sandbox.text("keygen.toml");
    let pki = disk.mounted_at().join("pki");
    sandbox.write("keygen.toml", config.replace("#store = \"pki\"", &format!("store = {pki:?}")));
    sandbox
}

/// Puts so many devices into a ledger of 0.1.0.
#[track_caller]
fn grow(ledger: &Path, devices: u32) {
    let rows = "INSERT INTO identity (kind, name, generation, serial, profile, algorithm, parameters, issuer, not_before, \
                not_after, fingerprint, credentials_id, state, intended_at, issued_at) SELECT 'device', \
                printf('x-%06d', n), 1, randomblob(16), 'client', 'ec-p256', (SELECT min(id) FROM parameters), \
                'devices-issuing', 0, 4000000000, randomblob(32), lower(hex(randomblob(32))), 'issued', 0, 0 FROM numbers";
    let numbers =
        format!("WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {devices})");
    sql(ledger, &format!("{numbers} {rows}"));
}

fn octets(directory: &Path) -> u64 {
    ["ledger.db", "ledger.db-wal"]
        .iter()
        .map(|file| fs::metadata(directory.join(file)).map_or(0, |file| file.len()))
        .sum()
}

#[test]
fn the_room_on_the_disk_is_looked_at_first_and_is_enough() {
    room(0);
    room(20_000);
}

#[track_caller]
fn room(devices: u32) {
    let disk = Disk::of(64 << 20);
    let sandbox = on_a_disk(&disk, devices);
    let ledger = disk.path().join(LEDGER);
    let old = LedgerContents::of(&ledger);
    // As the code has it: twice the ledger, and half a mebibyte for what is new.
    let needed = (octets(&disk.path().join("pki")) * 2 + (512 << 10)).div_ceil(4096);
    disk.leave_pages(needed - 1);
    for args in [&LIST[..], &["client", "--device", "new"]] {
        let refused = disk.tbpki(sandbox.path(), args).run().ends(1);
        refused.prints("error[TBPKI-0083]").prints("bring the ledger up to date").prints("the ledger is unchanged");
    }
    assert!(LedgerContents::of(&ledger) == old);
    disk.make_room();
    // A page more may be needed for the name of a file.
    disk.leave_pages(needed + 2);
    disk.tbpki(sandbox.path(), LIST).run().ok();
    assert!(LedgerContents::of(&ledger).layout() > old.layout());
    let most = octets(&disk.path().join("pki")) / 4096;
    println!("{devices} more devices: {needed} pages asked for, {most} used by both files at the end");
}
