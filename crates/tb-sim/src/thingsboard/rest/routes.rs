//! The calls: method, path and handler.

use super::absent::is_absent;
use super::authentication::authenticate;
use super::call::Call;
use super::{auth, connectivity, credentials, device_api, devices, keys, profiles, telemetry};
use crate::http::{HttpRequest, Reply, segments};
use crate::thingsboard::core::Core;
use crate::thingsboard::refusal::{Refusal, Result};

type Handler = fn(&Call<'_>) -> Result<Reply>;

/// Method, path, callers, handler. The first path that matches is used; braces are one segment.
const ROUTES: &[(&str, &str, Access, Handler)] = &[
    ("POST", "/api/auth/login", Access::Public, auth::login),
    ("POST", "/api/auth/token", Access::Public, auth::refresh),
    ("POST", "/api/auth/logout", Access::User, auth::logout),
    ("GET", "/api/auth/user", Access::User, auth::user),
    ("POST", "/api/apiKey", Access::UserOf4_3, keys::create),
    ("GET", "/api/apiKeys/{userId}", Access::UserOf4_3, keys::list),
    ("PUT", "/api/apiKey/{id}/description", Access::UserOf4_3, keys::describe),
    ("PUT", "/api/apiKey/{id}/enabled/{enabled}", Access::UserOf4_3, keys::enable),
    ("DELETE", "/api/apiKey/{id}", Access::UserOf4_3, keys::delete),
    ("POST", "/api/device", Access::User, devices::save),
    ("POST", "/api/device-with-credentials", Access::User, devices::save_with_credentials),
    ("POST", "/api/device/credentials", Access::User, credentials::save),
    ("GET", "/api/device/info/{deviceId}", Access::User, devices::info),
    ("GET", "/api/device/{deviceId}/credentials", Access::User, credentials::get),
    ("GET", "/api/device/{deviceId}", Access::User, devices::get),
    ("DELETE", "/api/device/{deviceId}", Access::User, devices::delete),
    ("GET", "/api/tenant/devices", Access::User, devices::tenant_devices),
    ("GET", "/api/tenant/device", Access::UserOf4_3, devices::by_name),
    ("GET", "/api/tenant/deviceInfos", Access::User, devices::tenant_infos),
    ("GET", "/api/devices", Access::User, devices::by_ids),
    ("POST", "/api/deviceProfile", Access::User, profiles::save),
    ("GET", "/api/deviceProfile/names", Access::User, profiles::names),
    ("POST", "/api/deviceProfile/{id}/default", Access::User, profiles::make_default),
    ("GET", "/api/deviceProfile/{id}", Access::User, profiles::get),
    ("DELETE", "/api/deviceProfile/{id}", Access::User, profiles::delete),
    ("GET", "/api/deviceProfiles", Access::User, profiles::list),
    ("GET", "/api/deviceProfileInfos", Access::User, profiles::infos),
    ("GET", "/api/deviceProfileInfo/default", Access::User, profiles::default_info),
    ("GET", "/api/deviceProfileInfo/{id}", Access::User, profiles::info),
    ("GET", "/api/device-connectivity/{protocol}/certificate/download", Access::Public, connectivity::download),
    ("GET", "/api/device-connectivity/{deviceId}", Access::User, connectivity::commands),
    ("GET", "/api/plugins/telemetry/DEVICE/{id}/values/timeseries", Access::User, telemetry::latest),
    ("GET", "/api/plugins/telemetry/DEVICE/{id}/values/attributes", Access::User, telemetry::attributes),
    (
        "GET",
        "/api/plugins/telemetry/DEVICE/{id}/values/attributes/{scope}",
        Access::User,
        telemetry::attributes_of_scope,
    ),
    ("POST", "/api/plugins/telemetry/DEVICE/{id}/attributes/{scope}", Access::User, telemetry::set_attributes),
    ("POST", "/api/v1/provision", Access::Public, device_api::provision),
    ("POST", "/api/v1/{token}/telemetry", Access::Public, device_api::telemetry),
    ("POST", "/api/v1/{token}/attributes", Access::Public, device_api::attributes),
];

/// The callers that a route accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Public,
    User,
    /// A user, of a server that has this call.
    UserOf4_3,
}

pub(super) fn answer(core: &Core, request: &HttpRequest) -> Result<Reply> {
    if is_absent(&request.method, &request.path) {
        return Err(Refusal::not_simulated(&request.method, &request.path));
    }
    let segments = segments(&request.path);
    let there = |access: Access| access != Access::UserOf4_3 || core.is_4_3();
    let fits: Vec<_> = ROUTES
        .iter()
        .filter(|(.., access, _)| there(*access))
        .filter_map(|route| matched(&segments, route.1).map(|parameters| (route, parameters)))
        .collect();
    if is_login(&request.path) && request.method != "POST" {
        return Err(Refusal::authentication("Authentication method not supported"));
    }
    // By the path, whatever the method: Spring's security looks before it chooses a handler.
    let is_public = fits.iter().any(|((_, _, access, _), _)| *access == Access::Public);
    // The API of devices authenticates by the token in its path.
    let user = if is_public || request.path.starts_with("/api/v1/") || !request.path.starts_with("/api") {
        None
    } else {
        Some(authenticate(core, &request.headers)?)
    };
    // The limit belongs to a tenant, so calls without a user have none.
    if user.is_some() && core.controls.is_too_fast() {
        return Err(Refusal::too_many());
    }
    let nothing_there = fits.is_empty();
    match fits.into_iter().find(|((method, ..), _)| *method == request.method) {
        Some(((.., handler), parameters)) => handler(&Call { core, request, parameters, user }),
        // Without these two parameters the path is that of a device, which ends as a fault in an id.
        None if nothing_there && !core.is_4_3() && request.path == "/api/tenant/device" => {
            Err(Refusal::bad("Invalid UUID string: device"))
        }
        None if nothing_there => {
            Err(Refusal::new(404, 32, format!("No static resource {}.", request.path.trim_start_matches('/'))))
        }
        None => Err(Refusal::new(405, 31, format!("Request method '{}' is not supported", request.method))),
    }
}

/// True for the paths that filters handle in front of all routes.
pub(super) fn is_login(path: &str) -> bool {
    path == "/api/auth/login" || path == "/api/auth/token"
}

fn matched(segments: &[String], pattern: &str) -> Option<Vec<String>> {
    let mut parameters = Vec::new();
    let mut rest = segments.iter();
    for wanted in pattern.trim_start_matches('/').split('/') {
        let segment = rest.next()?;
        if wanted.starts_with('{') {
            parameters.push(segment.clone());
        } else if wanted != segment {
            return None;
        }
    }
    rest.next().is_none().then_some(parameters)
}
