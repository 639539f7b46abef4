//! Registrations at several platforms, in every kind of ledger.

use base::Code;
use ledger::{
    Filter, Key, Kind, Ledger, NewJob, OpenStep, Phase, PlatformRename, PlatformUrl, RenewalStep, StagingOutcome, State,
};

use super::jobs::{claim, code, issue_shard, named, new_job, signed, stage};
use super::lifecycle::renewal;
use super::{Station, intend_as, issue, leaf};

fn url(text: &str) -> PlatformUrl {
    text.parse().unwrap()
}

/// A handle that is about one of two platforms.
fn at<S: Station>(station: &S, name: &str) -> Ledger {
    station.open().focused(Some(url(&format!("https://{name}.example")))).unwrap()
}

fn state(ledger: &Ledger, key: &Key) -> (State, bool, bool) {
    let entry = ledger.entry(key).unwrap().unwrap();
    (entry.state, entry.reached(State::Registered).is_some(), entry.is_registered_elsewhere())
}

/// The open steps of revocations: the name, and the platform where a step has one.
fn open(ledger: &Ledger) -> Vec<(String, String, bool)> {
    let open = ledger.open_revocations().unwrap().into_iter();
    open.map(|open| {
        let at = open.url.map(|url| url.to_string()).unwrap_or_default();
        (format!("{} {}", open.key.name, open.step), at, open.is_elsewhere)
    })
    .collect()
}

fn names(ledger: &Ledger, filter: &Filter) -> Vec<String> {
    let names: Vec<String> = ledger.list(filter).map(|entry| entry.unwrap().key.name).collect();
    assert_eq!(ledger.count(filter).unwrap(), names.len() as u64, "{filter:?}");
    names
}

fn pending(ledger: &mut Ledger, name: &str, number: u8) -> Key {
    let key = intend_as(ledger, &renewal(name, number)).unwrap();
    ledger.transaction(|transaction| transaction.stay_unregistered(&key)).unwrap();
    ledger.issued_pending(&key, &leaf(&format!("{name} {number}"))).unwrap();
    key
}

pub(crate) fn each_platform_has_its_own_registrations<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    let key = issue(&mut a, "pump-1");
    a.registered(&key).unwrap();
    let mut b = at(&station, "b");
    assert_eq!(state(&b, &key), (State::Issued, false, true), "nothing is registered at an unknown one");
    assert_eq!(b.platforms().unwrap().len(), 1, "reading makes no row");
    assert_eq!(b.other_platforms_of_unknown().unwrap(), [url("https://a.example")]);
    b.bundled(&key).unwrap();
    assert_eq!(state(&b, &key), (State::Bundled, false, true));
    b.registered(&key).unwrap();
    assert_eq!(b.other_platforms_of_unknown().unwrap(), []);

    // Of two steps in one second, a registration counts as the last one.
    let registered = Filter { states: vec![State::Registered], ..Filter::default() };
    assert!(state(&b, &key).1);
    assert_eq!(names(&b, &registered), ["pump-1"]);
    b.unregistering(&key).unwrap();
    assert!(b.entry(&key).unwrap().unwrap().unregistered_at.is_some());
    b.unregistered(&key).unwrap();
    assert_eq!(state(&b, &key), (State::Bundled, false, true));
    assert_eq!(names(&b, &registered), Vec::<String>::new());
    assert_eq!(names(&b, &Filter { skip_unregistered: true, ..Filter::default() }), Vec::<String>::new());
    assert_eq!(names(&b, &Filter { never: Some(State::Registered), ..Filter::default() }), ["pump-1"]);

    let mut a = at(&station, "a");
    assert_eq!(state(&a, &key), (State::Bundled, true, false), "the other one is as it was");
    assert_eq!(names(&a, &Filter { skip_unregistered: true, ..Filter::default() }), ["pump-1"]);
    assert!(a.entry(&key).unwrap().unwrap().unregistered_at.is_none());
    b.not_unregistered(&key).unwrap();
    b.registered(&key).unwrap();
    a.unregistered(&key).unwrap();
    assert_eq!((state(&a, &key).1, state(&a, &key).2), (false, true));
    assert!(state(&at(&station, "b"), &key).1);
    let all: Vec<String> = a
        .registrations_of(Kind::Device, "pump-1")
        .unwrap()
        .into_iter()
        .map(|one| one.platform.url.to_string())
        .collect();
    assert_eq!(all, ["https://b.example"]);
    // What is registered somewhere was used, and is not given up.
    assert_eq!(code(a.void(&key, "unused")), Code::Internal);
}

pub(crate) fn the_columns_belong_to_the_first_platform_that_is_used<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let key = issue(&mut ledger, "pump-1");
    // As a ledger of an earlier version has it.
    ledger.registered(&key).unwrap();
    assert_eq!(ledger.platforms().unwrap(), []);
    let mut a = at(&station, "a");
    let waiting = at(&station, "b");
    assert!(state(&a, &key).1 && state(&waiting, &key).1);
    let failed = a.transaction(|transaction| {
        transaction.registered(&key)?;
        Err::<(), _>(Code::Internal.error("no"))
    });
    assert_eq!((code(failed), a.platforms().unwrap()), (Code::Internal, Vec::new()), "the row is rolled back");
    a.registered(&key).unwrap();
    assert_eq!(a.platforms().unwrap().len(), 1);
    // A handle that was opened before notices it when it writes.
    let mut waiting = waiting;
    waiting.transaction(|transaction| transaction.unregistered(&key)).unwrap();
    assert!(!state(&waiting, &key).1 && state(&at(&station, "a"), &key).1);
    // Without a URL, the first platform is meant.
    let mut plain = station.open().focused(None).unwrap();
    assert!(state(&plain, &key).1);
    plain.unregistered(&key).unwrap();
    assert!(!state(&at(&station, "a"), &key).1);
}

pub(crate) fn a_revocation_is_open_at_each_platform<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    let (both, one, none) = (issue(&mut a, "both"), issue(&mut a, "one"), issue(&mut a, "none"));
    a.registered(&both).unwrap();
    a.registered(&one).unwrap();
    at(&station, "b").registered(&both).unwrap();
    let mut a = at(&station, "a");
    for key in [&both, &one, &none] {
        a.revoke(key, None, &[OpenStep::Platform]).unwrap();
    }
    let (here, there) = ("https://a.example".to_owned(), "https://b.example".to_owned());
    let step = |name: &str| format!("{name} platform");
    let expected = [
        (step("both"), here.clone(), false),
        (step("both"), there.clone(), true),
        (step("none"), here.clone(), false),
        (step("one"), here.clone(), false),
    ];
    assert_eq!(open(&a), expected);
    assert_eq!(a.count_open_revocations().unwrap(), 4);
    assert_eq!(a.names_with_open_revocations(None, 2).unwrap().len(), 2);
    a.step_failed(&both, OpenStep::Platform, "away").unwrap();
    for key in [&both, &one, &none] {
        a.transaction(|transaction| transaction.unregistered(key)).unwrap();
        a.step_done(key, OpenStep::Platform).unwrap();
    }
    assert_eq!(open(&a), [(step("both"), there.clone(), true)], "the other platform has the certificate");
    assert_eq!(a.names_with_open_revocations(None, 9).unwrap(), [(Kind::Device, "both".to_owned())]);
    assert_eq!(a.platforms_of(&both).unwrap().len(), 1);
    let mut b = at(&station, "b");
    assert_eq!(open(&b), [(step("both"), there, false)]);
    b.step_failed(&both, OpenStep::Platform, "away").unwrap();
    assert_eq!(b.open_revocations().unwrap()[0].error.as_deref(), Some("away"));
    b.step_done(&both, OpenStep::Platform).unwrap();
    assert_eq!((open(&b), open(&a)), (Vec::new(), Vec::new()));
    // A registration that comes after the revocation is open at its own platform.
    assert!(!b.transaction(|transaction| transaction.registered_unless_revoked(&one)).unwrap());
    assert_eq!(open(&a), [(step("one"), "https://b.example".to_owned(), true)]);
}

pub(crate) fn a_renewal_stays_away_from_each_platform_of_which_it_was_taken<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    let first = issue(&mut a, "pump-1");
    a.registered(&first).unwrap();
    let mut b = at(&station, "b");
    b.registered(&first).unwrap();
    b.unregistering(&first).unwrap();
    b.unregistered(&first).unwrap();
    let mut a = at(&station, "a");
    let second = pending(&mut a, "pump-1", 2);
    let is_away = |name: &str, key: &Key| at(&station, name).entry(key).unwrap().unwrap().unregistered_at.is_some();
    assert!(is_away("b", &second) && !is_away("a", &second));
    at(&station, "b").registered(&second).unwrap();
    assert!(!is_away("b", &first) && !is_away("b", &second), "for the name, not for one of its rows");

    // The same for a renewal that a job has signed meanwhile.
    let other = issue(&mut a, "pump-2");
    let mut staging = a.stage(&NewJob { renews: true, ..new_job(10) }).unwrap();
    staging.add(&named(1, "pump-2")).unwrap();
    let StagingOutcome::New(renewing) = staging.keep().unwrap() else { panic!("a new job") };
    let held = claim(&mut a, &renewing, Phase::Issue).unwrap();
    let made = signed(&a, &held);
    at(&station, "b").unregistering(&other).unwrap();
    a.commit_issued(&held, "here", &made).unwrap();
    let renewed = a.pending(Kind::Device, "pump-2").unwrap().unwrap();
    assert!(is_away("b", &renewed.key) && !is_away("a", &renewed.key));
}

pub(crate) fn the_earlier_generation_is_known_where_another_platform_has_the_next<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    let first = issue(&mut a, "pump-1");
    a.registered(&first).unwrap();
    at(&station, "b").registered(&first).unwrap();
    let mut a = at(&station, "a");
    let second = pending(&mut a, "pump-1", 2);
    assert_eq!(a.outdated_registrations(Kind::Device, "pump-1").unwrap(), [], "a renewal that waits is in use nowhere");
    a.begin_step(&second, RenewalStep::Swap).unwrap();
    assert_eq!(a.open_renewals().unwrap()[0].elsewhere, None);
    let mut b = at(&station, "b");
    assert_eq!(b.open_renewals().unwrap()[0].elsewhere, Some(url("https://a.example")));
    b.transaction(|transaction| transaction.end_swaps(&second)).unwrap();
    assert_eq!(b.open_renewals().unwrap().len(), 1, "the swap is of the other platform");
    a.promote(&second).unwrap();
    assert_eq!(b.replaceable_here(&second).unwrap(), Vec::<String>::new(), "no platform has it yet");
    a.registered(&second).unwrap();
    let outdated = a.outdated_registrations(Kind::Device, "pump-1").unwrap();
    assert_eq!((outdated.len(), outdated[0].url.as_str()), (1, "https://b.example"));
    assert_eq!(b.replaceable_here(&second).unwrap(), ["id of pump-1"]);
    assert_eq!(a.replaceable_here(&second).unwrap(), Vec::<String>::new());
    b.registered(&second).unwrap();
    assert_eq!(a.outdated_registrations(Kind::Device, "pump-1").unwrap(), []);
    // A step of the further platform.
    let third = pending(&mut b, "pump-1", 3);
    b.begin_step(&third, RenewalStep::Back).unwrap();
    assert_eq!(at(&station, "a").open_renewals().unwrap()[0].elsewhere, Some(url("https://b.example")));
    b.transaction(|transaction| transaction.end_swaps(&third)).unwrap();
    assert_eq!(b.open_renewals().unwrap(), []);
    // Taken from a platform with its present certificate, it is gone there with the earlier one as well.
    b.unregistered(&second).unwrap();
    assert_eq!(b.platforms_of(&first).unwrap(), a.platforms_of(&second).unwrap());
    assert_eq!(b.outdated_registrations(Kind::Device, "pump-1").unwrap(), []);
}

pub(crate) fn shards_are_registered_at_each_platform<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    let job = stage(&mut a, 2, &["p1", "p2", "p3"]);
    issue_shard(&mut a, &job);
    issue_shard(&mut a, &job);
    let register = |ledger: &mut Ledger| {
        let mut shards = 0;
        while let Some(held) = claim(ledger, &job, Phase::Register) {
            let keys: Vec<Key> = ledger.shard(job.id, held.shard).unwrap().into_iter().map(|entry| entry.key).collect();
            ledger.commit_step(&held, &keys, &[]).unwrap();
            ledger.finish(&held).unwrap();
            shards += 1;
        }
        shards
    };
    assert_eq!(register(&mut a), 2);
    let phases = |ledger: &Ledger| {
        let progress = ledger.job_progress(job.id).unwrap();
        let register = progress.phase(Phase::Register);
        (register.open, register.done, progress.states.get(&State::Registered).copied().unwrap_or_default())
    };
    let mut b = at(&station, "b");
    assert_eq!((phases(&a), phases(&b)), ((0, 2, 3), (2, 0, 0)));
    let p2 = a.shard(job.id, 0).unwrap()[1].key.clone();
    b.unregistering(&p2).unwrap();
    b.failed(&Key { name: "p1".to_owned(), ..p2.clone() }, "an earlier failure").unwrap();
    assert_eq!(register(&mut b), 2);
    assert_eq!(phases(&b), (0, 2, 2), "what was unregistered there stays away and lacks nothing");
    assert_eq!(b.job_progress(job.id).unwrap().failed, 0);
    assert_eq!(b.redo(job.id, Phase::Register).unwrap(), 2);
    assert_eq!((phases(&b).0, phases(&at(&station, "a"))), (2, (0, 2, 3)), "the first platform is done");
    // A late station has no shard of another platform.
    let held = claim(&mut b, &job, Phase::Register).unwrap();
    assert_eq!(code(at(&station, "a").finish(&held)), Code::LeaseLost);
    b.give_back(&held, "enough").unwrap();
}

pub(crate) fn a_platform_that_moved_keeps_its_registrations<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    let key = issue(&mut a, "pump-1");
    let (old, new, other) = (url("https://a.example"), url("https://new.example"), url("https://b.example"));
    assert_eq!(code(a.rename_platform(&old, &new, false)), Code::UnknownPlatform, "there is none yet");
    a.registered(&key).unwrap();
    assert_eq!(code(a.rename_platform(&other, &new, false)), Code::UnknownPlatform);
    assert_eq!(code(a.plan_rename(&other, &new)), Code::UnknownPlatform);
    // A command has asked at the new address before it was renamed, and has no registration there.
    at(&station, "new").transaction(|transaction| transaction.unregistering(&key)).unwrap();
    for renamed in [PlatformRename::Renamed, PlatformRename::Nothing] {
        assert_eq!(a.plan_rename(&old, &new).unwrap(), renamed);
        assert_eq!(a.rename_platform(&old, &new, false).unwrap(), renamed);
    }
    assert_eq!(a.platforms().unwrap().len(), 1);
    assert!(state(&at(&station, "new"), &key).1);
    assert!(at(&station, "new").entry(&key).unwrap().unwrap().unregistered_at.is_some(), "the mark is kept");
    at(&station, "b").registered(&key).unwrap();
    assert_eq!(code(a.rename_platform(&new, &other, false)), Code::PlatformInUse);
    assert_eq!(code(a.rename_platform(&other, &new, false)), Code::PlatformInUse);
    assert_eq!(a.platforms().unwrap().len(), 2, "nothing was written");
    a.rename_platform(&other, &old, false).unwrap();
    assert!(state(&at(&station, "a"), &key).1 && state(&at(&station, "new"), &key).1);
}

/// Sets the times of the registration and of the removal of a device at a platform, where 0 is none.
fn set_times<S: Station>(station: &S, platform: &str, name: &str, registered: u32, unregistered: u32) {
    let times = format!("registered_at = NULLIF({registered}, 0), unregistered_at = NULLIF({unregistered}, 0)");
    match platform {
        "a" => station.sql(&format!(
            "UPDATE identity SET {times}, state = CASE WHEN {registered} > 0 THEN 'registered' ELSE 'issued' END \
             WHERE name = '{name}'"
        )),
        _ => station.sql(&format!(
            "INSERT INTO registration (identity, platform) SELECT identity.id, platform.id FROM identity, platform \
             WHERE name = '{name}' AND url = 'https://{platform}.example'; \
             UPDATE registration SET {times} WHERE identity = (SELECT id FROM identity WHERE name = '{name}') \
             AND platform = (SELECT id FROM platform WHERE url = 'https://{platform}.example')"
        )),
    }
}

/// The times that [`set_times`] has set.
fn times(ledger: &Ledger, name: &str) -> (i64, i64) {
    let entry = ledger.current(Kind::Device, name).unwrap().unwrap();
    let seconds = |time: Option<time::OffsetDateTime>| time.map_or(0, time::OffsetDateTime::unix_timestamp);
    assert_eq!(entry.state == State::Registered, entry.reached(State::Registered).is_some(), "{name}");
    (seconds(entry.reached(State::Registered)), seconds(entry.unregistered_at))
}

/// Of two records of an identity the later one counts, and a mark always does: at the first platform, and at others, whichever
/// of the two is the old one.
pub(crate) fn joined_platforms_have_the_later_record_of_each_identity<S: Station>() {
    // The name, the times at the old URL, those at the new one, and those after the join.
    let cases = [
        ("old-alone", (5, 0), (0, 0), (5, 0)),
        ("new-alone", (0, 0), (6, 0), (6, 0)),
        ("old-later", (7, 0), (6, 0), (7, 0)),
        ("new-later", (5, 0), (6, 0), (6, 0)),
        ("away-at-old", (0, 5), (0, 0), (0, 5)),
        ("away-after", (5, 0), (0, 6), (0, 6)),
        ("away-before", (0, 5), (6, 0), (6, 5)),
        ("away-at-both", (0, 5), (0, 6), (0, 6)),
        ("half-away", (5, 6), (0, 0), (5, 6)),
    ];
    for (old, new) in [("a", "b"), ("b", "a"), ("b", "c")] {
        let station = S::new();
        let seen = issue(&mut at(&station, "a"), "seen");
        for name in ["a", "b", "c"] {
            // The order of their rows.
            at(&station, name).registered(&seen).unwrap();
        }
        for (name, at_old, at_new, _) in cases {
            issue(&mut at(&station, "a"), name);
            for (platform, (registered, unregistered)) in [(old, at_old), (new, at_new)] {
                set_times(&station, platform, name, registered, unregistered);
            }
        }
        let urls = [old, new].map(|name| url(&format!("https://{name}.example")));
        let mut ledger = at(&station, new);
        let planned = ledger.plan_rename(&urls[0], &urls[1]).unwrap();
        assert_eq!(ledger.platforms().unwrap().len(), 3, "a plan writes nothing");
        let PlatformRename::Joined(join) = ledger.rename_platform(&urls[0], &urls[1], true).unwrap() else {
            panic!("{planned:?}")
        };
        assert_eq!(planned, PlatformRename::Joined(join.clone()));
        // Those that the old URL alone has, those at both (`seen` is one), and the marks of the old one.
        assert_eq!((join.registrations, join.registered_at_both, join.unregistered), (3, 3, 3), "{old} {new}");
        assert_eq!((join.registered_again, join.names_registered_again), (1, vec!["away-before".to_owned()]));
        for (name, _, _, expected) in cases {
            assert_eq!(times(&at(&station, new), name), expected, "{old} {new} {name}");
        }
        let left: Vec<String> = ledger.platforms().unwrap().into_iter().map(|known| known.url.to_string()).collect();
        assert!(left.len() == 2 && left.contains(&urls[1].to_string()), "{left:?}");
        assert_eq!(ledger.rename_platform(&urls[0], &urls[1], true).unwrap(), PlatformRename::Nothing, "repeated");
    }
}

/// What is open at the old URL is open at the new one, and can be ended there.
pub(crate) fn joined_platforms_have_all_open_steps_tokens_and_shards<S: Station>() {
    for (old, new) in [("a", "b"), ("b", "a"), ("b", "c")] {
        let station = S::new();
        let names = ["p1", "p2", "p3", "stolen"];
        let mut first = at(&station, "a");
        let job = stage(&mut first, 2, &["p1", "p2", "p3"]);
        issue_shard(&mut first, &job);
        issue_shard(&mut first, &job);
        let stolen = issue(&mut first, "stolen");
        for name in ["a", "b", "c"] {
            at(&station, name).registered(&stolen).unwrap();
        }
        // A renewal and a job at the old URL. A part of the job is under way at the new one.
        let mut before = at(&station, old);
        let renewed = pending(&mut before, "p1", 9);
        before.begin_step(&renewed, RenewalStep::Swap).unwrap();
        let claimed_before = claim(&mut before, &job, Phase::Register).unwrap();
        let devices = before.shard(job.id, claimed_before.shard).unwrap();
        let keys: Vec<Key> = devices.into_iter().map(|entry| entry.key).collect();
        before.commit_step(&claimed_before, &keys, &[]).unwrap();
        before.finish(&claimed_before).unwrap();
        let mut after = at(&station, new);
        claim(&mut after, &job, Phase::Register).unwrap();
        let late = claim(&mut after, &job, Phase::Register).unwrap();
        before.transaction(|transaction| transaction.device_token_set("lamp")).unwrap();
        before.transaction(|transaction| transaction.revoke_device_tokens("lamp")).unwrap();
        after.transaction(|transaction| transaction.device_token_set("lamp")).unwrap();
        before.revoke(&stolen, None, &[OpenStep::Platform]).unwrap();
        before.step_failed(&stolen, OpenStep::Platform, "away").unwrap();
        let mut after = at(&station, new);
        after.step_done(&stolen, OpenStep::Platform).unwrap();

        let urls = [old, new].map(|name| url(&format!("https://{name}.example")));
        let PlatformRename::Joined(join) = after.rename_platform(&urls[0], &urls[1], true).unwrap() else { panic!() };
        assert_eq!((join.revocations, join.renewals, join.tokens, join.shards), (1, 1, 1, 1), "{old} {new}");
        let mut joined = at(&station, new);
        let there = open(&joined).into_iter().find(|(_, url, _)| *url == urls[1].to_string());
        assert_eq!(there, Some(("stolen platform".to_owned(), urls[1].to_string(), false)));
        joined.step_done(&stolen, OpenStep::Platform).unwrap();
        assert!(!open(&joined).iter().any(|(_, url, _)| *url == urls[1].to_string()));
        assert_eq!(joined.open_renewals().unwrap()[0].elsewhere, None);
        let tokens: Vec<bool> =
            joined.device_tokens_of("lamp").unwrap().into_iter().map(|token| token.is_revoked).collect();
        assert_eq!(tokens, [true], "a token that must be taken away stays one");
        // The shard that is registered stays so, and the other one is free: the late station has lost it.
        assert_eq!(code(joined.finish(&late)), Code::LeaseLost);
        let again = claim(&mut joined, &job, Phase::Register).unwrap();
        assert_eq!((again.shard, again.fence > late.fence), (late.shard, true));
        assert_eq!(claim(&mut joined, &job, Phase::Register), None);
        assert_eq!(names.len(), 4);
        drop(joined);
    }
}

/// A swap that waits must not bring back what was taken from the platform at the other URL.
pub(crate) fn a_removal_at_one_url_ends_the_swap_at_the_other<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    let first = issue(&mut a, "pump-1");
    a.registered(&first).unwrap();
    at(&station, "b").registered(&first).unwrap();
    let mut a = at(&station, "a");
    let second = pending(&mut a, "pump-1", 2);
    a.begin_step(&second, RenewalStep::Swap).unwrap();
    set_times(&station, "a", "pump-1", 5, 0);
    let mut b = at(&station, "b");
    b.unregistering(&first).unwrap();
    b.unregistered(&first).unwrap();
    let (old, new) = (url("https://a.example"), url("https://b.example"));
    let before = b.open_renewals().unwrap().len();
    b.rename_platform(&old, &new, true).unwrap();
    assert_eq!((before, b.open_renewals().unwrap()), (1, Vec::new()));
}

pub(crate) fn each_platform_has_its_own_token_of_a_device<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    assert!(!a.has_device_tokens().unwrap());
    a.transaction(|transaction| transaction.device_token_set("lamp")).unwrap();
    let mut b = at(&station, "b");
    let tokens = |ledger: &Ledger| -> Vec<(String, bool, bool)> {
        let tokens = ledger.device_tokens_of("lamp").unwrap().into_iter();
        tokens.map(|token| (token.url.unwrap().to_string(), token.is_elsewhere, token.is_revoked)).collect()
    };
    let (at_a, at_b) = ("https://a.example".to_owned(), "https://b.example".to_owned());
    assert_eq!(tokens(&b), [(at_a.clone(), true, false)], "an unknown platform has none");
    b.transaction(|transaction| transaction.device_token_may_be("lamp")).unwrap();
    b.transaction(|transaction| transaction.revoke_device_tokens("lamp")).unwrap();
    assert_eq!(tokens(&b), [(at_a.clone(), true, true), (at_b.clone(), false, true)]);
    b.transaction(|transaction| transaction.device_token_failed("lamp", "away")).unwrap();
    let errors: Vec<Option<String>> = b.revoked_device_tokens().unwrap().into_iter().map(|token| token.error).collect();
    assert_eq!(errors, [None, Some("away".to_owned())]);
    // A token that was found there is still to be taken away; a new one is not.
    b.transaction(|transaction| transaction.device_token_may_be("lamp")).unwrap();
    assert_eq!(b.revoked_device_tokens().unwrap().len(), 2);
    b.transaction(|transaction| transaction.device_token_set("lamp")).unwrap();
    assert_eq!(b.revoked_device_tokens().unwrap().len(), 1);
    b.transaction(|transaction| transaction.device_token_gone("lamp")).unwrap();
    assert_eq!(tokens(&b), [(at_a.clone(), true, true)]);
    // One of which it is not recorded where it is may be at each.
    b.transaction(|transaction| transaction.device_token_may_be_anywhere("lamp")).unwrap();
    assert_eq!(tokens(&a), [(at_a.clone(), false, true), (at_b, true, false)]);
    // Addresses of two platforms with tokens do not become one, and a platform that moved keeps its tokens.
    let (old, new) = (url("https://a.example"), url("https://new.example"));
    assert_eq!(code(a.rename_platform(&old, &url("https://b.example"), false)), Code::PlatformInUse);
    a.rename_platform(&old, &new, false).unwrap();
    assert_eq!(tokens(&at(&station, "new"))[0], (new.to_string(), false, true));
}

/// A certificate that a device has fetched and uses is proven, although no platform has it.
pub(crate) fn a_fetched_certificate_outdates_the_registrations_of_the_one_before<S: Station>() {
    let station = S::new();
    let mut a = at(&station, "a");
    let first = issue(&mut a, "pump-1");
    a.registered(&first).unwrap();
    let mut b = at(&station, "b");
    let seen = issue(&mut b, "seen");
    b.registered(&seen).unwrap();
    let mut b = at(&station, "b");
    let second = pending(&mut b, "pump-1", 2);
    b.transaction(|transaction| transaction.sent(&second, &[2; 32], b"certificate")).unwrap();
    assert_eq!(b.count_outdated_devices().unwrap(), 0, "it waits");
    assert!(b.transaction(|transaction| transaction.used(&second)).unwrap());
    let outdated = b.outdated_registrations(Kind::Device, "pump-1").unwrap();
    assert_eq!((outdated.len(), outdated[0].url.as_str()), (1, "https://a.example"));
    let all = b.outdated_devices(9).unwrap();
    assert_eq!((all.len(), all[0].name.as_str(), &all[0].registration), (1, "pump-1", &outdated[0]));
    assert_eq!((b.count_outdated_devices().unwrap(), b.outdated_devices(0).unwrap().len()), (1, 0));
    let mut a = at(&station, "a");
    assert_eq!(a.replaceable_here(&second).unwrap(), ["id of pump-1"]);
    a.registered(&second).unwrap();
    assert_eq!((a.count_outdated_devices().unwrap(), b.outdated_devices(9).unwrap()), (0, Vec::new()));
}
