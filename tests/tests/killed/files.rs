//! Files survive everything: kills, full disks, odd umasks, other processes.
#![allow(clippy::disallowed_methods, reason = "these tests look at the disk behind base::file's back")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helpers of tests did not expect ends the test")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use base::Code;
use base::file::{self, Lock, Mode};
use tbpki_tests::kill::{Injection, Step, disturb_every_write, kill_at_every_write, run_disturbed};
use tempfile::TempDir;

/// Every file below a directory, hidden ones too, with its mode and what it holds.
type Tree = BTreeMap<String, (u32, String)>;

fn tree(dir: &Path) -> Tree {
    let mut found = Tree::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.insert(format!("{name}/"), (fs::metadata(&path).unwrap().mode() & 0o777, String::new()));
            found.extend(tree(&path).into_iter().map(|(inner, file)| (format!("{name}/{inner}"), file)));
        } else {
            found.insert(name, (fs::metadata(&path).unwrap().mode() & 0o777, fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn commit_files(arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_commit-files"));
    command.args(arguments).current_dir(dir);
    command
}

/// The result of the arguments on a copy of the start, undisturbed.
fn after(start: &dyn Fn(&Path), arguments: &[&str]) -> Tree {
    let dir = tempfile::tempdir().unwrap();
    start(dir.path());
    assert!(commit_files(arguments, dir.path()).status().unwrap().success());
    tree(dir.path())
}

fn nothing(_: &Path) {}

/// A directory `pump` with the files of generation 1.
fn first_generation(dir: &Path) {
    assert!(commit_files(&["new", "pump", "1"], dir).status().unwrap().success());
}

fn scene(start: &dyn Fn(&Path), arguments: &[&str]) -> io::Result<(Command, TempDir)> {
    let dir = tempfile::tempdir()?;
    start(dir.path());
    Ok((commit_files(arguments, dir.path()), dir))
}

/// Whatever holds a secret is its owner's alone, at every moment.
fn assert_private(dir: &Path, step: &Step) {
    for (name, (mode, text)) in tree(dir) {
        if name.ends_with('/') || text.starts_with("key") || text.starts_with("store") {
            assert_eq!(mode & 0o077, 0, "{name} {step}");
        }
    }
}

/// The next run completes or removes the leftovers of a killed one, in the directory and next to it.
fn settle(dir: &Path) {
    file::recover(dir).unwrap();
    file::recover(dir.join("pump")).unwrap();
}

/// Kills the command at every write: what is left is the old state or, from some write on, the new one.
fn walk(start: &dyn Fn(&Path), arguments: &[&str]) {
    let old = {
        let dir = tempfile::tempdir().unwrap();
        start(dir.path());
        tree(dir.path())
    };
    let new = after(start, arguments);
    assert_ne!(old, new);
    let mut olds = 0;
    let steps = kill_at_every_write(
        || scene(start, arguments),
        |step, dir| {
            assert_private(dir.path(), step);
            settle(dir.path());
            let found = tree(dir.path());
            assert!(found == old || found == new, "neither old nor new {step}\n{found:#?}");
            olds += usize::from(found == old);
            // The same command, run again, finishes.
            assert_done(&commit_files(arguments, dir.path()).output().unwrap());
            assert_eq!(tree(dir.path()), new, "{step}");
        },
    )
    .unwrap();
    // Both states must occur: otherwise the walk would have begun too late or ended too early.
    assert!(olds > 0 && olds < steps, "{olds} of {steps}");
}

#[test]
fn killed_at_any_write_a_new_directory_is_there_as_a_whole_or_not_at_all() {
    walk(&nothing, &["new", "pump", "1"]);
}

#[test]
fn killed_at_any_write_a_directory_that_is_there_is_wholly_old_or_wholly_new() {
    walk(&first_generation, &["force", "pump", "2", "0A1B"]);
}

#[test]
fn killed_at_any_write_a_missing_file_is_added_or_not() {
    let without_certificate = |dir: &Path| {
        first_generation(dir);
        fs::remove_file(dir.join("pump/cert.pem")).unwrap();
    };
    walk(&without_certificate, &["new", "pump", "1"]);
}

#[test]
fn killed_at_any_write_something_is_removed_or_still_whole() {
    walk(&first_generation, &["remove", ".", "pump"]);
}

/// Leaves a replacement behind that was killed between its first and its second move.
fn killed_half_way(dir: &Path) {
    first_generation(dir);
    let command = commit_files(&["force", "pump", "2", "0A1B"], dir);
    // The first rename commits the journal; which number the moves have depends on how rename is called.
    for number in 1.. {
        let step = run_disturbed(&command, Injection::Kill, "renameat2", number).unwrap().unwrap();
        let found = tree(&dir.join("pump"));
        if found["key.pem"].1 == "key 2" && found["cert.pem"].1 == "certificate 1" {
            assert!(found.keys().any(|name| name.starts_with(".tbpki-commit-")), "{step}");
            return;
        }
        settle(dir);
        fs::remove_dir_all(dir.join("pump")).unwrap();
        first_generation(dir);
    }
}

#[test]
fn killed_while_it_finishes_what_a_killed_one_began_the_third_finishes() {
    let new = after(&first_generation, &["force", "pump", "2", "0A1B"]);
    kill_at_every_write(
        || scene(&killed_half_way, &["recover", "pump"]),
        |step, dir| {
            assert_private(dir.path(), step);
            settle(dir.path());
            assert_eq!(tree(dir.path()), new, "{step}");
        },
    )
    .unwrap();
}

/// Lets every write fail. A command that reports a failure has changed nothing, even before another run settles
/// what it left; one that reports none has done everything.
fn walk_failures(injection: Injection<'_>, code: Code, start: &dyn Fn(&Path), arguments: &[&str]) {
    let old = {
        let dir = tempfile::tempdir().unwrap();
        start(dir.path());
        tree(dir.path())
    };
    let new = after(start, arguments);
    let mut failures = 0;
    disturb_every_write(
        injection,
        || scene(start, arguments),
        |step, dir| {
            assert_private(dir.path(), step);
            let before = tree(dir.path());
            settle(dir.path());
            let found = tree(dir.path());
            if step.output.status.success() {
                assert_eq!(found, new, "{step}");
            } else if step.output.status.code() == Some(1) {
                failures += 1;
                let said = String::from_utf8_lossy(&step.output.stderr);
                // A lock that fails is no full disk, and an owner that cannot be set is an error of its own.
                let other = step.call.contains("flock(") || step.call.contains("chown");
                assert!(said.contains(&code.to_string()) || other, "{step}");
                if matches!(injection, Injection::Error(_)) {
                    assert_eq!(found, old, "{step}");
                    let stray = before.keys().find(|name| name.contains(".tbpki-"));
                    assert!(stray.is_none() || step.call.contains("unlink"), "{stray:?} {step}");
                } else {
                    assert!(found == old || found == new, "{step}\n{found:#?}");
                }
            } else {
                // The dynamic loader failed before the command began.
                assert_eq!(found, old, "{step}");
            }
        },
    )
    .unwrap();
    assert!(failures > 3, "{failures}");
}

#[test]
fn whichever_write_finds_the_disk_full_nothing_has_changed() {
    let full = Injection::Error("ENOSPC");
    walk_failures(full, Code::DiskFull, &nothing, &["new", "pump", "1"]);
    walk_failures(full, Code::DiskFull, &first_generation, &["force", "pump", "2", "0A1B"]);
    walk_failures(full, Code::DiskFull, &first_generation, &["remove", ".", "pump"]);
}

#[test]
fn whichever_write_the_disk_refuses_nothing_has_changed() {
    let refused = Injection::Error("EIO");
    walk_failures(refused, Code::FileUnwritable, &first_generation, &["force", "pump", "2", "0A1B"]);
}

#[test]
fn when_undoing_fails_too_the_next_run_decides() {
    let refused = Injection::ErrorFromHereOn("EIO");
    walk_failures(refused, Code::FileUnwritable, &first_generation, &["force", "pump", "2", "0A1B"]);
}

/// Runs a shell script as an unprivileged user if we are root, for whom permissions have no effect.
fn unprivileged(script: &str, dir: &Path) -> Output {
    let mut command = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        std::os::unix::fs::chown(dir, Some(65534), Some(65534)).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    // The user may not be let into the directory that the program was built in.
    let program = dir.join("commit-files");
    // Copied by another process: a process that another thread starts meanwhile would keep a file open that this one
    // writes, and what is open for writing cannot be run.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_commit-files")).arg(&program).status().unwrap().success());
    let output = command.args(["-ec", script]).current_dir(dir).output().unwrap();
    fs::remove_file(program).unwrap();
    output
}

fn assert_done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_umask_has_no_say() {
    let expected = after(&first_generation, &["force", "pump", "2", "0A1B"]);
    for umask in ["000", "777"] {
        let script = format!("umask {umask}; $PROGRAM new pump 1; $PROGRAM force pump 2 0A1B");

        let dir = tempfile::tempdir().unwrap();
        assert_done(&unprivileged(&script.replace("$PROGRAM", "./commit-files"), dir.path()));
        assert_eq!(tree(dir.path()), expected, "umask {umask}");

        let dir = tempfile::tempdir().unwrap();
        let ours = script.replace("$PROGRAM", env!("CARGO_BIN_EXE_commit-files"));
        assert_done(&Command::new("sh").args(["-ec", &ours]).current_dir(dir.path()).output().unwrap());
        assert_eq!(tree(dir.path()), expected, "umask {umask}");
    }
}

#[test]
fn killed_under_any_umask_nothing_is_left_that_cannot_be_settled() {
    for umask in ["000", "777"] {
        let script = format!("umask {umask}; exec {} new pump 1", env!("CARGO_BIN_EXE_commit-files"));
        kill_at_every_write(
            || {
                let dir = tempfile::tempdir()?;
                let mut command = Command::new("sh");
                command.args(["-ec", &script]).current_dir(dir.path());
                Ok((command, dir))
            },
            |step, dir| {
                assert_private(dir.path(), step);
                assert_done(&unprivileged("umask 777; ./commit-files recover .", dir.path()));
                settle(dir.path());
                let found = tree(dir.path());
                // The directory, its three files, and the directory of the generation with the fourth one.
                assert!(found.is_empty() || found.len() == 6, "{step}\n{found:#?}");
            },
        )
        .unwrap();
    }
}

#[test]
fn a_directory_that_we_may_not_write_to_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let output = unprivileged("mkdir pump; chmod 555 pump; ./commit-files new pump 1", dir.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("TBPKI-0081 pump: this cannot be written: Permission denied"), "{said}");
    assert!(tree(&dir.path().join("pump")).is_empty());
}

/// Runs a script in a mount namespace of its own, with a tmpfs of 64 KiB mounted at `disk`.
fn on_a_small_disk(script: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("disk")).unwrap();
    let script = format!("mount -t tmpfs -o size=64k,mode=700 none disk; cd disk; {script}");
    let mut unshare = Command::new("unshare");
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.args(["--mount", "--", "sh", "-c", &format!("set -e; {script}")]).current_dir(dir.path());
    let output = unshare.env("PROGRAM", env!("CARGO_BIN_EXE_commit-files")).output().unwrap();
    assert_done(&output);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_disk_that_is_full_stays_as_it_was() {
    let (mut full, mut done) = (0, 0);
    // From too few for anything to enough for all, so that the disk becomes full at each step of the work once.
    for pages in 4..=16 {
        let said = on_a_small_disk(&format!(
            "$PROGRAM new pump 1; find pump | sort > ../before; \
             head -c $(({pages} * 4096)) /dev/zero > filler 2>/dev/null || true; \
             if $PROGRAM force pump 2 0A1B 2>&1; then echo done; else find pump | sort | cmp - ../before; fi; \
             head -c 3 pump/key.pem; find . -name '.tbpki*'"
        ));
        full += usize::from(said.starts_with("TBPKI-0083 ") && said.ends_with("\nkey"));
        done += usize::from(said == "done\nkey");
    }
    assert!(full > 0 && done > 0 && full + done == 13, "{full} times full, {done} times done");
}

#[test]
fn a_read_only_disk_has_an_error_of_its_own() {
    let said = on_a_small_disk("mkdir pump; mount -o remount,ro .; $PROGRAM new pump 1 2>&1 || true");
    assert!(said.contains("TBPKI-0081 pump: this cannot be written: Read-only file system"), "{said}");
}

#[test]
fn a_lock_ends_with_its_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut holder = commit_files(&["hold", "."], dir.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");

    let error = Lock::acquire(dir.path(), "client", Duration::ZERO).unwrap_err();
    assert_eq!(error.code(), Code::StoreLocked);
    assert!(error.to_string().contains(&format!("`tbpki hold` (process {} on ", holder.id())), "{error}");

    holder.kill().unwrap();
    holder.wait().unwrap();
    Lock::acquire(dir.path(), "client", Duration::ZERO).unwrap();
}

#[test]
fn two_at_once_do_not_mix_their_files() {
    let dir = tempfile::tempdir().unwrap();
    first_generation(dir.path());
    thread::scope(|scope| {
        for generation in 2..10 {
            let (generation, dir) = (generation.to_string(), dir.path());
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_done(&commit_files(&["force", "pump", &generation, "old"], dir).output().unwrap());
                }
            });
        }
    });
    let found = tree(&dir.path().join("pump"));
    let generation = found["key.pem"].1.strip_prefix("key ").unwrap();
    assert_eq!(found["cert.pem"].1, format!("certificate {generation}"));
    assert!(!found.keys().any(|name| name.starts_with(".tbpki-")), "{found:#?}");
    // Every key that was ever there is still there, under one name or another.
    for generation in 1..10 {
        assert!(found.values().any(|(_, text)| *text == format!("key {generation}")), "{generation}");
    }
}

#[test]
fn files_for_a_server_take_the_owner_of_its_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let mut set = file::FileSet::new(dir.path()).owned_by(file::Ownership::of_server(None, None));
    set.add("key.pem", b"key".to_vec(), Mode::Private).unwrap();
    let conf = dir.path().join("thingsboard.conf");
    fs::write(&conf, "").unwrap();
    let root = fs::metadata(&conf).unwrap().uid() == 0;
    if root {
        std::os::unix::fs::chown(&conf, Some(4711), Some(4712)).unwrap();
    }
    set.commit().unwrap();
    let (conf, key) = (fs::metadata(&conf).unwrap(), fs::metadata(dir.path().join("key.pem")).unwrap());
    assert_eq!((key.uid(), key.gid(), key.mode() & 0o777), (conf.uid(), conf.gid(), 0o600));

    // Named, they are those; and only root can give files away.
    let dir = tempfile::tempdir().unwrap();
    let mut set = file::FileSet::new(dir.path()).owned_by(file::Ownership::of_server(Some("daemon"), Some("4713")));
    set.add("key.pem", b"key".to_vec(), Mode::Private).unwrap();
    match set.commit() {
        Ok(_) => {
            let key = fs::metadata(dir.path().join("key.pem")).unwrap();
            assert!(root && key.uid() == 1 && key.gid() == 4713);
        }
        Err(error) => assert!(!root && error.code() == Code::Ownership, "{error}"),
    }

    let dir = tempfile::tempdir().unwrap();
    let mut set = file::FileSet::new(dir.path()).owned_by(file::Ownership::of_server(Some("no-such-user"), None));
    set.add("key.pem", b"key".to_vec(), Mode::Private).unwrap();
    let error = set.commit().unwrap_err();
    assert_eq!(error.code(), Code::Ownership);
    assert!(error.to_string().contains("no user \"no-such-user\""), "{error}");
    assert!(tree(dir.path()).is_empty());
}

#[test]
fn an_ordinary_user_cannot_give_files_away_and_gets_an_error() {
    // Standard permissions let a user make files in a directory of that user, but not for anyone else.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_done(&unprivileged(
        "./commit-files new pump 1; test \"$(stat -c %u pump/key.pem)\" = \"$(id -u)\"",
        dir.path(),
    ));
}
