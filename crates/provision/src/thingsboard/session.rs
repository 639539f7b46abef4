//! The login to ThingsBoard: a token that is requested once, renewed in time, and shared.

use std::fmt;
use std::time::{Duration, Instant};

use base::{Code, Result, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::fault;
use crate::http::{ApiRequest, HttpClient, Repeat};

/// ThingsBoard's own header. A proxy may use `Authorization` for itself.
const HEADER: HeaderName = HeaderName::from_static("x-authorization");

/// The credential of the API user.
#[derive(Clone)]
pub enum ApiLogin {
    /// A user's name and password.
    Password {
        /// The user name, an e-mail address.
        user: String,
        /// The password.
        password: Secret,
    },
    /// An API key (ThingsBoard 4.3 or later).
    ApiKey(Secret),
}

/// The kind of a [`ApiLogin`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginKind {
    Password,
    ApiKey,
}

impl fmt::Debug for ApiLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiLogin::Password { user, .. } => write!(f, "Password({user})"),
            ApiLogin::ApiKey(_) => f.write_str("ApiKey(..)"),
        }
    }
}

/// A login with its tokens.
pub(super) struct LoginSession {
    login: ApiLogin,
    tokens: Mutex<Option<Tokens>>,
}

/// The tokens of a login.
struct Tokens {
    header: HeaderValue,
    refresh: Option<Secret>,
    /// The time of the next renewal; `None` if the token does not state its end.
    renew_at: Option<Instant>,
    number: u64,
}

/// The header for a request, and the number of its token.
pub(super) struct Authorization {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
    pub(super) number: u64,
}

/// The answer to a login or renewal.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenResponse {
    token: JsonSecret,
    refresh_token: Option<JsonSecret>,
    /// Present if the token is only valid for a second factor.
    scope: Option<String>,
}

/// A secret in JSON.
#[derive(Deserialize)]
#[serde(from = "String")]
struct JsonSecret(Secret);

impl From<String> for JsonSecret {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

impl LoginSession {
    pub(super) fn new(login: ApiLogin) -> Self {
        Self { login, tokens: Mutex::new(None) }
    }

    pub(super) fn kind(&self) -> LoginKind {
        match self.login {
            ApiLogin::Password { .. } => LoginKind::Password,
            ApiLogin::ApiKey(_) => LoginKind::ApiKey,
        }
    }

    /// The header for a request. Logs in or renews the token if needed, while other requests wait.
    pub(super) async fn authorization(&self, http: &HttpClient) -> Result<Authorization> {
        let ApiLogin::Password { user, password } = &self.login else { return self.api_key() };
        // The lock is held during a login, so that many requests cause only one.
        let mut tokens = self.tokens.lock().await;
        let fresh = match tokens.take() {
            // Renewed before its end, so that no request fails because of an expired token.
            Some(held) if held.renew_at.is_none_or(|at| Instant::now() < at) => held,
            Some(old) => renew(http, old, user, password).await?,
            None => log_in(http, user, password, 0).await?,
        };
        let authorization = Authorization { name: HEADER, value: fresh.header.clone(), number: fresh.number };
        *tokens = Some(fresh);
        Ok(authorization)
    }

    /// Renews the token with this number, unless another request has done so. Returns `false` for an API key, which cannot
    /// be renewed.
    pub(super) async fn renew(&self, http: &HttpClient, number: u64) -> Result<bool> {
        let ApiLogin::Password { user, password } = &self.login else { return Ok(false) };
        let mut tokens = self.tokens.lock().await;
        // Another request may have renewed it meanwhile: then the number differs, and nothing is left to do.
        if let Some(old) = tokens.take_if(|held| held.number == number) {
            *tokens = Some(renew(http, old, user, password).await?);
        }
        Ok(true)
    }

    fn api_key(&self) -> Result<Authorization> {
        let ApiLogin::ApiKey(key) = &self.login else { return Err(Code::Internal.error("there is no API key")) };
        Ok(Authorization { name: HEADER, value: header("ApiKey", key)?, number: 0 })
    }
}

async fn log_in(http: &HttpClient, user: &str, password: &Secret, number: u64) -> Result<Tokens> {
    // ThingsBoard rejects a login with unknown fields.
    let body = json!({ "username": user, "password": password.reveal() });
    let answer = http.send(&ApiRequest::post("/api/auth/login", &body, Repeat::Safe)?).await?;
    if !answer.is_success() {
        return Err(fault::refused(&answer, LoginKind::Password).item(http.url()));
    }
    let given: TokenResponse = answer.json().map_err(|error| error.item(http.url()))?;
    // The token of such a login opens nothing but the second step.
    if let Some(scope) = &given.scope {
        return Err(Code::SecondFactor
            .error("the user needs a second factor to log in")
            .because(format!("ThingsBoard gives a token for {} only", crate::http::shown(scope)))
            .item(http.url())
            .fix("use an API key, or a user for tbpki without a second factor"));
    }
    tracing::info!(platform = http.url(), user, "logged in");
    Tokens::new(given, number + 1)
}

/// Exchanges the refresh token for a new token, or logs in again if the server rejects it.
async fn renew(http: &HttpClient, old: Tokens, user: &str, password: &Secret) -> Result<Tokens> {
    // The refresh token avoids sending the password again, and does not end other sessions of the user.
    if let Some(refresh) = &old.refresh {
        let body = json!({ "refreshToken": refresh.reveal() });
        let answer = http.send(&ApiRequest::post("/api/auth/token", &body, Repeat::Safe)?).await?;
        if let Some(given) = answer.is_success().then(|| answer.json::<TokenResponse>()).and_then(Result::ok) {
            tracing::info!(platform = http.url(), "renewed the session");
            return Tokens::new(given, old.number + 1);
        }
    }
    // A refresh token can expire or be revoked, for example by a change of the password.
    log_in(http, user, password, old.number).await
}

impl Tokens {
    fn new(given: TokenResponse, number: u64) -> Result<Self> {
        Ok(Self {
            header: header("Bearer", &given.token.0)?,
            refresh: given.refresh_token.map(|token| token.0),
            // Four fifths of the lifetime, by this machine's clock alone: only the difference of the two times is used.
            renew_at: lifetime(given.token.0.reveal()).map(|lifetime| Instant::now() + lifetime.mul_f64(0.8)),
            number,
        })
    }
}

fn header(scheme: &str, secret: &Secret) -> Result<HeaderValue> {
    // The message must not contain the value.
    let mut value = HeaderValue::from_str(&format!("{scheme} {}", secret.reveal())).map_err(|_| {
        Code::SecretUnavailable.error("the token or API key contains characters that cannot be sent").fix("compare it")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The lifetime of a JWT (RFC 7519, section 4.1): `exp` minus `iat`, so that the local clock does not matter.
fn lifetime(token: &str) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
        iat: u64,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    // A bound, because a lifetime of centuries would overflow the clock.
    claims.exp.checked_sub(claims.iat).map(|seconds| Duration::from_secs(seconds.min(366 * 86_400)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifetime_comes_from_the_token() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        // The difference of two times of the platform, so that our clock does not count.
        assert_eq!(lifetime(&token(r#"{"iat":1000,"exp":10000,"sub":"x"}"#)), Some(Duration::from_secs(9000)));
        for text in ["", "x", "a.b.c", &token("{}"), &token(r#"{"iat":9,"exp":1}"#), &token(r#"{"iat":-1,"exp":1}"#)] {
            assert_eq!(lifetime(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_header_is_refused_without_being_shown() {
        let error = header("Bearer", &Secret::from("hunter2\r\nX: y")).unwrap_err();
        assert!(error.code() == Code::SecretUnavailable && !format!("{error:?}").contains("hunter2"));
        assert!(!format!("{:?}", header("Bearer", &Secret::from("hunter2")).unwrap()).contains("hunter2"));
    }
}
