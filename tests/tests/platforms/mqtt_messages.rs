//! Messages of devices that are logged in, byte for byte.

use tbpki_tests::certificates::{Wanted, base64};
use tbpki_tests::mqtt::{Connect, PINGREQ, connect, publish, subscribe};
use tbpki_tests::platform::{Platform, Tenant, unique};
use tbpki_tests::wire::Wire;

const TELEMETRY: &str = "v1/devices/me/telemetry";

#[track_caller]
fn logged_in(platform: &Platform, tenant: &Tenant<'_>, level: u8) -> Wire {
    let shown = Wanted::client("x").self_signed();
    tenant.device_with_certificate(&unique("messages"), &base64(&shown.chain[0]));
    let (wire, answer) = connect(platform, Some(&shown), &Connect { level, ..Connect::default() });
    assert_eq!(answer[3], 0);
    wire
}

#[track_caller]
fn answers(wire: &mut Wire, sent: &[u8], answer: &[u8]) {
    wire.send(sent);
    assert_eq!(wire.read(answer.len()).unwrap(), answer);
}

#[test]
fn telemetry_is_acknowledged_in_both_versions() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    for level in [4, 5] {
        let mut wire = logged_in(&platform, &tenant, level);
        for (id, topic) in [(1, TELEMETRY), (0x0203, "v1/devices/me/attributes"), (4, "v2/t"), (5, "v2/a")] {
            let [high, low] = u16::to_be_bytes(id);
            answers(&mut wire, &publish(level, topic, 1, id, br#"{"a":1}"#), &[0x40, 2, high, low]);
        }
        // null is no value that could be stored, and no fault either.
        answers(&mut wire, &publish(level, TELEMETRY, 1, 8, br#"{"a":null}"#), &[0x40, 2, 0, 8]);
        // Quality of service 2 is taken for 1.
        answers(&mut wire, &publish(level, TELEMETRY, 2, 9, br#"{"ts":1,"values":{"a":1}}"#), &[0x40, 2, 0, 9]);
        answers(&mut wire, &PINGREQ, &[0xd0, 0]);
    }
}

#[test]
fn malformed_telemetry_ends_3_1_1_and_is_named_in_5() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    for junk in [&b"junk"[..], b"", b"{", b"[1]"] {
        let mut wire = logged_in(&platform, &tenant, 4);
        wire.send(&publish(4, TELEMETRY, 1, 7, junk));
        assert!(wire.rest().is_empty(), "{junk:?}");
    }
    // MQTT 5 has reason codes, so the connection need not end.
    let mut wire = logged_in(&platform, &tenant, 5);
    answers(&mut wire, &publish(5, TELEMETRY, 1, 7, b"junk"), &[0x40, 4, 0, 7, 0x99, 0]);
    answers(&mut wire, &PINGREQ, &[0xd0, 0]);
    wire.send(&publish(5, TELEMETRY, 0, 0, b"junk"));
    assert_eq!(wire.rest(), [0xe0, 2, 0x99, 0]);
}

#[test]
fn an_unknown_topic_is_acknowledged_and_goes_nowhere() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let mut wire = logged_in(&platform, &tenant, 4);
    answers(&mut wire, &publish(4, "some/topic", 1, 7, b"x"), &[0x40, 2, 0, 7]);
    answers(&mut wire, &PINGREQ, &[0xd0, 0]);
    let mut wire = logged_in(&platform, &tenant, 5);
    answers(&mut wire, &publish(5, "some/topic", 1, 7, b"x"), &[0x40, 4, 0, 7, 0x90, 0]);
    answers(&mut wire, &PINGREQ, &[0xd0, 0]);
}

#[test]
fn a_plain_devices_gateway_topics_get_no_answer() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let mut wire = logged_in(&platform, &tenant, 4);
    wire.send(&publish(4, "v1/gateway/telemetry", 1, 7, b"{}"));
    answers(&mut wire, &PINGREQ, &[0xd0, 0]);
}

#[test]
fn subscriptions_are_granted_to_what_is_known() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let mut wire = logged_in(&platform, &tenant, 4);
    answers(&mut wire, &subscribe(4, 1, "v1/devices/me/attributes", 2), &[0x90, 3, 0, 1, 1]);
    answers(&mut wire, &subscribe(4, 2, "v1/devices/me/rpc/request/+", 0), &[0x90, 3, 0, 2, 0]);
    answers(&mut wire, &subscribe(4, 3, "some/topic", 1), &[0x90, 3, 0, 3, 0x80]);
    let mut wire = logged_in(&platform, &tenant, 5);
    answers(&mut wire, &subscribe(5, 1, "v1/devices/me/attributes", 1), &[0x90, 4, 0, 1, 0, 1]);
    answers(&mut wire, &subscribe(5, 2, "some/topic", 1), &[0x90, 4, 0, 2, 0, 0x8f]);
}

#[test]
fn too_long_a_packet_ends_the_connection() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    for (level, farewell) in [(4, &[][..]), (5, &[0xe0, 2, 0x81, 0])] {
        let mut wire = logged_in(&platform, &tenant, level);
        // The head alone is enough: it has the length, and the platform does not wait for the rest.
        wire.send(&publish(level, TELEMETRY, 1, 7, &vec![b' '; 65_537])[..100]);
        assert_eq!(wire.rest(), farewell);
    }
}

#[test]
fn telemetry_without_values_is_never_acknowledged() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    for level in [4, 5] {
        let mut wire = logged_in(&platform, &tenant, level);
        wire.send(&publish(level, TELEMETRY, 1, 7, b"[]"));
        // Nothing came before this answer, so that a device that waits for its PUBACK waits in vain.
        answers(&mut wire, &PINGREQ, &[0xd0, 0]);
    }
}

#[test]
fn a_time_that_is_no_number_ends_the_connection() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    for (level, farewell) in [(4, &[][..]), (5, &[0xe0, 2, 0x8b, 0])] {
        for time in ["\"x\"", "null"] {
            let mut wire = logged_in(&platform, &tenant, level);
            wire.send(&publish(level, TELEMETRY, 1, 7, format!(r#"{{"ts":{time},"values":{{"a":1}}}}"#).as_bytes()));
            assert_eq!(wire.rest(), farewell, "level {level}, {time}");
        }
    }
}

#[test]
fn other_topics_want_well_formed_messages_too() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    for (topic, payload) in [
        ("v1/devices/me/claim", "junk"),
        ("v1/devices/me/rpc/request/1", "junk"),
        ("v1/devices/me/rpc/response/x", "{}"),
        ("v1/devices/me/attributes/request/1", "junk"),
        // Protocol Buffers.
        ("v2/t/p", r#"{"a":1}"#),
    ] {
        let mut wire = logged_in(&platform, &tenant, 4);
        wire.send(&publish(4, topic, 1, 7, payload.as_bytes()));
        assert!(wire.rest().is_empty(), "{topic}");
        let mut wire = logged_in(&platform, &tenant, 5);
        answers(&mut wire, &publish(5, topic, 1, 7, payload.as_bytes()), &[0x40, 4, 0, 7, 0x99, 0]);
        answers(&mut wire, &PINGREQ, &[0xd0, 0]);
    }
}

#[test]
fn a_ping_with_a_body_is_the_last() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    // 4.2 answers it first.
    let pong = if platform.is_4_3() { &[][..] } else { &[0xd0, 0] };
    for (level, farewell) in [(4, &[][..]), (5, &[0xe0, 2, 0x81, 0])] {
        let mut wire = logged_in(&platform, &tenant, level);
        wire.send(&[0xc0, 1, 0]);
        assert_eq!(wire.rest(), [pong, farewell].concat(), "level {level}");
    }
    // AUTH came with version 5.
    let mut wire = logged_in(&platform, &tenant, 4);
    wire.send(&[0xf0, 0]);
    assert!(wire.rest().is_empty());
}

#[test]
fn a_device_without_a_firmware_to_fetch_is_disconnected() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let mut wire = logged_in(&platform, &tenant, 4);
    wire.send(&publish(4, "v2/fw/request/1/chunk/0", 1, 7, b"1000"));
    assert_eq!(wire.rest(), [b"\x32\x18\0\x0bv2/fw/error\0\x01".as_slice(), b"NOT_FOUND"].concat());
}
