//! Calls of the real server that the simulator does not have. They are refused with a status of their own, so that no
//! test can take a missing call for an answer of ThingsBoard.

/// Method and beginning of the path. An empty method is any; a path without a slash at its end is matched whole.
const ABSENT: &[(&str, &str)] = &[
    ("GET", "/api/device/types"),
    ("POST", "/api/device/bulk_import"),
    ("", "/api/customer/"),
    ("", "/api/customer"),
    ("", "/api/customers"),
    ("", "/api/admin/"),
    ("", "/api/tenantProfile/"),
    ("", "/api/tenantProfile"),
    ("", "/api/tenantProfiles"),
    ("", "/api/tenants"),
    ("POST", "/api/tenant"),
    ("", "/api/system/"),
    ("", "/api/noauth/"),
    ("", "/actuator/"),
    ("", "/actuator"),
];

/// True for a call that is not simulated.
pub(super) fn is_absent(method: &str, path: &str) -> bool {
    ABSENT.iter().any(|(absent, begin)| {
        let is_path = if begin.ends_with('/') { path.starts_with(begin) } else { path == *begin };
        is_path && (absent.is_empty() || *absent == method)
    })
}
