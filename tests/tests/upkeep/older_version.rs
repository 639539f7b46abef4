//! Stores that tbpki 0.1.0 made, with a name that has two certificates in use.

use std::path::Path;

use tbpki_tests::{Sandbox, Tool};

use crate::scene::differences;

#[track_caller]
fn doubled() -> Sandbox {
    let sandbox = Sandbox::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/0.1.0").join("store-with-a-doubled-name.tar.zst");
    let unpack = ["--zstd", "--no-same-owner", "-xf", path.to_str().unwrap()];
    Tool::new("tar").args(unpack).directory(sandbox.path()).run().ok();
    sandbox
}

/// The roles and serial numbers of the generations of a device.
#[track_caller]
fn roles(sandbox: &Sandbox) -> Vec<(String, String)> {
    let rows = sandbox.ok(["list", "--all", "--name", "d-3", "--json"]).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let rows = rows["result"]["identities"].as_array().unwrap().clone();
    rows.iter().map(|row| (text(&row["role"]), text(&row["serial"]))).collect()
}

#[test]
fn a_doubled_name_is_reported_and_settled_by_its_serial_number() {
    // Either may be the one that the device has: only a person can tell.
    for used in [0, 1] {
        let sandbox = doubled();
        // The first verb that writes brings the ledger up to date, and has to get over the doubled name.
        sandbox.ok(["client", "--device", "new"]);
        let found = differences(&sandbox.tbpki(["store", "check", "--json"]).run().ends(3));
        let twice: Vec<_> = found.iter().filter(|(sort, _)| sort == "twice").collect();
        assert_eq!(twice, [&("twice".to_owned(), "d-3".to_owned())], "{found:?}");
        let before = roles(&sandbox);
        assert_eq!(before.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["superseded", "current"]);
        let outcome = sandbox.tbpki(["store", "repair"]).run().ends(4);
        outcome.prints(&before[0].1).prints(&before[1].1).prints("--use");
        sandbox.fails(["store", "repair", "--use", "0A0B0C"], 1, "TBPKI-0096");
        sandbox.tbpki(["store", "repair", "--use", &before[used].1]).run().prints("1 names with two certificates");
        let after: Vec<_> = roles(&sandbox).into_iter().map(|(role, _)| role).collect();
        let expected = if used == 0 { ["current", "retired"] } else { ["retired", "current"] };
        assert_eq!(after, expected);
        let found = differences(&sandbox.tbpki(["store", "check", "--json"]).run());
        assert!(found.iter().all(|(sort, _)| sort != "twice"), "{found:?}");
    }
}
