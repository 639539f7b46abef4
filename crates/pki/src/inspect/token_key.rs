//! The names of keys that tokens keep: what a store has in a key's place.

use base::{Result, hex};
use schemars::JsonSchema;
use serde::Serialize;

use super::item::{Content, Item};
use crate::pkcs11::TokenUri;

/// A key in a token, as its PKCS#11 URI names it. The token itself is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TokenKeyView {
    /// The URI (RFC 7512).
    pub uri: String,
    /// The module through which the token is reached: a path, or a name.
    pub module: String,
    /// The label of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Its serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The label of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The id of the key, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The URI that a file consists of; nothing, when it is something else.
pub(super) fn item(bytes: &[u8]) -> Option<Result<Item>> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| TokenUri::is_meant_by(text))?;
    Some(text.parse::<TokenUri>().map(|uri| {
        Item::new(Content::TokenKey(TokenKeyView {
            uri: uri.to_string(),
            module: uri.module_name(),
            token: uri.token().map(str::to_owned),
            serial: uri.serial().map(str::to_owned),
            object: uri.object().map(str::to_owned),
            id: uri.id().map(hex::lower),
        }))
    }))
}
