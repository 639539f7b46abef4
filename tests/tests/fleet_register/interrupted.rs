//! Runs that are killed, and those that come after.

use std::process::Stdio;
use std::time::Duration;

use tbpki_tests::platform::eventually;

use crate::{Fleet, phase};

#[test]
fn a_killed_run_is_finished_by_the_next_one_and_nothing_is_made_twice() {
    let fleet = Fleet::of(1500);
    fleet.sim().set_latency(Duration::from_millis(3));
    for devices in [200, 900, 1200] {
        let mut command = fleet.tbpki(&["fleet", "register"]).command();
        let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        eventually("so many devices", || fleet.sim().devices().len() >= devices);
        run.kill().unwrap();
        run.wait().unwrap();
        assert!(fleet.registered() <= fleet.sim().devices().len());
    }
    let outcome = fleet.register(&[]).ok();
    assert_eq!(phase(&outcome)["left"], 0);
    fleet.is_registered(1500);
    // Saving a device or a credential increments its version.
    for name in fleet.sim().devices() {
        assert_eq!(fleet.sim().device(&name).unwrap()["version"], 1, "{name}");
        assert_eq!(fleet.sim().credentials(&name).unwrap().version, 1, "{name}");
    }
    // And one more changes nothing at all.
    fleet.sim().forget_requests();
    fleet.register(&[]).ok();
    assert!(fleet.sim().requests().is_empty(), "{:?}", fleet.sim().requests());
}

#[test]
fn a_signal_ends_a_run_that_the_next_one_finishes() {
    let fleet = Fleet::of(300);
    fleet.sim().set_latency(Duration::from_millis(10));
    let mut command = fleet.tbpki(&["fleet", "register", "--connections", "4"]).command();
    let run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("some devices", || fleet.sim().devices().len() >= 20);
    let signalled = std::process::Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(4), "{said}");
    // What was under way was finished and written down.
    assert_eq!(fleet.registered(), fleet.sim().devices().len(), "{said}");
    assert!(fleet.registered() < 300);
    fleet.register(&[]).ok();
    fleet.is_registered(300);
}
