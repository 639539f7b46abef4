//! A device that was taken from the platform stays away from it, even in bulk operations.

use serde_json::Value;
use tb_sim::{Fault, FaultKind};
use tbpki_tests::forge::sql;

use crate::bundles::FIRMWARE;
use crate::{Fleet, phase};

/// The credentials id that the platform holds of a device, and the one of its certificate.
fn ids(fleet: &Fleet, name: &str) -> (String, Value) {
    let device = fleet.devices().into_iter().find(|device| device["name"] == name).unwrap();
    (fleet.sim().credentials(name).unwrap().id, device["credentials_id"].clone())
}

#[test]
fn every_verb_for_many_devices_skips_it() {
    let fleet = Fleet::of(5);
    fleet.register(&[]).ok();
    fleet.tbpki(&["unregister", "--device", "pump-2"]).run().ok();
    let (token, certificate) = ids(&fleet, "pump-2");
    assert_ne!(certificate, token.as_str());

    let stays_away = || assert_eq!(ids(&fleet, "pump-2").0, token, "the certificate came back");
    for more in [&[][..], &["--replace"], &["--job", "1", "--replace"], &["--dry-run"]] {
        let outcome = fleet.register(more).ok();
        let phase = phase(&outcome);
        let counts = ["done", "skipped", "left", "failed"].map(|count| phase[count].as_u64().unwrap());
        assert_eq!(counts, [4, 1, 0, 0], "{more:?}");
        stays_away();
    }
    for more in [&["--all"][..], &["--all", "--replace"]] {
        let outcome = fleet.tbpki(&[&["register", "--json"], more].concat()).run().ok();
        assert_eq!(outcome.json()["result"]["skipped"], 1, "{more:?}");
        stays_away();
    }
    let listed = fleet.devices().into_iter().find(|device| device["name"] == "pump-2").unwrap();
    assert!(listed["unregistered_at"].is_string(), "{listed}");

    fleet.image_parts();
    let outcome = fleet.tbpki(&[&["fleet", "bundle", "--json"], FIRMWARE].concat()).run().ok();
    let phase = phase(&outcome);
    assert_eq!((&phase["done"], &phase["skipped"], &phase["left"]), (&4.into(), &1.into(), &0.into()));
    assert!(!fleet.sandbox.join("fleet/bundle-000000/pump-2.bin").exists());
    assert!(fleet.sandbox.join("fleet/bundle-000000/pump-3.bin").exists());
    let all = fleet.tbpki(&[&["bundle-firmware", "--all", "--json", "--out", "all"], FIRMWARE].concat()).run().ok();
    assert!(!fleet.sandbox.join("all/pump-2").exists(), "{all}");

    fleet.tbpki(&["register", "--device", "pump-2", "--replace", "--again"]).run().ok();
    for name in ["pump-1", "pump-2", "pump-3", "pump-4", "pump-5"] {
        let (theirs, ours) = ids(&fleet, name);
        assert_eq!(ours, theirs.as_str(), "{name}");
    }
    let phase = crate::phase(&fleet.register(&[]).ok());
    assert_eq!((&phase["done"], &phase["skipped"], &phase["left"]), (&5.into(), &0.into(), &0.into()));
}

#[test]
fn a_new_generation_is_registered_when_an_operator_asks_for_it_again() {
    let fleet = Fleet::of(2);
    fleet.register(&[]).ok();
    fleet.tbpki(&["unregister", "--device", "pump-1"]).run().ok();
    let force = ["client", "--device", "pump-1", "--force", "--register", "--replace"];
    fleet.tbpki(&force).run().ends(1).prints("TBPKI-0259").prints("--again");
    fleet.tbpki(&[&force[..], &["--again"]].concat()).run().ok();
    let (theirs, ours) = ids(&fleet, "pump-1");
    assert_eq!(ours, theirs.as_str());
}

#[test]
fn a_removal_that_the_platform_refuses_is_not_undone_by_verbs_for_many_devices() {
    let fleet = Fleet::of(2);
    fleet.register(&[]).ok();
    let certificate = ids(&fleet, "pump-2").0;
    fleet.sim().inject(Fault::new(FaultKind::Status(403)).on("POST", "/api/device/credentials"));
    fleet.tbpki(&["unregister", "--device", "pump-2"]).run().ends(1);
    assert_eq!(ids(&fleet, "pump-2").0, certificate);
    // An operator has asked for it: from then on the device is left alone.
    let outcome = fleet.tbpki(&["register", "--all", "--replace", "--json"]).run().ok();
    assert_eq!(outcome.json()["result"]["skipped"], 1);
    fleet.tbpki(&["unregister", "--device", "pump-2"]).run().ok();
    assert_ne!(ids(&fleet, "pump-2").0, certificate);

    // A certificate that this store has not issued stays, and so does what the ledger has.
    let other = ids(&fleet, "pump-1").0;
    sql(&fleet.sandbox.join("pki/ledger.db"), "UPDATE identity SET credentials_id = 'x' WHERE name = 'pump-1'");
    fleet.tbpki(&["unregister", "--device", "pump-1"]).run().ends(1).prints("TBPKI-0137");
    let listed = fleet.devices().into_iter().find(|device| device["name"] == "pump-1").unwrap();
    assert_eq!((ids(&fleet, "pump-1").0, listed.get("unregistered_at")), (other, None), "{listed}");
}
