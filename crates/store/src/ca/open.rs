//! Opening a CA of the store: its chain and its key, ready to issue.

use std::path::Path;

use base::{Code, Error, Result};
use ledger::of_cross_name;
use pki::Certificate;
use pki::chain_period::ChainPeriod;
use pki::issuer::LocalCa;
use pki::key::SigningKey;
use time::OffsetDateTime;

use super::Ca;
use super::generations::{self, CaGeneration, check_not_revoked};
use super::key::{KEY_FILE, KeyLocation, URI_FILE};
use crate::file_names::CERT;
use crate::secrets::AskForCa;

/// A CA that is ready to issue, wherever its key is.
pub type OpenCa = LocalCa<Box<dyn SigningKey>>;

impl Ca {
    /// The CA, ready to issue. `ask` is asked for the passphrase of an encrypted key, or for the PIN of a token.
    ///
    /// # Errors
    /// [`Code::CaUnavailable`] if the key is not in the store, [`Code::CaRevoked`], and those of the key, its token, the
    /// secrets and the certificates.
    pub fn open(&self, store: &Path, ask: &mut AskForCa<'_>) -> Result<OpenCa> {
        self.open_in(store, &self.dir(store), self.chain(store)?, ask)
    }

    /// A generation of the CA, ready to issue. `ask` is asked for the passphrase of an encrypted key, or for the PIN of a
    /// token.
    ///
    /// # Errors
    /// Those of [`Ca::open`].
    pub fn open_generation(&self, store: &Path, generation: &CaGeneration, ask: &mut AskForCa<'_>) -> Result<OpenCa> {
        self.open_in(store, &generation.dir, self.chain_of(store, generation.certificates.clone())?, ask)
    }

    /// A generation of the CA, ready to sign its revocation lists. A list takes no path to a root, and that of the CA can be
    /// gone: its root was revoked.
    ///
    /// # Errors
    /// Those of [`Ca::open`].
    pub fn open_generation_for_lists(
        &self,
        store: &Path,
        generation: &CaGeneration,
        ask: &mut AskForCa<'_>,
    ) -> Result<OpenCa> {
        self.open_in(store, &generation.dir, generation.certificates.iter().take(1).cloned().collect(), ask)
    }

    /// Whether a trusted generation of the root certifies a generation of the CA, in its present path or with a certificate
    /// of its own.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn has_path(&self, store: &Path, generation: &CaGeneration) -> Result<bool> {
        let Some(last) = generation.certificates.last().filter(|last| !last.is_self_issued()) else { return Ok(true) };
        let crosses = generation.crosses()?;
        for root in self.root().trusted(store)? {
            let root = root.certificate()?;
            if last.verify_signed_by(root).is_ok()
                || crosses.iter().any(|(_, cross)| cross.verify_signed_by(root).is_ok())
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The certificate of the generation that signs, and those up to the root that certified it.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn chain(&self, store: &Path) -> Result<Vec<Certificate>> {
        self.chain_of(store, self.certificates(store)?)
    }

    fn open_in(&self, store: &Path, dir: &Path, chain: Vec<Certificate>, ask: &mut AskForCa<'_>) -> Result<OpenCa> {
        check_not_revoked(dir)?;
        let place = KeyLocation::of(dir)?;
        let key = place.open(dir, ask)?.ok_or_else(|| unavailable(&dir.join(KEY_FILE), self))?;
        if let Some(certificate) = chain.first() {
            let belongs = key.check_belongs_to(certificate.spki_der());
            belongs.map_err(|error| {
                let error = error.item(certificate.subject());
                self.of_other_generation(error, store, &place, dir, key.public().spki_der())
            })?;
        }
        LocalCa::new(chain, key).map_err(|error| {
            let is_of_path =
                matches!(error.code(), Code::BadSignature | Code::ChainGap) && error.finding().fix.is_none();
            let error = error.at(dir.join(CERT));
            match is_of_path {
                true => error.fix(format!(
                    "if the root above it was revoked or retired, run `tbpki ca prepare {0}` and `tbpki ca activate \
                     {0}`; otherwise restore the certificates of both from a backup",
                    self.word()
                )),
                false => error,
            }
        })
    }

    /// Adds the remedy to the error of a key that does not belong to the certificate next to it: keys that are kept elsewhere
    /// are easily put into the place of another generation.
    fn of_other_generation(&self, error: Error, store: &Path, place: &KeyLocation, dir: &Path, spki: &[u8]) -> Error {
        let all = match generations::placed(store, &self.name()) {
            Ok(all) => all,
            Err(unreadable) => {
                tracing::debug!(error = %unreadable, "the generations of the CA cannot be read");
                Vec::new()
            }
        };
        let is_its = |one: &CaGeneration| one.certificate().is_ok_and(|certificate| certificate.spki_der() == spki);
        let owner = all.iter().map(|one| &one.generation).find(|one| is_its(one));
        let file = match place {
            KeyLocation::Token(_) => URI_FILE,
            KeyLocation::File(_) | KeyLocation::Elsewhere => KEY_FILE,
        };
        let error = error.at(dir.join(file));
        match owner {
            Some(owner) => error.fix(format!(
                "this is the key of generation {} of {}: move the file to {}",
                owner.number,
                self.name(),
                owner.dir.join(file).display()
            )),
            None => {
                error.fix(format!("put the key of {} here that belongs to cert.pem in this directory", self.name()))
            }
        }
    }

    /// The chain of a generation up to the root that certified it, which is one of the generations of the root: a CA that
    /// was made before its root was replaced is still below the earlier one.
    fn chain_of(&self, store: &Path, mut chain: Vec<Certificate>) -> Result<Vec<Certificate>> {
        let Some(last) = chain.last().filter(|last| !last.is_root()).cloned() else { return Ok(chain) };
        let roots = self.root().trusted(store)?;
        let is_above = |root: &&CaGeneration| root.certificate().is_ok_and(|root| last.verify_signed_by(root).is_ok());
        let root = match roots.as_slice() {
            // Not verified here: most stores have one root, and LocalCa verifies the chain once more.
            [root] => Some(root),
            // If none of the roots signed it, the first one goes along, so
            // that the error names the signature that does not fit.
            roots => roots.iter().find(is_above).or(roots.first()),
        };
        if let Some(root) = root {
            chain.extend(root.certificates.iter().cloned());
        }
        Ok(chain)
    }

    /// The certificate of the generation that issued `leaf`, and behind it those between it and the root. The generation
    /// that signs if none of those in the store did.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn issuer_of(&self, store: &Path, leaf: &Certificate) -> Result<Vec<Certificate>> {
        let generations = self.trusted(store)?;
        let is_issuer = |one: &&CaGeneration| one.certificate().is_ok_and(|ca| leaf.verify_signed_by(ca).is_ok());
        match generations.iter().find(is_issuer).or(generations.first()) {
            Some(generation) => Ok(generation.certificates.clone()),
            None => self.certificates(store),
        }
    }

    /// The period in which the certificate and those above it are valid. The key is not opened.
    ///
    /// # Errors
    /// [`Code::CaUnavailable`] if the key is not in the store, and those of a certificate that does not hold at `now`.
    pub fn check_usable(&self, store: &Path, now: OffsetDateTime) -> Result<ChainPeriod> {
        check_not_revoked(&self.dir(store))?;
        if self.key_place(store)? == KeyLocation::Elsewhere {
            return Err(unavailable(&self.key_path(store), self));
        }
        let period = ChainPeriod::of(&self.chain(store)?)?;
        period.check_issuing(now)?;
        Ok(period)
    }
}

/// The place of the key of the CA of this name in the ledger, in a word: `file`, `token` or `elsewhere`, and `unclear` if
/// the store is inconsistent. A certificate of the key of a CA by another root has the key of that CA.
pub fn place_of(store: &Path, ca: &str) -> &'static str {
    let place = Ca::named(ca).or_else(|| Ca::named(of_cross_name(ca)?)).map(|ca| ca.key_place(store));
    place.and_then(Result::ok).map_or("unclear", |place| place.word())
}

/// The error for a CA whose key is not at the path where it would be.
pub fn unavailable(key: &Path, ca: &Ca) -> Error {
    Code::CaUnavailable.error(format!("the key of the {} is not in the store", ca.title())).at(key).fix(match ca {
        Ca::ServerIssuing => {
            "make servers where the CAs were made: a station bundle (`tbpki ca export`) issues devices alone"
        }
        Ca::ServerRoot | Ca::DevicesRoot | Ca::DevicesIssuing | Ca::Profile(_) => {
            "bring the key back from where it is kept, to this path"
        }
    })
}
