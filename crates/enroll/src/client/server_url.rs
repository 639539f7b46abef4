//! The URL of an EST server.

use base::{Code, Result};
use pki::device_name::DeviceName;
use reqwest::Url;

/// The URL of a server, without a slash at its end.
///
/// # Errors
/// [`Code::EnrolmentUrl`].
pub(super) fn checked(url: &str) -> Result<String> {
    let help = "name the URL without /.well-known, for example https://enroll.example.org:9443";
    let parsed = Url::parse(url).map_err(|error| {
        Code::EnrolmentUrl.error("the URL of the enrolment server is invalid").because(error).fix(help)
    })?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        // Not shown: it may be a password, and a command line and messages keep it.
        return Err(Code::EnrolmentUrl
            .error("the URL of the enrolment server contains a user name")
            .fix("leave it out: a certificate or --password-file proves who asks"));
    }
    let invalid = |what: &str| Code::EnrolmentUrl.error(what).item(url).fix(help);
    if parsed.scheme() != "https" {
        return Err(invalid("the URL of an enrolment server begins with https://"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(invalid("the URL of the enrolment server has a query or a fragment"));
    }
    if parsed.path().contains("/.well-known") {
        return Err(invalid("the URL of the enrolment server contains a path that tbpki adds itself"));
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

/// Fails if a label cannot be a segment of a path: `.` and `..` lead to another path (RFC 3986, section 5.2.4), where a server
/// would get the one-time password of a device.
///
/// # Errors
/// [`Code::EnrolmentUrl`].
pub(super) fn check_label(label: &str) -> Result<()> {
    label.parse::<DeviceName>().map(drop).map_err(|error| {
        Code::EnrolmentUrl
            .error("the label cannot be one of an enrolment service")
            .item(label)
            .because(&error.finding().what)
            .fix("name the profile of the device with --label, or leave --label out if it has none")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_segment_of_a_path() {
        for label in ["pumps", "a b", "ü"] {
            check_label(label).unwrap();
        }
        for label in ["", ".", "..", "../x", "a/b"] {
            assert_eq!(check_label(label).unwrap_err().code(), Code::EnrolmentUrl, "{label:?}");
        }
    }

    #[test]
    fn a_url_has_a_host_and_no_user() {
        for (url, read) in [
            ("https://enroll.example.org:9443/", "https://enroll.example.org:9443"),
            ("https://enroll.example.org/a//", "https://enroll.example.org/a"),
        ] {
            assert_eq!(checked(url).unwrap(), read);
        }
        for url in [
            "enroll.example.org",
            "http://enroll.example.org",
            "https://a?b=c",
            "https://a#b",
            "https://",
            "",
            "https://a/.well-known/est",
        ] {
            assert_eq!(checked(url).unwrap_err().code(), Code::EnrolmentUrl, "{url}");
        }
        let error = checked("https://user:hunter2@enroll.example.org").unwrap_err();
        assert!(error.code() == Code::EnrolmentUrl && !format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
