//! Devices over REST.

use serde_json::{Value, json};
use tbpki_tests::platform::{Platform, id, unique};

const UNKNOWN_ID: &str = "13814000-1dd2-11b2-8080-808080808081";

#[test]
fn a_new_device_has_an_access_token_and_version_1() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let name = unique("new");
    let device = tenant.device(&name);
    assert_eq!(device["id"]["entityType"], "DEVICE");
    assert_eq!((&device["name"], &device["type"], &device["version"]), (&json!(name), &json!("default"), &json!(1)));
    assert_eq!(device["label"], Value::Null);
    // The id of no customer.
    assert_eq!(device["customerId"]["id"], "13814000-1dd2-11b2-8080-808080808080");
    assert_eq!(device["deviceData"]["configuration"], json!({ "type": "DEFAULT" }));
    assert_eq!(&id(&device)[14..15], "1", "ids are time-based");
    let credentials = tenant.credentials(&device);
    assert_eq!(credentials["credentialsType"], "ACCESS_TOKEN");
    assert_eq!(credentials["credentialsValue"], Value::Null);
    assert_eq!(credentials["version"], 1);
    let token = credentials["credentialsId"].as_str().unwrap();
    assert!(token.len() == 20 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
    assert_eq!(tenant.ok("GET", &format!("/api/device/{}", id(&device)), None)["name"], json!(name));
    assert_eq!(tenant.device_named(&name).unwrap()["id"], device["id"]);
}

#[test]
fn a_token_can_be_chosen() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let token = unique("token");
    for (query, chosen) in [(format!("?accessToken={token}"), true), ("?accessToken=".to_owned(), false)] {
        let device = tenant.ok("POST", &format!("/api/device{query}"), Some(&json!({ "name": unique("chosen") })));
        tenant.forget(&format!("/api/device/{}", id(&device)));
        let credentials = tenant.credentials(&device);
        assert_eq!(credentials["credentialsId"] == json!(token), chosen);
    }
}

#[test]
fn names_are_refused_for_their_own_reasons() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let taken = unique("taken");
    tenant.device(&taken);
    for (name, message) in [
        (json!(taken), "Device with such name already exists!"),
        (json!(""), "Device name should be specified!"),
        (json!("  "), "Device name should be specified!"),
        (Value::Null, "Device name should be specified!"),
        (json!("a\u{0}b"), "Device name should not contain 0x00 symbol!"),
        (json!("x".repeat(256)), "Validation error: name length must be equal or less than 255"),
        // ThingsBoard refuses markup and templates in every text that its pages show.
        (json!("{{x}}"), "Validation error: name is malformed"),
    ] {
        tenant.call("POST", "/api/device", Some(&json!({ "name": name }))).is_refusal(400, 31, message);
    }
    // Neither case nor spaces are the same name.
    tenant.device(&taken.to_uppercase());
    tenant.device(&format!("{taken} "));
}

#[test]
fn profiles_come_from_the_type_or_the_id() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let kind = unique("type");
    let device = tenant.ok("POST", "/api/device", Some(&json!({ "name": unique("of-type"), "type": kind })));
    // Deleted in the other order: a profile that is used cannot be.
    tenant.forget(&format!("/api/deviceProfile/{}", device["deviceProfileId"]["id"].as_str().unwrap()));
    tenant.forget(&format!("/api/device/{}", id(&device)));
    assert_eq!(device["type"], json!(kind));
    let profile = json!({ "entityType": "DEVICE_PROFILE", "id": UNKNOWN_ID });
    let lost = json!({ "name": unique("lost"), "deviceProfileId": profile });
    tenant.call("POST", "/api/device", Some(&lost)).is_refusal(
        400,
        31,
        "Device is referencing non existing device profile!",
    );
}

#[test]
fn updates_carry_a_version() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let mut device = tenant.device(&unique("update"));
    device["label"] = json!("a label");
    device["additionalInfo"] = json!({ "gateway": true });
    let updated = tenant.ok("POST", "/api/device", Some(&device));
    assert_eq!((&updated["version"], &updated["label"]), (&json!(2), &json!("a label")));
    let stale = tenant.call("POST", "/api/device", Some(&device));
    stale.is_refusal(409, 35, "Device was already changed by someone else");
    // Without a version the last one wins, which is how older clients go on working.
    device["version"] = Value::Null;
    assert_eq!(tenant.ok("POST", "/api/device", Some(&device))["version"], 3);
}

#[test]
fn unknown_devices_and_malformed_ids_have_their_errors() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let missing = format!("Device with id [{UNKNOWN_ID}] is not found");
    let blank = if platform.is_4_3() { "Parameter 'deviceId' can't be empty!" } else { "Invalid UUID string:  " };
    for (method, path, status, code, message) in [
        ("GET", format!("/api/device/{UNKNOWN_ID}"), 404, 32, missing.as_str()),
        ("GET", format!("/api/device/{UNKNOWN_ID}/credentials"), 404, 32, &missing),
        ("DELETE", format!("/api/device/{UNKNOWN_ID}"), 404, 32, &missing),
        ("GET", "/api/device/xyz".to_owned(), 400, 31, "Invalid UUID string: xyz"),
        ("GET", format!("/api/tenant/devices?deviceName={}", unique("none")), 404, 32, "Requested item wasn't found!"),
        ("GET", "/api/device/%20".to_owned(), 400, 31, blank),
        (
            "GET",
            "/api/device/13814000-1dd2-11b2-8080-80808080808g".to_owned(),
            400,
            31,
            // Java tells a wrong length from a wrong digit, in words of its own for each.
            "Error at index 11 in: \"80808080808g\"",
        ),
        ("PUT", "/api/device-with-credentials".to_owned(), 405, 31, ""),
    ] {
        let answer = tenant.call(method, &path, None);
        answer.is_refusal(status, code, message);
    }
    let by_name = tenant.call("GET", &format!("/api/tenant/device?deviceName={}", unique("none")), None);
    if platform.is_4_3() {
        by_name.is_refusal(404, 32, "Requested item wasn't found!");
    } else {
        by_name.is_refusal(400, 31, "");
        for path in ["/api/tenant/deviceInfos?page=0", "/api/tenant/devices"] {
            tenant.call("GET", path, None).is_refusal(400, 31, "");
        }
    }
}

#[test]
fn bodies_that_are_no_json_are_the_servers_fault() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let authorization = format!("Bearer {}", tenant.token);
    // A client that takes every 500 for an outage and tries again would never end.
    for (kind, body) in [("application/json", "{"), ("application/json", ""), ("text/plain", r#"{"name":"x"}"#)] {
        let headers = [("X-Authorization", authorization.as_str()), ("Content-Type", kind)];
        platform.request("POST", "/api/device", &headers, body.as_bytes()).is_refusal(500, 2, "");
    }
    let unknown = json!({ "name": unique("more"), "anything": [1, 2] });
    let device = tenant.ok("POST", "/api/device", Some(&unknown));
    tenant.forget(&format!("/api/device/{}", id(&device)));
}

#[test]
fn a_body_beyond_16_mib_is_cut_off() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let authorization = format!("Bearer {}", tenant.token);
    let headers = [("X-Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    // One byte more than 16 MiB.
    let answer = platform.request("POST", "/api/device", &headers, &vec![b' '; 16_777_217]);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json(), json!("Payload size exceeds the limit of 16777216 bytes"));
    assert_eq!(answer.header("connection").map(str::to_ascii_lowercase).as_deref(), Some("close"));
}

#[test]
fn lists_come_in_pages_and_search_with_wildcards() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let group = unique("page");
    for letter in ["a", "b", "c"] {
        tenant.device(&format!("{group}-{letter}"));
    }
    let list = |query: &str| tenant.ok("GET", &format!("/api/tenant/devices?{query}"), None);
    let names = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|device| device["name"].as_str().unwrap().to_owned()).collect()
    };
    let page = list(&format!("pageSize=2&page=0&textSearch={group}&sortProperty=name&sortOrder=DESC"));
    assert_eq!(names(&page), [format!("{group}-c"), format!("{group}-b")]);
    assert_eq!((&page["totalElements"], &page["totalPages"], &page["hasNext"]), (&json!(3), &json!(2), &json!(true)));
    let page = list(&format!("pageSize=2&page=1&textSearch={group}&sortProperty=name&sortOrder=DESC"));
    assert_eq!((names(&page), &page["hasNext"]), (vec![format!("{group}-a")], &json!(false)));
    let upper = group.to_uppercase();
    assert_eq!(list(&format!("pageSize=9&page=0&textSearch={upper}"))["totalElements"], 3);
    // An underscore is any character, and a percent sign any text.
    // The text goes into a LIKE of SQL as it is, so a search is no way to find one device by its name.
    let wild = group.replacen('-', "_", 1);
    assert_eq!(list(&format!("pageSize=9&page=0&textSearch={wild}"))["totalElements"], 3);
    // A backslash takes the meaning of the character after it, so it never finds itself.
    let slashed = format!("{group}\\b");
    tenant.device(&slashed);
    assert_eq!(list(&format!("pageSize=9&page=0&textSearch={group}%5Cb"))["totalElements"], 0);
    // A name next to a page: 4.2 returns the page, 4.3 the device.
    let both = format!("/api/tenant/devices?pageSize=9&page=0&textSearch={group}-&deviceName=nothing");
    let both = tenant.call("GET", &both, None);
    if platform.is_4_3() {
        both.is_refusal(404, 32, "Requested item wasn't found!");
    } else {
        assert_eq!(both.json()["totalElements"], 3);
    }

    for (query, status, code, message) in [
        ("pageSize=0&page=0", 400, 31, "Incorrect page link page size '0'. Page size must be greater than zero."),
        ("pageSize=1&page=-1", 400, 31, "Incorrect page link page '-1'. Page must be positive integer."),
        ("pageSize=x&page=0", 400, 31, ""),
        ("pageSize=1&page=0&sortProperty=nothing", 500, 46, ""),
    ] {
        tenant.call("GET", &format!("/api/tenant/devices?{query}"), None).is_refusal(status, code, message);
    }
}

#[test]
fn devices_are_shown_in_other_forms_too() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let (one, two) = (tenant.device(&unique("one")), tenant.device(&unique("two")));
    let info = tenant.ok("GET", &format!("/api/device/info/{}", id(&one)), None);
    assert_eq!((&info["name"], &info["deviceProfileName"]), (&one["name"], &one["type"]));
    let both = tenant.ok("GET", &format!("/api/devices?deviceIds={},{}", id(&one), id(&two)), None);
    assert_eq!(both.as_array().map(Vec::len), Some(2));
    let name = one["name"].as_str().unwrap();
    let page = tenant.ok("GET", &format!("/api/tenant/deviceInfos?pageSize=5&page=0&textSearch={name}"), None);
    assert_eq!(page["data"][0]["id"], one["id"]);
}

#[test]
fn a_device_with_its_credentials_is_one_transaction() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let certificate = unique("certificate");
    let device = tenant.device_with_certificate(&unique("both"), &certificate);
    let credentials = tenant.credentials(&device);
    assert_eq!((&credentials["version"], &credentials["credentialsValue"]), (&json!(1), &json!(certificate)));

    let half = |body: Value| tenant.call("POST", "/api/device-with-credentials", Some(&body));
    half(json!({ "device": { "name": "x" } })).is_refusal(400, 31, "Validation error: credentials must not be null");
    let alone = json!({ "credentials": { "credentialsType": "X509_CERTIFICATE", "credentialsValue": "x" } });
    half(alone).is_refusal(400, 31, "Validation error: device must not be null");

    let (name, kind) = (unique("nothing-left"), unique("no-profile-left"));
    for (credentials, status, code, message) in [
        (
            json!({ "credentialsType": "X509_CERTIFICATE", "credentialsValue": certificate }),
            400,
            31,
            "Device credentials are already assigned to another device!",
        ),
        (json!({ "credentialsType": "X509_CERTIFICATE", "credentialsValue": null }), 500, 2, ""),
        (json!({ "credentialsValue": "x" }), 400, 31, ""),
        (json!({ "credentialsType": "NO_SUCH_TYPE" }), 500, 2, ""),
        (
            json!({ "credentialsType": "X509_CERTIFICATE", "credentialsValue": "x", "id": { "id": UNKNOWN_ID } }),
            400,
            31,
            "Unable to update non-existent device credentials!",
        ),
    ] {
        half(json!({ "device": { "name": name, "type": kind }, "credentials": credentials }))
            .is_refusal(status, code, message);
        assert_eq!(tenant.device_named(&name), None, "{credentials}");
    }
    let profiles = tenant.ok("GET", &format!("/api/deviceProfiles?pageSize=5&page=0&textSearch={kind}"), None);
    assert_eq!(profiles["totalElements"], 0, "nor a profile");

    let other = json!({ "credentialsType": "X509_CERTIFICATE", "credentialsValue": unique("other") });
    half(json!({ "device": { "name": device["name"], "label": "other" }, "credentials": other })).is_refusal(
        400,
        31,
        "Device with such name already exists!",
    );
    assert_eq!(tenant.credentials(&device), credentials, "a name that exists changes nothing");
    assert_eq!(tenant.device_named(device["name"].as_str().unwrap()).unwrap(), device);

    let mut again = device.clone();
    again["label"] = json!("again");
    let credentials = json!({ "credentialsType": "X509_CERTIFICATE", "credentialsValue": format!("{certificate}2") });
    let updated = half(json!({ "device": again, "credentials": credentials }));
    assert_eq!(updated.status, 200, "{}", updated.text());
    assert_eq!(updated.json()["id"], device["id"]);
    assert_eq!(tenant.credentials(&device)["version"], 2);
}

#[test]
fn of_six_at_once_one_is_made() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let body = json!({ "name": unique("race") });
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..6)
            .map(|_| {
                let (platform, token, body) = (&platform, tenant.token.clone(), body.to_string());
                scope.spawn(move || {
                    let authorization = format!("Bearer {token}");
                    let headers = [("X-Authorization", authorization.as_str()), ("Content-Type", "application/json")];
                    platform.request("POST", "/api/device", &headers, body.as_bytes()).status
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    tenant.device_named(body["name"].as_str().unwrap()).unwrap();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    // The database decides by its index, not the look-up before: no 500 and no second device.
    assert_eq!(statuses.iter().filter(|status| **status == 400).count(), 5, "{statuses:?}");
}

#[test]
fn server_side_attributes_are_cast_to_numbers() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device(&unique("attributes"));
    let path = format!("/api/plugins/telemetry/DEVICE/{}/attributes/SERVER_SCOPE", id(&device));
    let sent = json!({
        "zeros": "00012345", "price": "1.50", "ratio": "0.10", "space": " 12", "script": "１２", "below": "-0.0", "floor": "-1", "site": "cellar",
        "exponent": "1e3", "hex": "0x10", "nan": "NaN", "phone": "+49123", "long": "123456789012345678901234",
        "flag": "true", "object": { "serial": "00012345" },
    });
    tenant.ok("POST", &path, Some(&sent));
    tenant.ok("POST", &path, Some(&json!({ "site": "roof" })));
    let keys = "zeros,price,ratio,space,script,below,floor,site,exponent,hex,nan,phone,long,flag,object";
    let read = format!("/api/plugins/telemetry/DEVICE/{}/values/attributes?keys={keys}", id(&device));
    let attributes = tenant.ok("GET", &read, None);
    let stored: serde_json::Map<String, Value> = attributes
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["key"].as_str().unwrap().to_owned(), one["value"].clone()))
        .collect();
    // Java takes digits of every script for numbers. A space, an exponent, a plus sign, hexadecimal digits and 24 digits
    // keep a text, so that a serial number with zeros before it is safe only inside an object.
    let expected = json!({
        "zeros": 12345, "price": 1.5, "ratio": 0.1, "space": " 12", "script": 12, "below": 0.0, "floor": -1, "site": "roof",
        "exponent": "1e3", "hex": "0x10", "nan": "NaN", "phone": "+49123", "long": "123456789012345678901234",
        "flag": "true", "object": { "serial": "00012345" },
    });
    assert_eq!(Value::Object(stored), expected);
    for (body, text) in [
        (r#"{"a":"#, "Invalid JSON"),
        ("[]", "Request is not a JSON object"),
        ("{}", "No attributes data found in request body!"),
        (r#"{" ":1}"#, "Key cannot be blank"),
        (r#"{"<b>x</b>":1}"#, "Validation error: key is malformed"),
    ] {
        let authorization = format!("Bearer {}", tenant.token);
        let headers = [("X-Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        let answer = platform.request("POST", &path, &headers, body.as_bytes());
        // Text, unlike the refusals of nearly all other calls.
        assert_eq!((answer.status, answer.text().as_str()), (400, text));
    }
    let client = path.replace("SERVER_SCOPE", "CLIENT_SCOPE");
    let answer = tenant.call("POST", &client, Some(&json!({ "a": 1 })));
    assert_eq!((answer.status, answer.text().as_str()), (400, "Invalid scope: CLIENT_SCOPE"));
    tenant.call("POST", &path, Some(&json!({ "a": null }))).is_refusal(500, 2, "Can't parse value: null");
    let nobody = path.replace(id(&device), "00000000-0000-1000-8000-000000000000");
    assert_eq!(tenant.call("POST", &nobody, Some(&json!({ "a": "b" }))).status, 404);
}

#[test]
fn labels_are_checked_like_names() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let name = unique("label");
    for (label, message) in [
        ("x".repeat(256), "Validation error: label length must be equal or less than 255"),
        ("<b>x</b>".to_owned(), "Validation error: label is malformed"),
        ("{{x}}".to_owned(), "Validation error: label is malformed"),
    ] {
        let device = json!({ "name": name, "label": label });
        tenant.call("POST", "/api/device", Some(&device)).is_refusal(400, 31, message);
        let credentials = json!({ "credentialsType": "X509_CERTIFICATE", "credentialsValue": unique("certificate") });
        let both = json!({ "device": device, "credentials": credentials });
        tenant.call("POST", "/api/device-with-credentials", Some(&both)).is_refusal(400, 31, message);
    }
    assert_eq!(tenant.device_named(&name), None);
    let longest = tenant.ok("POST", "/api/device", Some(&json!({ "name": name, "label": "x".repeat(255) })));
    tenant.forget(&format!("/api/device/{}", id(&longest)));
}

#[test]
fn types_and_additional_information_are_checked_like_names() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let name = unique("texts");
    let long = "x".repeat(256);
    for (fields, message) in [
        (json!({ "type": long }), "type length must be equal or less than 255"),
        (json!({ "type": "<b>x</b>" }), "type is malformed"),
        (json!({ "additionalInfo": { "description": "<b>x</b>" } }), "additionalInfo is malformed"),
        // Not only the first fault, and sorted.
        (
            json!({ "type": "<b>x</b>", "label": long }),
            "label length must be equal or less than 255, type is malformed",
        ),
    ] {
        let mut device = json!({ "name": name });
        device.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let message = format!("Validation error: {message}");
        tenant.call("POST", "/api/device", Some(&device)).is_refusal(400, 31, &message);
    }
    assert_eq!(tenant.device_named(&name), None);
}

#[test]
fn what_a_device_refers_to_has_to_exist() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let name = unique("refers");
    for (field, kind, message) in [
        ("customerId", "CUSTOMER", "Can't assign device to non-existent customer!"),
        ("firmwareId", "OTA_PACKAGE", "Can't assign non-existent firmware!"),
        ("softwareId", "OTA_PACKAGE", "Can't assign non-existent software!"),
    ] {
        let mut device = json!({ "name": name });
        device[field] = json!({ "entityType": kind, "id": UNKNOWN_ID });
        tenant.call("POST", "/api/device", Some(&device)).is_refusal(400, 31, message);
    }
    assert_eq!(tenant.device_named(&name), None);
}

#[test]
fn only_json_is_returned() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let authorization = format!("Bearer {}", tenant.token);
    let ask = |accept: &str| {
        let headers = [("X-Authorization", authorization.as_str()), ("Accept", accept)];
        platform.request("GET", "/api/auth/user", &headers, b"")
    };
    for accept in ["*/*", "application/json", "text/html, application/*;q=0.1"] {
        assert_eq!(ask(accept).status, 200, "{accept}");
    }
    // By HTTP this would be 406 (RFC 9110, section 15.5.7).
    ask("text/plain").is_refusal(500, 2, "No acceptable representation");
}
