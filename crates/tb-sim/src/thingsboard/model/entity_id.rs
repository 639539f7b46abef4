//! Identifiers of entities in JSON: `{"entityType": "DEVICE", "id": "…"}`.

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::Uuid;

/// The identifier of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntityId {
    pub(crate) entity_type: &'static str,
    pub(crate) id: Uuid,
}

impl EntityId {
    pub(crate) fn device(id: Uuid) -> Self {
        Self { entity_type: "DEVICE", id }
    }

    pub(crate) fn profile(id: Uuid) -> Self {
        Self { entity_type: "DEVICE_PROFILE", id }
    }

    pub(crate) fn tenant(id: Uuid) -> Self {
        Self { entity_type: "TENANT", id }
    }

    pub(crate) fn customer(id: Uuid) -> Self {
        Self { entity_type: "CUSTOMER", id }
    }

    pub(crate) fn user(id: Uuid) -> Self {
        Self { entity_type: "USER", id }
    }
}

/// The identifier of an entity from a client, which must have both keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SentEntityId(pub(crate) Uuid);

impl<'de> Deserialize<'de> for SentEntityId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Sent {
            entity_type: Option<String>,
            id: Option<String>,
        }
        let Sent { entity_type: Some(_), id: Some(id) } = Sent::deserialize(deserializer)? else {
            return Err(serde::de::Error::custom("Missing entityType or id!"));
        };
        id.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// An id without its type, as credentials and API keys have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SentId(pub(crate) Uuid);

impl<'de> Deserialize<'de> for SentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Sent {
            id: String,
        }
        Sent::deserialize(deserializer)?.id.parse().map(Self).map_err(serde::de::Error::custom)
    }
}
