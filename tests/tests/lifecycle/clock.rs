//! A clock that does not fit the ledger or the platform.

use tbpki_tests::forge::age;
use tbpki_tests::oracle::python3;
use tbpki_tests::{Clock, Sandbox, Snapshot};
use time::macros::datetime;

use crate::scene::Scene;

const LEDGER: &str = "pki/ledger.db";

/// Moves the times of all entries by so many days, as if the clock had been set.
fn shift(sandbox: &Sandbox, days: i64) {
    let script = "import sqlite3, sys\n\
        ledger = sqlite3.connect(sys.argv[1])\n\
        ledger.execute('UPDATE identity SET intended_at = intended_at + ?1, issued_at = issued_at + ?1', [int(sys.argv[2]) * 86400])\n\
        ledger.commit()";
    python3().args(["-c", script]).arg(sandbox.join(LEDGER)).arg(days.to_string()).run().ok();
}

#[test]
fn a_clock_that_does_not_fit_the_ledger_is_refused_until_it_is_accepted() {
    // One more than what is tolerated: a day for a clock that is behind the entries, 400 days for one that is ahead.
    for days in [2, -401] {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["client", "--device", "pump-1"]);
        shift(&sandbox, days);
        let before = Snapshot::of(sandbox.path()).without(|path| path.to_string_lossy().contains("ledger.db"));
        for args in
            [&["client", "--device", "pump-2"][..], &["renew", "--all"], &["revoke", "--device", "pump-1"], &["crl"]]
        {
            let text = sandbox.fails(args, 1, "TBPKI-0312").stderr_text();
            assert!(text.contains("the newest entry is of 20") && text.contains("--accept-clock"), "{text}");
        }
        sandbox.tbpki(["needs-renewal", "--device", "pump-1"]).run().ends(255).prints("TBPKI-0312");
        let after = Snapshot::of(sandbox.path()).without(|path| path.to_string_lossy().contains("ledger.db"));
        before.is_unchanged(&after, "refused by the clock");
        // Looking is possible.
        sandbox.ok(["list"]);
        // Accepted once, it counts: later commands need no flag.
        sandbox.ok(["crl", "--accept-clock"]);
        sandbox.ok(["client", "--device", "pump-2"]);
        sandbox.tbpki(["needs-renewal", "--device", "pump-1"]).run().ends(1);
        let script = "import sqlite3, sys\nprint(sqlite3.connect(sys.argv[1]).execute('SELECT count(*), max(newest_before > at) FROM clock').fetchone())";
        let recorded = python3().args(["-c", script]).arg(sandbox.join(LEDGER)).run().ok().stdout_text();
        assert_eq!(recorded.trim(), format!("(1, {})", u8::from(days > 0)));
    }
}

#[test]
fn a_day_earlier_and_400_days_later_fit() {
    for days in [1, -399] {
        let sandbox = Sandbox::with_store();
        sandbox.ok(["client", "--device", "pump-1"]);
        // The entry is a little older than the clock by now.
        shift(&sandbox, days);
        sandbox.ok(["client", "--device", "pump-2"]);
    }
}

#[test]
fn the_timer_of_a_server_that_lives_longer_than_a_year_goes_on() {
    let clock = Clock::starting_at(datetime!(2027-01-01 00:00 UTC));
    let store = || Sandbox::new().at(&clock).make_store();
    let (used, forgotten) = (store(), store());
    for sandbox in [&used, &forgotten] {
        sandbox.ok(["server", "--name", "tb.example", "--only-given-names", "--days", "825"]);
    }
    let needs = |sandbox: &Sandbox| sandbox.tbpki(["needs-renewal", "--server"]).run();
    // Nothing is issued for 540 days. The store of the timer is only read.
    for _ in 0..9 {
        clock.pass(60);
        needs(&used).ends(1);
    }
    needs(&forgotten).ends(255).prints("TBPKI-0312");
    clock.pass(30);
    needs(&used).ends(0);
    used.ok(["renew", "--server", "--due", "--no-input"]);
    needs(&used).ends(1);
    // A store that was put away is asked about.
    clock.pass(401);
    needs(&used).ends(255).prints("TBPKI-0312");
    used.fails(["renew", "--server", "--due"], 1, "TBPKI-0312").prints("and the newest entry is of 2028-07-24");
    used.ok(["renew", "--server", "--due", "--accept-clock"]);
    needs(&used).ends(1);
}

#[test]
fn the_clock_of_the_platform_is_compared() {
    let scene = Scene::new();
    scene.ok(&["client", "--device", "pump-1"]);
    let sim = scene.platform.sim().unwrap();
    // The `Date` of an answer is all that a client knows of the platform's clock.
    for offset in [-2 * 86_400, 2 * 86_400] {
        sim.set_clock_offset(offset);
        let outcome = scene.tbpki(&["register", "--device", "pump-1"]).run().ends(1);
        outcome.prints("TBPKI-0312").prints("and the platform 20");
        assert_eq!(sim.credentials("pump-1").map(|_| ()), None);
    }
    scene.ok(&["register", "--device", "pump-1", "--accept-clock"]);
    // Far within the day that is tolerated: a machine whose clock was set to local time is hours off.
    sim.set_clock_offset(3600);
    scene.ok(&["register", "--device", "pump-1"]);
}

/// Every verb that asks the platform compares: none changes anything there by a wrong date.
#[test]
fn every_verb_that_asks_the_platform_compares_its_clock() {
    let scene = Scene::with_our_server();
    scene.ok(&["client", "taken", "stolen", "due", "--days", "90", "--register"]);
    scene.ok(&["token", "with-token", "--create"]);
    scene.ok(&["profile", "create", "pumps"]);
    scene.ok(&["ca", "prepare", "profile-pumps"]);
    age(&scene.sandbox.join(LEDGER), "due", 80);
    let sim = scene.platform.sim().unwrap();
    let credentials = || ["taken", "stolen", "due", "with-token"].map(|name| sim.credentials(name).unwrap().id);
    let before = credentials();
    let broker = scene.broker();
    for offset in [-2 * 86_400, 2 * 86_400] {
        sim.set_clock_offset(offset);
        for (args, status) in [
            (&["unregister", "taken"][..], 1),
            (&["token", "with-token"], 1),
            (&["ca", "activate", "profile-pumps", "--leave-behind"], 1),
            // The certificate is on the lists at once, and the step at the platform stays open.
            (&["revoke", "stolen"], 4),
            (&["revoke", "--open"], 4),
            // The renewal is made, and stays pending.
            (&["renew", "due", "--register", "--broker", &broker], 4),
        ] {
            scene.tbpki(args).run().ends(status).prints("and the platform 20");
            assert_eq!(credentials(), before, "{args:?}");
        }
    }
    scene.ok(&["revoke", "--open", "--accept-clock"]);
    assert_ne!(credentials()[1], before[1]);
    scene.ok(&["unregister", "taken", "--accept-clock"]);
    assert_ne!(credentials()[0], before[0]);
    scene.ok(&["token", "with-token", "--accept-clock"]);
    scene.ok(&["ca", "activate", "profile-pumps", "--leave-behind", "--accept-clock"]);
}
