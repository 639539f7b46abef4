//! Answers in ActorCloud's form.

use serde_json::{Value, json};

use crate::http::Reply;

/// A refusal: `{"errorCode", "message"[, "errors"]}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    body: Value,
}

/// The result of a handler.
pub(super) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    fn new(status: u16, code: &str, message: &str, errors: Value) -> Self {
        let mut body = json!({ "errorCode": code, "message": message });
        if let (false, Some(body)) = (errors.is_null(), body.as_object_mut()) {
            body.insert("errors".to_owned(), errors);
        }
        Self { status, body }
    }

    pub(super) fn bad_request() -> Self {
        Self::new(400, "BAD_REQUEST", "Bad request", Value::Null)
    }

    pub(super) fn exists(field: &str) -> Self {
        Self::new(400, "DATA_EXISTED", "Data existed", json!({ field: "Data existed" }))
    }

    pub(super) fn referenced(field: &str) -> Self {
        Self::new(400, "REFERENCED_ERROR", "Referenced error", json!({ field: "Referenced error" }))
    }

    pub(super) fn form(field: &str, text: &str) -> Self {
        // A list here, where the other errors have a text: a field may have several faults.
        Self::new(422, "FORM_INVALID", "Form invalid", json!({ field: [text] }))
    }

    pub(super) fn auth(field: &str) -> Self {
        Self::new(401, "AUTH_FAILED", "Auth failed", json!({ field: "Auth failed" }))
    }

    pub(super) fn not_found(field: &str) -> Self {
        Self::new(404, "DATA_NOT_FOUND", "Data not found", json!({ field: "Data not found" }))
    }

    pub(super) fn status(status: u16) -> Self {
        match status {
            400 => Self::bad_request(),
            401 => Self::auth("token"),
            403 => Self::new(403, "PERMISSION_DENIED", "Permission denied", json!("permission denied")),
            404 => Self::not_found("url"),
            _ => Self::new(status, "INTERNAL_ERROR", "Internal error", Value::Null),
        }
    }

    pub(super) fn reply(&self) -> Reply {
        Reply::json(self.status, &self.body)
    }
}
