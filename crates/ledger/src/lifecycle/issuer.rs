//! Whether a CA may issue.

use base::{Code, Error, Result};

use crate::key::Kind;
use crate::lifecycle::role::Role;
use crate::view::View;

impl View {
    /// True if the last generation of a CA that signed is revoked. One that is prepared does not sign yet.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_revoked_ca(&self, ca: &str) -> Result<bool> {
        let mut signed = self.history(Kind::Ca, ca)?.into_iter();
        let last = signed.rfind(|entry| !matches!(entry.role, Role::Void | Role::Intended | Role::Pending));
        Ok(last.is_some_and(|entry| entry.role == Role::Revoked))
    }
}

/// The error for a CA whose last generation is revoked.
pub fn ca_revoked(ca: &str) -> Error {
    Code::CaRevoked
        .error(format!("{ca} is revoked, and no other generation of it signs"))
        .item(ca)
        .because("peers refuse everything that it has signed")
        .fix(format!("run `tbpki ca prepare {ca}` and `tbpki ca activate {ca}`"))
}
