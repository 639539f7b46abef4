//! Disks without room: found before anything is written, wherever they are.

use std::fs;
use std::path::{Path, PathBuf};

use tbpki_tests::{Disk, Sandbox, Snapshot};

use crate::{has_expected, user};

const OPEN: &[&str] = &["init", "--no-input", "--insecure-no-passphrase"];
const DEVICE: &[&str] = &["client", "--device", "pump-1", "--format", "p12"];
const SERVER: &[&str] = &["server", "--name", "tb.example", "--only-given-names"];

/// Gives the disk one page after the other until the command has enough. With every page less it has to refuse, and
/// leave everything in `watched` as it was. Then it finishes.
#[track_caller]
fn walk(disk: &Disk, directory: &Path, args: &[&str], watched: &[PathBuf]) {
    let look = || -> Vec<Snapshot> { watched.iter().map(|path| Snapshot::of(path).without(Disk::is_filler)).collect() };
    let before = look();
    let mut pages = 0;
    loop {
        disk.leave_pages(pages);
        let outcome = disk.tbpki(directory, args).run();
        if outcome.status == 0 {
            break;
        }
        has_expected(&outcome, false, user(83, &["no room", "make room and run the same command once more"]));
        for (before, after) in before.iter().zip(look()) {
            before.is_unchanged(&after, format!("{outcome} with {pages} pages"));
        }
        pages += 1;
    }
    // Fewer would mean that the walk did not meet the check at all.
    assert!(pages > 4, "{pages} pages were enough");
    disk.make_room();
    // The reported changes were made: a second run has nothing to add.
    let again = disk.tbpki(directory, args).run().ok();
    assert!(again.stdout_text().contains("is up to date"), "{again}");
}

#[test]
fn the_store_is_on_a_full_disk() {
    let disk = Disk::of(2 << 20);
    disk.tbpki(disk.mounted_at(), OPEN).run().ok();
    for args in [DEVICE, SERVER] {
        walk(&disk, disk.mounted_at(), args, &[disk.path()]);
    }
}

#[test]
fn the_copies_go_to_a_full_disk() {
    for verb in [DEVICE, SERVER] {
        let (disk, sandbox) = (Disk::of(1 << 20), Sandbox::with_store());
        let out = disk.mounted_at().join("out");
        let args = [verb, &["--out", out.to_str().unwrap()]].concat();
        walk(&disk, sandbox.path(), &args, &[disk.path(), sandbox.path().to_path_buf()]);
    }
}

#[test]
fn copies_for_an_identity_that_is_there_go_to_a_full_disk() {
    for verb in [DEVICE, SERVER] {
        let (disk, sandbox) = (Disk::of(1 << 20), Sandbox::with_store());
        sandbox.ok(verb);
        let out = disk.mounted_at().join("out");
        let args = [verb, &["--out", out.to_str().unwrap()]].concat();
        walk(&disk, sandbox.path(), &args, &[disk.path(), sandbox.path().to_path_buf()]);
    }
}

#[test]
fn a_new_store_needs_room() {
    let disk = Disk::of(2 << 20);
    let before = Snapshot::of(&disk.path());
    let mut pages = 0;
    loop {
        disk.leave_pages(pages);
        let outcome = disk.tbpki(disk.mounted_at(), OPEN).run();
        if outcome.status == 0 {
            break;
        }
        has_expected(&outcome, false, user(83, &["no room"]));
        let after = Snapshot::of(&disk.path()).without(Disk::is_filler);
        before.is_unchanged(&after, format!("{outcome} with {pages} pages"));
        // A store needs some fifty pages, each round runs tbpki once, and a step of one shows no more.
        pages += 3;
    }
    // A ledger without room to grow would have stopped it after the keys were written.
    assert!(pages > 50, "{pages} pages were enough");
    disk.make_room();
    disk.tbpki(disk.mounted_at(), DEVICE).run().ok();
}

#[test]
fn the_keys_of_the_roots_go_to_a_full_disk() {
    let (disk, sandbox) = (Disk::of(256 << 10), Sandbox::new());
    let before = [Snapshot::of(&disk.path()), Snapshot::of(sandbox.path())];
    for dir in [disk.mounted_at().to_path_buf(), disk.mounted_at().join("new/deeper")] {
        let args = [OPEN, &["--root-out", dir.to_str().unwrap()]].concat();
        for pages in [0, 1, 3] {
            disk.leave_pages(pages);
            let outcome = disk.tbpki(sandbox.path(), &args).run();
            has_expected(&outcome, false, user(83, &["no room"]));
            before[0].is_unchanged(&Snapshot::of(&disk.path()).without(Disk::is_filler), &outcome);
            before[1].is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
        }
    }
    disk.make_room();
    let out = disk.mounted_at().join("new/deeper");
    disk.tbpki(sandbox.path(), [OPEN, &["--root-out", out.to_str().unwrap()]].concat()).run().ok();
    assert!(fs::exists(disk.path().join("new/deeper/devices-root.key.pem")).unwrap());
    assert!(!sandbox.join("pki/ca/devices-root/key.pem").exists());
}

#[test]
fn disks_that_may_only_be_read() {
    let (disk, sandbox) = (Disk::of(1 << 20), Sandbox::with_store());
    disk.tbpki(disk.mounted_at(), OPEN).run().ok();
    disk.make_read_only();
    let before = [Snapshot::of(&disk.path()), Snapshot::of(sandbox.path())];
    let out = disk.mounted_at().join("out");
    let new = sandbox.join("new");
    fs::create_dir(&new).unwrap();
    for (directory, args) in [
        (disk.mounted_at(), DEVICE.to_vec()),
        (disk.mounted_at(), SERVER.to_vec()),
        (sandbox.path(), [DEVICE, &["--out", out.to_str().unwrap()]].concat()),
        (sandbox.path(), [SERVER, &["--out", out.to_str().unwrap()]].concat()),
        (sandbox.path(), [SERVER, &["--out", out.to_str().unwrap(), "--dry-run"]].concat()),
        (&new, [OPEN, &["--root-out", out.to_str().unwrap()]].concat()),
    ] {
        let outcome = disk.tbpki(directory, &args).run();
        has_expected(&outcome, false, user(81, &["Read-only file system"]));
        before[0].is_unchanged(&Snapshot::of(&disk.path()), &outcome);
        let after = Snapshot::of(sandbox.path()).without(|path| path == Path::new("new"));
        before[1].is_unchanged(&after, &outcome);
    }
}

/// The results of a job that is done are made from the ledger, and its files are only looked for.
#[test]
fn a_job_that_is_done_is_reported_although_its_directory_may_only_be_read() {
    let (disk, sandbox) = (Disk::of(1 << 20), Sandbox::with_store());
    let (out, archive) = (disk.mounted_at().join("fleet"), disk.mounted_at().join("z.tar"));
    for (pattern, option, path) in [("a-{}", "--out", &out), ("b-{}", "--archive", &archive)] {
        let args = ["fleet", "issue", "--count", "3", "--name-pattern", pattern, option, path.to_str().unwrap()];
        disk.tbpki(sandbox.path(), args).run().ok();
    }
    disk.make_read_only();
    for job in ["1", "2"] {
        let resumed = ["fleet", "issue", "--resume", job, "--results", "results"];
        disk.tbpki(sandbox.path(), resumed).run().ok().prints("issued      3 of 3");
        assert!(sandbox.join("results").join(format!("job-{job}.csv")).exists());
    }
}
