//! A ledger on a server that tbpki 0.1.0 made: read, brought up to date, and as usable as before.

use std::path::Path;

use tbpki_tests::{Sandbox, Tool};
use testkit::postgres::PASSWORD;

use crate::SHARED;

/// A store of 0.1.0 with a device of two generations, another device, a job in shards and one in an archive. Its ledger is
/// in ledger.sql.
const STORE: &str = "store-on-a-server.tar.zst";

fn store() -> Sandbox {
    let cluster = &SHARED.1;
    let database = cluster.database();
    let sandbox = Sandbox::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/0.1.0").join(STORE);
    // As root, tar would give the files to the user who made the archive, and tbpki refuses a store of another user.
    let unpack = ["--zstd", "--no-same-owner", "-xf", path.to_str().unwrap()];
    Tool::new("tar").args(unpack).directory(sandbox.path()).run().ok();
    cluster.sql(&database, &sandbox.text("ledger.sql"));
    sandbox.hides(PASSWORD);
    sandbox.write("ledger-password", PASSWORD);
    sandbox.private("ledger-password");
    let url = cluster.url(&database);
    let ledger = format!("ledger = {{ url = \"{url}\", password = {{ file = \"ledger-password\" }} }}\n");
    sandbox.write("keygen.toml", format!("version = 1\n{ledger}"));
    sandbox
}

#[test]
fn it_is_brought_up_to_date_and_fits_its_files() {
    let sandbox = store();
    let rows = sandbox.ok(["list", "--all", "--kind", "device", "--json"]).json();
    let roles: Vec<_> = rows["result"]["identities"].as_array().unwrap().iter().map(|row| &row["role"]).collect();
    assert_eq!(roles.len(), 11);
    assert_eq!(roles.iter().filter(|role| **role == "superseded").count(), 1);
    sandbox.ok(["store", "check"]).prints("no differences");
    sandbox.ok(["client", "--device", "pump-1"]).prints("is up to date");
    sandbox.ok(["client", "--device", "new"]);
    sandbox.ok(["fleet", "issue", "--resume", "1", "--out", "shards"]).prints("issued      5 of 5");
    sandbox.ok(["fleet", "issue", "--resume", "2", "--archive", "d.tar"]).prints("issued      3 of 3");
    sandbox.ok(["store", "check"]);
}
