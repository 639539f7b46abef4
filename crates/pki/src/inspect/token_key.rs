//! The names of keys that tokens keep: what a store or a host has in a key's place.

use base::{Result, hex};

use super::item::{Content, InspectedItem};
use super::view::TokenKeyView;
use crate::pkcs11::{KeyReference, TokenUri};

/// The URI that a file consists of; nothing, when it is something else.
pub(super) fn item(bytes: &[u8]) -> Option<Result<InspectedItem>> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| TokenUri::is_meant_by(text))?;
    Some(text.parse::<TokenUri>().map(|uri| shown(&uri)))
}

/// The key that a block for OpenSSL's pkcs11-provider names.
pub(super) fn block_item(der: &[u8]) -> Result<InspectedItem> {
    KeyReference::from_der(der).map(|reference| shown(&reference.uri))
}

fn shown(uri: &TokenUri) -> InspectedItem {
    InspectedItem::new(Content::TokenKey(TokenKeyView {
        uri: uri.to_string(),
        module: uri.module_name(),
        token: uri.token().map(str::to_owned),
        serial: uri.serial().map(str::to_owned),
        object: uri.object().map(str::to_owned),
        id: uri.id().map(hex::lower),
    }))
}
