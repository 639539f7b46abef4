//! What the server says about connecting to it.

use serde_json::json;

use super::Call;
use super::devices::with_device;
use super::routes::ok;
use crate::http::Reply;
use crate::refusal::{Refusal, Result};
use crate::state::credentials::CredentialsType;

/// Commands to try a device with. Those for certificates are none.
pub(super) fn commands(call: &Call<'_>) -> Result<Reply> {
    with_device(call, |state, device| {
        let kind = state.credentials_of(device.id()).map(|credentials| credentials.kind);
        let text = match kind {
            Some(CredentialsType::AccessToken) => json!({ "mqtt": {}, "coap": {}, "http": {} }),
            _ => json!({ "mqtt": { "mqtts": "Check documentation" }, "coap": { "coaps": "Check documentation" } }),
        };
        Ok(ok(&text))
    })
}

/// The certificates to trust: for everybody.
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
