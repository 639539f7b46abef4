//! The certificates that clients are handed.

use serde_json::{Value, json};
use tbpki_tests::platform::{Platform, id, unique};

#[test]
fn everybody_may_download_the_certificates_to_trust() {
    let platform = Platform::start();
    let answer = platform.request("GET", "/api/device-connectivity/mqtts/certificate/download", &[], b"");
    // A server without such a setting answers 404, also without a login.
    if answer.status == 200 {
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert_eq!(answer.header("x-filename"), Some("ca-root.pem"));
        assert_eq!(answer.header("content-disposition"), Some("attachment;filename=ca-root.pem"));
        let text = answer.text();
        assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n") && !text.contains("PRIVATE KEY"), "{text}");
        assert!(text.lines().all(|line| line.len() <= 64));
    } else {
        answer.is_refusal(404, 32, "mqtts pem cert file is not found!");
    }
    // The name of the protocol is compared as it is: capitals are another one.
    let path = |protocol: &str| format!("/api/device-connectivity/{protocol}/certificate/download");
    for protocol in ["MQTTS", "nothing"] {
        let message = format!("{protocol} pem cert file is not found!");
        platform.request("GET", &path(protocol), &[], b"").is_refusal(404, 32, &message);
    }
}

#[test]
fn there_is_no_command_for_certificates() {
    let platform = Platform::start();
    let tenant = platform.sign_in();
    let device = tenant.device_with_certificate(&unique("commands"), &unique("certificate"));
    let commands = tenant.ok("GET", &format!("/api/device-connectivity/{}", id(&device)), None);
    let mqtts: &Value = &commands["mqtt"]["mqtts"];
    // Present only if the server is configured to offer MQTT over TLS.
    assert!(mqtts.is_null() || *mqtts == json!("Check documentation"), "{commands}");

    let device = tenant.device(&unique("commands"));
    let token = tenant.credentials(&device)["credentialsId"].as_str().unwrap().to_owned();
    let commands = tenant.ok("GET", &format!("/api/device-connectivity/{}", id(&device)), None);
    let http = commands["http"]["http"].as_str().unwrap_or_default();
    assert!(http.starts_with("curl ") && http.contains(&token), "{commands}");
}
