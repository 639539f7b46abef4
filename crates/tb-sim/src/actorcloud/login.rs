//! Signing in: a token for three days, and none to renew it with.

use serde_json::{Value, json};

use super::answer::{Refusal, Result};
use super::cloud::Cloud;
use super::store::TENANT;
use crate::http::{HttpRequest, Reply};
use crate::ids::alphanumeric;

/// `POST /login`.
pub(super) fn login(cloud: &Cloud, body: &Value) -> Result<Reply> {
    let text = |name: &str| {
        let value = body.get(name).and_then(Value::as_str);
        value.ok_or_else(|| Refusal::form(name, "Missing data for required field."))
    };
    let (email, password) = (text("email")?, text("password")?);
    // The form is checked before the account: a short password is 422, and not 401.
    if !(6..=100).contains(&password.chars().count()) {
        return Err(Refusal::form("password", "Length must be between 6 and 100."));
    }
    // ActorCloud tells which half is wrong, unlike ThingsBoard.
    if email != cloud.settings.user {
        return Err(Refusal::auth("email"));
    }
    if password != cloud.settings.password {
        return Err(Refusal::auth("password"));
    }
    let token = format!("{}.{}.{}", alphanumeric(36), alphanumeric(120), alphanumeric(86));
    cloud.store().tokens.push(token.clone());
    let answer = json!({
        "userIntID": 1, "username": "admin", "tenantType": 2, "tenantID": TENANT, "token": token,
        "menus": [], "tabs": [], "permissions": {}, "logo": null, "logoDark": null,
    });
    // 201 for a login, where other platforms answer 200.
    Ok(Reply::json(201, &answer))
}

/// Checks the token: a bearer in upper or lower case, or `?token=`.
pub(super) fn check(cloud: &Cloud, request: &HttpRequest) -> Result<()> {
    let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
    let token = match header.and_then(|header| header.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token),
        Some(_) => return Err(Refusal::auth("token")),
        None => request.query.get("token"),
    };
    let token = token.ok_or_else(|| Refusal::auth("AuthType"))?;
    let known = cloud.store().tokens.iter().any(|known| known == token);
    if known { Ok(()) } else { Err(Refusal::auth("token")) }
}
