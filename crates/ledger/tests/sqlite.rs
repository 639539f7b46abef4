//! The ledger as a file of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect, and a child process talks to its test"
)]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, process, thread};

use base::Code;
use ledger::{Filter, Key, Kind, Ledger, SinceSeen, State};
use rusqlite::Connection;
use tempfile::TempDir;

mod behavior;
use behavior::{Station, behavior, device, intend, issue, leaf};

struct Sqlite(TempDir);

impl Sqlite {
    fn path(&self) -> PathBuf {
        self.0.path().join("ledger.db")
    }
}

impl Station for Sqlite {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn open(&self) -> Ledger {
        Ledger::open(self.path()).unwrap()
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    fn refuses(&self, sql: &str) -> bool {
        Connection::open(self.path()).unwrap().execute_batch(sql).is_err()
    }

    fn to_layout_before_roles(&self) {
        self.sql(
            "DROP TABLE device_token; DROP TABLE registration; DROP TABLE platform_step; DROP TABLE platform_work; DROP TABLE in_doubt; DROP TABLE status; ALTER TABLE identity DROP COLUMN origin; ALTER TABLE identity DROP COLUMN forgotten_at; \
             DROP TABLE renewal_step; DROP TABLE platform; DROP TABLE lease; DROP TABLE clock; ALTER TABLE job DROP COLUMN renews; \
             DROP INDEX identity_current; DROP INDEX identity_pending; DROP INDEX identity_revoked; \
             DROP TABLE ca_confirmation; DROP TABLE enrolled; DROP TABLE enrolment_password; DROP TABLE enrolment_request; DROP TABLE open_step; DROP TABLE revocation_list; ALTER TABLE identity DROP COLUMN role; \
             ALTER TABLE identity DROP COLUMN issuer_generation; ALTER TABLE identity DROP COLUMN revocation_reason; \
             ALTER TABLE identity DROP COLUMN copies; ALTER TABLE identity DROP COLUMN station; \
             PRAGMA user_version = 3;",
        );
    }
}

behavior!(Sqlite);

/// Copies a file over another one, as `cp -p` does with an older one: the file itself stays, and gets an earlier time.
fn copy_over(from: &Path, to: &Path) {
    let earlier = fs::metadata(to).unwrap().modified().unwrap() - Duration::from_secs(1);
    fs::copy(from, to).unwrap();
    fs::File::options().write(true).open(to).unwrap().set_modified(earlier).unwrap();
}

#[test]
fn a_connection_that_stays_open_goes_on_only_if_no_other_has_written() {
    let station = Sqlite::new();
    let mut ledger = station.open();
    ledger.stay_open().unwrap();
    issue(&mut ledger, "a");
    let seen = ledger.seen();
    assert_eq!(ledger.since(&seen), SinceSeen::Nothing, "its own commits are none of others");
    let mut other = station.open();
    // A reader, and a transaction that changed nothing, leave it too.
    assert_eq!(other.count(&Filter::default()).unwrap(), 1);
    other.transaction(|transaction| transaction.count(&Filter::default()).map(drop)).unwrap();
    assert_eq!(ledger.since(&seen), SinceSeen::Nothing);
    issue(&mut other, "b");
    assert_eq!(ledger.since(&seen), SinceSeen::Unknown);
    // As after a commit of others while this connection was in use: its user may have looked before.
    assert_eq!(ledger.since(&ledger.seen()), SinceSeen::Unknown);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test changes the files behind our back")]
fn a_connection_that_stays_open_notices_other_files() {
    for name in ["ledger.db", "ledger.db-wal"] {
        let station = Sqlite::new();
        let mut ledger = station.open();
        issue(&mut ledger, "a");
        let (file, copy) = (station.path().with_file_name(name), station.0.path().join("copy"));
        fs::copy(&file, &copy).unwrap();
        let seen = ledger.seen();
        // The same contents, over the same file: SQLite keeps pages of it in memory and would not look.
        copy_over(&copy, &file);
        assert_eq!(ledger.since(&seen), SinceSeen::Unknown, "{name}");
        let seen = ledger.seen();
        fs::rename(&copy, &file).unwrap();
        assert_eq!(ledger.since(&seen), SinceSeen::Unknown, "{name}");
        let seen = ledger.seen();
        fs::remove_file(&file).unwrap();
        assert_eq!(ledger.since(&seen), SinceSeen::Unknown, "{name}");
    }
}

#[test]
fn a_transaction_is_counted_if_it_has_written() {
    let station = Sqlite::new();
    let mut ledger = station.open();
    issue(&mut ledger, "a");
    let changes = ledger.status().unwrap().changes;
    ledger.transaction(|transaction| transaction.count(&Filter::default()).map(drop)).unwrap();
    assert_eq!(ledger.status().unwrap().changes, changes);
    ledger.transaction(|transaction| transaction.intend(&device("b")).map(drop)).unwrap();
    assert_eq!(ledger.status().unwrap().changes, changes + 1);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// This test program again, as a process of its own that does one of the jobs below.
fn child(job: &str, ledger: &Path, umask: &str) -> Child {
    Command::new("sh")
        // By a shell, because a process has one umask, which the other tests in this one also use.
        .args(["-c", "umask $0; exec \"$@\"", umask])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "job", "--ignored", "--nocapture"])
        .envs([("LEDGER_JOB", job.as_ref()), ("LEDGER_PATH", ledger.as_os_str())])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the tests run it in a process of its own"]
fn job() {
    let mut ledger = Ledger::open(env::var_os("LEDGER_PATH").unwrap()).unwrap();
    let job = env::var("LEDGER_JOB").unwrap();
    match job.as_str() {
        "issue one" => drop(issue(&mut ledger, "a")),
        "issue on and on" => issue_on_and_on(&mut ledger),
        steps => abort_after(&mut ledger, steps.parse().unwrap()),
    }
}

/// Tells of each step when it is done, until killed. Starts by giving up what its forerunner left.
fn issue_on_and_on(ledger: &mut Ledger) {
    for entry in ledger.unfinished().unwrap() {
        ledger.void(&entry.key, "interrupted").unwrap();
    }
    let first = ledger.count(&Filter::default()).unwrap();
    for number in first.. {
        let name = format!("n{number:06}");
        let key = intend(ledger, &name);
        // Printed only after the ledger has it: what the test reads must be there, whatever the kill has cut.
        println!("\nintended {name}");
        ledger.issued(&key, &leaf(&name)).unwrap();
        println!("\nissued {name}");
    }
}

/// Dies in the middle of a transaction of three statements.
fn abort_after(ledger: &mut Ledger, statements: usize) {
    let mut left = statements;
    let mut statement = || {
        if left == 0 {
            process::abort();
        }
        left -= 1;
    };
    ledger
        .transaction(|transaction| {
            statement();
            let generation = transaction.intend(&device("b"))?;
            statement();
            let key = Key { kind: Kind::Device, name: "b".to_owned(), generation };
            transaction.issued(&key, &leaf("b"))?;
            statement();
            Ok(())
        })
        .unwrap();
    statement();
}

#[test]
fn only_the_owner_may_read_it_whatever_the_umask() {
    // 777 takes even the owner's rights away, unless the mode is set in a step of its own.
    for umask in ["000", "022", "777"] {
        let station = Sqlite::new();
        assert!(child("issue one", &station.path(), umask).wait().unwrap().success(), "umask {umask}");
        let files: Vec<_> = fs::read_dir(station.0.path()).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.contains(&station.path()));
        for file in files {
            assert_eq!(mode(&file), 0o600, "{} under umask {umask}", file.display());
        }
        assert_eq!(station.open().current(Kind::Device, "a").unwrap().unwrap().state, State::Issued);
    }
}

#[test]
fn one_whose_making_was_cut_short_is_finished() {
    let station = Sqlite::new();
    // As umask 777 leaves it when the process ends between creating the file and setting its mode.
    fs::File::create_new(station.path()).unwrap().set_permissions(Permissions::from_mode(0o000)).unwrap();
    issue(&mut station.open(), "a");
    assert_eq!(mode(&station.path()), 0o600);
}

#[test]
fn killed_in_a_transaction_it_is_as_it_was_before() {
    for statements in 0..=3 {
        let station = Sqlite::new();
        issue(&mut station.open(), "a");
        let status = child(&statements.to_string(), &station.path(), "077").wait().unwrap();
        assert!(!status.success(), "the child was to die");
        let ledger = station.open();
        ledger.check().unwrap();
        let states = ["a", "b"].map(|name| ledger.current(Kind::Device, name).unwrap().map(|entry| entry.state));
        // With three statements it dies after the commit.
        let b = (statements == 3).then_some(State::Issued);
        assert_eq!(states, [Some(State::Issued), b], "after {statements} statements");
    }
}

#[test]
fn killed_at_any_moment_it_keeps_what_was_reported() {
    let station = Sqlite::new();
    for round in 0..12 {
        let mut child = child("issue on and on", &station.path(), "077");
        let lines = BufReader::new(child.stdout.take().unwrap());
        let killer = thread::spawn(move || {
            // Uneven steps, so that the kills meet different moments of a transaction.
            thread::sleep(Duration::from_millis(60 + 17 * round));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        // A last line may have been cut by the kill.
        let told: Vec<String> = lines.split(b'\n').map(|line| String::from_utf8(line.unwrap()).unwrap()).collect();
        killer.join().unwrap();

        let ledger = station.open();
        ledger.check().unwrap();
        // The child intends one at a time.
        assert!(ledger.unfinished().unwrap().len() <= 1);
        for line in told {
            // A letter and six digits: a shorter name was cut, and other lines are those of the test harness.
            let Some((state, name)) = line.split_once(' ').filter(|(_, name)| name.len() == 7) else { continue };
            let entry = match ledger.history(Kind::Device, name).unwrap().pop() {
                Some(entry) => entry,
                None => panic!("{line}, and the ledger does not know it"),
            };
            assert!(state != "issued" || entry.state == State::Issued, "{line}, and the ledger has {}", entry.state);
        }
    }
    let issued = Filter { states: vec![State::Issued], ..Filter::default() };
    assert!(station.open().count(&issued).unwrap() > 0, "the children were killed before they did anything");
}

#[test]
fn a_reader_sees_the_last_whole_state_while_another_writes() {
    let station = Sqlite::new();
    let mut ledger = station.open();
    let a = intend(&mut ledger, "a");
    let reader = Ledger::open_read_only(station.path()).unwrap();
    let state = || reader.latest(Kind::Device, "a").unwrap().unwrap().state;
    ledger
        .transaction(|transaction| {
            transaction.issued(&a, &leaf("a"))?;
            assert_eq!(state(), State::Intended);
            Ok(())
        })
        .unwrap();
    assert_eq!(state(), State::Issued);
}

#[test]
fn reading_makes_no_ledger() {
    let station = Sqlite::new();
    assert_eq!(refusal(Ledger::open_read_only(station.path())), Code::StoreMissing);
    assert!(!station.path().exists());
    assert_eq!(refusal(Ledger::open(station.0.path().join("missing/ledger.db"))), Code::FileUnwritable);
    assert_eq!(refusal(Ledger::open(station.0.path())), Code::UnsafeFile);
}

#[test]
fn a_writer_waits_for_another_but_not_for_ever() {
    let station = Sqlite::new();
    let mut ledger = station.open();
    let other = Connection::open(station.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // After the patience of a file, 20 s.
    let error = ledger.intend(&device("a")).unwrap_err();
    assert_eq!(error.code(), Code::StoreLocked);

    let release = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        other.execute_batch("COMMIT").unwrap();
    });
    ledger.intend(&device("a")).unwrap();
    release.join().unwrap();
}

#[test]
fn the_ledger_of_a_newer_version_is_left_alone() {
    let station = Sqlite::new();
    issue(&mut station.open(), "a");
    Connection::open(station.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(refusal(Ledger::open(station.path())), Code::LedgerVersion);
    assert_eq!(refusal(Ledger::open_read_only(station.path())), Code::LedgerVersion);
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let bookmarks = Sqlite::new();
    Connection::open(bookmarks.path()).unwrap().execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    let text = Sqlite::new();
    let write = |path: &Path, bytes: &[u8]| {
        use std::io::Write as _;
        fs::File::create_new(path).unwrap().write_all(bytes).unwrap();
    };
    write(&text.path(), b"version = 1\n");
    let junk = Sqlite::new();
    // The right magic and nothing else right: SQLite opens it and fails at the first question.
    write(&junk.path(), &[&b"SQLite format 3\0"[..], &[0xFF; 8192]].concat());

    for station in [bookmarks, text, junk] {
        let before = bytes(&station.path());
        assert_eq!(refusal(Ledger::open(station.path())), Code::LedgerUnreadable);
        assert_eq!(refusal(Ledger::open_read_only(station.path())), Code::LedgerUnreadable);
        assert_eq!(bytes(&station.path()), before);
    }
}

#[test]
fn damage_is_found() {
    let station = Sqlite::new();
    let mut ledger = station.open();
    // Enough for several pages, of which the second half is then cut off.
    for number in 0..200 {
        intend(&mut ledger, &format!("n{number:06}"));
    }
    drop(ledger);
    // Folds the -wal file in, so that the file that is about to lose its end contains everything.
    Connection::open(station.path()).unwrap().pragma_update(None, "wal_checkpoint", "truncate").unwrap();
    let file = fs::OpenOptions::new().write(true).open(station.path()).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();

    // SQLite may notice the missing pages when it opens the file or only when it reads them.
    let code = match Ledger::open(station.path()) {
        Ok(ledger) => ledger.check().unwrap_err().code(),
        Err(error) => error.code(),
    };
    assert_eq!(code, Code::LedgerUnreadable);
}

fn bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut fs::File::open(path).unwrap(), &mut bytes).unwrap();
    bytes
}

fn refusal<T>(opened: base::Result<T>) -> Code {
    opened.err().expect("it was to be refused").code()
}
