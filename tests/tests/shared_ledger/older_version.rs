//! A ledger on a server that tbpki 0.1.0 made: read, brought up to date, and as usable as before.

use tbpki_tests::Sandbox;
use tbpki_tests::kill::kill_at_every_message;
use testkit::postgres::PASSWORD;

use crate::SHARED;

/// A store of 0.1.0 with a device of two generations, another device, a job in shards and one in an archive. Its ledger is
/// in ledger.sql.
const STORE: &str = "store-on-a-server.tar.zst";

fn store() -> Sandbox {
    store_in().0
}

/// The store, and the database of its ledger.
fn store_in() -> (Sandbox, String) {
    let cluster = &SHARED.1;
    let database = cluster.database();
    let sandbox = Sandbox::new().made_by_0_1_0(STORE);
    cluster.sql(&database, &sandbox.text("ledger.sql"));
    sandbox.hides(PASSWORD);
    sandbox.write("ledger-password", PASSWORD);
    sandbox.private("ledger-password");
    let url = cluster.url(&database);
    let ledger = format!("ledger = {{ url = \"{url}\", password = {{ file = \"ledger-password\" }} }}\n");
    sandbox.write("keygen.toml", format!("version = 1\n{ledger}"));
    (sandbox, database)
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

/// The layout of a ledger, and its tables, columns and rows.
#[track_caller]
fn shape(database: &str) -> (String, String) {
    let cluster = &SHARED.1;
    let columns = "SELECT string_agg(table_name || '.' || column_name || ' ' || data_type, ',' ORDER BY table_name, \
                   ordinal_position) FROM information_schema.columns WHERE table_schema = 'tbpki'";
    let rows = "SELECT string_agg(name || generation || state, ',' ORDER BY id) FROM tbpki.identity";
    let layout = cluster.sql(database, "SELECT version FROM tbpki.layout");
    (layout.trim().to_owned(), cluster.sql(database, columns) + &cluster.sql(database, rows))
}

#[test]
fn killed_before_any_message_to_the_server_it_leaves_the_old_layout_or_the_new_one() {
    let (list, backup) = (["list", "--all", "--json"], ["store", "backup", "b.tar"]);
    let (undisturbed, database) = store_in();
    let old = shape(&database);
    let listed = undisturbed.ok(list).stdout_text();
    let new = shape(&database);
    assert!(old.0 == "1" && new.0 != "1", "{} {}", old.0, new.0);
    let (mut kills, mut found) = (0, [0, 0]);
    kill_at_every_message(
        || {
            let (sandbox, database) = store_in();
            Ok((sandbox.tbpki(backup).command(), (sandbox, database)))
        },
        |step, (sandbox, database)| {
            kills += 1;
            let left = shape(&database);
            assert!(left == old || left == new, "neither old nor new after {step}: {left:?}");
            found[usize::from(left == new)] += 1;
            assert_eq!(sandbox.ok(list).stdout_text(), listed, "after {step}");
            assert!(shape(&database) == new, "after {step}");
            sandbox.ok([&backup[..], &["--force"]].concat());
            if kills % 10 == 0 {
                sandbox.ok(["client", "--device", "pump-1"]).prints("is up to date");
                sandbox.ok(["client", "--device", "new"]);
            }
        },
    )
    .unwrap();
    println!("{kills} kills: {found:?} with the old and with the new layout");
    assert!(found[0] > 10 && found[1] > 0, "{found:?}");
}

#[test]
fn one_that_is_older_than_the_store_is_refused_as_it_is() {
    let (sandbox, database) = store_in();
    sandbox.ok(["client", "--device", "new"]);
    let cluster = &SHARED.1;
    cluster.sql(&database, "DROP SCHEMA tbpki CASCADE");
    cluster.sql(&database, &sandbox.text("ledger.sql"));
    let before = shape(&database);
    for args in [&["list"][..], &["client", "--device", "n"]] {
        sandbox.fails(args, 1, "TBPKI-0258").prints("the layout of an earlier version");
    }
    assert_eq!(shape(&database), before);
    sandbox.ok(["store", "repair"]).prints("1 certificate,");
    sandbox.ok(["client", "--device", "new"]).prints("is up to date");
}
