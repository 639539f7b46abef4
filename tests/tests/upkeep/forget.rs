//! `tbpki forget`.

use std::fs;

use tbpki_tests::Sandbox;
use tbpki_tests::forge::age;
use testkit::application::Sample;

use crate::check::waiting;
use crate::scene::Scene;

#[test]
fn a_forgotten_device_is_revoked_and_its_name_is_free() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    let serial = sandbox.ok(["list", "--name", "pump-1", "--json"]).json()["result"]["identities"][0]["serial"].clone();
    scene.ok(&["forget", "--device", "pump-1", "--dry-run"]).prints("would be forgotten");
    assert!(sandbox.join("pki/devices/pump-1/key.pem").exists());
    scene.ok(&["forget", "--device", "pump-1"]).prints("1 generation revoked");
    assert!(!sandbox.join("pki/devices/pump-1").exists());
    // The serial number stays, on the list too.
    let listed = sandbox.ok(["list", "--all", "--name", "pump-1", "--json"]).json();
    let row = &listed["result"]["identities"][0];
    assert_eq!((&row["serial"], &row["state"]), (&serial, &"revoked".into()));
    assert_eq!(row["revocation_reason"], "cessationOfOperation");
    let shown = sandbox.ok(["inspect", "pki/devices-crl.pem", "--json"]).stdout_text();
    assert!(shown.contains("cessationOfOperation"), "{shown}");
    sandbox.ok(["store", "check"]);
    // The name is free, and the new device is another one.
    // The platform still has the device under this name, with the token that the revocation gave it.
    scene.ok(&["client", "--device", "pump-1", "--register", "--replace"]);
    scene.ok(&["forget", "--device", "pump-1"]);
    scene.ok(&["forget", "--device", "pump-1"]).prints("0 generations revoked");
}

/// What a forgotten device was asked for with is not kept for the next one of that name.
#[test]
fn a_device_with_a_forgotten_name_gets_what_a_new_device_gets() {
    let sandbox = Sandbox::with_store();
    let row = |name: &str| sandbox.ok(["list", "--name", name, "--json"]).json()["result"]["identities"][0].clone();
    for keep_valid in [&[][..], &["--keep-valid"]] {
        sandbox.ok(["client", "x1", "--days", "5", "--alg", "rsa-2048", "--san", "dns:old.example"]);
        assert_eq!((&row("x1")["algorithm"], &row("x1")["days_left"]), (&"rsa-2048".into(), &4.into()));
        sandbox.ok([&["forget", "x1"], keep_valid].concat());
        sandbox.ok(["client", "x1"]);
        sandbox.ok(["client", "new"]);
        assert_eq!(row("x1")["algorithm"], "ec-p256");
        assert_eq!(row("x1")["days_left"], row("new")["days_left"]);
        let shown = sandbox.ok(["inspect", "pki/devices/x1/cert.pem"]).stdout_text();
        assert!(!shown.contains("old.example"), "{shown}");
        sandbox.ok(["forget", "x1"]);
    }
}

#[test]
fn copies_outside_of_the_store_stay_and_are_named() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--out", "copies"]);
    for args in [&["forget", "--device", "pump-1", "--dry-run"][..], &["forget", "--device", "pump-1"]] {
        scene.ok(args).prints("note[TBPKI-0336]").prints("copies");
    }
    assert!(scene.sandbox.join("copies/key.pem").exists());
    fs::remove_dir_all(scene.sandbox.join("copies")).unwrap();
    let again = scene.ok(&["forget", "--device", "pump-1"]);
    assert!(!again.stderr_text().contains("TBPKI-0336"), "{again}");
}

#[test]
fn a_directory_that_is_gone_does_not_block_the_others() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    for device in ["gone", "here"] {
        scene.ok(&["client", "--device", device]);
    }
    fs::remove_dir_all(sandbox.join("pki/devices/gone")).unwrap();
    // Revoked it would be on every list until it expires; its key may be lost for good, with the machine.
    scene.ok(&["forget", "--device", "gone", "--keep-valid"]).prints("0 generations revoked");
    sandbox.write("app.elf", Sample::new("esp32c3").elf());
    let bundle = [
        "bundle-firmware",
        "--all",
        "--chip",
        "esp32c3",
        "--app",
        "app.elf",
        "--wifi-ssid",
        "net",
        "--broker",
        "b.example",
    ];
    scene.ok(&bundle);
    sandbox.ok(["store", "check"]);
    // It can be revoked later.
    let rows = sandbox.ok(["list", "--all", "--name", "gone", "--json"]).json();
    assert_eq!(rows["result"]["identities"][0]["role"], "retired");
    scene.ok(&["revoke", "--device", "gone"]).prints("revoked");
}

#[test]
fn foreign_files_stay_and_unknown_names_change_nothing() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    scene.ok(&["client", "--device", "a"]);
    scene.ok(&["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    scene.tbpki(&["forget", "--device", "a,absent"]).run().ends(1).prints("absent");
    assert!(sandbox.join("pki/devices/a/key.pem").exists());
    // tbpki removes only what it has written.
    sandbox.write("pki/devices/a/notes.txt", "where it hangs");
    scene.ok(&["forget", "--device", "a,s-1"]).prints("left: notes.txt").prints("TBPKI-0336");
    let left: Vec<_> =
        fs::read_dir(sandbox.join("pki/devices/a")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.txt"]);
    assert!(sandbox.join("fleet/shard-000000/s-1.pem").exists());
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_renewal_that_waits_is_forgotten_too() {
    for keep in [&[][..], &["--keep-valid"]] {
        let scene = waiting();
        scene.ok(&["enroll", "password", "--device", "a"]);
        scene.ok(&[&["forget", "--device", "a"][..], keep].concat());
        assert!(!scene.sandbox.join("pki/devices/a").exists());
        let rows = scene.sandbox.ok(["list", "--all", "--name", "a", "--json"]).json();
        let role = if keep.is_empty() { "revoked" } else { "retired" };
        let roles: Vec<_> =
            rows["result"]["identities"].as_array().unwrap().iter().map(|row| row["role"].clone()).collect();
        assert_eq!(roles, [role, role]);
        scene.ok(&["store", "check"]);
        let page = scene.ok(&["report", "--out", "r.html", "--json"]).json();
        assert_eq!(page["result"]["fleet"]["open_steps"], 0);
    }
}

#[test]
fn nothing_warns_of_the_end_of_what_is_forgotten_or_revoked() {
    let sandbox = Sandbox::with_store();
    for device in ["gone", "stolen", "here"] {
        sandbox.ok(["client", "--device", device, "--days", "100"]);
    }
    sandbox.ok(["forget", "--device", "gone"]);
    sandbox.ok(["revoke", "--device", "stolen"]);
    let expiring = ["list", "--expiring-within", "200d", "--kind", "device", "--exit-status"];
    let names = |more: &[&str], status| {
        let listed = sandbox.tbpki(expiring.iter().chain(&["--json"]).chain(more)).run().ends(status).json();
        let rows = listed["result"]["identities"].as_array().unwrap().iter();
        rows.map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[], 3), ["here"]);
    assert_eq!(names(&["--name", "gone"], 0), [""; 0]);
    assert_eq!(names(&["--name", "stolen"], 0), [""; 0]);
    assert_eq!(names(&["--all"], 3), ["gone", "here", "stolen"]);
    assert_eq!(names(&["--state", "revoked"], 3), ["gone", "stolen"]);
}

/// The key in use is in the directory of the renewal, and the directory of the first job can be destroyed.
#[test]
fn every_job_with_a_key_of_the_device_is_named_and_one_without_a_key_in_use_may_be_destroyed() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    scene.ok(&["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fl", "--days", "90"]);
    scene.ok(&["fleet", "issue", "--count", "2", "--name-pattern", "z-{}", "--archive", "z.tar", "--days", "90"]);
    for job in ["1", "2"] {
        scene.ok(&["fleet", "register", "--job", job]);
    }
    for name in ["s-1", "s-2", "z-1", "z-2"] {
        age(&sandbox.join("pki/ledger.db"), name, 80);
    }
    scene.ok(&["fleet", "renew", "--job", "1", "--out", "rn"]);
    scene.ok(&["fleet", "renew", "--job", "2", "--archive", "zn.tar"]);
    let notes = |name: &str| scene.ok(&["forget", name, "--dry-run"]).stderr_text();
    for (name, jobs) in
        [("s-1", [("job 1", "fl"), ("job 3", "rn")]), ("z-2", [("job 2", "z.tar"), ("job 4", "zn.tar")])]
    {
        let notes = notes(name);
        assert_eq!(notes.matches("note[TBPKI-0336]").count(), 2, "{notes}");
        for (job, place) in jobs {
            let note = notes.split("note[").find(|note| note.contains(job)).unwrap();
            assert!(note.contains(sandbox.join(place).to_str().unwrap()), "{note}");
        }
    }
    for job in ["3", "4"] {
        scene.ok(&["fleet", "register", "--pending", "--job", job]);
    }
    scene.ok(&["forget", "s-1"]);
    // No device of it is in use any more.
    fs::remove_dir_all(sandbox.join("fl")).unwrap();
    let note = scene.ok(&["store", "check"]).prints("no differences").stderr_text();
    assert!(note.contains("note[TBPKI-0262]") && note.contains("none of its certificates is in use"), "{note}");
    // One of its shards alone, in the same way.
    let second = sandbox.join("z.tar");
    fs::remove_file(second).unwrap();
    scene.ok(&["store", "check"]).prints("no differences");
    // A device of the renewal is in use.
    fs::rename(sandbox.join("rn"), sandbox.join("away")).unwrap();
    scene.tbpki(&["store", "check"]).run().ends(3).prints("1 difference").prints("TBPKI-0332");
}

/// The certificate in use is later than the time at which its name was forgotten.
#[test]
fn what_was_issued_after_its_name_was_forgotten_is_in_use_after_a_repair() {
    let sandbox = Sandbox::with_store();
    for device in ["n-1", "n-2"] {
        sandbox.ok(["client", device]);
        sandbox.ok(["forget", device]);
    }
    // With the journal: the last transactions are only there.
    let parts = ["pki/ledger.db", "pki/ledger.db-wal"];
    let earlier = parts.map(|part| std::fs::read(sandbox.join(part)).unwrap());
    sandbox.ok(["client", "n-1"]);
    sandbox.ok(["fleet", "issue", "--count", "1", "--name-pattern", "n-{}", "--start", "2", "--out", "fleet"]);
    let serial = |name: &str| {
        let listed = sandbox.ok(["list", "--name", name, "--json"]).json();
        listed["result"]["identities"][0]["serial"].clone()
    };
    let before = ["n-1", "n-2"].map(serial);
    for (part, bytes) in parts.iter().zip(earlier) {
        std::fs::write(sandbox.join(part), bytes).unwrap();
    }
    let _ = std::fs::remove_file(sandbox.join("pki/ledger.db-shm"));
    sandbox.ok(["store", "repair"]).prints("taken over: 2 certificates");
    assert_eq!(["n-1", "n-2"].map(serial), before);
    sandbox.ok(["client", "n-2"]).prints("exists");
    sandbox.ok(["store", "check"]);
}
