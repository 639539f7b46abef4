//! Device connectivity: commands and certificates for clients.

use serde_json::json;

use super::call::{Call, ok};
use super::devices::with_device;
use crate::http::Reply;
use crate::thingsboard::model::credentials::CredentialsType;
use crate::thingsboard::refusal::{Refusal, Result};

/// Commands to try a device with: for tokens whole lines, for certificates a reference to the documentation.
pub(super) fn commands(call: &Call<'_>) -> Result<Reply> {
    let mqtt_port = call.core.settings.mqtt_port.unwrap_or(1883);
    with_device(call, |state, device| {
        let credentials = state.credentials_of(device.id()).ok_or_else(Refusal::not_found)?;
        let token = &credentials.credentials_id;
        let text = match credentials.kind {
            CredentialsType::AccessToken => json!({
                "http": { "http": format!(
                    "curl -v -X POST http://localhost:8080/api/v1/{token}/telemetry \
                     --header Content-Type:application/json --data \"{{temperature:25}}\""
                ) },
                "mqtt": { "mqtt": format!(
                    "mosquitto_pub -d -q 1 -h localhost -p {mqtt_port} -t v1/devices/me/telemetry -u \"{token}\" \
                     -m \"{{temperature:25}}\""
                ) },
                "coap": { "coap": format!(
                    "coap-client -v 6 -m POST -t \"application/json\" -e \"{{temperature:25}}\" \
                     coap://localhost:5683/api/v1/{token}/telemetry"
                ) },
            }),
            _ => json!({ "mqtt": { "mqtts": "Check documentation" }, "coap": { "coaps": "Check documentation" } }),
        };
        Ok(ok(&text))
    })
}

/// The certificates to trust, without a login.
pub(super) fn download(call: &Call<'_>) -> Result<Reply> {
    let protocol = call.parameter(0, "protocol")?;
    let pem = if protocol == "mqtts" { call.core.mqtts_ca.clone() } else { None };
    let body = pem.ok_or_else(|| Refusal::new(404, 32, format!("{protocol} pem cert file is not found!")))?;
    Ok(Reply {
        body,
        content_type: Some("application/octet-stream"),
        headers: vec![
            ("content-disposition", "attachment;filename=ca-root.pem".to_owned()),
            ("x-filename", "ca-root.pem".to_owned()),
        ],
        ..Reply::empty(200)
    })
}
