//! Other versions, other users, limits.

use pki::pem_bundle::PemBundle;
use serde_json::{Value, json};
use tb_sim::{Authority, ServerKeys, Settings, User, Version};
use tbpki_tests::Sandbox;
use tbpki_tests::certificates::{Wanted, base64};
use tbpki_tests::mqtt::{Connect, connect};
use tbpki_tests::oracle::openssl;
use tbpki_tests::platform::{Platform, id};

#[test]
fn version_4_3_has_keys_exact_prefixes_and_policies_for_names() {
    let platform = Platform::simulator(Settings { version: Version::V4_3, ..Settings::default() });
    let tenant = platform.sign_in();
    let user = tenant.ok("GET", "/api/auth/user", None);
    let key = json!({ "userId": user["id"], "description": "tests", "enabled": true });
    let key = tenant.ok("POST", "/api/apiKey", Some(&key));
    let value = key["value"].as_str().unwrap().to_owned();
    assert!(value.starts_with("tb_"), "{value}");
    let listed = tenant.ok("GET", &format!("/api/apiKeys/{}?pageSize=5&page=0", id(&user)), None);
    assert_eq!((&listed["totalElements"], &listed["data"][0]["value"]), (&json!(1), &Value::Null));
    let ask = |value: &str| platform.request("GET", "/api/auth/user", &[("Authorization", value)], b"");
    assert_eq!(ask(&format!("ApiKey {value}")).status, 200);
    ask("ApiKey tb_unknown").is_refusal(401, 10, "Invalid username or password");
    // 4.3 compares the scheme with its case and sends everything else to the login of OAuth 2.
    for other in [format!("apikey {value}"), format!("bearer {}", tenant.token), String::new()] {
        let answer = ask(&other);
        assert_eq!((answer.status, answer.header("location")), (302, Some("/oauth2Login")), "{other}");
    }
    tenant.ok("PUT", &format!("/api/apiKey/{}/enabled/false", id(&key)), None);
    ask(&format!("ApiKey {value}")).is_refusal(401, 10, "User account is not active");
    // A millisecond after 1970; 0 would be never.
    let old = json!({ "userId": user["id"], "description": "old", "enabled": true, "expirationTime": 1 });
    let old = tenant.ok("POST", "/api/apiKey", Some(&old));
    ask(&format!("ApiKey {}", old["value"].as_str().unwrap())).is_refusal(401, 10, "API key is expired");
    // Without the field a key is not enabled, and of no use until it is.
    let disabled = json!({ "userId": user["id"], "description": "disabled" });
    assert_eq!(tenant.ok("POST", "/api/apiKey", Some(&disabled))["enabled"], false);
    let unnamed = json!({ "userId": user["id"] });
    assert_eq!(tenant.call("POST", "/api/apiKey", Some(&unnamed)).status, 400);

    tenant.call("GET", "/api/tenant/devices?page=0", None).is_refusal(500, 2, "");
    tenant.device("name");
    assert_eq!(tenant.ok("GET", "/api/tenant/device?deviceName=name", None)["name"], "name");
    let uniquify = "/api/device?nameConflictPolicy=UNIQUIFY&uniquifyStrategy=INCREMENTAL&uniquifySeparator=-";
    assert_eq!(tenant.ok("POST", uniquify, Some(&json!({ "name": "name" })))["name"], "name-1");
    let random = "/api/device?nameConflictPolicy=UNIQUIFY";
    let device = tenant.ok("POST", random, Some(&json!({ "name": "name" })));
    assert_eq!(device["name"].as_str().map(str::len), Some("name_".len() + 6));
}

#[test]
fn version_4_2_knows_no_keys() {
    let platform = Platform::simulator(Settings::default());
    let answer = platform.request("GET", "/api/auth/user", &[("X-Authorization", "ApiKey tb_x")], b"");
    answer.is_refusal(401, 10, "Invalid username or password");
    assert_eq!(platform.sign_in().call("POST", "/api/apiKey", Some(&json!({}))).status, 404);
}

#[test]
fn users_see_what_is_theirs() {
    let user = |name: &str| User { name: name.to_owned(), password: "secret".to_owned(), ..User::default() };
    let more_users = vec![
        User { authority: Authority::CustomerUser, ..user("customer@example.org") },
        User { tenant: "other".to_owned(), ..user("other@example.org") },
        User { enabled: false, ..user("gone@example.org") },
        User { locked: true, ..user("locked@example.org") },
    ];
    let platform = Platform::simulator(Settings { more_users, ..Settings::default() });
    let tenant = platform.sign_in();
    let device = tenant.device_with_certificate("theirs", "certificate");
    let path = format!("/api/device/{}", id(&device));
    let denied = "You don't have permission to perform this operation!";
    let customer = platform.sign_in_as("customer@example.org", "secret");
    customer.call("GET", &path, None).is_refusal(403, 20, denied);
    customer.call("GET", "/api/tenant/devices?pageSize=1&page=0", None).is_refusal(403, 20, denied);
    let other = platform.sign_in_as("other@example.org", "secret");
    other.call("GET", &path, None).is_refusal(404, 32, &format!("Device with id [{}] is not found", id(&device)));
    other.device("theirs");
    let same = json!({
        "device": { "name": "mine" },
        "credentials": { "credentialsType": "X509_CERTIFICATE", "credentialsValue": "certificate" },
    });
    other.call("POST", "/api/device-with-credentials", Some(&same)).is_refusal(
        400,
        31,
        "Device credentials are already assigned to another device!",
    );
    for (name, message) in [
        ("gone@example.org", "User account is not active"),
        ("locked@example.org", "User account is locked due to security policy"),
    ] {
        let body = json!({ "username": name, "password": "secret" }).to_string();
        platform.request("POST", "/api/auth/login", &[], body.as_bytes()).is_refusal(401, 10, message);
    }
}

#[test]
fn a_tenant_has_its_limit_and_tokens_their_end() {
    let settings = Settings { max_devices: Some(1), token_life: std::time::Duration::ZERO, ..Settings::default() };
    let platform = Platform::simulator(settings);
    let expired = platform.sign_in();
    expired.call("GET", "/api/auth/user", None).is_refusal(401, 11, "Token has expired");

    let platform = Platform::simulator(Settings { max_devices: Some(1), ..Settings::default() });
    let tenant = platform.sign_in();
    tenant.device("one");
    let second = tenant.call("POST", "/api/device", Some(&json!({ "name": "two" })));
    second.is_refusal(403, 41, "");
    assert_eq!((&second.json()["entityType"], &second.json()["limit"]), (&json!("DEVICE"), &json!(1)));
}

#[test]
fn calls_that_are_not_simulated_are_refused_loudly() {
    let platform = Platform::simulator(Settings::default());
    let tenant = platform.sign_in();
    for (method, path) in [
        ("POST", "/api/device/bulk_import"),
        ("GET", "/api/device/types"),
        ("POST", "/api/customer"),
        ("POST", "/api/customer/device/x/claim"),
        ("GET", "/api/customers"),
        ("POST", "/api/admin/settings"),
        ("GET", "/api/system/info"),
        ("GET", "/api/noauth/oauth2Clients"),
        ("GET", "/actuator/health"),
        ("GET", "/api/tenants"),
    ] {
        let answer = tenant.call(method, path, None);
        answer.is_refusal(501, 2, &format!("tb-sim does not simulate {method} {path}"));
    }
}

#[test]
fn a_balancer_hides_certificates_and_a_clock_can_be_off() {
    // A balancer that ends TLS: the platform never sees the certificate of a device.
    let settings = Settings { behind_balancer: true, clock_offset: 7200, ..Settings::default() };
    let platform = Platform::simulator(settings);
    let tenant = platform.sign_in();
    let shown = Wanted::client("x").self_signed();
    tenant.device_with_certificate("hidden", &base64(&shown.chain[0]));
    let packet = Connect { client: "c", ..Connect::default() };
    assert_eq!(connect(&platform, Some(&shown), &packet).1, [0x20, 2, 0, 2], "as if it had none");
    let date = |offset: i64| {
        platform.sim().unwrap().set_clock_offset(offset);
        platform.request("GET", "/api/auth/user", &[], b"").header("date").unwrap().to_owned()
    };
    let (now, later) = (date(0), date(86_400 * 40));
    assert!(now.ends_with(" GMT") && now.len() == "Wed, 25 Nov 2026 04:11:15 GMT".len(), "{now}");
    // The day, the month and the year.
    assert_ne!(now[5..16], later[5..16]);
}

#[test]
fn the_validity_of_certificates_follows_the_clock() {
    let platform = Platform::simulator(Settings::default());
    let tenant = platform.sign_in();
    let shown = Wanted::client("x").self_signed();
    tenant.device_with_certificate("aging", &base64(&shown.chain[0]));
    let packet = Connect { client: "c", ..Connect::default() };
    let connack = |days: i64| {
        platform.sim().unwrap().set_clock_offset(days * 86_400);
        connect(&platform, Some(&shown), &packet).1
    };
    // MQTT 3.1.1: 0 is accepted, 5 not authorized.
    assert_eq!(connack(0), [0x20, 2, 0, 0]);
    assert_eq!(connack(40_000), [0x20, 2, 0, 5]);
    assert_eq!(connack(-40_000), [0x20, 2, 0, 5]);
    assert_eq!(connack(0), [0x20, 2, 0, 0]);
}

#[test]
fn the_keys_of_the_server_can_be_loaded_again() {
    let sandbox = Sandbox::with_store();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf"]);
    let file = |file: &str| sandbox.join("conf").join(file);
    let (certificate, key) = (file("mqttserver.pem"), Some(file("mqttserver_key.pem")));
    let server = Some(ServerKeys::Pem { certificate, key, key_password: String::new() });
    let platform = Platform::simulator(Settings { server, ..Settings::default() });
    let (host, port) = platform.mqtts();
    let leaf = || {
        let target = format!("{host}:{port}");
        let shown = openssl().args(["s_client", "-connect", target.as_str(), "-showcerts"]).run().stdout_text();
        PemBundle::parse(shown.as_bytes()).unwrap().certificates.remove(0)
    };
    let first = leaf();
    sandbox.ok(["server", "--name", "localhost", "--only-given-names", "--out", "conf", "--force"]);
    assert_eq!(leaf(), first);
    platform.sim().unwrap().reload_server_keys().unwrap();
    let second = leaf();
    assert_ne!(second, first);
    // What cannot be loaded changes nothing.
    sandbox.write("conf/mqttserver.pem", "nothing");
    assert!(platform.sim().unwrap().reload_server_keys().is_err());
    assert_eq!(leaf(), second);
}

#[test]
fn errors_are_written_in_latin_1() {
    let platform = Platform::simulator(Settings::default());
    let tenant = platform.sign_in();
    let answer = tenant.call("GET", "/api/device/ger%C3%A4t-%E8%A8%AD", None);
    assert_eq!(answer.status, 400);
    // Errors only: answers with 200 are in UTF-8, as on the real platform.
    assert!(answer.body.windows(7).any(|window| window == b"ger\xe4t-?"), "{}", answer.text());
}
