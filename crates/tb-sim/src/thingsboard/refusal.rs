//! Errors of the REST API: status, error code, text.

use serde_json::json;

use crate::clock;

/// A refusal, in the terms of ThingsBoard's error body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: u16,
    pub(crate) message: String,
    /// The limit on devices, if it was exceeded.
    pub(crate) limit: Option<usize>,
}

/// The result of a handler.
pub(crate) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(status: u16, code: u16, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), limit: None }
    }

    /// 500/2: what Java's exceptions become.
    pub(crate) fn general<T: Into<String>>(message: T) -> Self {
        Self::new(500, 2, message)
    }

    /// 500 without a body: an exception that no handler of the real server turns into text.
    pub(crate) fn silent() -> Self {
        Self::new(500, 0, "")
    }

    /// 500/46.
    pub(crate) fn database(message: impl Into<String>) -> Self {
        Self::new(500, 46, message)
    }

    /// 302 to the page for logins by OAuth 2: what 4.3 answers to an authorization header that it does not know.
    pub(crate) fn redirect_to_login() -> Self {
        Self::new(302, 0, "")
    }

    /// 501 for a call that the real server has and the simulator does not. Its text cannot be mistaken for
    /// ThingsBoard's.
    pub(crate) fn not_simulated(method: &str, path: &str) -> Self {
        Self::new(501, 2, format!("tb-sim does not simulate {method} {path}"))
    }

    /// 401/10.
    pub(crate) fn authentication(message: impl Into<String>) -> Self {
        Self::new(401, 10, message)
    }

    /// 401/10: missing or unreadable credentials.
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

    /// 400/31: the refusals of validators.
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

    /// 429/33, without Retry-After.
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
