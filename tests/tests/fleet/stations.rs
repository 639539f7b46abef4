//! Three stations with stores of their own and one ledger on a PostgreSQL server, one of them killed.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tbpki_tests::Sandbox;
use testkit::postgres::{Certificates, PASSWORD};

use crate::in_shards;

const DEVICES: usize = 10_000;

const ISSUE: [&str; 8] = ["fleet", "issue", "--count", "10000", "--name-pattern", "d-{:05}", "--out", "fleet"];

/// No run takes longer, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn start(sandbox: &Sandbox) -> Child {
    let mut command = sandbox.tbpki(ISSUE).command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap()
}

#[track_caller]
fn ends_well(mut child: Child) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait().unwrap() {
            Some(status) => return assert!(status.success(), "{status}"),
            None if Instant::now() > deadline => {
                child.kill().unwrap();
                panic!("a station does not end");
            }
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A store whose ledger is in a database of the server at `url`.
#[track_caller]
pub(crate) fn with_ledger_at(url: &str) -> Sandbox {
    let station = Sandbox::new();
    station.hides(PASSWORD);
    station.write("ledger-password", PASSWORD);
    station.private("ledger-password");
    let ledger = format!("ledger = {{ url = \"{url}\", password = {{ file = \"ledger-password\" }} }}\n");
    station.write("keygen.toml", format!("version = 1\n{ledger}"));
    station.make_store()
}

#[test]
fn three_stations_of_which_one_is_killed_issue_each_name_once() {
    let certificates = Certificates::generate();
    let cluster = certificates.cluster();
    let database = cluster.database();
    let one = with_ledger_at(&cluster.url(&database));
    let (two, three) = (one.copy(), one.copy());

    let mut killed = start(&one);
    let (second, third) = (start(&two), start(&three));
    // In the middle: each has some of it, and none of them is done.
    let count = |sql: &str| cluster.sql(&database, sql).parse::<u32>().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while count("SELECT count(*) FROM tbpki.work WHERE phase = 'issue' AND state = 'done'") == 0 {
        assert!(Instant::now() < deadline, "nothing is issued");
        thread::sleep(Duration::from_millis(5));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    // All leases end at once: those of the dead, and those of the living, who will come back late.
    cluster.sql(&database, "UPDATE tbpki.work SET until = 0 WHERE state = 'claimed'");
    ends_well(second);
    ends_well(third);
    assert_eq!(count("SELECT count(*) FROM tbpki.job WHERE state = 'done'"), 1);
    // Again, it removes what it had begun.
    ends_well(start(&one));

    let mut found = BTreeMap::new();
    for station in [&one, &two, &three] {
        for (name, held) in in_shards(&station.join("fleet")) {
            let twice = found.insert(name.clone(), held.leaf.fingerprint_hex());
            assert!(twice.is_none(), "two stations have issued {name}");
        }
    }
    assert_eq!(found.len(), DEVICES);
    let rows = cluster.sql(
        &database,
        "SELECT name, encode(fingerprint, 'hex'), generation, state FROM tbpki.identity WHERE kind = 'device' \
         ORDER BY number",
    );
    let known: BTreeMap<&str, &str> = rows
        .lines()
        .map(|row| {
            let (name, rest) = row.split_once('|').unwrap();
            (name, rest.strip_suffix("|1|issued").unwrap())
        })
        .collect();
    assert_eq!(rows.lines().count(), DEVICES);
    for (name, fingerprint) in &found {
        assert_eq!(known.get(name.as_str()), Some(&fingerprint.as_str()), "{name}");
    }
    let stations: BTreeSet<String> = cluster
        .sql(&database, "SELECT DISTINCT place FROM tbpki.work WHERE phase = 'issue'")
        .lines()
        .map(str::to_owned)
        .collect();
    // Otherwise the test would have shown nothing about stations that work at the same time.
    assert!(stations.len() > 1, "one station did it all");
}
