//! Signing in and out.

use serde::Deserialize;
use serde_json::Value;

use super::Call;
use super::routes::ok;
use crate::http::Reply;
use crate::ids::Uuid;
use crate::refusal::{Refusal, Result};

/// The one body in which an unknown field is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    password: String,
}

/// The content type is not looked at, and every fault of the body is the same fault.
pub(super) fn login(call: &Call<'_>) -> Result<Reply> {
    let login: Login = serde_json::from_slice(&call.asked.body).map_err(|_| Refusal::authentication_failed())?;
    if login.username.trim().is_empty() || login.password.trim().is_empty() {
        return Err(Refusal::authentication_failed());
    }
    let state = call.state();
    let account = state.people.by_name(&login.username).ok_or_else(Refusal::wrong_credentials)?;
    if account.user.password != login.password {
        return Err(Refusal::wrong_credentials());
    }
    if !account.user.enabled {
        return Err(Refusal::authentication("User account is not active"));
    }
    if account.user.locked {
        return Err(Refusal::authentication("User account is locked due to security policy"));
    }
    Ok(ok(&call.core.tokens.pair(account, &Uuid::new().to_string())))
}

/// A refresh token can be used more than once.
pub(super) fn refresh(call: &Call<'_>) -> Result<Reply> {
    let body: Value = serde_json::from_slice(&call.asked.body).map_err(|_| Refusal::authentication_failed())?;
    let token = body.get("refreshToken").and_then(Value::as_str).filter(|token| !token.trim().is_empty());
    let claims = call.core.tokens.refresh(token.ok_or_else(Refusal::authentication_failed)?)?;
    let state = call.state();
    if state.outdated.contains(&claims.session) {
        return Err(Refusal::authentication_failed());
    }
    let account = state.account(claims.user).ok_or_else(Refusal::wrong_credentials)?;
    Ok(ok(&call.core.tokens.pair(account, &claims.session)))
}

pub(super) fn logout(call: &Call<'_>) -> Result<Reply> {
    let session = call.asker()?.session.clone();
    call.state().outdated.insert(session);
    Ok(Reply::empty(200))
}

pub(super) fn user(call: &Call<'_>) -> Result<Reply> {
    let state = call.state();
    let account = state.account(call.asker()?.id).ok_or_else(Refusal::not_found)?;
    Ok(ok(&account.to_json()))
}
