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
    for (round, (method, path)) in [CREATE, READ_BACK, CREATE, READ_BACK].into_iter().enumerate() {
        for (number, kind) in kinds.into_iter().enumerate() {
            // Spread over the run: a platform that fails several times in a row is another case.
            let after = u32::try_from(round * 300 + number * 25).unwrap();
            fleet.sim().inject(Fault::new(kind).on(method, path).after(after).times(2));
        }
    }
    // A device is looked for only after an answer that was lost.
    for (number, kind) in kinds.into_iter().enumerate() {
        fleet.sim().inject(Fault::new(kind).on(FIND.0, FIND.1).after(u32::try_from(number).unwrap()));
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
    // After some answers, so that more connections are in use by then.
    fleet.sim().inject(Fault::new(FaultKind::Status(429)).on(CREATE.0, CREATE.1).after(100).times(20));
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
    fleet.register(&[]).ends(1).prints("TBPKI-0126");
    let logins = fleet.sim().requests().into_iter().filter(|request| request.path == "/api/auth/login").count();
    assert_eq!(logins, 1, "a user may be locked out by more");
    assert!(fleet.devices().iter().all(|device| device["state"] == "issued" && device.get("last_error").is_none()));
    fleet.password(crate::PASSWORD);
    fleet.register(&[]).ok();
    fleet.is_registered(50);
}

#[test]
fn a_platform_that_rejects_every_login_ends_the_run_and_the_rest_follows() {
    let fleet = Fleet::of(400);
    fleet.sim().inject(Fault::new(FaultKind::Status(403)).on(CREATE.0, CREATE.1).after(150).times(0));
    let outcome = fleet.register(&[]).ends(4).prints("run the same command again");
    let phase = phase(&outcome);
    assert_eq!(phase["failed"], 0, "a failure of the platform is not one of a device");
    let registered = fleet.registered();
    assert_eq!(phase["done"], registered);
    // Some of the 150 devices were made, and their credentials could not be read back before the run ended.
    assert!((100..=150).contains(&registered), "{registered}");
    fleet.sim().clear_faults();
    fleet.register(&[]).ok();
    fleet.is_registered(400);
    assert_eq!(fleet.answered(CREATE.0, CREATE.1), 400);
}

#[test]
fn a_platform_that_is_gone_for_a_while_is_waited_for() {
    let fleet = Fleet::of(120);
    // Longer than each single request is patient: as many as are under way fail at it, and come again behind the others.
    fleet.sim().inject(Fault::new(FaultKind::Status(503)).on("GET", "/api").after(60).times(17));
    let outcome = fleet.register(&["--connections", "4"]).ok();
    assert!(fleet.sim().waiting_faults().is_empty());
    assert_eq!(outcome.json()["result"]["registration"]["pushed_down_to"], 1);
    fleet.is_registered(120);
}

#[test]
fn a_platform_that_starts_again_for_longer_fails_no_device() {
    let fleet = Fleet::of(2);
    // More than all attempts that a device has while the platform runs.
    fleet.sim().inject(Fault::new(FaultKind::Status(503)).on(CREATE.0, CREATE.1).times(24));
    fleet.register(&[]).ok();
    assert!(fleet.sim().waiting_faults().is_empty());
    fleet.is_registered(2);
}

#[test]
fn a_platform_that_does_not_come_back_is_given_up_after_the_time_to_wait() {
    let fleet = Fleet::of(60);
    fleet.sim().inject(Fault::new(FaultKind::Status(503)).on(CREATE.0, CREATE.1).after(40).times(0));
    let outcome = fleet.register(&["--wait", "1s"]).ends(4).prints("TBPKI-0176").prints("run the same command again");
    let phase = phase(&outcome);
    assert_eq!((&phase["done"], &phase["failed"]), (&40.into(), &0.into()));
    fleet.sim().clear_faults();
    fleet.register(&[]).ok();
    fleet.is_registered(60);
    for wrong in ["", "10", "m", "25h", "1d", "1.5h", "99999999999999999999h"] {
        fleet.register(&["--wait", wrong]).ends(2).prints("--wait");
    }
}

#[test]
fn a_device_of_another_owner_is_reported_and_not_overwritten() {
    let fleet = Fleet::of(3);
    let tenant = fleet.platform.sign_in();
    tenant.device_with_certificate("pump-2", "certificate of another owner");
    let before = (fleet.sim().device("pump-2"), fleet.sim().credentials("pump-2").unwrap().id);
    fleet.register(&["--label", "ours"]).ends(4).prints("TBPKI-0137").prints("pump-2");
    assert_eq!((fleet.sim().device("pump-2"), fleet.sim().credentials("pump-2").unwrap().id), before);
    assert_eq!(fleet.sim().devices().len(), 3);
    let refused =
        fleet.sim().requests().into_iter().filter(|one| one.path == CREATE.1 && one.status == Some(400)).count();
    assert_eq!(refused, 1, "the name was refused by the platform");
}

#[test]
fn a_profile_that_there_is_not_is_told_before_anything_is_made() {
    let fleet = Fleet::of(3);
    fleet.register(&["--profile", "Pmups"]).ends(1).prints("Pmups").prints("TBPKI-");
    assert!(fleet.sim().devices().is_empty() && fleet.devices().iter().all(|one| one.get("last_error").is_none()));
}

#[test]
fn a_platform_that_is_not_there_is_told_with_what_to_do() {
    let fleet = Fleet::of(3);
    let outcome = fleet.tbpki(&["fleet", "register", "--platform-url", "http://127.0.0.1:1"]).run();
    outcome.ends(1).prints("error[TBPKI-").prints("run the same command again");
    assert_eq!(fleet.registered(), 0);
}
