//! Staging of names, in every kind of ledger.

use base::Code;
use ledger::{Duplicate, EarlierUse, Kind, Ledger, NewPassword, StagedName, StagingOutcome};
use time::OffsetDateTime;

use super::jobs::{code, issue_shard, named, new_job, stage, try_stage};
use super::{Station, issue};

pub(crate) fn a_job_keeps_its_names_and_the_values_of_their_lines<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let full = StagedName {
        line: 2,
        name: "pump-1".to_owned(),
        label: Some("by the \"door\"".to_owned()),
        profile: Some("pumps".to_owned()),
        sans: vec!["dns:a.example".to_owned(), "uri:urn:b".to_owned()],
        attributes: [("hall".to_owned(), "3\nupper".to_owned())].into(),
    };
    let plain = named(3, "pump-2");
    let mut staging = ledger.stage(&new_job(1000)).unwrap();
    staging.add(&full).unwrap();
    staging.add(&plain).unwrap();
    let StagingOutcome::New(job) = staging.keep().unwrap() else { panic!("it is new") };
    assert_eq!((job.size, job.shards, job.shard_size, job.done), (2, 1, 1000, false));
    assert_eq!(job.parameters, new_job(1).parameters);
    assert_eq!(ledger.names(job.id, 0).unwrap(), [full, plain]);
    assert_eq!(ledger.names(job.id, 1).unwrap(), []);
    assert_eq!(station.open().jobs().unwrap(), [job]);
}

pub(crate) fn a_job_that_is_not_kept_never_was<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let mut staging = ledger.stage(&new_job(1000)).unwrap();
    // More than two batches, so that rows have been written before the staging is dropped.
    for line in 1..=2500 {
        staging.add(&named(line, &format!("n{line}"))).unwrap();
    }
    assert_eq!(staging.size(), 2500);
    drop(staging);
    assert_eq!(ledger.jobs().unwrap(), []);
    stage(&mut ledger, 1000, &["n1"]);
    assert_eq!(code(try_stage(&mut ledger, 1000, &[])), Code::Internal);
    assert_eq!(ledger.jobs().unwrap().len(), 1);
}

pub(crate) fn the_same_names_again_are_the_same_job<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b", "c"]);
    issue_shard(&mut ledger, &job);
    let job = ledger.job(job.id).unwrap().unwrap();
    let again = try_stage(&mut ledger, 2, &["a", "b", "c"]).unwrap();
    assert_eq!(again, StagingOutcome::Known(job), "its own names, issued or not, are no duplicates");
    assert_eq!(duplicates(&mut ledger, &["a", "b", "c"], 10), (vec![], 0));
    assert_eq!(ledger.jobs().unwrap().len(), 1);
    for others in [&["a", "b"][..], &["b", "a", "c"], &["a", "b", "c", "d"]] {
        assert_eq!(code(try_stage(&mut ledger, 2, others)), Code::DuplicateNames, "{others:?}");
    }
    stage(&mut ledger, 2, &["d"]);
}

pub(crate) fn other_values_of_a_name_make_another_job<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let digest_of = |ledger: &mut Ledger, name: &StagedName| {
        let mut staging = ledger.stage(&new_job(1)).unwrap();
        staging.add(name).unwrap();
        staging.duplicates(1).unwrap().total
    };
    stage(&mut ledger, 1, &["a"]);
    assert_eq!(digest_of(&mut ledger, &named(9, "a")), 0, "the line may change");
    // Empty texts, because the digest must tell an empty value from an absent one.
    let others = [
        StagedName { label: Some(String::new()), ..named(2, "a") },
        StagedName { profile: Some(String::new()), ..named(2, "a") },
        StagedName { sans: vec![String::new()], ..named(2, "a") },
        StagedName { attributes: [(String::new(), String::new())].into(), ..named(2, "a") },
    ];
    for other in others {
        assert_eq!(digest_of(&mut ledger, &other), 1, "{other:?}");
    }
}

pub(crate) fn duplicates_are_told_with_both_lines<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let of = |name: &str, line, earlier| Duplicate { name: name.to_owned(), line, earlier };
    let (first, total) = duplicates(&mut ledger, &["b", "a", "b", "c", "a", "b"], 10);
    let expected = [of("b", 4, EarlierUse::Line(2)), of("a", 6, EarlierUse::Line(3)), of("b", 7, EarlierUse::Line(2))];
    assert_eq!((first.as_slice(), total), (&expected[..], 3));
    let (first, total) = duplicates(&mut ledger, &["b", "a", "b", "c", "a", "b"], 2);
    assert_eq!((first.as_slice(), total), (&expected[..2], 3), "no more are told than are asked for, all are counted");
    assert_eq!(code(try_stage(&mut ledger, 2, &["a", "a"])), Code::DuplicateNames);
}

pub(crate) fn duplicates_of_the_store_and_of_other_jobs_are_told<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "single");
    let void = issue(&mut ledger, "void");
    ledger.void(&void, "a mistake").unwrap();
    let job = stage(&mut ledger, 2, &["j1", "j2", "j3", "j4"]);
    issue_shard(&mut ledger, &job);

    // A void identity frees its name, and "j4" waits in a job whose first shard is issued.
    let names = ["new", "void", "j4", "single", "j1", "new", "single"];
    let (first, total) = duplicates(&mut ledger, &names, 10);
    let entry = |name: &str| EarlierUse::Store(Box::new(ledger.current(Kind::Device, name).unwrap().unwrap()));
    let told: Vec<_> = first.iter().map(|duplicate| (&*duplicate.name, duplicate.line, &duplicate.earlier)).collect();
    let expected = [
        ("j4", 4, &EarlierUse::Job(job.id, 5)),
        ("single", 5, &entry("single")),
        ("j1", 6, &entry("j1")),
        ("new", 7, &EarlierUse::Line(2)),
        ("single", 8, &EarlierUse::Line(5)),
    ];
    assert_eq!((told.as_slice(), total), (&expected[..], 5));
    stage(&mut ledger, 2, &["new", "void"]);
}

pub(crate) fn a_one_time_password_reserves_the_name_of_its_device<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    // The last second that RFC 3339 can express, and one that has passed.
    let [never, past] =
        [253_402_300_799, 1_000_000_000].map(|second| OffsetDateTime::from_unix_timestamp(second).unwrap());
    for (device, expires_at) in [("open", never), ("expired", past), ("issued", never)] {
        ledger.new_password(&NewPassword { device, label: None, hash: [7; 32], expires_at }).unwrap();
    }
    issue(&mut ledger, "issued");
    let (first, total) = duplicates(&mut ledger, &["a", "open", "expired", "issued"], 10);
    let told: Vec<_> = first.iter().map(|duplicate| (&*duplicate.name, duplicate.line, &duplicate.earlier)).collect();
    let entry = EarlierUse::Store(Box::new(ledger.current(Kind::Device, "issued").unwrap().unwrap()));
    assert_eq!(told, [("open", 3, &EarlierUse::Password(never)), ("issued", 5, &entry)]);
    assert_eq!(total, 2, "an identity in use counts once");
    let at = |second| OffsetDateTime::from_unix_timestamp(second).unwrap();
    let reserved = |ledger: &Ledger, kind, name, second| code(ledger.check_no_open_password(kind, name, at(second)));
    assert_eq!(reserved(&ledger, Kind::Device, "expired", 999_999_999), Code::NameReserved);
    ledger.check_no_open_password(Kind::Device, "expired", past).unwrap();
    ledger.check_no_open_password(Kind::Server, "open", past).unwrap();
    assert!(ledger.transaction(|transaction| transaction.end_enrolment("open")).unwrap());
    stage(&mut ledger, 2, &["a", "open", "expired"]);
}

pub(crate) fn names_of_a_job_are_data<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    // Names travel to PostgreSQL in columns of arrays, where
    // quotes, backslashes and placeholders must stay as they are.
    let names = ["'); DROP TABLE staged; --", "100%", "a\u{10FFFF}", "Grüße", "$1", "?1", "a\\nb\t\"\n"];
    let job = stage(&mut ledger, 3, &names);
    let mut kept = Vec::new();
    for _ in 0..job.shards {
        let claim = issue_shard(&mut ledger, &job);
        kept.extend(ledger.shard(job.id, claim.shard).unwrap().into_iter().map(|entry| entry.key.name));
    }
    assert_eq!(kept, names);
}

fn duplicates(ledger: &mut Ledger, names: &[&str], limit: usize) -> (Vec<Duplicate>, u64) {
    let mut staging = ledger.stage(&new_job(2)).unwrap();
    for (line, name) in (2..).zip(names) {
        staging.add(&named(line, name)).unwrap();
    }
    let found = staging.duplicates(limit).unwrap();
    (found.first, found.total)
}
