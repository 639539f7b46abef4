//! The audit log: one JSON object for each request that concerns a certificate, on a line of its own.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base::Result;
use base::file::Log;
use identity::report::rfc3339;
use serde::Serialize;
use time::OffsetDateTime;

/// The log.
#[derive(Debug)]
pub(crate) struct Audit(Mutex<Log>);

/// A line. Nothing in it is a secret, and JSON escapes whatever a client put into a name.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    /// The address of the client.
    pub(crate) address: IpAddr,
    pub(crate) operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<&'a str>,
    /// The device: proven by a certificate or a password if the outcome is `done`, claimed otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<&'a str>,
    /// The serial number of the client's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) presented: Option<&'a str>,
    /// The serial number of the certificate that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) serial: Option<&'a str>,
    /// The user who has approved the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) approved_by: Option<&'a str>,
    /// `done`, or the word of the refusal.
    pub(crate) outcome: &'static str,
    /// The status of the answer.
    pub(crate) status: u16,
}

impl Audit {
    /// Opens the log, or makes it (mode 0600).
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Log::open(path).map(|log| Self(Mutex::new(log)))
    }

    /// Appends a line.
    pub(crate) fn write(&self, line: &Line<'_>, now: OffsetDateTime) -> Result<()> {
        // A poisoned lock is used all the same: a line is appended as a whole or not at all, so a panic leaves no half
        // state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(render(line, now).as_bytes())
    }
}

fn render(line: &Line<'_>, now: OffsetDateTime) -> String {
    #[derive(Serialize)]
    struct Timed<'a> {
        time: String,
        #[serde(flatten)]
        line: &'a Line<'a>,
    }
    let time = rfc3339(now);
    let mut text = serde_json::to_string(&Timed { time, line }).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_object_whatever_a_client_is_called() {
        let line = Line {
            address: IpAddr::from([10, 0, 0, 1]),
            operation: "simpleenroll",
            label: None,
            device: Some("a\n{\"outcome\":\"done\"}\u{2028}\u{1b}[31m"),
            presented: None,
            serial: None,
            approved_by: None,
            outcome: "wrong-password",
            status: 401,
        };
        let text = render(&line, time::macros::datetime!(2026-11-28 12:00 UTC));
        assert_eq!(text.matches('\n').count(), 1);
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["time"], "2026-11-28T12:00:00Z");
        assert_eq!(read["outcome"], "wrong-password");
        assert_eq!(read["device"], line.device.unwrap());
        assert!(!text.contains('\u{1b}'));
    }
}
