//! What clients and servers of enrolment (EST) send, and what the service writes of it.

use std::net::IpAddr;

use base::prometheus::{Family, MetricsText};
use base::text::{is_deceptive, is_invisible};
use enroll::audit_line::AuditLine;
use enroll::est::{Credentials, Route, request};
use pki::certs_only;

/// The certificates in the answer of a server. Written again, they are the same set.
pub(crate) fn certs_only(input: &[u8]) {
    let Ok(certificates) = certs_only::read(input) else { return };
    let set = |certificates: &[pki::Certificate]| -> std::collections::BTreeSet<Vec<u8>> {
        certificates.iter().map(|certificate| certificate.der().to_vec()).collect()
    };
    if let Ok(again) = certs_only::read(&certs_only::write(&certificates)) {
        assert_eq!(set(&certificates), set(&again), "written and read again they are others");
    } else {
        assert!(certificates.is_empty(), "what was written cannot be read");
    }
}

/// The body of a request for a certificate.
pub(crate) fn body(input: &[u8]) {
    if let Err(refusal) = request::read(input) {
        assert_eq!(refusal.status(), 400, "{refusal}");
    }
}

/// The path of a request.
pub(crate) fn path(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(route) = Route::of(text) {
        assert!(text.ends_with(route.operation.as_str()));
        assert_ne!(route.label.as_deref(), Some(""));
    }
}

/// The value of an Authorization header.
pub(crate) fn authorization(input: &[u8]) {
    if let Some(credentials) = Credentials::of_header(input) {
        drop(format!("{credentials:?}"));
        assert!(!credentials.name.is_empty() && !credentials.password.reveal().is_empty());
    }
}

/// What a client calls itself and its label, in the audit log: one JSON object on one line, with the same texts.
pub(crate) fn audit_line(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (label, device) = text.split_once('\0').unwrap_or(("", text));
    let line = AuditLine {
        address: IpAddr::from([192, 0, 2, 1]),
        operation: "simpleenroll",
        label: Some(label),
        device: Some(device),
        presented: None,
        serial: None,
        approved_by: None,
        outcome: "wrong-password",
        status: 401,
    };
    let rendered = line.render(crate::NOW);
    let one = rendered.strip_suffix('\n').expect("a line ends with a line feed");
    assert!(!one.chars().any(|one| is_deceptive(one) || is_invisible(one)), "{one:?}");
    let read: serde_json::Value = serde_json::from_str(one).expect("a line is JSON");
    assert_eq!((&read["label"], &read["device"]), (&label.into(), &device.into()));
}

/// Names as labels of metrics: a sample stays one line, and its labels can be read back.
pub(crate) fn metrics_text(input: &[u8]) {
    const FAMILY: Family = Family::gauge("tbpki_certificate_end_seconds", "End of a certificate.");
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (kind, name) = text.split_once('\0').unwrap_or(("", text));
    let mut metrics = MetricsText::new();
    metrics.family(&FAMILY);
    metrics.sample(&FAMILY, &[("kind", kind), ("name", name)], 7);
    let metrics = metrics.into_string();
    let lines: Vec<&str> = metrics.split('\n').collect();
    let [_, _, sample, ""] = lines[..] else { panic!("{metrics:?} has other lines") };
    let rest = sample.strip_prefix("tbpki_certificate_end_seconds{kind=\"").expect("the family and its first label");
    let (read_kind, rest) = label_value(rest);
    let (read_name, rest) = label_value(rest.strip_prefix(",name=\"").expect("the second label"));
    assert_eq!((read_kind.as_str(), read_name.as_str(), rest), (kind, name, "} 7"));
}

/// The value of a label up to its closing quote, and what follows, as a reader of the format takes it.
fn label_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next().expect("a label ends with a quote") {
            '"' => return (value, rest.as_str()),
            '\\' => value.push(match rest.next() {
                Some('n') => '\n',
                Some(one @ ('\\' | '"')) => one,
                other => panic!("{other:?} is no escape of the format"),
            }),
            one => value.push(one),
        }
    }
}
