//! ThingsBoard's error answers as errors of this workspace.

use base::{Code, Error};
use serde::Deserialize;

use super::session::LoginKind;
use crate::http::{ApiResponse, shown};

/// The body of an error answer (`ThingsboardErrorResponse`).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    message: String,
    error_code: u32,
    /// The limit that was reached, if that is the reason.
    limit: Option<u64>,
}

/// ThingsBoard's error code, if the answer has one.
pub(super) fn error_code(answer: &ApiResponse) -> Option<u32> {
    body(answer).map(|body| body.error_code)
}

fn body(answer: &ApiResponse) -> Option<Body> {
    serde_json::from_str(&answer.text()).ok()
}

/// The error for an answer that is not a success.
pub(super) fn refused(answer: &ApiResponse, login: LoginKind) -> Error {
    let body = body(answer);
    let why = body.as_ref().map_or_else(|| shown(&answer.text()), |body| shown(&body.message));
    let said = |code: Code, what: &str| {
        code.error(what).because(format!("ThingsBoard answered {why:?} (status {})", answer.status))
    };
    if let Some(error) = answer.refused_by_status("ThingsBoard", &why) {
        return error;
    }
    let Some(body) = body else { return answer.foreign() };
    // The second numbers are those of ThingsboardErrorCode.
    match (answer.status, body.error_code) {
        (401, 11) => said(Code::SessionExpired, "the platform refuses a token that it has just given")
            .fix("check the clocks and signing keys of the servers behind this address"),
        (401, 15) => said(Code::PasswordExpired, "the user's password has expired")
            .fix("log in to the web interface and set a new one"),
        (401, _) => unauthenticated(&body, login, said),
        (403, 41) => {
            let limit = body.limit.map(|limit| format!("{limit} ")).unwrap_or_default();
            said(Code::DeviceLimit, &format!("the tenant has reached its limit of {limit}devices"))
                .fix("delete devices that are not needed, or have the limit raised")
        }
        (403, _) => said(Code::PlatformPermission, "the user lacks a permission in the platform")
            .fix("log in as an administrator of the tenant that the device belongs to"),
        (404, 32) => said(Code::PlatformNotFound, "the platform does not have the requested object"),
        (409, _) => {
            said(Code::VersionConflict, "another client changes the same object").fix("run the same command again")
        }
        (400, _) => invalid(&body, said),
        _ => answer.foreign(),
    }
}

fn unauthenticated(body: &Body, login: LoginKind, said: impl Fn(Code, &str) -> Error) -> Error {
    let message = body.message.to_ascii_lowercase();
    // Code 10 covers all of these faults, so that the text decides.
    if message.contains("not active") {
        return said(Code::UserDisabled, "the user or the API key is disabled")
            .fix("have it enabled, or use another one");
    }
    if message.contains("locked") {
        return said(Code::UserLocked, "the user is locked").fix("have an administrator unlock the user");
    }
    match login {
        LoginKind::ApiKey if message.contains("expired") => {
            said(Code::ApiKeyRefused, "the API key has expired").fix("make a new one in the user's profile")
        }
        LoginKind::ApiKey => said(Code::ApiKeyRefused, "the platform rejects the API key")
            .fix("compare the key; ThingsBoard before 4.3 knows none: give user and password there"),
        LoginKind::Password => said(Code::LoginRefused, "the platform does not accept the user and the password")
            .fix("try them in the platform's web interface"),
    }
}

fn invalid(body: &Body, said: impl Fn(Code, &str) -> Error) -> Error {
    let message = body.message.to_ascii_lowercase();
    // Code 31 covers all of these faults, so that the text decides.
    let has = |words: &str| message.contains(words);
    if has("already assigned to another device") || has("credentials are already registered") {
        return said(Code::CertificateTaken, "another device of the platform has this credential")
            .fix("give every device its own, or find the device that has this one in ThingsBoard, and replace its credential there");
    }
    if has("such certificate already exists") {
        return said(Code::CertificateTaken, "another device profile of the platform has this certificate")
            .fix("delete that profile, or make an issuing CA of its own for this one");
    }
    if has("such name already exists") {
        return said(Code::PlatformNameTaken, "the name is already in use in the platform");
    }
    said(Code::PlatformRefused, "the platform rejects the request")
}
