//! A call: the request, the caller, and the parts of both that handlers need.

use std::sync::MutexGuard;

use hyper::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::{HttpRequest, Reply};
use crate::ids::Uuid;
use crate::thingsboard::core::Core;
use crate::thingsboard::refusal::{Refusal, Result};
use crate::thingsboard::state::State;

/// A call, for its handler.
pub(crate) struct Call<'a> {
    pub(crate) core: &'a Core,
    pub(crate) request: &'a HttpRequest,
    /// The values of the parameters in the route's path.
    pub(crate) parameters: Vec<String>,
    /// The caller; none if the route is public.
    pub(crate) user: Option<Caller>,
}

/// The user who calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) id: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) session: String,
    pub(crate) is_tenant_admin: bool,
}

impl Call<'_> {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.core.state()
    }

    /// The caller. Handlers of public routes must not use it.
    pub(crate) fn caller(&self) -> Result<&Caller> {
        self.user.as_ref().ok_or_else(Refusal::authentication_failed)
    }

    /// The tenant of the caller, who must be an administrator.
    pub(crate) fn tenant(&self) -> Result<Uuid> {
        let caller = self.caller()?;
        if caller.is_tenant_admin { Ok(caller.tenant) } else { Err(Refusal::forbidden()) }
    }

    /// A parameter of the path.
    pub(crate) fn parameter(&self, index: usize, name: &str) -> Result<&str> {
        let value = self.parameters.get(index).map(String::as_str).unwrap_or_default();
        // 4.3 takes a blank for nothing, 4.2 for an id.
        if value.is_empty() || (self.core.is_4_3() && value.trim().is_empty()) {
            return Err(Refusal::bad(format!("Parameter '{name}' can't be empty!")));
        }
        Ok(value)
    }

    /// An id in the path.
    pub(crate) fn id(&self, index: usize, name: &str) -> Result<Uuid> {
        self.parameter(index, name)?.parse().map_err(Refusal::bad)
    }

    /// The body, as JSON of this shape.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T> {
        if self.request.body.is_empty() {
            return Err(Refusal::general("Required request body is missing"));
        }
        let kind = self.request.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/json") {
            return Err(Refusal::general(format!("Content-Type '{kind}' is not supported")));
        }
        serde_json::from_slice(&self.request.body)
            .map_err(|error| Refusal::general(format!("JSON parse error: {error}")))
    }
}

/// 200 with JSON.
pub(super) fn ok(value: &Value) -> Reply {
    Reply::json(200, value)
}
