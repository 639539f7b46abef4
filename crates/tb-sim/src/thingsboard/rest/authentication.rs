//! The caller of a request, from its headers.

use hyper::header::{AUTHORIZATION, HeaderMap};

use super::call::Caller;
use crate::ids::Uuid;
use crate::thingsboard::core::Core;
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::state::State;

/// The authorization: `X-Authorization`, or `Authorization` if it is empty.
pub(super) fn credentials_of(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("x-authorization")
        .and_then(|value| value.to_str().ok())
        .filter(|text| !text.trim().is_empty())
        .or_else(|| headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()))
        .filter(|text| !text.trim().is_empty())
}

/// Finds out who asks.
pub(super) fn authenticate(core: &Core, headers: &HeaderMap) -> Result<Caller> {
    let is_given = headers.contains_key("x-authorization") || headers.contains_key(AUTHORIZATION);
    let header = credentials_of(headers).ok_or_else(|| match core.is_4_3() && is_given {
        true => Refusal::redirect_to_login(),
        false => Refusal::authentication_failed(),
    })?;
    if core.is_4_3() {
        // Compared exactly, with this case and this space.
        if let Some(key) = header.strip_prefix("ApiKey ") {
            let state = core.state();
            let user = state.user_of_key(key)?;
            return caller(&state, user, "");
        }
        if !header.starts_with("Bearer ") {
            return Err(Refusal::redirect_to_login());
        }
    }
    // 4.2 cuts seven characters off without a look at them.
    let token = header.get(7..).filter(|token| !token.is_empty()).ok_or_else(Refusal::authentication_failed)?;
    let claims = core.tokens.access(token)?;
    let state = core.state();
    if state.is_logged_out(&claims.session, claims.issued) {
        return Err(Refusal::token_expired());
    }
    caller(&state, claims.user, &claims.session)
}

fn caller(state: &State, user: Uuid, session: &str) -> Result<Caller> {
    let account = state.account(user).ok_or_else(Refusal::wrong_credentials)?;
    Ok(Caller {
        id: account.id,
        tenant: account.tenant,
        session: session.to_owned(),
        is_tenant_admin: account.is_tenant_admin(),
    })
}
