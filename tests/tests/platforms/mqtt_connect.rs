//! CONNECT and its answers, byte for byte.

use serde_json::{Value, json};
use tbpki_tests::certificates::{Wanted, base64};
use tbpki_tests::mqtt::{Connect, PINGREQ, connect, publish, subscribe};
use tbpki_tests::platform::{Platform, Tenant, id, unique};
use tbpki_tests::wire::{Shown, Versions, Wire};

use crate::profiles::plain;

/// Whose certificate the platform does not know.
fn stranger() -> Shown {
    Wanted::client(&unique("stranger")).self_signed()
}

/// The answer after CONNECT, up to the end of the connection.
#[track_caller]
fn refusal(platform: &Platform, shown: Option<&Shown>, packet: &Connect<'_>) -> Vec<u8> {
    let (mut wire, mut answer) = connect(platform, shown, packet);
    answer.extend(wire.rest());
    answer
}

#[test]
fn session_present_is_the_opposite_of_clean_session() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let shown = Wanted::client("x").self_signed();
    tenant.device_with_certificate(&unique("connects"), &base64(&shown.chain[0]));
    for (level, clean, bytes) in [
        (4, true, &[0x20, 2, 0, 0][..]),
        // MQTT 3.1.1, section 3.2.2.2, allows this only if the server has a session, which ThingsBoard does not look
        // for.
        (4, false, &[0x20, 2, 1, 0]),
        (3, true, &[0x20, 2, 0, 0]),
        (5, true, &[0x20, 3, 0, 0, 0]),
        (5, false, &[0x20, 3, 1, 0, 0]),
    ] {
        let (mut wire, answer) =
            connect(&platform, Some(&shown), &Connect { level, clean, client: "c", ..Connect::default() });
        assert_eq!(answer, bytes, "level {level}, clean {clean}");
        wire.send(&PINGREQ);
        assert_eq!(wire.read(2).unwrap(), [0xd0, 0]);
        wire.send(&[0xe0, 0]);
        // The real platform answers a DISCONNECT of MQTT 5 with one of its own.
        assert_eq!(wire.rest(), if level == 5 { &[0xe0, 0][..] } else { &[] }, "5 answers with the same packet");
    }
}

#[test]
fn an_unknown_certificate_is_not_authorized() {
    let platform = Platform::start();
    for (level, clean, bytes) in [
        (4, true, &[0x20, 2, 0, 5][..]),
        (4, false, &[0x20, 2, 1, 5]),
        // For MQTT 5 a DISCONNECT with the same code follows the CONNACK.
        (5, true, &[0x20, 3, 0, 0x87, 0, 0xe0, 2, 0x87, 0]),
        (5, false, &[0x20, 3, 1, 0x87, 0, 0xe0, 2, 0x87, 0]),
    ] {
        let packet = Connect { level, clean, client: "c", ..Connect::default() };
        assert_eq!(refusal(&platform, Some(&stranger()), &packet), bytes, "level {level}, clean {clean}");
    }
}

#[test]
fn only_the_leafs_time_counts_and_only_here() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    // Hours: expired, and not valid yet. The certificate is registered, so only its dates are left to refuse it.
    for (from, to) in [(-48, -1), (1, 48)] {
        let shown = Wanted::client("x").valid(from, to).self_signed();
        tenant.device_with_certificate(&unique("time"), &base64(&shown.chain[0]));
        let packet = Connect { level: 5, ..Connect::default() };
        assert_eq!(refusal(&platform, Some(&shown), &packet), [0x20, 3, 0, 0x87, 0, 0xe0, 2, 0x87, 0]);
    }
}

#[test]
fn without_a_certificate_the_table_decides() {
    let platform = Platform::start();
    let user = unique("unknown-token");
    let user = Some(user.as_str());
    for (client, user, password, v4, v5) in [
        ("c", user, None, 5, 0x86),
        ("", user, None, 5, 0x86),
        ("c", user, Some("p"), 5, 0x86),
        ("", user, Some("p"), 5, 0x86),
        // An empty user name is a wrong one, not none.
        ("c", Some(""), None, 5, 0x86),
        ("", Some(""), None, 5, 0x86),
        // A client identifier alone is taken for a wrong one, which has a code of its own.
        (unique("client").as_str(), None, None, 2, 0x85),
        ("", None, None, 5, 0x87),
    ] {
        let packet = Connect { client, user, password, ..Connect::default() };
        assert_eq!(refusal(&platform, None, &packet), [0x20, 2, 0, v4], "{packet:?}");
        let packet = Connect { level: 5, ..packet };
        assert_eq!(refusal(&platform, None, &packet), [0x20, 3, 0, v5, 0, 0xe0, 2, v5, 0], "{packet:?}");
    }
}

#[test]
fn tokens_and_basic_credentials_log_in_without_a_certificate_only() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device(&unique("token"));
    let credentials = tenant.credentials(&device);
    let token = credentials["credentialsId"].as_str().unwrap();
    let packet = Connect { client: "any", user: Some(token), ..Connect::default() };
    assert_eq!(connect(&platform, None, &packet).1, [0x20, 2, 0, 0]);
    // ThingsBoard falls back to the token only if no certificate was shown.
    assert_eq!(connect(&platform, Some(&stranger()), &packet).1, [0x20, 2, 0, 5], "the certificate decides");

    let user = unique("user");
    let mut basic = credentials.clone();
    basic["credentialsType"] = json!("MQTT_BASIC");
    basic["credentialsValue"] = json!(json!({ "userName": user, "password": "p" }).to_string());
    tenant.ok("POST", "/api/device/credentials", Some(&basic));
    for (password, code) in [(Some("p"), 0), (Some("q"), 5), (None, 5)] {
        let packet = Connect { client: "any", user: Some(&user), password, ..Connect::default() };
        assert_eq!(connect(&platform, None, &packet).1, [0x20, 2, 0, code], "{password:?}");
    }
}

#[test]
fn a_profile_of_another_transport_is_unavailable() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let mut profile = plain(&unique("coap"));
    profile["transportType"] = json!("COAP");
    profile["profileData"]["transportConfiguration"] = json!({
        "type": "COAP",
        "coapDeviceTypeConfiguration": {
            "coapDeviceType": "DEFAULT", "transportPayloadTypeConfiguration": { "transportPayloadType": "JSON" },
        },
    });
    let profile = tenant.profile(&profile);
    let device = json!({ "name": unique("coap"), "deviceProfileId": profile["id"] });
    let device = tenant.ok("POST", "/api/device", Some(&device));
    tenant.forget(&format!("/api/device/{}", id(&device)));
    let credentials = tenant.credentials(&device);
    let user = credentials["credentialsId"].as_str();
    assert_eq!(refusal(&platform, None, &Connect { user, ..Connect::default() }), [0x20, 2, 0, 3]);
    let packet = Connect { user, level: 5, ..Connect::default() };
    // The DISCONNECT names another reason than the CONNACK before it, and not the same one for tokens and certificates.
    assert_eq!(refusal(&platform, None, &packet), [0x20, 3, 0, 0x88, 0, 0xe0, 2, 0x89, 0]);

    let shown = Wanted::client("x").self_signed();
    let mut credentials = credentials;
    credentials["credentialsType"] = json!("X509_CERTIFICATE");
    credentials["credentialsValue"] = json!(base64(&shown.chain[0]));
    tenant.ok("POST", "/api/device/credentials", Some(&credentials));
    let packet = Connect { level: 5, ..Connect::default() };
    assert_eq!(refusal(&platform, Some(&shown), &packet), [0x20, 3, 0, 0x88, 0, 0xe0, 2, 0x83, 0]);
}

#[test]
fn a_second_connect_is_answered_again() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let shown = Wanted::client("x").self_signed();
    tenant.device_with_certificate(&unique("again"), &base64(&shown.chain[0]));
    let packet = Connect { client: "c", ..Connect::default() };
    let (mut wire, answer) = connect(&platform, Some(&shown), &packet);
    assert_eq!(answer, [0x20, 2, 0, 0]);
    wire.send(&packet.bytes());
    assert_eq!(wire.read(4).unwrap(), [0x20, 2, 0, 0]);
    wire.send(&PINGREQ);
    assert_eq!(wire.read(2).unwrap(), [0xd0, 0]);
}

#[test]
fn other_bytes_than_mqtt_end_the_connection_at_once() {
    let platform = Platform::start();
    let (host, port) = platform.mqtts();
    let mut wire = Wire::tls(host, port, None, Versions::Tls13).unwrap();
    wire.send(b"GET / HTTP/1.1\r\n");
    // The reader gives up on a broker that waits for a whole packet.
    assert!(wire.rest().is_empty());
}

#[test]
fn an_unknown_version_gets_no_answer() {
    let platform = Platform::start();
    assert!(refusal(&platform, None, &Connect { level: 6, ..Connect::default() }).is_empty());
}

#[test]
fn bytes_behind_the_fields_of_a_connect_end_the_connection() {
    let platform = Platform::start();
    let (host, port) = platform.mqtts();
    let mut wire = Wire::tls(host, port, None, Versions::Tls13).unwrap();
    let mut packet = Connect { user: Some("provision"), ..Connect::default() }.bytes();
    packet[1] += 1;
    packet.push(b'x');
    wire.send(&packet);
    assert!(wire.rest().is_empty());
}

#[test]
fn a_device_is_known_as_soon_as_it_is_registered() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let shown = Wanted::client("x").self_signed();
    let packet = Connect::default();
    assert_eq!(connect(&platform, Some(&shown), &packet).1, [0x20, 2, 0, 5]);
    tenant.device_with_certificate(&unique("late"), &base64(&shown.chain[0]));
    // Without a pause between: nothing may remember that the certificate was unknown.
    assert_eq!(connect(&platform, Some(&shown), &packet).1, [0x20, 2, 0, 0]);
}

#[test]
fn a_second_login_of_a_device_ends_the_first() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let shown = Wanted::client("x").self_signed();
    tenant.device_with_certificate(&unique("twice"), &base64(&shown.chain[0]));
    let (mut first, answer) = connect(&platform, Some(&shown), &Connect { client: "a", ..Connect::default() });
    assert_eq!(answer, [0x20, 2, 0, 0]);
    let (mut second, answer) = connect(&platform, Some(&shown), &Connect { client: "b", ..Connect::default() });
    assert_eq!(answer, [0x20, 2, 0, 0]);
    // Two devices with one certificate would end each other's connections forever.
    assert!(first.rest().is_empty());
    second.send(&PINGREQ);
    assert_eq!(second.read(2).unwrap(), [0xd0, 0]);
}

/// Asks for attributes and reads the answer. It comes from the part of the server that also closes sessions, and in
/// order: afterwards that part knows the session. CONNACK alone comes before it does.
#[track_caller]
fn ask_the_device_actor(wire: &mut Wire, level: u8) {
    wire.send(&subscribe(level, 1, "v1/devices/me/attributes/response/+", 0));
    let suback = if level == 5 { 6 } else { 5 };
    assert_eq!(wire.read(suback).unwrap()[0], 0x90);
    wire.send(&publish(level, "v1/devices/me/attributes/request/1", 0, 0, br#"{"clientKeys":"none"}"#));
    let head = wire.read(2).unwrap();
    assert_eq!((head[0] >> 4, head[1] & 0x80), (3, 0), "a PUBLISH of one length byte: {head:?}");
    wire.read(usize::from(head[1])).unwrap();
}

/// A device with this connection, which the part of the server that closes sessions knows.
#[track_caller]
fn connected(platform: &Platform, tenant: &Tenant<'_>, level: u8) -> (Value, Wire) {
    let shown = Wanted::client("x").self_signed();
    let device = tenant.device_with_certificate(&unique("closed"), &base64(&shown.chain[0]));
    let (mut wire, answer) = connect(platform, Some(&shown), &Connect { level, ..Connect::default() });
    assert_eq!(answer[3], 0);
    ask_the_device_actor(&mut wire, level);
    (device, wire)
}

#[test]
fn changed_credentials_and_a_deleted_device_end_a_connection() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let change = |device: &Value| {
        let mut credentials = tenant.credentials(device);
        credentials["credentialsValue"] = json!(unique("other"));
        tenant.ok("POST", "/api/device/credentials", Some(&credentials));
    };
    let delete = |device: &Value| {
        tenant.ok("DELETE", &format!("/api/device/{}", id(device)), None);
    };
    type Change<'a> = &'a dyn Fn(&Value);
    // MQTT 3.1.1 has no DISCONNECT of a server: its device sees only that the connection ends.
    let changes: [(u8, Change<'_>, &[u8]); 3] =
        [(4, &change, &[]), (5, &change, &[0xe0, 2, 0x98, 0]), (5, &delete, &[0xe0, 2, 0x98, 0])];
    for (level, change, farewell) in changes {
        let (device, mut wire) = connected(&platform, &tenant, level);
        change(&device);
        assert_eq!(wire.rest(), farewell, "level {level}");
    }
}

#[test]
fn a_save_without_a_change_ends_a_connection_in_4_2_alone() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let (device, mut wire) = connected(&platform, &tenant, 5);
    let credentials = tenant.credentials(&device);
    let version = credentials["version"].as_i64().unwrap();
    let saved = tenant.ok("POST", "/api/device/credentials", Some(&credentials));
    assert_eq!(saved["version"], version + 1, "the save counts in both versions");
    if platform.is_4_3() {
        // A change afterwards ends it, so that the save before it has been heard of by then and ended nothing.
        wire.send(&PINGREQ);
        assert_eq!(wire.read(2).unwrap(), [0xd0, 0]);
        let mut credentials = saved;
        credentials["credentialsValue"] = json!(unique("other"));
        wire.send(&publish(5, "v1/devices/me/telemetry", 1, 7, br#"{"a":1}"#));
        assert_eq!(wire.read(4).unwrap(), [0x40, 2, 0, 7]);
        tenant.ok("POST", "/api/device/credentials", Some(&credentials));
    }
    assert_eq!(wire.rest(), [0xe0, 2, 0x98, 0]);
}
