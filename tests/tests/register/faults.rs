//! Every request of `register`, broken in every way: the run ends in a state that a second one completes, and the ledger
//! names the state of both sides.

use std::thread;

use base::Code;
use tb_sim::{Fault, FaultKind, Settings};
use tbpki_tests::Outcome;

use crate::Scene;

/// The faults of a request. Delays are longer than the patience of the runs below.
const KINDS: &[FaultKind] = &[
    FaultKind::DropBefore,
    FaultKind::DropAfter,
    FaultKind::Delay(2_500),
    FaultKind::DelayAnswer(2_500),
    FaultKind::Status(500),
    FaultKind::Status(429),
    FaultKind::Status(401),
    FaultKind::Status(409),
    FaultKind::HalfAnswer,
    FaultKind::Garbage,
    FaultKind::Html,
];

/// The requests by which a device is registered that is not there yet.
const NEW: &[(&str, &str)] = &[
    ("POST", "/api/auth/login"),
    ("GET", "/api/tenant/devices"),
    ("POST", "/api/device-with-credentials"),
    ("GET", "/api/device/*/credentials"),
];

/// Those by which the certificate of one that is there is replaced.
const REPLACED: &[(&str, &str)] =
    &[("GET", "/api/tenant/devices"), ("GET", "/api/device/*/credentials"), ("POST", "/api/device/credentials")];

/// One run with a fault, and one without.
fn twice(scene: &Scene, args: &[&str], fault: Fault) {
    let sim = scene.platform.sim().unwrap();
    let context = format!("{fault:?}");
    sim.inject(fault);
    // A second, so that a delay of 2.5 s is a fault.
    let first = scene.tbpki(args).env("TBPKI_PLATFORM_TIMEOUT", "1").run();
    sim.clear_faults();
    let ours = scene.listed("pump");
    match first.status {
        // Done all the same.
        // The request was tried again, or its effect was found when tbpki looked.
        0 => assert_eq!((&ours["state"], ours.get("last_error")), (&"registered".into(), None), "{context}"),
        1 | 4 => {
            assert_eq!(ours["state"], "issued", "{context}: {first}");
            // What concerns the platform as a whole is no failure of the device.
            let is_of_device = !code(&first).reach().concerns_all(false);
            assert_eq!(ours["last_error"].is_string(), is_of_device, "{context}: {first}");
        }
        other => panic!("{context}: {other} from {first}"),
    }
    scene.ok(args);
    let ours = scene.listed("pump");
    assert_eq!((&ours["state"], ours.get("last_error")), (&"registered".into(), None), "{context}");
    let theirs = sim.credentials("pump").unwrap();
    assert_eq!(ours["credentials_id"], theirs.id.as_str(), "{context}");
    // One device, and no second one under the name of the first.
    assert_eq!(sim.devices(), ["pump"], "{context}");
}

/// The code of the first error that was printed.
fn code(outcome: &Outcome) -> Code {
    let text = outcome.stderr_text();
    let (_, rest) = text.split_once("error[").unwrap_or_else(|| panic!("no error in {outcome}"));
    rest.split_once(']').unwrap().0.parse().unwrap()
}

/// Runs cases side by side: most of their time is waiting.
fn each<T: Copy + Send + Sync>(cases: &[T], run: impl Fn(T) + Sync) {
    let share = cases.len().div_ceil(6).max(1);
    thread::scope(|scope| {
        for part in cases.chunks(share) {
            let run = &run;
            scope.spawn(move || part.iter().for_each(|case| run(*case)));
        }
    });
}

fn every(requests: &'static [(&'static str, &'static str)]) -> Vec<(FaultKind, (&'static str, &'static str))> {
    KINDS.iter().flat_map(|kind| requests.iter().map(|request| (*kind, *request))).collect()
}

fn new_device() -> Scene {
    let scene = Scene::simulated(Settings::default());
    scene.sandbox.ok(["client", "--device", "pump"]);
    scene
}

fn renewed_device() -> Scene {
    let scene = new_device();
    scene.ok(&["register", "--device", "pump"]);
    scene.sandbox.ok(["client", "--device", "pump", "--force"]);
    scene
}

#[test]
fn a_fault_that_passes_is_got_over() {
    each(&every(NEW), |(kind, (method, path))| {
        twice(&new_device(), &["register", "--device", "pump"], Fault::new(kind).on(method, path));
    });
    each(&every(REPLACED), |(kind, (method, path))| {
        let args = ["register", "--device", "pump", "--replace"];
        twice(&renewed_device(), &args, Fault::new(kind).on(method, path));
    });
}

#[test]
fn a_fault_that_stays_leaves_what_a_second_run_completes() {
    // The limit of requests is waited for longest; it has a test of its own.
    let stays: Vec<_> = every(NEW).into_iter().filter(|(kind, _)| *kind != FaultKind::Status(429)).collect();
    each(&stays, |(kind, (method, path))| {
        // 0 is for ever.
        let fault = Fault { times: 0, ..Fault::new(kind).on(method, path) };
        twice(&new_device(), &["client", "--device", "pump", "--register"], fault);
    });
}
