//! Whether a CA may issue, and which certificates are below a revoked one.

use std::collections::{HashMap, HashSet};

use base::text::shell_word;
use base::{Code, Error, Result};

use crate::entry::Entry;
use crate::key::{Generation, Kind};
use crate::lifecycle::role::Role;
use crate::value::values;
use crate::view::View;

/// Whether the row `ca` is a generation of a CA that peers refuse: it is revoked, or its root is and no other generation of the
/// root certifies its key.
pub(crate) const IS_REFUSED: &str = "(ca.role = 'revoked' OR (ca.role IN ('current', 'superseded') AND EXISTS (\
    SELECT 1 FROM identity AS root WHERE root.kind = 'ca' AND root.name = ca.issuer AND root.name <> ca.name \
    AND root.generation = ca.issuer_generation AND root.role = 'revoked') AND NOT EXISTS (\
    SELECT 1 FROM identity AS other WHERE other.kind = 'ca' AND other.name = ca.name || '-cross' \
    AND other.role IN ('current', 'superseded'))))";

/// The revoked generations of CAs, and those that are below a revoked root alone. Peers that read the revocation lists refuse what these have issued, whatever its dates.
#[derive(Debug, Clone, Default)]
pub struct RevokedCas(HashMap<String, HashSet<Generation>>);

impl RevokedCas {
    /// Whether no CA is revoked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a revoked generation has issued a certificate. One whose issuing generation is unknown counts for each of
    /// them.
    pub fn have_issued(&self, entry: &Entry) -> bool {
        // The names of CAs are those of their own rows, too.
        let of = self.0.get(&entry.issuer).filter(|_| entry.key.kind != Kind::Ca);
        of.is_some_and(|generations| entry.issuer_generation.is_none_or(|issuer| generations.contains(&issuer)))
    }
}

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

    /// The generations of all CAs that peers refuse, because they or their only root are revoked, for lists: their number does not grow with the fleet.
    ///
    /// # Errors
    /// Those of the database.
    pub fn revoked_cas(&self) -> Result<RevokedCas> {
        let rows = self.query(
            &format!("SELECT ca.name, ca.generation FROM identity AS ca WHERE ca.kind = ?1 AND {IS_REFUSED}"),
            values![Kind::Ca.as_str()],
        )?;
        let mut revoked = RevokedCas::default();
        for row in &rows {
            let generation = Generation(row.get(1)?);
            revoked.0.entry(row.get(0)?).or_default().insert(generation);
        }
        Ok(revoked)
    }

    /// How many certificates of a kind that are in use were issued by a revoked generation of a CA.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_below_revoked(&self, kind: Kind) -> Result<u64> {
        // Most ledgers have none, and then no row of a device is read.
        if self.revoked_cas()?.0.is_empty() {
            return Ok(0);
        }
        let row = self.one(
            &format!(
                "SELECT count(*) FROM identity WHERE kind = ?1 AND role = 'current' AND EXISTS (\
                 SELECT 1 FROM identity AS ca WHERE ca.kind = 'ca' AND ca.name = identity.issuer \
                 AND ca.generation = coalesce(identity.issuer_generation, ca.generation) AND {IS_REFUSED})"
            ),
            values![kind.as_str()],
        )?;
        row.map_or(Ok(0), |row| row.get(0))
    }
}

/// The error for a CA whose last generation is revoked.
pub fn ca_revoked(ca: &str) -> Error {
    Code::CaRevoked
        .error(format!("{ca} is revoked, and no other generation of it signs"))
        .item(ca)
        .because("peers refuse everything that it has signed")
        .fix(format!("run `tbpki ca prepare {0}` and `tbpki ca activate {0}`", shell_word(ca)))
}
