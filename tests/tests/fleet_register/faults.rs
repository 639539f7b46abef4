//! A platform that fails now and then, that has enough, and that is gone.

use std::time::{Duration, Instant};

use tb_sim::{Fault, FaultKind};

use crate::{Fleet, phase};

/// The request that makes a device.
const CREATE: (&str, &str) = ("POST", "/api/device-with-credentials");
const FIND: (&str, &str) = ("GET", "/api/tenant/devices");
const READ_BACK: (&str, &str) = ("GET", "/api/device/*/credentials");

#[test]
fn two_thousand_devices_come_through_every_fault_each_of_them_once() {
    let fleet = Fleet::of(2000);
    let kinds = [
        FaultKind::Status(429),
        FaultKind::DropAfter,
        FaultKind::Status(503),
        FaultKind::Delay(400),
        FaultKind::DropBefore,
        FaultKind::HalfAnswer,
        FaultKind::DelayAnswer(400),
        FaultKind::Garbage,
        FaultKind::Html,
        FaultKind::Status(500),
    ];
    // Each kind meets each request several times, in the middle of all that goes well.
    for (round, (method, path)) in [CREATE, FIND, READ_BACK, CREATE, FIND, READ_BACK].into_iter().enumerate() {
        for (number, kind) in kinds.into_iter().enumerate() {
            let after = u32::try_from(round * 300 + number * 25).unwrap();
            fleet.sim().inject(Fault::new(kind).on(method, path).after(after).times(2));
        }
    }
    let outcome = fleet.register(&[]).ok();
    assert!(fleet.sim().waiting_faults().is_empty(), "{:?}", fleet.sim().waiting_faults());
    let phase = phase(&outcome);
    assert_eq!((&phase["done"], &phase["failed"], &phase["left"]), (&2000.into(), &0.into(), &0.into()));
    fleet.is_registered(2000);
    // An answer that was lost is looked for, and nothing made a second time.
    assert!(fleet.answered(CREATE.0, CREATE.1) <= 2000);
}

#[test]
fn a_platform_that_pushes_back_is_asked_by_fewer_at_once() {
    let fleet = Fleet::of(300);
    fleet.sim().set_latency(Duration::from_millis(5));
    fleet.sim().set_rate(Some(300));
    let outcome = fleet.register(&["--connections", "32"]).ok();
    let report = outcome.json()["result"]["registration"].clone();
    let (most, least) = (report["at_once"].as_u64().unwrap(), report["pushed_down_to"].as_u64().unwrap());
    assert!(least < most && most <= 32 && report["pushed_back"].as_u64().unwrap() > 0, "{report}");
    fleet.is_registered(300);
}

#[test]
fn no_more_devices_begin_in_a_second_than_were_allowed() {
    let fleet = Fleet::of(100);
    let begun = Instant::now();
    let tool = fleet.tbpki(&["fleet", "register", "--rate", "30"]);
    let run = std::thread::spawn(move || tool.run());
    while !run.is_finished() {
        // What was made by now began in this many seconds, and in the one that goes on.
        let made = fleet.sim().devices().len();
        let allowed = 30 * (usize::try_from(begun.elapsed().as_secs()).unwrap() + 1);
        assert!(made <= allowed, "{made} of {allowed}");
        std::thread::sleep(Duration::from_millis(20));
    }
    run.join().unwrap().ok();
    assert!(begun.elapsed() >= Duration::from_millis(2300), "a hundred at 30 a second took {:?}", begun.elapsed());
    fleet.is_registered(100);
}

#[test]
fn a_wrong_password_is_tried_once_and_costs_nothing() {
    let fleet = Fleet::of(50);
    fleet.password("wrong");
    fleet.register(&[]).ends(1).says("TBPKI-0126");
    let logins = fleet.sim().requests().into_iter().filter(|request| request.path == "/api/auth/login").count();
    assert_eq!(logins, 1, "a user may be locked out by more");
    assert!(fleet.devices().iter().all(|device| device["state"] == "issued" && device.get("last_error").is_none()));
    fleet.password(crate::PASSWORD);
    fleet.register(&[]).ok();
    fleet.is_registered(50);
}

#[test]
fn a_platform_that_lets_nobody_in_any_more_ends_the_run_and_the_rest_follows() {
    let fleet = Fleet::of(400);
    fleet.sim().inject(Fault::new(FaultKind::Status(403)).on(CREATE.0, CREATE.1).after(150).times(0));
    let outcome = fleet.register(&[]).ends(4).says("run the same command again");
    let phase = phase(&outcome);
    assert_eq!(phase["failed"], 0, "what concerns everybody is nobody's failure");
    let registered = fleet.registered();
    assert_eq!(phase["done"], registered);
    assert!((100..=150).contains(&registered), "{registered}");
    fleet.sim().clear_faults();
    fleet.register(&[]).ok();
    fleet.is_registered(400);
    assert_eq!(fleet.answered(CREATE.0, CREATE.1), 400);
}

#[test]
fn a_platform_that_is_not_there_is_told_with_what_to_do() {
    let fleet = Fleet::of(3);
    let outcome = fleet.tbpki(&["fleet", "register", "--platform-url", "http://127.0.0.1:1"]).run();
    outcome.ends(1).says("error[TBPKI-").says("run the same command again");
    assert_eq!(fleet.registered(), 0);
}
