//! ThingsBoard's REST API: who asks, which call it is, and what the call answers.

use std::sync::Arc;

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::core::Core;
use crate::http::{Application, Asked, Reply, decode};
use crate::ids::Uuid;
use crate::refusal::{Refusal, Result};
use crate::shared::Manners;
use crate::state::State;

mod auth;
mod connectivity;
mod control;
mod credentials;
mod device_api;
mod devices;
mod keys;
mod page;
mod profiles;
mod routes;
mod telemetry;

/// 16 MiB.
const LONGEST_BODY: usize = 16_777_216;

/// A call that has found its handler.
pub(crate) struct Call<'a> {
    pub(crate) core: &'a Core,
    pub(crate) asked: &'a Asked,
    /// What the braces of the route's path matched.
    pub(crate) parameters: Vec<String>,
    /// Who asks; nobody where the route is public.
    pub(crate) user: Option<Asker>,
}

/// Who asks.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) id: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) session: String,
    pub(crate) is_tenant_admin: bool,
}

/// ThingsBoard, as something that answers requests.
pub(crate) struct Rest(pub(crate) Arc<Core>);

impl Application for Rest {
    fn manners(&self) -> &Manners {
        &self.0.manners
    }

    fn too_long(&self) -> (usize, Reply) {
        let text = format!("Payload size exceeds the limit of {LONGEST_BODY} bytes");
        (LONGEST_BODY, Reply { closes: true, ..Reply::json(413, &Value::from(text)) })
    }

    fn answer(&self, asked: &Asked) -> Reply {
        if asked.path.starts_with("/sim/") && self.0.settings.control {
            return control::answer(&self.0, asked);
        }
        routes::answer(&self.0, asked).unwrap_or_else(|refusal| refused(&refusal))
    }

    fn fault(&self, status: u16) -> Reply {
        refused(&match status {
            401 => Refusal::token_expired(),
            409 => Refusal::changed("Entity"),
            429 => Refusal::too_many(),
            404 => Refusal::not_found(),
            403 => Refusal::forbidden(),
            400 => Refusal::bad("Bad request"),
            status => Refusal::new(status, 2, "Internal server error"),
        })
    }

    fn auth_kind(&self, asked: &Asked) -> &'static str {
        match credentials_of(&asked.headers) {
            None => "none",
            Some(header) if header.starts_with("ApiKey ") => "api-key",
            Some(header) if header.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer ")) => "bearer",
            Some(_) => "other",
        }
    }
}

fn refused(refusal: &Refusal) -> Reply {
    Reply {
        body: refusal.body(),
        content_type: Some("application/json;charset=ISO-8859-1"),
        ..Reply::empty(refusal.status)
    }
}

impl Call<'_> {
    pub(crate) fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.core.state()
    }

    /// Who asks. Routes that are public do not ask for it.
    pub(crate) fn asker(&self) -> Result<&Asker> {
        self.user.as_ref().ok_or_else(Refusal::authentication_failed)
    }

    /// The tenant of who asks, where that is an administrator's call.
    pub(crate) fn tenant(&self) -> Result<Uuid> {
        let asker = self.asker()?;
        if asker.is_tenant_admin { Ok(asker.tenant) } else { Err(Refusal::forbidden()) }
    }

    /// A parameter of the path.
    pub(crate) fn parameter(&self, index: usize, name: &str) -> Result<&str> {
        let value = self.parameters.get(index).map(String::as_str).unwrap_or_default();
        if value.trim().is_empty() {
            return Err(Refusal::bad(format!("Parameter '{name}' can't be empty!")));
        }
        Ok(value)
    }

    /// A parameter of the path that is an id.
    pub(crate) fn id(&self, index: usize, name: &str) -> Result<Uuid> {
        self.parameter(index, name)?.parse().map_err(Refusal::bad)
    }

    /// The body, as JSON of this shape.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T> {
        if self.asked.body.is_empty() {
            return Err(Refusal::general("Required request body is missing"));
        }
        let kind = self.asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            return Err(Refusal::general(format!("Content-Type '{kind}' is not supported")));
        }
        serde_json::from_slice(&self.asked.body).map_err(|error| Refusal::general(format!("JSON parse error: {error}")))
    }
}

/// The authorization: `X-Authorization`, or where that is empty `Authorization`.
fn credentials_of(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("x-authorization")
        .and_then(|value| value.to_str().ok())
        .filter(|text| !text.trim().is_empty())
        .or_else(|| headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()))
        .filter(|text| !text.trim().is_empty())
}

/// Finds out who asks.
fn authenticate(core: &Core, headers: &HeaderMap) -> Result<Asker> {
    let header = credentials_of(headers).ok_or_else(Refusal::authentication_failed)?;
    if core.is_4_3() {
        if let Some(key) = header.strip_prefix("ApiKey ") {
            let state = core.state();
            let user = state.user_of_key(key)?;
            return asker(&state, user, "");
        }
        if !header.starts_with("Bearer ") {
            return Err(Refusal::authentication_failed());
        }
    }
    // 4.2 cuts seven characters off without a look at them.
    let token = header.get(7..).filter(|token| !token.is_empty()).ok_or_else(Refusal::authentication_failed)?;
    let claims = core.tokens.access(token)?;
    let state = core.state();
    if state.outdated.contains(&claims.session) {
        return Err(Refusal::token_expired());
    }
    asker(&state, claims.user, &claims.session)
}

fn asker(state: &State, user: Uuid, session: &str) -> Result<Asker> {
    let account = state.account(user).ok_or_else(Refusal::wrong_credentials)?;
    Ok(Asker {
        id: account.id,
        tenant: account.tenant,
        session: session.to_owned(),
        is_tenant_admin: account.is_tenant_admin(),
    })
}

/// A path's segments, decoded.
fn segments(path: &str) -> Vec<String> {
    path.trim_start_matches('/').split('/').map(decode).collect()
}
