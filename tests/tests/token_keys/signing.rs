//! Many threads sign with one key; sessions that die are opened again, and a token that is gone is missed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use tbpki_tests::oracle::openssl;
use tbpki_tests::softhsm::PIN;
use tbpki_tests::{Snapshot, Tool};

use crate::{KEY_URI, Station, TOKEN};

/// The number of signatures of each thread.
const TIMES: usize = 100;

/// A program that has the key open, and signs when it is told to.
struct Signer {
    child: Child,
    input: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Signer {
    #[track_caller]
    fn start(station: &Station) -> Self {
        let tool = Tool::new(env!("CARGO_BIN_EXE_token-sign")).arg(station.sandbox.text(KEY_URI).trim());
        let tool = station.hsm.seen_by(tool.arg(TIMES.to_string()).arg(station.sandbox.join("pin")));
        let mut child = tool.command().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut signer = Self { child, input, answers: BufReader::new(output) };
        assert_eq!(signer.answer(), "opened");
        signer
    }

    #[track_caller]
    fn asked(&mut self, line: &str) -> String {
        writeln!(self.input, "{line}").unwrap();
        self.answer()
    }

    #[track_caller]
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_token_signs_revocation_lists() {
    let station = Station::with_store();
    for device in ["pump-1", "pump-2"] {
        station.ok(&["client", "--device", device, "--ca-pin-file", "pin"]);
    }
    station.ok(&["revoke", "--device", "pump-1", "--reason", "keyCompromise", "--ca-pin-file", "pin"]);
    let path = |file: &str| station.sandbox.join(file);
    let verify = |device: &str| {
        let tool = openssl().args(["verify", "-crl_check_all", "-CAfile"]).arg(path("pki/ca/devices-root/cert.pem"));
        let tool = tool.arg("-untrusted").arg(path("pki/ca/devices-issuing/cert.pem"));
        let tool = tool.arg("-CRLfile").arg(path("pki/devices-crl.pem"));
        tool.arg(path(&format!("pki/devices/{device}/cert.pem"))).run()
    };
    verify("pump-2").ok();
    verify("pump-1").ends(2).prints("certificate revoked");
}

#[test]
fn several_threads_sign_at_once() {
    let station = Station::with_store();
    let mut signer = Signer::start(&station);
    // Up and down again: sessions that are open already are to be used again, and more opened when they are wanted.
    for threads in [1, 8, 3] {
        assert_eq!(signer.asked(&threads.to_string()), format!("signed {}", threads * TIMES));
    }
}

#[test]
fn sessions_that_died_are_opened_again() {
    let station = Station::with_store();
    let mut signer = Signer::start(&station);
    // PKCS#11 logs a process in as a whole: another user of the library in it can end all sessions, or their login, at
    // once.
    for death in ["restart", "logout", "restart"] {
        assert_eq!(signer.asked("4"), format!("signed {}", 4 * TIMES));
        assert_eq!(signer.asked(death), "done");
    }
    assert_eq!(signer.asked("4"), format!("signed {}", 4 * TIMES));
}

#[test]
fn a_token_that_is_taken_out_is_missed_and_found_again() {
    let station = Station::with_store();
    let mut signer = Signer::start(&station);
    assert_eq!(signer.asked("2"), format!("signed {}", 2 * TIMES));
    station.hsm.remove();
    let missed = signer.asked("2");
    assert!(missed.starts_with("TBPKI-0287 the token went away while signing"), "{missed}");
    station.hsm.bring_back();
    // SoftHSM looks for tokens when it starts.
    assert_eq!(signer.asked("restart"), "done");
    assert_eq!(signer.asked("2"), format!("signed {}", 2 * TIMES));
}

#[test]
fn a_pin_that_is_right_no_more_is_offered_once() {
    let station = Station::with_store();
    let mut signer = Signer::start(&station);
    station.hsm.change_pin(TOKEN, "another-pin");
    assert_eq!(signer.asked("restart"), "done");
    let refused = signer.asked("4");
    assert!(refused.starts_with("TBPKI-0289") && !refused.contains(PIN), "{refused}");
    let again = signer.asked("1");
    // Tokens lock themselves after a few wrong PINs: a retry for each thread would use all of them up.
    assert!(again.contains("does not try again"), "{again}");
}

#[test]
fn a_device_is_not_begun_without_the_token() {
    let station = Station::with_store();
    station.ok(&["client", "--device", "pump-1", "--ca-pin-file", "pin"]);
    let before = Snapshot::of(station.sandbox.path());
    station.hsm.remove();
    let outcome = station.tbpki(&["client", "--device", "pump-2", "--ca-pin-file", "pin"]).run().ends(1);
    before.is_unchanged(&Snapshot::of(station.sandbox.path()), outcome.prints("TBPKI-0287"));
    station.hsm.bring_back();
    station.ok(&["client", "--device", "pump-2", "--ca-pin-file", "pin"]);
}
