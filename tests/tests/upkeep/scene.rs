//! A store with devices of every layout, and a platform.

use std::fs;

use serde_json::Value;
pub(crate) use tbpki_tests::Scene;
use tbpki_tests::{Outcome, Sandbox};

/// A store with a server, single devices, a renewed and a revoked one, a job in shards, one in an archive and one in
/// directories of the store.
#[track_caller]
pub(crate) fn store() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "broker.example", "--only-given-names"]);
    for device in ["a", "b", "c"] {
        sandbox.ok(["client", "--device", device]);
    }
    sandbox.ok(["client", "--device", "a", "--force"]);
    sandbox.ok(["revoke", "--device", "b", "--reason", "keyCompromise"]);
    sandbox.ok(["fleet", "issue", "--count", "7", "--name-pattern", "s-{}", "--out", "fleet"]);
    sandbox.ok(["fleet", "issue", "--count", "5", "--name-pattern", "z-{}", "--archive", "z.tar.zst"]);
    sandbox.ok(["fleet", "issue", "--count", "4", "--name-pattern", "d-{}", "--layout", "directories"]);
    sandbox
}

/// The fields that files show of each row of the list, all generations included.
#[track_caller]
pub(crate) fn shown(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.ok(["list", "--all", "--json"]).json();
    let fields = [
        "kind",
        "name",
        "generation",
        "state",
        "role",
        "algorithm",
        "issuer",
        "serial",
        "not_after",
        "fingerprint",
        "credentials_id",
        "revocation_reason",
    ];
    let rows = listed["result"]["identities"].as_array().unwrap();
    rows.iter().map(|row| fields.iter().map(|field| row[*field].clone()).collect()).collect()
}

/// Moves the ledger away, and returns where it is.
#[track_caller]
pub(crate) fn lose_ledger(sandbox: &Sandbox) -> &'static str {
    fs::create_dir(sandbox.join("lost")).unwrap();
    for file in ["ledger.db", "ledger.db-wal"] {
        fs::rename(sandbox.join("pki").join(file), sandbox.join("lost").join(file)).unwrap();
    }
    let _ = fs::remove_file(sandbox.join("pki/ledger.db-shm"));
    "lost"
}

/// The differences that a check finds: sort and name.
#[track_caller]
pub(crate) fn differences(outcome: &Outcome) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let json = outcome.json();
    let problems = json["result"]["problems"].as_array().unwrap();
    problems.iter().map(|problem| (text(&problem["problem"]), text(&problem["name"]))).collect()
}
