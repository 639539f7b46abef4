//! Values that devices send, and the values that are stored.

use serde_json::{Value, json};
use tb_sim::Settings;
use tbpki_tests::certificates::{Wanted, base64};
use tbpki_tests::mqtt::{Connect, connect, publish, subscribe};
use tbpki_tests::platform::{Platform, Tenant, id};
use tbpki_tests::wire::Wire;

const TELEMETRY: &str = "v1/devices/me/telemetry";

#[track_caller]
fn logged_in(platform: &Platform, tenant: &Tenant<'_>, level: u8) -> (Value, Wire) {
    let shown = Wanted::client("x").self_signed();
    let device = tenant.device_with_certificate("values", &base64(&shown.chain[0]));
    let (wire, answer) = connect(platform, Some(&shown), &Connect { level, ..Connect::default() });
    // The code is the fourth byte in both versions of MQTT.
    assert_eq!(answer[3], 0);
    (device, wire)
}

#[test]
fn telemetry_is_there_once_it_is_acknowledged() {
    let platform = Platform::simulator(Settings::default());
    let tenant = platform.sign_in();
    let (device, mut wire) = logged_in(&platform, &tenant, 4);
    for (payload, key, stored) in [
        (r#"{"a":1}"#, "a", json!(1)),
        // A text that is a number is stored as one; JSON_TYPE_CAST_ENABLED is on unless it is turned off.
        (r#"{"ts":5,"values":{"b":"2.5"}}"#, "b", json!(2.5)),
        (r#"[{"c":"text"}]"#, "c", json!("text")),
        (r#"{"d":{"e":[1]}}"#, "d", json!({ "e": [1] })),
    ] {
        wire.send(&publish(4, TELEMETRY, 1, 1, payload.as_bytes()));
        assert_eq!(wire.read(4).unwrap(), [0x40, 2, 0, 1]);
        let last = platform.sim().unwrap().telemetry("values").pop().unwrap();
        assert_eq!((last.key.as_str(), &last.value), (key, &stored));
    }
    let path = format!("/api/plugins/telemetry/DEVICE/{}/values/timeseries", id(&device));
    let latest = tenant.ok("GET", &format!("{path}?keys=a,b,none"), None);
    // Without useStrictDataTypes the API answers with texts, whatever is stored.
    assert_eq!((&latest["a"][0]["value"], &latest["b"][0]), (&json!("1"), &json!({ "ts": 5, "value": "2.5" })));
    assert_eq!(latest["none"][0]["value"], Value::Null);
    assert_eq!(tenant.ok("GET", &format!("{path}?keys=a&useStrictDataTypes=true"), None)["a"][0]["value"], 1);
}

#[test]
fn attributes_can_be_asked_for() {
    let platform = Platform::simulator(Settings::default());
    let tenant = platform.sign_in();
    let (device, mut wire) = logged_in(&platform, &tenant, 4);
    wire.send(&publish(4, "v1/devices/me/attributes", 1, 1, br#"{"firmware":"1.2.3","n":7}"#));
    assert_eq!(wire.read(4).unwrap(), [0x40, 2, 0, 1]);
    wire.send(&subscribe(4, 2, "v1/devices/me/attributes/response/+", 1));
    assert_eq!(wire.read(5).unwrap(), [0x90, 3, 0, 2, 1]);
    wire.send(&publish(4, "v1/devices/me/attributes/request/9", 0, 0, br#"{"clientKeys":"n"}"#));
    let answer = publish(4, "v1/devices/me/attributes/response/9", 0, 0, br#"{"client":{"n":7}}"#);
    assert_eq!(wire.read(answer.len()).unwrap(), answer);
    let shown =
        tenant.ok("GET", &format!("/api/plugins/telemetry/DEVICE/{}/values/attributes?keys=n", id(&device)), None);
    assert_eq!((&shown[0]["key"], &shown[0]["value"]), (&json!("n"), &json!(7)));
}

#[test]
fn a_profile_can_have_topics_of_its_own_and_acknowledge_junk() {
    let platform = Platform::simulator(Settings::default());
    let tenant = platform.sign_in();
    let (mut device, mut wire) = logged_in(&platform, &tenant, 4);
    let profile = tenant.profile(&json!({
        "name": "own topics", "type": "DEFAULT", "transportType": "MQTT", "provisionType": "DISABLED",
        "profileData": {
            "configuration": { "type": "DEFAULT" },
            "transportConfiguration": {
                "type": "MQTT", "deviceTelemetryTopic": "fleet/+/t", "deviceAttributesTopic": "fleet/a",
                "sendAckOnValidationException": true,
            },
            "provisionConfiguration": { "type": "DISABLED", "provisionDeviceSecret": null },
        },
    }));
    device["deviceProfileId"] = profile["id"].clone();
    assert_eq!(tenant.ok("POST", "/api/device", Some(&device))["type"], "own topics");
    wire.send(&publish(4, "fleet/north/t", 1, 1, br#"{"a":1}"#));
    assert_eq!(wire.read(4).unwrap(), [0x40, 2, 0, 1]);
    assert_eq!(platform.sim().unwrap().telemetry("values").len(), 1);
    wire.send(&publish(4, "fleet/north/t", 1, 2, b"junk"));
    assert_eq!(wire.read(4).unwrap(), [0x40, 2, 0, 2]);
}

#[test]
fn tokens_work_over_http_and_certificates_do_not() {
    let platform = Platform::simulator(Settings::default());
    let tenant = platform.sign_in();
    let device = tenant.device("by-token");
    let token = tenant.credentials(&device)["credentialsId"].as_str().unwrap().to_owned();
    let send =
        |token: &str, body: &str| platform.request("POST", &format!("/api/v1/{token}/telemetry"), &[], body.as_bytes());
    let good = send(&token, r#"{"a":1}"#);
    assert_eq!((good.status, good.body.len()), (200, 0));
    assert_eq!(send("unknown", r#"{"a":1}"#).status, 401);
    let malformed = send(&token, "junk");
    assert_eq!((malformed.status, malformed.header("content-type")), (500, Some("text/plain;charset=UTF-8")));
    assert_eq!(platform.sim().unwrap().telemetry("by-token").len(), 1);
}
