//! Root in directories of another user, who plants links there and owns the configuration.
//!
//! Only root can make files of another user: without root, the tests say so and end.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use base::file::{Mode, OutputTarget};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tbpki_tests::{Outcome, Sandbox, Snapshot, Tool};

/// A user without rights.
const USER: u32 = 65_534;

/// A store of another user, and a file of root that nothing may change.
struct Hostile {
    sandbox: Sandbox,
    victim: PathBuf,
    _outside: tempfile::TempDir,
}

impl Hostile {
    /// None, with a reason on the output, unless this is root.
    fn new() -> Option<Self> {
        let outside = tempfile::tempdir().unwrap();
        let victim = outside.path().join("victim");
        fs::write(&victim, "of root\n").unwrap();
        if fs::metadata(&victim).unwrap().uid() != 0 {
            println!("skipped: only root can make files of another user");
            return None;
        }
        let sandbox = Sandbox::with_store();
        sandbox.ok(["client", "--device", "pump-1"]);
        // Everything at once, as it is where a user has made the store and later runs tbpki with sudo.
        give(sandbox.path());
        Some(Self { sandbox, victim, _outside: outside })
    }

    /// As a user who trusts the owner.
    fn trusting(&self, args: &[&str]) -> Tool {
        self.sandbox.tbpki(args).env("TBPKI_TRUST_OWNER", "true")
    }

    /// Fails with the code, and the victim and the directory are as they were.
    fn refused(&self, tool: Tool, code: &str) -> Outcome {
        let before = Snapshot::of(self.sandbox.path());
        let outcome = tool.run().ends(1).prints(code);
        before.is_unchanged(&Snapshot::of(self.sandbox.path()), &outcome);
        self.victim_is_unchanged();
        outcome
    }

    fn victim_is_unchanged(&self) {
        let found = fs::metadata(&self.victim).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (0, 0, 0o644));
        assert_eq!(fs::read_to_string(&self.victim).unwrap(), "of root\n");
    }
}

fn give(path: &Path) {
    lchown(path, Some(USER), Some(USER)).unwrap();
    if fs::symlink_metadata(path).unwrap().is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
    }
}

#[test]
fn a_configuration_and_a_store_of_another_user_are_refused_unless_they_are_trusted() {
    let Some(hostile) = Hostile::new() else { return };
    let verbs: [&[&str]; 7] = [
        &["client", "--device", "pump-2"],
        &["server", "--name", "tb.example"],
        &["list"],
        &["report", "--out", "report.html"],
        &["config", "show"],
        &["fleet", "jobs"],
        &["fleet", "issue", "--count", "1", "--name-pattern", "p-{}", "--out", "fleet"],
    ];
    for verb in verbs {
        hostile.refused(hostile.sandbox.tbpki(verb), "TBPKI-0014").prints("--trust-owner");
    }
    // A configuration of root's that names the store of another user, and the other way round.
    chown(hostile.sandbox.path(), Some(0), Some(0)).unwrap();
    chown(hostile.sandbox.join("keygen.toml"), Some(0), Some(0)).unwrap();
    hostile.refused(hostile.sandbox.tbpki(["list"]), "TBPKI-0014").prints("pki");
    give(hostile.sandbox.path());
    hostile.sandbox.tbpki(["list", "--trust-owner"]).run().ok().prints("pump-1");
    hostile.trusting(&["list"]).run().ok().prints("pump-1");
    // A user who became root by sudo is trusted with their own files, and with no other user's.
    hostile.sandbox.tbpki(["list"]).env("SUDO_UID", USER.to_string()).run().ok().prints("pump-1");
    hostile.refused(hostile.sandbox.tbpki(["list"]).env("SUDO_UID", "4711"), "TBPKI-0014");
    hostile.refused(hostile.sandbox.tbpki(["list"]).env("TBPKI_TRUST_OWNER", "false"), "TBPKI-0014");
    hostile.refused(hostile.sandbox.tbpki(["list"]).env("TBPKI_TRUST_OWNER", ""), "TBPKI-0014");
    // A misspelled word must not switch the protection off.
    for word in ["maybe", "disabled", " "] {
        let tool = hostile.sandbox.tbpki(["list"]).env("TBPKI_TRUST_OWNER", word);
        tool.run()
            .prints("is neither true nor false")
            .prints("TBPKI_TRUST_OWNER to 1 or 0")
            .prints("TBPKI-0003")
            .ends(2);
    }
    hostile.trusting(&["client", "--device", "pump-2"]).run().ok();
}

#[test]
fn the_password_file_and_the_module_of_another_users_configuration_are_not_opened() {
    let Some(hostile) = Hostile::new() else { return };
    let toml = hostile.sandbox.text("keygen.toml");
    let secret = format!("{toml}\n[keystore]\npassword = {{ file = {:?} }}\n", hostile.victim);
    hostile.sandbox.write("keygen.toml", secret);
    let uri = "pkcs11:object=x?module-path=/nowhere/hostile.so\n";
    let issuing = hostile.sandbox.join("pki/ca/devices-issuing");
    fs::remove_file(issuing.join("key.pem")).unwrap();
    fs::write(issuing.join("key.uri"), uri).unwrap();
    give(hostile.sandbox.path());
    let outcome = hostile.refused(hostile.sandbox.tbpki(["client", "--device", "pump-2"]), "TBPKI-0014");
    assert!(!outcome.stderr_text().contains("hostile.so") && !outcome.stderr_text().contains("of root"), "{outcome}");
}

#[test]
fn hard_links_at_the_lock_and_the_ledger_are_neither_changed_nor_given_away() {
    let Some(hostile) = Hostile::new() else { return };
    for name in [".lock", "ledger.db-shm", "ledger.db-wal", "ledger.db-journal"] {
        let path = hostile.sandbox.join("pki").join(name);
        let kept = fs::read(&path).ok();
        drop(fs::remove_file(&path));
        // `O_NOFOLLOW` does not see hard links: only the number of names tells. Where fs.protected_hardlinks is on,
        // Linux forbids users to make one to a file of others; it is not on everywhere.
        fs::hard_link(&hostile.victim, &path).unwrap();
        hostile.refused(hostile.trusting(&["client", "--device", "pump-2"]), "TBPKI-0089").prints(name);
        fs::remove_file(&path).unwrap();
        if let Some(bytes) = kept {
            fs::write(&path, bytes).unwrap();
            chown(&path, Some(USER), Some(USER)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    hostile.trusting(&["client", "--device", "pump-2"]).run().ok();
    // A lock file that root makes is that of the store's owner from the start.
    let lock = fs::metadata(hostile.sandbox.join("pki/.lock")).unwrap();
    assert_eq!((lock.uid(), lock.mode() & 0o777), (USER, 0o600));
}

#[test]
fn store_directories_that_are_links_of_another_user_are_not_followed() {
    let Some(hostile) = Hostile::new() else { return };
    let outside = tempfile::tempdir().unwrap();
    for name in ["devices", "servers"] {
        let path = hostile.sandbox.join("pki").join(name);
        let away = hostile.sandbox.join("away");
        fs::rename(&path, &away).unwrap();
        symlink(outside.path(), &path).unwrap();
        lchown(&path, Some(USER), Some(USER)).unwrap();
        hostile.refused(hostile.trusting(&["client", "--device", "pump-2"]), "TBPKI-0089");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{name}");
        fs::remove_file(&path).unwrap();
        fs::rename(&away, &path).unwrap();
    }
}

#[test]
fn a_link_that_is_swapped_while_root_writes_changes_no_other_file() {
    let Some(hostile) = Hostile::new() else { return };
    let dir = hostile.sandbox.join("reports");
    fs::create_dir(&dir).unwrap();
    give(&dir);
    let page = dir.join("page");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let next = dir.join("next");
            while !over.load(Ordering::Relaxed) {
                for target in [Path::new("/dev/null"), &hostile.victim] {
                    // The writer may replace the link, or remove it; each is right.
                    drop(symlink(target, &next).and_then(|()| lchown(&next, Some(USER), Some(USER))));
                    drop(fs::rename(&next, &page));
                }
            }
        });
        // The moment between a look and an open is microseconds; fewer rounds would pass by luck.
        for round in 0..2_000_u32 {
            let output = OutputTarget::new(&page, Mode::Private);
            // The two ways of writing have different calls: one refuses what is there, the other moves it away first.
            let output = if round % 2 == 0 { output } else { output.replacing("old") };
            // Refused or written to the place itself: both are right, a change elsewhere is not.
            drop(output.write(b"a page of root"));
            if round % 50 == 0 {
                hostile.victim_is_unchanged();
                drop(fs::read_dir(&dir).unwrap().filter_map(Result::ok).try_for_each(|entry| {
                    if entry.file_name().to_string_lossy().contains("old") {
                        fs::remove_file(entry.path())
                    } else {
                        Ok(())
                    }
                }));
            }
        }
        for _ in 0..10 {
            drop(hostile.trusting(&["report", "--force", "--out", "reports/page"]).run());
            hostile.victim_is_unchanged();
        }
        over.store(true, Ordering::Relaxed);
    });
    hostile.victim_is_unchanged();
}

#[test]
fn a_directory_that_is_swapped_for_a_link_while_root_writes_gets_nothing() {
    let Some(hostile) = Hostile::new() else { return };
    let outside = tempfile::tempdir().unwrap();
    let (dir, link) = (hostile.sandbox.join("out"), hostile.sandbox.join("out-link"));
    fs::create_dir(&dir).unwrap();
    give(&dir);
    // The link belongs to the user before it gets the name: a link of root would be followed, and rightly.
    symlink(outside.path(), &link).unwrap();
    lchown(&link, Some(USER), Some(USER)).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // In one step: in a moment without the name, the writer would make a directory of its own there.
                renameat_with(CWD, &dir, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        // A name for each round: to remove a file by its path could remove the proof from the other directory.
        for round in 0..2_000 {
            drop(OutputTarget::new(dir.join(format!("page-{round}")), Mode::Private).write(b"a page of root"));
        }
        over.store(true, Ordering::Relaxed);
    });
    if fs::symlink_metadata(&dir).unwrap().is_symlink() {
        renameat_with(CWD, &dir, CWD, &link, RenameFlags::EXCHANGE).unwrap();
    }
    assert!(fs::read_dir(&dir).unwrap().count() > 0, "no round wrote where it should");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn what_every_user_may_write_to_is_refused() {
    let sandbox = Sandbox::with_store();
    // The bit for writing by every user, each time with other bits around it.
    for (path, mode) in [("keygen.toml", 0o666), ("pki", 0o707), ("pki/ca/devices-issuing/key.pem", 0o602)] {
        let before = fs::metadata(sandbox.join(path)).unwrap().permissions();
        fs::set_permissions(sandbox.join(path), fs::Permissions::from_mode(mode)).unwrap();
        sandbox.fails(["client", "--device", "pump-1"], 1, "TBPKI-0016").prints(path);
        fs::set_permissions(sandbox.join(path), fs::Permissions::from_mode(0o660)).unwrap();
        fs::set_permissions(sandbox.join(path), before).unwrap();
    }
    let key = sandbox.join("pki/ca/devices-issuing/key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    sandbox.ok(["client", "--device", "pump-1"]).prints("TBPKI-0085").prints("devices-issuing/key.pem");
}

#[test]
fn a_line_break_in_a_path_never_gets_into_settings() {
    let sandbox = Sandbox::with_store();
    for dir in ["conf\ntouch pwned", "conf\r", "conf\u{2028}x", "a\u{1b}b"] {
        let before = Snapshot::of(sandbox.path());
        let args = ["server", "--name", "tb.example", "--out", dir, "--environment", "env,compose,kubernetes"];
        let outcome = sandbox.fails(args, 1, "TBPKI-0015");
        before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    }
}
