//! `tbpki renew` and `tbpki needs-renewal`.

use std::fs;

use pki::pem_bundle::PemBundle;
use serde_json::Value;
use tbpki_tests::forge::age;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Clock, Sandbox, Snapshot};
use time::{Duration, OffsetDateTime};

use crate::scene::{Scene, json};

pub(crate) fn leaf(sandbox: &Sandbox, file: &str) -> pki::Certificate {
    PemBundle::parse(&sandbox.read(file)).unwrap().certificates.remove(0)
}

pub(crate) fn states(sandbox: &Sandbox, name: &str) -> Vec<u64> {
    let listed = json(&sandbox.ok(["list", "--all", "--json", "--name", name]));
    listed["identities"].as_array().unwrap().iter().map(|row| row["generation"].as_u64().unwrap()).collect()
}

pub(crate) const DEVICE: &str = "pki/devices/pump-1/cert.pem";

#[test]
fn a_renewed_device_is_what_it_was_with_a_new_key() {
    let sandbox = Sandbox::with_store();
    let args =
        ["client", "--device=pump-1", "--alg=ec-p384", "--days=100", "--san=dns:pump.example", "--format=pem,p12"];
    sandbox.ok(args);
    let (before, bundle) = (leaf(&sandbox, DEVICE), sandbox.read("pki/devices/pump-1/pump-1.p12"));
    // It is too new: a renewal would gain nothing.
    sandbox.fails(["renew", "--device", "pump-1"], 1, "TBPKI-0306");
    assert_eq!(leaf(&sandbox, DEVICE), before);
    assert_eq!(states(&sandbox, "pump-1"), [1]);

    age(&sandbox.join("pki/ledger.db"), "pump-1", 80);
    // The configuration has another algorithm by now, which does not matter.
    let report =
        json(&sandbox.tbpki(["renew", "--device", "pump-1", "--json"]).env("TBPKI_CLIENT_ALG", "rsa-2048").run().ok());
    assert_eq!((&report["renewed"][0]["done"], &report["renewed"][0]["generation"]), (&"issued".into(), &2.into()));
    let after = leaf(&sandbox, DEVICE);
    assert_eq!(after.subject_der(), before.subject_der());
    assert_eq!(after.sans(), before.sans());
    assert_eq!(after.algorithm_name(), "ec-p384");
    assert_ne!(after.spki_der(), before.spki_der());
    assert_eq!((after.not_after() - after.not_before()).whole_days(), 100);
    assert_ne!(sandbox.read("pki/devices/pump-1/pump-1.p12"), bundle);
    let key = openssl().args(["pkey", "-pubout", "-in"]).arg(sandbox.join("pki/devices/pump-1/key.pem")).run().ok();
    let public = openssl().args(["x509", "-noout", "-pubkey", "-in"]).arg(sandbox.join(DEVICE)).run().ok();
    assert_eq!(key.stdout_text(), public.stdout_text());
    let ca = |name: &str| sandbox.join("pki/ca").join(name).join("cert.pem");
    let verify = openssl().args(["verify", "-purpose", "sslclient", "-CAfile"]).arg(ca("devices-root"));
    verify.arg("-untrusted").arg(ca("devices-issuing")).arg(sandbox.join(DEVICE)).run().ok();

    // The same parameters as before: `client` finds it complete.
    // A renewal that had lost a name, a format or the lifetime would be refused here, as a change of the device.
    sandbox.ok(args).prints("is up to date");
}

#[test]
fn the_key_is_kept_on_request_and_one_earlier_set_of_files_is_kept() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1", "--days", "100"]);
    let first = leaf(&sandbox, DEVICE);
    age(&sandbox.join("pki/ledger.db"), "pump-1", 90);
    sandbox.ok(["renew", "--device", "pump-1", "--same-key"]);
    let second = leaf(&sandbox, DEVICE);
    assert_eq!(second.spki_der(), first.spki_der());
    assert!(sandbox.join(format!("pki/devices/pump-1/cert.pem.{}", first.serial_hex())).exists());
    age(&sandbox.join("pki/ledger.db"), "pump-1", 90);
    sandbox.ok(["renew", "--device", "pump-1"]);
    assert!(!sandbox.join(format!("pki/devices/pump-1/cert.pem.{}", first.serial_hex())).exists());
    assert!(sandbox.join(format!("pki/devices/pump-1/cert.pem.{}", second.serial_hex())).exists());
}

#[test]
fn a_server_and_its_copies_are_renewed() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--out", "conf", "--days", "90"]);
    let before = leaf(&sandbox, "conf/mqttserver.pem");
    let (p12, env) = (sandbox.read("conf/mqttserver.p12"), sandbox.read("conf/thingsboard.env"));
    // Aging the row alone: the dates of the ledger decide.
    age(&sandbox.join("pki/ledger.db"), "tb.example", 80);
    // A ledger that is only read gets a log of its own.
    let look = || Snapshot::of(sandbox.path()).without(|path| path.to_string_lossy().contains("ledger.db"));
    let planned = look();
    let report = json(&sandbox.ok(["renew", "--server", "--due", "--dry-run", "--json"]));
    assert_eq!(report["renewed"][0]["done"], "planned");
    planned.is_unchanged(&look(), "a dry run");
    sandbox.ok(["renew", "--server", "--due"]);
    let after = leaf(&sandbox, "conf/mqttserver.pem");
    assert_eq!(after, leaf(&sandbox, "pki/servers/tb.example/mqttserver.pem"));
    assert_eq!(after.sans(), before.sans());
    assert_ne!(after.serial(), before.serial());
    assert_ne!(sandbox.read("conf/mqttserver.p12"), p12);
    // A server that is running has its password from this file: a renewal must not change it.
    assert_eq!(sandbox.read("conf/thingsboard.env"), env);
    // Not due any more.
    let report = json(&sandbox.ok(["renew", "--server", "--due", "--json"]));
    assert_eq!((&report["not_due"], report["renewed"].as_array().unwrap().len()), (&1.into(), 0));
    sandbox.ok(["server", "--name", "other.example", "--only-given-names"]);
    // With two servers it is no longer clear which one is meant.
    sandbox.fails(["renew", "--server"], 2, "TBPKI-0011");
    sandbox.fails(["renew", "--server", "none.example"], 1, "TBPKI-0096");
}

#[test]
fn what_must_be_renewed_is_marked_wherever_it_is_met() {
    let sandbox = Sandbox::with_store();
    let server = ["server", "--name", "tb.example", "--only-given-names", "--days", "90"];
    sandbox.ok(server);
    let listed = || sandbox.ok(["list", "--kind", "server"]).stdout_text();
    let renewal = || json(&sandbox.ok(["list", "--kind", "server", "--json"]))["identities"][0]["renewal"].clone();
    let soon = ["list", "--expiring-within", "30d", "--exit-status"];
    assert!(!listed().contains("renew now") && renewal().is_null());
    assert!(!sandbox.ok(server).stderr_text().contains("TBPKI-0307"));
    sandbox.ok(soon);
    age(&sandbox.join("pki/ledger.db"), "tb.example", 70);
    assert!(listed().contains("19 renew now"), "{}", listed());
    assert_eq!(renewal(), "due");
    sandbox.ok(server).prints("TBPKI-0307").prints("expires in 19 days").prints("tbpki renew --server tb.example");
    sandbox.tbpki(soon).run().ends(3);
    // 70 and 30 days are more than the 90 that it has.
    age(&sandbox.join("pki/ledger.db"), "tb.example", 30);
    assert!(listed().contains("EXPIRED"), "{}", listed());
    assert_eq!(renewal(), "expired");
    sandbox.ok(server).prints("TBPKI-0307").prints("has expired");
    // With any selection, also the one of everything.
    sandbox.tbpki(["list", "--exit-status"]).run().ends(3);
    sandbox.tbpki(["list", "--failed", "--exit-status"]).run().ends(0);
    // The report counts servers and CAs too.
    let report = json(&sandbox.ok(["report", "--out", "report.html", "--json"]));
    assert_eq!(report["fleet"]["expired"], 1);
    assert!(sandbox.text("report.html").contains("already, 1 of them servers or CAs"));
}

#[test]
fn all_lists_what_it_cannot_renew() {
    let scene = Scene::new();
    let sandbox = &scene.sandbox;
    for device in ["a", "b", "c"] {
        scene.ok(&["client", "--device", device, "--days", "90"]);
    }
    openssl()
        .args([
            "req",
            "-new",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=d",
            "-keyout",
        ])
        .arg(sandbox.join("d.key"))
        .arg("-out")
        .arg(sandbox.join("d.csr"))
        .run()
        .ok();
    scene.ok(&["client", "--device", "d", "--csr", "d.csr", "--days", "90"]);
    scene.ok(&["register", "--device", "b"]);
    scene.ok(&["revoke", "--device", "c"]);
    for device in ["a", "b", "d"] {
        age(&sandbox.join("pki/ledger.db"), device, 80);
    }
    let outcome = scene.tbpki(&["renew", "--all", "--within", "30d", "--json"]).run().ends(4);
    let report = json(&outcome);
    let names = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    // The platform knows "b", so its renewal waits.
    assert_eq!(names(&report["renewed"]), ["a", "b"]);
    assert_eq!(names(&report["pending"]), ["b"]);
    assert_eq!(names(&report["left"]), ["d"]);
    assert_eq!(report["revoked"], 1);
    // The key is elsewhere: its holder keeps it.
    let before = leaf(sandbox, "pki/devices/d/cert.pem");
    sandbox.fails(["renew", "--device", "d"], 1, "TBPKI-0305");
    sandbox.ok(["renew", "--device", "d", "--same-key"]);
    assert_eq!(leaf(sandbox, "pki/devices/d/cert.pem").spki_der(), before.spki_der());
    sandbox.fails(["renew", "--device", "c"], 1, "TBPKI-0062");
    sandbox.fails(["renew", "--device", "unknown"], 1, "TBPKI-0096");
    assert_eq!(states(sandbox, "c"), [1]);
}

/// Its certificate is what clients trust, so that each renewal concerns them.
#[test]
fn the_renewal_of_a_self_signed_server_warns_of_its_clients() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--self-signed", "--days", "90"]);
    sandbox.ok(["server", "--name", "ca.example", "--only-given-names", "--days", "90"]);
    for name in ["tb.example", "ca.example"] {
        age(&sandbox.join("pki/ledger.db"), name, 80);
    }
    let renewed = sandbox.ok(["renew", "--server", "tb.example"]);
    renewed.prints("warning[TBPKI-0063]: clients must trust the new certificate of tb.example").prints("cafile.pem");
    assert!(!sandbox.ok(["renew", "--server", "ca.example"]).stderr_text().contains("TBPKI-0063"));
}

#[test]
fn a_prepared_ca_is_no_pending_renewal_of_a_device() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox.ok(["ca", "prepare", "devices-root"]);
    let report = json(&sandbox.ok(["renew", "--all", "--due", "--json"]));
    assert_eq!(report["pending"].as_array().unwrap().len(), 0, "{report}");
}

#[test]
fn the_exit_status_tells_a_timer_what_to_do() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1", "--days", "90"]);
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--days", "90"]);
    let ends = |args: &[&str], status: i32| {
        sandbox.tbpki([&["needs-renewal"], args].concat()).run().ends(status);
    };
    // 0 is "renew", 1 "not yet", 2 "there is none": a unit for systemd has this as its `ExecCondition`, which skips the
    // unit at 1 to 254 and fails it at 255.
    for which in [&["--device", "pump-1"][..], &["--server"], &["--server", "tb.example"], &[DEVICE]] {
        ends(which, 1);
        ends(&[which, &["--within", "91d"]].concat(), 0);
    }
    // One day into the last third of 90 days.
    age(&sandbox.join("pki/ledger.db"), "pump-1", 61);
    ends(&["--device", "pump-1"], 0);
    for none in [&["--device", "unknown"][..], &["--server", "other.example"], &["missing.pem"]] {
        ends(none, 2);
    }
    // Every error fails the unit visibly.
    sandbox.write("broken.pem", "no certificate");
    for wrong in [&["broken.pem"][..], &[], &["--device", "../x"], &["--unknown"], &["--device", "a", "--server"]] {
        ends(wrong, 255);
    }
    sandbox.tbpki(["needs-renewal", "--device", "pump-1", "--config", "none.toml"]).run().ends(255);
    fs::write(sandbox.join("pki/ledger.db"), "not a ledger").unwrap();
    ends(&["--device", "pump-1"], 255);
}

#[test]
fn the_note_about_due_certificates_names_a_command_that_renews_them() {
    let scene = Scene::new();
    scene.ok(&["client", "pump-1", "pump-2", "--days", "90", "--register"]);
    scene.ok(&["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet", "--days", "90"]);
    // The dates of the certificates themselves count, so that time has to pass.
    let later = Clock::starting_at(OffsetDateTime::now_utc() + Duration::days(80));
    let run = |args: &[&str]| scene.tbpki(&[args, &["--accept-clock"]].concat()).at(&later).run().ok();
    run(&["renew", "--device", "pump-1"]);
    // The renewal that waits can be in the device by now, and another one would take its place.
    let told = |device: &str| run(&["register", "--again", "--device", device]).stderr_text();
    assert!(!told("pump-1").contains("TBPKI-0307"));
    let of_one = told("pump-2");
    assert!(of_one.contains("TBPKI-0307") && of_one.contains("`tbpki renew --device pump-2`"), "{of_one}");
    let of_job = told("s-1");
    assert!(of_job.contains("`tbpki fleet renew --job 1 --due --out DIR`"), "{of_job}");
    run(&["fleet", "renew", "--job", "1", "--due", "--out", "renewed"]);
}

/// Every verb that meets a certificate which must be renewed names it, with the command that renews it.
#[test]
fn verbs_that_meet_a_due_certificate_name_it_and_the_command() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "pump-1", "pump-2", "--days", "90"]);
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--days", "90", "--out", "conf"]);
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fl", "--days", "90"]);
    let shard = "fl/shard-000000/s-1.pem";
    let checks: [(&[&str], &str); 6] = [
        (&["check", "--device", "pump-1", "--offline"], "tbpki renew --device pump-1"),
        (&["check", "--server", "conf", "--offline"], "tbpki renew --server tb.example"),
        (&["check", "--server", "--offline"], "tbpki renew --server tb.example"),
        (&["verify", DEVICE], "tbpki renew --device pump-1"),
        (&["verify", "conf/mqttserver.pem"], "tbpki renew --server tb.example"),
        (&["verify", shard], "tbpki fleet renew --job 1 --due --out DIR"),
    ];
    for (args, _) in checks {
        let early = sandbox.ok(args);
        assert!(!format!("{early}").contains("TBPKI-0307"), "{early}");
    }
    // The dates of the certificates themselves count.
    let due = Clock::starting_at(OffsetDateTime::now_utc() + Duration::days(80));
    let over = Clock::starting_at(OffsetDateTime::now_utc() + Duration::days(100));
    let run = |args: &[&str], clock: &Clock| sandbox.tbpki([args, &["--accept-clock"]].concat()).at(clock).run();
    for (args, command) in checks {
        run(args, &due).ok().prints("TBPKI-0307").prints("expires in 9 days").prints(command);
        // The fault about the date has the real name, too.
        let expired = run(args, &over).ends(3);
        expired.prints("TBPKI-0047").prints(command);
    }
    // A file alone has only its dates.
    let shown = run(&["inspect", DEVICE], &due).ok();
    shown.prints("TBPKI-0307").prints("the certificate expires in 9 days");
    assert!(!run(&["inspect", "pki/ca/devices-root/cert.pem"], &due).ok().stdout_text().contains("TBPKI-0307"));
    // A rule of the user counts, and a renewal that waits is not made once more.
    let rule = sandbox.tbpki(["verify", DEVICE]).env("TBPKI_RENEWAL_BEFORE", "90").run().ok();
    rule.prints("TBPKI-0307").prints("tbpki renew --device pump-1");
}

#[test]
fn the_need_for_a_renewal_of_an_expired_certificate_has_no_negative_days() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "pump-1", "--days", "90"]);
    age(&sandbox.join("pki/ledger.db"), "pump-1", 89);
    sandbox.tbpki(["needs-renewal", "--device", "pump-1"]).run().ends(0).prints("renewal is needed: 0 days left");
    age(&sandbox.join("pki/ledger.db"), "pump-1", 11);
    let needed = sandbox.tbpki(["needs-renewal", "--device", "pump-1"]).run().ends(0);
    needed.prints("renewal is needed: expired on 2");
    let report = sandbox.tbpki(["needs-renewal", "--device", "pump-1", "--json"]).run().ends(0).json();
    assert_eq!(report["result"]["days_left"], -10);
}
