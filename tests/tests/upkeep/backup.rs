//! `tbpki store backup` and `store restore`.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use tbpki_tests::{Sandbox, Snapshot, Tool};

use crate::scene::{Scene, shown, store};

/// Moves the store away, so that a backup can be restored.
fn lose_store(sandbox: &Sandbox) {
    fs::rename(sandbox.join("pki"), sandbox.join("old")).unwrap();
}

#[test]
fn a_store_comes_back_as_it_was() {
    let sandbox = store();
    let before = shown(&sandbox);
    let note = sandbox.ok(["store", "backup", "b.tar"]);
    note.prints("TBPKI-0337");
    assert_eq!(fs::metadata(sandbox.join("b.tar")).unwrap().mode() & 0o777, 0o600);
    // Another program reads it, and it holds no journal of the ledger.
    let names = Tool::new("tar").args(["-tf", "b.tar"]).directory(sandbox.path()).run().ok().stdout_text();
    assert!(names.contains("store/ledger.db\n") && names.contains("store/devices/a/key.pem\n"), "{names}");
    // The journal is part of the copy of the ledger by then; the note and the lock are of this machine.
    assert!(!names.contains("ledger.db-") && !names.contains("ledger.note") && !names.contains(".lock"), "{names}");
    assert!(!sandbox.join("pki/ledger.copy").exists());

    lose_store(&sandbox);
    sandbox.ok(["store", "restore", "b.tar"]).prints("store check");
    assert_eq!(shown(&sandbox), before);
    let mode = |file: &str| fs::metadata(sandbox.join("pki").join(file)).unwrap().mode() & 0o777;
    assert_eq!((mode("devices/a/key.pem"), mode("devices/a/chain.pem"), mode("ledger.db")), (0o600, 0o644, 0o600));
    // Verbs that write stop until the files were compared.
    for args in [&["client", "--device", "n"][..], &["renew", "--device", "a"], &["fleet", "issue", "--resume", "1"]] {
        sandbox.fails(args, 1, "TBPKI-0330").prints("store check");
    }
    assert!(!sandbox.join("pki/devices/n").exists());
    sandbox.ok(["list"]);
    sandbox.ok(["store", "check"]).prints("verbs that write can be used again");
    sandbox.ok(["client", "--device", "n"]);
}

#[test]
fn a_backup_is_never_written_over_a_file_unasked() {
    let sandbox = Sandbox::with_store();
    sandbox.write("b.tar", "precious");
    sandbox.fails(["store", "backup", "b.tar"], 1, "TBPKI-0082").prints("--force");
    assert_eq!(sandbox.text("b.tar"), "precious");
    let report = sandbox.ok(["store", "backup", "b.tar", "--force", "--json"]).json();
    let kept = report["result"]["kept"].as_str().unwrap();
    assert_eq!(sandbox.text(kept), "precious");
}

#[test]
fn a_backup_is_not_written_into_the_store() {
    let sandbox = Sandbox::with_store();
    std::os::unix::fs::symlink(sandbox.join("pki/devices"), sandbox.join("elsewhere")).unwrap();
    let before = Snapshot::of(&sandbox.join("pki"));
    // By any path that leads there: the next backup would contain this one.
    for out in ["pki/b.tar", "pki/devices/b.tar", "elsewhere/b.tar", "./pki/../pki/b.tar"] {
        sandbox.fails(["store", "backup", out], 1, "TBPKI-0003").prints("another disk");
        assert_eq!(Snapshot::of(&sandbox.join("pki")), before, "{out}");
    }
}

#[test]
fn an_encrypted_backup_is_opened_with_age() {
    let sandbox = store();
    Tool::new("age-keygen").args(["-o", "age.key"]).directory(sandbox.path()).run().ok();
    let public = sandbox.text("age.key");
    let public = public.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
    sandbox.fails(["store", "backup", "b.tar.age"], 2, "TBPKI-0011").prints("--recipient");
    // A name that does not tell of the encryption leads to a restore that fails when it is needed.
    sandbox.fails(["store", "backup", "b.tar", "--recipient", &public], 2, "TBPKI-0011");
    sandbox.ok(["store", "backup", "b.tar.age", "--recipient", &public]);
    let before = shown(&sandbox);
    lose_store(&sandbox);
    sandbox.fails(["store", "restore", "b.tar.age"], 1, "TBPKI-0333").prints("age --decrypt");
    let age = Tool::new("age").args(["-d", "-i", "age.key", "-o", "b.tar", "b.tar.age"]);
    age.directory(sandbox.path()).run().ok();
    sandbox.ok(["store", "restore", "b.tar"]);
    assert_eq!(shown(&sandbox), before);
}

/// A pipe that another program reads must stay, and `-` is no name of a file.
#[test]
fn a_backup_is_not_written_to_standard_output_or_over_a_pipe() {
    let sandbox = store();
    let out = sandbox.fails(["store", "backup", "-"], 2, "TBPKI-0011").stdout_text();
    assert!(out.is_empty() && !sandbox.join("-").exists());
    Tool::new("mkfifo").arg("pipe.tar").directory(sandbox.path()).run().ok();
    std::os::unix::fs::symlink("elsewhere.tar", sandbox.join("link.tar")).unwrap();
    fs::create_dir(sandbox.join("dir.tar")).unwrap();
    let before = names(&sandbox);
    for name in ["pipe.tar", "link.tar", "dir.tar"] {
        for force in [&[][..], &["--force"]] {
            let refused = sandbox.fails([&["store", "backup", name], force].concat(), 1, "TBPKI-0082");
            assert!(!refused.stderr_text().contains("--force"), "{name}");
        }
    }
    assert!(fs::symlink_metadata(sandbox.join("pipe.tar")).unwrap().file_type().is_fifo());
    assert_eq!(names(&sandbox), before);
}

/// The names in the directory.
fn names(sandbox: &Sandbox) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn nothing_is_restored_over_a_store_or_from_a_damaged_file() {
    let sandbox = store();
    sandbox.ok(["store", "backup", "b.tar"]);
    let before = Snapshot::of(&sandbox.join("pki"));
    sandbox.fails(["store", "restore", "b.tar"], 1, "TBPKI-0092").prints("move the directory away");
    assert_eq!(Snapshot::of(&sandbox.join("pki")), before);
    let other = Sandbox::with_store();
    let backup = sandbox.join("b.tar");
    let before = Snapshot::of(&other.join("pki"));
    other.fails(["store", "restore", backup.to_str().unwrap()], 1, "TBPKI-0334");
    assert_eq!(Snapshot::of(&other.join("pki")), before);

    lose_store(&sandbox);
    let whole = sandbox.read("b.tar");
    let key = whole.windows(8).position(|window| window == b"PRIVATE ").unwrap();
    let mut flipped = whole.clone();
    // Within the Base64 of a key, where tar has no checksum and a flipped bit gives another key that can be read.
    flipped[key + 60] ^= 1;
    let cases = [
        // As a copy over a network that broke off, or to a stick that was full.
        ("cut", whole[..whole.len() / 2].to_vec()),
        ("flipped", flipped),
        ("text", b"x".repeat(4000)),
        ("empty", vec![]),
    ];
    for (name, bytes) in cases {
        sandbox.write(name, bytes);
        let refused = sandbox.fails(["store", "restore", name], 1, "TBPKI-0333");
        assert!(!refused.stderr_text().contains("buffer"), "{name}: words of a library");
        assert!(!sandbox.join("pki").exists(), "{name}");
    }
    let names: Vec<_> = fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(".tbpki")), "{names:?}");
}

/// What happened after the backup comes back from the files, the list and the platform, and nothing goes back.
#[test]
fn what_happened_after_the_backup_is_taken_over() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    for device in ["kept", "stolen"] {
        scene.ok(&["client", "--device", device, "--register"]);
    }
    scene.ok(&["crl", "--out", "crl.pem"]);
    // Everything from here to the loss is newer than the backup.
    scene.ok(&["store", "backup", "b.tar"]);
    scene.ok(&["revoke", "--device", "stolen", "--reason", "keyCompromise", "--out", "crl.pem"]);
    scene.ok(&["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet"]);
    let list = |text: &[u8]| Crl::from_der(&PemBundle::parse(text).unwrap().crls[0]).unwrap();
    let before = list(&sandbox.read("crl.pem"));
    let places = fs::read_dir(sandbox.join("pki/places")).unwrap().count();
    assert!(places > 0);

    lose_store(sandbox);
    scene.ok(&["store", "restore", "b.tar"]);
    let outcome = scene.tbpki(&["store", "check", "--json"]).env("TBPKI_CRL_OUT", "crl.pem").run().ends(3);
    let found = crate::scene::differences(&outcome);
    assert!(found.iter().any(|(sort, _)| sort == "revocation"), "{found:?}");
    assert!(found.contains(&("platform".to_owned(), "stolen".to_owned())), "{found:?}");
    scene.tbpki(&["store", "repair"]).env("TBPKI_CRL_OUT", "crl.pem").run().ok();
    scene.tbpki(&["store", "check"]).env("TBPKI_CRL_OUT", "crl.pem").run().ok();
    let rows = sandbox.ok(["list", "--all", "--name", "stolen", "--json"]).json();
    assert_eq!(rows["result"]["identities"][0]["state"], "revoked");
    assert_eq!(rows["result"]["identities"][0]["revocation_reason"], "keyCompromise");
    scene.ok(&["register", "--all"]).prints("revoked");
    scene.ok(&["crl", "--out", "crl.pem"]);
    let after = list(&sandbox.read("crl.pem"));
    // The restored ledger has an older number and date: brokers would not take such a list in place of theirs.
    assert!(after.this_update() > before.this_update());
    assert_eq!(after.revoked().len(), before.revoked().len());
    // The store of the backup does not know the directory of the job, and does not touch its shards.
    let shards = Snapshot::of(&sandbox.join("fleet"));
    let issue = ["fleet", "issue", "--count", "3", "--name-pattern", "t-{}", "--out", "fleet"];
    scene.tbpki(&issue).run().ends(1).prints("TBPKI-0261");
    assert_eq!(Snapshot::of(&sandbox.join("fleet")), shards);
    scene.ok(&["fleet", "adopt", "fleet"]).prints("3 certificates");
    scene.tbpki(&["store", "check"]).env("TBPKI_CRL_OUT", "crl.pem").run().ok();
}

#[test]
fn a_dry_run_reads_the_whole_backup_and_writes_nothing() {
    let sandbox = store();
    sandbox.ok(["store", "backup", "b.tar"]);
    let restore = ["store", "restore", "b.tar", "--dry-run", "--json"];
    sandbox.fails(restore, 1, "TBPKI-0092");
    lose_store(&sandbox);
    let before = Snapshot::of(sandbox.path());
    let outcome = sandbox.ok(restore);
    before.is_unchanged(&Snapshot::of(sandbox.path()), &outcome);
    let (planned, files) = (outcome.json()["result"].clone(), outcome.json()["result"]["files"].as_u64().unwrap());
    assert!(planned["dry_run"] == true && files > 20, "{planned}");
    let mut damaged = sandbox.read("b.tar");
    let key = damaged.windows(8).position(|window| window == b"PRIVATE ").unwrap();
    damaged[key + 60] ^= 1;
    sandbox.write("damaged.tar", damaged);
    sandbox.fails(["store", "restore", "damaged.tar", "--dry-run"], 1, "TBPKI-0333");
    assert_eq!(sandbox.ok(["store", "restore", "b.tar", "--json"]).json()["result"]["files"], files);
}

#[test]
fn a_restore_tells_that_the_ledger_has_lost_changes() {
    let sandbox = store();
    sandbox.ok(["store", "backup", "b.tar"]);
    let copy = sandbox.copy();
    lose_store(&copy);
    let unchanged = copy.ok(["store", "restore", "b.tar", "--json"]);
    assert_eq!(unchanged.json()["result"]["lost_changes"], 0);
    assert!(!unchanged.stderr_text().contains("TBPKI-0330"), "{unchanged}");
    // The list with the revocation is in the store, and lost with it.
    sandbox.ok(["revoke", "--device", "a"]);
    lose_store(&sandbox);
    for args in [&["store", "restore", "b.tar", "--dry-run"][..], &["store", "restore", "b.tar"]] {
        let outcome = sandbox.ok(args);
        outcome
            .prints("warning[TBPKI-0330]")
            .prints("changes after this backup")
            .prints("revoke again what was revoked after");
    }
    sandbox.ok(["store", "check"]);
}

/// A difference that no repair can remove is listed and does not keep verbs closed.
#[test]
fn a_place_that_is_lost_does_not_close_a_restored_store_for_ever() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "d-{}", "--out", "fleet"]);
    sandbox.ok(["store", "backup", "b.tar"]);
    lose_store(&sandbox);
    fs::remove_dir_all(sandbox.join("fleet")).unwrap();
    sandbox.ok(["store", "restore", "b.tar"]);
    sandbox.fails(["client", "--device", "n"], 1, "TBPKI-0330");
    let outcome = sandbox.tbpki(["store", "check"]).run().ends(3);
    outcome.prints("1 difference").prints("verbs that write can be used again");
    sandbox.ok(["client", "--device", "n"]);
    sandbox.tbpki(["store", "check"]).run().ends(3).prints("1 difference");
}

#[test]
fn a_generation_that_is_not_registered_yet_does_not_close_a_restored_store() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "a", "--register"]);
    scene.ok(&["client", "--device", "a", "--force"]);
    scene.ok(&["store", "backup", "b.tar"]);
    lose_store(&scene.sandbox);
    scene.ok(&["store", "restore", "b.tar"]);
    // The platform was not asked: the comparison is not complete.
    scene.ok(&["store", "check", "--offline"]).prints("TBPKI-0330");
    scene.tbpki(&["client", "--device", "n"]).run().ends(1).prints("TBPKI-0330");
    let outcome = scene.tbpki(&["store", "check"]).run().ends(3);
    outcome.prints("generation 1").prints("verbs that write can be used again");
    scene.ok(&["client", "--device", "n"]);
}

#[test]
fn a_stolen_device_is_revoked_before_a_restored_ledger_is_compared() {
    let sandbox = Sandbox::with_store();
    for device in ["first", "stolen", "kept"] {
        sandbox.ok(["client", "--device", device]);
    }
    sandbox.ok(["store", "backup", "b.tar"]);
    sandbox.ok(["revoke", "--device", "first", "--out", "crl.pem"]);
    lose_store(&sandbox);
    sandbox.ok(["store", "restore", "b.tar"]);
    sandbox.ok(["revoke", "--device", "stolen", "--out", "crl.pem"]);
    let revoked = |sandbox: &Sandbox| {
        let pem = PemBundle::parse(&sandbox.read("crl.pem")).unwrap();
        pem.crls.iter().map(|list| Crl::from_der(list).unwrap().revoked().len()).sum::<usize>()
    };
    // The first one too: only the published list knows of it.
    assert_eq!(revoked(&sandbox), 2);
    sandbox.ok(["crl", "--out", "crl.pem"]);
    assert_eq!(revoked(&sandbox), 2);
    // Nothing new is issued all the same.
    sandbox.fails(["client", "--device", "n"], 1, "TBPKI-0330");
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "--device", "n"]);
}

#[test]
fn passwords_that_may_be_spent_since_the_backup_are_withdrawn() {
    let sandbox = store();
    for device in ["n", "o"] {
        sandbox.ok(["enroll", "password", "--device", device]);
    }
    sandbox.ok(["store", "backup", "b.tar"]);
    lose_store(&sandbox);
    sandbox.ok(["store", "restore", "b.tar"]).prints("withdrawn 2 one-time passwords");
    sandbox.ok(["store", "check"]);
    // None is left that could be withdrawn once more.
    sandbox.fails(["revoke", "--device", "n"], 1, "TBPKI-0096");
    let made = sandbox.ok(["enroll", "password", "--device", "n"]);
    assert!(!made.stderr_text().contains("no longer valid"), "{made}");
}

#[test]
fn a_certificate_in_the_directory_of_the_copies_that_the_backup_lacks_is_found_and_taken_over() {
    for (kind, first, chain) in [
        ("server", &["server", "--name", "tb.example", "--only-given-names"][..], "mqttserver.pem"),
        ("device", &["client", "--device", "pump-1"], "chain.pem"),
    ] {
        let sandbox = Sandbox::with_store();
        sandbox.ok([first, &["--out", "conf"]].concat());
        sandbox.ok(["store", "backup", "b.tar"]);
        sandbox.ok([first, &["--force"]].concat());
        let in_use = sandbox.read(format!("conf/{chain}"));
        lose_store(&sandbox);
        sandbox.ok(["store", "restore", "b.tar"]);
        let found = sandbox.fails(["store", "check", "--json"], 3, "TBPKI-0332").json();
        let problems = found["result"]["problems"].as_array().unwrap();
        assert_eq!(problems.len(), 1, "{found}");
        assert_eq!((&problems[0]["problem"], &problems[0]["kind"]), (&"foreign".into(), &kind.into()));
        assert!(problems[0]["path"].as_str().unwrap().ends_with(&format!("conf/{chain}")), "{found}");
        // Verbs that issue wait, also after a second look.
        sandbox.fails([first, &["--force"]].concat(), 1, "TBPKI-0330");

        let planned = sandbox.ok(["store", "repair", "--dry-run", "--json"]).json();
        let repaired = sandbox.ok(["store", "repair", "--json"]).json();
        for report in [planned, repaired] {
            assert_eq!(report["result"]["identities"], 1, "{report}");
        }
        sandbox.ok(["store", "check"]).prints("verbs that write can be used again");
        // The program goes on with its files, until the store has a generation that is later than both.
        let refused = sandbox.fails([first, &["--out", "conf"]].concat(), 1, "TBPKI-0082").prints("--force");
        assert!(!refused.stderr_text().contains("move them away"), "{refused}");
        assert_eq!(sandbox.read(format!("conf/{chain}")), in_use);
        sandbox.ok([first, &["--force"]].concat());
        assert_ne!(sandbox.read(format!("conf/{chain}")), in_use);
        let listed = sandbox.ok(["list", "--kind", kind, "--json"]).json();
        assert_eq!(listed["result"]["identities"][0]["generation"], 3, "{listed}");
    }
}

#[test]
fn the_certificate_of_another_ca_in_the_directory_of_the_copies_is_no_difference() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--out", "conf"]);
    let other = Sandbox::with_store();
    other.ok(["server", "--name", "tb.example", "--only-given-names"]);
    let chain = other.text("pki/servers/tb.example/mqttserver.pem");
    sandbox.write("conf/mqttserver.pem", &chain);
    sandbox.ok(["store", "check"]);
    sandbox.write("conf/mqttserver.pem", "no certificate");
    sandbox.ok(["store", "check"]);
    // A certificate of this name that the ledger does not know: the advice is another one.
    sandbox.write("conf/mqttserver.pem", &chain);
    sandbox.fails(["server", "--out", "conf"], 1, "TBPKI-0082").prints("tbpki store repair");
}
