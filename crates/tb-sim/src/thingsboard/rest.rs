//! ThingsBoard's REST API: who asks, which call it is, and what the call answers.

use std::sync::Arc;

use hyper::header::ACCEPT;
use serde_json::Value;

use crate::controls::Controls;
use crate::http::{Application, HttpRequest, Reply};
use crate::thingsboard::core::Core;
use crate::thingsboard::refusal::Refusal;

mod absent;
mod auth;
mod authentication;
mod call;
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

/// The limit on a body, in bytes (16 MiB).
const LONGEST_BODY: usize = 16_777_216;

/// ThingsBoard, as something that answers requests.
pub(crate) struct Rest(pub(crate) Arc<Core>);

impl Application for Rest {
    fn controls(&self) -> &Controls {
        &self.0.controls
    }

    fn too_long(&self) -> (usize, Reply) {
        let text = format!("Payload size exceeds the limit of {LONGEST_BODY} bytes");
        (LONGEST_BODY, Reply { closes: true, ..Reply::json(413, &Value::from(text)) })
    }

    fn answer(&self, request: &HttpRequest) -> Reply {
        if request.path.starts_with("/sim/") && self.0.settings.control {
            return control::answer(&self.0, request);
        }
        let reply = routes::answer(&self.0, request).unwrap_or_else(|refusal| refused(&refusal));
        // Logins are answered by a filter, in front of the part of the server that negotiates content types.
        if reply.status == 200 && reply.is_json() && !routes::is_login(&request.path) && !accepts_json(request) {
            // The call was done: the real server finds out when it writes the result.
            return refused(&Refusal::general("No acceptable representation"));
        }
        reply
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

    fn auth_kind(&self, request: &HttpRequest) -> &'static str {
        match authentication::credentials_of(&request.headers) {
            None => "none",
            Some(header) if header.starts_with("ApiKey ") => "api-key",
            Some(header) if header.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer ")) => "bearer",
            Some(_) => "other",
        }
    }
}

/// True unless the Accept header (RFC 9110, section 12.5.1) leaves JSON out.
fn accepts_json(request: &HttpRequest) -> bool {
    let accept = request.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut ranges = accept.split(',').map(|range| range.split(';').next().unwrap_or_default().trim());
    accept.trim().is_empty() || ranges.any(|range| matches!(range, "*/*" | "application/*" | "application/json"))
}

fn refused(refusal: &Refusal) -> Reply {
    match (refusal.status, refusal.code) {
        (302, 0) => {
            let location = ("location", "/oauth2Login".to_owned());
            return Reply { headers: vec![location], ..Reply::empty(302) };
        }
        (status, 0) => return Reply::empty(status),
        _ => {}
    }
    Reply {
        body: refusal.body(),
        content_type: Some("application/json;charset=ISO-8859-1"),
        ..Reply::empty(refusal.status)
    }
}
