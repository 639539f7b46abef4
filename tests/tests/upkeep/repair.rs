//! `tbpki store repair`: the ledger rebuilt from the files.

use std::fs;

use serde_json::Value;
use tbpki_tests::{Sandbox, Snapshot};

use crate::check::waiting;
use crate::scene::{Scene, lose_ledger, shown, store};

#[test]
fn a_lost_ledger_is_noticed_and_rebuilt_as_it_was() {
    let sandbox = store();
    let before = shown(&sandbox);
    lose_ledger(&sandbox);
    // No verb goes on as if the store were new.
    for args in [&["client", "--device", "n"][..], &["list"], &["crl"], &["fleet", "issue", "--resume", "1"]] {
        sandbox.fails(args, 1, "TBPKI-0093").prints("store repair");
    }
    assert!(!sandbox.join("pki/ledger.db").exists());
    let report = sandbox.ok(["store", "repair", "--json"]).json();
    let result = &report["result"];
    assert_eq!((&result["identities"], &result["jobs"], &result["revocations"]), (&21.into(), &2.into(), &1.into()));
    assert_eq!(result["platform"], "not-configured");
    // The files do not show which devices are in images, so the repair names it as unknown.
    assert!(result["unknown"].to_string().contains("flash images"), "{result}");
    assert_eq!(shown(&sandbox), before);
    sandbox.ok(["store", "check"]);

    // Again it finds nothing, and the store goes on as before.
    let again = sandbox.ok(["store", "repair", "--json"]).json();
    assert_eq!(again["result"]["identities"], 0);
    for device in ["a", "c", "d-4"] {
        sandbox.ok(["client", "--device", device]).prints("is up to date");
    }
    for device in ["s-3", "z-2"] {
        sandbox.ok(["client", "--device", device]).prints("exists");
    }
    sandbox.ok(["client", "--device", "b"]);
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "n-{}", "--out", "new"]);
}

#[test]
fn a_device_with_a_directory_and_a_shard_is_one_certificate() {
    let sandbox = store();
    sandbox.ok(["client", "--device", "s-3"]);
    let before = shown(&sandbox);
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]);
    assert_eq!(shown(&sandbox), before);
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "--device", "s-3"]).prints("is up to date");
}

#[test]
fn a_thousand_devices_in_shards_and_archives_come_back() {
    let sandbox = Sandbox::in_memory().make_store();
    sandbox.ok(["fleet", "issue", "--count", "1200", "--name-pattern", "s-{:04}", "--out", "fleet"]);
    sandbox.ok(["fleet", "issue", "--count", "1100", "--name-pattern", "z-{:04}", "--archive", "z.tar"]);
    let before = shown(&sandbox);
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]).prints("2300 certificates, 2 jobs");
    assert_eq!(shown(&sandbox), before);
    sandbox.ok(["store", "check"]);
    // The jobs go on: nothing is left to issue, and their shards are found.
    let jobs = sandbox.ok(["fleet", "jobs", "--json"]).json();
    let states: Vec<_> = jobs["result"]["jobs"].as_array().unwrap().iter().map(|job| job["state"].clone()).collect();
    assert_eq!(states, ["done", "done"]);
    sandbox.ok(["client", "--device", "z-1050"]).prints("exists");
}

#[test]
fn registrations_are_looked_up_at_the_platform() {
    let scene = Scene::new();
    for device in ["in", "out"] {
        scene.ok(&["client", "--device", device]);
    }
    scene.ok(&["register", "--device", "in"]);
    scene.ok(&["fleet", "issue", "--count", "4", "--name-pattern", "s-{}", "--out", "fleet"]);
    scene.ok(&["fleet", "register"]);
    lose_ledger(&scene.sandbox);
    let report = scene.ok(&["store", "repair", "--json"]).json();
    assert_eq!((&report["result"]["registrations"], &report["result"]["platform"]), (&5.into(), &"compared".into()));
    let listed = scene.sandbox.ok(["list", "--kind", "device", "--unregistered", "--json"]).json();
    let names: Vec<_> = listed["result"]["identities"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["out"]);
    scene.ok(&["store", "check", "--platform"]);
}

#[test]
fn certificates_of_other_cas_are_left_and_named() {
    let sandbox = store();
    let other = Sandbox::with_store();
    other.ok(["client", "--device", "x"]);
    fs::create_dir(sandbox.join("pki/devices/x")).unwrap();
    for file in ["key.pem", "chain.pem"] {
        fs::copy(other.join("pki/devices/x").join(file), sandbox.join("pki/devices/x").join(file)).unwrap();
    }
    let outcome = sandbox.tbpki(["store", "repair"]).run().ends(4);
    outcome.prints("no CA of this store").prints("device x");
    let listed = sandbox.ok(["list", "--json"]).stdout_text();
    assert!(!listed.contains("\"x\""), "{listed}");
    assert!(sandbox.join("pki/devices/x/key.pem").exists());
}

#[test]
fn a_ledger_without_the_last_shards_gets_them_back() {
    let sandbox = Sandbox::in_memory().make_store();
    sandbox.ok(["client", "--device", "a"]);
    fs::create_dir(sandbox.join("saved")).unwrap();
    for file in ["ledger.db", "ledger.db-wal"] {
        // With the journal: the last transactions are only there.
        fs::copy(sandbox.join("pki").join(file), sandbox.join("saved").join(file)).unwrap();
    }
    sandbox.ok(["client", "--device", "b"]);
    sandbox.ok(["fleet", "issue", "--count", "5", "--name-pattern", "s-{}", "--out", "fleet"]);
    let before = shown(&sandbox);
    for file in ["ledger.db", "ledger.db-wal"] {
        fs::copy(sandbox.join("saved").join(file), sandbox.join("pki").join(file)).unwrap();
    }
    // The index of the newer journal does not fit the older one; SQLite makes it when it is missing.
    let _ = fs::remove_file(sandbox.join("pki/ledger.db-shm"));
    sandbox.fails(["client", "--device", "n"], 1, "TBPKI-0258");
    sandbox.ok(["store", "repair"]).prints("6 certificates, 1 job,");
    assert_eq!(shown(&sandbox), before);
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "--device", "n"]);
}

/// The roles of the generations of each device, with their serial numbers.
#[track_caller]
fn roles(sandbox: &Sandbox) -> Vec<[String; 3]> {
    let listed = sandbox.ok(["list", "--all", "--kind", "device", "--json"]).json();
    let rows = listed["result"]["identities"].as_array().unwrap().iter();
    rows.map(|row| ["name", "role", "serial"].map(|field| row[field].as_str().unwrap().to_owned())).collect()
}

#[test]
fn renewals_that_wait_still_wait_after_a_repair() {
    let scene = waiting();
    let before = roles(&scene.sandbox);
    assert_eq!(before.iter().filter(|[_, role, _]| role == "pending").count(), 3);
    lose_ledger(&scene.sandbox);
    scene.ok(&["store", "repair"]).prints("6 certificates, 2 jobs");
    assert_eq!(roles(&scene.sandbox), before);
    scene.ok(&["store", "check", "--platform"]);
    // The renewals of the fleet can be used as before.
    let registered = scene.ok(&["fleet", "register", "--pending", "--job", "2", "--json"]).json();
    assert_eq!(registered["result"]["phases"][0]["done"], 2, "{registered}");
}

#[test]
fn a_renewal_in_use_is_known_from_the_platform() {
    let scene = waiting();
    scene.ok(&["fleet", "register", "--pending", "--job", "2"]);
    let before = roles(&scene.sandbox);
    lose_ledger(&scene.sandbox);
    // Without the platform nothing shows that.
    // The files of both generations look alike, whether the device has them or not.
    scene.sandbox.ok(["store", "repair"]);
    assert_eq!(roles(&scene.sandbox).iter().filter(|[_, role, _]| role == "pending").count(), 3);
    scene.ok(&["store", "repair"]);
    assert_eq!(roles(&scene.sandbox), before);
    scene.ok(&["store", "check", "--platform"]);
}

#[test]
fn a_dry_run_counts_what_a_repair_takes_over_and_writes_nothing() {
    let sandbox = store();
    lose_ledger(&sandbox);
    let before = Snapshot::of(sandbox.path());
    let planned = sandbox.tbpki(["store", "repair", "--dry-run", "--json"]).run();
    before.is_unchanged(&Snapshot::of(sandbox.path()), &planned);
    let planned = planned.json()["result"].clone();
    assert_eq!(planned["dry_run"], true);
    let repaired = sandbox.tbpki(["store", "repair", "--json"]).run().json()["result"].clone();
    for field in ["identities", "jobs", "revocations", "registrations", "settled"] {
        assert_eq!(planned[field], repaired[field], "{field}: {planned} {repaired}");
    }
    assert!(planned["identities"].as_u64().unwrap() > 10 && planned["jobs"] == 2, "{planned}");
    // Then there is nothing left to do.
    let again = sandbox.ok(["store", "repair", "--dry-run", "--json"]).json()["result"].clone();
    assert_eq!((&again["identities"], &again["jobs"]), (&0.into(), &0.into()));
    sandbox.fails(["store", "repair", "--dry-run", "--use", "0A"], 1, "TBPKI-0096");
}

#[test]
fn a_platform_that_has_a_revoked_certificate_again_is_noticed() {
    let scene = Scene::new();
    for device in ["stolen", "again"] {
        scene.ok(&["client", "--device", device, "--register"]);
    }
    let tenant = scene.platform.sign_in();
    let devices = ["stolen", "again"].map(|name| tenant.device_named(name).unwrap());
    let before = devices.clone().map(|device| tenant.credentials(&device));
    scene.ok(&["revoke", "stolen", "again"]);
    scene.ok(&["client", "--device", "again"]);
    scene.ok(&["store", "check", "--platform"]);
    // As a backup of the platform brings it back.
    let restore = |device, before: &Value| {
        let mut credentials = tenant.credentials(device);
        for field in ["credentialsType", "credentialsId", "credentialsValue"] {
            credentials[field] = before[field].clone();
        }
        tenant.ok("POST", "/api/device/credentials", Some(&credentials));
    };
    devices.iter().zip(&before).for_each(|(device, before)| restore(device, before));
    let mut checked = scene.tbpki(&["store", "check", "--platform"]).run().ends(3);
    for name in ["stolen", "again"] {
        checked = checked.prints(&format!("which is revoked: `tbpki revoke {name}` takes it away"));
    }
    scene.tbpki(&["store", "repair"]).run().ends(4);
    scene.ok(&["revoke", "--open"]);
    scene.ok(&["store", "check", "--platform"]);
    let kind = |device| tenant.credentials(device)["credentialsType"].clone();
    assert_eq!(devices.each_ref().map(kind), ["ACCESS_TOKEN", "ACCESS_TOKEN"]);

    // The same revocation once more also finds it.
    restore(&devices[0], &before[0]);
    scene.ok(&["revoke", "stolen"]).prints("was revoked before");
    assert_eq!(kind(&devices[0]), "ACCESS_TOKEN");
}

#[test]
fn what_a_repair_has_taken_over_is_of_this_station() {
    let sandbox = store();
    lose_ledger(&sandbox);
    sandbox.ok(["store", "repair"]);
    let host = base::host::host_name();
    let planned = sandbox.ok(["revoke", "--station", &host, "--dry-run", "--json"]).json();
    // Three generations of single devices, a server, and sixteen devices of jobs; one was revoked before.
    assert_eq!(planned["result"]["counts"]["planned"], 20, "{planned}");
    assert_eq!(planned["result"].get("without_station"), None);
}

#[test]
fn an_unregistered_device_stays_unregistered_when_the_ledger_is_lost() {
    let scene = Scene::new();
    for device in ["in", "out", "new"] {
        scene.ok(&["client", "--device", device]);
    }
    scene.ok(&["register", "--device", "in,out"]);
    scene.ok(&["unregister", "--device", "out"]);
    scene.ok(&["store", "check", "--platform"]);
    lose_ledger(&scene.sandbox);
    // A ledger without the mark, as of an earlier version: the platform is not asked.
    scene.ok(&["store", "repair", "--offline"]);
    scene.tbpki(&["store", "check", "--platform"]).run().ends(3).prints("unregistered it from the platform");
    scene.ok(&["store", "repair"]);
    scene.ok(&["store", "check", "--platform"]);
    scene.ok(&["register", "--all", "--replace"]);
    let unregistered = scene.sandbox.ok(["list", "--kind", "device", "--unregistered", "--json"]).json();
    let names: Vec<_> =
        unregistered["result"]["identities"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["out"]);
    // A withdrawal that the ledger explains is no difference.
    scene.ok(&["revoke", "--device", "new"]);
    scene.ok(&["client", "--device", "new"]);
    scene.ok(&["store", "check", "--platform"]);
}
