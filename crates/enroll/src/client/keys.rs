//! The keys of a host: one in place, one staged, and those of earlier certificates.

pub(super) mod in_file;
pub(super) mod in_token;

use base::file::FileSet;
use base::{Finding, Result};
use pki::{Algorithm, Certificate};
use provision::LoginKey;

/// The keys of a certificate, wherever they are kept. A file changes together with the certificate: the key file, or the
/// file that names the key in its token.
pub(super) trait HostKeys {
    /// The name of this file, in the directory of the certificate.
    fn file(&self) -> &str;

    /// The key of the certificate in place.
    fn present(&mut self, leaf: &Certificate) -> Result<LoginKey>;

    /// Fails if the file of the key has more than the key that takes its place, or another form.
    fn check_form(&self) -> Result<()>;

    /// The key of a staged certificate: the staged key, or the one in place. `None` if neither belongs to it.
    fn of_staged(&mut self, leaf: &Certificate) -> Result<Option<LoginKey>>;

    /// The state of the staged key.
    fn staged(&self) -> Result<StagedKey>;

    /// A key for a first certificate that exists already. `name` is the common name of the certificate.
    fn existing(&mut self, name: &str) -> Result<LoginKey>;

    /// A new key for the next certificate: the one of an interrupted run, or one that is recorded and made now. `present` is
    /// the certificate in place, and `name` its common name or that of the first certificate.
    fn next(&mut self, algorithm: Algorithm, name: &str, present: Option<&Certificate>) -> Result<LoginKey>;

    /// Adds the file of a key to those that move into their places.
    fn add_to(&self, set: &mut FileSet, key: &LoginKey) -> Result<()>;

    /// The URI of the key in place, if a token keeps it.
    fn uri(&self) -> Result<Option<String>>;

    /// Removes keys that nothing uses any more. `serials` are the serial numbers of the certificate in place and of those before
    /// it, the latest first, and `loaded` tells whether the programs of the host have the new files.
    fn remove_earlier(&mut self, serials: &[String], loaded: bool) -> Result<EarlierKeys>;

    /// The file of the key before the certificate with this serial number; `None` if it names a key in a token, and goes when
    /// that key is removed.
    fn earlier_file(&self, serial: &str) -> Option<String>;

    /// Removes the staged file.
    fn remove_staged(&self) -> Result<()>;
}

/// The state of a staged key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StagedKey {
    /// There is none.
    Missing,
    /// It is the one in place.
    InPlace,
    /// It is another one.
    Other,
}

/// The keys of earlier certificates in a token, by their URIs.
#[derive(Debug, Default)]
pub(super) struct EarlierKeys {
    /// Those that were removed now.
    pub(super) removed: Vec<String>,
    /// Those that are still in the token.
    pub(super) kept: Vec<String>,
    /// What was noticed.
    pub(super) findings: Vec<Finding>,
}

/// The name of the staged file of a file.
pub(super) fn staged_name(name: &str) -> String {
    format!("{name}.new")
}

/// Whether the contents of a file are blocks of PEM (RFC 7468), and not DER.
pub(super) fn is_pem(bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    bytes.windows(BEGIN.len()).any(|part| part == BEGIN)
}
