//! API keys, from 4.3 on.

use serde::Deserialize;
use serde_json::{Value, json};

use super::entity_id::{EntityId, SentEntityId};
use crate::clock;
use crate::ids::Uuid;

/// An API key.
#[derive(Debug, Clone)]
pub(crate) struct ApiKey {
    pub(crate) id: Uuid,
    pub(crate) created: i64,
    pub(crate) user: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) description: String,
    pub(crate) enabled: bool,
    /// Milliseconds since 1970; 0 is never.
    pub(crate) expires: i64,
    pub(crate) value: String,
}

/// A request for an API key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SentApiKey {
    pub(crate) user_id: Option<SentEntityId>,
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) enabled: bool,
    #[serde(default)]
    pub(crate) expiration_time: i64,
}

impl ApiKey {
    pub(crate) fn describe(&mut self, description: String) {
        self.description = description;
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": { "entityType": "API_KEY", "id": self.id },
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
