//! Faults, as a client sees them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tb_sim::{Fault, FaultKind, Settings};
use tbpki_tests::certificates::{Wanted, base64};
use tbpki_tests::mqtt::{Connect, publish};
use tbpki_tests::platform::Platform;
use tbpki_tests::wire::{Versions, Wire};

#[track_caller]
fn platform() -> Platform {
    Platform::simulator(Settings { control: true, ..Settings::default() })
}

/// The bytes of the answer to a request for a new device.
#[track_caller]
fn raw_answer(platform: &Platform, token: &str, name: &str) -> Vec<u8> {
    let authority = platform.url().trim_start_matches("http://").to_owned();
    let (host, port) = authority.rsplit_once(':').unwrap();
    let body = json!({ "name": name }).to_string();
    let mut wire = Wire::tcp(host, port.parse().unwrap());
    wire.send(
        format!(
            "POST /api/device HTTP/1.1\r\nHost: {authority}\r\nX-Authorization: Bearer {token}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
    wire.rest()
}

#[test]
fn a_cut_comes_before_or_after_the_deed() {
    let platform = platform();
    let token = platform.sign_in().token.clone();
    let sim = platform.sim().unwrap();
    for (kind, is_done) in [(FaultKind::DropBefore, false), (FaultKind::DropAfter, true)] {
        sim.inject(Fault::new(kind).on("POST", "/api/device"));
        let name = format!("{kind:?}");
        // Byte by byte, as no client library would show a connection that ends without an answer.
        assert!(raw_answer(&platform, &token, &name).is_empty());
        assert_eq!(sim.devices().contains(&name), is_done);
        assert_eq!(sim.requests().last().unwrap().status, None);
    }
}

#[test]
fn statuses_come_in_the_servers_own_words_and_nothing_is_done() {
    let platform = platform();
    let tenant = platform.sign_in();
    let sim = platform.sim().unwrap();
    for (status, code, message) in [
        (401, 11, "Token has expired"),
        (409, 35, "Entity was already changed by someone else"),
        (429, 33, "Too many requests for current tenant!"),
        (500, 2, ""),
    ] {
        sim.inject(Fault::new(FaultKind::Status(status)).on("POST", "/api/device"));
        let answer = tenant.call("POST", "/api/device", Some(&json!({ "name": "none" })));
        answer.is_refusal(status, code, message);
        // ThingsBoard sends none: a client that relies on it would wait for nothing.
        assert_eq!(answer.header("retry-after"), None);
    }
    assert!(sim.devices().is_empty());
}

#[test]
fn half_an_answer_garbage_and_a_page_are_no_answers() {
    let platform = platform();
    let tenant = platform.sign_in();
    let sim = platform.sim().unwrap();
    sim.inject(Fault::new(FaultKind::HalfAnswer).on("POST", "/api/device"));
    let half = String::from_utf8(raw_answer(&platform, &tenant.token, "half")).unwrap();
    let (head, body) = half.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    // The length of the whole: a client that does not compare takes the half for all.
    assert_eq!(length.parse::<usize>().unwrap() / 2, body.len());
    sim.inject(Fault::new(FaultKind::Garbage).on("POST", "/api/device"));
    assert!(!raw_answer(&platform, &tenant.token, "garbage").starts_with(b"HTTP"));
    sim.inject(Fault::new(FaultKind::Html).on("POST", "/api/device"));
    let page = tenant.call("POST", "/api/device", Some(&json!({ "name": "page" })));
    assert!(page.status == 200 && page.text().contains("<title>"), "{page:?}");
    assert_eq!(sim.devices().len(), 3, "all of them were done");
}

#[test]
fn delays_latency_and_rates_hold() {
    let platform = platform();
    let tenant = platform.sign_in();
    let sim = platform.sim().unwrap();
    let takes = |call: &dyn Fn()| {
        let start = Instant::now();
        call();
        start.elapsed()
    };
    let ask = || {
        tenant.ok("GET", "/api/auth/user", None);
    };
    for kind in [FaultKind::Delay(150), FaultKind::DelayAnswer(150)] {
        sim.inject(Fault::new(kind));
        assert!(takes(&ask) >= Duration::from_millis(150));
    }
    sim.set_latency(Duration::from_millis(50));
    assert!(takes(&ask) >= Duration::from_millis(50));
    sim.set_latency(Duration::ZERO);
    // No request at all, which does not depend on how fast the test is.
    sim.set_rate(Some(0));
    tenant.call("GET", "/api/auth/user", None).is_refusal(429, 33, "Too many requests for current tenant!");
    assert_eq!(platform.request("POST", "/api/auth/login", &[], b"").status, 401, "who has no tenant has no rate");
    sim.set_rate(None);
    ask();
}

#[test]
fn calls_are_held_before_and_after_they_are_done() {
    let platform = platform();
    let tenant = platform.sign_in();
    let sim = platform.sim().unwrap();
    for (kind, device, is_done) in [(FaultKind::Hold, "before", false), (FaultKind::HoldAnswer, "after", true)] {
        sim.inject(Fault::new(kind).on("POST", "/api/device"));
        std::thread::scope(|scope| {
            let call = scope.spawn(|| {
                let other = platform.sign_in();
                other.device(device);
                // Returned, because its devices are deleted with it.
                other
            });
            sim.until_held();
            // Other calls go on, and a held one does not end by itself.
            assert_eq!(sim.devices().contains(&device.to_owned()), is_done);
            tenant.ok("GET", "/api/auth/user", None);
            assert!(!call.is_finished() && sim.held_calls() == 1);
            sim.clear_faults();
            let _other = call.join().unwrap();
            assert!(sim.devices().contains(&device.to_owned()) && sim.held_calls() == 0);
        });
    }
}

#[test]
fn mqtt_is_cut_on_request() {
    let platform = platform();
    let tenant = platform.sign_in();
    let shown = Wanted::client("x").self_signed();
    tenant.device_with_certificate("cut", &base64(&shown.chain[0]));
    let sim = platform.sim().unwrap();
    let (host, port) = platform.mqtts();
    sim.inject(Fault::new(FaultKind::DropBefore).on("MQTT", "connect"));
    let mut wire = Wire::tls(host, port, Some(&shown), Versions::Tls12).unwrap();
    wire.send(&Connect::default().bytes());
    assert!(wire.rest().is_empty());
    sim.inject(Fault::new(FaultKind::DropBefore).on("MQTT", "publish"));
    let mut wire = Wire::tls(host, port, Some(&shown), Versions::Tls12).unwrap();
    wire.send(&Connect::default().bytes());
    assert_eq!(wire.read(4).unwrap(), [0x20, 2, 0, 0]);
    wire.send(&publish(4, "v1/devices/me/telemetry", 1, 1, b"{\"a\":1}"));
    assert!(wire.rest().is_empty());
    assert!(sim.telemetry("cut").is_empty());
}

#[test]
fn others_control_it_over_http_where_that_is_on() {
    let platform = platform();
    let tenant = platform.sign_in();
    tenant.device("seen");
    let control = |method: &str, path: &str, body: &Value| {
        platform.request(
            method,
            path,
            &[],
            if body.is_null() { Vec::new() } else { body.to_string().into_bytes() }.as_slice(),
        )
    };
    let fault = json!({ "kind": "status", "value": 500, "method": "GET", "path": "/api/auth/user", "times": 2 });
    assert_eq!(control("POST", "/sim/faults", &fault).status, 204);
    assert_eq!(control("POST", "/sim/faults", &json!({ "kind": "no such fault" })).status, 400);
    assert_eq!(tenant.call("GET", "/api/auth/user", None).status, 500);
    assert_eq!(control("GET", "/sim/faults", &Value::Null).json()[0]["times"], 1);
    assert_eq!(control("DELETE", "/sim/faults", &Value::Null).status, 204);
    assert_eq!(tenant.call("GET", "/api/auth/user", None).status, 200);
    assert_eq!(control("GET", "/sim/devices", &Value::Null).json(), json!(["seen"]));
    assert_eq!(control("GET", "/sim/credentials/seen", &Value::Null).json()["version"], 1);
    assert_eq!(control("GET", "/sim/telemetry/seen", &Value::Null).json(), json!([]));
    let requests = control("GET", "/sim/requests", &Value::Null).json();
    assert_eq!(requests[0], json!({ "method": "POST", "path": "/api/auth/login", "status": 200, "auth": "none" }));
    assert!(!requests.to_string().contains("/sim/"), "the log is of the platform's calls");

    let closed = Platform::simulator(Settings::default());
    assert_eq!(closed.request("GET", "/sim/devices", &[], b"").status, 404);
}
