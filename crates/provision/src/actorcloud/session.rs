//! The login to ActorCloud: one token, valid for days.

use base::{Code, Result, Secret};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::fault;
use crate::http::{ApiRequest, HttpClient, Repeat};

/// A login and its token.
pub(super) struct TokenSession {
    user: String,
    password: Secret,
    token: Mutex<Option<HeaderValue>>,
}

#[derive(Deserialize)]
struct TokenResponse {
    token: String,
}

impl TokenSession {
    pub(super) fn new(user: String, password: Secret) -> Self {
        Self { user, password, token: Mutex::new(None) }
    }

    /// Adds the token to a request. Logs in first if there is none.
    pub(super) async fn authorize(&self, http: &HttpClient, request: &mut ApiRequest<'_>) -> Result<()> {
        // The lock is held during a login, so that simultaneous requests cause only one.
        let mut token = self.token.lock().await;
        let header = match token.take() {
            Some(header) => header,
            None => self.log_in(http).await?,
        };
        request.authorize(AUTHORIZATION, header.clone());
        *token = Some(header);
        Ok(())
    }

    /// Drops the token, so that the next request logs in again.
    pub(super) async fn forget(&self) {
        *self.token.lock().await = None;
    }

    async fn log_in(&self, http: &HttpClient) -> Result<HeaderValue> {
        // The token lives for three days, which no run exceeds. With `remember` it would be 30.
        let body = json!({ "email": self.user, "password": self.password.reveal(), "remember": false });
        let answer = http.send(&ApiRequest::post("/api/v1/login", &body, Repeat::Safe)?).await?;
        if !answer.is_success() {
            return Err(fault::refused(&answer).item(http.url()));
        }
        let given: TokenResponse = answer.json().map_err(|error| error.item(http.url()))?;
        tracing::info!(platform = http.url(), user = self.user, "logged in");
        let mut header = HeaderValue::from_str(&format!("Bearer {}", given.token))
            .map_err(|_| Code::NotThePlatform.error("the token that ActorCloud gives cannot be sent"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}
