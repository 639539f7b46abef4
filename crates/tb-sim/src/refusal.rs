//! What the server answers when it does not do what was asked: status, error code, text.

use serde_json::json;

use crate::clock;

/// A refusal, in the terms of ThingsBoard's error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: u16,
    pub(crate) message: String,
    /// How many devices there may be, where that is what was exceeded.
    pub(crate) limit: Option<usize>,
}

/// What handlers come to.
pub(crate) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(status: u16, code: u16, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), limit: None }
    }

    /// 500/2: what Java's exceptions become.
    pub(crate) fn general<T: Into<String>>(message: T) -> Self {
        Self::new(500, 2, message)
    }

    /// 401/10.
    pub(crate) fn authentication(message: impl Into<String>) -> Self {
        Self::new(401, 10, message)
    }

    /// 401/10: no credentials at all, or none that could be read.
    pub(crate) fn authentication_failed() -> Self {
        Self::authentication("Authentication failed")
    }

    /// 401/10: credentials that are wrong.
    pub(crate) fn wrong_credentials() -> Self {
        Self::authentication("Invalid username or password")
    }

    /// 401/11: for tokens past their time, and for those with a wrong signature.
    pub(crate) fn token_expired() -> Self {
        Self::new(401, 11, "Token has expired")
    }

    /// 403/20.
    pub(crate) fn forbidden() -> Self {
        Self::new(403, 20, "You don't have permission to perform this operation!")
    }

    /// 400/31: everything that a validator says.
    pub(crate) fn bad<T: Into<String>>(message: T) -> Self {
        Self::new(400, 31, message)
    }

    /// 404/32, for something named by its id.
    pub(crate) fn unknown(what: &str, id: impl std::fmt::Display) -> Self {
        Self::new(404, 32, format!("{what} with id [{id}] is not found"))
    }

    /// 404/32, for something named otherwise.
    pub(crate) fn not_found() -> Self {
        Self::new(404, 32, "Requested item wasn't found!")
    }

    /// 429/33. There is no Retry-After beside it.
    pub(crate) fn too_many() -> Self {
        Self::new(429, 33, "Too many requests for current tenant!")
    }

    /// 409/35.
    pub(crate) fn changed(what: &str) -> Self {
        Self::new(409, 35, format!("{what} was already changed by someone else"))
    }

    /// 403/41.
    pub(crate) fn too_many_devices(limit: usize) -> Self {
        Self { limit: Some(limit), ..Self::new(403, 41, "Devices limit reached") }
    }

    /// The body. Errors are written in ISO-8859-1, with `?` for what that does not have.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = json!({
            "status": self.status,
            "message": self.message,
            "errorCode": self.code,
            "timestamp": clock::milliseconds(),
        });
        if let (Some(limit), Some(body)) = (self.limit, body.as_object_mut()) {
            body.insert("entityType".to_owned(), json!("DEVICE"));
            body.insert("limit".to_owned(), json!(limit));
        }
        latin1(&body.to_string())
    }
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_go_out_in_latin_1() {
        let body = Refusal::bad("Gerät 設備").body();
        assert!(body.windows(9).any(|window| window == b"Ger\xe4t ??\""), "{body:?}");
    }
}
