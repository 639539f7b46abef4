//! Killed, stopped, or out of room: the next run does the rest, and nothing twice.

use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tbpki_tests::leftovers::assert_private;
use tbpki_tests::{Disk, Sandbox, Tool};

use crate::{assert_agree, in_shards, ledger_of};

/// No run takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(90);

const ISSUE: [&str; 7] = ["fleet", "issue", "--count", "4000", "--name-pattern", "d-{:05}", "--out"];

/// Starts a run under a umask that takes nothing away: the modes have to be right by themselves.
fn start(sandbox: &Sandbox, args: &[&str]) -> Child {
    let line = r#"umask 0; exec "$0" "$@""#;
    let tbpki = sandbox.tbpki(args).command();
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(line).arg(tbpki.get_program()).args(args).current_dir(sandbox.path());
    shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    shell.spawn().unwrap()
}

/// Starts a run and waits until the mark of its place is there.
#[track_caller]
fn begun(sandbox: &Sandbox, args: &[&str], mark: &str) -> Child {
    let child = start(sandbox, args);
    let deadline = Instant::now() + PATIENCE;
    while !sandbox.join(mark).exists() {
        assert!(Instant::now() < deadline, "nothing was begun");
        thread::sleep(Duration::from_millis(1));
    }
    child
}

/// Starts a run and kills it as soon as the mark of its place is there.
#[track_caller]
pub(crate) fn killed_at_the_beginning(sandbox: &Sandbox, args: &[&str], mark: &str) {
    let mut child = begun(sandbox, args, mark);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Waits until it ends by itself, at most so long. Its status, if it did.
fn ends_within(child: &mut Child, time: Duration) -> Option<i32> {
    let deadline = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn killed_at_any_moment_every_device_gets_exactly_one_identity() {
    for (layout, place) in [("shards", "fleet"), ("archive", "f.tar")] {
        let sandbox = Sandbox::with_store();
        let args: Vec<&str> = match layout {
            "shards" => ISSUE.into_iter().chain([place]).collect(),
            _ => ISSUE[..6].iter().copied().chain(["--archive", place]).collect(),
        };
        let mut kills = 0;
        let mut status = None;
        for round in 0..12 {
            let mut child = start(&sandbox, &args);
            // Moments spread from before the staging to the middle of the work.
            status = ends_within(&mut child, Duration::from_millis(40 + 90 * round % 700));
            if status.is_none() {
                child.kill().unwrap();
                child.wait().unwrap();
                kills += 1;
            }
            assert_private(&sandbox.join("pki"), format!("kill {round} of {layout}"));
            let names = sandbox.files();
            if names.iter().any(|name| name.starts_with(place)) {
                assert_private(&sandbox.join("."), format!("kill {round} of {layout}"));
            }
        }
        assert!(kills > 0 || status == Some(0), "{layout}");
        sandbox.ok(args.clone()).prints("issued      4000 of 4000");
        let ledger = ledger_of(&sandbox, 1);
        assert_eq!(ledger.len(), 4000);
        if layout == "shards" {
            assert_agree(&ledger, &in_shards(&sandbox.join(place)), &sandbox.join("pki"));
        } else {
            let names = Tool::new("tar").args(["-tf", place]).directory(sandbox.path()).run().ok();
            assert_eq!(names.stdout_text().lines().count(), 4000);
            let left = sandbox.files().into_iter().filter(|path| path.starts_with("f.tar.parts"));
            let left: Vec<_> = left.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
            assert_eq!(left, [".lock", "fleet.json", "joined-done.json", "ledger.note", "tb-server-chain.pem"]);
        }
    }
}

#[test]
fn directories_that_wait_for_the_ledger_are_delivered_or_removed() {
    let sandbox = Sandbox::with_store();
    let args = ["fleet", "issue", "--count", "1500", "--name-pattern", "d-{:04}", "--layout", "directories"];
    for round in 0..6 {
        let mut child = start(&sandbox, &args);
        if ends_within(&mut child, Duration::from_millis(60 + 130 * round)).is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_private(&sandbox.join("pki"), format!("kill {round}"));
    }
    sandbox.ok(args).prints("issued      1500 of 1500");
    let devices = std::fs::read_dir(sandbox.join("pki/devices")).unwrap();
    let mut names: Vec<String> = devices.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let expected: Vec<String> = (1..=1500).map(|number| format!("d-{number:04}")).collect();
    assert_eq!(names, expected);
    for device in ["d-0001", "d-0777", "d-1500"] {
        sandbox.ok(["client", "--device", device]).prints("is up to date");
    }
}

#[test]
fn a_signal_ends_it_in_order_and_resume_does_the_rest() {
    let sandbox = Sandbox::with_store();
    // Keys that take their time, so that there is something to interrupt.
    let args = ["fleet", "issue", "--count", "3000", "--name-pattern", "d-{}", "--alg", "rsa-2048", "--out", "fleet"];
    let mut child = begun(&sandbox, &args, "fleet/fleet.json");
    Tool::new("kill").args(["-INT", &child.id().to_string()]).run().ok();
    let status = ends_within(&mut child, PATIENCE).expect("it goes on after a signal");
    assert!(status == 4 || status == 1, "{status}");
    assert!(sandbox.files().iter().all(|path| !path.to_string_lossy().contains(".partial-")));
    // The job is what it was staged as: an algorithm that is not named again is still its own.
    let said = sandbox.ok(["fleet", "issue", "--resume", "--dry-run"]);
    assert!(said.stdout_text().contains("job 1: 3000 devices"), "{said}");
}

#[test]
fn resume_goes_on_with_the_job_as_it_was_staged() {
    let sandbox = Sandbox::with_store();
    killed_at_the_beginning(&sandbox, &[&ISSUE[..], &["fleet", "--days", "77"]].concat(), "fleet/fleet.json");
    sandbox.ok(["fleet", "issue", "--resume"]).prints("issued      4000 of 4000");
    let found = in_shards(&sandbox.join("fleet"));
    assert_agree(&ledger_of(&sandbox, 1), &found, &sandbox.join("pki"));
    let leaf = &found["d-03999"].leaf;
    assert_eq!((leaf.not_after() - leaf.not_before()).whole_days(), 77);
    sandbox.fails(["fleet", "issue", "--resume"], 1, "TBPKI-0264");
}

#[test]
fn a_full_disk_keeps_complete_shards_and_the_error_tells_how_to_go_on() {
    for store_on_disk in [false, true] {
        let disk = Disk::of(48 << 20);
        let sandbox = Sandbox::with_store();
        let out = disk.mounted_at().join("fleet");
        let out = out.to_str().unwrap();
        if store_on_disk {
            Tool::new("cp").arg("-a").arg(sandbox.join("pki")).arg(disk.path()).run().ok();
            let config = sandbox.text("keygen.toml");
            let pki = disk.mounted_at().join("pki");
            sandbox.write("keygen.toml", config.replace("store = \"pki\"", &format!("store = {:?}", pki)));
        }
        disk.leave_pages(if store_on_disk { 2200 } else { 1500 });
        let args = [&ISSUE[..], &[out]].concat();
        let full = disk.tbpki(sandbox.path(), args.clone()).run();
        assert!(full.status == 4 || full.status == 1, "{full}");
        let full = full.prints("room");
        assert!(full.stderr_text().contains("run the same command"), "{full}");
        disk.make_room();
        disk.tbpki(sandbox.path(), args).run().ok().prints("issued      4000 of 4000");
        assert_eq!(in_shards(&disk.path().join("fleet")).len(), 4000);
    }
}

#[test]
fn what_a_kill_after_the_last_state_of_an_archive_leaves_is_removed() {
    let sandbox = Sandbox::with_store();
    let args = ["fleet", "issue", "--count", "30", "--name-pattern", "d-{}", "--archive", "f.tar"];
    sandbox.ok(args);
    let parts = sandbox.join("f.tar.parts");
    std::fs::copy(parts.join("joined-done.json"), parts.join("joined-00000001.json")).unwrap();
    sandbox.ok(args).prints("issued      30 of 30");
    assert!(parts.join("joined-done.json").exists() && !parts.join("joined-00000001.json").exists());
}
