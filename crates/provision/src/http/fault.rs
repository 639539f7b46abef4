//! The errors of requests without an answer.

use std::error::Error as StdError;
use std::io;

use base::{Code, Error};
use rustls::CertificateError;

const GIVE_ROOT: &str = "give the root of a private CA with --platform-ca FILE or `[platform] ca`";
const COMPARE_CLOCK: &str = "compare the clock of this machine, and renew the certificate of the REST API";

/// An error, and whether the platform may have received the request.
pub(super) struct SendError {
    pub(super) error: Error,
    pub(super) sent: bool,
}

impl SendError {
    pub(super) fn not_sent(error: Error) -> Self {
        Self { error, sent: false }
    }

    pub(super) fn lost(error: Error) -> Self {
        Self { error, sent: true }
    }

    /// Keeps the client's error without its URL, which may hold a device's token.
    fn with_source(mut self, error: reqwest::Error) -> Self {
        self.error = self.error.with_source(error.without_url());
        self
    }

    pub(super) fn bug(what: &str) -> Self {
        Self::not_sent(Code::Internal.error(what))
    }
}

/// Classifies the error of a request without an answer.
pub(super) fn classify(error: reqwest::Error) -> SendError {
    let failure = of_error(&error);
    failure.with_source(error)
}

fn of_error(error: &reqwest::Error) -> SendError {
    let causes = causes(error);
    // First, because reqwest reports a refused certificate as a failure to connect.
    if let Some(tls) = causes.iter().find_map(|cause| tls_error(*cause)) {
        return SendError::not_sent(of_tls(tls));
    }
    if error.is_builder() {
        return SendError::not_sent(Code::Internal.error("a request cannot be built").because(why(&causes)));
    }
    // An unexpected end while connecting can only happen in the TLS handshake.
    let ended = |cause: &&(dyn StdError + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    };
    if error.is_connect() && causes.iter().any(ended) {
        return SendError::not_sent(tls_failed("the platform ended the connection"));
    }
    if error.is_connect() {
        let error = Code::Unreachable
            .error("the platform cannot be reached")
            .because(why(&causes))
            .fix("check the address, that the platform runs, and the proxies and firewalls in between");
        return SendError::not_sent(error);
    }
    lost(error)
}

/// Classifies the error of a request that was certainly sent.
pub(super) fn classify_lost(error: reqwest::Error) -> SendError {
    let failure = lost(&error);
    failure.with_source(error)
}

fn lost(error: &reqwest::Error) -> SendError {
    let what = if error.is_timeout() {
        "the platform did not answer in time"
    } else {
        "the connection to the platform broke before there was an answer"
    };
    let fix = match error.url().map(reqwest::Url::scheme) {
        Some("http") if !error.is_timeout() => {
            "check whether the address must begin with https://, and the port; otherwise run the same command again"
        }
        _ => "run the same command again: it reads the state and continues",
    };
    SendError::lost(Code::AnswerLost.error(what).because(why(&causes(error))).fix(fix))
}

fn of_tls(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(fault) => {
            let (reason, fix) = of_certificate(fault);
            Code::PlatformUnverified
                .error("the certificate of the platform's REST API cannot be verified")
                .because(reason)
                .fix(fix)
        }
        other => tls_failed(other),
    }
}

fn tls_failed(why: impl std::fmt::Display) -> Error {
    Code::TlsFailed
        .error("the TLS handshake with the platform failed")
        .because(why)
        .fix("check whether the address must begin with http://, and the port")
}

/// The reason for which a certificate is refused, and the fix.
fn of_certificate(error: &CertificateError) -> (String, &'static str) {
    match error {
        CertificateError::UnknownIssuer => ("nothing that is trusted here issued it".to_owned(), GIVE_ROOT),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            format!("it is for another name ({error})"),
            "give the address with a name that the certificate has, or add the name to the certificate",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (format!("it has expired ({error})"), COMPARE_CLOCK)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (error.to_string(), COMPARE_CLOCK)
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            "its extended key usage is not that of a server (serverAuth)".to_owned(),
            "issue the certificate of the REST API with the extended key usage serverAuth",
        ),
        CertificateError::Other(_) if is_ca(error) => (
            "the server uses the certificate of a CA as its own".to_owned(),
            "issue a certificate for the server that is none of a CA (basicConstraints CA:FALSE)",
        ),
        // Debug text of a library would follow.
        CertificateError::Other(_) => ("it breaks a rule of RFC 5280".to_owned(), GIVE_ROOT),
        other => (other.to_string(), GIVE_ROOT),
    }
}

/// True for a CA certificate as that of a server, which rustls reports as an error of the library below.
fn is_ca(error: &CertificateError) -> bool {
    matches!(error, CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity"))
}

/// The sources of an error. The inner error of an `io::Error` is not its source, and is added here.
fn causes<'a>(error: &'a reqwest::Error) -> Vec<&'a (dyn StdError + 'static)> {
    let mut found: Vec<&'a (dyn StdError + 'static)> = Vec::new();
    let mut next = error.source();
    // Bounded, because the chain comes from other crates and could be a circle.
    while let Some(cause) = next.filter(|_| found.len() < 16) {
        found.push(cause);
        let inside = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match inside {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => cause.source(),
        };
    }
    found
}

fn tls_error<'a>(cause: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref::<rustls::Error>()
}

/// The innermost cause, which is the specific one. No cause contains the URL or a header.
fn why(causes: &[&(dyn StdError + 'static)]) -> String {
    causes.last().map_or_else(|| "unknown reason".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::OtherError;

    use super::*;

    #[test]
    fn a_refused_certificate_has_the_reason_and_its_fix() {
        let ca = OtherError(Arc::new(io::Error::other("CaUsedAsEndEntity")));
        let critical = OtherError(Arc::new(io::Error::other("UnsupportedCriticalExtension")));
        for (error, reason, fix) in [
            (CertificateError::UnknownIssuer, "nothing that is trusted here issued it", "--platform-ca"),
            (CertificateError::NotValidForName, "it is for another name", "with a name that the certificate has"),
            (CertificateError::Expired, "it has expired", "compare the clock"),
            (CertificateError::NotValidYet, "", "compare the clock"),
            (CertificateError::InvalidPurpose, "extended key usage", "with the extended key usage serverAuth"),
            (CertificateError::Other(ca), "of a CA as its own", "CA:FALSE"),
            (CertificateError::Other(critical), "it breaks a rule of RFC 5280", "--platform-ca"),
            (CertificateError::BadSignature, "", "--platform-ca"),
        ] {
            let told = of_tls(&rustls::Error::InvalidCertificate(error));
            assert_eq!(told.code(), Code::PlatformUnverified);
            let finding = told.finding();
            let [why, help] = [&finding.why, &finding.fix].map(|text| text.as_deref().unwrap_or_default());
            assert!(why.contains(reason) && !why.contains("Other(") && help.contains(fix), "{why}: {help}");
        }
    }
}
