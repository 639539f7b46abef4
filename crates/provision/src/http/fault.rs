//! The errors of requests without an answer.

use std::error::Error as StdError;
use std::io;

use base::{Code, Error};
use rustls::CertificateError;

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
        rustls::Error::InvalidCertificate(fault) => Code::PlatformUnverified
            .error("the certificate of the platform's REST API cannot be verified")
            .because(of_certificate(fault))
            .fix(certificate_fix(fault)),
        other => tls_failed(other),
    }
}

fn tls_failed(why: impl std::fmt::Display) -> Error {
    Code::TlsFailed
        .error("the TLS handshake with the platform failed")
        .because(why)
        .fix("check whether the address must begin with http://, and the port")
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "nothing that is trusted here issued it".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("it is for another name ({error})")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!("it has expired ({error})"),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its extended key usage is not that of a server (serverAuth)".to_owned()
        }
        CertificateError::Other(_) if is_ca(error) => "the server uses the certificate of a CA as its own".to_owned(),
        // Debug text of a library would follow.
        CertificateError::Other(_) => "it breaks a rule of RFC 5280".to_owned(),
        other => other.to_string(),
    }
}

fn certificate_fix(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "give the address with a name that the certificate has, or add the name to the certificate"
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "compare the clock of this machine, and renew the certificate of the REST API"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "issue the certificate of the REST API with the extended key usage serverAuth"
        }
        CertificateError::Other(_) if is_ca(error) => {
            "issue a certificate for the server that is none of a CA (basicConstraints CA:FALSE)"
        }
        _ => "give the root of a private CA with --platform-ca FILE or `[platform] ca`",
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
