//! `tbpki revoke --ca`, `--job` and `--station`: a station is stolen, with the key of its CA.

use std::fs;

use serde_json::Value;
use tb_sim::CredentialsType;
use tbpki_tests::clients::{Files, JavaStore, mosquitto_pub, paho_java};
use tbpki_tests::forge::sql;
use tbpki_tests::oracle::openssl;
use tbpki_tests::{Listener, Mosquitto, Outcome, Sandbox, Snapshot, Tool};

use crate::scene::{Scene, json};

/// The file with the lists that the broker reads.
const LISTS: &str = "conf/devices-crl.pem";

fn count(report: &Value, what: &str) -> u64 {
    report["counts"][what].as_u64().unwrap()
}

/// The open steps, each with its name.
fn open(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    report["open"].as_array().unwrap().iter().map(|open| (text(&open["name"]), text(&open["step"]))).collect()
}

fn without_lock(sandbox: &Sandbox) -> Snapshot {
    Snapshot::of(sandbox.path()).without(|name| name.ends_with(".lock") || name.to_string_lossy().contains("ledger.db"))
}

/// Refused with this code and text, and nothing changed.
#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], status: i32, code: &str, says: &str) {
    let before = without_lock(sandbox);
    sandbox.fails(args, status, code).prints(says);
    before.is_unchanged(&without_lock(sandbox), args.join(" "));
}

/// A store with a server and a device, whose broker reads revocation lists; and the bundle of a station, as a thief has it.
fn stolen() -> (Sandbox, Sandbox) {
    let home = Sandbox::with_store();
    home.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    home.ok(["client", "--device", "pump-1", "--format", "pem,jks"]);
    home.ok(["crl", "--out", LISTS]);
    home.write("kit.pass", "passphrase on the way\n");
    home.private("kit.pass");
    home.ok(["ca", "export", "devices", "--no-input", "--out", "kit", "--passphrase-file", "kit.pass"]);
    let thief = Sandbox::new();
    Tool::new("cp").arg("-a").arg(home.join("kit/.")).arg(thief.path()).run().ok();
    thief.write("the.pass", "passphrase on the way\n");
    thief.private("the.pass");
    (home, thief)
}

/// A leaf of the thief's.
#[track_caller]
fn forge(thief: &Sandbox, name: &str) {
    let args = ["client", "--device", name, "--format", "pem,jks", "--ca-passphrase-file", "the.pass"];
    thief.ok(args);
}

/// What mosquitto makes of a device, and OpenSSL with the same files: whether they let it in.
#[track_caller]
fn are_let_in(home: &Sandbox, devices: &[(&Sandbox, &str, bool)]) {
    let conf = |file: &str| home.join("conf").join(file);
    let listener = Listener::new(&conf("mqttserver.pem"), &conf("mqttserver_key.pem"));
    let listener = listener.requiring_clients_of(&conf("clients-ca.pem"));
    let broker = Mosquitto::start(&listener.with_revocation_lists(&home.join(LISTS)));
    for (store, device, is_in) in devices {
        let file = |file: &str| store.join("pki/devices").join(device).join(file);
        let (anchors, certificate, key) = (file("tb-server-chain.pem"), file("chain.pem"), file("key.pem"));
        let files = Files { anchors: &anchors, certificate: &certificate, key: Some(&key) };
        let password = store.text(format!("pki/secrets/device-{device}.keystore-password")).trim_end().to_owned();
        let jks = file(&format!("{device}.jks"));
        let java = JavaStore { kind: "JKS", file: &jks, store_password: &password, key_password: &password };
        if *is_in {
            mosquitto_pub(broker.port(), &files).succeeds();
            paho_java(broker.port(), &java, "SunX509", "TLSv1.3").succeeds();
        } else {
            mosquitto_pub(broker.port(), &files).is_refused("");
            paho_java(broker.port(), &java, "SunX509", "TLSv1.3").is_refused("");
        }
        // Mosquitto has the first of them; a broker that is stricter has the second. Both have to decide alike.
        for check in ["-crl_check", "-crl_check_all"] {
            let tool = openssl().args(["verify", "-x509_strict", check, "-CAfile"]).arg(conf("clients-ca.pem"));
            let tool = tool.arg("-untrusted").arg(&certificate).arg("-CRLfile").arg(home.join(LISTS));
            let verdict = tool.arg(&certificate).run();
            assert_eq!(verdict.status == 0, *is_in, "{device} with {check}: {verdict}");
        }
    }
}

#[test]
fn new_leaves_of_a_stolen_station_are_refused_once_its_ca_is_revoked() {
    let (home, thief) = stolen();
    forge(&thief, "forged-1");
    are_let_in(&home, &[(&home, "pump-1", true), (&thief, "forged-1", true)]);

    let outcome = home.ok(["revoke", "--ca", "devices-issuing", "--reason", "cACompromise", "--out", LISTS]);
    outcome.prints("restart the services that use the files of localhost").prints("1 certificate in use depends");
    forge(&thief, "forged-2");
    // Honest devices are out as well: a broker cannot tell the leaves of the owner from those of the thief.
    are_let_in(&home, &[(&home, "pump-1", false), (&thief, "forged-1", false), (&thief, "forged-2", false)]);
    let shown = home.ok(["inspect", LISTS, "--json"]).stdout_text();
    assert!(shown.contains("cACompromise"), "{shown}");

    // The next generation takes over. The leaves of the thief stay out.
    home.ok(["ca", "prepare", "devices-issuing"]);
    home.ok(["crl", "--out", LISTS]);
    home.ok(["ca", "confirm", "devices-issuing", "--all"]);
    home.ok(["ca", "activate", "devices-issuing"]);
    home.ok(["client", "--device", "pump-1", "--force", "--format", "pem,jks"]);
    are_let_in(&home, &[(&home, "pump-1", true), (&thief, "forged-1", false), (&thief, "forged-2", false)]);
}

#[test]
fn a_generation_that_was_replaced_before_is_revoked_and_the_present_one_goes_on() {
    let (home, thief) = stolen();
    forge(&thief, "forged");
    home.ok(["ca", "prepare", "devices-issuing"]);
    home.ok(["crl", "--out", LISTS]);
    home.ok(["ca", "activate", "devices-issuing", "--leave-behind"]);
    home.ok(["client", "--device", "pump-1", "--force", "--format", "pem,jks"]);
    are_let_in(&home, &[(&home, "pump-1", true), (&thief, "forged", true)]);
    let report = home.ok(["revoke", "--ca", "devices-issuing", "--out", LISTS, "--json"]);
    let report = json(&report.prints("generation 2 of devices-issuing signs and is not revoked"));
    assert_eq!((report["revoked"].as_array().unwrap().len(), &report["revoked"][0]["generation"]), (1, &1.into()));
    assert_eq!(report["restart"], Value::from(vec!["localhost"]));
    are_let_in(&home, &[(&home, "pump-1", true), (&thief, "forged", false)]);
    // Again: the present generation stays.
    let again = json(&home.ok(["revoke", "--ca", "devices-issuing", "--out", LISTS, "--json"]));
    assert_eq!((count(&again, "revoked"), count(&again, "unchanged")), (0, 1));
    home.ok(["client", "--device", "pump-2"]);
    assert!(home.join("pki/ca/retired/devices-issuing-1/cert.pem").exists());
    // By its number it is revoked, too.
    home.ok(["revoke", "--ca", "devices-issuing", "--generation", "2", "--out", LISTS]);
    home.fails(["client", "--device", "pump-3"], 1, "TBPKI-0325");
}

#[test]
fn a_revoked_ca_signs_nothing_until_another_generation_does() {
    let home = Sandbox::with_store();
    home.ok(["client", "--device", "pump-1"]);
    refused(&home, &["revoke", "--ca", "moon"], 1, "TBPKI-0096", "moon");
    refused(&home, &["revoke", "--ca", "devices-issuing", "--generation", "2"], 1, "TBPKI-0096", "no generation 2");
    // A root is on no list, since it would have to sign its own revocation: it is taken out of the files that trust it.
    refused(&home, &["revoke", "--ca", "devices-root"], 1, "TBPKI-0324", "tbpki ca prepare devices-root");
    refused(&home, &["revoke", "--generation", "2", "--device", "pump-1"], 2, "TBPKI-0011", "--ca");
    let before = without_lock(&home);
    home.ok(["revoke", "--ca", "devices-issuing", "--dry-run"]).prints("would be revoked");
    before.is_unchanged(&without_lock(&home), "a dry run");

    home.ok(["revoke", "--ca", "devices-issuing"]);
    let next = "tbpki ca prepare devices-issuing";
    refused(&home, &["client", "--device", "pump-2"], 1, "TBPKI-0325", next);
    refused(&home, &["client", "--device", "pump-1", "--force"], 1, "TBPKI-0325", next);
    refused(&home, &["renew", "--device", "pump-1"], 1, "TBPKI-0325", next);
    let fleet = ["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"];
    refused(&home, &fleet, 1, "TBPKI-0325", next);
    home.write("kit.pass", "passphrase on the way\n");
    home.private("kit.pass");
    let export = ["ca", "export", "devices", "--no-input", "--out", "kit", "--passphrase-file", "kit.pass"];
    refused(&home, &export, 1, "TBPKI-0325", next);

    home.ok(["ca", "prepare", "devices-issuing"]);
    refused(&home, &["client", "--device", "pump-2"], 1, "TBPKI-0325", next);
    home.ok(["crl"]);
    home.ok(["ca", "confirm", "devices-issuing", "--all"]);
    home.ok(["ca", "activate", "devices-issuing"]);
    home.ok(["client", "--device", "pump-2"]);
    assert!(!home.join("pki/ca/devices-issuing/revoked").exists());
    assert!(home.join("pki/ca/retired/devices-issuing-1/key.pem").exists());
    home.ok(fleet);
    home.ok(export);
}

#[test]
fn the_list_of_a_root_that_is_kept_elsewhere_is_the_one_step_left() {
    let home = Sandbox::with_store();
    home.ok(["crl"]);
    fs::rename(home.join("pki/ca/devices-root/key.pem"), home.join("root.key.pem")).unwrap();
    let report = json(&home.tbpki(["revoke", "--ca", "devices-issuing", "--json"]).run().ends(4));
    assert_eq!(open(&report), [("devices-issuing".to_owned(), "list".to_owned())]);
    assert_eq!(report["open_steps"], 1);
    // The list of the CA itself is out already, without any key.
    let lists = home.ok(["inspect", "pki/devices-crl.pem"]).stdout_text();
    // A list that is missing makes mosquitto refuse all devices of its CA, which is what is wanted here.
    assert!(!lists.contains("devices issuing CA"), "{lists}");
    home.tbpki(["revoke", "--open"])
        .run()
        .ends(4)
        .prints("the key of generation 1 of devices-root is not in this store");
    fs::rename(home.join("root.key.pem"), home.join("pki/ca/devices-root/key.pem")).unwrap();
    home.ok(["revoke", "--open"]);
    let report = json(&home.ok(["revoke", "--ca", "devices-issuing", "--json"]));
    assert_eq!((open(&report), count(&report, "unchanged")), (vec![], 1));
}

#[test]
fn a_replaced_root_is_taken_out_of_the_files_that_trust_it() {
    let home = Sandbox::with_store();
    home.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    home.ok(["client", "--device", "pump-1"]);
    home.ok(["ca", "prepare", "devices-root"]);
    home.ok(["ca", "activate", "devices-root", "--leave-behind"]);
    let roots = |sandbox: &Sandbox| sandbox.text("conf/clients-ca.pem").matches("BEGIN CERTIFICATE").count();
    assert_eq!(roots(&home), 3);
    let report = json(&home.ok(["revoke", "--ca", "devices-root", "--json"]));
    assert_eq!((open(&report), &report["revoked"][0]["generation"]), (vec![], &1.into()));
    assert_eq!(roots(&home), 2);
    home.ok(["client", "--device", "pump-2"]);
    home.ok(["verify", "pki/devices/pump-2/chain.pem"]);
}

#[test]
fn a_job_is_revoked_as_a_whole() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1", "--register"]);
    scene.ok(&["fleet", "issue", "--count", "5", "--name-pattern", "s-{}", "--out", "fleet"]);
    scene.ok(&["fleet", "register", "--job", "1"]);
    scene.ok(&["revoke", "--device", "s-3"]);
    refused(&scene.sandbox, &["revoke", "--job", "7"], 1, "TBPKI-0293", "no job 7");
    let planned = scene.json(&["revoke", "--job", "1", "--dry-run"]);
    assert_eq!((count(&planned, "planned"), count(&planned, "unchanged"), count(&planned, "revoked")), (4, 1, 0));
    let report = scene.json(&["revoke", "--job", "1", "--reason", "keyCompromise"]);
    assert_eq!((count(&report, "revoked"), count(&report, "unchanged")), (4, 1), "{report}");
    assert_eq!((report["revoked"].as_array().unwrap().len(), &report["open_steps"]), (0, &0.into()));
    let sim = scene.platform.sim().unwrap();
    let kind = |name: &str| sim.credentials(name).map(|credentials| credentials.kind).unwrap();
    for name in ["s-1", "s-2", "s-3", "s-4", "s-5"] {
        assert_eq!(kind(name), CredentialsType::AccessToken, "{name}");
    }
    assert_eq!(kind("pump-1"), CredentialsType::X509Certificate);
    let lists = &report["lists"]["lists"][0];
    assert_eq!((&lists["ca"], &lists["revoked"]), (&"devices-issuing".into(), &5.into()));
    let again: Outcome = scene.ok(&["revoke", "--job", "1"]);
    again.prints("5 certificates: were revoked before");
}

#[test]
fn the_platform_that_is_away_leaves_the_steps_of_a_job_open() {
    let scene = Scene::new();
    // More than the 100 open steps that a report lists by name.
    scene.ok(&["fleet", "issue", "--count", "120", "--name-pattern", "s-{}", "--out", "fleet"]);
    scene.ok(&["fleet", "register", "--job", "1"]);
    // Without the settings of the platform.
    let report = json(&scene.sandbox.tbpki(["revoke", "--job", "1", "--json"]).run().ends(4));
    assert_eq!((count(&report, "revoked"), &report["open_steps"]), (120, &120.into()));
    assert_eq!(report["open"].as_array().unwrap().len(), 100);
    assert_eq!(report["open"][0]["step"], "platform");
    let again = scene.sandbox.tbpki(["revoke", "--job", "1"]).run().ends(4);
    again.prints("120 certificates: were revoked before").prints("and 20 more");
    scene.ok(&["revoke", "--open"]);
    let sim = scene.platform.sim().unwrap();
    assert_eq!(sim.credentials("s-120").unwrap().kind, CredentialsType::AccessToken);
    let report = scene.json(&["revoke", "--job", "1"]);
    assert_eq!((count(&report, "unchanged"), &report["open_steps"]), (120, &0.into()));
}

#[test]
fn a_station_is_revoked_with_its_shards_and_its_single_identities() {
    let sandbox = Sandbox::with_store();
    // The ledger names stations by their host, which is this machine for everything below.
    let host = Tool::new("uname").arg("-n").run().ok().stdout_text().trim().to_owned();
    refused(&sandbox, &["revoke", "--station", &host], 1, "TBPKI-0096", "a station");
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names"]);
    sandbox.ok(["client", "--device", "pump-1"]);
    sandbox.ok(["client", "--device", "pump-1", "--force"]);
    sandbox.ok(["fleet", "issue", "--count", "3", "--name-pattern", "s-{}", "--out", "fleet"]);
    refused(&sandbox, &["revoke", "--station", "elsewhere"], 1, "TBPKI-0096", "elsewhere");
    let planned = json(&sandbox.ok(["revoke", "--station", &host, "--dry-run", "--json"]));
    assert_eq!(count(&planned, "planned"), 6);
    let report = json(&sandbox.ok(["revoke", "--station", &host, "--json"]));
    assert_eq!((count(&report, "revoked"), &report["open_steps"]), (6, &0.into()));
    let listed = json(&sandbox.ok(["list", "--all", "--json"]));
    let roles = |kind: &str| -> Vec<String> {
        let rows = listed["identities"].as_array().unwrap().iter().filter(|row| row["kind"] == kind);
        rows.map(|row| row["role"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((roles("device"), roles("server")), (vec!["revoked".to_owned(); 5], vec!["revoked".to_owned()]));
    // The CAs, which were made on this host as well, are not meant.
    assert_eq!(roles("ca"), ["current"; 4]);
}

#[test]
fn a_job_that_can_issue_more_is_reported() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "s-{}", "--out", "fleet"]);
    // As an interrupted run leaves it, with a name that is not issued yet.
    let names = "INSERT INTO staged (job, number, line, name) VALUES (1, 2, 3, 's-3')";
    let open = format!("UPDATE job SET state = 'open', done_at = NULL, size = 3; {names}");
    sql(&sandbox.join("pki/ledger.db"), &open);
    let outcome = sandbox.ok(["revoke", "--job", "1"]);
    outcome.prints("TBPKI-0326").prints("1 name of job 1 is not issued yet").prints("tbpki fleet cancel 1");
}
