//! Reservations, which keep a name for one identity in use, in every kind of ledger.

use base::Code;
use ledger::{Filter, Kind, NewJob, Phase, StagingOutcome, State};

use super::jobs::{claim, code, issue_shard, named, new_job, signed, stage, try_stage};
use super::lifecycle::renewal;
use super::{Station, device, intend_as, issue, leaf};

pub(crate) fn a_name_that_waits_in_a_job_is_not_given_to_a_single_device<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b", "c"]);
    issue_shard(&mut ledger, &job);

    // Another station asks, with a handle of its own.
    let mut other = station.open();
    // The third name, with a line of headings in front.
    assert_eq!(other.reserved_by(Kind::Device, "c").unwrap(), Some((job.id, 4)));
    assert_eq!(code(intend_as(&mut other, &device("c"))), Code::NameReserved);
    assert_eq!(other.history(Kind::Device, "c").unwrap(), []);
    for free in ["a", "d"] {
        assert_eq!(other.reserved_by(Kind::Device, free).unwrap(), None, "{free}");
        other.check_not_reserved(Kind::Device, free).unwrap();
    }
    assert_eq!(other.reserved_by(Kind::Server, "c").unwrap(), None, "servers are not in jobs");
    // Many names at once, of which more than one statement takes.
    let many: Vec<String> = (0..1200).map(|number| format!("x-{number}")).collect();
    let names = other.reserved_among(many.iter().map(String::as_str).chain(["a", "c"])).unwrap();
    let refused = names.check(&other, Kind::Device, "c").unwrap_err();
    assert_eq!(refused.to_string(), other.check_not_reserved(Kind::Device, "c").unwrap_err().to_string());
    for (kind, free) in [(Kind::Device, "a"), (Kind::Device, "x-1199"), (Kind::Server, "c")] {
        names.check(&other, kind, free).unwrap();
    }
    let none = other.reserved_among([""; 0]).unwrap();
    assert_eq!(code(none.check(&other, Kind::Device, "c")), Code::NameReserved, "a name that was not read");
    none.check(&other, Kind::Device, "a").unwrap();
    intend_as(&mut other, &device("d")).unwrap();

    issue_shard(&mut ledger, &job);
    assert_eq!(other.reserved_by(Kind::Device, "c").unwrap(), None);
    let unasked = std::iter::from_fn(|| -> Option<String> { panic!("no job is open") });
    other.reserved_among(unasked).unwrap().check(&other, Kind::Device, "c").unwrap();
    let next = intend_as(&mut other, &device("c")).unwrap();
    assert_eq!(next.generation.number(), 2, "once issued it can be replaced like any other");
}

pub(crate) fn a_name_in_use_is_not_issued_by_a_job<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b"]);
    let held = claim(&mut ledger, &job, Phase::Issue).unwrap();
    let identities = signed(&ledger, &held);
    assert_eq!(ledger.names_in_use(job.id, 10).unwrap().total, 0);
    // As older versions did, which let single devices take staged names.
    let key = issue(&mut ledger, "z");
    station.sql("UPDATE identity SET name = 'b' WHERE name = 'z'");
    let key = ledger::Key { name: "b".to_owned(), ..key };

    let in_use = ledger.names_in_use(job.id, 10).unwrap();
    assert_eq!((in_use.total, in_use.first.len(), &in_use.first[0].key), (1, 1, &key));
    let refused = ledger.commit_issued(&held, "here", &identities).unwrap_err();
    assert_eq!(refused.code(), Code::DuplicateNames);
    assert!(refused.to_string().contains("\"b\""), "{refused}");
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 1, "nothing of the shard was kept");
    assert_eq!(ledger.current(Kind::Device, "b").unwrap().unwrap().key, key);

    ledger.void(&key, "given up").unwrap();
    ledger.commit_issued(&held, "here", &identities).unwrap();
    assert_eq!(ledger.current(Kind::Device, "b").unwrap().unwrap().generation().number(), 2);
}

pub(crate) fn a_canceled_job_frees_its_names_and_keeps_what_it_issued<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b", "c", "d", "e"]);
    issue_shard(&mut ledger, &job);
    let mut working = station.open();
    let held = claim(&mut working, &job, Phase::Issue).unwrap();
    let identities = signed(&working, &held);

    assert_eq!(ledger.cancel(job.id).unwrap(), 3);
    assert_eq!(code(working.commit_issued(&held, "here", &identities)), Code::LeaseLost);
    assert_eq!(code(working.renew(&held, std::time::Duration::from_secs(60))), Code::LeaseLost);
    assert_eq!(claim(&mut working, &job, Phase::Issue), None);
    let canceled = ledger.job(job.id).unwrap().unwrap();
    assert!(canceled.done && canceled.canceled_at.is_some(), "{canceled:?}");
    assert_eq!(ledger.cancel(job.id).unwrap(), 0, "again");

    // What it had issued stays, and is registered and bundled as ever.
    assert_eq!(ledger.count(&Filter { job: Some(job.id), ..Filter::default() }).unwrap(), 2);
    assert!(claim(&mut ledger, &job, Phase::Register).is_some());
    assert_eq!(claim(&mut ledger, &job, Phase::Register), None, "the other shards were never issued");
    // The names are free: for a device, and for a job with the rest of the list.
    issue(&mut ledger, "c");
    assert!(matches!(try_stage(&mut ledger, 2, &["d", "e"]).unwrap(), StagingOutcome::New(_)));
    assert_eq!(code(try_stage(&mut ledger, 2, &["a", "b", "c", "d", "e"])), Code::DuplicateNames);
}

pub(crate) fn the_same_list_is_a_new_job_after_it_was_canceled<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let first = stage(&mut ledger, 2, &["a", "b"]);
    ledger.cancel(first.id).unwrap();
    let second = stage(&mut ledger, 2, &["a", "b"]);
    assert!(second.id != first.id && second.uid != first.uid);
    issue_shard(&mut ledger, &second);
    let done = ledger.job(second.id).unwrap().unwrap();
    assert_eq!((done.done, done.canceled_at), (true, None));
    assert_eq!(ledger.cancel(second.id).unwrap(), 0, "what is done is not canceled");
    assert_eq!(ledger.job(second.id).unwrap().unwrap().canceled_at, None);
    assert_eq!(code(ledger.cancel(ledger::JobId::new(77))), Code::UnknownJob);
}

/// A job with the devices a and b, which are registered.
fn registered_job(ledger: &mut ledger::Ledger) -> (ledger::Job, Vec<ledger::Key>) {
    let job = stage(ledger, 2, &["a", "b"]);
    issue_shard(ledger, &job);
    let keys: Vec<_> = ledger.shard(job.id, 0).unwrap().into_iter().map(|entry| entry.key).collect();
    keys.iter().for_each(|key| ledger.registered(key).unwrap());
    (job, keys)
}

pub(crate) fn what_was_unregistered_is_skipped_until_it_is_registered_again<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (job, keys) = registered_job(&mut ledger);
    ledger.unregistered(&keys[0]).unwrap();

    let entry = |ledger: &ledger::Ledger| ledger.entry(&keys[0]).unwrap().unwrap();
    assert!(entry(&ledger).unregistered_at.is_some());
    let lacking = Filter { never: Some(State::Registered), ..Filter::default() };
    let names = |filter: &Filter| ledger.list(filter).map(|entry| entry.unwrap().key.name).collect::<Vec<_>>();
    assert_eq!(names(&lacking), ["a"]);
    assert_eq!(names(&Filter { skip_unregistered: true, ..lacking.clone() }), Vec::<String>::new());
    assert_eq!(names(&Filter { skip_unregistered: true, ..Filter::default() }), ["b"]);

    // A station that comes too late with what it did in bulk does not bring it back, and the shard is done without it.
    let held = claim(&mut ledger, &job, Phase::Register).unwrap();
    ledger.commit_step(&held, &keys, &[]).unwrap();
    assert_eq!(entry(&ledger).reached(State::Registered), None);
    ledger.finish(&held).unwrap();
    assert_eq!(ledger.reopen(job.id, Phase::Register).unwrap(), 0, "nothing is left of it");

    ledger.registered(&keys[0]).unwrap();
    let again = entry(&ledger);
    assert!(again.unregistered_at.is_none() && again.reached(State::Registered).is_some());
}

pub(crate) fn a_renewal_of_an_unregistered_name_stays_away<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (_, keys) = registered_job(&mut ledger);
    let is_away =
        |ledger: &ledger::Ledger, key: &ledger::Key| ledger.entry(key).unwrap().unwrap().unregistered_at.is_some();
    // A renewal that waits when the name is unregistered, and one that is made afterwards.
    let pending = |ledger: &mut ledger::Ledger, name: &str, number| {
        let key = intend_as(ledger, &renewal(name, number)).unwrap();
        ledger.transaction(|transaction| transaction.stay_unregistered(&key)).unwrap();
        ledger.issued_pending(&key, &leaf(&format!("{name} {number}"))).unwrap();
        key
    };
    let second = pending(&mut ledger, "a", 2);
    assert!(!is_away(&ledger, &second), "nothing was unregistered yet");
    ledger.unregistering(&keys[0]).unwrap();
    ledger.unregistered(&keys[0]).unwrap();
    let third = pending(&mut ledger, "a", 3);
    assert!([&keys[0], &second, &third].iter().all(|key| is_away(&ledger, key)));
    ledger.promote(&third).unwrap();
    assert!(is_away(&ledger, &third) && !is_away(&ledger, &keys[1]));
    // Taken back, and registered with the next renewal: for the name, not for one of its rows.
    let fourth = pending(&mut ledger, "a", 4);
    ledger.not_unregistered(&third).unwrap();
    assert!(!is_away(&ledger, &third) && !is_away(&ledger, &fourth));
    ledger.unregistering(&third).unwrap();
    ledger.registered(&fourth).unwrap();
    assert!(!is_away(&ledger, &third) && !is_away(&ledger, &fourth));

    // The same if a job has signed the renewal when the name is unregistered.
    let mut staging = ledger.stage(&NewJob { renews: true, ..new_job(10) }).unwrap();
    staging.add(&named(1, "b")).unwrap();
    let StagingOutcome::New(renewing) = staging.keep().unwrap() else { panic!("a new job") };
    let held = claim(&mut ledger, &renewing, Phase::Issue).unwrap();
    let made = signed(&ledger, &held);
    ledger.unregistering(&keys[1]).unwrap();
    ledger.commit_issued(&held, "here", &made).unwrap();
    let renewed = ledger.pending(Kind::Device, "b").unwrap().unwrap();
    assert!(renewed.unregistered_at.is_some() && !renewed.is_for_job());
}
