//! What every ledger does with renewals of many devices, their steps, leases on identities, and the clock.

use std::thread;
use std::time::Duration;

use base::Code;
use ledger::{
    Filter, Key, Kind, LatestGeneration, Ledger, NewJob, OpenStep, Phase, RenewalCandidate, RenewalStep, Role,
    StagingOutcome, State,
};

use super::jobs::{claim, code, issue_shard, named, new_job, signed, stage, try_stage};
use super::lifecycle::{renewal, roles};
use super::{Station, intend_as, issue, leaf};

const LONG: Duration = Duration::from_secs(3600);

fn pending(ledger: &mut Ledger, name: &str) -> Key {
    let key = intend_as(ledger, &renewal(name, 2)).unwrap();
    ledger.issued_pending(&key, &leaf("pending")).unwrap();
    key
}

fn open(ledger: &Ledger) -> Vec<(String, RenewalStep, Option<String>)> {
    let open = ledger.open_renewals().unwrap().into_iter();
    open.map(|open| (open.key.name, open.step, open.error)).collect()
}

pub(crate) fn steps_of_a_renewal_are_open_until_they_are_done<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let first = issue(&mut ledger, "a");
    let second = pending(&mut ledger, "a");
    for _ in 0..2 {
        ledger.begin_step(&second, RenewalStep::Swap).unwrap();
    }
    ledger.fail_step(&second, RenewalStep::Swap, "it is away").unwrap();
    assert_eq!(open(&ledger), [("a".to_owned(), RenewalStep::Swap, Some("it is away".to_owned()))]);
    // The same for some names, of which more than one statement takes.
    let all = ledger.open_renewals().unwrap();
    let others: Vec<String> = (0..1200).map(|number| format!("x-{number}")).collect();
    let names: Vec<&str> = others.iter().map(String::as_str).chain(["a"]).collect();
    assert_eq!(ledger.open_renewals_of(Kind::Device, &names).unwrap(), all);
    assert_eq!(ledger.open_renewals_of(Kind::Device, &names[..1200]).unwrap(), []);
    assert_eq!(ledger.open_renewals_of(Kind::Server, &names).unwrap(), []);
    // Begun again, it keeps its error until it is done.
    ledger.begin_step(&second, RenewalStep::Swap).unwrap();
    assert!(ledger.is_step_open(&second, RenewalStep::Swap).unwrap());
    assert!(!ledger.is_step_open(&first, RenewalStep::Swap).unwrap());
    ledger.begin_step(&second, RenewalStep::Hook).unwrap();
    // What is current has nothing under way with the platform.
    ledger.promote(&second).unwrap();
    assert_eq!(open(&ledger), [("a".to_owned(), RenewalStep::Hook, None)]);
    for _ in 0..2 {
        ledger.end_step(&second, RenewalStep::Hook).unwrap();
    }
    assert_eq!(open(&ledger), []);

    // A generation that goes takes its steps along.
    let third = intend_as(&mut ledger, &renewal("a", 3)).unwrap();
    ledger.begin_step(&third, RenewalStep::Hook).unwrap();
    ledger.void(&third, "interrupted").unwrap();
    let fourth = intend_as(&mut ledger, &renewal("a", 4)).unwrap();
    ledger.issued_pending(&fourth, &leaf("a4")).unwrap();
    ledger.begin_step(&fourth, RenewalStep::Swap).unwrap();
    ledger.revoke(&fourth, None, &[]).unwrap();
    ledger.begin_step(&second, RenewalStep::Install).unwrap();
    let fifth = intend_as(&mut ledger, &renewal("a", 5)).unwrap();
    ledger.issued(&fifth, &leaf("a5")).unwrap();
    assert_eq!(open(&ledger), []);
}

pub(crate) fn another_current_generation_supersedes_a_pending_one<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "a");
    pending(&mut ledger, "a");
    let third = intend_as(&mut ledger, &renewal("a", 3)).unwrap();
    ledger.issued(&third, &leaf("a3")).unwrap();
    assert_eq!(roles(&station, "a"), [Role::Superseded, Role::Superseded, Role::Current]);
}

pub(crate) fn what_the_platform_has_is_current_although_another_renewal_came_between<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let first = issue(&mut ledger, "a");
    ledger.registered(&first).unwrap();
    let taken =
        |ledger: &mut Ledger, key: &Key| ledger.transaction(|transaction| transaction.taken_by_platform(key)).unwrap();
    let second = pending(&mut ledger, "a");
    let third = intend_as(&mut ledger, &renewal("a", 3)).unwrap();
    ledger.issued_pending(&third, &leaf("a3")).unwrap();
    assert_eq!(roles(&station, "a"), [Role::Current, Role::Superseded, Role::Pending]);
    for is_new in [true, false] {
        assert_eq!(taken(&mut ledger, &second), is_new);
        assert_eq!(roles(&station, "a"), [Role::Superseded, Role::Current, Role::Pending]);
    }
    assert!(ledger.entry(&second).unwrap().unwrap().reached(State::Registered).is_some());
    assert!(taken(&mut ledger, &third));
    // Late news of an earlier one.
    for late in [&first, &second] {
        assert!(!taken(&mut ledger, late));
    }
    assert_eq!(roles(&station, "a"), [Role::Superseded, Role::Superseded, Role::Current]);
    ledger.revoke(&third, None, &[]).unwrap();
    assert!(!taken(&mut ledger, &third));

    // The same in a shard of a job.
    issue(&mut ledger, "b");
    let mut staging = ledger.stage(&NewJob { renews: true, ..new_job(10) }).unwrap();
    staging.add(&named(1, "b")).unwrap();
    let StagingOutcome::New(job) = staging.keep().unwrap() else { panic!("a new job") };
    let held = claim(&mut ledger, &job, Phase::Issue).unwrap();
    let made = signed(&ledger, &held);
    ledger.commit_issued(&held, "here", &made).unwrap();
    let key = ledger.pending(Kind::Device, "b").unwrap().unwrap().key;
    let held = claim(&mut ledger, &job, Phase::Register).unwrap();
    let other = intend_as(&mut ledger, &renewal("b", 9)).unwrap();
    ledger.issued_pending(&other, &leaf("b9")).unwrap();
    assert_eq!(ledger.commit_step(&held, &[key], &[]).unwrap(), []);
    assert_eq!(roles(&station, "b"), [Role::Superseded, Role::Current, Role::Pending]);
}

pub(crate) fn a_lease_on_an_identity_has_one_holder_until_it_ends<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let none: Vec<String> = Vec::new();
    let is_leased = |ledger: &Ledger, name: &str| ledger.is_leased(Kind::Device, name).unwrap();
    // A name that is there twice must not be in its own way.
    assert_eq!(ledger.lease("one", Kind::Device, &["b", "a", "b"], LONG).unwrap(), none);
    assert_eq!(ledger.lease("one", Kind::Device, &["a"], LONG).unwrap(), none, "extended");
    assert!(is_leased(&ledger, "a") && !is_leased(&ledger, "c"));
    assert_eq!(ledger.lease("two", Kind::Device, &["c", "a", "b"], LONG).unwrap(), ["a", "b"]);
    assert_eq!(ledger.lease("two", Kind::Server, &["a"], LONG).unwrap(), none, "of another kind");
    // No holder ends the lease of another one.
    ledger.release("two", Kind::Device, &["a"]).unwrap();
    assert_eq!(ledger.lease("two", Kind::Device, &["a"], LONG).unwrap(), ["a"]);
    ledger.release("one", Kind::Device, &["a"]).unwrap();
    assert_eq!(ledger.lease("two", Kind::Device, &["a"], LONG).unwrap(), none);
    // A prefix of "one", and none of "two".
    ledger.release_all("on").unwrap();
    assert_eq!(ledger.lease("two", Kind::Device, &["b"], LONG).unwrap(), none);
    // One that has ended is free.
    ledger.lease("three", Kind::Device, &["d"], Duration::from_millis(1)).unwrap();
    // 20 times the lease, so that a coarse clock is no matter.
    thread::sleep(Duration::from_millis(20));
    assert!(!is_leased(&ledger, "d"));
    assert_eq!(ledger.lease("two", Kind::Device, &["d"], LONG).unwrap(), none);
}

pub(crate) fn a_registration_of_a_revoked_device_leaves_a_step_open<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (a, b) = (issue(&mut ledger, "a"), issue(&mut ledger, "b"));
    ledger.revoke(&b, None, &[]).unwrap();
    let registered = |ledger: &mut Ledger, key: &Key| {
        ledger.transaction(|transaction| transaction.registered_unless_revoked(key)).unwrap()
    };
    assert!(registered(&mut ledger, &a));
    for _ in 0..2 {
        assert!(!registered(&mut ledger, &b));
    }
    let open: Vec<_> = ledger.open_revocations().unwrap().into_iter().map(|open| (open.key, open.step)).collect();
    assert_eq!(open, [(b, OpenStep::Platform)]);

    // The same in a shard.
    let job = stage(&mut ledger, 2, &["c", "d"]);
    issue_shard(&mut ledger, &job);
    let held = claim(&mut ledger, &job, Phase::Register).unwrap();
    let keys: Vec<Key> = ledger.shard(job.id, 0).unwrap().into_iter().map(|entry| entry.key).collect();
    ledger.revoke(&keys[1], None, &[]).unwrap();
    assert_eq!(ledger.commit_step(&held, &keys, &[]).unwrap(), &keys[1..]);
    assert_eq!(ledger.open_revocations().unwrap().len(), 2);
}

pub(crate) fn a_job_that_renews_makes_pending_generations<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    for name in ["a", "b", "c"] {
        issue(&mut ledger, name);
    }
    let stage_renewal = |ledger: &mut Ledger, names: &[&str]| {
        let mut staging = ledger.stage(&NewJob { renews: true, ..new_job(10) }).unwrap();
        for (line, name) in (1..).zip(names) {
            staging.add(&named(line, name)).unwrap();
        }
        staging.keep()
    };
    let StagingOutcome::New(job) = stage_renewal(&mut ledger, &["a", "b", "c"]).unwrap() else { panic!("a new job") };
    assert!(job.renews);
    // Its names are reserved for it.
    assert_eq!(code(stage_renewal(&mut ledger, &["a"])), Code::DuplicateNames);
    assert_eq!(code(try_stage(&mut ledger, 10, &["a"])), Code::DuplicateNames);
    let held = claim(&mut ledger, &job, Phase::Issue).unwrap();
    let identities = signed(&ledger, &held);
    // "b" is revoked before it was signed and is left out, "c" while it is signed.
    for name in ["b", "c"] {
        let key = ledger.current(Kind::Device, name).unwrap().unwrap().key;
        ledger.revoke(&key, Some("keyCompromise"), &[]).unwrap();
    }
    let made = [identities[0].clone(), identities[2].clone()];
    ledger.commit_issued(&held, "here", &made).unwrap();
    assert_eq!(roles(&station, "a"), [Role::Current, Role::Pending]);
    assert_eq!(roles(&station, "b"), [Role::Revoked]);
    assert_eq!(roles(&station, "c"), [Role::Revoked, Role::Revoked]);
    let open: Vec<_> = ledger.open_revocations().unwrap().into_iter().map(|open| (open.key.name, open.step)).collect();
    assert_eq!(open, [("c".to_owned(), OpenStep::List)]);
    let names: Vec<String> =
        ledger.list(&Filter { pending_only: true, ..Filter::default() }).map(|entry| entry.unwrap().key.name).collect();
    assert_eq!(names, ["a"]);
    // The pending one is bundled by its job, and a name that has one is not renewed by another job.
    let bundle = claim(&mut ledger, &job, Phase::Bundle).unwrap();
    let key = ledger.pending(Kind::Device, "a").unwrap().unwrap().key;
    assert_eq!(ledger.commit_step(&bundle, std::slice::from_ref(&key), &[]).unwrap(), []);
    ledger.finish(&bundle).unwrap();
    assert!(ledger.job_progress(job.id).unwrap().phase(Phase::Bundle).done > 0);
    assert_eq!(code(stage_renewal(&mut ledger, &["a"])), Code::DuplicateNames);
    // Once it is used, the same devices are renewed by another job, with the same parameters.
    ledger.promote(&key).unwrap();
    let StagingOutcome::New(second) = stage_renewal(&mut ledger, &["a"]).unwrap() else { panic!("a new job") };
    assert_ne!(second.id, job.id);
}

pub(crate) fn the_candidates_of_a_shard_are_what_single_queries_return<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let names = ["current", "pending", "replaced", "revoked", "unregistered", "void"];
    let job = stage(&mut ledger, 4, &names);
    let before = ledger.renewal_candidates(job.id, 0).unwrap();
    assert_eq!(before.len(), 4);
    assert!(before.iter().all(|candidate| candidate.latest.is_none() && candidate.pending.is_none()));
    for _ in 0..job.shards {
        issue_shard(&mut ledger, &job);
    }
    let key = |ledger: &Ledger, name: &str| ledger.current(Kind::Device, name).unwrap().unwrap().key;
    pending(&mut ledger, "pending");
    let next = pending(&mut ledger, "replaced");
    ledger.promote(&next).unwrap();
    ledger.revoke(&key(&ledger, "revoked"), None, &[]).unwrap();
    ledger.unregistered(&key(&ledger, "unregistered")).unwrap();
    let given_up = intend_as(&mut ledger, &renewal("void", 2)).unwrap();
    ledger.void(&given_up, "interrupted").unwrap();

    let mut found = Vec::new();
    for shard in 0..job.shards {
        found.extend(ledger.renewal_candidates(job.id, shard).unwrap());
    }
    assert_eq!(found.iter().map(|candidate| candidate.name.name.as_str()).collect::<Vec<_>>(), names);
    let all: Vec<_> = (0..job.shards).flat_map(|shard| ledger.names(job.id, shard).unwrap()).collect();
    assert_eq!(found.iter().map(|candidate| candidate.name.clone()).collect::<Vec<_>>(), all);
    for candidate in &found {
        let name = candidate.name.name.as_str();
        let entry = ledger.latest(Kind::Device, name).unwrap().unwrap();
        let latest = candidate.latest.as_ref().unwrap();
        assert_eq!((latest.generation, latest.role), (entry.generation(), entry.role), "{name}");
        assert_eq!((latest.not_before, latest.not_after), (entry.not_before, entry.not_after), "{name}");
        assert_eq!(latest.job, entry.job.map(|(job, _)| job), "{name}");
        assert_eq!(latest.is_revoked, entry.revocation.is_some(), "{name}");
        assert_eq!(latest.is_for_bulk(), entry.is_for_bulk(), "{name}");
        assert_eq!(candidate.pending.is_some(), ledger.pending(Kind::Device, name).unwrap().is_some(), "{name}");
    }
    let taken = |of: fn(&RenewalCandidate) -> bool| -> Vec<&str> {
        found.iter().filter(|candidate| of(candidate)).map(|candidate| candidate.name.name.as_str()).collect()
    };
    assert_eq!(taken(|candidate| candidate.pending.is_some()), ["pending"]);
    assert_eq!(
        taken(|candidate| candidate.latest.as_ref().is_some_and(LatestGeneration::is_for_bulk)),
        ["current", "pending", "replaced", "void"]
    );
}

pub(crate) fn the_newest_entry_is_the_one_that_was_recorded_last<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    assert_eq!(ledger.newest().unwrap(), None);
    issue(&mut ledger, "a");
    let now = ledger.newest().unwrap().unwrap();
    // Recorded by a clock in the future, which was corrected and accepted.
    // In seconds: 1,000 days.
    station.sql("UPDATE identity SET intended_at = intended_at + 86400000, issued_at = issued_at + 86400000");
    assert_eq!((ledger.newest().unwrap().unwrap() - now).whole_days(), 1000);
    ledger.accept_clock(now).unwrap();
    assert_eq!(ledger.newest().unwrap(), Some(now));
    issue(&mut ledger, "b");
    let newest = ledger.newest().unwrap().unwrap();
    assert!(newest - now < time::Duration::DAY, "{newest}");
}
