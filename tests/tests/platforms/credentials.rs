//! Credentials over REST.

use serde_json::{Value, json};
use tbpki_tests::platform::{Answer, Platform, Tenant, id, unique};

/// The certificate of the facts, and its id.
const CERTIFICATE: &str = include_str!("../../../crates/tb-sim/tests/data/keygen-client.pem");
const ID: &str = "450d02a9ea6a11837b886f599108f38119aa860e9eb04fffbd4bf9a2f0d47ffe";
const UNKNOWN_ID: &str = "13814000-1dd2-11b2-8080-808080808081";

#[track_caller]
fn save(tenant: &Tenant<'_>, credentials: &Value) -> Answer {
    tenant.call("POST", "/api/device/credentials", Some(credentials))
}

/// The device's credentials, about to be saved with this certificate.
#[track_caller]
fn with_certificate(tenant: &Tenant<'_>, device: &Value, certificate: &Value) -> Value {
    let mut credentials = tenant.credentials(device);
    credentials["credentialsType"] = json!("X509_CERTIFICATE");
    credentials["credentialsValue"] = certificate.clone();
    credentials
}

#[test]
fn a_certificate_becomes_one_line_and_its_hash() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device(&unique("vector"));
    let wanted = with_certificate(&tenant, &device, &json!(CERTIFICATE));
    let saved = save(&tenant, &wanted);
    assert_eq!(saved.status, 200, "{}", saved.text());
    let saved = saved.json();
    assert_eq!((&saved["credentialsId"], &saved["version"]), (&json!(ID), &json!(2)));
    let body: String = CERTIFICATE.lines().filter(|line| !line.starts_with('-')).collect();
    assert_eq!(saved["credentialsValue"], json!(body));
    assert_eq!(tenant.credentials(&device), saved);
    // A file from Windows must give the same id, or the device cannot log in.
    let windows = with_certificate(&tenant, &device, &json!(CERTIFICATE.replace('\n', "\r\n")));
    assert_eq!(save(&tenant, &windows).json()["credentialsId"], ID);
}

#[test]
fn junk_is_stored_without_complaint() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device(&unique("junk"));
    let own = unique("junk");
    for (value, stored) in [
        (own.clone(), own.clone()),
        (format!("  {own}"), format!("  {own}")),
        (format!("Bag Attributes\n{own}"), format!("Bag Attributes{own}")),
        // What is stored of two certificates is of no use to any client, so its text is not compared.
        (format!("{CERTIFICATE}{CERTIFICATE}{own}"), String::new()),
    ] {
        let answer = save(&tenant, &with_certificate(&tenant, &device, &json!(value)));
        assert_eq!(answer.status, 200, "{value}: {}", answer.text());
        if !stored.is_empty() {
            assert_eq!(answer.json()["credentialsValue"], json!(stored));
        }
    }
    // The hash of no characters is an id as good as any, so one device in all tenants can have it.
    let empty = save(&tenant, &with_certificate(&tenant, &device, &json!("")));
    // Another device of a real server may have it already; there is one.
    if empty.status == 200 {
        let id = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a";
        assert_eq!(empty.json()["credentialsId"], id);
    } else {
        empty.is_refusal(400, 31, "Device credentials are already assigned to another device!");
    }
}

#[test]
fn what_java_trips_over_changes_nothing() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device(&unique("null"));
    let before = tenant.credentials(&device);
    // Java's null pointer and PostgreSQL's refusal of NUL: the row must be as it was.
    save(&tenant, &with_certificate(&tenant, &device, &Value::Null)).is_refusal(500, 2, "");
    let with_nul = save(&tenant, &with_certificate(&tenant, &device, &json!("a\u{0}b")));
    if platform.is_4_3() {
        with_nul.is_refusal(500, 46, "Database error");
    } else {
        with_nul.is_refusal(500, 2, "");
    }
    if !platform.is_4_3() {
        let mut token = before.clone();
        token["credentialsId"] = json!("a\u{0}b");
        save(&tenant, &token).is_refusal(500, 46, "Database error");
    }
    let mut unknown = before.clone();
    unknown["credentialsType"] = json!("NO_SUCH_TYPE");
    save(&tenant, &unknown).is_refusal(500, 2, "");
    let mut bare = before.clone();
    // Without `entityType`, by which Java chooses the class of the id.
    bare["deviceId"] = json!({ "id": id(&device) });
    save(&tenant, &bare).is_refusal(500, 2, "");
    assert_eq!(tenant.credentials(&device), before);
}

#[test]
fn checks_come_in_their_order() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let (device, other) = (tenant.device(&unique("order")), tenant.device(&unique("other")));
    let good = with_certificate(&tenant, &device, &json!(unique("certificate")));
    let others = tenant.credentials(&other);
    let without = |name: &str| {
        let mut credentials = good.clone();
        credentials.as_object_mut().unwrap().remove(name);
        credentials
    };
    let with = |name: &str, value: Value| {
        let mut credentials = good.clone();
        credentials[name] = value;
        credentials
    };
    let unknown = format!("Device with id [{UNKNOWN_ID}] is not found");
    for (credentials, status, message) in [
        (without("deviceId"), 400, "Invalid entity id"),
        (with("deviceId", json!({ "entityType": "DEVICE", "id": UNKNOWN_ID })), 404, unknown.as_str()),
        (without("credentialsType"), 400, "Device credentials type should be specified"),
        // Without an id the call means new credentials, and a device has them from the beginning.
        (without("id"), 400, "Credentials for this device are already specified!"),
        (with("id", json!({ "id": UNKNOWN_ID })), 400, "Unable to update non-existent device credentials!"),
        (with("id", others["id"].clone()), 400, ""),
    ] {
        save(&tenant, &credentials).is_refusal(status, if status == 404 { 32 } else { 31 }, message);
    }
    let mut no_id = with("credentialsType", json!("ACCESS_TOKEN"));
    no_id["credentialsId"] = json!("");
    save(&tenant, &no_id).is_refusal(400, 31, "Device credentials id should be specified!");
    let mut in_place_of = others.clone();
    in_place_of["deviceId"] = good["deviceId"].clone();
    in_place_of["credentialsId"] = json!(unique("token"));
    // Without a version, so that the refusal is not for that.
    in_place_of["version"] = Value::Null;
    save(&tenant, &in_place_of).is_refusal(400, 31, "Specified credentials are already registered!");
}

#[test]
fn versions_count_every_save() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device(&unique("version"));
    let first = with_certificate(&tenant, &device, &json!(unique("certificate")));
    assert_eq!(save(&tenant, &first).json()["version"], 2);
    let changed = "Entity was already changed by someone else";
    // Earlier, later and impossible: only the present one is taken, and only 2 would be that.
    for version in [1, 7, -1] {
        let mut stale = first.clone();
        stale["version"] = json!(version);
        save(&tenant, &stale).is_refusal(409, 35, changed);
    }
    let mut unversioned = first.clone();
    unversioned.as_object_mut().unwrap().remove("version");
    // So a client must not take a higher version as a sign that something changed.
    assert_eq!(save(&tenant, &unversioned).json()["version"], 3, "a save without a change counts");
}

#[test]
fn a_certificate_belongs_to_one_device_until_that_is_gone() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let certificate = unique("certificate");
    let first = tenant.device_with_certificate(&unique("first"), &certificate);
    let second = tenant.device(&unique("second"));
    let wanted = with_certificate(&tenant, &second, &json!(certificate));
    save(&tenant, &wanted).is_refusal(400, 31, "Device credentials are already assigned to another device!");
    let gone = tenant.call("DELETE", &format!("/api/device/{}", id(&first)), None);
    assert_eq!((gone.status, gone.body.len()), (200, 0));
    // The certificate is free again with the end of its device.
    assert_eq!(save(&tenant, &wanted).status, 200);
}

#[test]
fn basic_credentials_have_ids_of_their_own() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device(&unique("basic"));
    let user = unique("user");
    let basic = |value: Value| {
        let mut credentials = tenant.credentials(&device);
        credentials["credentialsType"] = json!("MQTT_BASIC");
        credentials["credentialsValue"] = value;
        save(&tenant, &credentials)
    };
    assert_eq!(basic(json!(json!({ "userName": user }).to_string())).json()["credentialsId"], json!(user));
    let both = basic(json!(json!({ "clientId": "c", "userName": user, "password": "p" }).to_string()));
    // A hash of the client and user together; with a user alone, as above, the id is the name itself.
    assert_eq!(both.json()["credentialsId"].as_str().unwrap().len(), 64);
    for (value, message) in [
        ("no json", "Invalid credentials body for simple mqtt credentials!"),
        (r#"{"userName":"u","more":1}"#, "Invalid credentials body for simple mqtt credentials!"),
        ("{}", "Both mqtt client id and user name are empty!"),
        (r#"{"clientId":"c","password":"p"}"#, "Password cannot be specified along with client id"),
    ] {
        basic(json!(value)).is_refusal(400, 31, message);
    }
}

#[test]
fn control_characters_are_refused_by_4_3_alone() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device(&unique("control"));
    let token = json!(unique("a\u{1}b"));
    if platform.is_4_3() {
        let mut credentials = tenant.credentials(&device);
        credentials["credentialsId"] = json!("a\u{0}b");
        save(&tenant, &credentials).is_refusal(400, 31, "credentialsId must not contain control characters!");
    }
    let user = json!({ "userName": unique("a\nb") }).to_string();
    for (kind, id, value, field) in [
        ("ACCESS_TOKEN", token, Value::Null, "credentialsId"),
        // The user name alone is the id.
        ("MQTT_BASIC", Value::Null, json!(user), "credentialsId"),
        (
            "MQTT_BASIC",
            Value::Null,
            json!(json!({ "userName": unique("u"), "clientId": "a\u{7f}" }).to_string()),
            "clientId",
        ),
    ] {
        let mut credentials = tenant.credentials(&device);
        credentials["credentialsType"] = json!(kind);
        credentials["credentialsId"] = id;
        credentials["credentialsValue"] = value;
        let answer = save(&tenant, &credentials);
        if platform.is_4_3() {
            answer.is_refusal(400, 31, &format!("{field} must not contain control characters!"));
        } else {
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    // Any text is a certificate, also one with such characters.
    let certificate = with_certificate(&tenant, &device, &json!(unique("a\u{1}b")));
    assert_eq!(save(&tenant, &certificate).status, 200);
}
