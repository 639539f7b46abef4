//! API keys: making, changing and deleting them.

use serde_json::Value;

use super::State;
use crate::clock;
use crate::ids::{Uuid, alphanumeric};
use crate::thingsboard::model::api_key::{ApiKey, SentApiKey};
use crate::thingsboard::refusal::{Refusal, Result};

impl State {
    /// Makes a key. Its value is shown this once.
    pub(crate) fn create_key(&mut self, wanted: SentApiKey) -> Result<Value> {
        let description = wanted.description.filter(|text| !text.trim().is_empty());
        let description = description.ok_or_else(|| Refusal::bad("Validation error: description must not be blank"))?;
        let user = wanted.user_id.ok_or_else(|| Refusal::bad("Invalid entity id"))?.0;
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

    pub(crate) fn change_key(&mut self, id: Uuid, change: impl FnOnce(&mut ApiKey)) -> Result<Value> {
        let key = self.keys.get_mut(&id).ok_or_else(|| Refusal::unknown("Api key", id))?;
        change(key);
        Ok(key.to_json())
    }

    /// Removes a key.
    pub(crate) fn delete_key(&mut self, id: Uuid) -> Result<()> {
        self.keys.remove(&id).map(drop).ok_or_else(|| Refusal::unknown("Api key", id))
    }

    /// The owner of a key that may be used.
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
