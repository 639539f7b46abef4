//! Attributes that ThingsBoard stores as other numbers than they are written.

use serde_json::{Value, json};

use crate::{Fleet, phase};

const NAMES: &str = "name,attr.serial,attr.floor\npump-1,00012345,-1\npump-2,SN-7,1.50\npump-3,A,42\n";

const ACCEPT: &str = "--accept-number-attributes";

fn fleet() -> Fleet {
    let fleet = Fleet::empty();
    fleet.sandbox.write("names.csv", NAMES);
    fleet
}

fn attributes(fleet: &Fleet, name: &str) -> Value {
    let tenant = fleet.platform.sign_in();
    let device = fleet.sim().device(name).unwrap();
    let path = format!(
        "/api/plugins/telemetry/DEVICE/{}/values/attributes/SERVER_SCOPE?keys=serial,floor",
        tbpki_tests::platform::id(&device)
    );
    let stored = tenant.ok("GET", &path, None);
    let stored = stored.as_array().unwrap().iter();
    stored.map(|one| (one["key"].as_str().unwrap().to_owned(), one["value"].clone())).collect()
}

#[test]
fn a_list_with_such_attributes_is_refused_with_its_lines_before_a_job_is_staged() {
    let fleet = fleet();
    for verb in [&["fleet", "issue"][..], &["fleet", "run", "--no-bundle"]] {
        let args = [verb, &["--from", "names.csv", "--out", "fleet"]].concat();
        let outcome = fleet.tbpki(&args).run().ends(1).prints("error[TBPKI-0174]");
        let text = outcome.stderr_text();
        for part in [
            "names.csv:2",
            "the attribute \"serial\" from \"00012345\" to 12345",
            "names.csv:3",
            "the attribute \"floor\" from \"1.50\" to 1.5",
            ACCEPT,
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // -1 and 42 come back as they are written, so that nothing is to be accepted.
        assert!(!text.contains("names.csv:4") && !text.contains("-1\" to"), "{text}");
        assert!(!fleet.sandbox.join("fleet").exists() && fleet.devices().is_empty(), "{verb:?}");
        let jobs = fleet.sandbox.ok(["fleet", "jobs", "--json"]).json();
        assert_eq!(jobs["result"]["jobs"], json!([]), "{verb:?}");
        assert!(fleet.sim().requests().is_empty(), "{verb:?}");
    }
    // With the option, one command does it.
    fleet.tbpki(&["fleet", "run", "--no-bundle", "--from", "names.csv", "--out", "fleet", ACCEPT]).run().ok();
    fleet.is_registered(3);
    assert_eq!(attributes(&fleet, "pump-1"), json!({"serial": 12345, "floor": -1}));
    assert_eq!(attributes(&fleet, "pump-2"), json!({"serial": "SN-7", "floor": 1.5}));
}

#[test]
fn a_job_with_such_attributes_is_registered_only_with_the_option() {
    let fleet = fleet();
    fleet.issue(&["--from", "names.csv", "--out", "fleet", ACCEPT]);
    for verb in [&["fleet", "register"][..], &["fleet", "run", "--no-bundle", "--resume"]] {
        let outcome = fleet.tbpki(verb).run().ends(1).prints("error[TBPKI-0174]").prints(ACCEPT);
        let text = outcome.stderr_text();
        for part in ["2 devices of job 1", "line 2", "\"00012345\" to 12345", "line 3", "\"1.50\" to 1.5"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // `fleet run` has checked by a login that the platform can be used.
        assert!(fleet.sim().requests().iter().all(|request| request.path.contains("/auth/")), "{verb:?}");
        assert!(fleet.sim().devices().is_empty() && fleet.registered() == 0, "{verb:?}");
    }
    let outcome = fleet.register(&[ACCEPT]).ok();
    assert_eq!(phase(&outcome)["done"], 3);
    fleet.is_registered(3);
    assert_eq!(attributes(&fleet, "pump-1"), json!({"serial": 12345, "floor": -1}));
}

#[test]
fn a_new_device_takes_two_requests_and_attributes_two_more() {
    let fleet = Fleet::of(5);
    fleet.register(&[]).ok();
    let count = || fleet.sim().requests().iter().filter(|request| !request.path.contains("/auth/")).count();
    // Create with the certificate, and read it back. The device is looked for only after a refusal or a lost answer.
    assert_eq!(count(), 10);

    let fleet = Fleet::empty();
    fleet.sandbox.write("names.csv", "name,attr.site\npump-1,Kiel\npump-2,\n");
    fleet.issue(&["--from", "names.csv", "--out", "fleet"]);
    fleet.register(&[]).ok();
    let count = fleet.sim().requests().iter().filter(|request| !request.path.contains("/auth/")).count();
    assert_eq!(count, 6);
}
