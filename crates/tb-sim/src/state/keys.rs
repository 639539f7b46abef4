//! API keys, from 4.3 on.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock;
use crate::ids::{Uuid, alphanumeric};
use crate::refusal::{Refusal, Result};
use crate::state::State;
use crate::state::entity_id::{EntityId, SentEntityId};

/// An API key.
#[derive(Debug, Clone)]
pub(crate) struct ApiKey {
    id: Uuid,
    created: i64,
    pub(crate) user: Uuid,
    tenant: Uuid,
    description: String,
    pub(crate) enabled: bool,
    /// Milliseconds since 1970; 0 is never.
    pub(crate) expires: i64,
    pub(crate) value: String,
}

/// As clients ask for one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WantedApiKey {
    user_id: Option<SentEntityId>,
    description: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    expiration_time: i64,
}

fn yes() -> bool {
    true
}

impl State {
    /// Makes a key. Its value is shown this once.
    pub(crate) fn create_key(&mut self, asker: Uuid, wanted: WantedApiKey) -> Result<Value> {
        let description = wanted.description.filter(|text| !text.trim().is_empty());
        let description = description.ok_or_else(|| Refusal::bad("Validation error: description must not be blank"))?;
        let user = wanted.user_id.map_or(asker, |id| id.0);
        let account = self.account(user).ok_or_else(|| Refusal::unknown("User", user))?;
        let key = ApiKey {
            id: Uuid::new(),
            created: clock::milliseconds(),
            user,
            tenant: account.tenant,
            description,
            enabled: wanted.enabled,
            expires: wanted.expiration_time,
            value: format!("tb_{}", alphanumeric(86)),
        };
        let mut shown = key.to_json();
        if let Some(shown) = shown.as_object_mut() {
            shown.insert("value".to_owned(), Value::from(key.value.clone()));
        }
        self.keys.insert(key.id, key);
        Ok(shown)
    }

    /// The keys of a user.
    pub(crate) fn keys_of(&self, user: Uuid) -> Vec<Value> {
        self.keys.values().filter(|key| key.user == user).map(ApiKey::to_json).collect()
    }

    /// Changes a key.
    pub(crate) fn change_key(&mut self, id: Uuid, change: impl FnOnce(&mut ApiKey)) -> Result<Value> {
        let key = self.keys.get_mut(&id).ok_or_else(|| Refusal::unknown("API key", id))?;
        change(key);
        Ok(key.to_json())
    }

    /// Removes a key.
    pub(crate) fn delete_key(&mut self, id: Uuid) -> Result<()> {
        self.keys.remove(&id).map(drop).ok_or_else(|| Refusal::unknown("API key", id))
    }

    /// Whose key this is, if it may be used.
    pub(crate) fn user_of_key(&self, value: &str) -> Result<Uuid> {
        let key = self.keys.values().find(|key| key.value == value).ok_or_else(Refusal::wrong_credentials)?;
        if !key.enabled {
            return Err(Refusal::authentication("User account is not active"));
        }
        if key.expires != 0 && key.expires < clock::milliseconds() {
            return Err(Refusal::authentication("API key is expired"));
        }
        Ok(key.user)
    }
}

impl ApiKey {
    pub(crate) fn describe(&mut self, description: String) {
        self.description = description;
    }

    fn to_json(&self) -> Value {
        json!({
            "id": { "id": self.id },
            "createdTime": self.created,
            "tenantId": EntityId::tenant(self.tenant),
            "userId": EntityId::user(self.user),
            "description": self.description,
            "enabled": self.enabled,
            "expirationTime": self.expires,
            "expired": self.expires != 0 && self.expires < clock::milliseconds(),
        })
    }
}
