//! A CA that issues: one of the four that every store has, or that of a device profile.

use std::path::{Path, PathBuf};

use base::Result;
use pki::Certificate;
use pki::device_name::DeviceName;
use pki::validity::Validity;
use time::OffsetDateTime;

use super::generations::{self, CaGeneration};
use super::key::KeyLocation;
use super::{self as ca, CaName, OpenCa};
use crate::file_names::CERT;
use crate::secrets::AskForCa;

/// The prefix of the names of the CAs of profiles.
const PROFILE: &str = "profile-";

/// Which CA issues.
#[derive(Debug, Clone)]
pub enum SigningCa {
    /// One of the four.
    Own(CaName),
    /// That of a device profile, below the devices' root.
    Profile(DeviceName),
}

impl SigningCa {
    /// The name of its directory, and its name in the ledger.
    pub fn name(&self) -> String {
        match self {
            SigningCa::Own(name) => name.name().to_owned(),
            SigningCa::Profile(profile) => format!("{PROFILE}{profile}"),
        }
    }

    /// The profile whose CA has this name in the ledger.
    pub fn profile_of(name: &str) -> Option<&str> {
        name.strip_prefix(PROFILE)
    }

    /// The CA of this name in the ledger; none for what issued itself.
    pub fn named(name: &str) -> Option<Self> {
        match Self::profile_of(name) {
            Some(profile) => profile.parse().ok().map(SigningCa::Profile),
            None => CaName::ALL.into_iter().find(|ca| ca.name() == name).map(SigningCa::Own),
        }
    }

    /// The directory of its files.
    pub fn dir(&self, store: &Path) -> PathBuf {
        store.join("ca").join(self.name())
    }

    /// The certificate, followed by those between it and the root.
    pub fn certificates(&self, store: &Path) -> Result<Vec<Certificate>> {
        ca::certificates_in(&self.dir(store).join(CERT))
    }

    /// The generations that others trust: the one that signs first.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn trusted(&self, store: &Path) -> Result<Vec<CaGeneration>> {
        generations::trusted_in(&self.dir(store))
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

    /// The chain of a generation up to the root that certified it, which is one of the generations of the root.
    fn chain_of(&self, store: &Path, generation: &CaGeneration) -> Result<Vec<Certificate>> {
        let mut chain = generation.certificates.clone();
        let Some(last) = chain.last().filter(|last| !last.is_self_issued()).cloned() else { return Ok(chain) };
        let roots = self.root().trusted(store)?;
        let is_above = |root: &&CaGeneration| root.certificate().is_ok_and(|root| last.verify_signed_by(root).is_ok());
        if let Some(root) = roots.iter().find(is_above).or(roots.first()) {
            chain.extend(root.certificates.iter().cloned());
        }
        Ok(chain)
    }

    /// A generation of the CA, ready to issue. `ask` is asked for the passphrase of an encrypted key, or for the PIN of a
    /// token.
    ///
    /// # Errors
    /// [`Code::CaUnavailable`](base::Code::CaUnavailable) if the key is not in the store, and those of the key, its token
    /// and the secrets.
    pub fn open_generation(&self, store: &Path, generation: &CaGeneration, ask: &mut AskForCa<'_>) -> Result<OpenCa> {
        ca::open_with(self.chain_of(store, generation)?, &generation.dir, &self.title(), ask)
    }

    /// The name of its root in the ledger.
    pub fn root(&self) -> CaName {
        match self {
            SigningCa::Own(name) => name.hierarchy().root(),
            SigningCa::Profile(_) => CaName::DevicesRoot,
        }
    }

    /// Whether it is a root.
    pub fn is_root(&self) -> bool {
        matches!(self, SigningCa::Own(name) if name.is_root())
    }

    /// The CA, ready to issue. `ask` is asked for the passphrase of an encrypted key, or for the PIN of a token.
    pub fn open(&self, store: &Path, ask: &mut AskForCa<'_>) -> Result<OpenCa> {
        match self {
            SigningCa::Own(name) => name.open(store, ask),
            SigningCa::Profile(_) => {
                let mut chain = self.certificates(store)?;
                chain.extend(CaName::DevicesRoot.certificates(store)?);
                ca::open_with(chain, &self.dir(store), &self.title(), ask)
            }
        }
    }

    /// Fails where nothing could be issued at `now`.
    pub fn check_usable(&self, store: &Path, now: OffsetDateTime) -> Result<Validity> {
        ca::check_usable_in(&self.dir(store), &self.title(), now)
    }

    /// The last part of its common name, for messages.
    pub fn title(&self) -> String {
        match self {
            SigningCa::Own(name) => name.title().to_owned(),
            SigningCa::Profile(profile) => format!("issuing CA of the profile {profile}"),
        }
    }
}

/// Where the key of the CA of this name in the ledger is, in a word: `file`, `token` or `elsewhere`, and `unclear` where the
/// store is inconsistent.
pub fn place_of(store: &Path, ca: &str) -> &'static str {
    let place = SigningCa::named(ca).map(|ca| KeyLocation::of(&ca.dir(store)));
    place.and_then(Result::ok).map_or("unclear", |place| place.word())
}
