//! `tbpki ledger move`: from the file in a store to a server.

use tbpki_tests::Sandbox;
use tbpki_tests::est::{Service, password, request};
use tbpki_tests::kill::kill_at_every_message;
use testkit::postgres::PASSWORD;

use crate::SHARED;

/// The rows of the list that a move must keep.
#[track_caller]
fn rows(sandbox: &Sandbox) -> serde_json::Value {
    sandbox.ok(["list", "--all", "--json"]).json()["result"]["identities"].clone()
}

/// A store with a file as its ledger, and identities of several kinds.
fn store() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.hides(PASSWORD);
    sandbox.write("ledger-password", PASSWORD);
    sandbox.private("ledger-password");
    for device in ["a", "b"] {
        sandbox.ok(["client", "--device", device]);
    }
    sandbox.ok(["client", "--device", "a", "--force"]);
    sandbox.ok(["revoke", "--device", "b"]);
    // More than one shard of 1,000.
    sandbox.ok(["fleet", "issue", "--count", "1200", "--name-pattern", "s-{}", "--out", "fleet"]);
    sandbox
}

/// Makes the server the ledger of a store from now on.
fn configure(sandbox: &Sandbox, url: &str) {
    let ledger = format!("[ledger]\nurl = \"{url}\"\npassword = {{ file = \"ledger-password\" }}\n");
    let text = sandbox.text("keygen.toml").replacen("[ledger]\n", &ledger, 1);
    sandbox.write("keygen.toml", text);
}

#[test]
fn everything_is_on_the_server_and_the_file_is_closed() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let sandbox = store();
    let before = rows(&sandbox);
    let password = sandbox.text("ledger-password");
    assert!(!password.is_empty());
    let to = ["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"];
    // A dry run counts the rows, and leaves both ledgers as they are.
    let planned = sandbox.ok(to.iter().chain(&["--dry-run", "--json"])).json()["result"].clone();
    assert_eq!((&planned["dry_run"], rows(&sandbox)), (&true.into(), before.clone()));
    let moved = sandbox.ok(to.iter().chain(&["--json"])).json()["result"].clone();
    assert_eq!(planned["rows"], moved["rows"]);
    sandbox.ok(to).prints("next: set `[ledger] url`");
    sandbox.ok(to.iter().chain(&["--dry-run"])).prints("would be moved");
    // The file names the server, and nothing more is written to it.
    for args in [&["client", "--device", "n"][..], &["list"], &["store", "repair"]] {
        sandbox.fails(args, 1, "TBPKI-0331").prints("127.0.0.1");
    }
    // The same again is done already; another database is refused.
    sandbox.ok(to);
    let other = cluster.url(&cluster.database());
    let again = ["ledger", "move", "--to", &other, "--ledger-password-file", "ledger-password"];
    let refused = sandbox.fails(again, 1, "TBPKI-0331").prints("set `[ledger] url` to postgres://").prints("pg_dump");
    refused.prints("with the user and `@` before the host");
    let dry = ["ledger", "move", "--to", &other, "--ledger-password-file", "ledger-password", "--dry-run"];
    sandbox.fails(dry, 1, "TBPKI-0331");
    configure(&sandbox, &url);
    assert_eq!(rows(&sandbox), before);
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "--device", "n"]);
    // Beyond the first thousand, after which a move in parts could have stopped.
    sandbox.ok(["client", "--device", "s-1100"]).prints("exists");
    sandbox.ok(["fleet", "issue", "--count", "2", "--name-pattern", "t-{}", "--out", "more"]);
    sandbox.ok(["crl"]);
}

/// The move would otherwise be a way around the comparison with the files.
#[test]
fn a_restored_ledger_issues_nothing_on_the_server_before_it_is_compared() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let sandbox = store();
    sandbox.ok(["store", "backup", "b.tar"]);
    sandbox.ok(["client", "--device", "later"]);
    std::fs::rename(sandbox.join("pki"), sandbox.join("lost")).unwrap();
    sandbox.ok(["store", "restore", "b.tar"]);
    sandbox.fails(["client", "--device", "n"], 1, "TBPKI-0330");
    sandbox.ok(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"]);
    configure(&sandbox, &url);
    sandbox.fails(["client", "--device", "n"], 1, "TBPKI-0330");
    sandbox.ok(["store", "check"]);
    sandbox.ok(["client", "--device", "n"]);
}

#[test]
fn a_ledger_that_was_moved_is_not_made_a_second_time() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let sandbox = store();
    sandbox.ok(["store", "backup", "before.tar"]);
    sandbox.ok(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"]);
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = std::fs::remove_file(sandbox.join("pki").join(file));
    }
    // With a configuration that does not name the server.
    for args in [&["client", "--device", "n"][..], &["list"], &["store", "repair"], &["crl"]] {
        sandbox.fails(args, 1, "TBPKI-0331").prints("127.0.0.1").prints("ledger.moved");
    }
    assert!(!sandbox.join("pki/ledger.db").exists());
    configure(&sandbox, &url);
    let before = rows(&sandbox);
    // A backup from before the move brings no ledger back.
    std::fs::rename(sandbox.join("pki"), sandbox.join("lost")).unwrap();
    sandbox.ok(["store", "restore", "before.tar"]).prints("on the server: not restored");
    assert!(!sandbox.join("pki/ledger.db").exists());
    assert_eq!(rows(&sandbox), before);
    sandbox.ok(["store", "check"]);
}

#[test]
fn a_store_that_was_restored_knows_where_its_ledger_is() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let sandbox = store();
    let file = sandbox.text("keygen.toml");
    sandbox.ok(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"]);
    configure(&sandbox, &url);
    let before = rows(&sandbox);
    sandbox.ok(["store", "backup", "after.tar"]);
    std::fs::rename(sandbox.join("pki"), sandbox.join("lost")).unwrap();
    sandbox.ok(["store", "restore", "after.tar"]);
    assert_eq!(rows(&sandbox), before);
    // With a configuration that does not name the server, no second ledger begins.
    sandbox.write("keygen.toml", file);
    for args in [&["client", "--device", "n"][..], &["list"], &["store", "repair"]] {
        sandbox.fails(args, 1, "TBPKI-0331").prints("127.0.0.1").prints("ledger.moved");
    }
    assert!(!sandbox.join("pki/ledger.db").exists());
}

#[test]
fn an_empty_database_in_the_place_of_the_ledger_is_noticed_and_repaired() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let sandbox = store();
    sandbox.ok(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"]);
    let empty = cluster.url(&cluster.database());
    configure(&sandbox, &empty);
    for args in [&["list"][..], &["store", "check"], &["client", "--device", "n"]] {
        sandbox.fails(args, 1, "TBPKI-0093").prints("tbpki store repair");
    }
    let planned = sandbox.ok(["store", "repair", "--dry-run", "--json"]).json()["result"].clone();
    let repaired = sandbox.ok(["store", "repair", "--json"]).json()["result"].clone();
    for number in ["identities", "jobs", "revocations"] {
        assert_eq!(planned[number], repaired[number], "{number}");
    }
    sandbox.ok(["client", "--device", "n"]);
}

/// A repair on the server would not know what only the file has: that a device was unregistered, for example.
#[test]
fn a_server_that_is_configured_before_the_move_is_not_used() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let sandbox = store();
    let before = rows(&sandbox);
    let without = sandbox.text("keygen.toml");
    configure(&sandbox, &url);
    let verbs: [&[&str]; 7] = [
        &["client", "--device", "n"],
        &["list"],
        &["store", "check"],
        &["store", "repair"],
        &["store", "repair", "--dry-run"],
        &["revoke", "--device", "a"],
        &["fleet", "issue", "--count", "1", "--name-pattern", "u-{}", "--out", "more"],
    ];
    for args in verbs {
        let help = format!("tbpki ledger move --to {url}");
        sandbox.fails(args, 1, "TBPKI-0387").prints("pki/ledger.db").prints(&help);
    }
    // Without the server, the store is as it was.
    sandbox.write("keygen.toml", without);
    assert_eq!(rows(&sandbox), before);
    // The advice works as it is, also with the server configured: nothing was written there.
    configure(&sandbox, &url);
    sandbox.ok(["ledger", "move", "--to", &url]).prints("moved:");
    assert_eq!(rows(&sandbox), before);
    sandbox.ok(["client", "--device", "n"]);
}

#[test]
fn a_busy_service_issues_nothing_from_a_file_that_was_moved() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let sandbox = store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names"]);
    let users = ["pump-1", "pump-2"].map(|device| {
        request(&sandbox, device, &format!("/CN={device}"));
        format!("{device}:{}", password(&sandbox, device))
    });
    let enroll = |service: &Service, device: usize| {
        service.send("simpleenroll", &format!("pump-{}.b64", device + 1), &["-u", &users[device]])
    };
    let mut service = Service::start(&sandbox, &[]);
    enroll(&service, 0).is(200, "");
    // The service has the file open, and ends when it finds it closed. Whether its answer still arrives is open.
    sandbox.ok(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"]);
    let last = service.curl("/.well-known/est/simpleenroll").args(["-H", "Content-Type: application/pkcs10"]);
    let last = last.args(["-u", &users[1], "--data-binary", "@pump-2.b64"]).run();
    assert!(!last.stdout_text().contains("200 OK"), "{last}");
    assert_eq!(service.wait(), 1);
    configure(&sandbox, &url);
    let service = Service::start(&sandbox, &[]);
    enroll(&service, 1).is(200, "");
    sandbox.ok(["list", "--kind", "device"]).prints("pump-1");
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_server_with_another_ledger_is_refused_and_nothing_changes() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let (one, two) = (store(), store());
    one.ok(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"]);
    two.fails(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"], 1, "TBPKI-0338");
    // A refused move must not have closed the file.
    two.ok(["client", "--device", "n"]);
}

#[test]
fn a_copy_of_a_store_that_was_moved_keeps_its_ledger_and_can_be_taken_over() {
    let cluster = &SHARED.1;
    let url = cluster.url(&cluster.database());
    let one = store();
    let copy = one.copy();
    one.ok(["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"]);
    copy.ok(["client", "--device", "of-copy"]);
    let to = ["ledger", "move", "--to", &url, "--ledger-password-file", "ledger-password"];
    copy.fails(to.iter().chain(&["--dry-run"]), 1, "TBPKI-0338");
    copy.fails(to, 1, "TBPKI-0338").prints("tbpki store repair");
    copy.ok(["client", "--device", "of-copy"]).prints("is up to date");
    // The steps of the advice.
    for file in ["ledger.db", "ledger.db-wal"] {
        std::fs::rename(copy.join("pki").join(file), copy.join(file)).unwrap();
    }
    configure(&copy, &url);
    copy.ok(["store", "repair"]).prints("1 certificate,");
    configure(&one, &url);
    one.ok(["list", "--name", "of-copy"]).prints("of-copy");
}

#[test]
#[ignore = "long: cargo xtask interop life"]
fn life_killed_before_any_message_it_is_finished_by_the_same_command() {
    let cluster = &SHARED.1;
    let start = store();
    let before = rows(&start);
    let to =
        |url: &str| ["ledger", "move", "--to", url, "--ledger-password-file", "ledger-password"].map(str::to_owned);
    let mut closed = 0;
    let kills = kill_at_every_message(
        || {
            let (sandbox, url) = (start.copy(), cluster.url(&cluster.database()));
            Ok((sandbox.tbpki(to(&url)).command(), (sandbox, url)))
        },
        |step, (sandbox, url)| {
            // Until the file is closed, it is the ledger.
            let listed = sandbox.tbpki(["list", "--all", "--json"]).run();
            let is_closed = listed.stderr_text().contains("TBPKI-0331");
            assert!(is_closed || rows(&sandbox) == before, "{listed} after {step}");
            closed += usize::from(is_closed);
            let again = sandbox.tbpki(to(&url)).run();
            assert!(again.status == 0, "run again it does not finish: {again}\nafter {step}");
            configure(&sandbox, &url);
            assert_eq!(rows(&sandbox), before, "after {step}");
            sandbox.ok(["client", "--device", "n"]);
            sandbox.ok(["store", "check"]);
        },
    )
    .unwrap();
    println!("{kills} kills, {closed} with the file closed");
    assert!(kills > 10, "{kills}");
}
