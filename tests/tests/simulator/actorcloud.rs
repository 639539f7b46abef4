//! ActorCloud: its calls, and who may log in on which port.

use serde_json::{Value, json};
use tb_sim::{Actorcloud, ActorcloudSettings};
use tbpki_tests::certificates::Wanted;
use tbpki_tests::mqtt::{Connect, publish};
use tbpki_tests::oracle::openssl;
use tbpki_tests::platform::Answer;
use tbpki_tests::wire::{Shown, Versions, Wire};

struct Scene {
    cloud: Actorcloud,
    token: String,
}

impl Scene {
    #[track_caller]
    fn new() -> Self {
        let cloud = Actorcloud::start(ActorcloudSettings::default()).unwrap();
        let mut scene = Self { cloud, token: String::new() };
        let body = json!({ "email": scene.cloud.user(), "password": scene.cloud.password(), "remember": false });
        let answer = scene.call("POST", "/login", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        assert_eq!(answer.json()["tenantType"], 2);
        scene.token = answer.json()["token"].as_str().unwrap().to_owned();
        scene
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let headers: &[(&str, &str)] =
            if self.token.is_empty() { &[] } else { &[("Authorization", authorization.as_str())] };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        Answer::of(&self.cloud.rest_url(), method, &format!("/api/v1{path}"), headers, body.as_bytes())
    }

    #[track_caller]
    fn is_refused(&self, method: &str, path: &str, body: &Value, status: u16, code: &str, field: &str) {
        let answer = self.call(method, path, body);
        let body = answer.json();
        assert_eq!((answer.status, &body["errorCode"]), (status, &json!(code)), "{body}");
        assert!(field.is_empty() || !body["errors"][field].is_null(), "{body}");
    }

    #[track_caller]
    fn cert(&self, name: &str) -> Value {
        let answer = self.call("POST", "/certs", &json!({ "certName": name, "enable": 1 }));
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    #[track_caller]
    fn device(&self, name: &str, auth_type: u64, certs: &Value) -> Value {
        let body = json!({
            "deviceName": name, "deviceType": 1, "productID": "abcdef", "authType": auth_type, "upLinkSystem": 1,
            "deviceID": format!("{name}-identifier"), "deviceUsername": format!("{name}-user"),
            "token": format!("{name}-token"), "certs": certs,
        });
        let answer = self.call("POST", "/devices", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// The last byte of CONNACK.
    #[track_caller]
    fn connack(&self, port: u16, shown: Option<&Shown>, client: &str, user: &str, password: &str) -> u8 {
        let mut wire = Wire::tls("localhost", port, shown, Versions::Tls12).unwrap();
        let packet = Connect { client, user: Some(user), password: Some(password), ..Connect::default() };
        wire.send(&packet.bytes());
        wire.read(4).unwrap()[3]
    }
}

/// The certificate that a device shows of the cert that was made for it.
#[track_caller]
fn shown(cert: &Value) -> Shown {
    let der = |text: &Value, command: &[&str]| {
        openssl().args(command).args(["-outform", "DER"]).stdin(text.as_str().unwrap()).run().ok().stdout
    };
    Shown {
        chain: vec![der(&cert["cert"]["content"], &["x509"])],
        key: der(&cert["key"]["content"], &["pkcs8", "-topk8", "-nocrypt"]),
    }
}

#[test]
fn a_login_is_201_or_names_the_wrong_half() {
    let scene = Scene::new();
    let user = scene.cloud.user();
    for (body, field) in [
        (json!({ "email": "x@example.org", "password": "public" }), "email"),
        (json!({ "email": user, "password": "wrongwrong" }), "password"),
    ] {
        scene.is_refused("POST", "/login", &body, 401, "AUTH_FAILED", field);
    }
    scene.is_refused("POST", "/login", &json!({ "email": user, "password": "x" }), 422, "FORM_INVALID", "password");
    let nobody = Scene { token: "wrong".to_owned(), ..scene };
    nobody.is_refused("GET", "/certs", &Value::Null, 401, "AUTH_FAILED", "token");
    let nobody = Scene { token: String::new(), ..nobody };
    nobody.is_refused("GET", "/certs", &Value::Null, 401, "AUTH_FAILED", "AuthType");
}

#[test]
fn certificates_are_made_listed_switched_and_deleted() {
    let scene = Scene::new();
    let cert = scene.cert("one");
    let (id, root) = (cert["id"].as_u64().unwrap(), cert["root"].clone());
    assert_eq!(root["fileName"], "root_ca.crt");
    let name =
        |field: &str, suffix: &str| cert[field]["fileName"].as_str().unwrap().strip_suffix(suffix).map(str::to_owned);
    assert_eq!(name("cert", ".crt"), name("key", ".key"));
    assert_eq!(cert["CN"].as_str().map(str::len), Some(36));

    let text = openssl().args(["x509", "-noout", "-text"]).stdin(cert["cert"]["content"].as_str().unwrap());
    let text = text.run().ok().stdout_text();
    for part in ["Version: 1 (0x0)", "Serial Number: 0 (0x0)", "(2048 bit)", "Issuer: C = CN, ST = ZJ, L = HZ"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("X509v3"), "{text}");

    let path = format!("/certs/{id}");
    let got = scene.call("GET", &path, &Value::Null).json();
    assert_eq!((&got["cert"], &got["key"]), (&cert["cert"]["content"], &cert["key"]["content"]));
    assert_eq!(got["root"], root["content"]);
    let listed = scene.call("GET", "/certs?_page=1&_limit=5", &Value::Null).json();
    assert_eq!((&listed["meta"]["count"], &listed["items"][0]["certName"]), (&json!(1), &json!("one")));
    assert_eq!(listed["items"][0]["key"], Value::Null);
    let off = scene.call("PUT", &path, &json!({ "certName": "renamed", "enable": 0 }));
    assert_eq!((off.status, &off.json()["enable"]), (200, &json!(0)));

    scene.is_refused("POST", "/certs", &json!({ "certName": "renamed" }), 400, "DATA_EXISTED", "certName");
    scene.is_refused("POST", "/certs", &json!({ "enable": 1 }), 422, "FORM_INVALID", "certName");
    scene.is_refused("POST", "/certs", &json!({}), 400, "BAD_REQUEST", "");
    scene.is_refused("GET", "/certs/999", &Value::Null, 404, "DATA_NOT_FOUND", "");
    scene.is_refused("DELETE", "/certs?ids=999", &Value::Null, 404, "DATA_NOT_FOUND", "");
    scene.device("bound", 2, &json!([id]));
    scene.is_refused("DELETE", &format!("/certs?ids={id}"), &Value::Null, 400, "REFERENCED_ERROR", "devices");
}

#[test]
fn a_bound_certificate_logs_in_on_the_two_way_port_until_it_is_switched_off() {
    let scene = Scene::new();
    let (first, cert) = (scene.cert("first"), scene.cert("second"));
    let device = scene.device("device", 2, &json!([first["id"]]));
    let (id, port) = (cert["id"].as_u64().unwrap(), scene.cloud.two_way_port());
    let shown = shown(&cert);
    // On this port only the certificate and the client identifier count; name and password may be any.
    let log_in = || scene.connack(port, Some(&shown), "device-identifier", "any-user", "anything");
    assert_eq!(log_in(), 5, "not bound yet");
    let bind = format!("/certs/{id}/devices");
    let devices = json!({ "devices": [device["id"]] });
    let bound = scene.call("POST", &bind, &devices);
    assert_eq!((bound.status, bound.json()), (201, devices.clone()));
    scene.is_refused("POST", &bind, &devices, 400, "DATA_EXISTED", "devices");
    assert_eq!(log_in(), 0);
    assert_eq!(scene.connack(port, Some(&shown), "another-identifier", "x", "x"), 5);
    let switch =
        |enable: u8| scene.call("PUT", &format!("/certs/{id}"), &json!({ "certName": "second", "enable": enable }));
    assert_eq!(switch(0).status, 200);
    assert_eq!(log_in(), 5, "disabled");
    assert_eq!(switch(1).status, 200);
    assert_eq!(log_in(), 0);
    let unbound = scene.call("DELETE", &format!("{bind}?ids={}", device["id"]), &Value::Null);
    assert_eq!((unbound.status, unbound.body.len()), (204, 0));
    assert_eq!(log_in(), 5, "unbound");

    let logs = scene.cloud.connect_logs();
    let statuses: Vec<u8> = logs.iter().map(|log| log.connect_status).collect();
    // 1 is accepted, 2 refused.
    assert_eq!(statuses, [2, 1, 2, 2, 1, 2]);
    assert!(logs[1].mountpoint.as_deref().is_some_and(|it| it.ends_with("/abcdef/device-identifier/")), "{logs:?}");
}

#[test]
fn the_one_way_port_is_for_tokens_and_the_two_way_port_for_this_ca() {
    let scene = Scene::new();
    let device = scene.device("device", 1, &Value::Null);
    let one_way = scene.cloud.one_way_port();
    let (id, user) = (device["deviceID"].as_str().unwrap(), device["deviceUsername"].as_str().unwrap());
    assert_eq!(scene.connack(one_way, None, id, user, device["token"].as_str().unwrap()), 0);
    assert_eq!(scene.connack(one_way, None, id, user, "wrong"), 4);
    assert_eq!(scene.connack(one_way, None, "unknown-identifier", user, "wrong"), 5);
    let cert = scene.cert("cert");
    let by_cert = scene.device("by-cert", 2, &json!([cert["id"]]));
    let token = by_cert["token"].as_str().unwrap();
    assert_eq!(scene.connack(one_way, None, "by-cert-identifier", "by-cert-user", token), 5, "the other kind");

    let two_way = scene.cloud.two_way_port();
    // 1.2, so that the refusal is seen in the handshake.
    assert!(Wire::tls("localhost", two_way, None, Versions::Tls12).is_err(), "a certificate is needed");
    let stranger = Wanted::client("x").self_signed();
    assert!(Wire::tls("localhost", two_way, Some(&stranger), Versions::Tls12).is_err(), "and one of this CA");
    scene.is_refused(
        "POST",
        &format!("/certs/{}/devices", cert["id"]),
        &json!({ "devices": [device["id"]] }),
        404,
        "DATA_NOT_FOUND",
        "devices",
    );
    let without = json!({
        "deviceName": "x", "deviceType": 1, "productID": "abcdef", "authType": 2, "upLinkSystem": 1,
    });
    scene.is_refused("POST", "/devices", &without, 422, "FORM_INVALID", "certs");
}

#[test]
fn messages_arrive_below_the_mountpoint() {
    let scene = Scene::new();
    scene.device("device", 1, &Value::Null);
    let mut wire = Wire::tls("localhost", scene.cloud.one_way_port(), None, Versions::Tls13).unwrap();
    let (client, user, password) = ("device-identifier", Some("device-user"), Some("device-token"));
    wire.send(&Connect { client, user, password, ..Connect::default() }.bytes());
    assert_eq!(wire.read(4).unwrap(), [0x20, 2, 0, 0]);
    wire.send(&publish(4, "data", 1, 7, b"25"));
    assert_eq!(wire.read(4).unwrap(), [0x40, 2, 0, 7]);
    let published = scene.cloud.published();
    assert!(published[0].topic.ends_with("/device-identifier/data"), "{published:?}");
    assert_eq!(published[0].payload, b"25");
}
