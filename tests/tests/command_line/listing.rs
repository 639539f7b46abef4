//! `tbpki list`: what it shows, and in which forms.

use std::collections::BTreeSet;

use serde_json::Value;
use tbpki_tests::forge::{Forged, forge, forge_job};
use tbpki_tests::oracle::python3;
use tbpki_tests::{Sandbox, Tool};

/// A store with one device of each sort.
fn fleet() -> Sandbox {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "out"]);
    forge(
        &sandbox.join("pki/ledger.db"),
        [
            Forged::new("pump-1"),
            Forged::new("pump-2").state("registered"),
            Forged::new("pump-3").state("bundled").days(80),
            Forged::new("pump-11").bundled_only().days(-3),
            Forged::new("valve-1").error("valve-1: the platform does not answer"),
            Forged::new("valve-2").state("revoked").error("stolen"),
            Forged::new("valve-3").state("intended"),
            Forged::new("valve-4").state("void").error("interrupted"),
        ],
    );
    sandbox
}

#[track_caller]
fn names(sandbox: &Sandbox, args: &[&str]) -> Vec<String> {
    let outcome = sandbox.ok(["list", "--json"].iter().chain(args));
    let identities = outcome.json()["result"]["identities"].as_array().unwrap().clone();
    identities.iter().map(|identity| identity["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_condition_leaves_the_matching_rows() {
    let sandbox = fleet();
    for (args, expected) in [
        (&["--kind", "device"][..], &["pump-1", "pump-11", "pump-2", "pump-3", "valve-1", "valve-2", "valve-3"][..]),
        (&["--unregistered"], &["pump-1", "pump-11", "valve-1"]),
        (&["--unbundled"], &["pump-1", "pump-2", "valve-1"]),
        (&["--unregistered", "--unbundled"], &["pump-1", "valve-1"]),
        (&["--failed"], &["valve-1"]),
        (&["--state", "revoked,intended"], &["valve-2", "valve-3"]),
        (&["--state", "void"], &["valve-4"]),
        (&["--state", "issued", "--kind", "device"], &["pump-1", "valve-1"]),
        (&["--name", "pump-?"], &["pump-1", "pump-2", "pump-3"]),
        (&["--name", "*-1*"], &["pump-1", "pump-11", "valve-1"]),
        (&["--name", "pump-2"], &["pump-2"]),
        // Names keep their case, as they do in ThingsBoard: these are two devices.
        (&["--name", "Pump-2"], &[]),
        (&["--expiring-within", "81d"], &["pump-11", "pump-3"]),
        (&["--expiring", "70"], &["pump-11"]),
        (&["--expiring-within", "3 months", "--name", "pump-3"], &["pump-3"]),
        (&["--expiring-within", "2w", "--unregistered"], &["pump-11"]),
        // Brackets are no class here: names may contain them.
        (&["--kind", "server,ca", "--name", "[ls]*"], &[]),
        (
            &["--kind", "server,ca", "--name", "*s*"],
            &["localhost", "devices-issuing", "devices-root", "server-issuing", "server-root"],
        ),
        (&["--kind", "server", "--unregistered"], &[]),
    ] {
        assert_eq!(names(&sandbox, args), expected, "{args:?}");
    }
}

#[test]
fn a_job_is_listed_by_its_number() {
    let sandbox = Sandbox::with_store();
    let ledger = sandbox.join("pki/ledger.db");
    for id in [1, 2] {
        forge_job(
            &ledger,
            id,
            2,
            1,
            [("issue", &["done", "open"]), ("register", &["open"; 2]), ("bundle", &["open"; 2])],
        );
    }
    forge(&ledger, [Forged::new("pump-1").of_job(1, 0), Forged::new("pump-2").of_job(2, 0), Forged::new("pump-3")]);
    assert_eq!(names(&sandbox, &["--job", "2"]), ["pump-2"]);
    let line = sandbox.ok(["list", "--job", "1", "--ndjson"]).stdout_text();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["job"], 1);
    assert_eq!(names(&sandbox, &["--job", "1", "--failed"]), Vec::<String>::new());
    sandbox.fails(["list", "--job", "3"], 1, "TBPKI-0293");
}

#[test]
fn what_is_no_condition_is_refused_and_named() {
    let sandbox = Sandbox::with_store();
    for (args, word) in [
        (["--state", "lost"], "--state"),
        (["--kind", "token"], "--kind"),
        (["--expiring-within", "3 fortnights"], "--expiring-within"),
        (["--expiring-within", "1.5y"], "--expiring-within"),
    ] {
        let outcome = sandbox.tbpki(["list"].iter().chain(&args)).run().ends(2);
        assert!(outcome.stderr_text().contains(word) && outcome.stdout.is_empty(), "{outcome}");
    }
    // Beyond the end of all certificates is everything, however large the number.
    assert_eq!(names(&sandbox, &["--expiring-within", "4294967295"]).len(), 4);
}

#[test]
fn csv_is_read_as_it_was_meant_and_holds_no_formula() {
    let sandbox = Sandbox::with_store();
    // The first characters that spreadsheets take for a formula; an error text may come from a foreign server.
    let texts = ["=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "\tx", "\r=1", "a,b\n\"c\"", "plain"];
    let devices = texts.iter().enumerate().map(|(number, text)| Forged::new(format!("pump-{number}")).error(*text));
    forge(&sandbox.join("pki/ledger.db"), devices);
    let printed = sandbox.ok(["list", "--kind", "device", "--csv"]).stdout;
    assert!(printed.ends_with(b"\r\n"));
    // Python's reader, strict, which knows of no apostrophes.
    let script = "import csv, io, json, sys\n\
                  text = io.TextIOWrapper(sys.stdin.buffer, 'utf-8', newline='')\n\
                  print(json.dumps(list(csv.DictReader(text, strict=True))))";
    let rows = python3().args(["-c", script]).stdin(printed).run().ok().json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), texts.len());
    for (row, text) in rows.iter().zip(texts) {
        let read = row["last_error"].as_str().unwrap();
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        assert_eq!(read, if is_formula { format!("'{text}") } else { text.to_owned() });
        assert_eq!((&row["kind"], &row["generation"]), (&Value::from("device"), &Value::from("1")));
    }
    // A number is no text.
    forge(&sandbox.join("pki/ledger.db"), [Forged::new("old").days(-3)]);
    let line = sandbox.ok(["list", "--name", "old", "--csv"]).stdout_text();
    assert!(line.contains(",-2,"), "{line}");
}

#[test]
fn lines_of_json_are_the_items_of_the_list() {
    let sandbox = fleet();
    let lines = sandbox.ok(["list", "--ndjson"]).stdout_text();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let list = sandbox.ok(["list", "--json"]).json();
    assert_eq!(Value::from(lines), list["result"]["identities"]);
    sandbox.tbpki(["list", "--ndjson", "--json"]).run().ends(2);
    sandbox.tbpki(["list", "--ndjson", "--csv"]).run().ends(2);
}

#[test]
fn a_long_list_is_whole_in_every_form() {
    let sandbox = Sandbox::with_store();
    forge(&sandbox.join("pki/ledger.db"), (0..2500).map(|number| Forged::new(format!("pump-{number:05}"))));
    let expected: BTreeSet<String> = (0..2500).map(|number| format!("pump-{number:05}")).collect();
    let column = |form: &[&str], separator: char| -> BTreeSet<String> {
        let text = sandbox.ok(["list", "--kind", "device"].iter().chain(form)).stdout_text();
        let lines = text.lines().skip(1);
        lines
            .filter_map(|line| line.split(separator).filter(|word| !word.is_empty()).nth(1).map(str::to_owned))
            .collect()
    };
    assert_eq!(column(&[], ' '), expected);
    assert_eq!(column(&["--csv"], ','), expected);
    assert_eq!(names(&sandbox, &["--kind", "device"]).into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_long_list_takes_no_more_memory_than_there_is() {
    let sandbox = Sandbox::with_store();
    forge(&sandbox.join("pki/ledger.db"), (0..60_000).map(|number| Forged::new(format!("pump-{number:05}"))));
    for form in ["", "--csv", "--json", "--ndjson"] {
        // Every row takes more than 500 octets, so that all of them together would not fit.
        let line = format!("ulimit -d 20000; exec {} list {form}", tbpki_tests::binary::tbpki().display());
        let outcome = Tool::new("bash").args(["-c", &line]).directory(sandbox.path()).run().ok();
        assert!(outcome.stdout_text().matches("pump-").count() >= 60_000, "{form}");
    }
}

#[test]
fn a_list_that_breaks_off_is_json_with_the_error() {
    let sandbox = Sandbox::with_store();
    let ledger = sandbox.join("pki/ledger.db");
    // More than one page of the query, so that a part is printed before the bad row is met.
    forge(&ledger, (0..1500).map(|number| Forged::new(format!("pump-{number:04}"))));
    // Something that the ledger's own rules would not let in.
    let spoil = "import sqlite3, sys\n\
                 ledger = sqlite3.connect(sys.argv[1])\n\
                 ledger.execute('PRAGMA ignore_check_constraints = ON')\n\
                 ledger.execute('UPDATE identity SET serial = ? WHERE name = ?', (b'1' * 21, 'pump-1400'))\n\
                 ledger.commit()";
    python3().args(["-c", spoil]).arg(&ledger).run().ok();
    let outcome = sandbox.tbpki(["list", "--json"]).run().ends(1);
    let printed = outcome.json();
    assert_eq!(printed["error"]["code"], "TBPKI-0040", "{outcome}");
    let listed = printed["result"]["identities"].as_array().unwrap().len();
    assert!((1..1504).contains(&listed), "{listed}");
    // People are told as well, behind what could be shown.
    let outcome = sandbox.tbpki(["list"]).run().ends(1);
    assert!(outcome.stdout_text().contains("pump-0000") && outcome.stderr_text().contains("error["), "{outcome}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::with_store();
    forge(&sandbox.join("pki/ledger.db"), (0..5000).map(|number| Forged::new(format!("pump-{number:04}"))));
    for form in ["", "--csv", "--json", "--ndjson"] {
        // Without pipefail the status of the pipe would be that of head, and the test would pass whatever tbpki does.
        let line = format!("set -o pipefail; {} list {form} | head -n 1", tbpki_tests::binary::tbpki().display());
        let outcome = Tool::new("bash").args(["-c", &line]).directory(sandbox.path()).run().ok();
        assert!(outcome.stderr.is_empty() && !outcome.stdout.is_empty(), "{outcome}");
    }
}
