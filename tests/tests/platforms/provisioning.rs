//! Devices that a profile's key and secret make known.

use serde_json::{Value, json};
use tbpki_tests::certificates::{Ca, pem};
use tbpki_tests::mqtt::{Connect, PINGREQ, connect, publish, subscribe};
use tbpki_tests::platform::{Platform, Tenant, id, unique};

use crate::profiles::{by_chain, plain};

#[track_caller]
fn profile(tenant: &Tenant<'_>, kind: &str) -> (Value, String) {
    let secret = unique("secret");
    let mut profile = plain(&unique("provisions"));
    profile["provisionType"] = json!(kind);
    profile["provisionDeviceKey"] = json!(unique("key"));
    profile["profileData"]["provisionConfiguration"] = json!({ "type": kind, "provisionDeviceSecret": secret });
    (tenant.profile(&profile), secret)
}

#[track_caller]
fn provision(platform: &Platform, request: &Value) -> Value {
    let headers = [("Content-Type", "application/json")];
    let answer = platform.request("POST", "/api/v1/provision", &headers, request.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let kind = answer.header("content-type").unwrap_or_default();
    // JSON it is all the same, and with status 200 even where it tells of a failure.
    assert!(kind.starts_with("text/plain"), "{kind}");
    answer.json()
}

#[test]
fn a_new_device_gets_what_it_asked_for() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let (profile, secret) = profile(&tenant, "ALLOW_CREATE_NEW_DEVICES");
    let (name, certificate) = (unique("newcomer"), unique("certificate"));
    let request = json!({
        "deviceName": name, "provisionDeviceKey": profile["provisionDeviceKey"], "provisionDeviceSecret": secret,
        "credentialsType": "X509_CERTIFICATE", "hash": certificate,
    });
    let answer = provision(&platform, &request);
    tenant.device_named(&name).expect("it is there");
    let success =
        json!({ "credentialsValue": certificate, "credentialsType": "X509_CERTIFICATE", "status": "SUCCESS" });
    assert_eq!(answer, success);
    let failure = json!({ "errorMsg": "Failed to provision device!", "status": "FAILURE" });
    assert_eq!(provision(&platform, &request), failure, "the name is taken");

    let mut wrong = request.clone();
    wrong["provisionDeviceSecret"] = json!("wrong");
    let not_found = json!({ "errorMsg": "Provision data was not found!", "status": "NOT_FOUND" });
    assert_eq!(provision(&platform, &wrong), not_found);
    wrong["provisionDeviceKey"] = json!("wrong");
    assert_eq!(provision(&platform, &wrong), not_found);
    wrong.as_object_mut().unwrap().remove("provisionDeviceSecret");
    let headers = [("Content-Type", "application/json")];
    let missing = platform.request("POST", "/api/v1/provision", &headers, wrong.to_string().as_bytes());
    missing.is_refusal(500, 2, "");
    let text = missing.json()["message"].as_str().unwrap().to_owned();
    assert!(text.starts_with("Failed to find the field provisionDeviceSecret in JSON body "), "{text}");
}

#[test]
fn without_a_certificate_a_new_device_gets_a_token() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let (profile, secret) = profile(&tenant, "ALLOW_CREATE_NEW_DEVICES");
    let name = unique("newcomer");
    let request = json!({
        "deviceName": name, "provisionDeviceKey": profile["provisionDeviceKey"], "provisionDeviceSecret": secret,
        "credentialsType": "X509_CERTIFICATE",
    });
    let answer = provision(&platform, &request);
    let device = tenant.device_named(&name).expect("it was created");
    assert_eq!((&answer["credentialsType"], &answer["status"]), (&json!("ACCESS_TOKEN"), &json!("SUCCESS")));
    assert_eq!(answer["credentialsValue"], tenant.credentials(&device)["credentialsId"]);
}

#[test]
fn the_key_of_a_chain_profile_provisions_nothing() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let ca = Ca::root(&unique("root"));
    let profile = tenant.profile(&by_chain(&unique("chain"), &pem(&ca.chain[0]), &json!("(.*)"), true));
    let request = json!({ "provisionDeviceKey": profile["provisionDeviceKey"], "provisionDeviceSecret": "x" });
    let headers = [("Content-Type", "application/json")];
    let answer = platform.request("POST", "/api/v1/provision", &headers, request.to_string().as_bytes());
    assert_eq!((answer.status, answer.text()), (500, String::new()));
}

#[test]
fn a_device_that_is_there_gets_what_it_has() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let (profile, secret) = profile(&tenant, "CHECK_PRE_PROVISIONED_DEVICES");
    let name = unique("expected");
    let device = tenant.ok("POST", "/api/device", Some(&json!({ "name": name, "deviceProfileId": profile["id"] })));
    tenant.forget(&format!("/api/device/{}", id(&device)));
    let request = json!({
        "deviceName": name, "provisionDeviceKey": profile["provisionDeviceKey"], "provisionDeviceSecret": secret,
    });
    let answer = provision(&platform, &request);
    assert_eq!(answer["status"], "SUCCESS");
    let again = provision(&platform, &request);
    // 4.3 gives the credentials of a device out once.
    assert_eq!(again["status"], if platform.is_4_3() { "FAILURE" } else { "SUCCESS" });
    assert_eq!(answer["credentialsValue"], tenant.credentials(&device)["credentialsId"]);
}

#[test]
fn newcomers_may_connect_and_do_nothing_else() {
    let platform = Platform::start();
    for packet in [
        Connect { user: Some("provision"), ..Connect::default() },
        Connect { client: "provision", ..Connect::default() },
    ] {
        let (mut wire, answer) = connect(&platform, None, &packet);
        assert_eq!(answer, [0x20, 2, 0, 0]);
        wire.send(&subscribe(4, 1, "/provision/response", 1));
        assert_eq!(wire.read(5).unwrap(), [0x90, 3, 0, 1, 1]);
        wire.send(&publish(
            4,
            "/provision/request",
            1,
            2,
            br#"{"provisionDeviceKey":"x","provisionDeviceSecret":"y"}"#,
        ));
        // Enough for PUBACK and the beginning of the answer, whose text may differ with the version.
        let answer = wire.read(60).unwrap();
        assert_eq!(answer[..4], [0x40, 2, 0, 2]);
        assert_eq!(answer[4], 0x32, "quality of service 1");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains("/provision/response") && answer.contains("{"), "{answer}");
    }
    let packet = Connect { level: 5, user: Some("provision"), ..Connect::default() };
    let (mut wire, answer) = connect(&platform, None, &packet);
    assert_eq!(answer, [0x20, 3, 0, 0, 0]);
    wire.send(&publish(5, "v1/devices/me/telemetry", 1, 3, br#"{"a":1}"#));
    assert_eq!(wire.rest(), [0x40, 4, 0, 3, 0x90, 0, 0xe0, 2, 0x90, 0]);
}

#[test]
fn requests_that_cannot_be_read_end_or_wait() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let ca = Ca::root(&unique("root"));
    let chain = tenant.profile(&by_chain(&unique("chain"), &pem(&ca.chain[0]), &json!("(.*)"), true));
    let by_chain_key = json!({ "provisionDeviceKey": chain["provisionDeviceKey"], "provisionDeviceSecret": "x" });
    let session = |level| {
        let (wire, answer) =
            connect(&platform, None, &Connect { level, user: Some("provision"), ..Connect::default() });
        assert_eq!(answer[3], 0);
        wire
    };
    let request = |level, payload: &[u8]| publish(level, "/provision/request", 1, 7, payload);
    for (level, payload, answer) in [
        (4, &b"junk"[..], &[][..]),
        (4, b"{}", &[0x40, 2, 0, 7]),
        (5, b"{}", &[0x40, 4, 0, 7, 0x83, 0, 0xe0, 2, 0x83, 0]),
    ] {
        let mut wire = session(level);
        wire.send(&request(level, payload));
        assert_eq!(wire.rest(), answer, "level {level}");
    }
    let mut wire = session(5);
    wire.send(&request(5, b"junk"));
    assert_eq!(wire.read(6).unwrap(), [0x40, 4, 0, 7, 0x99, 0]);
    for level in [4, 5] {
        let mut wire = session(level);
        wire.send(&request(level, by_chain_key.to_string().as_bytes()));
        wire.send(&PINGREQ);
        assert_eq!(wire.read(2).unwrap(), [0xd0, 0], "no answer comes to the request");
    }
}

#[test]
fn an_unknown_type_of_credentials_is_noticed_before_the_key() {
    let platform = Platform::start();
    let request = json!({ "provisionDeviceKey": "x", "provisionDeviceSecret": "y", "credentialsType": "NONE" });
    let headers = [("Content-Type", "application/json")];
    let answer = platform.request("POST", "/api/v1/provision", &headers, request.to_string().as_bytes());
    answer.is_refusal(500, 2, "");
}
