//! The CAs of a store: a root and an issuing CA for servers, another pair for devices, and those of device profiles.
//!
//! The two hierarchies share nothing. A thief of a station that issues devices cannot impersonate the broker,
//! since clients never trust the devices' root.

use std::fmt;
use std::path::{Path, PathBuf};

use base::Result;
use base::text::shell_word;
use pki::Certificate;
use pki::device_name::DeviceName;

use crate::file_names::CERT;

pub mod generation_number;
pub mod generations;
pub mod key;
pub mod key_files;
mod open;
pub mod recorded;

use generations::CaGeneration;
pub use generations::certificates_in;
pub use key::KeyLocation;
use key::{KEY_FILE, URI_FILE};
pub use open::{OpenCa, place_of, unavailable};

/// The prefix of the names of the CAs of profiles.
const PROFILE: &str = "profile-";

/// Which hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hierarchy {
    /// The CAs that clients trust.
    Server,
    /// The CAs that brokers trust.
    Devices,
}

/// A CA of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ca {
    /// The root of the servers.
    ServerRoot,
    /// The CA that issues servers.
    ServerIssuing,
    /// The root of the devices.
    DevicesRoot,
    /// The CA that issues devices.
    DevicesIssuing,
    /// The CA that issues the devices of a profile, below the devices' root.
    Profile(DeviceName),
}

impl Hierarchy {
    /// Both.
    pub const ALL: [Hierarchy; 2] = [Hierarchy::Server, Hierarchy::Devices];

    /// The root and the issuing CA.
    pub const fn cas(self) -> [Ca; 2] {
        [self.root(), self.issuing()]
    }

    /// The root.
    pub const fn root(self) -> Ca {
        match self {
            Hierarchy::Server => Ca::ServerRoot,
            Hierarchy::Devices => Ca::DevicesRoot,
        }
    }

    /// The issuing CA.
    pub const fn issuing(self) -> Ca {
        match self {
            Hierarchy::Server => Ca::ServerIssuing,
            Hierarchy::Devices => Ca::DevicesIssuing,
        }
    }
}

impl Ca {
    /// The four that `init` makes, roots before the CAs below them.
    pub const OF_INIT: [Ca; 4] = [Ca::ServerRoot, Ca::ServerIssuing, Ca::DevicesRoot, Ca::DevicesIssuing];

    /// The CA of this name in the ledger; none for the name of what issued itself.
    pub fn named(name: &str) -> Option<Self> {
        match Self::profile_of(name) {
            Some(profile) => profile.parse().ok().map(Ca::Profile),
            None => Ca::OF_INIT.into_iter().find(|ca| ca.name() == name),
        }
    }

    /// The profile whose CA has this name in the ledger.
    pub fn profile_of(name: &str) -> Option<&str> {
        name.strip_prefix(PROFILE)
    }

    /// The name of its directory, and its name in the ledger.
    pub fn name(&self) -> String {
        match self {
            Ca::ServerRoot => "server-root".to_owned(),
            Ca::ServerIssuing => "server-issuing".to_owned(),
            Ca::DevicesRoot => "devices-root".to_owned(),
            Ca::DevicesIssuing => "devices-issuing".to_owned(),
            Ca::Profile(profile) => format!("{PROFILE}{profile}"),
        }
    }

    /// Its name as a word of a command that a user can copy: the name of a profile can have blanks.
    pub fn word(&self) -> String {
        shell_word(&self.name()).into_owned()
    }

    /// The last part of its common name, for messages.
    pub fn title(&self) -> String {
        match self {
            Ca::ServerRoot => "server root CA".to_owned(),
            Ca::ServerIssuing => "server issuing CA".to_owned(),
            Ca::DevicesRoot => "devices root CA".to_owned(),
            Ca::DevicesIssuing => "devices issuing CA".to_owned(),
            Ca::Profile(profile) => format!("issuing CA of the profile {profile}"),
        }
    }

    /// True if it is a root.
    pub const fn is_root(&self) -> bool {
        matches!(self, Ca::ServerRoot | Ca::DevicesRoot)
    }

    /// The profile whose devices it issues.
    pub const fn profile(&self) -> Option<&DeviceName> {
        match self {
            Ca::Profile(profile) => Some(profile),
            Ca::ServerRoot | Ca::ServerIssuing | Ca::DevicesRoot | Ca::DevicesIssuing => None,
        }
    }

    /// The hierarchy that it belongs to.
    pub const fn hierarchy(&self) -> Hierarchy {
        match self {
            Ca::ServerRoot | Ca::ServerIssuing => Hierarchy::Server,
            Ca::DevicesRoot | Ca::DevicesIssuing | Ca::Profile(_) => Hierarchy::Devices,
        }
    }

    /// The root of its hierarchy: a root's own.
    pub const fn root(&self) -> Ca {
        self.hierarchy().root()
    }

    /// The CA whose key every trusted generation of this root certifies; the CAs of profiles have one certificate each.
    pub fn cross_certified(&self) -> Option<Ca> {
        self.is_root().then(|| self.hierarchy().issuing())
    }

    /// The directory of its files in the store.
    pub fn dir(&self, store: &Path) -> PathBuf {
        store.join("ca").join(self.name())
    }

    /// The path of its certificate in the store.
    pub fn cert_path(&self, store: &Path) -> PathBuf {
        self.dir(store).join(CERT)
    }

    /// The path of its key in the store.
    pub fn key_path(&self, store: &Path) -> PathBuf {
        self.dir(store).join(KEY_FILE)
    }

    /// The path of the file in the store that names the token with its key.
    pub fn uri_path(&self, store: &Path) -> PathBuf {
        self.dir(store).join(URI_FILE)
    }

    /// The place of its key.
    ///
    /// # Errors
    /// Those of [`KeyLocation::of`].
    pub fn key_place(&self, store: &Path) -> Result<KeyLocation> {
        KeyLocation::of(&self.dir(store))
    }

    /// The certificate, followed by those between it and the root.
    ///
    /// # Errors
    /// Those of reading the file.
    pub fn certificates(&self, store: &Path) -> Result<Vec<Certificate>> {
        certificates_in(&self.cert_path(store))
    }

    /// The generations that others trust: the one that signs first, then those that are prepared or not retired yet.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn trusted(&self, store: &Path) -> Result<Vec<CaGeneration>> {
        generations::trusted_in(&self.dir(store))
    }

    /// The same by number, so that files that list them stay as they are when another one begins to sign.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn trusted_by_number(&self, store: &Path) -> Result<Vec<CaGeneration>> {
        let mut generations = self.trusted(store)?;
        generations.sort_by_key(|generation| generation.number);
        Ok(generations)
    }

    /// The certificates of [`Ca::trusted_by_number`].
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn trusted_certificates(&self, store: &Path) -> Result<Vec<Certificate>> {
        Ok(self.trusted_by_number(store)?.into_iter().flat_map(|generation| generation.certificates).collect())
    }
}

impl fmt::Display for Ca {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
