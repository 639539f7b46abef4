//! The answers of a platform.

use std::time::Duration;

use base::{Code, Error};
use reqwest::Response;
use reqwest::header::{DATE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::date;
use super::fault::{self, SendError};

/// The size limit of an answer in bytes. A page of a thousand profiles has a few megabytes.
const LIMIT: usize = 16 << 20;

/// The length limit of a text from outside in a message, in characters.
const SHOWN: usize = 200;

/// An answer with any status.
pub(crate) struct ApiResponse {
    /// The status (RFC 9110, section 15).
    pub(crate) status: u16,
    /// The pause that the server demands.
    pub(crate) retry_after: Option<Duration>,
    /// The target of a redirect, without its query and its user.
    location: Option<String>,
    // Wiped, because answers contain tokens and private keys.
    body: Zeroizing<Vec<u8>>,
}

impl ApiResponse {
    /// An answer without headers.
    pub(crate) fn of(status: u16, body: &[u8]) -> Self {
        Self { status, retry_after: None, location: None, body: Zeroizing::new(body.to_vec()) }
    }

    pub(super) async fn read(mut response: Response) -> Result<Self, SendError> {
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers());
        let location = header(response.headers(), &LOCATION);
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = response.chunk().await.map_err(fault::classify_lost)? {
            // Checked while reading, because Content-Length may be missing or wrong.
            if body.len() + piece.len() > LIMIT {
                let error = Code::NotThePlatform.error(format!("the answer is longer than {LIMIT} bytes"));
                return Err(SendError::lost(error));
            }
            body.extend_from_slice(&piece);
        }
        // The query of a redirect can contain tokens.
        let location = location.map(|text| without_secrets(&text));
        Ok(Self { status, retry_after, location, body })
    }

    /// True if the status is a success.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text. ThingsBoard encodes errors in ISO-8859-1 and other answers in UTF-8.
    pub(crate) fn text(&self) -> String {
        match std::str::from_utf8(&self.body) {
            Ok(text) => text.to_owned(),
            // Latin-1 shows every byte, where a strict reading would show nothing of a proxy's error page.
            Err(_) => self.body.iter().map(|byte| char::from(*byte)).collect(),
        }
    }

    /// The JSON body of a successful answer.
    ///
    /// # Errors
    /// [`Code::NotThePlatform`] if the body does not have the expected form.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            // The body may contain tokens, so that the message contains only the position of the error.
            let error = Code::NotThePlatform
                .error(format!("the answer (status {}) is not what the API answers", self.status))
                .because(format!("{}, at {}:{}", kind_of(&error), error.line(), error.column()));
            error.fix("compare the address with that of the platform's web interface; look for a proxy in between")
        })
    }

    /// The error for a status with the same meaning on all platforms; `why` is the text of the answer.
    pub(crate) fn refused_by_status(&self, platform: &str, why: &str) -> Option<Error> {
        let (code, what, fix) = match self.status {
            413 => (
                Code::PayloadTooLarge,
                "the request is too long for the platform",
                "check the request size limit of a proxy in front of the platform",
            ),
            429 => (
                Code::RateLimited,
                "the platform's rate limit is reached",
                "lower `[platform] concurrency`, or run the same command again later",
            ),
            502..=504 => (
                Code::PlatformUnavailable,
                "the platform is not available",
                "wait until the platform has started, and run the same command again",
            ),
            500.. => (
                Code::PlatformFault,
                "the platform has failed",
                "run the same command again; look into the platform's log if that does not help",
            ),
            _ => return None,
        };
        Some(code.error(what).because(format!("{platform} answered {why:?} (status {})", self.status)).fix(fix))
    }

    /// The error for an answer that is not one of the API.
    pub(crate) fn foreign(&self) -> Error {
        // A redirect mostly means http instead of https, or another port, and its target is the useful part of the
        // message.
        if (300..400).contains(&self.status) {
            let to = self.location.as_deref().map_or("nowhere".to_owned(), shown);
            return Code::PlatformRedirect
                .error(format!("the platform redirects the request to {to}"))
                .because(format!("status {}", self.status))
                .fix("set the platform's address to where it really is; redirects are not followed");
        }
        let text = shown(self.text().trim());
        let error = Code::NotThePlatform.error(format!("what answers with status {} is not the API", self.status));
        let error = if text.is_empty() { error.because("the answer is empty") } else { error.because(text) };
        error.fix("compare the address with that of the platform's web interface; look for a proxy in between")
    }
}

/// A URL without its query and its user, which can be secrets.
fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("//") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}//{host}{path}")
        }
        None => url.to_owned(),
    }
}

/// The Retry-After header: seconds, or a date, which is compared with the server's own Date header (RFC 9110, section
/// 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = header(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    // Both dates come from the server, so a wrong clock of this machine does not matter.
    let until = date::parse(&text)? - date::parse(&header(headers, &DATE)?)?;
    // A date in the past means no pause.
    Some(until.try_into().unwrap_or(Duration::ZERO))
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn kind_of(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Eof => "the JSON text ends too early",
        serde_json::error::Category::Data => "the JSON text holds something else",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON",
    }
}

/// The beginning of a text from outside, without control characters.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    // White space is joined, because pages of proxies consist mostly of line breaks.
    let more = if short.len() < text.len() { " ..." } else { "" };
    format!("{}{more}", base::text::printable(&short.split_whitespace().collect::<Vec<_>>().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_of_a_redirect_is_shown_without_secrets() {
        for (url, shown) in [
            ("https://user:tok@other.example/login?token=abc", "https://other.example/login"),
            ("//a:b@other.example", "//other.example"),
            ("/login#token=1", "/login"),
            ("https://other.example/@a?b@c", "https://other.example/@a"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_of_the_server_clock() {
        let asked = |after: &str, now: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            headers.insert(DATE, now.parse().unwrap());
            retry_after(&headers)
        };
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(asked(" 7 ", now), Some(Duration::from_secs(7)));
        // Both dates are of the server's clock, so that ours does not count.
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:07 GMT", now), Some(Duration::ZERO));
        assert_eq!(asked("soon", now), None);
        assert_eq!(asked("Sun, 06 Nov 1994 08:50:07 GMT", "now"), None);
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
