//! One thing that was found in a file.

use base::Finding;
use schemars::JsonSchema;
use serde::Serialize;

use super::view::{
    CertificateView, KeyView, KeystoreView, PublicKeyView, RecordEntryView, RequestView, RevocationListView,
    TokenKeyView,
};

/// One thing in a file, with what is wrong with it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InspectedItem {
    /// The line at which it begins in a PEM file, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The alias of the entry of a keystore that it belongs to, as the file has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// The entry of a credentials record that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<RecordEntryView>,
    /// What the item is, with what it states.
    #[serde(flatten)]
    pub content: Content,
    /// The findings about it.
    pub findings: Vec<Finding>,
}

/// The content of an [`InspectedItem`].
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Content {
    /// A certificate.
    Certificate(Box<CertificateView>),
    /// A private key.
    PrivateKey(KeyView),
    /// The name of a private key that a token keeps.
    TokenKey(TokenKeyView),
    /// A public key by itself.
    PublicKey(PublicKeyView),
    /// A certificate signing request.
    Request(RequestView),
    /// A certificate revocation list.
    RevocationList(RevocationListView),
    /// A keystore; its entries follow as items of their own.
    Keystore(KeystoreView),
    /// A symmetric key or a text in a keystore.
    Secret,
    /// A PEM block of some other kind.
    Other {
        /// The label of the block.
        label: String,
    },
    /// A PEM block whose content does not match its label.
    Unreadable {
        /// The label of the block.
        label: String,
    },
}

impl InspectedItem {
    pub(super) fn new(content: Content) -> Self {
        Self { line: None, alias: None, entry: None, content, findings: Vec::new() }
    }
}
