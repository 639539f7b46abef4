//! What a host asks for, and how it proves itself.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use base::{Error, Result, Secret};
use identity::lifecycle::hook::Hook;
use pki::Algorithm;
use pki::pkcs11::{KeyReference, TokenUri};
use store::ca::KeyLocation;

/// The server and the files of a host.
#[derive(Debug)]
pub struct HostRequest {
    /// The URL of the server, without `/.well-known`.
    pub url: String,
    /// The label; `None` for none.
    pub label: Option<String>,
    /// The PEM file with the roots that the server's certificate leads to; `None` for those of the system.
    pub cafile: Option<PathBuf>,
    /// The file of the certificate with its chain.
    pub cert: PathBuf,
    /// The private key: a file in the same directory, or a key in a token.
    pub key: HostKeyName,
    /// Make no key: renew for the present one, or fetch the first certificate for a key that exists already.
    pub same_key: bool,
    /// How the host proves itself.
    pub proof: Proof,
    /// The program that runs once the files are in their places.
    pub after: Option<Hook>,
    /// How many earlier sets of files are kept, as FILE.SERIAL.
    pub keep: usize,
    /// Ask for no certificate, and write nothing.
    pub dry_run: bool,
}

impl HostRequest {
    /// The files with private keys: that of the present key, and that of the key that proves who asks. Keys in tokens have none.
    pub(super) fn key_files(&self) -> impl Iterator<Item = &Path> {
        let proof = match &self.proof {
            Proof::Certificate { key, .. } => Some(key.as_ref()),
            Proof::Present | Proof::Password { .. } => None,
        };
        std::iter::once(&self.key).chain(proof).filter_map(HostKeyName::file)
    }
}

/// The name of a host's key: a path, or the URI of a key in a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKeyName {
    /// The place of the key.
    pub location: KeyLocation,
    /// The file with the PIN of the token, if the URI names one.
    pub pin_source: Option<PathBuf>,
}

impl HostKeyName {
    /// The file of the key; `None` for a key in a token.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.location {
            KeyLocation::File(path) => Some(path.as_path()),
            KeyLocation::Token(_) | KeyLocation::Elsewhere => None,
        }
    }
}

impl FromStr for HostKeyName {
    type Err = Error;

    /// Reads a `pkcs11:` URI, which can name the file of the PIN (`pin-source`), or else a path.
    ///
    /// # Errors
    /// [`Code::Pkcs11Uri`](base::Code::Pkcs11Uri).
    fn from_str(text: &str) -> Result<Self> {
        if !TokenUri::is_meant_by(text) {
            return Ok(Self { location: KeyLocation::File(text.into()), pin_source: None });
        }
        let KeyReference { uri, pin_source, .. } = text.parse()?;
        Ok(Self { location: KeyLocation::Token(uri), pin_source })
    }
}

/// How a host proves itself.
#[derive(Debug)]
pub enum Proof {
    /// By its present certificate. The new key has the algorithm of the present one.
    Present,
    /// By its name and a one-time password: a first certificate.
    Password {
        /// The device's name.
        name: String,
        /// The password.
        password: Secret,
        /// The algorithm of the key.
        algorithm: Algorithm,
    },
    /// By a certificate of a CA that the server accepts once, for example of the maker of the hardware: a first
    /// certificate.
    Certificate {
        /// The device's name.
        name: String,
        /// The file of that certificate with its chain.
        cert: PathBuf,
        /// Its key.
        key: Box<HostKeyName>,
        /// The algorithm of the key for the first certificate.
        algorithm: Algorithm,
    },
}
