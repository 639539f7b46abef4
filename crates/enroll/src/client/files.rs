//! The files of a host: in place, and staged as FILE.new.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::file::{self, FileSet, Lock, Mode, WriteOutcome};
use base::text::shell_word;
use base::{Code, Result};
use identity::files::output::pem_of;
use pki::key::SigningKey as _;
use pki::pem_bundle::PemBundle;
use pki::pkcs11::TokenKey;
use pki::{Algorithm, Certificate};
use provision::LoginKey;
use store::ca::KeyLocation;

use super::file_names::{FileNames, no_key, split};
use super::keys::in_file::{self, KeysInFile};
use super::keys::in_token::{AskForPin, KeysInToken};
use super::keys::{EarlierKeys, HostKeys, StagedKey, is_pem, staged_name};
use super::request::{HostKeyName, HostRequest, Proof};
use super::server::Identity;

/// The largest file that is read, in bytes.
const LIMIT: usize = 1 << 20;

/// The files of a certificate and its key, in one directory, so that they change together.
pub(super) struct Files<'a> {
    dir: PathBuf,
    cert: String,
    keys: Box<dyn HostKeys + 'a>,
    /// Whether the next certificate is for a key that exists.
    same_key: bool,
    /// Held until the end of the run; `None` in a dry run, which writes nothing, and until the directory is made.
    lock: Option<Lock>,
}

/// How long another run in the same directory is waited for. A program of such a run can take longer.
const PATIENCE: Duration = Duration::from_secs(10);

impl<'a> Files<'a> {
    /// The files of a request. `ask` is asked for the PIN of a token.
    ///
    /// # Errors
    /// [`Code::StoreLocked`] if another run does not end.
    pub(super) fn new(request: &HostRequest, names: FileNames, ask: &'a mut AskForPin<'a>) -> Result<Self> {
        let FileNames { dir, cert, key } = names;
        let keys: Box<dyn HostKeys + 'a> = match &request.key.location {
            KeyLocation::File(_) => Box::new(KeysInFile::new(&dir, key)),
            KeyLocation::Token(uri) => {
                let named = (uri.clone(), request.key.pin_source.clone());
                Box::new(KeysInToken::new(&dir, &cert, named, ask))
            }
            KeyLocation::Elsewhere => return Err(no_key()),
        };
        let mut files = Self { dir, cert, keys, same_key: request.same_key, lock: None };
        if !request.dry_run && files.dir.is_dir() {
            files.lock(&request.proof)?;
        }
        Ok(files)
    }

    /// Makes the directory (mode 0700) if it is missing, and waits for another run in it, as [`new`](Self::new) does for one
    /// that exists. Called once nothing else is missing: a command with a mistake leaves no directory behind.
    ///
    /// # Errors
    /// [`Code::FileUnwritable`] if the directory above is missing, [`Code::StoreLocked`] if another run does not end, and
    /// [`Code::TargetExists`] if another run has fetched the certificate meanwhile.
    pub(super) fn make_dir(&mut self, proof: &Proof) -> Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        let above = self.dir.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !above.is_dir() {
            return Err(Code::FileUnwritable
                .error("the directory cannot be made: the one above it is missing")
                .at(&self.dir)
                .fix("make the directory above it first"));
        }
        file::create_dir(&self.dir)?;
        self.lock(proof)?;
        self.check_absent()
    }

    fn lock(&mut self, proof: &Proof) -> Result<()> {
        // Two runs would take each other's staged files for those of a run that was cut off.
        self.lock = Some(Lock::acquire(&self.dir, verb(proof), PATIENCE)?);
        // A file set that was cut off is moved into place before its files are read.
        file::recover(&self.dir).map(drop)
    }

    /// The name of the key's file: of the key itself, or of the file that names the key in its token.
    pub(super) fn key_name(&self) -> &str {
        self.keys.file()
    }

    fn key_file(&self) -> PathBuf {
        self.dir.join(self.keys.file())
    }

    /// The URI of the key in place, if a token keeps it.
    pub(super) fn key_uri(&self) -> Result<Option<String>> {
        self.keys.uri()
    }

    /// The identity in place.
    pub(super) fn present(&mut self) -> Result<Identity> {
        let chain = read_chain(&self.dir.join(&self.cert))?;
        let leaf = leaf_of(&chain, &self.dir.join(&self.cert))?;
        Ok(Identity { key: self.keys.present(leaf)?, chain })
    }

    /// Fails if a file in place has more than what takes its place, or another form: a program that reads it would find
    /// neither in the next file. A renewal writes the chain in PEM, and the key in PEM.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`], [`Code::KeyUnreadable`].
    pub(super) fn check_form(&self) -> Result<()> {
        let path = self.dir.join(&self.cert);
        let bytes = file::read(&path, LIMIT)?;
        let word = |path: &Path| shell_word(&path.to_string_lossy()).into_owned();
        let chain = |what: &str, why: &str, fix: String| {
            Err(Code::CertificateUnreadable.error(what).at(&path).because(why).fix(fix))
        };
        if !is_pem(&bytes) {
            let fix = format!(
                "convert it with `openssl x509 -inform DER -in {} -out NEW`, make the programs of this host read NEW, and name \
                 it with --cert",
                word(&path)
            );
            return chain("the file of the certificate is not PEM", "a renewal writes PEM in its place", fix);
        }
        if !PemBundle::parse(&bytes).map_err(|error| error.at(&path))?.keys.is_empty() {
            let fix = format!(
                "copy the certificates to a file of their own with `openssl crl2pkcs7 -nocrl -certfile {} | openssl pkcs7 \
                 -print_certs -out NEW`, make the programs of this host read NEW, and name it with --cert",
                word(&path)
            );
            return chain(
                "the file of the certificate contains a private key, too",
                "a renewal puts the new chain alone in its place",
                fix,
            );
        }
        self.keys.check_form()
    }

    /// Fails if there is an identity in place: a first certificate replaces nothing.
    pub(super) fn check_absent(&self) -> Result<()> {
        // A key file that is to be used has to exist.
        let key = (!self.same_key).then(|| self.key_file());
        match [Some(self.dir.join(&self.cert)), key].into_iter().flatten().find(|path| path.exists()) {
            None => Ok(()),
            Some(path) => Err(Code::TargetExists
                .error("there is a file already")
                .at(path)
                .fix("renew the certificate with `tbpki renew --est`, or move the file away")),
        }
    }

    /// Fails if an identity that an earlier run has fetched is not that of the device whose first certificate is asked for.
    ///
    /// # Errors
    /// [`Code::TargetExists`].
    pub(super) fn check_name(&self, proof: &Proof, fetched: &Identity) -> Result<()> {
        let (Proof::Password { name, .. } | Proof::Certificate { name, .. }) = proof else { return Ok(()) };
        let leaf = fetched.leaf();
        if leaf.common_name().as_ref() == Some(name) {
            return Ok(());
        }
        let [cert, key] = [&self.cert, self.keys.file()].map(staged_name);
        Err(Code::TargetExists
            .error(format!("an earlier run has fetched a certificate for another device: {}", leaf.subject()))
            .at(self.dir.join(&cert))
            .item(name)
            .fix(format!("run the command for that device again, or remove {cert} and {key}")))
    }

    /// The identity in place, if it is the staged one: a run was interrupted between the move and its end.
    pub(super) fn moved(&mut self) -> Result<Option<Identity>> {
        if !self.dir.join(&self.cert).exists() || !self.key_file().exists() {
            return Ok(None);
        }
        let (key, chain) = (self.keys.staged()?, self.staged_chain()?);
        // Without staged files, those in place belong to a finished run or to another program, and are not read.
        if key == StagedKey::Missing && chain.is_empty() {
            return Ok(None);
        }
        let in_place = read_chain(&self.dir.join(&self.cert))?;
        // Either is enough: the end removes the staged files one by one.
        let is_staged = key == StagedKey::InPlace
            || chain.first().is_some_and(|staged| in_place.first().is_some_and(|leaf| staged.der() == leaf.der()));
        if is_staged { self.present().map(Some) } else { Ok(None) }
    }

    /// The identity that an earlier run has fetched; `None` if it was interrupted before that.
    pub(super) fn staged(&mut self) -> Result<Option<Identity>> {
        let chain = self.staged_chain()?;
        let Some(leaf) = chain.first() else { return Ok(None) };
        let key = self.keys.of_staged(leaf)?;
        Ok(key.map(|key| Identity { chain, key }))
    }

    /// The staged chain; empty if there is none, or none that can be read.
    fn staged_chain(&self) -> Result<Vec<Certificate>> {
        let bytes = file::read_optional(self.dir.join(staged_name(&self.cert)), LIMIT)?;
        Ok(bytes.and_then(|bytes| PemBundle::parse(&bytes).ok()).map(|bundle| bundle.certificates).unwrap_or_default())
    }

    /// The key for the next certificate: one that exists, if the request wants that; else the one of an interrupted run, or
    /// one that is recorded and made now.
    pub(super) fn next_key(
        &mut self,
        algorithm: Algorithm,
        name: &str,
        present: Option<&Identity>,
    ) -> Result<LoginKey> {
        match (self.same_key, present.map(Identity::leaf)) {
            (true, Some(leaf)) => self.keys.present(leaf),
            (true, None) => self.keys.existing(name),
            (false, leaf) => self.keys.next(algorithm, name, leaf),
        }
    }

    /// Writes the chain to its staged file.
    pub(super) fn stage_chain(&self, chain: &[Certificate]) -> Result<()> {
        let name = staged_name(&self.cert);
        // A chain of an interrupted run is replaced.
        file::remove(&self.dir, &name)?;
        let mut set = FileSet::new(&self.dir);
        set.add(name, pem_of(chain).into_bytes(), Mode::Public)?;
        set.commit().map(drop)
    }

    /// Puts key and chain in their places together. The files before are kept as FILE.SERIAL of the new certificate.
    pub(super) fn move_into_place(&self, new: &Identity) -> Result<Vec<PathBuf>> {
        // Programs of the host read the files, as other users too.
        let mut set = FileSet::new(&self.dir).replacing(new.leaf().serial_hex()).keeping_readers();
        self.keys.add_to(&mut set, &new.key)?;
        set.add(&self.cert, pem_of(&new.chain).into_bytes(), Mode::Public)?;
        let written = set.commit()?;
        Ok(written
            .into_iter()
            .filter_map(|file| match file.outcome {
                WriteOutcome::Replaced(kept) => Some(kept),
                WriteOutcome::Written | WriteOutcome::Unchanged | WriteOutcome::Given => None,
            })
            .collect())
    }

    /// Removes earlier certificates of the identity, with their key files, except the latest `keep`. A file is one of them if
    /// it is in the line of the certificate in place ([`line`](Self::line)); all others are the user's.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn remove_beyond(&self, leaf: &Certificate, keep: usize) -> Result<()> {
        let mut serials = self.line(leaf);
        // The earliest certificate of the line has taken the place of none.
        serials.pop();
        for serial in serials.iter().skip(keep) {
            for file in self.keys.earlier_file(serial).iter().chain([&format!("{}.{serial}", self.cert)]) {
                file::remove(&self.dir, file)?;
            }
        }
        Ok(())
    }

    /// The serial numbers of the certificate in place and of those before it, the latest first. `CERT.SERIAL` is the certificate
    /// before the one with this serial number. The line ends with a file that is not there, cannot be read, or has another
    /// subject.
    fn line(&self, leaf: &Certificate) -> Vec<String> {
        let mut serials = vec![leaf.serial_hex()];
        while let Some(last) = serials.last() {
            let chain = read_chain(&self.dir.join(format!("{}.{last}", self.cert))).unwrap_or_default();
            let Some(before) = chain.first().filter(|before| before.subject() == leaf.subject()) else { break };
            let serial = before.serial_hex();
            // Files that name each other would have no end.
            if serials.contains(&serial) {
                break;
            }
            serials.push(serial);
        }
        serials
    }

    /// Removes keys of earlier certificates from the token, then the staged files, whose content is in place now. The chain
    /// goes last: `tbpki needs-renewal CERT` sees by it that a run was interrupted. `loaded` tells whether the programs of the
    /// host have the new files.
    pub(super) fn clean_up(&mut self, leaf: &Certificate, loaded: bool) -> Result<EarlierKeys> {
        let earlier = self.keys.remove_earlier(&self.line(leaf), loaded)?;
        self.keys.remove_staged()?;
        file::remove(&self.dir, &staged_name(&self.cert))?;
        Ok(earlier)
    }
}

/// The verb that holds the lock.
fn verb(proof: &Proof) -> &'static str {
    match proof {
        Proof::Present => "renew --est",
        Proof::Password { .. } | Proof::Certificate { .. } => "enroll fetch",
    }
}

/// Whether a chain for this file is staged.
pub(super) fn is_staged(cert: &Path) -> bool {
    split(cert).is_ok_and(|(dir, name)| dir.join(staged_name(&name)).exists())
}

/// The identity with which a host proves itself for its first certificate.
pub(super) fn proof(cert: &Path, key: &HostKeyName, ask: &mut AskForPin<'_>) -> Result<Identity> {
    let chain = read_chain(cert)?;
    let leaf = leaf_of(&chain, cert)?;
    let key = match &key.location {
        KeyLocation::File(path) => LoginKey::File(in_file::read(path)?),
        KeyLocation::Token(uri) => {
            let mut pin = || ask(key.pin_source.as_deref());
            LoginKey::in_token(TokenKey::open(uri, &mut pin)?)?
        }
        KeyLocation::Elsewhere => return Err(no_key()),
    };
    key.check_belongs_to(leaf.spki_der()).map_err(|error| error.at(cert))?;
    Ok(Identity { chain, key })
}

fn read_chain(path: &Path) -> Result<Vec<Certificate>> {
    Ok(PemBundle::parse(&file::read(path, LIMIT)?).map_err(|error| error.at(path))?.certificates)
}

fn leaf_of<'c>(chain: &'c [Certificate], path: &Path) -> Result<&'c Certificate> {
    chain.first().ok_or_else(|| Code::CertificateUnreadable.error("there is no certificate").at(path))
}
