//! The requests of EST, and the two of tbpki: confirmation and trust anchors.

use alloc::format;
use alloc::string::String;

use base64ct::{Base64, Encoding};
use embedded_io_async::{Read, Write};
use zeroize::Zeroizing;

use super::answer::{self, CaCertificates, IssuedCertificate};
use super::failure::{EnrolmentFailure, Retry};
use super::http::{self, HttpAnswer};
use super::request::CertificateRequest;
use super::stated_anchors::stated;
use crate::secret::Secret;

/// A service and the label of the device profile.
#[derive(Debug, Clone, Copy)]
pub struct EnrolmentServer<'a> {
    /// The host name or IP address; an IPv6 address without brackets.
    pub host: &'a str,
    /// The TCP port of the service.
    pub port: u16,
    /// The label; empty for none.
    pub label: &'a str,
}

/// How a device proves who it is.
#[derive(Debug, Clone, Copy)]
pub enum Authentication<'a> {
    /// A one-time password, for the first certificate.
    Password {
        /// The device's name. It may contain colons, as MAC addresses do: the service splits at the last one.
        device_name: &'a str,
        /// The password.
        password: &'a Secret,
    },
    /// The certificate of the TLS connection, for a renewal.
    Certificate,
}

/// Asks for a certificate on a TLS connection to the service, and checks it. `now` is in seconds since 1970.
///
/// # Errors
/// [`EnrolmentFailure`].
pub async fn enroll<S: Read + Write>(
    stream: &mut S,
    server: &EnrolmentServer<'_>,
    authentication: Authentication<'_>,
    request: &CertificateRequest,
    now: u64,
) -> Result<IssuedCertificate, EnrolmentFailure> {
    let (operation, authorization) = match authentication {
        Authentication::Certificate => ("simplereenroll", Zeroizing::default()),
        Authentication::Password { device_name, password } => ("simpleenroll", basic(device_name, password)),
    };
    let body = request.to_body();
    // RFC 8951 takes the meaning from Content-Transfer-Encoding; services of RFC 7030 alone can still look for it.
    let fields = format!(
        "Content-Type: application/pkcs10\r\nContent-Transfer-Encoding: base64\r\nContent-Length: {}\r\n",
        body.len()
    );
    let head = Zeroizing::new(format!("{}{fields}{}\r\n", server.head("POST", "est", operation), *authorization));
    let answer = http::exchange(stream, &head, &body).await?;
    IssuedCertificate::read(&done(answer)?, request, now)
}

/// Tells the service that the certificate of this TLS connection is in use, and which trust anchors are: `anchors` is PEM, with
/// or without a NUL.
///
/// # Errors
/// [`EnrolmentFailure`].
pub async fn confirm<S: Read + Write>(
    stream: &mut S,
    server: &EnrolmentServer<'_>,
    anchors: &str,
) -> Result<(), EnrolmentFailure> {
    let body = stated(anchors);
    // A POST states its length even without a body (RFC 9110, section 8.6): a server could wait for one otherwise.
    let fields = format!("Content-Type: text/plain\r\nContent-Length: {}\r\n", body.len());
    let head = format!("{}{fields}\r\n", server.head("POST", "tbpki", "confirm"));
    done(http::exchange(stream, &head, &body).await?).map(drop)
}

/// Fetches the issuing hierarchy.
///
/// # Errors
/// [`EnrolmentFailure`].
pub async fn fetch_ca_certificates<S: Read + Write>(
    stream: &mut S,
    server: &EnrolmentServer<'_>,
) -> Result<CaCertificates, EnrolmentFailure> {
    let head = format!("{}\r\n", server.head("GET", "est", "cacerts"));
    CaCertificates::read(&done(http::exchange(stream, &head, "").await?)?)
}

/// Fetches the trust anchors of the servers: PEM and a NUL.
///
/// # Errors
/// [`EnrolmentFailure`].
pub async fn fetch_anchors<S: Read + Write>(
    stream: &mut S,
    server: &EnrolmentServer<'_>,
) -> Result<String, EnrolmentFailure> {
    let head = format!("{}\r\n", server.head("GET", "tbpki", "anchors"));
    answer::anchors(&done(http::exchange(stream, &head, "").await?)?)
}

impl EnrolmentServer<'_> {
    /// The request line, and the headers that every request has.
    fn head(&self, method: &str, family: &str, operation: &str) -> String {
        // Only an IPv6 address has a colon, and in an authority it needs brackets (RFC 3986, section 3.2.2).
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.into() };
        let label = if self.label.is_empty() { String::new() } else { format!("{}/", encoded(self.label)) };
        format!(
            "{method} /.well-known/{family}/{label}{operation} HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\n",
            self.port
        )
    }
}

/// HTTP Basic (RFC 7617) in UTF-8.
fn basic(device_name: &str, password: &Secret) -> Zeroizing<String> {
    let user = Zeroizing::new(format!("{device_name}:{}", password.expose()));
    let encoded = Zeroizing::new(Base64::encode_string(user.as_bytes()));
    Zeroizing::new(format!("Authorization: Basic {}\r\n", *encoded))
}

/// A segment of a path: what is not unreserved is percent-encoded (RFC 3986, section 2.3).
fn encoded(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The body of an answer of success.
fn done(answer: HttpAnswer) -> Result<alloc::vec::Vec<u8>, EnrolmentFailure> {
    if answer.status == 200 {
        return Ok(answer.body);
    }
    let retry = match (answer.status, answer.retry_after) {
        // Accepted, and not issued yet (RFC 7030, section 4.2.3).
        (202 | 429 | 503, Some(seconds)) => Retry::After(seconds),
        (202 | 408 | 429 | 500..=599, _) => Retry::Later,
        _ => Retry::Never,
    };
    Err(EnrolmentFailure::Refused { status: answer.status, text: http::first_line(&answer.body), retry })
}
