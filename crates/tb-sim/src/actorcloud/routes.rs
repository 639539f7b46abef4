//! The calls: method, path and handler.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Refusal, Result};
use super::cloud::Cloud;
use super::store::LoginDecision;
use super::{certs, devices, login};
use crate::controls::Controls;
use crate::http::{Application, HttpRequest, Query, Reply};

/// ActorCloud, as something that answers requests.
pub(super) struct Rest(pub(super) Arc<Cloud>);

impl Application for Rest {
    fn controls(&self) -> &Controls {
        &self.0.controls
    }

    fn too_long(&self) -> (usize, Reply) {
        (16 << 20, Refusal::status(413).reply())
    }

    fn answer(&self, request: &HttpRequest) -> Reply {
        if request.path.starts_with("/sim/") && self.0.settings.control {
            return self.control(request);
        }
        answer(&self.0, request).unwrap_or_else(|refusal| refusal.reply())
    }

    fn fault(&self, status: u16) -> Reply {
        Refusal::status(status).reply()
    }

    fn auth_kind(&self, request: &HttpRequest) -> &'static str {
        let header = request.headers.get("authorization").and_then(|value| value.to_str().ok());
        match header.and_then(|header| header.split_once(' ')) {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => "bearer",
            Some(_) => "other",
            None => "none",
        }
    }
}

impl Rest {
    fn control(&self, request: &HttpRequest) -> Reply {
        if let Some(reply) = crate::http::control::answer(&self.0.controls, request) {
            return reply;
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/sim/connect_logs") => Reply::json(200, &json!(self.0.store().connects)),
            ("GET", "/sim/published") => Reply::json(200, &json!(self.0.store().published)),
            _ => Reply::empty(404),
        }
    }
}

fn answer(cloud: &Cloud, request: &HttpRequest) -> Result<Reply> {
    let not_found = || Refusal::not_found("url");
    let path = request.path.strip_prefix("/api/v1/").ok_or_else(not_found)?;
    let segments: Vec<&str> = path.split('/').collect();
    let json = || serde_json::from_slice::<Value>(&request.body).map_err(|_| Refusal::bad_request());
    let id = |text: &str| text.parse::<u64>().map_err(|_| not_found());
    let query = &request.query;
    match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["login"]) => return login::login(cloud, &json()?),
        // The broker asks here, as a form, and signs in nowhere.
        ("POST", ["emqx", "auth"]) => {
            return Ok(may_log_in(cloud, &Query::new(&String::from_utf8_lossy(&request.body))));
        }
        _ => login::check(cloud, request)?,
    }
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["certs"]) => certs::list(cloud, query),
        ("POST", ["certs"]) => certs::create(cloud, &json()?),
        ("DELETE", ["certs"]) => certs::delete(cloud, query),
        ("GET", ["certs", cert]) => certs::get(cloud, id(cert)?),
        ("PUT", ["certs", cert]) => certs::update(cloud, id(cert)?, &json()?),
        ("GET", ["certs", cert, "devices"]) => certs::bound(cloud, id(cert)?, query),
        ("POST", ["certs", cert, "devices"]) => certs::bind(cloud, id(cert)?, &json()?),
        ("DELETE", ["certs", cert, "devices"]) => certs::unbind(cloud, id(cert)?, query),
        ("GET", ["select_options", "certs"]) => Ok(certs::options(cloud)),
        ("GET", ["select_options", "certs", cert, "not_joined_devices"]) => certs::not_joined(cloud, id(cert)?),
        ("GET", ["devices"]) => devices::list(cloud, query),
        ("POST", ["devices"]) => devices::create(cloud, &json()?),
        ("DELETE", ["devices"]) => devices::delete(cloud, query),
        ("GET", ["devices", device]) => devices::get(cloud, id(device)?),
        ("PUT", ["devices", device]) => devices::update(cloud, id(device)?, &json()?),
        _ => Err(not_found()),
    }
}

/// Answers the plugin `emqx_auth_http`.
fn may_log_in(cloud: &Cloud, form: &Query) -> Reply {
    let text = |name: &str| form.get(name).unwrap_or_default();
    // EMQ X, which is written in Erlang, sends this word for a variable that has no value.
    let common_name = form.get("cn").filter(|name| !name.is_empty() && *name != "undefined");
    match cloud.store().may_log_in(text("device_id"), text("username"), text("password"), common_name) {
        LoginDecision::Mountpoint(mountpoint) => Reply::json(200, &json!({ "mountpoint": mountpoint })),
        LoginDecision::WrongPassword => Reply::json(401, &json!({ "status": 401 })),
        LoginDecision::NotFound(field) => Refusal::not_found(field).reply(),
    }
}
