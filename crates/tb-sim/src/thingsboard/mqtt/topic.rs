//! Topics that the platform knows.

/// Topics for values of the device itself.
pub(crate) const TELEMETRY: &[&str] = &["v1/devices/me/telemetry", "v2/t", "v2/t/j"];
/// Topics for values of the device itself.
pub(crate) const ATTRIBUTES: &[&str] = &["v1/devices/me/attributes", "v2/a", "v2/a/j"];
/// The beginnings of topics that are acknowledged and ignored. The number of a request follows.
pub(crate) const HEARD: &[&str] = &["v1/devices/me/rpc/response/", "v1/devices/me/rpc/request/", "v2/r/res/"];
/// The topic for claiming, which is acknowledged and ignored.
pub(crate) const CLAIM: &str = "v1/devices/me/claim";
/// Topics for values in Protocol Buffers, which the simulator does not read.
pub(crate) const PROTOBUF: &[&str] = &["v2/t/p", "v2/a/p"];
/// The beginning of the topics for parts of a firmware, of which no device has one.
pub(crate) const FIRMWARE_REQUEST: &str = "v2/fw/request/";
/// The topic for the answer to them.
pub(crate) const FIRMWARE_ERROR: &str = "v2/fw/error";
/// Topics for requests of attributes, and for their answers.
pub(crate) const REQUESTS: &[(&str, &str)] = &[
    ("v1/devices/me/attributes/request/", "v1/devices/me/attributes/response/"),
    ("v2/a/req/j/", "v2/a/res/j/"),
    ("v2/a/req/", "v2/a/res/"),
];
/// The beginning of the topics for gateways.
pub(crate) const GATEWAY: &str = "v1/gateway/";
/// The topic for provisioning requests.
pub(crate) const PROVISION_REQUEST: &str = "/provision/request";
/// The topic for the answers to them.
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

/// True for a filter to which a device may subscribe.
pub(crate) fn can_subscribe(filter: &str, is_gateway: bool) -> bool {
    FILTERS.contains(&filter) || (is_gateway && GATEWAY_FILTERS.contains(&filter))
}

/// True if a filter (3.1.1, section 4.7) matches a topic.
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
