//! Signing in and out.

use serde::Deserialize;
use serde_json::Value;

use super::call::{Call, ok};
use crate::http::Reply;
use crate::ids::Uuid;
use crate::thingsboard::refusal::{Refusal, Result};

/// The one body in which an unknown field is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    username: String,
    password: String,
}

/// Logs a user in. The content type is not checked, and every fault of the body has the same error.
pub(super) fn login(call: &Call<'_>) -> Result<Reply> {
    let login: Login = serde_json::from_slice(&call.request.body).map_err(|_| Refusal::authentication_failed())?;
    if login.username.trim().is_empty() || login.password.trim().is_empty() {
        return Err(Refusal::authentication_failed());
    }
    let state = call.state();
    let account = state.accounts.by_name(&login.username).ok_or_else(Refusal::wrong_credentials)?;
    if account.user.password != login.password {
        return Err(Refusal::wrong_credentials());
    }
    // After the password: the state of an account is not shown to strangers.
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
    let body: Value = serde_json::from_slice(&call.request.body).map_err(|_| Refusal::authentication_failed())?;
    let token = body.get("refreshToken").and_then(Value::as_str).filter(|token| !token.trim().is_empty());
    let claims = call.core.tokens.refresh(token.ok_or_else(Refusal::authentication_failed)?)?;
    let state = call.state();
    if state.is_logged_out(&claims.session, claims.issued) {
        return Err(Refusal::authentication_failed());
    }
    let account = state.account(claims.user).ok_or_else(Refusal::wrong_credentials)?;
    Ok(ok(&call.core.tokens.pair(account, &claims.session)))
}

pub(super) fn logout(call: &Call<'_>) -> Result<Reply> {
    let session = call.caller()?.session.clone();
    call.state().log_out(&session);
    Ok(Reply::empty(200))
}

pub(super) fn user(call: &Call<'_>) -> Result<Reply> {
    let state = call.state();
    let account = state.account(call.caller()?.id).ok_or_else(Refusal::not_found)?;
    Ok(ok(&account.to_json()))
}
