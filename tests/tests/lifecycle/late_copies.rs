//! A renewal that is made while the directory with the copies of its files is missing.

use std::fs;

use serde_json::Value;
use tbpki_tests::Sandbox;
use tbpki_tests::forge::age;

use crate::renew::leaf;
use crate::scene::json;

const LEDGER: &str = "pki/ledger.db";

fn open_steps(sandbox: &Sandbox, kind: &str) -> Value {
    json(&sandbox.ok(["list", "--kind", kind, "--json"]))["identities"][0]["open"].clone()
}

fn away(sandbox: &Sandbox, is_away: bool) {
    let (from, to) = if is_away { ("conf", "conf.x") } else { ("conf.x", "conf") };
    fs::rename(sandbox.join(from), sandbox.join(to)).unwrap();
}

#[test]
fn a_server_whose_directory_is_missing_is_renewed_in_the_store_and_gets_its_files_when_it_is_back() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--days", "20", "--out", "conf"]);
    let before = leaf(&sandbox, "conf/mqttserver.pem");
    age(&sandbox.join(LEDGER), "tb.example", 15);
    away(&sandbox, true);
    let renew = ["renew", "--server", "--due", "--after", "/usr/bin/touch", "reloaded"];
    let planned = sandbox.tbpki([&renew[..3], &["--dry-run"]].concat()).run();
    assert!(planned.ends(0).stderr_text().contains("TBPKI-0379"));
    let outcome = sandbox.tbpki(renew).run().ends(4);
    for part in ["TBPKI-0379", "/conf", "tbpki renew --server tb.example"] {
        assert!(outcome.stderr_text().contains(part), "{outcome}");
    }
    let after = leaf(&sandbox, "pki/servers/tb.example/mqttserver.pem");
    assert_ne!(after, before);
    assert!(!sandbox.join("reloaded").exists(), "the program would load the earlier certificate");
    assert_eq!(open_steps(&sandbox, "server"), serde_json::json!(["hook", "install"]));
    // It comes again, although the certificate is not due.
    assert_eq!(sandbox.tbpki(["needs-renewal", "--server"]).run().status, 0);
    sandbox.tbpki(renew).run().ends(4).prints("TBPKI-0379");
    sandbox.tbpki(["renew", "--server"]).run().ends(4);
    assert_eq!(leaf(&sandbox, "pki/servers/tb.example/mqttserver.pem"), after, "made once");

    away(&sandbox, false);
    let report = json(&sandbox.ok([&renew[..3], &["--json"], &renew[3..]].concat()));
    assert_eq!((&report["renewed"], report["copied"].as_array().unwrap().len()), (&serde_json::json!([]), 1));
    assert_eq!(leaf(&sandbox, "conf/mqttserver.pem"), after);
    assert_eq!(sandbox.read("conf/mqttserver_key.pem"), sandbox.read("pki/servers/tb.example/mqttserver_key.pem"));
    assert!(sandbox.join(format!("conf/mqttserver.pem.{}", before.serial_hex())).exists(), "the earlier one is kept");
    assert!(sandbox.join("reloaded").exists());
    assert_eq!(sandbox.tbpki(["needs-renewal", "--server"]).run().status, 1);
    // The next renewal reaches the directory by itself.
    age(&sandbox.join(LEDGER), "tb.example", 15);
    sandbox.ok(renew);
    assert_ne!(leaf(&sandbox, "conf/mqttserver.pem"), after);
    assert_eq!(leaf(&sandbox, "conf/mqttserver.pem"), leaf(&sandbox, "pki/servers/tb.example/mqttserver.pem"));
}

#[test]
fn a_device_gets_its_copies_later_and_another_directory_can_take_the_place_of_a_missing_one() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["client", "--device", "pump-1", "--days", "20", "--out", "conf"]);
    age(&sandbox.join(LEDGER), "pump-1", 15);
    away(&sandbox, true);
    sandbox.tbpki(["renew", "--device", "pump-1"]).run().ends(4).prints("TBPKI-0379");
    away(&sandbox, false);
    sandbox.ok(["renew", "--device", "pump-1"]);
    let renewed = leaf(&sandbox, "pki/devices/pump-1/cert.pem");
    assert_eq!(leaf(&sandbox, "conf/cert.pem"), renewed);

    age(&sandbox.join(LEDGER), "pump-1", 15);
    away(&sandbox, true);
    sandbox.tbpki(["renew", "--all", "--due"]).run().ends(4).prints("tbpki client pump-1 --out DIR");
    sandbox.ok(["client", "--device", "pump-1", "--days", "20", "--out", "other"]);
    assert_eq!(leaf(&sandbox, "other/cert.pem"), leaf(&sandbox, "pki/devices/pump-1/cert.pem"));
    sandbox.ok(["renew", "--all", "--due"]);
    // Files of another identity stay.
    age(&sandbox.join(LEDGER), "pump-1", 15);
    fs::rename(sandbox.join("other"), sandbox.join("moved")).unwrap();
    sandbox.tbpki(["renew", "--all", "--due"]).run().ends(4);
    sandbox.ok(["client", "--device", "pump-2", "--out", "other"]);
    let foreign = sandbox.read("other/cert.pem");
    sandbox.tbpki(["renew", "--all", "--due"]).run().ends(4).prints("TBPKI-0082");
    assert_eq!(sandbox.read("other/cert.pem"), foreign);
}

#[test]
fn a_generation_that_is_due_when_its_files_are_delivered_is_renewed_at_once() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--days", "20", "--out", "conf"]);
    away(&sandbox, true);
    sandbox.ok(["server", "--force"]).prints("TBPKI-0379");
    let second = leaf(&sandbox, "pki/servers/tb.example/mqttserver.pem");
    age(&sandbox.join(LEDGER), "tb.example", 15);
    away(&sandbox, false);
    let report = json(&sandbox.ok(["renew", "--server", "--due", "--json"]));
    assert_eq!(report["copied"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["renewed"].as_array().unwrap().len(), 1, "{report}");
    let third = leaf(&sandbox, "conf/mqttserver.pem");
    assert_ne!(third, second);
    assert_eq!(third, leaf(&sandbox, "pki/servers/tb.example/mqttserver.pem"));
    assert_eq!(sandbox.tbpki(["needs-renewal", "--server"]).run().status, 1);
}

#[test]
fn old_files_that_were_copied_back_are_no_renewal() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--days", "20", "--out", "conf"]);
    let saved = sandbox.copy();
    sandbox.ok(["server", "--force"]);
    for file in ["mqttserver.pem", "mqttserver_key.pem", "mqttserver.p12"] {
        sandbox.write(format!("conf/{file}"), saved.read(format!("conf/{file}")));
    }
    age(&sandbox.join(LEDGER), "tb.example", 15);
    let second = leaf(&sandbox, "pki/servers/tb.example/mqttserver.pem");
    let report = json(&sandbox.ok(["renew", "--server", "--due", "--json"]));
    assert_eq!(report["renewed"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["renewed"][0]["done"], "issued");
    assert_ne!(leaf(&sandbox, "conf/mqttserver.pem"), second);
    assert_eq!(leaf(&sandbox, "conf/mqttserver.pem"), leaf(&sandbox, "pki/servers/tb.example/mqttserver.pem"));
}
