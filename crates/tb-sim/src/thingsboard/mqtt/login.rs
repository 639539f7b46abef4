//! The device that a CONNECT logs in.

use super::connack::ConnectDecision;
use crate::certificate;
use crate::ids::Uuid;
use crate::packets::connect::Connect;
use crate::thingsboard::core::Core;
use crate::thingsboard::hash::sha3;
use crate::thingsboard::model::credentials::{Basic, Credentials, CredentialsType};
use crate::thingsboard::state::State;

/// The device that logs in, or the refusal. If a certificate was sent, it alone decides.
pub(super) fn device(core: &Core, connect: &Connect, chain: &[Vec<u8>]) -> Result<Uuid, ConnectDecision> {
    let state = core.state();
    let found = match chain.first() {
        Some(leaf) => {
            let is_valid = || certificate::is_valid(leaf, core.controls.clock_offset());
            if !core.settings.skip_validity_check && !is_valid() {
                return Err(ConnectDecision::NotAuthorized);
            }
            // The hash is over the text that credentials store, not over the DER.
            let id = sha3(&certificate::one_line(leaf));
            state.device_with(&id, CredentialsType::X509Certificate).ok_or(ConnectDecision::NotAuthorized)?
        }
        None => by_names(&state, connect).ok_or_else(|| ConnectDecision::unknown(connect))?,
    };
    let profile = state.device(found.device).and_then(|device| state.profile(device.device_profile_id.id));
    match profile {
        Some(profile) if profile.allows_mqtt() => Ok(found.device),
        // After the credentials: a client that is not known learns nothing of profiles.
        _ => Err(ConnectDecision::ServerUnavailable),
    }
}

/// By access token, or by MQTT basic credentials.
fn by_names<'a>(state: &'a State, connect: &Connect) -> Option<&'a Credentials> {
    let client = connect.client_id.as_str();
    let basic = |id: &str| state.device_with(id, CredentialsType::MqttBasic).filter(|found| fits(found, connect));
    match connect.user_name.as_deref().filter(|user| !user.is_empty()) {
        None => basic(&sha3(client)),
        // In the order of the real server: the pair first, then the token, and the user name alone at last.
        Some(user) => basic(&sha3(&format!("{client}|{user}")))
            .or_else(|| state.device_with(user, CredentialsType::AccessToken))
            .or_else(|| basic(user)),
    }
}

/// True if the stored fields equal the sent ones. Fields that are not stored are not compared.
fn fits(found: &Credentials, connect: &Connect) -> bool {
    let stored: Basic = found.value.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let is = |stored: &Option<String>, sent: Option<&str>| {
        stored.as_deref().filter(|text| !text.is_empty()).is_none_or(|stored| Some(stored) == sent)
    };
    is(&stored.client_id, Some(&connect.client_id))
        && is(&stored.user_name, connect.user_name.as_deref())
        && is(&stored.password, connect.password.as_deref())
}
