//! The identity that keeps a public key from being used for another one: each device, server and CA has a key of its own.

use base::{Error, Result};

use crate::key::Kind;
use crate::lifecycle::revocation::WITHOUT_FAULT;
use crate::lifecycle::role::Role;
use crate::value::{SqlRow, one_of, values};
use crate::view::View;

/// An identity that has fetched a certificate for a public key over the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// A device or a server.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Whether its certificate for the key was revoked for a reason that concerns the key or its holder.
    pub is_revoked: bool,
}

impl View {
    /// The identity for whose sake `name` gets no certificate for the public key with this SHA-256 (SubjectPublicKeyInfo in
    /// DER): any one of which a certificate for the key was revoked for a reason that concerns the key or its holder, or
    /// another one that has such a certificate, also one that a later certificate has replaced. A device that was forgotten
    /// leaves its key free.
    ///
    /// The rows of keys that were not sent over the network have no key, so that only their files tell it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn key_holder(&self, public: &[u8; 32], kind: Kind, name: &str) -> Result<Option<KeyHolder>> {
        let [superseded, forgotten] = WITHOUT_FAULT;
        let sql = format!(
            "SELECT identity.kind, identity.name, identity.role FROM enrolled \
             JOIN identity ON identity.id = enrolled.identity WHERE enrolled.key = ?1 \
             AND (role = 'revoked' AND coalesce(revocation_reason, '') NOT IN ('{superseded}', '{forgotten}') \
             OR role IN ('current', 'pending', 'superseded') AND (kind <> ?2 OR name <> ?3)) \
             ORDER BY CASE role WHEN 'revoked' THEN 0 ELSE 1 END, identity.id LIMIT 1"
        );
        let read = |row: &SqlRow| -> Result<KeyHolder> {
            let (kind, role): (String, String) = (row.get(0)?, row.get(2)?);
            let kind = one_of(&Kind::ALL, Kind::as_str, &kind)?;
            Ok(KeyHolder { kind, name: row.get(1)?, is_revoked: role == Role::Revoked.as_str() })
        };
        let row = self.one(&sql, values![public, kind.as_str(), name])?;
        row.as_ref().map(read).transpose().map_err(|error: Error| error.at(self.path()))
    }
}
