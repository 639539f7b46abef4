//! The program: it prints its addresses, answers there, and ends after a signal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    #[track_caller]
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tbpki-tb-sim"))
            .args(["--json", "--port", "0", "--mqtts-port", "0"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, ready }
    }

    #[track_caller]
    fn get(&self, path: &str) -> String {
        let authority = self.ready["url"].as_str().unwrap().trim_start_matches("http://").to_owned();
        let mut stream = TcpStream::connect(&authority).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn a_thingsboard_prints_its_addresses_and_ends_on_sigterm() {
    let mut running = Running::start(&["--control"]);
    assert_eq!(running.ready["platform"], "thingsboard");
    assert_eq!(running.ready["password"], "tenant");
    assert!(running.ready["mqtts_port"].as_u64().is_some_and(|port| port > 0));
    assert!(running.get("/api/auth/user").contains("\"errorCode\":10"));
    assert!(running.get("/sim/requests").contains("/api/auth/user"));
    let killed = Command::new("kill").args(["-TERM", &running.child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        match running.child.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(Instant::now() < deadline, "it goes on"),
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(status.success(), "{status}");
}

#[test]
fn an_actorcloud_has_two_ports_for_tls() {
    let running = Running::start(&["--actorcloud", "--two-way-port", "0"]);
    assert_eq!(running.ready["platform"], "actorcloud");
    assert_ne!(running.ready["one_way_port"], running.ready["two_way_port"]);
    assert!(running.get("/api/v1/certs").contains("AUTH_FAILED"));
    assert!(running.get("/sim/requests").contains("DATA_NOT_FOUND"), "control is off unless it is asked for");
}

#[test]
fn missing_keys_are_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_tbpki-tb-sim")).args(["--server-pem", "none.pem"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("None of the PEM or KEYSTORE configurations can be used!"), "{error}");
}
