//! The four CAs of a store: a root and an issuing CA for servers, and another pair for devices.
//!
//! The two hierarchies share nothing. A thief of a station that issues devices cannot impersonate the broker,
//! since clients never trust the devices' root.

use std::fmt;
use std::path::{Path, PathBuf};

use base::{Code, Error, Result};
use pki::Certificate;
use pki::issuer::LocalCa;
use pki::key::SigningKey;
use pki::validity::Validity;
use time::OffsetDateTime;

use crate::file_names::CERT;
use crate::secrets::AskForCa;

pub mod generations;
pub mod key;
mod signing;

use generations::CaGeneration;
pub use generations::certificates_in;
use key::KEY_FILE;
pub use key::KeyLocation;
pub use signing::{SigningCa, place_of};

/// A CA that is ready to issue, wherever its key is.
pub type OpenCa = LocalCa<Box<dyn SigningKey>>;

/// Which hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hierarchy {
    /// The CAs that clients trust.
    Server,
    /// The CAs that brokers trust.
    Devices,
}

/// One of the four CAs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaName {
    /// The root of the servers.
    ServerRoot,
    /// The CA that issues servers.
    ServerIssuing,
    /// The root of the devices.
    DevicesRoot,
    /// The CA that issues devices.
    DevicesIssuing,
}

impl Hierarchy {
    /// Both.
    pub const ALL: [Hierarchy; 2] = [Hierarchy::Server, Hierarchy::Devices];

    /// The root and the issuing CA.
    pub const fn names(self) -> [CaName; 2] {
        [self.root(), self.issuing()]
    }

    /// The root.
    pub const fn root(self) -> CaName {
        match self {
            Hierarchy::Server => CaName::ServerRoot,
            Hierarchy::Devices => CaName::DevicesRoot,
        }
    }

    /// The issuing CA.
    pub const fn issuing(self) -> CaName {
        match self {
            Hierarchy::Server => CaName::ServerIssuing,
            Hierarchy::Devices => CaName::DevicesIssuing,
        }
    }
}

impl CaName {
    /// All four, roots before the CAs below them.
    pub const ALL: [CaName; 4] =
        [CaName::ServerRoot, CaName::ServerIssuing, CaName::DevicesRoot, CaName::DevicesIssuing];

    /// The name of its directory, and its name in the ledger.
    pub const fn name(self) -> &'static str {
        match self {
            CaName::ServerRoot => "server-root",
            CaName::ServerIssuing => "server-issuing",
            CaName::DevicesRoot => "devices-root",
            CaName::DevicesIssuing => "devices-issuing",
        }
    }

    /// True if it is a root.
    pub const fn is_root(self) -> bool {
        matches!(self, CaName::ServerRoot | CaName::DevicesRoot)
    }

    /// The last part of its common name.
    pub const fn title(self) -> &'static str {
        match self {
            CaName::ServerRoot => "server root CA",
            CaName::ServerIssuing => "server issuing CA",
            CaName::DevicesRoot => "devices root CA",
            CaName::DevicesIssuing => "devices issuing CA",
        }
    }

    /// The path of its certificate in the store.
    pub fn cert_path(self, store: &Path) -> PathBuf {
        self.path(store, CERT)
    }

    /// The path of its key in the store.
    pub fn key_path(self, store: &Path) -> PathBuf {
        self.path(store, KEY_FILE)
    }

    fn path(self, store: &Path, file: &str) -> PathBuf {
        self.dir(store).join(file)
    }

    /// The directory of its files in the store.
    pub fn dir(self, store: &Path) -> PathBuf {
        store.join("ca").join(self.name())
    }

    /// Where its key is.
    ///
    /// # Errors
    /// The files in the store contradict each other or are damaged.
    pub fn key_place(self, store: &Path) -> Result<KeyLocation> {
        KeyLocation::of(&self.dir(store))
    }

    /// The certificate, followed by those between it and the root.
    pub fn certificates(self, store: &Path) -> Result<Vec<Certificate>> {
        certificates_in(&self.cert_path(store))
    }

    /// The generations that others trust: the one that signs first, then those that are prepared or not retired yet.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn trusted(self, store: &Path) -> Result<Vec<CaGeneration>> {
        generations::trusted_in(&self.dir(store))
    }

    /// The same by number, so that files that list them stay as they are when another one begins to sign.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn trusted_by_number(self, store: &Path) -> Result<Vec<CaGeneration>> {
        let mut generations = self.trusted(store)?;
        generations.sort_by_key(|generation| generation.number);
        Ok(generations)
    }

    /// The certificates of [`CaName::trusted_by_number`].
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn trusted_certificates(self, store: &Path) -> Result<Vec<Certificate>> {
        Ok(self.trusted_by_number(store)?.into_iter().flat_map(|generation| generation.certificates).collect())
    }

    /// The CA, ready to issue. `ask` is asked for the passphrase of an encrypted key, or for the PIN of a token.
    ///
    /// # Errors
    /// [`Code::CaUnavailable`] where the key is not in the store, and what the key, its token, the secrets and the
    /// certificates can be wrong about.
    pub fn open(self, store: &Path, ask: &mut AskForCa<'_>) -> Result<OpenCa> {
        let mut chain = self.certificates(store)?;
        if !self.is_root() {
            chain.extend(self.hierarchy().root().certificates(store)?);
        }
        open_with(chain, &self.dir(store), self.title(), ask)
    }

    /// The hierarchy that it belongs to.
    pub const fn hierarchy(self) -> Hierarchy {
        match self {
            CaName::ServerRoot | CaName::ServerIssuing => Hierarchy::Server,
            CaName::DevicesRoot | CaName::DevicesIssuing => Hierarchy::Devices,
        }
    }
}

impl fmt::Display for CaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The CA with this chain and the key that `dir` holds or names.
pub fn open_with(chain: Vec<Certificate>, dir: &Path, title: &str, ask: &mut AskForCa<'_>) -> Result<OpenCa> {
    let key = KeyLocation::of(dir)?.open(ask)?.ok_or_else(|| unavailable(&dir.join(KEY_FILE), title))?;
    LocalCa::new(chain, key).map_err(|error| error.at(dir.join(CERT)))
}

/// Fails where the CA in `dir` could issue nothing at `now`: the key is not here, or the certificate does not hold. The
/// key is not opened.
pub fn check_usable_in(dir: &Path, title: &str, now: OffsetDateTime) -> Result<Validity> {
    if KeyLocation::of(dir)? == KeyLocation::Elsewhere {
        return Err(unavailable(&dir.join(KEY_FILE), title));
    }
    let certificates = certificates_in(&dir.join(CERT))?;
    let certificate =
        certificates.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))?;
    let validity = Validity::new(certificate.not_before(), certificate.not_after())?;
    validity.check_issuing(now)?;
    Ok(validity)
}

/// The error for a CA whose key is not at the path where it would be.
pub fn unavailable(key: &Path, title: &str) -> Error {
    Code::CaUnavailable.error(format!("the key of the {title} is not in the store")).at(key).fix(
        match title == CaName::ServerIssuing.title() {
            true => "make servers where the CAs were made: a station bundle (`tbpki ca export`) issues devices alone",
            false => "bring the key back from where it is kept, to this path",
        },
    )
}
