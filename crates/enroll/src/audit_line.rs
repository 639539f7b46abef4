//! A line of the audit log.

use std::fmt::Write as _;
use std::net::IpAddr;

use base::text::{is_deceptive, is_invisible};
use base::timestamp::rfc3339;
use serde::Serialize;
use time::OffsetDateTime;

/// A line. Nothing in it is a secret, and JSON escapes whatever a client put into a name.
#[derive(Debug, Serialize)]
pub struct AuditLine<'a> {
    /// The address of the client.
    pub address: IpAddr,
    /// The operation by its name in the path (RFC 7030, section 3.2.2), or a word of the service for its own.
    pub operation: &'static str,
    /// The label of the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'a str>,
    /// The device: proven by a certificate or a password if the outcome is `done`, claimed otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<&'a str>,
    /// The serial number of the client's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presented: Option<&'a str>,
    /// The serial number of the certificate that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<&'a str>,
    /// The user who has approved the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<&'a str>,
    /// `done`, or the word of the refusal.
    pub outcome: &'static str,
    /// The status of the answer.
    pub status: u16,
}

impl AuditLine<'_> {
    /// The line as JSON (RFC 8259) with its time (RFC 3339, UTC) and a line feed. It contains no other control character,
    /// and none that hides text or turns it around.
    pub fn render(&self, now: OffsetDateTime) -> String {
        #[derive(Serialize)]
        struct Timed<'a> {
            time: String,
            #[serde(flatten)]
            line: &'a AuditLine<'a>,
        }
        let json = serde_json::to_string(&Timed { time: rfc3339(now), line: self }).unwrap_or_default();
        let mut text = String::with_capacity(json.len() + 1);
        for one in json.chars() {
            // JSON escapes only the first 32, and a terminal obeys others too. They occur inside of strings alone.
            if is_deceptive(one) || is_invisible(one) {
                for unit in one.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            } else {
                text.push(one);
            }
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object_whatever_a_client_is_called() {
        let line = AuditLine {
            address: IpAddr::from([10, 0, 0, 1]),
            operation: "simpleenroll",
            label: None,
            device: Some("a\n{\"outcome\":\"done\"}\u{2028}\u{1b}[31m\u{9b}1m\u{202e}\u{e0041}"),
            presented: None,
            serial: None,
            approved_by: None,
            outcome: "wrong-password",
            status: 401,
        };
        let text = line.render(time::macros::datetime!(2026-11-28 12:00 UTC));
        assert_eq!(text.matches('\n').count(), 1);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["time"], "2026-11-28T12:00:00Z");
        assert_eq!(read["outcome"], "wrong-password");
        assert_eq!(read["device"], line.device.unwrap());
        assert!(text.trim_end().chars().all(|one| !is_deceptive(one) && !is_invisible(one)), "{text:?}");
    }
}
