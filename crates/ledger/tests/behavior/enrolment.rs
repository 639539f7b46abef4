//! One-time passwords, and what becomes of certificates that were sent over the network.

use base::Code;
use ledger::{
    Key, Kind, Ledger, NewIdentity, NewPassword, NewRequest, OpenStep, RenewalGrace, RequestDecision, Role, State,
};
use time::{Duration, OffsetDateTime};

use super::{BEGIN, Station, device, intend_as, issue, leaf, serial};

fn password<'a>(device: &'a str, label: Option<&'a str>) -> NewPassword<'a> {
    NewPassword { device, label, hash: [7; 32], expires_at: BEGIN + Duration::DAY }
}

/// Sends the next certificate of a device, for a key of the same number.
fn send(ledger: &mut Ledger, name: &str, number: u8) -> Key {
    send_for(ledger, name, number, number)
}

fn send_for(ledger: &mut Ledger, name: &str, number: u8, public: u8) -> Key {
    let serial = serial(&format!("{name} {number}"));
    let key = intend_as(ledger, &NewIdentity { serial, ..device(name) }).unwrap();
    ledger
        .transaction(|transaction| {
            transaction.issued_pending(&key, &leaf(&format!("{name} {number}")))?;
            // 0x30 begins every certificate; the number tells which of them it is.
            transaction.sent(&key, &[public; 32], &[0x30, number])
        })
        .unwrap();
    key
}

fn used(ledger: &mut Ledger, key: &Key) -> bool {
    ledger.transaction(|transaction| transaction.used(key)).unwrap()
}

/// The two generations of the device a: the platform has the first one, and is to take the second one, which is used.
fn with_an_open_swap(ledger: &mut Ledger) -> (Key, Key) {
    let first = issue(ledger, "a");
    ledger.registered(&first).unwrap();
    let second = send(ledger, "a", 2);
    assert!(used(ledger, &second));
    (first, second)
}

fn roles(ledger: &Ledger, name: &str) -> Vec<Role> {
    ledger.history(Kind::Device, name).unwrap().iter().map(|entry| entry.role).collect()
}

pub(crate) fn passwords_and_devices_are_found_among_names<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let names: Vec<String> = (0..600_u32).map(|number| format!("d{number}")).collect();
    let expired = NewPassword { expires_at: BEGIN - Duration::DAY, ..password("d1", None) };
    ledger.new_passwords(&[password("d0", None), expired, password("d2", None), password("d599", None)]).unwrap();
    let sent = send(&mut ledger, "d2", 1);
    ledger.transaction(|transaction| transaction.bind_password("d2", &[1; 32])).unwrap();
    assert!(used(&mut ledger, &sent));
    let forgotten = issue(&mut ledger, "d3");
    ledger.revoke(&forgotten, None, &[]).unwrap();
    let asked: Vec<&str> = names.iter().map(String::as_str).collect();
    let usable = ledger.usable_passwords_among(&asked, BEGIN).unwrap();
    let mut found: Vec<&str> = usable.keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, ["d0", "d599"], "an expired one and a spent one are of no use");
    assert_eq!(usable["d0"], ledger.password_of("d0").unwrap().unwrap().made_at);
    let devices: Vec<String> = ledger.devices_among(&asked).unwrap().into_iter().collect();
    assert_eq!(devices, ["d2"]);
    assert!(ledger.usable_passwords_among(&[], BEGIN).unwrap().is_empty());
}

pub(crate) fn a_password_belongs_to_the_first_key<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    ledger.new_password(&password("a", Some("pumps"))).unwrap();
    let kept = ledger.password_of("a").unwrap().unwrap();
    assert_eq!((kept.hash, kept.label.as_deref(), kept.key, kept.is_spent), ([7; 32], Some("pumps"), None, false));
    assert_eq!(kept.expires_at, BEGIN + Duration::DAY);
    // Twice the same key, as when a device has not received the answer and asks again.
    for key in [[1; 32], [1; 32]] {
        ledger.transaction(|transaction| transaction.bind_password("a", &key)).unwrap();
    }
    assert!(ledger.transaction(|transaction| transaction.bind_password("a", &[2; 32])).is_err());
    assert_eq!(ledger.password_of("a").unwrap().unwrap().key, Some([1; 32]));
    // Another password begins again.
    ledger.new_password(&password("a", None)).unwrap();
    let kept = ledger.password_of("a").unwrap().unwrap();
    assert_eq!((kept.label, kept.key), (None, None));
    assert_eq!((ledger.open_passwords(BEGIN).unwrap(), ledger.password_of("b").unwrap()), (1, None));
}

pub(crate) fn an_expired_password_goes<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    ledger.new_password(&password("a", None)).unwrap();
    assert_eq!(ledger.remove_expired_passwords(BEGIN).unwrap(), 0);
    let end = BEGIN + Duration::DAY;
    assert_eq!(ledger.open_passwords(end).unwrap(), 0);
    assert_eq!(ledger.remove_expired_passwords(end).unwrap(), 1);
    assert_eq!(ledger.password_of("a").unwrap(), None);
    // One that is in use lives as long as its request, and a denial frees it.
    ledger.new_password(&password("a", None)).unwrap();
    let request = NewRequest { device: "a", label: None, key: [1; 32], is_first: true, address: "10.0.0.1" };
    let asked = ledger.transaction(|transaction| {
        transaction.bind_password("a", &request.key)?;
        transaction.ask_for_approval(&request)
    });
    asked.unwrap();
    assert_eq!(ledger.remove_expired_passwords(end).unwrap(), 0);
    assert!(ledger.is_password_in_use("a", end).unwrap());
    let id = ledger.enrolment_requests().unwrap().remove(0).id();
    ledger.decide_requests(&[id], RequestDecision::Denied, "operator").unwrap();
    assert_eq!(ledger.password_of("a").unwrap().unwrap().key, None);
    assert_eq!(ledger.remove_expired_passwords(end).unwrap(), 1);
}

pub(crate) fn a_revocation_ends_what_leads_to_another_certificate<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let begin = |ledger: &mut Ledger, device: &str, key: u8| {
        ledger.new_password(&password(device, None)).unwrap();
        let request = NewRequest { device, label: None, key: [key; 32], is_first: true, address: "::1" };
        ledger
            .transaction(|transaction| {
                transaction.bind_password(device, &[key; 32])?;
                transaction.ask_for_approval(&request)
            })
            .unwrap();
    };
    let is_revoked =
        |ledger: &Ledger, public: u8| ledger.key_holder(&[public; 32], Kind::Device, "a").unwrap().is_some();
    begin(&mut ledger, "b", 9);
    begin(&mut ledger, "a", 1);
    let first = send(&mut ledger, "a", 1);
    assert!(ledger.revoke(&first, Some("keyCompromise"), &[]).unwrap());
    assert!(!ledger.has_open_enrolment("a").unwrap() && ledger.has_open_enrolment("b").unwrap());
    assert!(is_revoked(&ledger, 1) && !is_revoked(&ledger, 2));

    // An operator gives the device another way in. The revocation of an earlier generation takes only what its key has.
    let second = send(&mut ledger, "a", 2);
    let third = send(&mut ledger, "a", 3);
    begin(&mut ledger, "a", 4);
    assert!(ledger.revoke(&second, Some("superseded"), &[]).unwrap());
    assert!(ledger.has_open_enrolment("a").unwrap());
    assert!(!is_revoked(&ledger, 2), "a key whose certificate was replaced is a good key");
    begin(&mut ledger, "a", 3);
    assert!(used(&mut ledger, &third));
    begin(&mut ledger, "a", 3);
    let fourth = send(&mut ledger, "a", 4);
    assert!(used(&mut ledger, &fourth));
    assert!(ledger.revoke(&third, None, &[]).unwrap());
    assert!(!ledger.has_open_enrolment("a").unwrap() && is_revoked(&ledger, 3));

    assert!(ledger.transaction(|transaction| transaction.end_enrolment("b")).unwrap());
    assert!(!ledger.transaction(|transaction| transaction.end_enrolment("b")).unwrap());
}

pub(crate) fn the_first_use_spends_the_password_and_makes_it_current<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    ledger.new_password(&password("a", None)).unwrap();
    ledger.transaction(|transaction| transaction.bind_password("a", &[1; 32])).unwrap();
    let key = send(&mut ledger, "a", 1);
    assert_eq!(roles(&ledger, "a"), [Role::Pending]);
    let sent = ledger.enrolled(&key).unwrap().unwrap();
    assert_eq!((sent.key, sent.certificate, sent.used_at, sent.is_swap_open), ([1; 32], vec![0x30, 1], None, false));
    assert!(used(&mut ledger, &key));
    assert!(!used(&mut ledger, &key), "the second use changes nothing");
    assert_eq!(roles(&ledger, "a"), [Role::Current]);
    assert!(ledger.password_of("a").unwrap().unwrap().is_spent);
    assert!(ledger.enrolled(&key).unwrap().unwrap().used_at.is_some());
    let history = ledger.name_history(Kind::Device, "a").unwrap();
    assert_eq!(history.sent_since(BEGIN), 1);
    assert_eq!(history.sent_since(OffsetDateTime::now_utc() + Duration::DAY), 0);
}

pub(crate) fn a_registered_one_stays_current_until_the_platform_has_the_next<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (first, second) = with_an_open_swap(&mut ledger);
    assert_eq!(roles(&ledger, "a"), [Role::Current, Role::Pending]);
    let open: Vec<Key> = ledger.open_swaps().unwrap().into_iter().map(|entry| entry.key).collect();
    assert_eq!(open, std::slice::from_ref(&second));
    assert_eq!(ledger.count_open_swaps().unwrap(), 1);
    ledger.swap_failed(&second, "the platform is away").unwrap();
    assert_eq!(ledger.enrolled(&second).unwrap().unwrap().error.as_deref(), Some("the platform is away"));
    assert!(ledger.swap_done(&second).unwrap());
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Current]);
    assert!(ledger.open_swaps().unwrap().is_empty());
    assert_eq!(ledger.count_open_swaps().unwrap(), 0);
    assert!(ledger.is_later_one_used(&first).unwrap() && !ledger.is_later_one_used(&second).unwrap());
}

pub(crate) fn a_first_one_can_wait_for_the_platform_and_a_revocation_wins<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let open = |ledger: &Ledger| ledger.open_swaps().unwrap().len();
    let first = send(&mut ledger, "a", 1);
    assert!(used(&mut ledger, &first));
    assert_eq!(open(&ledger), 0);
    for _ in 0..2 {
        ledger.transaction(|transaction| transaction.open_swap(&first)).unwrap();
        assert_eq!(open(&ledger), 1);
    }
    assert!(ledger.swap_done(&first).unwrap());
    assert_eq!((open(&ledger), roles(&ledger, "a")), (0, vec![Role::Current]));
    assert!(ledger.entry(&first).unwrap().unwrap().reached(State::Registered).is_some());
    // What is done is not opened again.
    ledger.transaction(|transaction| transaction.open_swap(&first)).unwrap();
    assert_eq!(open(&ledger), 0);

    let second = send(&mut ledger, "a", 2);
    assert!(used(&mut ledger, &second));
    assert_eq!(open(&ledger), 1);
    assert!(ledger.revoke(&second, Some("keyCompromise"), &[]).unwrap());
    assert!(!ledger.swap_done(&second).unwrap());
    assert_eq!((open(&ledger), roles(&ledger, "a")), (0, vec![Role::Current, Role::Revoked]));
    let steps: Vec<OpenStep> = ledger
        .open_revocations()
        .unwrap()
        .into_iter()
        .filter(|open| open.key == second)
        .map(|open| open.step)
        .collect();
    assert!(steps.contains(&OpenStep::Platform), "{steps:?}");

    let third = send(&mut ledger, "a", 3);
    assert!(used(&mut ledger, &third));
    assert_eq!(open(&ledger), 1);
    ledger.swap_ended(&third).unwrap();
    assert_eq!(open(&ledger), 0);
}

pub(crate) fn one_that_was_used_comes_before_a_later_one_that_was_only_sent<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (first, second) = with_an_open_swap(&mut ledger);
    let third = send(&mut ledger, "a", 3);
    assert_eq!(roles(&ledger, "a"), [Role::Current, Role::Superseded, Role::Pending]);
    assert!(ledger.take_up(&second).unwrap());
    assert_eq!(roles(&ledger, "a"), [Role::Current, Role::Pending, Role::Superseded]);
    // Another one is sent while the platform takes it.
    let fourth = send(&mut ledger, "a", 4);
    assert!(ledger.swap_done(&second).unwrap());
    let superseded = Role::Superseded;
    assert_eq!(roles(&ledger, "a"), [superseded, Role::Current, superseded, superseded]);
    // The later one counts as soon as it is used.
    assert!(used(&mut ledger, &third));
    assert!(!ledger.take_up(&first).unwrap());
    assert!(ledger.take_up(&third).unwrap() && ledger.swap_done(&third).unwrap());
    assert!(!ledger.take_up(&second).unwrap());
    assert_eq!(roles(&ledger, "a"), [superseded, superseded, Role::Current, superseded]);
    assert!(used(&mut ledger, &fourth) && ledger.swap_done(&fourth).unwrap());
    assert_eq!(roles(&ledger, "a"), [superseded, superseded, superseded, Role::Current]);
}

pub(crate) fn an_answer_that_was_used_late_counts<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "a");
    let second = send(&mut ledger, "a", 2);
    let third = send(&mut ledger, "a", 3);
    assert_eq!(roles(&ledger, "a"), [Role::Current, Role::Superseded, Role::Pending]);
    // The device has got the second answer and not the third one.
    assert!(used(&mut ledger, &second));
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Current, Role::Superseded]);
    // Then it gets the third one after all.
    assert!(used(&mut ledger, &third));
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Superseded, Role::Current]);
}

pub(crate) fn a_generation_that_a_station_replaced_is_out_of_use<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let first = issue(&mut ledger, "a");
    let serial = serial("a 2");
    let second = intend_as(&mut ledger, &NewIdentity { serial, ..device("a") }).unwrap();
    assert!(!ledger.is_later_one_used(&first).unwrap());
    ledger.issued(&second, &leaf("a 2")).unwrap();
    assert!(ledger.is_later_one_used(&first).unwrap());
}

pub(crate) fn a_request_belongs_to_one_key_and_is_decided_by_its_name<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let ask = |ledger: &mut Ledger, device: &str, key: u8| {
        let new = NewRequest { device, label: Some("pumps"), key: [key; 32], is_first: key == 1, address: "::1" };
        ledger.transaction(|transaction| transaction.ask_for_approval(&new)).unwrap();
    };
    ask(&mut ledger, "a", 1);
    ask(&mut ledger, "b", 2);
    let request = ledger.enrolment_request("a").unwrap().unwrap();
    assert_eq!(request.id(), "0101010101010101");
    assert_eq!((request.label.as_deref(), request.is_first, request.decision), (Some("pumps"), true, None));
    assert_eq!(ledger.waiting_requests().unwrap(), 2);

    let ids = ["0101010101010101".to_owned(), "ffffffffffffffff".to_owned()];
    let refused = ledger.decide_requests(&ids, RequestDecision::Approved, "w").unwrap_err();
    assert_eq!(refused.code(), Code::UnknownRequest);
    assert_eq!(ledger.waiting_requests().unwrap(), 2, "all of them or none");

    let decided = ledger.decide_requests(&ids[..1], RequestDecision::Denied, "w").unwrap();
    let request = ledger.enrolment_request("a").unwrap().unwrap();
    assert_eq!(decided, std::slice::from_ref(&request));
    assert_eq!((request.decision, request.decided_by.as_deref()), (Some(RequestDecision::Denied), Some("w")));
    ledger.decide_requests(&ids[..1], RequestDecision::Approved, "v").unwrap();
    let all = ledger.enrolment_requests().unwrap();
    assert_eq!(all.iter().map(|request| request.device.as_str()).collect::<Vec<_>>(), ["b", "a"]);

    // A copy of the key asks for another device. The name of the request means both then.
    ask(&mut ledger, "c", 1);
    let refused = ledger.decide_requests(&ids[..1], RequestDecision::Denied, "w").unwrap_err();
    assert_eq!(refused.code(), Code::AmbiguousRequest);
    assert!(refused.finding().what.contains("a, c") || refused.finding().what.contains("c, a"), "{refused}");
    let decided = ledger.decide_requests(&["c=0101010101010101".to_owned()], RequestDecision::Denied, "w").unwrap();
    assert_eq!(decided[0].device, "c");
    assert_eq!(ledger.enrolment_request("a").unwrap().unwrap().decision, Some(RequestDecision::Approved));
    ledger.transaction(|transaction| transaction.request_served("c", &[1; 32])).unwrap();

    // Another key begins again, and the name of the request before is of no use.
    ask(&mut ledger, "a", 3);
    assert_eq!(ledger.enrolment_request("a").unwrap().unwrap().decision, None);
    assert!(ledger.decide_requests(&ids[..1], RequestDecision::Approved, "w").is_err());
    ledger.transaction(|transaction| transaction.request_served("a", &[1; 32])).unwrap();
    assert!(ledger.enrolment_request("a").unwrap().is_some());
    ledger.transaction(|transaction| transaction.request_served("a", &[3; 32])).unwrap();
    assert!(ledger.enrolment_request("a").unwrap().is_none());

    assert_eq!(ledger.remove_old_requests(BEGIN).unwrap(), 0);
    assert_eq!(ledger.remove_old_requests(OffsetDateTime::now_utc() + Duration::days(3650)).unwrap(), 1);
}

pub(crate) fn one_in_use_from_its_issuance_leaves_the_one_before_a_way_back<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let first = issue(&mut ledger, "a");
    let second = send(&mut ledger, "a", 2);
    assert!(ledger.transaction(|transaction| transaction.in_use_from_now(&second)).unwrap());
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Current]);
    assert!(!ledger.is_later_one_used(&first).unwrap());
    assert_eq!(ledger.first_use_of_later(&first).unwrap(), None);
    assert!(used(&mut ledger, &second));
    assert!(ledger.first_use_of_later(&first).unwrap().is_some());
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Current]);
    // A platform that has the one before keeps it current.
    ledger.registered(&second).unwrap();
    let third = send(&mut ledger, "a", 3);
    assert!(!ledger.transaction(|transaction| transaction.in_use_from_now(&third)).unwrap());
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Current, Role::Pending]);
}

pub(crate) fn the_same_key_finds_what_was_sent_for_it<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let found = |ledger: &Ledger, number: u8| {
        ledger.name_history(Kind::Device, "a").unwrap().sent_for_key(&[number; 32]).map(|sent| sent.key)
    };
    let (_, second) = with_an_open_swap(&mut ledger);
    let third = send(&mut ledger, "a", 3);
    assert_eq!((found(&ledger, 2), found(&ledger, 3)), (Some(second.clone()), Some(third.clone())));
    // The platform takes the second one late, so that the third one is superseded; its answer may be on its way.
    assert!(ledger.swap_done(&second).unwrap());
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Current, Role::Superseded]);
    assert_eq!(found(&ledger, 3), Some(third.clone()));
    assert!(used(&mut ledger, &third) && ledger.swap_done(&third).unwrap());
    assert_eq!((found(&ledger, 2), found(&ledger, 3)), (None, Some(third.clone())));
    assert_eq!(ledger.name_history(Kind::Device, "b").unwrap().sent_for_key(&[3; 32]), None);
    // Two for one key: the later one.
    let fourth = send_for(&mut ledger, "a", 4, 3);
    assert_eq!(found(&ledger, 3), Some(fourth.clone()));
    assert!(ledger.revoke(&fourth, None, &[]).unwrap());
    assert_eq!(found(&ledger, 3), Some(third));
}

pub(crate) fn a_batch_of_renewals_is_recorded_as_one_by_one<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    // As many as make several statements: 16, 4 and 1.
    let names: Vec<String> = (0..21).map(|number| format!("device {number:02}")).collect();
    let firsts: Vec<Key> = names.iter().map(|name| issue(&mut ledger, name)).collect();
    ledger.registered(&firsts[0]).unwrap();
    ledger.unregistering(&firsts[0]).unwrap();
    let renewal = |name: &str| NewIdentity { serial: serial(&format!("2 {name}")), ..device(name) };
    let mut intend = || {
        ledger.transaction(|transaction| {
            let next = |name: &String| {
                let history = transaction.name_history(Kind::Device, name)?;
                transaction.plan_next(renewal(name), &history)
            };
            let all = names.iter().map(next).collect::<base::Result<Vec<_>>>()?;
            transaction.intend_all(&all)
        })
    };
    let recorded = intend().unwrap();
    assert_eq!(intend().unwrap_err().code(), Code::Internal, "each is intended");
    let rows: Vec<_> = recorded.iter().map(|one| (one.key.name.as_str(), one.key.generation.number())).collect();
    assert_eq!(rows, names.iter().map(|name| (name.as_str(), 2)).collect::<Vec<_>>());
    let (unfinished, since) = ledger.name_history(Kind::Device, &names[1]).unwrap().unfinished().unwrap();
    assert_eq!((&unfinished, since <= OffsetDateTime::now_utc()), (&recorded[1].key, true));
    let sign = |ledger: &mut Ledger| {
        ledger.transaction(|transaction| {
            recorded.iter().zip(0..).try_for_each(|(one, number)| {
                let sent = transaction.issued_and_sent(one, &leaf(&one.key.name), &[number; 32], &[0x30, number])?;
                assert!(sent, "no name was revoked");
                Ok(())
            })
        })
    };
    sign(&mut ledger).unwrap();
    for (one, number) in recorded.iter().zip(0..) {
        let entry = ledger.entry(&one.key).unwrap().unwrap();
        assert_eq!(
            (entry.role, entry.state, entry.serial),
            (Role::Pending, State::Issued, renewal(&one.key.name).serial)
        );
        assert_eq!(entry.fingerprint, Some(leaf(&one.key.name).fingerprint));
        assert_eq!(entry.unregistered_at.is_some(), number == 0, "what was taken from the platform stays away");
        let sent = ledger.enrolled(&one.key).unwrap().unwrap();
        assert_eq!((sent.key, sent.certificate), ([number; 32], vec![0x30, number]));
    }
    assert_eq!(sign(&mut ledger).unwrap_err().code(), Code::Internal, "none is intended any more");
    assert_eq!(ledger.name_history(Kind::Device, &names[1]).unwrap().unfinished(), None);
}

pub(crate) fn a_renewal_of_a_name_that_is_revoked_while_it_is_signed_is_not_sent<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    // The reason of each revocation in between, and whether the renewal is sent all the same.
    let cases = [("a", Some("keyCompromise"), false), ("b", None, false), ("c", Some("superseded"), true)];
    for (name, reason, is_sent) in cases {
        let first = issue(&mut ledger, name);
        let renewal = NewIdentity { serial: serial(&format!("2 {name}")), ..device(name) };
        let recorded = ledger
            .transaction(|transaction| {
                let history = transaction.name_history(Kind::Device, name)?;
                transaction.intend_all([&transaction.plan_next(renewal, &history)?])
            })
            .unwrap();
        assert!(ledger.revoke(&first, reason, &[OpenStep::List]).unwrap());
        let sent = ledger
            .transaction(|transaction| transaction.issued_and_sent(&recorded[0], &leaf(name), &[2; 32], &[0x30]))
            .unwrap();
        assert_eq!(sent, is_sent, "{reason:?}");
        let role = if is_sent { Role::Pending } else { Role::Void };
        assert_eq!(roles(&ledger, name), [Role::Revoked, role], "{reason:?}");
        assert_eq!(ledger.enrolled(&recorded[0].key).unwrap().is_some(), is_sent);
    }
    // A revocation before the request counts for its decision, and not here.
    let again = NewIdentity { serial: serial("3 a"), ..device("a") };
    let sent = ledger.transaction(|transaction| {
        let history = transaction.name_history(Kind::Device, "a")?;
        let recorded = transaction.intend_all([&transaction.plan_next(again, &history)?])?;
        transaction.issued_and_sent(&recorded[0], &leaf("a"), &[3; 32], &[0x30])
    });
    assert!(sent.unwrap());
}

pub(crate) fn what_a_device_can_still_hold_is_not_revoked_as_superseded<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (_, second) = with_an_open_swap(&mut ledger);
    send(&mut ledger, "a", 3);
    assert!(ledger.swap_done(&second).unwrap());
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Current, Role::Superseded]);
    // The first one is out of use. The third one may have arrived.
    assert_eq!(ledger.revoke_superseded(BEGIN, &RenewalGrace::default()).unwrap(), 1);
    assert_eq!(roles(&ledger, "a"), [Role::Revoked, Role::Current, Role::Superseded]);

    // In use from its issuance on, and not seen: the device may have the one before.
    issue(&mut ledger, "b");
    let next = send(&mut ledger, "b", 2);
    assert!(ledger.transaction(|transaction| transaction.in_use_from_now(&next)).unwrap());
    assert_eq!(ledger.revoke_superseded(BEGIN, &RenewalGrace::default()).unwrap(), 0);
    assert!(used(&mut ledger, &next));
    assert_eq!(ledger.revoke_superseded(BEGIN, &RenewalGrace::default()).unwrap(), 1);
    assert_eq!(roles(&ledger, "b"), [Role::Revoked, Role::Current]);
}

pub(crate) fn what_may_still_be_renewed_is_not_revoked_as_superseded<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let grace = |since, except: &[&str], others| RenewalGrace {
        since: Some(since),
        except: except.iter().map(|name| (*name).to_owned()).collect(),
        others,
    };
    let first = send(&mut ledger, "a", 1);
    assert!(used(&mut ledger, &first));
    let second = send(&mut ledger, "a", 2);
    assert!(used(&mut ledger, &second));
    let used_at = ledger.enrolled(&second).unwrap().unwrap().used_at.unwrap();
    // Its CA has such a time, of which this is the last second.
    for (except, others) in [(&[][..], true), (&["profile-o'x"], true), (&["devices-issuing"], false)] {
        assert_eq!(ledger.revoke_superseded(BEGIN, &grace(used_at, except, others)).unwrap(), 0, "{except:?}");
    }
    assert_eq!(roles(&ledger, "a"), [Role::Superseded, Role::Current]);
    // The time is over, and the CA has none.
    for (since, except, others) in [
        (used_at + Duration::SECOND, &[][..], true),
        (used_at, &[], false),
        (used_at, &["devices-issuing"], true),
        (used_at, &["profile-o'x"], false),
    ] {
        assert_eq!(ledger.revoke_superseded(BEGIN, &grace(since, except, others)).unwrap(), 1, "{except:?} {others}");
        station.sql(
            "DELETE FROM open_step; UPDATE identity SET role = 'superseded', state = 'issued', revoked_at = NULL, \
             revocation_reason = NULL WHERE role = 'revoked'",
        );
    }
    // One that an operator has issued replaces all that the service has sent.
    issue(&mut ledger, "b");
    let sent = send(&mut ledger, "b", 2);
    assert!(used(&mut ledger, &sent));
    let key = intend_as(&mut ledger, &NewIdentity { serial: serial("b 3"), ..device("b") }).unwrap();
    ledger.issued(&key, &leaf("b 3")).unwrap();
    assert_eq!(ledger.revoke_superseded(BEGIN, &grace(BEGIN, &[], true)).unwrap(), 1);
    assert_eq!(roles(&ledger, "b"), [Role::Superseded, Role::Revoked, Role::Current]);
}

pub(crate) fn a_key_belongs_to_one_name_and_never_to_another_after_a_revocation<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let holder = |ledger: &Ledger, public: u8, name: &str| {
        let found = ledger.key_holder(&[public; 32], Kind::Device, name).unwrap();
        found.map(|holder| (holder.name, holder.is_revoked))
    };
    let of_a = |is_revoked| Some(("a".to_owned(), is_revoked));
    assert_eq!(holder(&ledger, 1, "a"), None);
    let first = send(&mut ledger, "a", 1);
    // Pending, in use, and replaced.
    assert_eq!((holder(&ledger, 1, "a"), holder(&ledger, 1, "b")), (None, of_a(false)));
    assert!(used(&mut ledger, &first));
    let second = send(&mut ledger, "a", 2);
    assert!(used(&mut ledger, &second));
    assert_eq!((holder(&ledger, 1, "a"), holder(&ledger, 1, "b")), (None, of_a(false)));
    let server = ledger.key_holder(&[2; 32], Kind::Server, "a").unwrap().unwrap();
    assert_eq!((server.kind, server.name.as_str()), (Kind::Device, "a"), "a server with the name of the device");

    // A key whose certificate was replaced is a good key; one that was stolen is not, for any name.
    assert!(ledger.revoke(&first, Some("superseded"), &[]).unwrap());
    assert_eq!(holder(&ledger, 1, "b"), None);
    assert!(ledger.revoke(&second, None, &[]).unwrap());
    assert_eq!((holder(&ledger, 2, "a"), holder(&ledger, 2, "b")), (of_a(true), of_a(true)));

    let third = send(&mut ledger, "c", 3);
    assert!(used(&mut ledger, &third));
    ledger.transaction(|transaction| transaction.forget(Kind::Device, "c")).unwrap();
    assert_eq!(holder(&ledger, 3, "b"), None, "the device is forgotten");
}

pub(crate) fn a_renewal_that_another_replaced_can_still_be_held<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let pending = |ledger: &mut Ledger, number: u8| {
        let serial = serial(&format!("a {number}"));
        let key = intend_as(ledger, &NewIdentity { serial, ..device("a") }).unwrap();
        ledger.issued_pending(&key, &leaf(&format!("a {number}"))).unwrap();
        key
    };
    let first = issue(&mut ledger, "a");
    let second = pending(&mut ledger, 2);
    let third = pending(&mut ledger, 3);
    assert_eq!(roles(&ledger, "a"), [Role::Current, Role::Superseded, Role::Pending]);
    // The device may have been flashed with the second one, and it is below its CA all the same.
    assert_eq!(ledger.revoke_superseded(BEGIN, &RenewalGrace::default()).unwrap(), 0);
    station.sql("UPDATE identity SET issuer_generation = generation");
    // Each generation of the device is by the generation of the CA with the same number.
    let below = |ledger: &Ledger| {
        [&first, &second, &third].map(|ca| ledger.count_issued_by("devices-issuing", ca.generation, BEGIN).unwrap())
    };
    assert_eq!(below(&ledger), [1, 1, 1]);
    ledger.promote(&third).unwrap();
    assert_eq!(below(&ledger), [0, 0, 1]);
    assert_eq!(ledger.revoke_superseded(BEGIN, &RenewalGrace::default()).unwrap(), 2);
    assert_eq!(roles(&ledger, "a"), [Role::Revoked, Role::Revoked, Role::Current]);
    assert!(!ledger.revoke(&first, None, &[]).unwrap(), "revoked before");
}

pub(crate) fn what_is_in_doubt_is_revoked_by_hand_alone<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let first = issue(&mut ledger, "a");
    let other = serial("a 2");
    let second = intend_as(&mut ledger, &NewIdentity { serial: other, ..device("a") }).unwrap();
    ledger.issued(&second, &leaf("a 2")).unwrap();
    ledger.transaction(|transaction| transaction.doubt(&first)).unwrap();
    assert_eq!(ledger.revoke_superseded(BEGIN, &RenewalGrace::default()).unwrap(), 0);
    assert_eq!(ledger.in_doubt().unwrap().len(), 1);
    assert!(ledger.revoke(&first, None, &[]).unwrap());
    assert_eq!(ledger.in_doubt().unwrap(), []);
}

pub(crate) fn one_that_waits_for_the_platform_is_in_use_without_it_after_an_unregistration<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let (first, second) = with_an_open_swap(&mut ledger);
    ledger.unregistering(&first).unwrap();
    ledger.used_without_platform(&second).unwrap();
    assert_eq!((roles(&ledger, "a"), ledger.open_swaps().unwrap()), (vec![Role::Superseded, Role::Current], vec![]));
    assert!(!ledger.entry(&second).unwrap().unwrap().is_for_bulk());
}
