//! Device profiles over REST.

use serde_json::{Value, json};
use tbpki_tests::certificates::{Ca, base64, pem};
use tbpki_tests::platform::{Platform, id, unique};

pub(crate) fn plain(name: &str) -> Value {
    json!({
        "name": name, "type": "DEFAULT", "transportType": "DEFAULT", "provisionType": "DISABLED",
        "profileData": {
            "configuration": { "type": "DEFAULT" },
            "transportConfiguration": { "type": "DEFAULT" },
            "provisionConfiguration": { "type": "DISABLED", "provisionDeviceSecret": null },
            "alarms": null,
        },
    })
}

pub(crate) fn by_chain(name: &str, certificates: &str, pattern: &Value, creates: bool) -> Value {
    let mut profile = plain(name);
    profile["provisionType"] = json!("X509_CERTIFICATE_CHAIN");
    profile["profileData"]["provisionConfiguration"] = json!({
        "type": "X509_CERTIFICATE_CHAIN",
        "provisionDeviceSecret": certificates,
        "certificateRegExPattern": pattern,
        "allowCreateNewDevicesByX509Certificate": creates,
    });
    profile
}

#[test]
fn there_is_a_default_profile() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let info = tenant.ok("GET", "/api/deviceProfileInfo/default", None);
    assert_eq!(info["id"]["entityType"], "DEVICE_PROFILE");
    assert_eq!((&info["type"], &info["transportType"]), (&json!("DEFAULT"), &json!("DEFAULT")));
    let whole = tenant.ok("GET", &format!("/api/deviceProfile/{}", id(&info)), None);
    assert_eq!((&whole["default"], &whole["name"]), (&json!(true), &info["name"]));
    tenant.call("DELETE", &format!("/api/deviceProfile/{}", id(&info)), None).is_refusal(400, 31, "");
}

#[test]
fn profiles_are_made_changed_listed_and_deleted() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let name = unique("profile");
    let mut profile = tenant.profile(&plain(&name));
    assert_eq!((&profile["name"], &profile["version"], &profile["default"]), (&json!(name), &json!(1), &json!(false)));
    tenant.call("POST", "/api/deviceProfile", Some(&plain(&name))).is_refusal(400, 31, "");
    profile["description"] = json!("described");
    let saved = tenant.ok("POST", "/api/deviceProfile", Some(&profile));
    assert_eq!((&saved["version"], &saved["description"]), (&json!(2), &json!("described")));
    tenant.call("POST", "/api/deviceProfile", Some(&profile)).is_refusal(409, 35, "");
    for list in ["deviceProfiles", "deviceProfileInfos"] {
        let page = tenant.ok("GET", &format!("/api/{list}?pageSize=10&page=0&textSearch={name}"), None);
        assert_eq!(page["totalElements"], 1, "{list}");
        assert_eq!(page["data"][0]["name"], json!(name));
    }
    let path = format!("/api/deviceProfile/{}", id(&profile));
    tenant.ok("DELETE", &path, None);
    let gone = format!("Device profile with id [{}] is not found", id(&profile));
    tenant.call("GET", &path, None).is_refusal(404, 32, &gone);
}

#[test]
fn what_java_reaches_into_has_to_be_there() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let mut without_data = plain(&unique("data"));
    without_data.as_object_mut().unwrap().remove("profileData");
    tenant.call("POST", "/api/deviceProfile", Some(&without_data)).is_refusal(500, 2, "");
    let mut without_transport = plain(&unique("transport"));
    without_transport["profileData"].as_object_mut().unwrap().remove("transportConfiguration");
    tenant.call("POST", "/api/deviceProfile", Some(&without_transport)).is_refusal(500, 2, "");
    let ca = Ca::root(&unique("root"));
    let mut no_flag = by_chain(&unique("flag"), &pem(&ca.chain[0]), &json!("(.*)"), true);
    no_flag["profileData"]["provisionConfiguration"]["allowCreateNewDevicesByX509Certificate"] = json!("yes");
    tenant.call("POST", "/api/deviceProfile", Some(&no_flag)).is_refusal(500, 2, "");
    let mut no_kind = plain(&unique("kind"));
    no_kind["profileData"]["provisionConfiguration"]["type"] = json!("NO_SUCH_TYPE");
    tenant.call("POST", "/api/deviceProfile", Some(&no_kind)).is_refusal(500, 2, "");
}

#[test]
fn a_used_profile_keeps_its_transport_and_stays() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let mut profile = tenant.profile(&plain(&unique("used")));
    let device = json!({ "name": unique("user"), "deviceProfileId": profile["id"] });
    let device = tenant.ok("POST", "/api/device", Some(&device));
    tenant.forget(&format!("/api/device/{}", id(&device)));
    assert_eq!(device["type"], profile["name"]);
    profile["transportType"] = json!("SNMP");
    // A transport that the profile could have, if no device were in it.
    profile["profileData"]["transportConfiguration"] = json!({ "type": "SNMP", "timeoutMs": 1, "retries": 0 });
    tenant.call("POST", "/api/deviceProfile", Some(&profile)).is_refusal(400, 31, "");
    tenant.call("DELETE", &format!("/api/deviceProfile/{}", id(&profile)), None).is_refusal(400, 31, "");
}

#[test]
fn a_chain_is_rewritten_and_its_first_certificate_is_the_key() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let ca = Ca::root(&unique("root"));
    let issuing = Ca::below(&ca, &unique("issuing"), true, (-1, 24));
    let alone = tenant.profile(&by_chain(&unique("alone"), &pem(&ca.chain[0]), &json!("(.*)"), false));
    let stored = |profile: &Value| profile["profileData"]["provisionConfiguration"]["provisionDeviceSecret"].clone();
    assert_eq!(stored(&alone), json!(base64(&ca.chain[0])));
    let key = alone["provisionDeviceKey"].as_str().unwrap();
    // A SHA3-256 of the first certificate, which is why two profiles cannot have one.
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");

    let both: String = issuing.chain.iter().map(|der| pem(der)).collect();
    let chain = tenant.profile(&by_chain(&unique("chain"), &both, &json!("(.*)"), false));
    assert_ne!(chain["provisionDeviceKey"], alone["provisionDeviceKey"]);
    let lines: Vec<String> = issuing
        .chain
        .iter()
        .map(|der| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----", base64(der)))
        .collect();
    assert_eq!(stored(&chain), json!(lines.join("\n")));

    let again = by_chain(&unique("again"), &pem(&ca.chain[0]), &json!("(.*)"), false);
    tenant.call("POST", "/api/deviceProfile", Some(&again)).is_refusal(
        400,
        31,
        "Device profile with such certificate already exists!",
    );
}

#[test]
fn any_pattern_is_stored() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    // Each of them refuses every device later, which is why tbpki tries an expression before it stores it.
    for pattern in [json!("("), json!(""), Value::Null] {
        let ca = Ca::root(&unique("root"));
        let profile = tenant.profile(&by_chain(&unique("pattern"), &pem(&ca.chain[0]), &pattern, true));
        assert_eq!(profile["profileData"]["provisionConfiguration"]["certificateRegExPattern"], pattern);
    }
}

#[test]
fn a_well_known_root_is_refused_and_no_certificate_is_not() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    // The root of Let's Encrypt: under it everybody could make a certificate whose chain belongs to this profile.
    let root = include_str!("../../../crates/tb-sim/tests/data/isrg-root-x1.pem");
    let own = pem(&Ca::root(&unique("root")).chain[0]);
    let alone = by_chain(&unique("well-known"), root, &json!("(.*)"), false);
    tenant.call("POST", "/api/deviceProfile", Some(&alone)).is_refusal(
        400,
        31,
        "Device profile certificate cannot be well known root CA!",
    );
    // Behind another one the root is not looked at, and has no effect: the first certificate is the key.
    tenant.profile(&by_chain(&unique("behind"), &format!("{own}{root}"), &json!("(.*)"), false));
    let mut without = by_chain(&unique("null"), "", &json!("(.*)"), false);
    without["profileData"]["provisionConfiguration"]["provisionDeviceSecret"] = Value::Null;
    tenant.profile(&without);
}

#[test]
fn what_a_profile_refers_to_has_to_exist() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let unknown = |kind: &str| json!({ "entityType": kind, "id": "13814000-1dd2-11b2-8080-808080808081" });
    for (field, value, message) in [
        ("default", json!(true), "Another default device profile is present in scope of current tenant!"),
        ("defaultQueueName", json!("nothing"), "Device profile is referencing to non-existent queue!"),
        ("defaultRuleChainId", unknown("RULE_CHAIN"), "Can't assign non-existent rule chain!"),
        ("defaultEdgeRuleChainId", unknown("RULE_CHAIN"), "Can't assign non-existent rule chain!"),
        ("defaultDashboardId", unknown("DASHBOARD"), "Can't assign non-existent dashboard!"),
        ("firmwareId", unknown("OTA_PACKAGE"), "Can't assign non-existent firmware!"),
        ("softwareId", unknown("OTA_PACKAGE"), "Can't assign non-existent software!"),
        ("description", json!("<b>x</b>"), "Validation error: description is malformed"),
        ("provisionDeviceKey", json!("<b>x</b>"), "Validation error: provisionDeviceKey is malformed"),
    ] {
        let mut profile = plain(&unique("refers"));
        profile[field] = value;
        tenant.call("POST", "/api/deviceProfile", Some(&profile)).is_refusal(400, 31, message);
    }
    let mut profile = plain(&unique("refers"));
    profile["defaultQueueName"] = json!("Main");
    assert_eq!(tenant.profile(&profile)["defaultQueueName"], "Main");
}
