//! The behavior that every kind of ledger shares. A backend runs all of it with `behavior!(Station)`.

use std::collections::BTreeSet;

use base::{Code, Result};
use ledger::{
    Entry, Filter, Generation, IssuedRecord, Key, Kind, Ledger, NameFilter, NewIdentity, Parameters, SerialNumber,
    State,
};
use serde_json::json;
use time::{Duration, OffsetDateTime};

pub(crate) mod enrolment;
pub(crate) mod jobs;
pub(crate) mod known;
pub(crate) mod lifecycle;
pub(crate) mod platforms;
pub(crate) mod renewal;
pub(crate) mod reservation;
pub(crate) mod staging;

/// A place with one ledger, empty at first and gone when this is dropped.
pub(crate) trait Station {
    fn new() -> Self;
    /// A handle of its own on that ledger.
    fn open(&self) -> Ledger;
    /// Runs SQL on it that no ledger would: what an older version may have left.
    fn sql(&self, sql: &str);
    /// As [`Station::sql`]; whether the database refuses it.
    fn refuses(&self, sql: &str) -> bool;
    /// Takes the ledger back to the layout before roles and revocations. All rows are as that layout had them.
    fn to_layout_before_roles(&self);
}

pub(crate) const BEGIN: OffsetDateTime = time::macros::datetime!(2026-11-01 00:00 UTC);

/// A device that lasts a year. Its serial is its name, padded.
pub(crate) fn device(name: &str) -> NewIdentity {
    NewIdentity {
        kind: Kind::Device,
        name: name.to_owned(),
        serial: serial(name),
        profile: "client".to_owned(),
        algorithm: "ec-p256".to_owned(),
        parameters: Parameters::of(&json!({ "days": 365, "alg": "ec-p256" })).unwrap(),
        issuer: "devices-issuing".to_owned(),
        not_before: BEGIN,
        not_after: BEGIN + Duration::days(365),
    }
}

pub(crate) fn serial(text: &str) -> SerialNumber {
    // The first octet comes from the name and is ASCII, so that all serial numbers are positive.
    let mut octets = [0xA5; 16];
    octets.iter_mut().zip(text.bytes()).for_each(|(octet, byte)| *octet = byte);
    SerialNumber::new(&octets).unwrap()
}

/// Of what is issued, everything follows from the name.
pub(crate) fn leaf(name: &str) -> IssuedRecord {
    let mut fingerprint = [0; 32];
    fingerprint.iter_mut().zip(name.bytes()).for_each(|(octet, byte)| *octet = byte);
    IssuedRecord { fingerprint, credentials_id: Some(format!("id of {name}")) }
}

pub(crate) fn intend(ledger: &mut Ledger, name: &str) -> Key {
    intend_as(ledger, &device(name)).unwrap()
}

pub(crate) fn intend_as(ledger: &mut Ledger, identity: &NewIdentity) -> Result<Key> {
    let generation = ledger.intend(identity)?;
    Ok(Key { kind: identity.kind, name: identity.name.clone(), generation })
}

pub(crate) fn issue(ledger: &mut Ledger, name: &str) -> Key {
    let key = intend(ledger, name);
    ledger.issued(&key, &leaf(name)).unwrap();
    key
}

fn current(ledger: &Ledger, name: &str) -> Option<Entry> {
    ledger.latest(Kind::Device, name).unwrap()
}

fn listed(ledger: &Ledger, filter: &Filter) -> Vec<String> {
    let names: Vec<String> = ledger.list(filter).map(|entry| entry.unwrap().key.name).collect();
    assert_eq!(ledger.count(filter).unwrap(), names.len() as u64, "{filter:?}");
    names
}

pub(crate) fn an_identity_is_intended_then_issued_then_used<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    // The ledger keeps whole seconds, so that its times would otherwise lie before this one.
    let before = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();

    let key = intend(&mut ledger, "pump-1");
    assert_eq!(key.generation.number(), 1);
    let entry = current(&ledger, "pump-1").unwrap();
    assert_eq!((entry.state, entry.fingerprint, entry.credentials_id.as_deref()), (State::Intended, None, None));
    assert_eq!(entry.serial, device("pump-1").serial);
    assert_eq!(entry.parameters, device("pump-1").parameters);
    assert_eq!((entry.not_before, entry.not_after), (BEGIN, BEGIN + Duration::days(365)));
    assert_eq!((&*entry.profile, &*entry.algorithm, &*entry.issuer), ("client", "ec-p256", "devices-issuing"));

    ledger.issued(&key, &leaf("pump-1")).unwrap();
    let entry = current(&ledger, "pump-1").unwrap();
    assert_eq!((entry.state, entry.fingerprint), (State::Issued, Some(leaf("pump-1").fingerprint)));
    assert_eq!(entry.credentials_id.as_deref(), Some("id of pump-1"));

    ledger.registered(&key).unwrap();
    ledger.bundled(&key).unwrap();
    let entry = current(&ledger, "pump-1").unwrap();
    assert_eq!(entry.state, State::Bundled);
    for state in [State::Intended, State::Issued, State::Registered, State::Bundled] {
        assert!(entry.reached(state).unwrap() >= before, "{state}");
    }
    assert_eq!((entry.reached(State::Void), entry.reached(State::Revoked)), (None, None));
}

pub(crate) fn registering_and_bundling_come_in_any_order_and_again<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let key = issue(&mut ledger, "a");
    // Twice each, as by a run that was interrupted after the step and is repeated.
    for step in [Ledger::bundled, Ledger::registered, Ledger::registered, Ledger::bundled] {
        step(&mut ledger, &key).unwrap();
    }
    ledger.revoke(&key, Some("keyCompromise"), &[]).unwrap();
    let entry = current(&ledger, "a").unwrap();
    let reason = entry.revocation.and_then(|revocation| revocation.reason);
    assert_eq!((entry.state, reason.as_deref()), (State::Revoked, Some("keyCompromise")));
}

pub(crate) fn what_the_platform_has_forgotten_may_be_registered_again<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let key = issue(&mut ledger, "a");
    ledger.registered(&key).unwrap();
    ledger.unregistered(&key).unwrap();
    let entry = current(&ledger, "a").unwrap();
    assert_eq!((entry.state, entry.reached(State::Registered)), (State::Issued, None));
    ledger.bundled(&key).unwrap();
    ledger.registered(&key).unwrap();
    ledger.unregistered(&key).unwrap();
    ledger.unregistered(&key).unwrap();
    let entry = current(&ledger, "a").unwrap();
    assert_eq!((entry.state, entry.reached(State::Registered)), (State::Bundled, None));
    ledger.registered(&key).unwrap();
    ledger.revoke(&key, None, &[]).unwrap();
    ledger.unregistered(&key).unwrap();
    assert_eq!(current(&ledger, "a").unwrap().state, State::Revoked);
}

pub(crate) fn a_voided_identity_is_issued_again_under_another_serial<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let first = intend(&mut ledger, "a");
    assert_eq!(ledger.unfinished().unwrap().iter().map(|entry| &entry.key).collect::<Vec<_>>(), [&first]);

    ledger.void(&first, "interrupted").unwrap();
    assert_eq!((ledger.unfinished().unwrap(), current(&ledger, "a")), (vec![], None));

    let second = intend_as(&mut ledger, &NewIdentity { serial: serial("another"), ..device("a") }).unwrap();
    assert_eq!(second.generation.number(), 2);
    ledger.issued(&second, &leaf("a")).unwrap();
    assert_eq!(current(&ledger, "a").unwrap().key, second);
    let history = ledger.history(Kind::Device, "a").unwrap();
    let told: Vec<_> = history.iter().map(|entry| (entry.state, entry.last_error.as_deref())).collect();
    assert_eq!(told, [(State::Void, Some("interrupted")), (State::Issued, None)]);
}

pub(crate) fn a_new_generation_is_kept_with_the_old_one<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let old = issue(&mut ledger, "a");
    let new = intend_as(&mut ledger, &NewIdentity { serial: serial("renewed"), ..device("a") }).unwrap();
    assert_eq!(current(&ledger, "a").unwrap().key, old, "the old one counts until another takes its place");
    ledger.void(&new, "interrupted").unwrap();
    assert_eq!(current(&ledger, "a").unwrap().key, old);
}

pub(crate) fn a_name_is_intended_once_at_a_time<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    intend(&mut ledger, "a");
    let error = ledger.intend(&NewIdentity { serial: serial("b"), ..device("a") }).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("device a is intended twice")), (Code::Internal, true));
}

pub(crate) fn an_issuer_uses_a_serial_once<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "a");
    let again = NewIdentity { serial: serial("a"), ..device("b") };
    assert_eq!(ledger.intend(&again).unwrap_err().code(), Code::Internal);
    assert_eq!(current(&ledger, "b"), None);

    // Another CA, one that was brought along, may number alike.
    ledger.intend(&NewIdentity { issuer: "corporate".to_owned(), ..again }).unwrap();
    let names: Vec<_> = ledger.by_serial(&serial("a")).unwrap().into_iter().map(|entry| entry.key.name).collect();
    assert_eq!(names, ["b", "a"]);
}

pub(crate) fn kinds_have_names_of_their_own<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    issue(&mut ledger, "a");
    let server = NewIdentity { kind: Kind::Server, serial: serial("server"), ..device("a") };
    assert_eq!(intend_as(&mut ledger, &server).unwrap().generation.number(), 1);
    assert_eq!(ledger.latest(Kind::Server, "a").unwrap().unwrap().serial, serial("server"));
    assert_eq!(ledger.current(Kind::Ca, "a").unwrap(), None);
    assert_eq!(current(&ledger, "A"), None, "capitals count");
}

pub(crate) fn a_device_is_found_by_what_the_platform_calls_it<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let key = issue(&mut ledger, "a");
    issue(&mut ledger, "b");
    assert_eq!(ledger.by_credentials_id("id of a").unwrap().unwrap().key, key);
    assert_eq!(ledger.by_credentials_id("id of c").unwrap(), None);
    assert_eq!(ledger.by_serial(&serial("b")).unwrap().len(), 1);
    assert_eq!(ledger.by_serial(&serial("c")).unwrap(), []);
}

pub(crate) fn steps_that_make_no_sense_are_refused<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let key = intend(&mut ledger, "a");
    for step in [Ledger::registered, Ledger::bundled] {
        let error = step(&mut ledger, &key).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
        assert!(error.to_string().contains("device a, generation 1 is intended and cannot become"), "{error}");
    }
    ledger.issued(&key, &leaf("a")).unwrap();
    assert!(ledger.issued(&key, &leaf("other")).is_err());
    ledger.registered(&key).unwrap();
    assert!(ledger.void(&key, "too late").is_err());
    let entry = current(&ledger, "a").unwrap();
    assert_eq!((entry.state, entry.fingerprint), (State::Registered, Some(leaf("a").fingerprint)));

    let stranger = Key { name: "b".to_owned(), ..key };
    assert_eq!(ledger.registered(&stranger).unwrap_err().code(), Code::UnknownIdentity);
}

pub(crate) fn the_last_failure_is_kept_until_something_succeeds<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let key = issue(&mut ledger, "a");
    ledger.failed(&key, "the platform answers 503").unwrap();
    let entry = current(&ledger, "a").unwrap();
    assert_eq!((entry.state, entry.last_error.as_deref()), (State::Issued, Some("the platform answers 503")));
    ledger.registered(&key).unwrap();
    assert_eq!(current(&ledger, "a").unwrap().last_error, None);
}

pub(crate) fn a_transaction_is_kept_whole_or_not_at_all<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let names = ["a", "b", "c"];
    let error = ledger
        .transaction(|transaction| {
            for name in names {
                transaction.intend(&device(name))?;
            }
            assert!(transaction.latest(Kind::Device, "c")?.is_some(), "it sees its own steps");
            Err::<(), _>(Code::DiskFull.error("no room for the shard"))
        })
        .unwrap_err();
    assert_eq!(error.code(), Code::DiskFull);
    assert_eq!(listed(&ledger, &Filter::default()), [""; 0]);

    let generations: Vec<Generation> =
        ledger.transaction(|transaction| names.iter().map(|name| transaction.intend(&device(name))).collect()).unwrap();
    assert_eq!(generations.iter().map(|generation| generation.number()).collect::<Vec<_>>(), [1; 3]);
    assert_eq!(listed(&station.open(), &Filter::default()), names);
}

pub(crate) fn a_list_shows_what_is_asked_for<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let pump = issue(&mut ledger, "pump-1");
    issue(&mut ledger, "pump-2");
    intend(&mut ledger, "Pump-3");
    let lamp = issue(&mut ledger, "lamp");
    ledger.registered(&pump).unwrap();
    ledger.bundled(&pump).unwrap();
    ledger.bundled(&lamp).unwrap();
    let short = NewIdentity { not_after: BEGIN + Duration::days(1), serial: serial("new lamp"), ..device("lamp") };
    intend_as(&mut ledger, &short).unwrap();
    let server = NewIdentity { kind: Kind::Server, serial: serial("mqtt"), ..device("mqtt") };
    ledger.intend(&server).unwrap();

    let filter = Filter::default();
    assert_eq!(listed(&ledger, &filter), ["Pump-3", "lamp", "lamp", "pump-1", "pump-2", "mqtt"]);
    assert_eq!(listed(&ledger, &Filter { kind: Some(Kind::Server), ..filter.clone() }), ["mqtt"]);
    assert_eq!(listed(&ledger, &Filter { states: vec![State::Bundled], ..filter.clone() }), ["lamp", "pump-1"]);
    let unregistered = Filter { never: Some(State::Registered), latest_only: true, ..filter.clone() };
    assert_eq!(listed(&ledger, &unregistered), ["Pump-3", "lamp", "pump-2", "mqtt"]);
    let name = |name| Filter { name: Some(name), ..Filter::default() };
    assert_eq!(listed(&ledger, &name(NameFilter::Prefix("pump-".to_owned()))), ["pump-1", "pump-2"]);
    assert_eq!(listed(&ledger, &name(NameFilter::Exact("pump-".to_owned()))), [""; 0]);
    assert_eq!(listed(&ledger, &name(NameFilter::Prefix(String::new()))).len(), 6);
    let soon = Filter { expiring_before: Some(BEGIN + Duration::days(30)), ..filter.clone() };
    assert_eq!(listed(&ledger, &soon), ["lamp"]);
    let latest = Filter { kind: Some(Kind::Device), latest_only: true, ..filter.clone() };
    assert_eq!(listed(&ledger, &latest), ["Pump-3", "lamp", "pump-1", "pump-2"]);
    let current = Filter { kind: Some(Kind::Device), current_only: true, ..filter };
    assert_eq!(listed(&ledger, &current), ["lamp", "pump-1", "pump-2"]);
}

pub(crate) fn a_long_list_is_whole_and_in_order<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    // Two full pages of the list and a part of a third.
    let names: BTreeSet<String> = (0..2500).map(|number| format!("sensor-{number:06}")).collect();
    ledger
        .transaction(|transaction| names.iter().try_for_each(|name| transaction.intend(&device(name)).map(drop)))
        .unwrap();
    assert_eq!(listed(&ledger, &Filter::default()), Vec::from_iter(names));
}

pub(crate) fn names_are_data<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    // `%` and `_` are patterns in LIKE. No character follows
    // U+10FFFF, so that the end of its range of prefixes is special.
    let names = ["'); DROP TABLE identity; --", "100%", "a\u{10FFFF}", "Grüße", "_"];
    for name in names {
        issue(&mut ledger, name);
        assert_eq!(current(&ledger, name).unwrap().key.name, name);
        let filter = Filter { name: Some(NameFilter::Prefix(name.to_owned())), ..Filter::default() };
        assert_eq!(listed(&ledger, &filter), [name]);
    }
}

pub(crate) fn another_handle_sees_what_was_kept<S: Station>() {
    let station = S::new();
    let mut ledger = station.open();
    let key = issue(&mut ledger, "a");
    let entry = current(&ledger, "a");
    assert_eq!(current(&station.open(), "a"), entry, "while the first is open");
    drop(ledger);
    let mut ledger = station.open();
    assert_eq!(current(&ledger, "a"), entry, "and after it");
    ledger.registered(&key).unwrap();
    ledger.check().unwrap();
}

macro_rules! behavior {
    ($station:ty) => {
        $crate::behavior!($station:
            an_identity_is_intended_then_issued_then_used
            registering_and_bundling_come_in_any_order_and_again
            what_the_platform_has_forgotten_may_be_registered_again
            a_voided_identity_is_issued_again_under_another_serial
            a_new_generation_is_kept_with_the_old_one
            a_name_is_intended_once_at_a_time
            an_issuer_uses_a_serial_once
            kinds_have_names_of_their_own
            a_device_is_found_by_what_the_platform_calls_it
            steps_that_make_no_sense_are_refused
            the_last_failure_is_kept_until_something_succeeds
            a_transaction_is_kept_whole_or_not_at_all
            a_list_shows_what_is_asked_for
            a_long_list_is_whole_and_in_order
            names_are_data
            another_handle_sees_what_was_kept;
            a_job_keeps_its_names_and_the_values_of_their_lines
            a_job_that_is_not_kept_never_was
            the_same_names_again_are_the_same_job
            other_values_of_a_name_make_another_job
            duplicates_are_told_with_both_lines
            duplicates_of_the_store_and_of_other_jobs_are_told
            a_one_time_password_reserves_the_name_of_its_device
            names_of_a_job_are_data;
            a_shard_is_never_handed_out_twice
            an_ended_lease_hands_the_shard_to_another_that_signs_again
            a_lease_that_ended_unnoticed_is_still_good
            a_lease_tells_how_long_it_goes_on
            what_is_given_back_is_open_at_once
            only_the_names_of_the_shard_are_committed
            a_job_is_done_when_all_of_it_is_issued
            an_issuer_uses_a_serial_once_in_a_job_too
            registering_waits_for_issuing_and_asks_where_the_shard_lies
            a_shard_is_partly_done_while_a_device_lacks_the_step
            no_device_is_bundled_while_its_bundle_is_made_again
            what_was_withdrawn_meanwhile_stays_so_and_lacks_nothing
            a_device_of_another_shard_takes_no_step
            a_late_step_is_refused
            progress_counts_shards_and_devices
            shards_of_the_dead_are_free_for_who_is_alone
            failures_and_states_are_listed;
            a_name_that_waits_in_a_job_is_not_given_to_a_single_device
            a_name_in_use_is_not_issued_by_a_job
            a_canceled_job_frees_its_names_and_keeps_what_it_issued
            the_same_list_is_a_new_job_after_it_was_canceled
            what_was_unregistered_is_skipped_until_it_is_registered_again
            a_renewal_of_an_unregistered_name_stays_away;
            a_renewal_is_pending_until_it_is_promoted
            a_second_renewal_supersedes_the_first
            another_generation_supersedes_the_current_one
            a_name_has_one_current_and_one_pending_generation
            a_revocation_is_final_and_frees_the_name
            open_steps_are_kept_until_they_are_done
            numbers_and_times_of_lists_only_grow
            a_list_from_the_future_is_followed_by_an_earlier_one_if_the_clock_is_accepted
            the_list_of_a_retired_root_is_awaited_until_the_lists_were_written
            a_list_has_what_is_revoked_until_it_has_expired
            a_list_that_is_not_published_leaves_the_dates_of_the_one_before
            revocations_below_a_retired_generation_wait_only_for_the_list_of_a_key_in_service
            a_step_is_done_by_a_list_that_has_the_entry
            what_a_station_has_issued_is_found_by_its_host
            what_was_issued_by_itself_has_its_host
            open_steps_are_read_by_name_and_by_shard
            a_revoked_ca_issues_nothing
            a_certificate_that_was_revoked_unseen_stays_revoked_once_it_is_seen
            rollovers_and_revocations_are_counted
            a_ledger_of_the_layout_before_keeps_its_identities;
            passwords_and_devices_are_found_among_names
            a_password_belongs_to_the_first_key
            an_expired_password_goes
            a_revocation_ends_what_leads_to_another_certificate
            the_first_use_spends_the_password_and_makes_it_current
            a_registered_one_stays_current_until_the_platform_has_the_next
            a_first_one_can_wait_for_the_platform_and_a_revocation_wins
            one_that_was_used_comes_before_a_later_one_that_was_only_sent
            an_answer_that_was_used_late_counts
            a_generation_that_a_station_replaced_is_out_of_use
            a_request_belongs_to_one_key_and_is_decided_by_its_name
            one_in_use_from_its_issuance_leaves_the_one_before_a_way_back
            the_same_key_finds_what_was_sent_for_it
            a_batch_of_renewals_is_recorded_as_one_by_one
            what_a_device_can_still_hold_is_not_revoked_as_superseded
            what_may_still_be_renewed_is_not_revoked_as_superseded
            a_key_belongs_to_one_name_and_never_to_another_after_a_revocation
            a_renewal_of_a_name_that_is_revoked_while_it_is_signed_is_not_sent
            a_renewal_that_another_replaced_can_still_be_held
            what_is_in_doubt_is_revoked_by_hand_alone
            one_that_waits_for_the_platform_is_in_use_without_it_after_an_unregistration;
            steps_of_a_renewal_are_open_until_they_are_done
            another_current_generation_supersedes_a_pending_one
            what_the_platform_has_is_current_although_another_renewal_came_between
            a_lease_on_an_identity_has_one_holder_until_it_ends
            a_registration_of_a_revoked_device_leaves_a_step_open
            a_job_that_renews_makes_pending_generations
            the_candidates_of_a_shard_are_what_single_queries_return
            the_newest_entry_is_the_one_that_was_recorded_last;
            each_platform_has_its_own_registrations
            a_fetched_certificate_outdates_the_registrations_of_the_one_before
            the_columns_belong_to_the_first_platform_that_is_used
            a_revocation_is_open_at_each_platform
            a_renewal_stays_away_from_each_platform_of_which_it_was_taken
            the_earlier_generation_is_known_where_another_platform_has_the_next
            shards_are_registered_at_each_platform
            each_platform_has_its_own_token_of_a_device
            a_platform_that_moved_keeps_its_registrations
            joined_platforms_have_the_later_record_of_each_identity
            joined_platforms_have_all_open_steps_tokens_and_shards
            a_removal_at_one_url_ends_the_swap_at_the_other;
            a_lost_job_is_the_same_whichever_of_its_places_is_recorded_first
            a_lost_shard_of_a_staged_job_keeps_the_lines_of_its_names
        );
    };
    ($station:ty: $($test:ident)*; $($of_staging:ident)*; $($of_jobs:ident)*; $($of_reservation:ident)*;
     $($of_life:ident)*; $($of_enrolment:ident)*; $($of_renewal:ident)*; $($of_platforms:ident)*; $($of_known:ident)*) => {
        $(#[test]
        fn $test() {
            $crate::behavior::$test::<$station>();
        })*
        $(#[test]
        fn $of_staging() {
            $crate::behavior::staging::$of_staging::<$station>();
        })*
        $(#[test]
        fn $of_jobs() {
            $crate::behavior::jobs::$of_jobs::<$station>();
        })*
        $(#[test]
        fn $of_reservation() {
            $crate::behavior::reservation::$of_reservation::<$station>();
        })*
        $(#[test]
        fn $of_life() {
            $crate::behavior::lifecycle::$of_life::<$station>();
        })*
        $(#[test]
        fn $of_enrolment() {
            $crate::behavior::enrolment::$of_enrolment::<$station>();
        })*
        $(#[test]
        fn $of_renewal() {
            $crate::behavior::renewal::$of_renewal::<$station>();
        })*
        $(#[test]
        fn $of_platforms() {
            $crate::behavior::platforms::$of_platforms::<$station>();
        })*
        $(#[test]
        fn $of_known() {
            $crate::behavior::known::$of_known::<$station>();
        })*
    };
}
pub(crate) use behavior;
