//! The generations of a name, in every kind of ledger.

use base::Code;
use ledger::{
    Confirmation, Filter, Generation, IssuedRecord, Key, Kind, KnownIdentity, Ledger, NewIdentity, NewList,
    NewPassword, OpenStep, Origin, PeerScope, Phase, Revocation, Role, State, UNSEEN, Unconfirmed,
};
use time::{Duration, OffsetDateTime};

use super::jobs::{LONG, claim, code, issue_shard, signed, stage, wish};
use super::{BEGIN, Station, device, intend_as, issue, leaf, serial};

const KEY: [u8; 32] = [7; 32];

pub(crate) fn renewal(name: &str, number: u8) -> NewIdentity {
    NewIdentity { serial: serial(&format!("{name}, {number}")), ..device(name) }
}

pub(crate) fn roles<S: Station>(station: &S, name: &str) -> Vec<Role> {
    station.open().history(Kind::Device, name).unwrap().into_iter().map(|entry| entry.role).collect()
}

/// A list at this time, for a CA of which the ledger has no generation.
fn list_at(now: OffsetDateTime) -> NewList<'static> {
    NewList {
        key: KEY,
        issuer: "devices-issuing",
        generation: None,
        now,
        lifetime: Duration::days(30),
        published: None,
        is_clock_accepted: false,
    }
}

pub(crate) fn a_renewal_is_pending_until_it_is_promoted<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let first = issue(&mut ledger, "a");
    let second = intend_as(&mut ledger, &renewal("a", 2)).unwrap();
    assert_eq!(ledger.current(Kind::Device, "a").unwrap().unwrap().key, first, "an intended one is not current");
    assert_eq!(ledger.unfinished_of(Kind::Device, "a").unwrap().unwrap().key, second);

    ledger.issued_pending(&second, &leaf("a2")).unwrap();
    assert_eq!(roles(&station, "a"), [Role::Current, Role::Pending]);
    assert_eq!(ledger.current(Kind::Device, "a").unwrap().unwrap().key, first);
    assert_eq!(ledger.latest(Kind::Device, "a").unwrap().unwrap().key, first);
    assert_eq!(ledger.pending(Kind::Device, "a").unwrap().unwrap().key, second);
    for filter in
        [Filter { current_only: true, ..Filter::default() }, Filter { latest_only: true, ..Filter::default() }]
    {
        let keys: Vec<_> = ledger.list(&filter).map(|entry| entry.unwrap().key).collect();
        assert_eq!(keys, std::slice::from_ref(&first));
    }

    for _ in 0..2 {
        ledger.promote(&second).unwrap();
        assert_eq!(roles(&station, "a"), [Role::Superseded, Role::Current]);
    }
    assert_eq!(code(ledger.promote(&first)), Code::Internal);
    assert_eq!(ledger.pending(Kind::Device, "a").unwrap(), None);
}

pub(crate) fn a_second_renewal_supersedes_the_first<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "a");
    for number in [2, 3] {
        let key = intend_as(&mut ledger, &renewal("a", number)).unwrap();
        ledger.issued_pending(&key, &leaf("a")).unwrap();
    }
    assert_eq!(roles(&station, "a"), [Role::Current, Role::Superseded, Role::Pending]);
}

pub(crate) fn another_generation_supersedes_the_current_one<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "a");
    let second = intend_as(&mut ledger, &renewal("a", 2)).unwrap();
    ledger.void(&second, "interrupted").unwrap();
    assert_eq!(roles(&station, "a"), [Role::Current, Role::Void]);
    let third = intend_as(&mut ledger, &renewal("a", 3)).unwrap();
    ledger.issued(&third, &leaf("a3")).unwrap();
    assert_eq!(roles(&station, "a"), [Role::Superseded, Role::Void, Role::Current]);
    // What is superseded is not for bulk operations, whatever step it was at.
    assert!(!ledger.history(Kind::Device, "a").unwrap()[0].is_for_bulk());
}

pub(crate) fn a_name_has_one_current_and_one_pending_generation<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "a");
    let second = intend_as(&mut ledger, &renewal("a", 2)).unwrap();
    ledger.issued_pending(&second, &leaf("a2")).unwrap();
    assert!(station.refuses("UPDATE identity SET role = 'current' WHERE name = 'a'"));
    assert!(station.refuses("UPDATE identity SET role = 'pending' WHERE name = 'a'"));
    assert_eq!(roles(&station, "a"), [Role::Current, Role::Pending]);
}

pub(crate) fn a_revocation_is_final_and_frees_the_name<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let job = stage(&mut ledger, 2, &["a", "b"]);
    issue_shard(&mut ledger, &job);
    let held = claim(&mut ledger, &job, Phase::Register).unwrap();
    let entries = ledger.shard(job.id, 0).unwrap();
    let [a, b] = [entries[0].key.clone(), entries[1].key.clone()];
    assert!(ledger.revoke(&b, Some("keyCompromise"), &[]).unwrap());
    let revoked = ledger.entry(&b).unwrap().unwrap();
    assert_eq!((revoked.state, revoked.role), (State::Revoked, Role::Revoked));
    assert_eq!(revoked.revocation.as_ref().unwrap().reason.as_deref(), Some("keyCompromise"));

    // A second revocation changes nothing, and no step revives it.
    assert!(!ledger.revoke(&b, Some("superseded"), &[OpenStep::List]).unwrap());
    assert_eq!(ledger.commit_step(&held, &[a, b.clone()], &[]).unwrap(), std::slice::from_ref(&b));
    // Its certificate may be on the platform since, and is taken from there.
    let open: Vec<_> = ledger.open_revocations().unwrap().into_iter().map(|open| open.step).collect();
    assert_eq!(open, [OpenStep::Platform]);
    ledger.step_done(&b, OpenStep::Platform).unwrap();
    ledger.unregistered(&b).unwrap();
    assert_eq!(code(ledger.registered(&b)), Code::Internal);
    assert_eq!(code(ledger.bundled(&b)), Code::Internal);
    assert_eq!(code(ledger.void(&b, "no")), Code::Internal);
    assert_eq!(code(ledger.promote(&b)), Code::Internal);
    let after = ledger.entry(&b).unwrap().unwrap();
    assert_eq!((after.state, after.role, &after.revocation), (State::Revoked, Role::Revoked, &revoked.revocation));
    assert_eq!(ledger.open_revocations().unwrap(), []);
    assert_eq!(ledger.current(Kind::Device, "b").unwrap(), None);
    assert_eq!(ledger.latest(Kind::Device, "b").unwrap().unwrap().key, b);

    // What was never signed has nothing to revoke.
    let intended = intend_as(&mut ledger, &device("c")).unwrap();
    assert_eq!(code(ledger.revoke(&intended, None, &[])), Code::Internal);

    // The name is free for a generation of its own, by itself or in a job.
    let second = stage(&mut ledger, 1, &["b"]);
    let held = claim(&mut ledger, &second, Phase::Issue).unwrap();
    let mut identities = signed(&ledger, &held);
    identities[0].serial = serial("b, again");
    ledger.commit_issued(&held, "here", &identities).unwrap();
    let again = ledger.current(Kind::Device, "b").unwrap().unwrap();
    assert_eq!((again.generation().number(), again.role), (2, Role::Current));
}

pub(crate) fn open_steps_are_kept_until_they_are_done<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (a, b) = (issue(&mut ledger, "a"), issue(&mut ledger, "b"));
    ledger.revoke(&b, None, &[OpenStep::Platform, OpenStep::ProfileCa]).unwrap();
    ledger.revoke(&a, None, &[OpenStep::Platform]).unwrap();
    ledger.step_failed(&b, OpenStep::Platform, "it is away").unwrap();
    let open = |ledger: &ledger::Ledger| -> Vec<_> {
        let open = ledger.open_revocations().unwrap().into_iter();
        open.map(|open| (open.key.name, open.step, open.error)).collect()
    };
    let away = Some("it is away".to_owned());
    let (one, two, three) =
        (("a".to_owned(), OpenStep::Platform, None), ("b".to_owned(), OpenStep::Platform, away), OpenStep::ProfileCa);
    assert_eq!(open(&ledger), [one.clone(), two, ("b".to_owned(), three, None)]);
    for _ in 0..2 {
        ledger.step_done(&b, OpenStep::Platform).unwrap();
    }
    assert_eq!(open(&ledger), [one, ("b".to_owned(), three, None)]);
}

pub(crate) fn numbers_and_times_of_lists_only_grow<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    assert_eq!(ledger.last_list(&KEY).unwrap(), None);
    let (first, _) = ledger.begin_list(&list_at(BEGIN)).unwrap();
    assert_eq!(first.number, u64::try_from(BEGIN.unix_timestamp()).unwrap());
    assert_eq!((first.this_update, first.next_update), (BEGIN, BEGIN + Duration::days(30)));
    // Three in the same second, and one by a clock that is a little behind.
    for (at, expected) in [(0, 1), (0, 2), (0, 3), (-1, 4)] {
        let (next, _) = ledger.begin_list(&list_at(BEGIN + Duration::seconds(at))).unwrap();
        assert_eq!(
            (next.number, next.this_update),
            (first.number + expected, BEGIN + Duration::seconds(expected as i64))
        );
        assert_eq!(ledger.last_list(&KEY).unwrap(), Some(next));
    }
    let last = ledger.last_list(&KEY).unwrap();
    // The next list would be dated 7 s ahead of this clock, and 5 s are the most.
    let behind = ledger.begin_list(&list_at(BEGIN - Duration::seconds(2))).unwrap_err();
    assert_eq!(behind.code(), Code::ClockBehind);
    assert_eq!(ledger.last_list(&KEY).unwrap(), last, "nothing was recorded");
    // Another key begins by itself.
    let other = NewList { key: [8; 32], ..list_at(BEGIN) };
    assert_eq!(ledger.begin_list(&other).unwrap().0.number, first.number);
    // A day later the number is the time again.
    let day = BEGIN + Duration::DAY;
    let (next, _) = ledger.begin_list(&list_at(day)).unwrap();
    assert_eq!((next.number, next.this_update), (u64::try_from(day.unix_timestamp()).unwrap(), day));
}

pub(crate) fn a_list_from_the_future_is_followed_by_an_earlier_one_if_the_clock_is_accepted<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let a = issue(&mut ledger, "a");
    ledger.revoke(&a, None, &[]).unwrap();
    let wrong = BEGIN + Duration::days(7 * 365);
    let (last, _) = ledger.begin_list(&list_at(wrong)).unwrap();
    let refused = ledger.begin_list(&list_at(BEGIN)).unwrap_err();
    assert_eq!(refused.code(), Code::ClockBehind);
    assert!(refused.finding().fix.as_ref().unwrap().contains("--accept-clock"), "{refused:?}");
    let accepted = |now| NewList { is_clock_accepted: true, ..list_at(now) };
    assert_eq!(ledger.next_list(&accepted(BEGIN)).unwrap().number, last.number + 1);
    let (list, entries) = ledger.begin_list(&accepted(BEGIN)).unwrap();
    assert_eq!((list.this_update, list.number), (BEGIN, last.number + 1));
    // It had expired by the wrong clock.
    assert_eq!(entries.len(), 1);
    // Without the flag from here on.
    let (next, _) = ledger.begin_list(&list_at(BEGIN + Duration::DAY)).unwrap();
    assert_eq!((next.this_update, next.number), (BEGIN + Duration::DAY, list.number + 1));
    // Verifiers that still have the later list would prefer it in an hour.
    let soon = ledger.begin_list(&accepted(BEGIN + Duration::HOUR)).unwrap_err();
    assert_eq!(soon.code(), Code::ClockBehind);
    assert!(soon.finding().fix.as_ref().unwrap().contains("wait until"), "{soon:?}");
}

pub(crate) fn a_list_has_what_is_revoked_until_it_has_expired<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let serials =
        |list: &[ledger::RevokedCertificate]| -> Vec<_> { list.iter().map(|one| one.serial.clone()).collect() };
    let (a, b) = (issue(&mut ledger, "a"), issue(&mut ledger, "b"));
    // Of another CA, so that it belongs on no list of this one.
    let other = NewIdentity { issuer: "profile-x".to_owned(), ..device("c") };
    let c = intend_as(&mut ledger, &other).unwrap();
    ledger.issued(&c, &leaf("c")).unwrap();
    ledger.revoke(&b, Some("superseded"), &[]).unwrap();
    ledger.revoke(&c, None, &[]).unwrap();
    let (_, entries) = ledger.begin_list(&list_at(BEGIN)).unwrap();
    assert_eq!(serials(&entries), [serial("b")]);
    assert_eq!(entries[0].revocation.reason.as_deref(), Some("superseded"));
    ledger.revoke(&a, None, &[]).unwrap();
    let end = BEGIN + Duration::days(365);
    let (_, entries) = ledger.begin_list(&list_at(end)).unwrap();
    assert_eq!(serials(&entries), [serial("a"), serial("b")]);
    // The first list after they expired still has them (RFC 5280, section 3.3), the next one does not.
    let (_, entries) = ledger.begin_list(&list_at(end + Duration::DAY)).unwrap();
    assert_eq!(entries.len(), 2);
    let (_, entries) = ledger.begin_list(&list_at(end + Duration::days(2))).unwrap();
    assert_eq!(entries, []);
}

pub(crate) fn a_list_that_is_not_published_leaves_the_dates_of_the_one_before<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let begin = |ledger: &mut Ledger, at| {
        let before = ledger.last_list(&KEY).unwrap();
        (ledger.begin_list(&list_at(at)).unwrap().0, before)
    };
    let (first, before) = begin(&mut ledger, BEGIN);
    ledger.list_failed(&KEY, &first, before.as_ref()).unwrap();
    assert_eq!(ledger.last_list(&KEY).unwrap(), None, "none was published");
    let (second, _) = begin(&mut ledger, BEGIN);
    let (third, before) = begin(&mut ledger, BEGIN + Duration::DAY);
    ledger.list_failed(&KEY, &third, before.as_ref()).unwrap();
    let last = ledger.last_list(&KEY).unwrap().unwrap();
    assert_eq!((last.this_update, last.next_update), (second.this_update, second.next_update));
    assert_eq!(last.number, third.number, "a number is not used again");
    // That of another station, which has made the next list meanwhile, stays.
    let (fourth, before) = begin(&mut ledger, BEGIN + Duration::DAY);
    let (fifth, _) = begin(&mut ledger, BEGIN + Duration::DAY);
    ledger.list_failed(&KEY, &fourth, before.as_ref()).unwrap();
    assert_eq!(ledger.last_list(&KEY).unwrap(), Some(fifth));
}

pub(crate) fn revocations_below_a_retired_generation_wait_only_for_the_list_of_a_key_in_service<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let ca = |generation: u32| NewIdentity {
        kind: Kind::Ca,
        serial: serial(&format!("ca {generation}")),
        issuer: "devices-root".to_owned(),
        ..device("devices-issuing")
    };
    let mut cas = Vec::new();
    for generation in 1..=2 {
        let key = intend_as(&mut ledger, &ca(generation)).unwrap();
        ledger.issued_pending(&key, &leaf(&format!("ca {generation}"))).unwrap();
        ledger.promote(&key).unwrap();
        if generation == 1 {
            for name in ["a", "b"] {
                let below = NewIdentity { issuer: "devices-issuing".to_owned(), ..device(name) };
                let below = intend_as(&mut ledger, &below).unwrap();
                ledger.issued(&below, &leaf(name)).unwrap();
                cas.push(below);
            }
        }
        cas.push(key);
    }
    let [a, b, first, _] = <[Key; 4]>::try_from(cas).unwrap();
    ledger.retire(&first).unwrap();
    ledger.revoke(&a, None, &[OpenStep::List]).unwrap();
    assert!(ledger.open_revocations().unwrap().is_empty(), "peers accept nothing of it");
    ledger.set_listed(vec![first.clone()]);
    ledger.revoke(&b, None, &[OpenStep::List]).unwrap();
    let open = ledger.open_revocations().unwrap();
    assert_eq!(open.iter().map(|open| &open.key).collect::<Vec<_>>(), [&b]);
    // Revoked, it has a list no longer than its key.
    ledger.set_listed(Vec::new());
    ledger.revoke(&first, None, &[]).unwrap();
    assert!(ledger.open_revocations().unwrap().is_empty());
}

pub(crate) fn the_list_of_a_retired_root_is_awaited_until_the_lists_were_written<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let ca = |name: &str, number: u32, issuer: &str| NewIdentity {
        kind: Kind::Ca,
        serial: serial(&format!("{name} {number}")),
        issuer: issuer.to_owned(),
        ..device(name)
    };
    let mut roots = Vec::new();
    for number in 1..=2 {
        let root = intend_as(&mut ledger, &ca("server-root", number, "self")).unwrap();
        ledger.issued_pending(&root, &leaf(&format!("server-root {number}"))).unwrap();
        ledger.promote(&root).unwrap();
        if number == 1 {
            let below = intend_as(&mut ledger, &ca("server-issuing", 1, "server-root")).unwrap();
            ledger.issued(&below, &leaf("server-issuing 1")).unwrap();
            ledger.revoke(&below, None, &[OpenStep::List]).unwrap();
        }
        roots.push(root);
    }
    let awaited = |ledger: &Ledger| ledger.awaited_lists().unwrap();
    assert_eq!(awaited(&ledger).len(), 1);
    ledger.list_not_made("server-root", awaited(&ledger)[0].1, "the key is away").unwrap();
    assert_eq!(ledger.open_revocations().unwrap()[0].error.as_deref(), Some("the key is away"));
    ledger.end_unlisted(&["server-root".to_owned()]).unwrap();
    assert_eq!(awaited(&ledger).len(), 1, "the root is in service");
    ledger.retire(&roots[0]).unwrap();
    ledger.end_unlisted(&["devices-root".to_owned()]).unwrap();
    assert_eq!(awaited(&ledger).len(), 1, "its own list can still be in the file");
    ledger.end_unlisted(&["server-root".to_owned()]).unwrap();
    assert_eq!(ledger.open_revocations().unwrap(), []);
}

pub(crate) fn a_step_is_done_by_a_list_that_has_the_entry<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (a, b) = (issue(&mut ledger, "a"), issue(&mut ledger, "b"));
    ledger.revoke(&a, None, &[OpenStep::List, OpenStep::Platform]).unwrap();
    let (list, _) = ledger.begin_list(&list_at(BEGIN)).unwrap();
    // Revoked while the list is signed.
    ledger.revoke(&b, None, &[OpenStep::List]).unwrap();
    ledger.published_list(&list).unwrap();
    let open: Vec<_> = ledger.open_revocations().unwrap().into_iter().map(|open| (open.key, open.step)).collect();
    assert_eq!(open, [(a.clone(), OpenStep::Platform), (b, OpenStep::List)]);
    let (list, _) = ledger.begin_list(&list_at(BEGIN)).unwrap();
    ledger.published_list(&list).unwrap();
    let open: Vec<_> = ledger.open_revocations().unwrap().into_iter().map(|open| (open.key, open.step)).collect();
    assert_eq!(open, [(a, OpenStep::Platform)]);
}

pub(crate) fn what_a_station_has_issued_is_found_by_its_host<S: Station>() {
    let mut ledger = S::new().open();
    let job = stage(&mut ledger, 1, &["a", "b", "c", "d"]);
    for (shard, station) in
        // Host, process and a random part: the second one is the host
        // `bench` with the process 99, and not a host `bench-99`.
        ["bench-7-1234-a1b2c3d4", "bench-99-a1b2c3d4", "bench-7-77-a1b2c3d4", "7-1-a1b2c3d4"]
            .into_iter()
            .enumerate()
    {
        let claim = ledger.claim(&wish(job.id, Phase::Issue, station, LONG)).unwrap().unwrap();
        assert_eq!(claim.shard as usize, shard);
        let signed = signed(&ledger, &claim);
        ledger.commit_issued(&claim, "here", &signed).unwrap();
    }
    let shards = |station: &str| -> Vec<u32> {
        ledger.shards_of_station(station).unwrap().into_iter().map(|(_, shard)| shard).collect()
    };
    assert_eq!(shards("bench-7"), [0, 2]);
    assert_eq!(shards("bench"), [1]);
    assert_eq!(shards("bench-7-77-a1b2c3d4"), [2]);
    assert_eq!((shards("7"), shards("bench-9"), shards("")), (vec![3], vec![], vec![]));
}

pub(crate) fn what_was_issued_by_itself_has_its_host<S: Station>() {
    let mut ledger = S::new().open();
    issue(&mut ledger, "a");
    let of = |station: &str| Filter { station: Some(station.to_owned()), ..Filter::default() };
    assert_eq!(ledger.count(&of(&base::host::host_name())).unwrap(), 1);
    assert_eq!(ledger.count(&of("another host")).unwrap(), 0);
}

pub(crate) fn open_steps_are_read_by_name_and_by_shard<S: Station>() {
    let mut ledger = S::new().open();
    let job = stage(&mut ledger, 2, &["s-1", "s-2", "s-3"]);
    while let Some(claim) = claim(&mut ledger, &job, Phase::Issue) {
        let signed = signed(&ledger, &claim);
        ledger.commit_issued(&claim, "here", &signed).unwrap();
    }
    let alone = issue(&mut ledger, "z");
    ledger.revoke(&alone, None, &[OpenStep::List, OpenStep::Platform]).unwrap();
    for name in ["s-1", "s-3"] {
        let key = ledger.current(Kind::Device, name).unwrap().unwrap().key;
        ledger.revoke(&key, None, &[OpenStep::List]).unwrap();
    }
    let names =
        |open: Vec<ledger::OpenRevocation>| -> Vec<String> { open.into_iter().map(|open| open.key.name).collect() };
    assert_eq!(names(ledger.open_revocations_in(job.id, 0).unwrap()), ["s-1"]);
    assert_eq!(names(ledger.open_revocations_in(job.id, 1).unwrap()), ["s-3"]);
    assert_eq!(names(ledger.open_revocations_of(Kind::Device, "z").unwrap()), ["z", "z"]);
    assert_eq!(ledger.count_open_revocations().unwrap(), 4);
    let mut pages = Vec::new();
    let mut last: Option<(Kind, String)> = None;
    loop {
        let after = last.as_ref().map(|(kind, name)| (*kind, name.as_str()));
        // Pages of two: three names then take a second page.
        let page = ledger.names_with_open_revocations(after, 2).unwrap();
        let Some(end) = page.last() else { break };
        last = Some(end.clone());
        pages.push(page.into_iter().map(|(_, name)| name).collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec!["s-1", "s-3"], vec!["z"]]);
    ledger.lists_failed("no key").unwrap();
    let errors: Vec<_> = ledger.open_revocations().unwrap().into_iter().map(|open| (open.step, open.error)).collect();
    assert!(errors.iter().all(|(step, error)| (*step == OpenStep::List) == (error.as_deref() == Some("no key"))));
}

/// Devices count that have no certificate and hold the servers' root all the same.
fn peers_without_certificates(ledger: &mut Ledger, ca: &Key, scope: PeerScope) {
    let names = |ledger: &Ledger| ledger.unconfirmed(ca, scope).unwrap().names;
    assert_eq!(names(ledger), ["f"]);
    // "a" has a certificate, and counts once with a token too.
    for device in ["a", "token-1", "token-2"] {
        ledger.transaction(|transaction| transaction.device_token_may_be(device)).unwrap();
    }
    ledger.transaction(|transaction| transaction.revoke_device_tokens("token-2")).unwrap();
    assert_eq!(names(ledger), ["f", "token-1"]);
    assert_eq!(ledger.names_with_tokens("", 10).unwrap(), ["a", "token-1"]);
    assert_eq!(ledger.names_with_tokens("a", 10).unwrap(), ["token-1"]);
    let password =
        |device, hours| NewPassword { device, label: None, hash: [7; 32], expires_at: BEGIN + Duration::hours(hours) };
    ledger.new_passwords(&[password("a", 1), password("open", 1), password("ended", -1)]).unwrap();
    assert_eq!(names(ledger), ["f", "open", "token-1"]);
    // A certificate that was fetched and never used.
    let fetched = intend_as(ledger, &device("fetched")).unwrap();
    ledger.issued_pending(&fetched, &leaf("fetched")).unwrap();
    assert_eq!(names(ledger), ["f", "fetched", "open", "token-1"]);
    for (name, is_peer) in [("a", true), ("open", true), ("ended", false), ("token-1", true), ("token-2", false)] {
        assert_eq!(ledger.is_peer(scope, name).unwrap(), is_peer, "{name}");
    }
    assert!(!ledger.is_peer(PeerScope { kind: Kind::Server, ..scope }, "a").unwrap());
    let total = ledger.unconfirmed(ca, scope).unwrap().total;
    assert_eq!(ledger.count_peers_of_job(scope, ledger::JobId::new(99)).unwrap(), 0);
    assert_eq!(ledger.confirm_all(ca, scope, Some(ledger::JobId::new(99)), Confirmation::Stated, "o").unwrap(), 0);
    assert_eq!(ledger.confirm_all(ca, scope, None, Confirmation::Stated, "o").unwrap(), total);
    assert_eq!(ledger.unconfirmed(ca, scope).unwrap(), Unconfirmed { total, names: Vec::new() });
    assert!(ledger.is_confirmed(ca, Kind::Device, "open").unwrap());
    assert!(!ledger.is_confirmed(ca, Kind::Server, "open").unwrap());
}

pub(crate) fn rollovers_and_revocations_are_counted<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let ca = |number: &str| NewIdentity { kind: Kind::Ca, serial: serial(number), ..device("devices-issuing") };
    let first = intend_as(&mut ledger, &ca("ca 1")).unwrap();
    ledger.issued(&first, &leaf("ca")).unwrap();
    for name in ["a", "b", "c", "d", "e"] {
        issue(&mut ledger, name);
    }
    let next = intend_as(&mut ledger, &ca("ca 2")).unwrap();
    ledger.issued_pending(&next, &leaf("ca2")).unwrap();
    ledger.confirm(&next, Kind::Device, ["a", "b", "e"], Confirmation::Stated, "operator").unwrap();
    for (name, reason) in [("c", Some("keyCompromise")), ("d", None), ("e", None)] {
        let key = ledger.current(Kind::Device, name).unwrap().unwrap().key;
        ledger.revoke(&key, reason, &[]).unwrap();
    }
    issue(&mut ledger, "f");
    // Revoked ones do not count, with a confirmation or without.
    let scope = PeerScope { kind: Kind::Device, since: BEGIN, now: BEGIN };
    assert_eq!(ledger.count_unconfirmed(&next, scope).unwrap(), (3, 1));
    let unconfirmed = ledger.unconfirmed(&next, scope).unwrap();
    assert_eq!((unconfirmed.total, unconfirmed.names), (3, vec!["f".to_owned()]));
    // One that was left behind does not have it.
    ledger.confirm(&next, Kind::Device, ["f"], Confirmation::LeftBehind, "operator").unwrap();
    assert_eq!(ledger.count_unconfirmed(&next, scope).unwrap(), (3, 1));
    let nothing = PeerScope { kind: Kind::Server, ..scope };
    assert_eq!(ledger.count_unconfirmed(&next, nothing).unwrap(), (0, 0));
    ledger.promote(&next).unwrap();
    let below = |ledger: &Ledger, key: &Key| ledger.count_below("devices-issuing", key.generation, BEGIN).unwrap();
    assert_eq!((below(&ledger, &first), below(&ledger, &next)), ((3, 3), (3, 0)));
    let renewed = intend_as(&mut ledger, &renewal("a", 2)).unwrap();
    ledger.issued_pending(&renewed, &leaf("a2")).unwrap();
    assert_eq!(below(&ledger, &next), (3, 0), "a pending one is not in use");
    ledger.promote(&renewed).unwrap();
    assert_eq!((below(&ledger, &first), below(&ledger, &next)), ((3, 2), (3, 1)));

    peers_without_certificates(&mut ledger, &next, scope);

    let reasons: Vec<_> = ledger.revocations_by_reason().unwrap();
    let reasons: Vec<_> = reasons.iter().map(|count| (count.kind, count.reason.as_deref(), count.count)).collect();
    assert_eq!(reasons, [(Kind::Device, None, 2), (Kind::Device, Some("keyCompromise"), 1)]);
    // Each has a time of its own, because a machine under load revokes them in different seconds.
    for (name, seconds) in [("c", 120), ("d", 180), ("e", 60)] {
        station.sql(&format!("UPDATE identity SET revoked_at = {seconds} WHERE name = '{name}'"));
    }
    let latest: Vec<_> = ledger.latest_revoked(2).unwrap().into_iter().map(|entry| entry.key.name).collect();
    assert_eq!(latest, ["d", "c"]);
}

pub(crate) fn a_revoked_ca_issues_nothing<S: Station>() {
    let mut ledger = S::new().open();
    let ca = NewIdentity { kind: Kind::Ca, serial: serial("ca"), ..device("devices-issuing") };
    let key = intend_as(&mut ledger, &ca).unwrap();
    ledger.issued(&key, &leaf("ca")).unwrap();
    let job = stage(&mut ledger, 2, &["s-1"]);
    let claim = claim(&mut ledger, &job, Phase::Issue).unwrap();
    let signed = signed(&ledger, &claim);
    ledger.revoke(&key, None, &[]).unwrap();
    assert!(ledger.is_revoked_ca("devices-issuing").unwrap() && !ledger.is_revoked_ca("devices-root").unwrap());
    assert_eq!(ledger.commit_issued(&claim, "here", &signed).unwrap_err().code(), Code::CaRevoked);
    assert_eq!(intend_as(&mut ledger, &device("a")).unwrap_err().code(), Code::CaRevoked);
    // A generation that is prepared changes nothing until it signs.
    let next = NewIdentity { serial: serial("ca2"), ..ca };
    // It signs itself, because a revoked generation cannot sign its successor.
    let next_generation = ledger.intend_by(&next, None).unwrap();
    let next = Key { generation: next_generation, ..key };
    ledger.issued_pending(&next, &leaf("ca2")).unwrap();
    assert_eq!(intend_as(&mut ledger, &device("a")).unwrap_err().code(), Code::CaRevoked);
    ledger.promote(&next).unwrap();
    intend_as(&mut ledger, &device("a")).unwrap();
}

pub(crate) fn a_ledger_of_the_layout_before_keeps_its_identities<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let ca = NewIdentity { kind: Kind::Ca, serial: serial("ca"), ..device("devices-issuing") };
    let ca = intend_as(&mut ledger, &ca).unwrap();
    ledger.issued(&ca, &leaf("ca")).unwrap();
    // Two certificates in use for "a", as a race in 0.1.0 could leave them; "b" was void first; "c" is revoked.
    issue(&mut ledger, "a");
    let second = intend_as(&mut ledger, &renewal("a", 2)).unwrap();
    ledger.issued(&second, &leaf("a2")).unwrap();
    let b = super::intend(&mut ledger, "b");
    ledger.void(&b, "interrupted").unwrap();
    let b = intend_as(&mut ledger, &renewal("b", 2)).unwrap();
    ledger.issued(&b, &leaf("b2")).unwrap();
    ledger.registered(&b).unwrap();
    intend_as(&mut ledger, &renewal("b", 3)).unwrap();
    let c = issue(&mut ledger, "c");
    ledger.revoke(&c, None, &[]).unwrap();
    let before: Vec<_> = ledger.list(&Filter::default()).map(Result::unwrap).collect();
    drop(ledger);

    station.to_layout_before_roles();
    let ledger = station.open();
    let after: Vec<_> = ledger.list(&Filter::default()).map(Result::unwrap).collect();
    assert_eq!(after.len(), before.len());
    for (mut one, mut other) in before.into_iter().zip(after) {
        assert_eq!(one.role, other.role, "{}", one.key);
        // The generation of the CA was not known before it was current.
        let of_ca = (one.issuer_generation, other.issuer_generation);
        assert_eq!(of_ca.1.map(Generation::number), Some(1), "{}", one.key);
        (one.issuer_generation, other.issuer_generation) = (None, None);
        assert_eq!(one, other);
    }
    assert_eq!(roles(&station, "a"), [Role::Superseded, Role::Current]);
    assert_eq!(roles(&station, "b"), [Role::Void, Role::Current, Role::Intended]);
    assert_eq!(roles(&station, "c"), [Role::Revoked]);
}

pub(crate) fn a_certificate_that_was_revoked_unseen_stays_revoked_once_it_is_seen<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let current = issue(&mut ledger, "a");
    let revocation = Revocation { at: BEGIN, reason: Some("keyCompromise".to_owned()) };
    let seen = renewal("a", 2);
    let known = |identity: NewIdentity, role, issued, revocation| KnownIdentity {
        identity,
        issued,
        role,
        issuer_generation: None,
        issued_at: BEGIN,
        origin: Origin::Repaired,
        job: None,
        station: None,
        revocation,
    };
    let unseen = NewIdentity { name: "revoked".to_owned(), ..seen.clone() };
    let issued = IssuedRecord { fingerprint: UNSEEN, credentials_id: None };
    let unseen = known(unseen, Role::Revoked, issued, Some(revocation.clone()));
    ledger.transaction(|transaction| transaction.record_known(&unseen)).unwrap();
    assert_eq!(ledger.unseen().unwrap(), [(seen.serial.clone(), "devices-issuing".to_owned())].into());

    let key = ledger
        .transaction(|transaction| transaction.record_known(&known(seen.clone(), Role::Current, leaf("a2"), None)))
        .unwrap();
    assert_eq!((key.name.as_str(), key.generation.number()), ("a", 2));
    assert_eq!(roles(&station, "a"), [Role::Current, Role::Revoked]);
    let entry = ledger.entry(&key).unwrap().unwrap();
    assert_eq!((entry.fingerprint, entry.revocation), (Some(leaf("a2").fingerprint), Some(revocation)));
    assert_eq!(ledger.current(Kind::Device, "a").unwrap().unwrap().key, current);
    assert_eq!(ledger.history(Kind::Device, "revoked").unwrap(), []);
    assert!(ledger.unseen().unwrap().is_empty());
}
