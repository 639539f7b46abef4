//! Two at a time: the second is told who the first is, and nothing has to be cleaned up by hand.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tbpki_tests::oracle::openssl;
use tbpki_tests::{Sandbox, Tool};

use crate::{refused, user};

const SECOND: &[&str] = &["client", "--device", "valve-2"];

/// A process that ends with the test, however that ends.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A tbpki that has the store's lock and waits for its passphrase.
struct Holder {
    process: Guarded,
    path: std::path::PathBuf,
    /// The end of the pipe that writes: a pipe without a writer is not waited for.
    writer: std::fs::File,
}

impl Holder {
    fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let path = sandbox.join("pipe");
        // A named pipe as the file of the passphrase: tbpki waits in it, with the lock, for as long as the test wants.
        Tool::new("mkfifo").arg(&path).run().ok();
        // Opened for both, because an open for writing alone waits for a reader.
        let writer = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut command = sandbox.tbpki([args, &["--ca-passphrase-file", "pipe"]].concat()).command();
        let process = Guarded(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(120);
        while !sandbox.text("pki/.lock").contains(&format!("\"pid\":{}", process.0.id())) {
            assert!(Instant::now() < deadline, "the first does not take the lock");
            thread::sleep(Duration::from_millis(10));
        }
        Self { process, path, writer }
    }

    fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// Gives it its passphrase and waits for its end.
    fn finish(mut self, passphrase: &str) {
        self.writer.write_all(passphrase.as_bytes()).unwrap();
        drop(self.writer);
        assert!(self.process.0.wait().unwrap().success());
        std::fs::remove_file(&self.path).unwrap();
    }
}

#[test]
fn the_message_names_the_holder() {
    let sandbox = Sandbox::new();
    sandbox.write("passphrase", "correct horse");
    sandbox.ok(["init", "--no-input", "--ca-passphrase-file", "passphrase"]);
    let second = [SECOND, &["--ca-passphrase-file", "passphrase"]].concat();
    for (first, verb) in [
        (&["client", "--device", "pump-1"][..], "`tbpki client`"),
        (&["server", "--name", "tb.example", "--only-given-names"], "`tbpki server`"),
    ] {
        let holder = Holder::start(&sandbox, first);
        let process = format!("process {}", holder.id());
        let words: &[&str] = &[verb, &process, "pki", "wait until it has finished"];
        // Its pipe is no file that could be compared.
        for json in [&[][..], &["--json"]] {
            let outcome = sandbox.tbpki([&second, json].concat()).run();
            crate::has_expected(&outcome, !json.is_empty(), user(90, words));
            assert!(!sandbox.join("pki/devices/valve-2").exists());
        }
        // A verb that waited for the lock would fail, because the holder keeps it until the end of the block.
        sandbox.ok(["list"]);
        sandbox.ok([SECOND, &["--dry-run"]].concat());
        holder.finish("correct horse\n");
    }
    sandbox.ok(&second);
}

#[test]
fn a_holder_that_dies_leaves_no_lock() {
    let sandbox = Sandbox::new();
    sandbox.write("passphrase", "correct horse");
    sandbox.ok(["init", "--no-input", "--ca-passphrase-file", "passphrase"]);
    let mut holder = Holder::start(&sandbox, &["client", "--device", "pump-1"]);
    holder.process.0.kill().unwrap();
    holder.process.0.wait().unwrap();
    sandbox.ok([SECOND, &["--ca-passphrase-file", "passphrase"]].concat());
}

#[test]
fn a_lock_of_another_process_is_respected_and_not_removed() {
    let sandbox = Sandbox::with_store();
    // For example a backup of the store.
    let backup = Command::new("flock")
        .arg(sandbox.join("pki/.lock"))
        .args(["sh", "-c", "echo held; cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut backup = Guarded(backup);
    let mut line = String::new();
    BufReader::new(backup.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    refused(&sandbox, SECOND, user(90, &["another tbpki", "pki", "wait until it has finished"]));
    drop(backup.0.stdin.take());
    assert!(backup.0.wait().unwrap().success());
    sandbox.ok(SECOND);
    openssl().args(["x509", "-noout", "-in"]).arg(sandbox.join("pki/devices/valve-2/cert.pem")).run().ok();
}
