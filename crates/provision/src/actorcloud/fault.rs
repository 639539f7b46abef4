//! ActorCloud's error answers as errors of this workspace.

use base::{Code, Error};
use serde::Deserialize;
use serde_json::Value;

use crate::http::{ApiResponse, shown};

/// The body of an error answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    error_code: String,
    message: String,
    /// The faults by field.
    errors: Option<Value>,
}

/// The error for an answer that is not a success.
pub(super) fn refused(answer: &ApiResponse) -> Error {
    let body = serde_json::from_str::<Body>(&answer.text()).ok();
    let why = body.as_ref().map_or_else(|| shown(&answer.text()), described);
    let said = |code: Code, what: &str| {
        code.error(what).because(format!("ActorCloud answered {why:?} (status {})", answer.status))
    };
    if let Some(error) = answer.refused_by_status("ActorCloud", &why) {
        return error;
    }
    let Some(body) = body else { return answer.foreign() };
    match body.error_code.as_str() {
        "AUTH_FAILED" | "LOGIN_REQUIRED" if has(&body, "expiresAt") => {
            said(Code::UserDisabled, "the user's account has expired")
                .fix("have the account extended, or use another user")
        }
        "AUTH_FAILED" | "LOGIN_REQUIRED" => {
            said(Code::LoginRefused, "the platform does not accept the user and the password")
                .fix("try them in the platform's web interface; the user name is an e-mail address")
        }
        "PERMISSION_DENIED" => said(Code::PlatformPermission, "the user lacks a permission in the platform")
            .fix("log in as a user whose role allows it"),
        "RESOURCE_LIMITED" => said(Code::DeviceLimit, "the tenant has reached a limit"),
        "DATA_NOT_FOUND" => said(Code::PlatformNotFound, "the platform does not have the requested object"),
        "DATA_EXISTED" => said(Code::PlatformNameTaken, "the platform has this already"),
        "REFERENCED_ERROR" => said(Code::PlatformRefused, "something in the platform still needs this")
            .fix("unbind its devices first: `tbpki actorcloud cert unbind`"),
        _ => said(Code::PlatformRefused, "the platform rejects the request"),
    }
}

fn has(body: &Body, field: &str) -> bool {
    body.errors.as_ref().is_some_and(|errors| errors.get(field).is_some())
}

fn described(body: &Body) -> String {
    let errors = match &body.errors {
        Some(Value::Object(fields)) => {
            fields.iter().map(|(field, text)| format!("; {field}: {}", text.as_str().unwrap_or("?"))).collect()
        }
        _ => String::new(),
    };
    shown(&format!("{}{errors}", body.message))
}
