//! The views of each kind of thing in a file.

use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

/// The content of a certificate, and its fingerprints and identifiers. All texts are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CertificateView {
    /// The subject, as RFC 4514 writes it.
    pub subject: String,
    /// The issuer, as RFC 4514 writes it.
    pub issuer: String,
    /// The serial number, in upper-case hexadecimal.
    pub serial: String,
    /// The X.509 version: 3, or 1 for old ones.
    pub version: u32,
    /// The first moment at which it is valid.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_before: OffsetDateTime,
    /// The last moment at which it is valid.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub not_after: OffsetDateTime,
    /// The whole days until it ends; negative when it has.
    pub days_left: i64,
    /// The algorithm of its key, such as `ec-p256`.
    pub algorithm: String,
    /// The algorithm that the issuer signed with, as OpenSSL calls it.
    pub signature_algorithm: String,
    /// True if its own key signed it. Absent if the signature is of a kind that tbpki cannot check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub self_signed: Option<bool>,
    /// True if it is a CA's.
    pub ca: bool,
    /// The number of CAs that may be between it and a leaf, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_len: Option<u32>,
    /// The subject alternative names, each with its kind: `dns:broker.example`.
    pub names: Vec<String>,
    /// The allowed uses of the key, in the words of RFC 5280. Empty if they are not limited.
    pub key_usage: Vec<String>,
    /// The purposes of the certificate, in the words of RFC 5280. Empty if they are not limited.
    pub extended_key_usage: Vec<String>,
    /// The names that those below may have, each with its kind. Empty when that is not limited.
    pub permitted_names: Vec<String>,
    /// The names that those below must not have.
    pub excluded_names: Vec<String>,
    /// The places of published revocation lists.
    pub revocation_lists: Vec<String>,
    /// The subject key identifier, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_key_id: Option<String>,
    /// The key identifier of the issuer, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority_key_id: Option<String>,
    /// The SHA-256 of the certificate: its fingerprint.
    pub sha256: String,
    /// The SHA-1 of the certificate, as older programs show it.
    pub sha1: String,
    /// The SHA-256 of its public key (SubjectPublicKeyInfo): the same for the private key that belongs to it.
    pub public_key_sha256: String,
    /// ThingsBoard's credentials id: SHA3-256 of the base64 of the certificate's DER, in hexadecimal.
    pub credentials_id: String,
}

/// The visible properties of a private key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeyView {
    /// The form in which it is written, such as `PKCS#8`.
    pub form: String,
    /// True if it is encrypted.
    pub encrypted: bool,
    /// The algorithm, such as `ec-p256`, where it could be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// The SHA-256 of its public half (SubjectPublicKeyInfo): the same for the certificate that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key_sha256: Option<String>,
    /// The subject of the certificate in the same file that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub belongs_to: Option<String>,
}

/// A public key by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PublicKeyView {
    /// The algorithm, such as `ec-p256`.
    pub algorithm: String,
    /// The SHA-256 of it (SubjectPublicKeyInfo).
    pub public_key_sha256: String,
}

/// A keystore as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct KeystoreView {
    /// `PKCS#12` or `JKS`, by its content.
    pub format: String,
    /// True if its own integrity check was done, which needs the password.
    pub integrity_checked: bool,
    /// The number of its entries.
    pub entries: usize,
}

/// The content of a request. All texts are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RequestView {
    /// The subject, as RFC 4514 writes it.
    pub subject: String,
    /// The algorithm of its key, such as `ec-p256`.
    pub algorithm: String,
    /// The algorithm that it is signed with, as OpenSSL calls it.
    pub signature_algorithm: String,
    /// The subject alternative names that it asks for, each with its kind.
    pub names: Vec<String>,
    /// True if it asks for a CA's certificate. tbpki does not believe requests in this.
    pub asks_for_ca: bool,
    /// The SHA-256 of its public key (SubjectPublicKeyInfo): the same for the private key that belongs to it.
    pub public_key_sha256: String,
    /// The subject of the certificate in the same file that was made for its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub belongs_to: Option<String>,
}

/// The content of a revocation list. All texts are safe to print.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RevocationListView {
    /// The issuer, as RFC 4514 writes it.
    pub issuer: String,
    /// The number, in upper-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub this_update: OffsetDateTime,
    /// Until when it speaks; the next one comes before.
    #[serde(with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub next_update: Option<OffsetDateTime>,
    /// The algorithm that the issuer signed with, as OpenSSL calls it.
    pub signature_algorithm: String,
    /// The revoked certificates, in the order of the list.
    pub revoked: Vec<RevokedView>,
}

/// One certificate that has been revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RevokedView {
    /// The serial number, in upper-case hexadecimal.
    pub serial: String,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: OffsetDateTime,
    /// Why, as RFC 5280 calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

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
    /// The serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The label of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The id of the key, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// The entry of a credentials record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordEntryView {
    /// The name, as the record has it: `client_chain`.
    pub name: String,
    /// What the device uses the entry for.
    pub role: String,
}
