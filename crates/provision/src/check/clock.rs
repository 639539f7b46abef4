//! The check of the local clock against the Date header of the platform's web server (RFC 9110, section 6.6.1).

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;

use base::{Code, Error, Finding, Result};
use pki::Certificate;
use rustls::ClientConnection;
use time::{Duration, OffsetDateTime};

use super::CheckedServer;
use super::layer::{Layer, LayerReport, Verdict};
use super::report::CheckReport;
use super::wire::host_of;
use crate::connect;
use crate::http::date;
use crate::roots::Roots;
use crate::target::Target;
use crate::tls::{self, ClientKey, CloseReason, ServerVerifier, TrustPolicy};

/// The length limit of the answer's head, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// A smaller difference is not reported, because it has no effect.
const TOLERABLE: Duration = Duration::minutes(5);
/// Certificates begin an hour before their issuance. A larger difference makes new ones invalid.
const BACKDATED: Duration = Duration::HOUR;

/// Adds the layer to the report if a platform URL is given, and returns its verdict.
pub(super) fn look(server: &CheckedServer, anchors: &[Certificate], report: &mut CheckReport) -> Option<Verdict> {
    let url = server.platform_url.as_deref()?;
    let layer = match ask(url, server, anchors) {
        Ok(date) => {
            // The time of this moment: `server.now` was taken before the connection.
            let off = OffsetDateTime::now_utc() - date;
            LayerReport::new(Layer::Clock, format!("{url} reports {date}"), finding(off).into_iter().collect())
        }
        // A platform without a time does not prevent a login.
        Err(error) => {
            let mut finding = error.into_finding();
            finding.severity = base::Severity::Warning;
            LayerReport::new(Layer::Clock, format!("{url} does not tell the time"), vec![finding])
        }
    };
    let verdict = layer.verdict;
    report.push(layer);
    Some(verdict)
}

/// The finding for a local clock that is ahead by `off`.
fn finding(off: Duration) -> Option<Finding> {
    let amount = off.abs();
    if amount <= TOLERABLE {
        return None;
    }
    let direction = if off.is_positive() { "ahead" } else { "behind" };
    let what = format!("the clock of this machine is {} minutes {direction} of the platform's", amount.whole_minutes());
    let finding = if amount > BACKDATED { Code::ClockOff.fault(what) } else { Code::ClockOff.warning(what) };
    Some(finding.fix("set both clocks by NTP; certificates are judged by them"))
}

fn ask(url: &str, server: &CheckedServer, anchors: &[Certificate]) -> Result<OffsetDateTime> {
    let bad = |why: &str| -> Error {
        Code::BadValue
            .error(format!("{url:?} is not the address of a platform"))
            .argument("--platform-url")
            .because(why)
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it begins with neither http:// nor https://"))?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(bad("a user or a password does not belong there"));
    }
    let tls = match scheme {
        "https" => true,
        "http" => false,
        _ => return Err(bad("it begins with neither http:// nor https://")),
    };
    let target = Target::parse(authority, if tls { 443 } else { 80 })?;
    let failed = |reason: &CloseReason| {
        Code::Unreachable
            .error("the platform does not send its time")
            .item(target.to_string())
            .because(reason.text(server.timeout))
            .fix("give --platform-url the address of the web interface, or leave it out")
    };
    let (mut stream, _) = connect::connect(&target, Instant::now() + server.timeout)?;
    // HEAD /, because every web server answers it with a date and without a login.
    let request = format!("HEAD / HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: tbpki\r\nConnection: close\r\n\r\n");
    let head = if tls {
        let mut connection =
            verified(&target, server, anchors).map_err(|error| failed(&CloseReason::of_tls(&error)))?;
        exchange(&mut rustls::Stream::new(&mut connection, &mut stream), &request)
    } else {
        exchange(&mut stream, &request)
    };
    let head = head.map_err(|error| failed(&CloseReason::of(&error)))?;
    date_of(&head).ok_or_else(|| failed(&CloseReason::Other("its answer has no Date".to_owned())))
}

/// A TLS connection that verifies the issuer and the name, but not the validity period: the clock is in question.
fn verified(
    target: &Target,
    server: &CheckedServer,
    anchors: &[Certificate],
) -> Result<ClientConnection, rustls::Error> {
    let mut anchors = anchors.to_vec();
    // The platform's web certificate often comes from a public CA, and not from the one of its MQTT.
    anchors.extend(Roots::system().map(|roots| roots.certificates()).unwrap_or_default());
    let host = host_of(&CheckedServer { target: target.clone(), ..server.clone() });
    let policy = TrustPolicy { anchors, host, time: None };
    let verifier = Arc::new(ServerVerifier::enforcing(Arc::new(policy)));
    let config = tls::client_config(verifier, Arc::new(ClientKey::none()))?;
    ClientConnection::new(Arc::new(config), target.server_name().clone())
}

/// Sends the request, and returns the head of the answer.
fn exchange(stream: &mut (impl Read + Write), request: &str) -> std::io::Result<Vec<u8>> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while head.len() < MAX_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => break,
            read => head.extend_from_slice(chunk.get(..read).unwrap_or_default()),
        }
    }
    Ok(head)
}

fn date_of(head: &[u8]) -> Option<OffsetDateTime> {
    let head = String::from_utf8_lossy(head);
    let (_, text) = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("date"))?;
    date::parse(text)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_date_is_found_in_the_head() {
        let head = b"HTTP/1.1 302 Found\r\nServer: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        assert_eq!(date_of(head), Some(datetime!(1994-11-06 08:49:37 UTC)));
        for head in [&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"Date: yesterday\r\n", b"\xff\xfe"] {
            assert_eq!(date_of(head), None);
        }
    }

    #[test]
    fn a_little_is_tolerated_and_much_is_a_fault() {
        assert_eq!(finding(Duration::minutes(4)), None);
        assert_eq!(finding(Duration::minutes(-6)).unwrap().severity, base::Severity::Warning);
        let much = finding(Duration::hours(3)).unwrap();
        assert_eq!(much.severity, base::Severity::Fault);
        assert!(much.what.contains("180 minutes ahead"), "{much}");
    }
}
