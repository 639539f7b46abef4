//! The files of a host: in place, and staged as FILE.new.

use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Mode, WriteOutcome};
use base::{Code, Error, Result};
use identity::files::output::pem_of;
use pki::key::KeyFormat;
use pki::pem_bundle::PemBundle;
use pki::{Algorithm, Certificate, PrivateKey};
use zeroize::Zeroizing;

use super::server::Identity;

/// The largest file that is read, in bytes.
const LIMIT: usize = 1 << 20;

/// The files of a certificate and its key, in one directory, so that they change together.
pub(super) struct Files {
    dir: PathBuf,
    cert: String,
    key: String,
}

impl Files {
    /// The files at these paths.
    ///
    /// # Errors
    /// [`Code::BadValue`] for paths in different directories.
    pub(super) fn new(cert: &Path, key: &Path) -> Result<Self> {
        let (dir, cert_name) = split(cert)?;
        let (key_dir, key_name) = split(key)?;
        if dir != key_dir || cert_name == key_name {
            return Err(Code::BadValue
                .error("certificate and key must be two files in one directory")
                .because("they are replaced together, in one step")
                .fix("name two files in one directory with --cert and --key"));
        }
        // A file set that was cut off is moved into place before its files are read.
        file::recover(&dir)?;
        Ok(Self { dir, cert: cert_name, key: key_name })
    }

    /// The identity in place.
    pub(super) fn present(&self) -> Result<Identity> {
        let (cert, key) = (self.dir.join(&self.cert), self.dir.join(&self.key));
        let chain = PemBundle::parse(&file::read(&cert, LIMIT)?).map_err(|error| error.at(&cert))?.certificates;
        let leaf =
            chain.first().ok_or_else(|| Code::CertificateUnreadable.error("there is no certificate").at(&cert))?;
        let private =
            PrivateKey::from_pem_or_der(&file::read_secret(&key, LIMIT)?, None).map_err(|error| error.at(&key))?;
        private.check_belongs_to(leaf.spki_der()).map_err(|error| error.at(&key))?;
        Ok(Identity { chain, key: private })
    }

    /// Fails if there is an identity in place: a first certificate replaces nothing.
    pub(super) fn check_absent(&self) -> Result<()> {
        match [&self.cert, &self.key].into_iter().map(|name| self.dir.join(name)).find(|path| path.exists()) {
            None => Ok(()),
            Some(path) => Err(Code::TargetExists
                .error("there is a file already")
                .at(path)
                .fix("renew the certificate with `tbpki renew --est`, or move the file away")),
        }
    }

    /// The identity in place, if it is the staged one: a run was interrupted between the move and its end.
    pub(super) fn moved(&self) -> Result<Option<Identity>> {
        if !self.dir.join(&self.cert).exists() || !self.dir.join(&self.key).exists() {
            return Ok(None);
        }
        let (key, chain) = (self.staged_key()?, self.staged_chain()?);
        // Without staged files, those in place belong to a finished run or to another program, and are not read.
        if key.is_none() && chain.is_empty() {
            return Ok(None);
        }
        let present = self.present()?;
        // Either is enough: the end removes the staged files one by one.
        let is_staged = key.is_some_and(|key| key.spki_der() == present.key.spki_der())
            || chain.first().is_some_and(|leaf| leaf.der() == present.leaf().der());
        Ok(is_staged.then_some(present))
    }

    /// The identity that an earlier run has fetched; `None` if it was interrupted before that.
    pub(super) fn staged(&self) -> Result<Option<Identity>> {
        let chain = self.staged_chain()?;
        Ok(match (self.staged_key()?, chain.first()) {
            (Some(key), Some(leaf)) if key.check_belongs_to(leaf.spki_der()).is_ok() => Some(Identity { chain, key }),
            _ => None,
        })
    }

    /// The staged key; `None` if there is none, or none that can be read.
    fn staged_key(&self) -> Result<Option<PrivateKey>> {
        let bytes = file::read_optional(self.dir.join(staged(&self.key)), LIMIT)?.map(Zeroizing::new);
        Ok(bytes.and_then(|bytes| PrivateKey::from_pem_or_der(&bytes, None).ok()))
    }

    /// The staged chain; empty if there is none, or none that can be read.
    fn staged_chain(&self) -> Result<Vec<Certificate>> {
        let bytes = file::read_optional(self.dir.join(staged(&self.cert)), LIMIT)?;
        Ok(bytes.and_then(|bytes| PemBundle::parse(&bytes).ok()).map(|bundle| bundle.certificates).unwrap_or_default())
    }

    /// The new key: the one of an interrupted run, or one that is made and written now (mode 0600).
    pub(super) fn new_key(&self, algorithm: Algorithm) -> Result<PrivateKey> {
        let name = staged(&self.key);
        let path = self.dir.join(&name);
        if let Some(bytes) = file::read_optional(&path, LIMIT)? {
            return PrivateKey::from_pem_or_der(&bytes, None).map_err(|error| {
                error.at(&path).fix("remove the file: it is left of an interrupted run, and nothing uses it yet")
            });
        }
        let key = PrivateKey::generate(algorithm)?;
        let mut set = FileSet::new(&self.dir);
        // On the disk before the request is sent: if the answer gets lost, the next run asks with the same key, and the
        // service sends the same certificate again.
        set.add(name, pem(&key)?, Mode::Private)?;
        set.commit()?;
        Ok(key)
    }

    /// Writes the chain to its staged file.
    pub(super) fn stage_chain(&self, chain: &[Certificate]) -> Result<()> {
        let name = staged(&self.cert);
        // A chain of an interrupted run is replaced.
        file::remove(&self.dir, &name)?;
        let mut set = FileSet::new(&self.dir);
        set.add(name, pem_of(chain).into_bytes(), Mode::Public)?;
        set.commit().map(drop)
    }

    /// Puts key and chain in their places together. The files before are kept as FILE.SERIAL of the new certificate.
    pub(super) fn move_into_place(&self, new: &Identity) -> Result<Vec<PathBuf>> {
        let mut set = FileSet::new(&self.dir).replacing(new.leaf().serial_hex());
        set.add(&self.key, pem(&new.key)?, Mode::Private)?;
        set.add(&self.cert, pem_of(&new.chain).into_bytes(), Mode::Public)?;
        let written = set.commit()?;
        Ok(written
            .into_iter()
            .filter_map(|file| match file.outcome {
                WriteOutcome::Replaced(kept) => Some(kept),
                WriteOutcome::Written | WriteOutcome::Unchanged => None,
            })
            .collect())
    }

    /// Removes the staged files, whose content is in place now. The chain goes last: `tbpki needs-renewal CERT` sees by it
    /// that a run was interrupted.
    pub(super) fn remove_staged(&self) -> Result<()> {
        for name in [&self.key, &self.cert] {
            file::remove(&self.dir, &staged(name))?;
        }
        Ok(())
    }
}

fn staged(name: &str) -> String {
    format!("{name}.new")
}

/// Whether a chain for this file is staged.
pub(super) fn is_staged(cert: &Path) -> bool {
    split(cert).is_ok_and(|(dir, name)| dir.join(staged(&name)).exists())
}

fn split(path: &Path) -> Result<(PathBuf, String)> {
    let unusable = || -> Error { Code::BadValue.error("this is not the name of a file").at(path) };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unusable)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent.to_owned(), name.to_owned()))
}

fn pem(key: &PrivateKey) -> Result<Zeroizing<Vec<u8>>> {
    Ok(Zeroizing::new(key.to_pem(KeyFormat::Pkcs8)?.as_bytes().to_vec()))
}
