//! Stories of devices: months of enrolments, renewals, outages and refusals on a simulated machine.

use alloc::vec;
use alloc::vec::Vec;

use super::simulated::{BEGIN, DAY, Device, HOUR, LIFETIME, World, anchor, enrolment, parts};
use crate::record::{EnrolmentSettings, Parts};
use crate::slots::SLOT;
use crate::slots::simulated::{Cut, SimulatedFlash};

/// True if the newest certificate of the service has logged in, and so many were issued.
fn has_logged_in_with(world: &World, certificates: usize) -> bool {
    let state = world.0.borrow();
    state.issued.len() == certificates && state.logins.last() == state.issued.last().map(|issued| &issued.key)
}

/// The lines of the log without their dates that contain one of these words.
fn lines(world: &World, words: &[&str]) -> Vec<alloc::string::String> {
    let state = world.0.borrow();
    let lines = state.log.iter().map(|line| line.split_once(" UTC ").unwrap().1);
    lines.filter(|line| words.iter().any(|word| line.starts_with(word))).map(Into::into).collect()
}

#[test]
fn a_device_enrols_and_renews_for_years() {
    let world = World::new();
    world.0.borrow_mut().follows = true;
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    assert_eq!(device.identities(), [(1, true)]);
    let expected = [
        "enrolment: connecting to enroll.example, port 9443",
        "enrolment: at least 50000 bytes of memory were free",
        "enrolment: certificate 1 was stored, valid until 2027-04-15 08:00:00 UTC",
        "enrolment: the service has confirmed the certificate",
        "identity: certificate 1, valid until 2027-04-15 08:00:00 UTC",
    ];
    assert_eq!(lines(&world, &["enrolment", "identity"]), expected);
    for certificates in 2..=8 {
        let issued = world.now();
        device.until("renewed", 91, |world| has_logged_in_with(world, certificates));
        // In the first quarter of the last third, and at once: the broker's connection gives way.
        let days = (world.now() - issued) / DAY;
        assert!((59..=68).contains(&days), "{days}:\n{}", world.log());
        let newest = u32::try_from(certificates).unwrap();
        assert_eq!(device.identities(), [(newest, true), (newest - 1, true)]);
    }
    let state = world.0.borrow();
    assert_eq!((state.refused, state.confirmed(), state.logins.len()), (0, 8, 8));
    // No reading was lost: one each ten minutes, except for those that wait.
    let readings = (state.issued.last().unwrap().not_after - LIFETIME - BEGIN) / 600;
    assert!(state.readings as u64 + 2 >= readings, "{} of {readings}", state.readings);
}

#[test]
fn a_restart_at_any_time_changes_nothing() {
    let world = World::new();
    world.0.borrow_mut().follows = true;
    let mut flash = SimulatedFlash::blank();
    for _ in 0..20 {
        let mut device = Device::start(&world, parts(), flash);
        device.passes(23 * DAY + 5 * HOUR);
        flash = device.off();
    }
    let state = world.0.borrow();
    assert_eq!((state.refused, state.confirmed()), (0, state.issued.len()));
    assert!((7..=8).contains(&state.issued.len()), "{}", state.issued.len());
}

#[test]
fn an_outage_of_the_service_or_of_the_time_server_is_waited_for() {
    let world = World::new();
    world.0.borrow_mut().has_time = false;
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    device.passes(2 * HOUR);
    assert!(world.has_logged("enrolment: the date is unknown, and no certificate can be judged without it"));
    assert_eq!(lines(&world, &["identity"]), ["identity: without a date, no certificate is fetched"]);
    {
        let mut state = world.0.borrow_mut();
        assert!(state.requests.is_empty() && state.log.len() < 40, "{:#?}", state.log);
        (state.has_time, state.has_service) = (true, false);
    }
    device.until("told", 1, |world| world.has_logged("enrolment: the service's host refuses connections to this port"));
    device.passes(DAY);
    world.0.borrow_mut().has_service = true;
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    // The service is away when the renewal is due. The device stays connected, apart from its visits.
    world.0.borrow_mut().has_service = false;
    device.passes(75 * DAY);
    assert!(world.has_logged("enrolment: trying again in "));
    let readings = world.0.borrow().readings;
    world.0.borrow_mut().has_service = true;
    device.until("renewed", 1, |world| has_logged_in_with(world, 2));
    assert!(readings > 75 * 144 - 10, "{readings}");
}

#[test]
fn a_wrong_password_is_named_and_tried_again_each_hour() {
    let world = World::new();
    world.0.borrow_mut().password = "another".into();
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    device.passes(10 * HOUR + 60);
    assert!(world.has_logged("enrolment: status 401: the name or the password is wrong"), "{}", world.log());
    assert_eq!(world.0.borrow().requests.len(), 11);
    world.0.borrow_mut().password = super::simulated::PASSWORD.into();
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    // The first key was kept: it is the one that the password is bound to.
    assert_eq!(device.identities(), [(1, true)]);
}

#[test]
fn the_identity_before_is_used_until_the_platform_has_the_new_one() {
    let world = World::new();
    world.0.borrow_mut().follows = true;
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    world.0.borrow_mut().platform_delay = 5;
    device.until("issued", 91, |world| world.0.borrow().issued.len() == 2);
    let issued = world.now();
    device.until("renewed", 1, |world| has_logged_in_with(world, 2));
    let state = world.0.borrow();
    // Five answers of 202, after each of which the device is connected for one reading, and the broker has refused nothing.
    assert!((5 * 600..6 * 600).contains(&(world.now() - issued)), "{}", world.log());
    assert!(world.has_logged("enrolment: the service is not done: it waits for the platform or for an approval"));
    assert_eq!((state.refused, state.logins.len()), (0, 2));
    let confirmations = state.requests.iter().filter(|path| path.as_str() == "tbpki/confirm").count();
    assert_eq!(confirmations, 1 + 6);
    drop(state);
    assert_eq!(device.identities(), [(2, true), (1, true)]);
}

#[test]
fn a_refused_identity_gives_way_to_the_one_before_and_is_tried_again() {
    let world = World::new();
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    // The platform keeps the first certificate, although the service has confirmed the second one.
    let first = world.0.borrow().issued[0].key.clone();
    world.0.borrow_mut().credential = Some(first.clone());
    device.until("refused", 91, |world| world.0.borrow().refused > 0);
    let readings = world.0.borrow().readings;
    device.passes(DAY);
    {
        let state = world.0.borrow();
        assert!(state.readings >= readings + 140, "{}", world.log());
        assert_eq!(state.issued.len(), 2);
        // With growing pauses up to an hour.
        assert!((20..60).contains(&state.refused), "{}", state.refused);
    }
    assert_eq!(device.identities(), [(2, false), (1, true)]);
    assert!(world.has_logged("identity: refused: trying the other certificate"));
    let second = world.0.borrow().issued[1].key.clone();
    world.0.borrow_mut().credential = Some(second);
    device.until("accepted", 1, |world| has_logged_in_with(world, 2));
    assert_eq!(device.identities(), [(2, true), (1, true)]);
}

/// A device with its second certificate, which it has not confirmed.
fn with_an_unconfirmed_renewal(world: &World) -> Device {
    world.0.borrow_mut().follows = true;
    let mut device = Device::start(world, parts(), SimulatedFlash::blank());
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    world.0.borrow_mut().platform_delay = 1;
    device.until("issued", 91, |world| world.0.borrow().issued.len() == 2);
    device
}

#[test]
fn a_service_that_has_lost_a_certificate_issues_another_one() {
    let world = World::new();
    let mut device = with_an_unconfirmed_renewal(&world);
    // Its ledger was restored from before: the second certificate is gone.
    let lost = world.0.borrow_mut().issued.pop().unwrap();
    device.until("renewed", 1, |world| has_logged_in_with(world, 2));
    assert!(world.has_logged("enrolment: status 403: the client certificate is unknown"));
    let state = world.0.borrow();
    assert!(state.refused == 0 && state.issued[1].key != lost.key, "{}", world.log());
    drop(state);
    // The slot of the lost one was written again.
    assert_eq!(device.identities(), [(3, true), (1, true)]);
}

#[test]
fn an_outage_while_a_lost_certificate_is_replaced_leaves_the_one_before() {
    let world = World::new();
    let mut device = with_an_unconfirmed_renewal(&world);
    world.0.borrow_mut().issued.pop();
    device.until("told", 1, |world| world.has_logged("enrolment: status 403: the client certificate is unknown"));
    // The key of the next one is written to the slot of the lost one before the service is found to be away.
    world.0.borrow_mut().has_service = false;
    device.passes(5 * HOUR);
    assert_eq!(device.identities(), [(1, true)]);
    let readings = world.0.borrow().readings;
    device.passes(DAY);
    assert!(world.0.borrow().readings > readings + 140, "{}", world.log());
    world.0.borrow_mut().has_service = true;
    device.until("renewed", 1, |world| has_logged_in_with(world, 2));
    assert_eq!((device.identities(), world.0.borrow().refused), (vec![(3, true), (1, true)], 0));
    assert!(!world.has_logged("identity: it cannot be used"), "{}", world.log());
}

#[test]
fn a_service_that_has_lost_the_first_certificate_takes_the_password_again() {
    let world = World::new();
    {
        let mut state = world.0.borrow_mut();
        // The platform does not have the device yet.
        (state.platform_delay, state.credential) = (1, Some(Vec::new()));
    }
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    device.until("issued", 1, |world| world.0.borrow().issued.len() == 1);
    {
        let mut state = world.0.borrow_mut();
        (state.issued, state.bound_key) = (Vec::new(), None);
    }
    device.until("issued again", 1, |world| world.0.borrow().issued.len() == 1);
    world.0.borrow_mut().credential = None;
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    // The key of the lost certificate has it still, and its slot is the next one to be written.
    assert_eq!(device.identities(), [(2, true), (1, false)]);
}

#[test]
fn a_revoked_device_keeps_asking_each_hour_and_keeps_its_slots() {
    let world = World::new();
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    world.0.borrow_mut().disowns = 1;
    device.passes(70 * DAY);
    let requests = world.0.borrow().requests.len();
    device.passes(DAY);
    // The device looks at the time after each reading, which are ten minutes apart.
    assert!((20..=24).contains(&(world.0.borrow().requests.len() - requests)), "{}", world.log());
    assert_eq!(device.identities(), [(1, true)]);
}

#[test]
fn the_anchors_of_a_renewal_replace_those_of_the_record() {
    let world = World::new();
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    device.until("enrolled", 1, |world| has_logged_in_with(world, 1));
    // A rollover: both roots are sent, then the servers change, then the old root goes.
    world.0.borrow_mut().anchors = vec![anchor("root 1"), anchor("root 2")];
    assert_eq!(world.0.borrow().stated.lines().count(), 1);
    device.until("renewed", 91, |world| has_logged_in_with(world, 2));
    // The service knows by the confirmation that this device trusts the next root, too.
    assert_eq!(world.0.borrow().stated.lines().count(), 2);
    {
        let mut state = world.0.borrow_mut();
        (state.service_root, state.broker_root) = (anchor("root 2"), anchor("root 2"));
        state.anchors = vec![anchor("root 2")];
    }
    let flash = device.off();
    let mut device = Device::start(&world, parts(), flash);
    device.until("renewed", 91, |world| has_logged_in_with(world, 3));
    let flash = device.off();
    // The record trusts the first root alone, and is not needed for it any more.
    let mut device = Device::start(&world, parts(), flash);
    device.until("renewed", 91, |world| has_logged_in_with(world, 4));
    assert_eq!(world.0.borrow().refused, 0);
    assert!(!world.has_logged("is rejected"), "{}", world.log());
}

#[test]
fn a_service_behind_a_root_of_its_own_is_trusted_by_the_record() {
    let world = World::new();
    world.0.borrow_mut().service_root = anchor("root 3");
    let mut device = Device::start(&world, parts(), SimulatedFlash::blank());
    let why = "enrolment: the service's certificate is rejected: no CA of the record issued it";
    device.until("refused", 1, |world| world.has_logged(why));
    let flash = device.off();
    let enrolment = EnrolmentSettings { anchors: anchor("root 3"), ..enrolment() };
    let mut device = Device::start(&world, Parts { enrolment: Some(enrolment), ..parts() }, flash);
    device.until("renewed", 92, |world| has_logged_in_with(world, 2));
}

#[test]
fn a_factory_certificate_is_renewed_and_then_never_shown_again() {
    let world = World::new();
    let login = world.factory();
    let enrolment = EnrolmentSettings { password: "".into(), ..enrolment() };
    let parts = Parts { login, enrolment: Some(enrolment), ..parts() };
    let mut device = Device::start(&world, parts.clone(), SimulatedFlash::blank());
    device.until("logged in", 1, |world| has_logged_in_with(world, 1));
    assert_eq!(lines(&world, &["identity"]), ["identity: the certificate of the record"]);
    // Not confirmed by a login yet: the certificate of the record is the one before.
    world.0.borrow_mut().platform_delay = 3;
    device.until("issued", 91, |world| world.0.borrow().issued.len() == 2);
    device.until("renewed", 1, |world| has_logged_in_with(world, 2));
    assert_eq!((device.identities(), world.0.borrow().refused), (vec![(1, true)], 0));
    let shown = lines(&world, &["identity"]).len();
    // The new one is refused from now on; the factory certificate is not tried, because it may be revoked.
    world.0.borrow_mut().credential = Some(Vec::new());
    let flash = device.off();
    let mut device = Device::start(&world, parts, flash);
    device.passes(DAY);
    let after = lines(&world, &["identity"]).split_off(shown);
    assert_eq!(after.len(), 1, "{after:#?}");
    assert!(after[0].starts_with("identity: certificate 1, "), "{after:#?}");
}

#[test]
fn the_record_is_used_again_if_both_slots_are_damaged() {
    let world = World::new();
    let login = world.factory();
    let parts = Parts { login, ..parts() };
    let mut device = Device::start(&world, parts.clone(), SimulatedFlash::blank());
    for certificates in 2..=3 {
        device.until("renewed", 91, |world| has_logged_in_with(world, certificates));
    }
    assert_eq!(device.identities(), [(2, true), (1, true)]);
    // One slot is damaged: the other one is used. Then both are. Without the service, which would issue another one at once.
    world.0.borrow_mut().has_service = false;
    let mut flash = device.off();
    for (slot, expected) in [(SLOT, "identity: certificate 1, "), (0, "identity: the certificate of the record")] {
        // A bit of the private key.
        flash.bytes[slot as usize + 98] ^= 1;
        let shown = lines(&world, &["identity"]).len();
        let mut device = Device::start(&world, parts.clone(), flash);
        device.passes(HOUR);
        let after = lines(&world, &["identity"]).split_off(shown);
        assert!(after.first().is_some_and(|line| line.starts_with(expected)), "{after:#?}\n{}", world.log());
        flash = device.off();
    }
}

#[test]
fn the_certificates_of_a_profile_are_erased_once_a_later_one_has_logged_in() {
    let world = World::new();
    let enrolment = EnrolmentSettings { label: "pumps".into(), ..enrolment() };
    let parts = Parts { enrolment: Some(enrolment), ..parts() };
    let mut device = Device::start(&world, parts, SimulatedFlash::blank());
    for certificates in 1..=3 {
        device.until("renewed", 91, |world| has_logged_in_with(world, certificates));
        assert_eq!(device.identities(), [(u32::try_from(certificates).unwrap(), true)]);
    }
    assert!(world.0.borrow().requests.iter().all(|path| path.contains("/pumps/")));
}

#[test]
fn a_power_failure_at_any_write_delays_the_life_of_a_device_and_nothing_more() {
    // A whole life: an enrolment and two renewals, the second of which writes over the first identity.
    let life = |flash: SimulatedFlash, world: &World| {
        let mut device = Device::start(world, parts(), flash);
        let end = world.now() + 200 * DAY;
        while !device.is_cut() && world.now() < end && !has_logged_in_with(world, 3) {
            device.passes(HOUR);
        }
        device
    };
    let world = World::new();
    world.0.borrow_mut().follows = true;
    let whole = life(SimulatedFlash::blank(), &world).off_with_count();
    assert!(whole > 3_000, "{whole}");
    // Steps that meet each part of the slots, and each page of 256 bytes in many places.
    for after in (0..whole).step_by(whole as usize / 24) {
        let world = World::new();
        world.0.borrow_mut().follows = true;
        let cut = life(SimulatedFlash::blank().failing(after, Cut::Random, after * 2_654_435_761), &world);
        let mut device = Device::start(&world, parts(), cut.off());
        device.until("whole", 200, |world| has_logged_in_with(world, 3));
        // The power may have failed between the login and its record in the slot.
        device.passes(HOUR);
        assert_eq!(world.0.borrow().refused, 0, "{after}:\n{}", world.log());
        assert_eq!(device.identities(), [(3, true), (2, true)], "{after}");
    }
}
