//! Entities of ThingsBoard, in the forms of its JSON. They know no rules.

pub(crate) mod accounts;
pub(crate) mod api_key;
pub(crate) mod credentials;
pub(crate) mod device;
pub(crate) mod entity_id;
pub(crate) mod profile;
pub(crate) mod telemetry;
pub(crate) mod texts;
