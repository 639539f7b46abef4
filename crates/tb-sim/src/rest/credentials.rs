//! Credentials over REST.

use super::Call;
use super::devices::with_device;
use super::routes::ok;
use crate::http::Reply;
use crate::refusal::{Refusal, Result};
use crate::state::credentials::SentCredentials;

pub(super) fn get(call: &Call<'_>) -> Result<Reply> {
    with_device(call, |state, device| {
        let credentials = state.credentials_of(device.id()).ok_or_else(Refusal::not_found)?;
        Ok(ok(&credentials.to_json()))
    })
}

pub(super) fn save(call: &Call<'_>) -> Result<Reply> {
    let sent: SentCredentials = call.body()?;
    let tenant = call.tenant()?;
    let device = sent.device_id.ok_or_else(|| Refusal::bad("Invalid entity id"))?.0;
    let mut state = call.state();
    state.device_of(tenant, device)?;
    Ok(ok(&state.replace_credentials(device, &sent)?.to_json()))
}
