//! Being logged in to ActorCloud: a token that lives for days.

use base::{Code, Result, Secret};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::fault;
use crate::http::{Http, Repeat, Request};

/// A login, and what came of it.
pub(super) struct Session {
    user: String,
    password: Secret,
    token: Mutex<Option<HeaderValue>>,
}

#[derive(Deserialize)]
struct Given {
    token: String,
}

impl Session {
    pub(super) fn new(user: String, password: Secret) -> Self {
        Self { user, password, token: Mutex::new(None) }
    }

    /// Says in a request who asks. Logs in first where that is needed.
    pub(super) async fn authorize(&self, http: &Http, request: &mut Request<'_>) -> Result<()> {
        let mut token = self.token.lock().await;
        let header = match token.take() {
            Some(header) => header,
            None => self.log_in(http).await?,
        };
        request.authorize(AUTHORIZATION, header.clone());
        *token = Some(header);
        Ok(())
    }

    /// Makes the next request log in anew.
    pub(super) async fn forget(&self) {
        *self.token.lock().await = None;
    }

    async fn log_in(&self, http: &Http) -> Result<HeaderValue> {
        let body = json!({ "email": self.user, "password": self.password.reveal(), "remember": false });
        let answer = http.send(&Request::post("/api/v1/login", &body, Repeat::Safe)?).await?;
        if !answer.is_success() {
            return Err(fault::refused(&answer).item(http.place()));
        }
        let given: Given = answer.json().map_err(|error| error.item(http.place()))?;
        tracing::info!(platform = http.place(), user = self.user, "logged in");
        let mut header = HeaderValue::from_str(&format!("Bearer {}", given.token))
            .map_err(|_| Code::NotThePlatform.error("the token that ActorCloud gives cannot be sent"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}
