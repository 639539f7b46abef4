//! The ledger on a PostgreSQL server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops at what it did not expect, and a child process talks to its test"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use std::{env, thread};

use base::{Code, Secret};
use ledger::{EarlierUse, Filter, JobId, Kind, Ledger, Phase, PostgresServer, SinceSeen, StagedName, State};
use testkit::postgres::{Certificates, Cluster, PASSWORD, TLS_USER, USER};

mod behavior;

use behavior::jobs::{new_job, signed, stage, wish};
use behavior::{Station, behavior, device, intend, issue, leaf};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

/// The server that tests share. It ends with this process.
static SHARED: LazyLock<(Certificates, Cluster)> = LazyLock::new(|| {
    let certificates = Certificates::generate();
    let cluster = certificates.cluster();
    (certificates, cluster)
});

struct Postgres(String);

impl Station for Postgres {
    fn new() -> Self {
        Self(SHARED.1.database())
    }

    fn open(&self) -> Ledger {
        Ledger::connect(&plain(&SHARED.1.url(&self.0))).unwrap()
    }

    fn sql(&self, sql: &str) {
        SHARED.1.sql(&self.0, &format!("SET search_path = tbpki; {sql}"));
    }

    fn refuses(&self, sql: &str) -> bool {
        // SQL that the constraints reject would end `psql` with an
        // error. As a function it tells which of the two happened.
        let sql = format!(
            "SET search_path = tbpki; CREATE FUNCTION pg_temp.refused() RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
             {sql}; RETURN 'taken'; EXCEPTION WHEN integrity_constraint_violation THEN RETURN 'refused'; END $$; \
             SELECT pg_temp.refused()"
        );
        SHARED.1.sql(&self.0, &sql).contains("refused")
    }

    fn to_layout_before_roles(&self) {
        self.sql(
            "DROP TABLE device_token; DROP TABLE registration; DROP TABLE platform_step; DROP TABLE platform_work; DROP TABLE in_doubt; DROP TABLE status; DROP SEQUENCE changes; ALTER TABLE identity DROP COLUMN origin, DROP COLUMN forgotten_at; \
             DROP TABLE renewal_step; DROP TABLE platform; DROP TABLE lease; DROP TABLE clock; ALTER TABLE job DROP COLUMN renews; \
             DROP TABLE ca_confirmation; DROP TABLE enrolled; DROP TABLE enrolment_password; DROP TABLE enrolment_request; DROP TABLE open_step; DROP TABLE revocation_list; ALTER TABLE identity DROP CONSTRAINT \
             identity_role_of_state; ALTER TABLE identity DROP COLUMN role, DROP COLUMN issuer_generation, DROP COLUMN \
             revocation_reason, DROP COLUMN copies, DROP COLUMN station; UPDATE layout SET version = 2;",
        );
    }
}

behavior!(Postgres);

/// Without TLS, as on this machine.
fn plain(url: &str) -> PostgresServer {
    PostgresServer::new(url, Some(&Secret::from(PASSWORD)), false, || panic!("no roots are needed")).unwrap()
}

/// Over TLS, with a certificate that leads to `root`.
fn secured(url: &str, root: &[u8]) -> PostgresServer {
    PostgresServer::new(url, Some(&Secret::from(PASSWORD)), true, || Ok(vec![root.to_vec()])).unwrap()
}

fn refusal<T>(result: base::Result<T>) -> base::Error {
    let error = result.err().expect("it was to be refused");
    assert!(!format!("{error:?} {error}").contains(PASSWORD), "{error:?}");
    error
}

#[test]
fn a_unix_socket_needs_no_password() {
    let station = Postgres::new();
    issue(&mut station.open(), "a");
    let server = PostgresServer::new(&SHARED.1.socket_url(&station.0), None, false, || panic!("no roots")).unwrap();
    let ledger = Ledger::connect_read_only(&server).unwrap();
    assert_eq!(ledger.current(Kind::Device, "a").unwrap().unwrap().state, State::Issued);
}

#[test]
fn a_reader_makes_no_ledger() {
    let station = Postgres::new();
    let server = plain(&SHARED.1.url(&station.0));
    assert_eq!(refusal(Ledger::connect_read_only(&server)).code(), Code::StoreMissing);
    issue(&mut station.open(), "a");
    let reader = Ledger::connect_read_only(&server).unwrap();
    assert_eq!(reader.current(Kind::Device, "a").unwrap().unwrap().state, State::Issued);
}

#[test]
fn the_ledger_of_a_newer_version_is_left_alone() {
    let station = Postgres::new();
    drop(station.open());
    SHARED.1.sql(&station.0, "UPDATE tbpki.layout SET version = 99");
    let server = plain(&SHARED.1.url(&station.0));
    assert_eq!(refusal(Ledger::connect(&server)).code(), Code::LedgerVersion);
    assert_eq!(refusal(Ledger::connect_read_only(&server)).code(), Code::LedgerVersion);
}

#[test]
fn a_connection_that_stays_open_is_told_what_others_did() {
    let station = Postgres::new();
    let (mut ledger, mut other) = (station.open(), station.open());
    issue(&mut ledger, "a");
    let seen = ledger.seen();
    // Others could write at any moment, so it is never told that they did not.
    assert_eq!(ledger.since(&seen), SinceSeen::Changes);
    issue(&mut other, "b");
    assert_eq!(ledger.since(&seen), SinceSeen::Changes);
    station.sql("UPDATE layout SET version = version + 1");
    assert_eq!(ledger.since(&seen), SinceSeen::Unknown);
    station.sql("UPDATE layout SET version = version - 1");
    assert_eq!(ledger.since(&seen), SinceSeen::Changes);
    // It is not waited for: a service opens the ledger again, and tells its clients if that fails.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND \
        datname = current_database()";
    station.sql(end);
    assert_eq!(ledger.since(&seen), SinceSeen::Unknown);
}

#[test]
fn a_station_of_the_version_before_cannot_write_once_another_has_upgraded_the_ledger() {
    let station = Postgres::new();
    issue(&mut station.open(), "a");
    // As a version without roles writes: the role keeps its default, and a constraint ties it to the state.
    assert!(station.refuses(
        "INSERT INTO identity (kind, name, generation, serial, profile, algorithm, parameters, issuer, not_before, \
         not_after, fingerprint, state, intended_at) SELECT kind, 'b', generation, '\\x01', profile, algorithm, \
         parameters, issuer, not_before, not_after, fingerprint, state, intended_at FROM identity WHERE name = 'a'"
    ));
    assert!(station.refuses("UPDATE identity SET state = 'revoked' WHERE name = 'a'"));
    assert_eq!(station.open().count(&Filter::default()).unwrap(), 1);
}

#[test]
fn many_stations_make_one_ledger() {
    let station = Postgres::new();
    thread::scope(|scope| {
        for number in 0..8 {
            let station = &station;
            scope.spawn(move || issue(&mut station.open(), &format!("n{number}")));
        }
    });
    assert_eq!(station.open().count(&Filter::default()).unwrap(), 8);
}

#[test]
fn a_wrong_password_a_missing_one_and_a_missing_database_are_told() {
    let station = Postgres::new();
    let url = SHARED.1.url(&station.0);
    let wrong = PostgresServer::new(&url, Some(&Secret::from("hunter2")), false, || panic!("no roots")).unwrap();
    let error = refusal(Ledger::connect(&wrong));
    assert_eq!(error.code(), Code::LedgerRefused);
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    assert!(error.finding().fix.is_some());
    let none = PostgresServer::new(&url, None, false, || panic!("no roots")).unwrap();
    assert_eq!(refusal(Ledger::connect(&none)).code(), Code::LedgerRefused);
    // The same code for all three, because each is repaired in the configuration and not by waiting.
    let missing = plain(&SHARED.1.url("nowhere"));
    assert_eq!(refusal(Ledger::connect(&missing)).code(), Code::LedgerRefused);
}

#[test]
fn a_database_that_cannot_keep_every_name_is_refused() {
    // template0, because PostgreSQL allows another encoding only for copies of it.
    SHARED.1.sql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
    assert_eq!(refusal(Ledger::connect(&plain(&SHARED.1.url("latin")))).code(), Code::LedgerRefused);
}

#[test]
fn tls_is_spoken_where_it_is_asked_for_and_the_server_is_verified() {
    let station = Postgres::new();
    let (certificates, cluster) = &*SHARED;
    let url = |host: &str| format!("postgres://{TLS_USER}@{host}:{}/{}", cluster.port(), station.0);

    assert_eq!(refusal(Ledger::connect(&plain(&url("localhost")))).code(), Code::LedgerRefused, "it wants TLS");
    let mut ledger = Ledger::connect(&secured(&url("localhost"), &certificates.root)).unwrap();
    issue(&mut ledger, "a");
    let sql = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
               WHERE usename = 'tlsonly' AND datname = current_database()";
    assert_eq!(cluster.sql(&station.0, sql), "t");

    let other = secured(&url("localhost"), &Certificates::generate().root);
    assert_eq!(refusal(Ledger::connect(&other)).code(), Code::LedgerInsecure, "another CA");
    // The server's certificate is for the name `localhost` alone.
    let named_otherwise = secured(&url("127.0.0.1"), &certificates.root);
    assert_eq!(refusal(Ledger::connect(&named_otherwise)).code(), Code::LedgerInsecure, "another name");
    let junk = secured(&url("localhost"), b"junk");
    assert_eq!(refusal(Ledger::connect(&junk)).code(), Code::CertificateUnreadable);
}

#[test]
fn a_server_that_speaks_no_tls_is_told_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answered = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 8];
        stream.read_exact(&mut request).unwrap();
        // "No" to the request for TLS (PostgreSQL 15, section 55.2.11): whatever follows would be plain.
        stream.write_all(b"N").unwrap();
        let mut rest = Vec::new();
        // To the end: not even a user name may follow the refusal.
        stream.read_to_end(&mut rest).unwrap();
        rest
    });
    let server = secured(&format!("postgres://{USER}@localhost:{port}/postgres"), &SHARED.0.root);
    assert_eq!(refusal(Ledger::connect(&server)).code(), Code::LedgerInsecure);
    assert_eq!(answered.join().unwrap(), b"");
}

#[test]
fn nothing_at_the_port_is_told_at_once() {
    // The listener is dropped at the end of the line, so that nothing listens at its port any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = refusal(Ledger::connect(&plain(&format!("postgres://{USER}@127.0.0.1:{port}/fleet"))));
    assert_eq!(error.code(), Code::LedgerUnreachable);
    assert!(error.finding().fix.is_some());
}

#[test]
fn a_server_that_goes_away_and_comes_back_is_waited_for() {
    let certificates = Certificates::generate();
    let cluster = Arc::new(certificates.cluster());
    let mut ledger = Ledger::connect(&plain(&cluster.url("postgres"))).unwrap();
    let job = stage(&mut ledger, 1, &["a", "b", "c"]);
    let claim = ledger.claim(&wish(job.id, Phase::Issue, "station", LONG)).unwrap().unwrap();
    let identities = signed(&ledger, &claim);

    cluster.stop();
    // The thread brings the server back while this one waits for it in the commit.
    let back = Arc::clone(&cluster);
    let back = thread::spawn(move || {
        thread::sleep(Duration::from_secs(1));
        back.resume();
    });
    ledger.commit_issued(&claim, "here", &identities).unwrap();
    back.join().unwrap();
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 1);

    cluster.crash();
    cluster.resume();
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 1, "a question is asked again");
    ledger.commit_issued(&claim, "here", &identities).unwrap();
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 1, "and what is done is not done again");
}

#[test]
fn a_transaction_in_the_middle_is_lost_with_its_connection() {
    let certificates = Certificates::generate();
    let cluster = certificates.cluster();
    let mut ledger = Ledger::connect(&plain(&cluster.url("postgres"))).unwrap();
    let lost = ledger.transaction(|transaction| {
        transaction.intend(&device("a"))?;
        cluster.crash();
        cluster.resume();
        transaction.intend(&device("b")).map(drop)
    });
    assert_eq!(refusal(lost).code(), Code::LedgerLost);
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 0);

    let lost = ledger.transaction(|transaction| {
        transaction.intend(&device("a"))?;
        cluster.crash();
        cluster.resume();
        Ok(())
    });
    assert_eq!(refusal(lost).code(), Code::LedgerLost, "a COMMIT on another connection would have kept nothing");
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 0);
    intend(&mut ledger, "a");
}

#[test]
fn a_server_that_stays_away_is_not_waited_for_for_ever() {
    let certificates = Certificates::generate();
    let cluster = certificates.cluster();
    let server = plain(&cluster.url("postgres")).with_patience(Duration::from_millis(600));
    let mut ledger = Ledger::connect(&server).unwrap();
    cluster.stop();
    assert_eq!(refusal(ledger.intend(&device("a"))).code(), Code::LedgerUnreachable);
    assert_eq!(refusal(ledger.jobs()).code(), Code::LedgerUnreachable);
    cluster.resume();
    intend(&mut ledger, "a");
}

#[test]
fn a_station_waits_for_another_but_not_for_ever() {
    let station = Postgres::new();
    let mut other = station.open();
    let server = plain(&SHARED.1.url(&station.0)).with_patience(Duration::from_millis(300));
    let mut ledger = Ledger::connect(&server).unwrap();
    other
        .transaction(|transaction| {
            assert_eq!(refusal(ledger.intend(&device("a"))).code(), Code::LedgerBusy);
            assert_eq!(refusal(ledger.intend(&device("a"))).code(), Code::LedgerBusy, "and is none the worse for it");
            transaction.intend(&device("b")).map(drop)
        })
        .unwrap();
    intend(&mut ledger, "a");
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 2);
}

/// The limit of a service: short for a test, and longer than any of its statements takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_statement_of_a_service_ends_after_its_limit() {
    let station = Postgres::new();
    let mut other = station.open();
    let server = plain(&SHARED.1.url(&station.0)).with_patience(LONG).with_answer_limit(LIMIT);
    let mut ledger = Ledger::connect(&server).unwrap();
    other
        .transaction(|transaction| {
            // The wait for the lock has no limit of its own here.
            assert_eq!(refusal(ledger.intend(&device("a"))).code(), Code::LedgerBusy);
            transaction.intend(&device("b")).map(drop)
        })
        .unwrap();
    intend(&mut ledger, "a");
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 2);
}

#[test]
fn a_service_brings_an_older_ledger_up_to_date_however_long_that_takes() {
    let station = Postgres::new();
    issue(&mut station.open(), "a");
    station.to_layout_before_roles();
    // The first change of a table takes longer than the limit.
    station.sql(
        "CREATE FUNCTION public.slowly() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF current_setting('test.slept', true) IS NULL THEN PERFORM set_config('test.slept', '1', false), pg_sleep(7); END IF; \
         END $$; \
         CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.slowly()",
    );
    let server = plain(&SHARED.1.url(&station.0)).with_answer_limit(LIMIT);
    let ledger = Ledger::connect(&server).unwrap();
    assert_eq!(ledger.current(Kind::Device, "a").unwrap().unwrap().state, State::Issued);
}

/// Sends a signal to the processes of the server that serve the ledger of a station.
fn signal_processes(station: &Postgres, signal: &str) {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let processes = SHARED.1.sql(&station.0, sql);
    assert!(!processes.is_empty());
    let ended = Command::new("kill").arg(signal).args(processes.lines()).status().unwrap();
    assert!(ended.success(), "kill {signal} {processes}");
}

#[test]
fn a_service_does_not_wait_for_a_server_that_hangs_and_goes_on_when_it_answers() {
    let station = Postgres::new();
    let server = plain(&SHARED.1.url(&station.0)).with_answer_limit(LIMIT);
    let mut ledger = Ledger::connect(&server).unwrap();
    issue(&mut ledger, "a");
    // Its processes do not work any more, and the system goes on with their connections.
    signal_processes(&station, "-STOP");
    let error = refusal(ledger.jobs());
    assert_eq!(error.code(), Code::LedgerBusy);
    assert!(error.to_string().contains("does not answer in time"), "{error}");
    // Another connection has a process of its own.
    intend(&mut ledger, "b");
    signal_processes(&station, "-CONT");
    // The stopped process ends: its client is gone.
    intend(&mut ledger, "c");
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 3);
}

#[test]
fn a_session_that_stops_inside_of_a_transaction_loses_it() {
    let station = Postgres::new();
    let server = plain(&SHARED.1.url(&station.0)).with_answer_limit(LIMIT);
    let mut ledger = Ledger::connect(&server).unwrap();
    let lost = ledger.transaction(|transaction| {
        transaction.intend(&device("a"))?;
        // As a service whose process is stopped. The server ends the session, and with it the lock.
        let others =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        while SHARED.1.sql(&station.0, others) != "0" {
            thread::sleep(Duration::from_millis(20));
        }
        transaction.intend(&device("b")).map(drop)
    });
    assert_eq!(refusal(lost).code(), Code::LedgerLost);
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 0);
    intend(&mut ledger, "a");
}

#[test]
fn time_is_the_servers() {
    let station = Postgres::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 1, &["a"]);
    ledger.claim(&wish(job.id, Phase::Issue, "dead", LONG)).unwrap().unwrap();
    assert_eq!(ledger.claim(&wish(job.id, Phase::Issue, "other", LONG)).unwrap(), None);
    // As if an hour had passed there, and no time here.
    // In milliseconds: one more than the lease.
    SHARED.1.sql(&station.0, "UPDATE tbpki.work SET until = until - 3600001 WHERE state = 'claimed'");
    assert_eq!(ledger.next_lease_end(job.id, Phase::Issue, None).unwrap(), Some(Duration::ZERO));
    assert_eq!(ledger.claim(&wish(job.id, Phase::Issue, "other", LONG)).unwrap().unwrap().fence, 2);
}

#[test]
fn a_batch_of_identities_is_one_statement_and_each_gets_its_own_row() {
    let station = Postgres::new();
    let mut ledger = station.open();
    station.sql(
        "CREATE TABLE counted (id INTEGER); CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO tbpki.counted VALUES (1); RETURN NULL; END $$; \
         CREATE TRIGGER counted AFTER INSERT ON identity FOR EACH STATEMENT EXECUTE FUNCTION count_statement(); \
         CREATE TRIGGER counted AFTER INSERT ON parameters FOR EACH STATEMENT EXECUTE FUNCTION count_statement()",
    );
    let statements = || SHARED.1.sql(&station.0, "SELECT count(*) FROM tbpki.counted");
    // In no order, so that a row in the place of another one is noticed.
    let names: Vec<String> = (0..64_u32).map(|number| format!("d{}", number.wrapping_mul(37) % 64)).collect();
    let identities = ledger
        .transaction(|transaction| {
            let plan =
                |name: &String| transaction.plan_next(device(name), &transaction.name_history(Kind::Device, name)?);
            let planned = names.iter().map(plan).collect::<base::Result<Vec<_>>>()?;
            let intended = transaction.intend_all(&planned)?;
            assert!(transaction.intend_all([])?.is_empty());
            Ok(intended)
        })
        .unwrap();
    assert_eq!(statements(), "2", "one for the identities, and one for the parameters that they share");
    ledger
        .transaction(|transaction| {
            names.iter().zip(&identities).try_for_each(|(name, intended)| {
                assert_eq!(intended.key.name, *name);
                transaction.issued_and_sent(intended, &leaf(name), &[1; 32], name.as_bytes()).map(drop)
            })
        })
        .unwrap();
    let own = "SELECT count(*) FROM tbpki.enrolled JOIN tbpki.identity ON identity.id = enrolled.identity \
        WHERE convert_from(certificate, 'UTF8') = name";
    assert_eq!(SHARED.1.sql(&station.0, own), "64");
    // The columns that all rows lack have a type all the same.
    assert_eq!(SHARED.1.sql(&station.0, "SELECT count(unregistered_at) FROM tbpki.identity"), "0");
}

#[test]
fn what_another_station_gave_up_staging_is_in_nobodys_way() {
    let station = Postgres::new();
    let (mut one, mut other) = (station.open(), station.open());
    let mut first = one.stage(&new_job(1)).unwrap();
    // More than a batch, so that rows have reached the server before the staging is given up.
    for line in 1..=1500 {
        first.add(&StagedName { line, name: format!("n{line}"), ..StagedName::default() }).unwrap();
    }
    drop(first);
    let job = stage(&mut other, 1, &["n7"]);
    let mut second = one.stage(&new_job(1)).unwrap();
    second
        .add(&StagedName { line: 5, name: "n7".to_owned(), label: Some("x".to_owned()), ..StagedName::default() })
        .unwrap();
    let found = second.duplicates(10).unwrap();
    assert_eq!((found.total, &found.first[0].earlier), (1, &EarlierUse::Job(job.id, 2)));
}

/// This test program again, as a process of its own that issues a job's shards until there are none.
fn child(station: &Postgres, job: JobId, name: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "work_on_a_job", "--ignored", "--nocapture"])
        .envs([("LEDGER_URL", SHARED.1.url(&station.0)), ("LEDGER_STATION", name.to_owned())])
        .env("LEDGER_JOB", job.number().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the tests run it in processes of its own"]
fn work_on_a_job() {
    let Ok(url) = env::var("LEDGER_URL") else { return };
    let name = env::var("LEDGER_STATION").unwrap();
    let job = JobId::new(env::var("LEDGER_JOB").unwrap().parse().unwrap());
    let mut ledger = Ledger::connect(&plain(&url)).unwrap();
    loop {
        // A short lease, so that the shard of the killed station is free again while the others still work.
        match ledger.claim(&wish(job, Phase::Issue, &name, Duration::from_secs(2))).unwrap() {
            Some(claim) => {
                // The line break in front ends what the test harness may have written on this line.
                println!("\nclaimed {} {}", claim.shard, claim.fence);
                let identities = signed(&ledger, &claim);
                match ledger.commit_issued(&claim, &name, &identities) {
                    Ok(()) => println!("\nissued {} {}", claim.shard, claim.fence),
                    Err(error) => assert_eq!(error.code(), Code::LeaseLost),
                }
            }
            None if ledger.job(job).unwrap().unwrap().done => break,
            None => thread::sleep(Duration::from_millis(50)),
        }
    }
}

#[test]
fn stations_of_which_one_is_killed_issue_each_name_once() {
    let station = Postgres::new();
    let mut ledger = station.open();
    let names: Vec<String> = (0..600).map(|number| format!("n{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let job = stage(&mut ledger, 5, &names);

    let mut doomed = child(&station, job.id, "doomed");
    // It is killed, and does not end by itself when no one listens any more.
    let mut lines = BufReader::new(doomed.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    // By its fourth claim it has committed shards, and most likely holds one when it is killed.
    assert!(lines.by_ref().filter(|line| line.starts_with("claimed")).nth(3).is_some());
    let others: Vec<Child> = ["one", "two"].into_iter().map(|name| child(&station, job.id, name)).collect();
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    let mut issued = Vec::new();
    for child in others {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        issued.extend(text.lines().filter(|line| line.starts_with("issued")).map(str::to_owned));
    }
    assert_eq!(issued.iter().collect::<BTreeSet<_>>().len(), issued.len(), "no shard was issued twice");

    assert!(ledger.job(job.id).unwrap().unwrap().done);
    let entries: Vec<_> = ledger.list(&Filter::default()).map(|entry| entry.unwrap()).collect();
    assert_eq!(entries.iter().map(|entry| &*entry.key.name).collect::<Vec<_>>(), names);
    assert!(entries.iter().all(|entry| entry.generation().number() == 1 && entry.state == State::Issued));
    for shard in 0..job.shards {
        assert!(ledger.committed(job.id, shard).unwrap().is_some());
    }
}

#[test]
fn a_station_that_slept_is_refused_when_another_was_quicker() {
    let station = Postgres::new();
    let (mut slow, mut quick) = (station.open(), station.open());
    let job = stage(&mut slow, 2, &["a", "b"]);
    // A lease of no length is that of a station that slept through it.
    let late = slow.claim(&wish(job.id, Phase::Issue, "slow", Duration::ZERO)).unwrap().unwrap();
    let prompt = quick.claim(&wish(job.id, Phase::Issue, "quick", LONG)).unwrap().unwrap();
    // Both have signed before either commits, and the commits come
    // at the same time: the fence decides, and not the order.
    let (theirs, ours) = (signed(&quick, &prompt), signed(&slow, &late));
    let [committed, refused] = thread::scope(|scope| {
        let commits = [
            scope.spawn(|| quick.commit_issued(&prompt, "there", &theirs)),
            scope.spawn(|| slow.commit_issued(&late, "here", &ours)),
        ];
        commits.map(|commit| commit.join().unwrap())
    });
    committed.unwrap();
    assert_eq!(refusal(refused).code(), Code::LeaseLost);
    let committed = slow.committed(job.id, 0).unwrap().unwrap();
    assert_eq!((committed.fence, &*committed.place), (2, "there"));
}

/// One row in each table of a ledger.
const A_ROW_EACH: &str = "
INSERT INTO parameters (id, text) VALUES (7, '{}');
INSERT INTO job (id, digest, parameters, size, shard_size, state, made_at, uid, renews)
    VALUES (5, zeroblob(32), 7, 1, 1, 'done', 1, zeroblob(16), 1);
INSERT INTO staged (job, number, line, name) VALUES (5, 0, 1, 'a');
INSERT INTO work (job, phase, shard, state, fence) VALUES (5, 'issue', 0, 'done', 1);
INSERT INTO attempt (job, shard, fence, seed, station, begun_at) VALUES (5, 0, 1, zeroblob(32), 's', 1);
INSERT INTO identity (id, kind, name, generation, serial, profile, algorithm, parameters, issuer, not_before, not_after,
    fingerprint, state, role, intended_at, origin)
    VALUES (9, 'device', 'a', 1, x'01', 'client', 'ec-p256', 7, 'ca', 0, 1, zeroblob(32), 'issued', 'current', 0, 'adopted');
INSERT INTO open_step (identity, step) VALUES (9, 'list');
INSERT INTO revocation_list (key, issuer, number, this_update, next_update) VALUES (zeroblob(32), 'ca', 1, 1, 2);
INSERT INTO ca_confirmation (ca, generation, kind, name, how, who, at) VALUES ('ca', 1, 'device', 'a', 'seen', 'w', 1);
INSERT INTO enrolment_password (device, hash, made_at, expires_at) VALUES ('b', zeroblob(32), 1, 2);
INSERT INTO enrolment_request (device, key, is_first, address, asked_at, decision, decided_at, decided_by)
    VALUES ('b', zeroblob(32), 1, '::1', 1, 'denied', 2, 'w');
INSERT INTO enrolled (identity, key, certificate, swap) VALUES (9, zeroblob(32), x'30', 'open');
INSERT INTO renewal_step (identity, step) VALUES (9, 'swap');
INSERT INTO lease (kind, name, holder, since, until) VALUES ('device', 'a', 'h', 1, 2);
INSERT INTO clock (id, at, last_identity) VALUES (3, 1, 9);
INSERT INTO in_doubt (identity) VALUES (9);
INSERT INTO platform (id, url, made_at) VALUES (4, 'https://a.example', 1);
INSERT INTO registration (identity, platform, registered_at) VALUES (9, 4, 1);
INSERT INTO platform_step (identity, platform) VALUES (9, 4);
INSERT INTO platform_work (platform, job, phase, shard, state, fence) VALUES (4, 5, 'register', 0, 'open', 0);
INSERT INTO device_token (device, platform, set_at) VALUES ('c', 4, 1);
";

/// A table of a later layout that the move leaves out would be lost without a word.
#[test]
fn a_moved_ledger_has_the_rows_of_every_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    drop(Ledger::open(&path).unwrap());
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(A_ROW_EACH).unwrap();
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = file.prepare(sql).unwrap();
        statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let station = Postgres::new();
    let rows = Ledger::open(&path).unwrap().move_to(&mut station.open()).unwrap();

    let tables = texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'status' ORDER BY name");
    assert_eq!(usize::try_from(rows).unwrap(), tables.len(), "each table has a row");
    let there = |sql: &str| -> Vec<String> {
        SHARED
            .1
            .sql(&station.0, sql)
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty())
            .collect()
    };
    let theirs = there(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'tbpki' \
         AND table_name NOT IN ('status', 'layout') ORDER BY table_name COLLATE \"C\"",
    );
    assert_eq!(theirs, tables);
    for table in &tables {
        let columns = texts(&format!("SELECT name FROM pragma_table_info('{table}') ORDER BY name"));
        let there_too = there(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'tbpki' AND table_name = '{table}' \
             ORDER BY column_name COLLATE \"C\""
        ));
        assert_eq!(there_too, columns, "{table}");
        assert_eq!(there(&format!("SELECT count(*) FROM tbpki.{table}")), ["1"], "{table}");
    }
    // The server numbers its next rows beyond those that were copied.
    let mut ledger = station.open();
    assert!(stage(&mut ledger, 1, &["z"]).id.number() > 5);
}

/// A ledger in a file with one identity for each name.
fn file_with(path: &std::path::Path, names: &[&str]) -> Ledger {
    let mut file = Ledger::open(path).unwrap();
    names.iter().for_each(|name| drop(issue(&mut file, name)));
    file
}

/// As a move that was killed between the commit on the server and the mark in the file.
fn killed_before_the_file_is_closed(file: &mut Ledger, station: &Postgres, path: &std::path::Path) {
    let copied = file.status().unwrap().changes;
    file.move_to(&mut station.open()).unwrap();
    rusqlite::Connection::open(path)
        .unwrap()
        .execute("UPDATE status SET moved_to = NULL, changes = ?1", [i64::try_from(copied).unwrap()])
        .unwrap();
    station.sql(&format!("UPDATE status SET copied_changes = {copied}"));
}

#[test]
fn a_repeated_move_takes_over_what_the_file_recorded_after_the_interruption() {
    let (dir, station) = (tempfile::tempdir().unwrap(), Postgres::new());
    let path = dir.path().join("ledger.db");
    let mut file = file_with(&path, &["a", "b"]);
    killed_before_the_file_is_closed(&mut file, &station, &path);
    let key = file.current(Kind::Device, "a").unwrap().unwrap().key;
    file.unregistering(&key).unwrap();
    file.unregistered(&key).unwrap();
    issue(&mut file, "c");
    assert_eq!(file.check_move(Some(&station.open())).unwrap(), file.move_to(&mut station.open()).unwrap());
    let moved = station.open();
    assert!(moved.current(Kind::Device, "a").unwrap().unwrap().unregistered_at.is_some());
    assert!(moved.current(Kind::Device, "c").unwrap().is_some());
    assert!(moved.status().unwrap().changes >= file.status().unwrap().changes);
    // The move is complete, and the same again changes nothing.
    assert!(file.status().unwrap().moved_to.is_some());
    file.move_to(&mut station.open()).unwrap();
}

#[test]
fn a_repeated_move_removes_nothing_that_the_server_has_recorded() {
    let (dir, station) = (tempfile::tempdir().unwrap(), Postgres::new());
    let path = dir.path().join("ledger.db");
    let mut file = file_with(&path, &["a"]);
    killed_before_the_file_is_closed(&mut file, &station, &path);
    // As every verb that writes.
    let mut there = station.open();
    there.count_change().unwrap();
    issue(&mut there, "on-server");
    // Unchanged since, the file has nothing that the server lacks.
    let copy = dir.path().join("unchanged.db");
    file.back_up(&copy).unwrap();
    issue(&mut file, "in-file");
    assert_eq!(refusal(file.check_move(Some(&there))).code(), Code::LedgerNotEmpty);
    assert_eq!(refusal(file.move_to(&mut there)).code(), Code::LedgerNotEmpty);
    assert!(file.status().unwrap().moved_to.is_none(), "the file is still open");
    assert!(there.current(Kind::Device, "on-server").unwrap().is_some());
    Ledger::open(&copy).unwrap().move_to(&mut there).unwrap();
    assert!(there.current(Kind::Device, "on-server").unwrap().is_some());
}

#[test]
fn a_copy_of_a_store_that_was_moved_is_not_moved_to_the_same_server() {
    let (dir, station) = (tempfile::tempdir().unwrap(), Postgres::new());
    let mut file = file_with(&dir.path().join("ledger.db"), &["a"]);
    let (older, newer) = (dir.path().join("older.db"), dir.path().join("newer.db"));
    file.back_up(&older).unwrap();
    file.back_up(&newer).unwrap();
    issue(&mut file, "b");
    file.move_to(&mut station.open()).unwrap();
    for (path, names) in [(older, &["x"][..]), (newer, &["x", "y", "z"])] {
        let mut copy = file_with(&path, names);
        assert_eq!(refusal(copy.move_to(&mut station.open())).code(), Code::LedgerNotEmpty);
        issue(&mut copy, "still-open");
    }
    assert!(station.open().current(Kind::Device, "b").unwrap().is_some());
}

#[test]
fn a_ledger_of_the_layout_before_copies_were_recorded_keeps_its_status() {
    let station = Postgres::new();
    issue(&mut station.open(), "a");
    let before = station.open().status().unwrap();
    station.sql("ALTER TABLE status DROP COLUMN copied_changes; UPDATE layout SET version = 12");
    let ledger = station.open();
    assert_eq!(ledger.status().unwrap(), before);
    assert!(ledger.current(Kind::Device, "a").unwrap().is_some());
}
