//! What lists and reports show of revocation lists, rollovers, revocations and open steps.

use serde_json::{Value, json};
use tbpki_tests::Sandbox;
use tbpki_tests::browser::{Browser, Look};
use tbpki_tests::clock::Clock;
use tbpki_tests::forge::{Forged, forge, forge_job};
use time::macros::datetime;

use crate::scene::json;

const DUE: &str = "the revocation list of devices-issuing was made on 2027-03-01, and half of its 30 days have passed";
const EXPIRED: &str = "the revocation list of devices-issuing has expired on 2027-03-31";

/// A store with a server and three devices, of which the first is revoked; and its clock.
fn store() -> (Sandbox, Clock) {
    let clock = Clock::starting_at(datetime!(2027-03-01 12:00 UTC));
    let sandbox = Sandbox::new().at(&clock).make_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names"]);
    for name in ["pump-1", "pump-2", "pump-3"] {
        sandbox.ok(["client", "--device", name]);
    }
    sandbox.ok(["revoke", "--device", "pump-1", "--reason", "keyCompromise"]);
    (sandbox, clock)
}

/// The commands that warn about lists, each with what it prints.
fn warnings(sandbox: &Sandbox) -> [String; 3] {
    let page = ["report", "--out", "report.html", "--force"];
    [&["list"][..], &["store", "check"], &page].map(|verb| sandbox.ok(verb).stderr_text())
}

#[test]
fn a_list_is_warned_about_from_half_of_its_days_on() {
    let (sandbox, clock) = store();
    clock.pass(14);
    for text in warnings(&sandbox) {
        assert!(!text.contains("TBPKI-0364"), "{text}");
    }
    clock.pass(2);
    for text in warnings(&sandbox) {
        assert!(text.contains("TBPKI-0364") && text.contains(DUE), "{text}");
        assert!(text.contains("help:  run `tbpki crl`, and make the brokers read the file"), "{text}");
        // The list of the root has a longer life.
        assert_eq!(text.matches("TBPKI-0364").count(), 1, "{text}");
    }
    let listed = sandbox.ok(["list", "--json"]).json();
    assert_eq!(listed["findings"][0]["code"], "TBPKI-0364");
    assert_eq!(listed["result"]["identities"].as_array().unwrap().len(), 8);
    let metrics = sandbox.ok(["report", "--metrics", "-"]).stdout_text();
    let due = datetime!(2027-03-16 12:00 UTC).unix_timestamp();
    let sample = metrics.lines().find_map(|line| {
        line.strip_prefix("tbpki_revocation_list_due_seconds{ca=\"devices-issuing\"} ")?.parse::<i64>().ok()
    });
    // The commands before the list took some seconds.
    assert!(sample.is_some_and(|sample| (sample - due).abs() < 300), "{metrics}");
    clock.pass(20);
    for text in warnings(&sandbox) {
        assert!(text.contains("TBPKI-0364") && text.contains(EXPIRED), "{text}");
    }
    sandbox.ok(["crl"]);
    for text in warnings(&sandbox) {
        assert!(!text.contains("TBPKI-0364"), "{text}");
    }
    // A damaged file ends neither the list nor the report.
    sandbox.write("pki/devices-crl.pem", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    sandbox.ok(["list"]).prints("pki/devices-crl.pem").prints("pump-3");
    sandbox.ok(["report", "--out", "report.html", "--force"]).prints("pki/devices-crl.pem");
}

#[test]
fn the_progress_of_a_rollover_is_shown() {
    let (sandbox, _) = store();
    let progress = |sandbox: &Sandbox| -> (String, Value) {
        let list = sandbox.ok(["ca", "list"]).stdout_text();
        let lines: Vec<&str> = list.lines().filter(|line| line.starts_with("  ")).map(str::trim).collect();
        let report = json(&sandbox.ok(["report", "--out", "report.html", "--force", "--json"]));
        (lines.join("\n"), report["fleet"]["rollovers"].clone())
    };
    assert_eq!(progress(&sandbox), (String::new(), json!([])));
    sandbox.ok(["ca", "prepare", "server-root"]);
    sandbox.ok(["ca", "confirm", "server-root", "--device", "pump-2"]);
    let row = |ca: &str, (prepared, replaces): (bool, bool), kind: &str, done: u64, total: u64| {
        json!({
            "ca": ca, "generation": 2, "prepared": prepared, "replaces": replaces, "kind": kind, "done": done, "total": total
        })
    };
    let (is_prepared, signs, replaces) = ((true, false), (false, false), (false, true));
    assert_eq!(
        progress(&sandbox),
        ("1 of 2 devices have generation 2".to_owned(), json!([row("server-root", is_prepared, "device", 1, 2)]))
    );
    sandbox.ok(["ca", "confirm", "server-root", "--all"]);
    sandbox.ok(["ca", "activate", "server-root"]);
    sandbox.ok(["ca", "prepare", "devices-issuing"]);
    assert_eq!(
        progress(&sandbox),
        (
            "2 of 2 devices have generation 2\n0 of 1 server has generation 2".to_owned(),
            json!([row("server-root", signs, "device", 2, 2), row("devices-issuing", is_prepared, "server", 0, 1)])
        )
    );
    sandbox.ok(["crl"]);
    sandbox.ok(["ca", "confirm", "devices-issuing", "--all"]);
    sandbox.ok(["ca", "activate", "devices-issuing"]);
    sandbox.ok(["client", "--device", "pump-3", "--force"]);
    assert_eq!(
        progress(&sandbox),
        (
            "2 of 2 devices have generation 2\n1 of 1 server has generation 2\n\
             1 of 2 devices have a certificate of generation 2"
                .to_owned(),
            json!([row("server-root", signs, "device", 2, 2), row("devices-issuing", replaces, "device", 1, 2)])
        )
    );
    let browser = Browser::start(Look::DESK);
    browser.open(&sandbox.join("report.html"));
    let items = "return [...document.querySelectorAll('[aria-labelledby=rollovers] li')].map((item) => item.innerText)";
    assert_eq!(
        browser.run(items),
        json!([
            "2 of 2 devices have generation 2 of server-root, which signs.",
            "1 of 2 devices have a certificate of generation 2 of devices-issuing, which signs."
        ])
    );
    sandbox.ok(["client", "--device", "pump-2", "--force"]);
    sandbox.ok(["ca", "retire", "devices-issuing"]);
    sandbox.ok(["ca", "retire", "server-root"]);
    assert_eq!(progress(&sandbox), (String::new(), json!([])));
}

/// The rows of a table of the page, each cell on one line.
fn table(browser: &Browser, section: &str) -> Value {
    browser.run(&format!(
        "return [...document.querySelectorAll('[aria-labelledby={section}] tbody tr')]\
         .map((row) => [...row.cells].map((cell) => cell.innerText.replace(/\\s+/g, ' ').trim()))"
    ))
}

#[test]
fn the_page_shows_lists_revocations_and_what_is_open() {
    let (sandbox, clock) = store();
    let ledger = sandbox.join("pki/ledger.db");
    forge(&ledger, [Forged::new("valve-1").state("registered")]);
    // Another time than that of the first revocation: the page has the latest first.
    clock.pass(1);
    // Without a platform, the certificate cannot be taken from there: the step stays open.
    sandbox.tbpki(["revoke", "--device", "valve-1"]).run().ends(4);
    forge_job(&ledger, 1, 10, 1000, [("issue", &["open"]), ("register", &["open"]), ("bundle", &["open"])]);
    clock.pass(16);
    let report = json(&sandbox.ok(["report", "--out", "report.html", "--json"]));
    let fleet = &report["fleet"];
    let open: Vec<_> = fleet["open"].as_array().unwrap().iter().map(|item| (&item["of"], &item["subject"])).collect();
    assert_eq!(open, [(&json!("revocation"), &json!("device valve-1")), (&json!("job"), &json!("job 1"))]);
    assert_eq!(
        fleet["revoked"],
        json!([
            {"kind": "device", "reason": null, "count": 1},
            {"kind": "device", "reason": "keyCompromise", "count": 1},
        ])
    );
    let list = &fleet["revocation_lists"][1];
    assert_eq!((&list["ca"], &list["generation"], &list["revoked"]), (&json!("devices-issuing"), &json!(1), &json!(2)));
    assert_eq!(list["urgency"], "due");
    let number = list["number"].as_str().unwrap().to_owned();

    for look in [Look::DESK, Look::PHONE, Look { scripts: false, ..Look::DESK }] {
        let browser = Browser::start(look);
        browser.open(&sandbox.join("report.html"));
        let rows = table(&browser, "open");
        assert_eq!(rows[0][0], "device valve-1 revocation", "{look:?}");
        assert_eq!((&rows[0][1], &rows[0][3]), (&json!("platform"), &json!("tbpki revoke --open")));
        assert_eq!(rows[1], json!(["job 1 job", "issue", "–", "the same tbpki fleet command again, or --resume"]));
        let rows = table(&browser, "lists");
        assert_eq!(rows[1][0], "devices-issuing generation 1");
        assert_eq!((&rows[1][1], &rows[1][3], &rows[1][4]), (&json!(number), &json!("2027-04-01 (due)"), &json!("2")));
        assert!(rows[1][2].as_str().unwrap().starts_with("2027-03-02 12:"), "{rows}");
        let rows = table(&browser, "revoked");
        assert_eq!((&rows[0][0], &rows[0][1]), (&json!("valve-1 device, generation 1"), &json!("no reason given")));
        assert_eq!((&rows[1][0], &rows[1][1]), (&json!("pump-1 device, generation 1"), &json!("keyCompromise")));
        let sums =
            "return [...document.querySelectorAll('[aria-labelledby=revoked] li')].map((item) => item.innerText)";
        assert_eq!(browser.run(sums), json!(["1 device: no reason given", "1 device: keyCompromise"]));
        let width = browser.run("return document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(width <= u64::from(look.width), "{look:?} scrolls sideways: {width}");
        assert_eq!(browser.console(), Vec::<String>::new());
    }
}

/// Generations of one name are told apart in text as well.
#[test]
fn generations_that_are_not_current_are_listed_with_their_role() {
    let scene = crate::scene::Scene::new();
    let sandbox = &scene.sandbox;
    for name in ["a", "b", "c"] {
        scene.ok(&["client", name, "--days", "90"]);
    }
    scene.ok(&["register", "b"]);
    for name in ["a", "b"] {
        tbpki_tests::forge::age(&sandbox.join("pki/ledger.db"), name, 80);
        scene.ok(&["renew", name]);
    }
    scene.ok(&["forget", "c", "--keep-valid"]);
    let listed = sandbox.ok(["list", "--all", "--kind", "device"]).stdout_text();
    let states: Vec<Vec<&str>> = listed.lines().skip(1).map(|line| line.split_whitespace().take(5).collect()).collect();
    let state = |name: &str, generation: &str| {
        let row = states.iter().find(|row| row[1] == name && row[2] == generation).unwrap();
        if row[3].ends_with(',') { format!("{} {}", row[3], row[4]) } else { row[3].to_owned() }
    };
    for (name, generation, expected) in [
        ("a", "1", "issued, superseded"),
        ("a", "2", "issued"),
        ("b", "1", "registered"),
        ("b", "2", "issued, pending"),
        ("c", "1", "issued, retired"),
    ] {
        assert_eq!(state(name, generation), expected, "{listed}");
    }
}
