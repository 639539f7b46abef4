//! Credentials over REST.

use super::call::{Call, ok};
use super::devices::with_device;
use crate::http::Reply;
use crate::thingsboard::model::credentials::SentCredentials;
use crate::thingsboard::refusal::{Refusal, Result};

pub(super) fn get(call: &Call<'_>) -> Result<Reply> {
    with_device(call, |state, device| {
        let credentials = state.credentials_of(device.id()).ok_or_else(Refusal::not_found)?;
        Ok(ok(&credentials.to_json()))
    })
}

pub(super) fn save(call: &Call<'_>) -> Result<Reply> {
    let sent: SentCredentials = call.body()?;
    let tenant = call.tenant()?;
    // After the tenant: a customer is refused whatever device the body names.
    let device = sent.device_id.ok_or_else(|| Refusal::bad("Invalid entity id"))?.0;
    let mut state = call.state();
    // Devices of other tenants are unknown, not forbidden.
    state.device_of(tenant, device)?;
    Ok(ok(&state.replace_credentials(device, &sent)?.to_json()))
}
