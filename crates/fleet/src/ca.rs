//! The four CAs of a store: a root and an issuing CA for servers, and another pair for devices.
//!
//! The two hierarchies share nothing. Whoever steals a station that issues devices cannot pose as the broker,
//! since clients never trust the devices' root.

use std::fmt;
use std::path::{Path, PathBuf};

use pki::issuer::LocalCa;
use pki::pem_bundle::PemBundle;
use pki::validity::Validity;
use pki::{Certificate, Code, Error, PrivateKey, Result, Secret, file};
use time::OffsetDateTime;

use crate::store::FILE_LIMIT;

/// Which hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hierarchy {
    /// What clients trust.
    Server,
    /// What brokers trust.
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

    /// Its root and its issuing CA.
    pub const fn names(self) -> [CaName; 2] {
        [self.root(), self.issuing()]
    }

    /// Its root.
    pub const fn root(self) -> CaName {
        match self {
            Hierarchy::Server => CaName::ServerRoot,
            Hierarchy::Devices => CaName::DevicesRoot,
        }
    }

    /// Its issuing CA.
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

    /// Whether it is a root.
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
        self.path(store, "cert.pem")
    }

    /// The path of its key in the store.
    pub fn key_path(self, store: &Path) -> PathBuf {
        self.path(store, "key.pem")
    }

    fn path(self, store: &Path, file: &str) -> PathBuf {
        store.join("ca").join(self.name()).join(file)
    }

    /// Its certificate, and behind it those between it and the root.
    pub fn certificates(self, store: &Path) -> Result<Vec<Certificate>> {
        certificates_in(&self.cert_path(store))
    }

    /// The CA, ready to issue. `passphrase` is asked for only if the key is encrypted.
    ///
    /// # Errors
    /// [`Code::CaUnavailable`] where the key is not in the store, and what the key, the passphrase and the
    /// certificates can be wrong about.
    pub fn open(self, store: &Path, passphrase: &mut dyn FnMut() -> Result<Secret>) -> Result<LocalCa> {
        let mut chain = self.certificates(store)?;
        if !self.is_root() {
            chain.extend(self.hierarchy().root().certificates(store)?);
        }
        open_with(chain, &store.join("ca").join(self.name()), self.title(), passphrase)
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

/// The certificates in a CA's file, of which there has to be one.
pub(crate) fn certificates_in(path: &Path) -> Result<Vec<Certificate>> {
    let bytes = file::read(path, FILE_LIMIT)?;
    let certificates = PemBundle::parse(&bytes).map_err(|error| error.at(path))?.certificates;
    if certificates.is_empty() {
        return Err(Code::CertificateUnreadable.error("there is no certificate in the file").at(path));
    }
    Ok(certificates)
}

/// The CA with this chain and the key in `dir`.
pub(crate) fn open_with(
    chain: Vec<Certificate>,
    dir: &Path,
    title: &str,
    passphrase: &mut dyn FnMut() -> Result<Secret>,
) -> Result<LocalCa> {
    let path = dir.join("key.pem");
    let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? else {
        return Err(unavailable(&path, title));
    };
    let key = open_key(&bytes, passphrase).map_err(|error| error.at(&path))?;
    LocalCa::new(chain, key).map_err(|error| error.at(dir.join("cert.pem")))
}

/// Fails where the CA in `dir` could issue nothing at `now`: the key is not here, or the certificate does not hold. The
/// key is not opened.
pub(crate) fn check_usable_in(dir: &Path, title: &str, now: OffsetDateTime) -> Result<Validity> {
    let key = dir.join("key.pem");
    if !key.exists() {
        return Err(unavailable(&key, title));
    }
    let certificates = certificates_in(&dir.join("cert.pem"))?;
    let certificate =
        certificates.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))?;
    let validity = Validity::new(certificate.not_before(), certificate.not_after())?;
    validity.check_issuing(now)?;
    Ok(validity)
}

fn unavailable(key: &Path, title: &str) -> Error {
    Code::CaUnavailable
        .error(format!("the key of the {title} is not in the store"))
        .at(key)
        .fix("bring the key back from where it is kept, to this path")
}

/// A private key that may be encrypted; `passphrase` is asked for only then.
pub(crate) fn open_key(bytes: &[u8], passphrase: &mut dyn FnMut() -> Result<Secret>) -> Result<PrivateKey> {
    match PrivateKey::from_pem_or_der(bytes, None) {
        Err(error) if error.code() == Code::KeyEncrypted => PrivateKey::from_pem_or_der(bytes, Some(&passphrase()?)),
        other => other,
    }
}
