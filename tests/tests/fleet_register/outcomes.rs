//! The outcomes for devices: as their lines request, or with the reason of the failure.

use serde_json::{Value, json};
use tbpki_tests::kill::{Injection, run_disturbed};

use crate::{Fleet, phase};

#[test]
fn label_profile_and_attributes_come_from_the_lines() {
    settings_come_from_the_lines(&["fleet", "register"]);
}

#[test]
fn register_takes_them_from_the_lines_too() {
    settings_come_from_the_lines(&["register", "--all"]);
    settings_come_from_the_lines(&["register", "--device", "plain,pump-1,pump-2"]);
}

/// Registers the devices of a list with a command, and checks what the platform has of them.
fn settings_come_from_the_lines(command: &[&str]) {
    let fleet = Fleet::empty();
    let tenant = fleet.platform.sign_in();
    tenant.profile(&json!({
        "name": "Pumps", "type": "DEFAULT", "transportType": "DEFAULT", "provisionType": "DISABLED",
        "profileData": {"configuration": {"type": "DEFAULT"}, "transportConfiguration": {"type": "DEFAULT"},
            "provisionConfiguration": {"type": "DISABLED", "provisionDeviceSecret": null}, "alarms": null},
    }));
    fleet.sandbox.write(
        "names.csv",
        "name,label,profile,attr.site,attr.floor\npump-1,In the cellar,Pumps,Bremen,-1\npump-2,,,Kiel,\nplain,,,,\n",
    );
    fleet.issue(&["--from", "names.csv", "--out", "fleet"]);
    fleet.tbpki(&[command, &["--label", "of the fleet"]].concat()).run().ok();
    fleet.is_registered(3);
    let of = |name: &str| {
        let device = fleet.sim().device(name).unwrap();
        let path = format!("/api/plugins/telemetry/DEVICE/{}/values/attributes", tbpki_tests::platform::id(&device));
        let attributes = tenant.ok("GET", &path, None);
        let mut attributes: Vec<(String, Value)> = attributes
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["key"] != "active")
            .map(|one| (one["key"].as_str().unwrap().to_owned(), one["value"].clone()))
            .collect();
        attributes.sort_by(|one, other| one.0.cmp(&other.0));
        (device["label"].clone(), device["type"].clone(), attributes)
    };
    let site = |value: &str| ("site".to_owned(), json!(value));
    assert_eq!(
        of("pump-1"),
        (json!("In the cellar"), json!("Pumps"), vec![("floor".to_owned(), json!(-1)), site("Bremen")])
    );
    assert_eq!(of("pump-2"), (json!("of the fleet"), json!("default"), vec![site("Kiel")]));
    assert_eq!(of("plain"), (json!("of the fleet"), json!("default"), Vec::new()));
}

#[test]
fn a_name_that_another_certificate_holds_fails_alone_and_is_in_the_results() {
    let fleet = Fleet::of(40);
    let tenant = fleet.platform.sign_in();
    for name in ["pump-7", "pump-23"] {
        tenant.device_with_certificate(name, &format!("certificate of another {name}"));
    }
    let outcome = fleet.register(&[]).ends(4).prints("TBPKI-");
    let counts = phase(&outcome);
    assert_eq!((&counts["done"], &counts["failed"], &counts["left"]), (&38.into(), &2.into(), &2.into()));
    let report = outcome.json()["result"].clone();
    let mut failures: Vec<&str> = report["registration"]["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["name"].as_str().unwrap())
        .collect();
    failures.sort_unstable();
    assert_eq!(failures, ["pump-23", "pump-7"]);

    let file = |extension: &str| {
        let files = report["results"].as_array().unwrap();
        let path = files.iter().map(|file| file.as_str().unwrap()).find(|file| file.ends_with(extension)).unwrap();
        fleet.sandbox.text(path)
    };
    let lines: Vec<Value> = file(".ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 40);
    for line in &lines {
        let failed = ["pump-7", "pump-23"].contains(&line["name"].as_str().unwrap());
        assert_eq!(line["state"], if failed { "issued" } else { "registered" }, "{line}");
        assert_eq!(line.get("error").is_some(), failed, "{line}");
    }
    assert_eq!(file(".csv").lines().count(), 41);

    // The next run tries those two again, and no others.
    fleet.sim().forget_requests();
    fleet.register(&[]).ends(4);
    assert_eq!(fleet.answered("GET", "/api/tenant/devices"), 2);
    fleet.register(&["--replace"]).ok();
    fleet.is_registered(40);
}

#[test]
fn every_layout_is_registered_and_a_dry_run_changes_nothing() {
    let layouts: [&[&str]; 4] = [
        &["--layout", "directories"],
        &["--out", "fleet"],
        &["--archive", "fleet.tar.zst"],
        &["--archive", "sealed.tar.age", "--recipient", RECIPIENT],
    ];
    for layout in layouts {
        let fleet = Fleet::empty();
        fleet.issue(&[&["--count", "12", "--name-pattern", "pump-{:02}"], layout].concat());
        let dry = fleet.register(&["--dry-run"]).ok();
        assert_eq!(dry.json()["result"]["registration"]["created"], 12, "{layout:?}");
        assert_eq!((fleet.sim().devices().len(), fleet.registered()), (0, 0), "{layout:?}");
        let outcome = fleet.register(&[]).ok();
        assert_eq!(phase(&outcome)["now"], 12, "{layout:?}");
        fleet.is_registered(12);
    }
}

/// The age key of a recipient.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

#[test]
fn register_takes_single_devices_of_a_fleet_wherever_they_are() {
    let layouts: [&[&str]; 2] = [&["--out", "fleet"], &["--archive", "fleet.tar"]];
    for layout in layouts {
        let fleet = Fleet::empty();
        fleet.sandbox.ok(["client", "--device", "single"]);
        fleet.issue(&[&["--count", "8", "--name-pattern", "pump-{}"], layout].concat());
        fleet.tbpki(&["register", "--device", "pump-3"]).run().ok();
        assert_eq!(fleet.sim().devices(), ["pump-3"], "{layout:?}");
        fleet.tbpki(&["register", "--all"]).run().ok();
        fleet.is_registered(9);
        // The fleet has nothing left to do, and the report shows it.
        let outcome = fleet.register(&[]).ok();
        assert_eq!(phase(&outcome)["now"], 0, "{layout:?}");
    }
}

#[test]
fn what_is_not_there_is_told() {
    let fleet = Fleet::empty();
    fleet.register(&[]).ends(1).prints("TBPKI-0264");
    fleet.issue(&["--count", "3", "--name-pattern", "pump-{}", "--out", "fleet"]);
    fleet.register(&["--job", "7"]).ends(1).prints("TBPKI-0264");
    std::fs::rename(fleet.sandbox.join("fleet"), fleet.sandbox.join("moved")).unwrap();
    fleet.register(&[]).ends(1).prints("TBPKI-0262");
    assert!(fleet.sim().devices().is_empty());
    fleet.register(&["--out", "moved"]).ok();
    fleet.is_registered(3);
}

#[test]
fn a_job_that_is_not_issued_is_not_registered_by_the_same_command_again() {
    let fleet = Fleet::empty();
    let issue = ["fleet", "issue", "--count", "3", "--name-pattern", "p-{}", "--out", "fleet"];
    let command = fleet.tbpki(&issue).command();
    run_disturbed(&command, Injection::Kill, "syncfs", 1).unwrap().expect("it was not killed");
    let report = fleet.tbpki(&["fleet", "register"]).run().ends(4);
    assert!(report.stdout_text().contains("issue the rest with `tbpki fleet issue --resume 1`"), "{report}");
    // A job that was canceled before anything was issued has no devices.
    fleet.sandbox.ok(["fleet", "cancel", "1"]);
    fleet.tbpki(&["fleet", "register"]).run().ends(1).prints("TBPKI-0264");
    fleet.issue(&["--count", "2", "--name-pattern", "q-{}", "--out", "other"]);
    fleet.tbpki(&["fleet", "register"]).run().ok().prints("2 of 2");
    fleet.tbpki(&["fleet", "register"]).run().ok().prints("job 2");
}

#[test]
fn expired_devices_whose_renewals_wait_need_those_and_no_others() {
    let fleet = Fleet::empty();
    fleet.issue(&["--count", "2", "--name-pattern", "w-{}", "--out", "fleet", "--days", "100"]);
    let ledger = fleet.sandbox.join("pki/ledger.db");
    let age = |days| ["w-1", "w-2"].iter().for_each(|name| tbpki_tests::forge::age(&ledger, name, days));
    age(80);
    fleet.sandbox.ok(["fleet", "renew", "--job", "1", "--out", "ren"]);
    // Due, and a renewal waits: another one would do nothing.
    let registered = fleet.tbpki(&["fleet", "register", "--job", "1"]).run().ok();
    assert!(!registered.stderr_text().contains("fleet renew"), "{registered}");
    age(30);
    let registered = fleet.tbpki(&["fleet", "register", "--job", "1"]).run().ok();
    let text = registered.stderr_text();
    assert!(!text.contains("fleet renew"), "{registered}");
    for command in ["fleet bundle --pending --job 2", "fleet register --pending --job 2", "2 certificates have expired"]
    {
        assert!(text.contains(command), "{registered}");
    }
}
