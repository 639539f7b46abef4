//! Jobs, in every kind of ledger.

use std::collections::BTreeSet;
use std::slice;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use base::Code;
use ledger::{
    Claim, ClaimRequest, Filter, FleetIdentity, Job, JobId, Key, Kind, Ledger, NewJob, Parameters, Phase, SerialNumber,
    ShardParameters, StagedName, StagingOutcome, State, serial_of,
};
use serde_json::json;

use super::{BEGIN, Station, device, intend_as, issue, serial};

/// Longer than any test takes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) fn new_job(shard_size: u32) -> NewJob {
    NewJob { parameters: Parameters::of(&json!({ "days": 365 })).unwrap(), shard_size, renews: false }
}

pub(crate) fn named(line: u64, name: &str) -> StagedName {
    StagedName { line, name: name.to_owned(), ..StagedName::default() }
}

pub(crate) fn try_stage(ledger: &mut Ledger, shard_size: u32, names: &[&str]) -> base::Result<StagingOutcome> {
    let mut staging = ledger.stage(&new_job(shard_size))?;
    // As in a file with a line of headings.
    for (line, name) in (2..).zip(names) {
        staging.add(&named(line, name))?;
    }
    staging.keep()
}

pub(crate) fn stage(ledger: &mut Ledger, shard_size: u32, names: &[&str]) -> Job {
    match try_stage(ledger, shard_size, names).unwrap() {
        StagingOutcome::New(job) => job,
        StagingOutcome::Known(job) => panic!("{job:?} is not new"),
    }
}

pub(crate) fn wish(job: JobId, phase: Phase, station: &str, lease: Duration) -> ClaimRequest<'_> {
    ClaimRequest { job, phase, station, place: Some("here"), lease }
}

pub(crate) fn claim(ledger: &mut Ledger, job: &Job, phase: Phase) -> Option<Claim> {
    ledger.claim(&wish(job.id, phase, "station", LONG)).unwrap()
}

/// The identities that a station would have signed for its claim.
pub(crate) fn signed(ledger: &Ledger, claim: &Claim) -> Vec<FleetIdentity> {
    let common = Arc::new(ShardParameters {
        profile: "client".to_owned(),
        algorithm: "ec-p256".to_owned(),
        issuer: "devices-issuing".to_owned(),
        parameters: Parameters::of(&json!({ "days": 365 })).unwrap(),
    });
    let names = ledger.names(claim.job, claim.shard).unwrap();
    let identity = |(index, name): (u32, StagedName)| {
        let serial = serial_of(&claim.seed, claim.fence, index).unwrap();
        let mut fingerprint = [0; 32];
        fingerprint.iter_mut().zip(serial.octets()).for_each(|(octet, from)| *octet = *from);
        FleetIdentity {
            number: claim.first + u64::from(index),
            credentials_id: format!("id of {}", name.name),
            name: name.name,
            serial,
            fingerprint,
            not_before: BEGIN,
            not_after: BEGIN + time::Duration::days(365),
            common: Arc::clone(&common),
        }
    };
    (0..).zip(names).map(identity).collect()
}

pub(crate) fn issue_shard(ledger: &mut Ledger, job: &Job) -> Claim {
    let claim = claim(ledger, job, Phase::Issue).expect("a shard to issue");
    let identities = signed(ledger, &claim);
    ledger.commit_issued(&claim, "here", &identities).unwrap();
    claim
}

fn keys(ledger: &Ledger, claim: &Claim) -> Vec<Key> {
    ledger.shard(claim.job, claim.shard).unwrap().into_iter().map(|entry| entry.key).collect()
}

pub(crate) fn code<T>(result: base::Result<T>) -> Code {
    result.err().expect("it was to be refused").code()
}

pub(crate) fn a_shard_is_never_handed_out_twice<S: Station>() {
    let station = S::new();
    let names: Vec<String> = (0..40).map(|number| format!("n{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // Shards of one name, so that the stations meet as often as possible.
    let job = stage(&mut station.open(), 1, &names);
    let handed: Vec<u32> = thread::scope(|scope| {
        let work = |number: u32| {
            let mut ledger = station.open();
            scope.spawn(move || {
                let name = format!("station {number}");
                let mut shards = Vec::new();
                loop {
                    match ledger.claim(&wish(job.id, Phase::Issue, &name, LONG)) {
                        Ok(Some(claim)) => shards.push(claim.shard),
                        Ok(None) => return shards,
                        // On a loaded machine the others can keep the file for longer than a user would wait.
                        Err(error) => assert!(matches!(error.code(), Code::StoreLocked | Code::LedgerBusy), "{error}"),
                    }
                }
            })
        };
        let stations: Vec<_> = (0..4).map(work).collect();
        stations.into_iter().flat_map(|station| station.join().unwrap()).collect()
    });
    assert_eq!(handed.len(), 40);
    assert_eq!(handed.into_iter().collect::<BTreeSet<_>>().len(), 40);
}

pub(crate) fn an_ended_lease_hands_the_shard_to_another_that_signs_again<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b"]);
    let late = ledger.claim(&wish(job.id, Phase::Issue, "slow", Duration::ZERO)).unwrap().unwrap();
    assert_eq!((late.shard, late.fence, late.first, late.count), (0, 1, 0, 2));
    let prompt = ledger.claim(&wish(job.id, Phase::Issue, "prompt", LONG)).unwrap().unwrap();
    // The same shard with the next fence, by which the late station is recognized.
    assert_eq!((prompt.shard, prompt.fence), (0, 2));
    // Another seed gives other serial numbers: what the late station has signed must not share them.
    assert_ne!(prompt.seed, late.seed);
    assert_eq!(claim(&mut ledger, &job, Phase::Issue), None, "the lease goes on");

    let identities = signed(&ledger, &late);
    assert_eq!(code(ledger.commit_issued(&late, "there", &identities)), Code::LeaseLost);
    assert_eq!(code(ledger.renew(&late, LONG)), Code::LeaseLost);
    assert_eq!(code(ledger.give_back(&late, "late")), Code::LeaseLost);
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 0, "nothing of it was kept");

    ledger.renew(&prompt, LONG).unwrap();
    let identities = signed(&ledger, &prompt);
    ledger.commit_issued(&prompt, "here", &identities).unwrap();
    assert_eq!(code(ledger.commit_issued(&late, "there", &identities)), Code::LeaseLost, "and after it");
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 2);
    let committed = ledger.committed(job.id, 0).unwrap().unwrap();
    assert_eq!((committed.fence, &*committed.place), (2, "here"));
}

pub(crate) fn a_lease_that_ended_unnoticed_is_still_good<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b"]);
    let claim = ledger.claim(&wish(job.id, Phase::Issue, "slow", Duration::ZERO)).unwrap().unwrap();
    let identities = signed(&ledger, &claim);
    ledger.commit_issued(&claim, "here", &identities).unwrap();
    ledger.commit_issued(&claim, "here", &identities).unwrap();
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 2, "told twice, it is kept once");
}

pub(crate) fn a_lease_tells_how_long_it_goes_on<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 1, &["a", "b"]);
    assert_eq!(ledger.next_lease_end(job.id, Phase::Issue, None).unwrap(), None);
    let first = claim(&mut ledger, &job, Phase::Issue).unwrap();
    let left = ledger.next_lease_end(job.id, Phase::Issue, None).unwrap().unwrap();
    assert!(left <= LONG && left > LONG / 2, "{left:?}");
    ledger.renew(&first, 2 * LONG).unwrap();
    let left = ledger.next_lease_end(job.id, Phase::Issue, None).unwrap().unwrap();
    assert!(left > LONG, "{left:?}");

    let identities = signed(&ledger, &first);
    ledger.commit_issued(&first, "here", &identities).unwrap();
    claim(&mut ledger, &job, Phase::Register).unwrap();
    let left = |place| ledger.next_lease_end(job.id, Phase::Register, Some(place)).unwrap();
    assert!(left("here").is_some());
    assert_eq!(left("there"), None, "no station elsewhere can claim the shard, now or later");
}

pub(crate) fn what_is_given_back_is_open_at_once<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a"]);
    let first = claim(&mut ledger, &job, Phase::Issue).unwrap();
    ledger.give_back(&first, "the disk is full").unwrap();
    ledger.give_back(&first, "the disk is full").unwrap();
    let second = claim(&mut ledger, &job, Phase::Issue).unwrap();
    assert_eq!((second.shard, second.fence), (0, 2));
    assert_ne!(second.seed, first.seed);
    assert_eq!(code(ledger.give_back(&first, "late")), Code::LeaseLost);
}

pub(crate) fn only_the_names_of_the_shard_are_committed<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b", "c"]);
    let claim = claim(&mut ledger, &job, Phase::Issue).unwrap();
    let whole = signed(&ledger, &claim);
    let (mut beyond, mut twice) = (whole.clone(), whole.clone());
    beyond[1].number = 2;
    twice[1].number = 0;
    for identities in [&whole[..1], &[], &beyond, &twice] {
        assert_eq!(code(ledger.commit_issued(&claim, "here", identities)), Code::Internal);
    }
    assert_eq!(ledger.count(&Filter::default()).unwrap(), 0);
    ledger.commit_issued(&claim, "here", &whole).unwrap();
}

pub(crate) fn a_job_is_done_when_all_of_it_is_issued<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    // So that the job finds a generation there, and has to count on from it.
    let old = intend_as(&mut ledger, &device("a")).unwrap();
    ledger.void(&old, "interrupted").unwrap();
    let job = stage(&mut ledger, 2, &["a", "b", "c"]);
    let first = issue_shard(&mut ledger, &job);
    assert!(!ledger.job(job.id).unwrap().unwrap().done);
    let last = issue_shard(&mut ledger, &job);
    assert_eq!((last.shard, last.first, last.count), (1, 2, 1));
    assert!(ledger.job(job.id).unwrap().unwrap().done);
    assert_eq!(claim(&mut ledger, &job, Phase::Issue), None);

    let entry = ledger.current(Kind::Device, "a").unwrap().unwrap();
    assert_eq!((entry.state, entry.generation().number(), entry.job), (State::Issued, 2, Some((job.id, 0))));
    assert_eq!(entry.serial, serial_of(&first.seed, first.fence, 0).unwrap());
    assert_eq!((entry.not_before, entry.credentials_id.as_deref()), (BEGIN, Some("id of a")));
    assert!(entry.reached(State::Intended).is_some() && entry.reached(State::Issued).is_some());
    let (of, shard, committed) = ledger.shard_of(&entry).unwrap().unwrap();
    assert_eq!((of, shard, committed.fence, &*committed.place), (job.id, 0, 1, "here"));
    let single = issue(&mut ledger, "single");
    let single = ledger.entry(&single).unwrap().unwrap();
    assert_eq!(ledger.shard_of(&single).unwrap(), None);
    ledger.check().unwrap();
}

pub(crate) fn an_issuer_uses_a_serial_once_in_a_job_too<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "single");
    let job = stage(&mut ledger, 2, &["a"]);
    let claim = claim(&mut ledger, &job, Phase::Issue).unwrap();
    let mut identities = signed(&ledger, &claim);
    // The serial number of another certificate of this issuer, as a fault in the numbering would give it.
    identities[0].serial = serial("single");
    assert_eq!(code(ledger.commit_issued(&claim, "here", &identities)), Code::Internal);
    identities[0].serial = SerialNumber::new(&[9; 16]).unwrap();
    ledger.commit_issued(&claim, "here", &identities).unwrap();
}

pub(crate) fn registering_waits_for_issuing_and_asks_where_the_shard_lies<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 1, &["a", "b"]);
    assert_eq!(claim(&mut ledger, &job, Phase::Register), None);
    issue_shard(&mut ledger, &job);
    let elsewhere = ClaimRequest { place: Some("elsewhere"), ..wish(job.id, Phase::Register, "other", LONG) };
    assert_eq!(ledger.claim(&elsewhere).unwrap(), None);
    // As a station asks whose store can read every place.
    let anywhere = ClaimRequest { place: None, ..elsewhere };
    let registering = ledger.claim(&anywhere).unwrap().unwrap();
    assert_eq!((registering.shard, registering.place.as_deref(), registering.seed), (0, Some("here"), [0; 32]));
    let bundling = claim(&mut ledger, &job, Phase::Bundle).unwrap();
    assert_eq!((bundling.shard, bundling.phase), (0, Phase::Bundle), "the phases do not wait for each other");
    assert_eq!(claim(&mut ledger, &job, Phase::Bundle), None);
}

pub(crate) fn no_device_is_bundled_while_its_bundle_is_made_again<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b", "c", "d"]);
    issue_shard(&mut ledger, &job);
    issue_shard(&mut ledger, &job);
    for phase in [Phase::Register, Phase::Bundle] {
        while let Some(claim) = claim(&mut ledger, &job, phase) {
            let keys = keys(&ledger, &claim);
            // Some are only bundled.
            let done: Vec<Key> =
                keys.iter().filter(|key| phase == Phase::Bundle || key.name.as_str() < "c").cloned().collect();
            ledger.commit_step(&claim, &done, &[]).unwrap();
            ledger.finish(&claim).unwrap();
        }
    }
    let state = |ledger: &Ledger, name: &str| {
        let entry = ledger.current(Kind::Device, name).unwrap().unwrap();
        (entry.state, entry.reached(State::Registered).is_some(), entry.reached(State::Bundled).is_some())
    };
    let is_bundled = |registered| (State::Bundled, registered, true);
    assert_eq!([state(&ledger, "a"), state(&ledger, "c")], [is_bundled(true), is_bundled(false)]);
    // A shard whose bundles are lost, and then all of them.
    ledger.redo_shards(job.id, Phase::Bundle, &[1]).unwrap();
    assert_eq!([state(&ledger, "a"), state(&ledger, "c")], [is_bundled(true), (State::Issued, false, false)]);
    assert_eq!(ledger.redo(job.id, Phase::Bundle).unwrap(), 1);
    assert_eq!(state(&ledger, "a"), (State::Registered, true, false));
    // A device that cannot be bundled any more has lost its bundle with those of its shard.
    let claim = claim(&mut ledger, &job, Phase::Bundle).unwrap();
    let [a, b] = <[Key; 2]>::try_from(keys(&ledger, &claim)).unwrap();
    ledger.commit_step(&claim, &[a, b.clone()], &[]).unwrap();
    ledger.commit_step(&claim, &[], &[(b, "its key is gone".to_owned())]).unwrap();
    assert_eq!([state(&ledger, "a"), state(&ledger, "b")], [is_bundled(true), (State::Registered, true, false)]);
    ledger.finish(&claim).unwrap();
    assert_eq!(ledger.job_progress(job.id).unwrap().phase(Phase::Bundle).partly, 1);
}

pub(crate) fn a_shard_is_partly_done_while_a_device_lacks_the_step<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 3, &["a", "b", "c"]);
    issue_shard(&mut ledger, &job);
    let first = claim(&mut ledger, &job, Phase::Register).unwrap();
    let [a, b, c] = <[Key; 3]>::try_from(keys(&ledger, &first)).unwrap();
    ledger.commit_step(&first, slice::from_ref(&a), &[(b.clone(), "the name is taken".to_owned())]).unwrap();
    ledger.commit_step(&first, slice::from_ref(&c), &[]).unwrap();
    let entry = ledger.entry(&b).unwrap().unwrap();
    assert_eq!((entry.state, entry.last_error.as_deref()), (State::Issued, Some("the name is taken")));
    ledger.finish(&first).unwrap();
    ledger.finish(&first).unwrap();
    assert_eq!(code(ledger.commit_step(&first, slice::from_ref(&b), &[])), Code::LeaseLost, "it has been let go");

    let progress = ledger.job_progress(job.id).unwrap();
    assert_eq!((progress.phase(Phase::Register).partly, progress.failed), (1, 1));
    assert_eq!(progress.states, [(State::Issued, 1), (State::Registered, 2)].into());
    assert_eq!(claim(&mut ledger, &job, Phase::Register), None, "partly done, it is left until it is opened again");
    assert_eq!(ledger.reopen(job.id, Phase::Register).unwrap(), 1);
    assert_eq!(ledger.reopen(job.id, Phase::Register).unwrap(), 0);
    assert_eq!(ledger.redo(job.id, Phase::Issue).unwrap_err().code(), Code::Internal);

    let second = claim(&mut ledger, &job, Phase::Register).unwrap();
    ledger.commit_step(&second, &[b.clone(), a], &[]).unwrap();
    ledger.finish(&second).unwrap();
    let progress = ledger.job_progress(job.id).unwrap();
    assert_eq!((progress.phase(Phase::Register).done, progress.failed), (1, 0));
    assert_eq!(ledger.entry(&b).unwrap().unwrap().state, State::Registered);
}

pub(crate) fn what_was_withdrawn_meanwhile_stays_so_and_lacks_nothing<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 3, &["a", "b"]);
    issue_shard(&mut ledger, &job);
    let claim = claim(&mut ledger, &job, Phase::Bundle).unwrap();
    let [a, b] = <[Key; 2]>::try_from(keys(&ledger, &claim)).unwrap();
    ledger.revoke(&b, Some("keyCompromise"), &[]).unwrap();
    ledger.commit_step(&claim, &[a, b.clone()], &[]).unwrap();
    ledger.finish(&claim).unwrap();
    assert_eq!(ledger.entry(&b).unwrap().unwrap().state, State::Revoked);
    assert_eq!(ledger.job_progress(job.id).unwrap().phase(Phase::Bundle).done, 1);
}

pub(crate) fn a_device_of_another_shard_takes_no_step<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 1, &["a", "b"]);
    issue_shard(&mut ledger, &job);
    issue_shard(&mut ledger, &job);
    let first = claim(&mut ledger, &job, Phase::Register).unwrap();
    let second = claim(&mut ledger, &job, Phase::Register).unwrap();
    let (ours, theirs) = (keys(&ledger, &first), keys(&ledger, &second));
    let both = [ours, theirs.clone()].concat();
    assert_eq!(code(ledger.commit_step(&first, &both, &[])), Code::Internal);
    assert_eq!(code(ledger.commit_step(&first, &[], &[(theirs[0].clone(), "no".to_owned())])), Code::Internal);
    assert_eq!(ledger.job_progress(job.id).unwrap().states, [(State::Issued, 2)].into(), "all or nothing");
    assert_eq!(code(ledger.commit_issued(&first, "here", &[])), Code::Internal);
    // Issuing has a commit of its own, which the steps must not get around.
    let last = Claim { phase: Phase::Issue, ..second };
    assert_eq!(code(ledger.commit_step(&last, &theirs, &[])), Code::Internal);
}

pub(crate) fn a_late_step_is_refused<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 1, &["a"]);
    issue_shard(&mut ledger, &job);
    let late = ledger.claim(&wish(job.id, Phase::Register, "slow", Duration::ZERO)).unwrap().unwrap();
    let prompt = claim(&mut ledger, &job, Phase::Register).unwrap();
    let keys = keys(&ledger, &late);
    assert_eq!(code(ledger.commit_step(&late, &keys, &[])), Code::LeaseLost);
    assert_eq!(code(ledger.finish(&late)), Code::LeaseLost);
    ledger.commit_step(&prompt, &keys, &[]).unwrap();
    ledger.finish(&prompt).unwrap();
    assert_eq!(code(ledger.finish(&late)), Code::LeaseLost);
}

pub(crate) fn progress_counts_shards_and_devices<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 1, &["a", "b", "c"]);
    issue_shard(&mut ledger, &job);
    claim(&mut ledger, &job, Phase::Issue).unwrap();
    issue(&mut ledger, "single");
    let progress = ledger.job_progress(job.id).unwrap();
    let issue = progress.phase(Phase::Issue);
    assert_eq!((issue.open, issue.claimed, issue.partly, issue.done), (1, 1, 0, 1));
    assert_eq!(progress.phase(Phase::Bundle).open, 3);
    assert_eq!(progress.states, [(State::Issued, 1)].into());
    let of_job = Filter { job: Some(job.id), ..Filter::default() };
    assert_eq!(ledger.count(&of_job).unwrap(), 1);
    assert_eq!(ledger.list(&of_job).map(|entry| entry.unwrap().key.name).collect::<Vec<_>>(), ["a"]);
}

pub(crate) fn shards_of_the_dead_are_free_for_who_is_alone<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 1, &["a", "b"]);
    let dead = claim(&mut ledger, &job, Phase::Issue).unwrap();
    let other = stage(&mut ledger, 1, &["c"]);
    claim(&mut ledger, &other, Phase::Issue).unwrap();
    ledger.break_leases(job.id).unwrap();
    let next = claim(&mut ledger, &job, Phase::Issue).unwrap();
    if ledger.is_shared() {
        assert_eq!(next.shard, 1, "no station is alone here");
    } else {
        assert_eq!((next.shard, next.fence), (dead.shard, dead.fence + 1));
        assert_eq!(code(ledger.renew(&dead, LONG)), Code::LeaseLost);
    }
    assert_eq!(claim(&mut ledger, &other, Phase::Issue), None, "other jobs are left alone");
}

pub(crate) fn failures_and_states_are_listed<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let [a, b, c] = ["a", "b", "c"].map(|name| issue(&mut ledger, name));
    issue(&mut ledger, "d");
    ledger.failed(&a, "no answer").unwrap();
    ledger.registered(&b).unwrap();
    ledger.void(&c, "a mistake").unwrap();
    let names = |filter: &Filter| -> Vec<String> {
        assert_eq!(ledger.count(filter).unwrap(), ledger.list(filter).count() as u64);
        ledger.list(filter).map(|entry| entry.unwrap().key.name).collect()
    };
    assert_eq!(names(&Filter { failed_only: true, ..Filter::default() }), ["a"]);
    assert_eq!(names(&Filter { states: vec![State::Registered, State::Void], ..Filter::default() }), ["b", "c"]);
    let both = Filter { states: vec![State::Issued], failed_only: true, kind: Some(Kind::Device), ..Filter::default() };
    assert_eq!(names(&both), ["a"]);
}
