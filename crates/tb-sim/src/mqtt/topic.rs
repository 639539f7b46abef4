//! Topics that the platform knows.

/// Of a device's own.
pub(crate) const TELEMETRY: &[&str] = &["v1/devices/me/telemetry", "v2/t", "v2/t/j"];
/// Of a device's own.
pub(crate) const ATTRIBUTES: &[&str] = &["v1/devices/me/attributes", "v2/a", "v2/a/j"];
/// What a device says, and nobody here listens to.
pub(crate) const HEARD: &[&str] =
    &["v1/devices/me/rpc/response/", "v1/devices/me/rpc/request/", "v1/devices/me/claim", "v2/r/res/"];
/// Requests for attributes, and where the answer goes.
pub(crate) const REQUESTS: &[(&str, &str)] = &[
    ("v1/devices/me/attributes/request/", "v1/devices/me/attributes/response/"),
    ("v2/a/req/j/", "v2/a/res/j/"),
    ("v2/a/req/", "v2/a/res/"),
];
/// A gateway's.
pub(crate) const GATEWAY: &str = "v1/gateway/";
/// Where a device asks to be provisioned.
pub(crate) const PROVISION_REQUEST: &str = "/provision/request";
/// Where it hears what became of it.
pub(crate) const PROVISION_RESPONSE: &str = "/provision/response";

/// Filters that can be subscribed to.
pub(crate) const FILTERS: &[&str] = &[
    "v1/devices/me/attributes",
    "v1/devices/me/attributes/response/+",
    "v1/devices/me/rpc/request/+",
    "v1/devices/me/rpc/response/+",
    "v2/a",
    "v2/a/j",
    "v2/a/p",
    "v2/a/res/+",
    "v2/a/res/j/+",
    "v2/a/res/p/+",
    "v2/r/req/+",
    "v2/r/req/j/+",
    "v2/r/req/p/+",
    "v2/r/res/+",
    "v2/r/res/j/+",
    "v2/r/res/p/+",
    "v2/fw/response/+/chunk/+",
    "v2/sw/response/+/chunk/+",
];

/// Filters of gateways.
pub(crate) const GATEWAY_FILTERS: &[&str] =
    &["v1/gateway/attributes", "v1/gateway/attributes/response", "v1/gateway/rpc"];

/// Whether a filter (3.1.1, section 4.7) takes a topic in.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    let mut topic = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, topic.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}

/// Whether it can be published to: wildcards are for filters.
pub(crate) fn is_plain(topic: &str) -> bool {
    !topic.contains(['+', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_take_in_what_they_say() {
        assert!(matches("a/+/c", "a/b/c"));
        assert!(matches("a/#", "a/b/c"));
        assert!(!matches("a/+", "a/b/c"));
        assert!(!matches("a/b", "a"));
    }
}
