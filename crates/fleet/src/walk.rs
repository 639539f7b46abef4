//! The walk from an order to files in their places, the same for servers and for devices.
//!
//! What will be signed is recorded before it is signed, and recorded as issued once it is in the store. What
//! was recorded and never delivered is voided and issued anew under a new serial number.

use std::path::{Path, PathBuf};

use ledger::{Entry, Issued, Key, Kind, NewIdentity, Parameters, State, View};
use pki::file::{FileSet, Ownership, Written};
use pki::identity::{Credential, Identity, X509};
use pki::issuer::{Issuer, Order};
use pki::pem_bundle::PemBundle;
use pki::{Certificate, Code, Error, PrivateKey, Result, file};

use crate::ca::CaName;
use crate::identity_files::{Held, IdentityFiles};
use crate::output_file::OutputFile;
use crate::secrets::NewSecret;
use crate::store::{FILE_LIMIT, Store, identity_dir};

/// One identity on its way into the store.
#[derive(Debug)]
pub(crate) struct Walk<'a, F> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) files: F,
    /// What its holder trusts; none for a self-signed server, which is its own anchor.
    pub(crate) anchors: Option<Vec<Certificate>>,
    /// What was asked for, as the ledger keeps it.
    pub(crate) parameters: Parameters,
    /// The name of the CA that issues it, as the ledger keeps it.
    pub(crate) issuer_name: &'a str,
    /// Whether an identity that is there already is replaced.
    pub(crate) force: bool,
}

/// What the store holds of an identity before the walk.
#[derive(Debug)]
pub(crate) enum Standing {
    /// Nothing, or an earlier generation that is to be replaced.
    Wanted {
        /// The generation that goes.
        replaces: Option<Box<Entry>>,
    },
    /// The very same.
    Present(Box<Entry>),
}

impl<F: IdentityFiles> Walk<'_, F> {
    /// What there is to do. Nothing is written.
    ///
    /// # Errors
    /// [`Code::OtherParameters`] where the identity exists with other parameters, unless it is to be replaced.
    pub(crate) fn standing(&self, store: &Path, ledger: &View) -> Result<Standing> {
        let entry = match ledger.current(self.kind, self.name)? {
            Some(entry) if entry.state == State::Intended && !self.is_delivered(store, &entry)? => ledger
                .history(self.kind, self.name)?
                .into_iter()
                .rev()
                .find(|earlier| !matches!(earlier.state, State::Intended | State::Void)),
            other => other,
        };
        let Some(entry) = entry else {
            return Ok(Standing::Wanted { replaces: None });
        };
        if self.force {
            return Ok(Standing::Wanted { replaces: Some(Box::new(entry)) });
        }
        let differences = entry.parameters.differences(&self.parameters);
        if differences.is_empty() {
            return Ok(Standing::Present(Box::new(entry)));
        }
        let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
        Err(Code::OtherParameters
            .error(format!("the {} {} exists with other parameters", self.kind, self.name))
            .because(texts.join("; "))
            .fix("use another name, or --force to issue a new generation"))
    }

    /// Settles what an interrupted walk has left: what reached the store counts as issued, the rest is void.
    pub(crate) fn settle(&self, store: &mut Store) -> Result<()> {
        // Files on their way are in place before anybody looks at them.
        file::recover(identity_dir(store.dir(), self.kind, self.name))?;
        let Some(entry) = store.ledger.current(self.kind, self.name)?.filter(|entry| entry.state == State::Intended)
        else {
            return Ok(());
        };
        match self.leaf_on_disk(store.dir())?.filter(|leaf| is_of(leaf, &entry)) {
            Some(leaf) => store.ledger.issued(&entry.key, &issued(&leaf)),
            None => store.ledger.void(&entry.key, "interrupted before it was delivered"),
        }
    }

    /// Fails where a new identity could not be put into the store or into `out`. Nothing is written.
    pub(crate) fn check_targets(
        &self,
        store: &Path,
        replaces: Option<&Entry>,
        out: Option<&Destination>,
    ) -> Result<()> {
        let dir = identity_dir(store, self.kind, self.name);
        self.check_target(self.set_for(&dir, replaces))?;
        out.map_or(Ok(()), |out| self.check_target(self.set_for(&out.dir, replaces).owned_by(out.ownership.clone())))
    }

    /// Most contents are not known yet. Whatever they will be, they differ from what is there.
    fn check_target(&self, mut set: FileSet) -> Result<()> {
        for file in self.files.list() {
            let contents = self.files.independent(file, self.anchors.as_deref()).unwrap_or_default();
            set.add(self.files.name(file), contents.into_bytes(), self.files.mode(file))?;
        }
        set.check().map(drop)
    }

    /// Records, issues and stores a new generation. `password` is one that its keystores are closed with for the first
    /// time; once they are in the store it stays there too, whatever fails afterwards.
    pub(crate) fn issue(
        &self,
        store: &mut Store,
        issuer: &dyn Issuer,
        order: Order,
        replaces: Option<&Entry>,
        password: Option<NewSecret>,
    ) -> Result<(Identity, Vec<Written>)> {
        let generation = store.ledger.intend(&self.intention(&order)?)?;
        tracing::info!(kind = %self.kind, name = self.name, %generation, serial = %order.contents.serial, "recorded");
        let key = Key { kind: self.kind, name: self.name.to_owned(), generation };
        let dir = store.dir().to_owned();
        match NewSecret::kept_for(password, &dir, || self.deliver_new(&dir, issuer, order, replaces)) {
            Ok((identity, written)) => {
                store.ledger.issued(&key, &issued(Held::of(&identity)?.leaf))?;
                tracing::info!(kind = %self.kind, name = self.name, %generation, "issued and stored");
                Ok((identity, written))
            }
            Err(error) => {
                store.ledger.void(&key, &error.to_string())?;
                Err(error)
            }
        }
    }

    fn intention(&self, order: &Order) -> Result<NewIdentity> {
        let contents = &order.contents;
        Ok(NewIdentity {
            kind: self.kind,
            name: self.name.to_owned(),
            serial: ledger::Serial::new(contents.serial.octets())?,
            profile: contents.profile.name().to_owned(),
            algorithm: order.key.algorithm().name().to_owned(),
            parameters: self.parameters.clone(),
            issuer: self.issuer_name.to_owned(),
            not_before: contents.validity.not_before(),
            not_after: contents.validity.not_after(),
        })
    }

    fn deliver_new(
        &self,
        store: &Path,
        issuer: &dyn Issuer,
        order: Order,
        replaces: Option<&Entry>,
    ) -> Result<(Identity, Vec<Written>)> {
        let issued = issuer.issue(order)?;
        tracing::debug!(name = self.name, "signed");
        let identity = self.identity(issued.key, issued.chain)?;
        let mut set = self.set_for(&identity_dir(store, self.kind, self.name), replaces);
        for file in self.write_all(&identity)? {
            set.add(file.name, file.contents, file.mode)?;
        }
        let written = set.commit()?;
        Ok((identity, written))
    }

    fn write_all(&self, identity: &Identity) -> Result<Vec<OutputFile>> {
        let held = Held::of(identity)?;
        self.files.list().into_iter().map(|file| self.files.write(file, &held)).collect()
    }

    /// Adds the files that are missing to an identity that is in the store.
    pub(crate) fn complete(&self, store: &Path, identity: &Identity) -> Result<Vec<Written>> {
        let dir = identity_dir(store, self.kind, self.name);
        let held = Held::of(identity)?;
        let mut set = FileSet::new(&dir);
        for file in self.files.list() {
            // Keystores are salted: written again they would differ from what is there and still be the same.
            if !dir.join(self.files.name(file)).exists() {
                let file = self.files.write(file, &held)?;
                set.add(file.name, file.contents, file.mode)?;
            }
        }
        set.commit()
    }

    /// Copies the files from the store.
    pub(crate) fn copy(&self, store: &Path, out: &Destination, replaces: Option<&Entry>) -> Result<Vec<Written>> {
        let dir = identity_dir(store, self.kind, self.name);
        let mut set = self.set_for(&out.dir, replaces).owned_by(out.ownership.clone());
        for file in self.files.list() {
            let name = self.files.name(file);
            let contents = file::read_secret(dir.join(&name), FILE_LIMIT)?;
            set.add(name, contents, self.files.mode(file))?;
        }
        tracing::info!(name = self.name, dir = %out.dir.display(), "copying");
        sweep_beside(&out.dir);
        set.commit()
    }

    /// The identity as it is in the store.
    ///
    /// # Errors
    /// [`Code::IdentityChanged`] where the certificate is not the one that the ledger knows, [`Code::KeyMismatch`].
    pub(crate) fn load(&self, store: &Path, entry: &Entry) -> Result<Identity> {
        let dir = identity_dir(store, self.kind, self.name);
        let chain_path = dir.join(self.files.name(self.files.chain_file()));
        let chain = match file::read_optional(&chain_path, FILE_LIMIT)? {
            Some(bytes) => PemBundle::parse(&bytes).map_err(|error| error.at(&chain_path))?.certificates,
            None => self.chain_from_elsewhere(store, entry)?,
        };
        let key = match self.files.key_file() {
            Some(file) => {
                let path = dir.join(self.files.name(file));
                let bytes = file::read_optional(&path, FILE_LIMIT)?.ok_or_else(|| lost(&path))?;
                Some(PrivateKey::from_pem_or_der(&bytes, None).map_err(|error| error.at(path))?)
            }
            None => None,
        };
        let identity = self.identity(key, chain).map_err(|error| error.at(&chain_path))?;
        let held = Held::of(&identity)?;
        if entry.fingerprint != Some(held.leaf.fingerprint()) {
            return Err(Code::IdentityChanged
                .error("the certificate in the store is not the one that the ledger knows")
                .at(chain_path)
                .fix("restore the file from a backup, or use --force to issue a new generation"));
        }
        if let Ok(key) = held.key() {
            key.check_belongs_to(held.leaf.spki_der()).map_err(|error| error.at(dir))?;
        }
        Ok(identity)
    }

    /// The chain of an identity that has lost the file with it: the leaf, as other files still hold it, and its CA.
    fn chain_from_elsewhere(&self, store: &Path, entry: &Entry) -> Result<Vec<Certificate>> {
        let dir = identity_dir(store, self.kind, self.name);
        let mut leaf = None;
        for file in self.files.list().into_iter().filter(|file| self.files.keystore_format(*file).is_none()) {
            // A file that is damaged as well is no help, and shows up when it is wanted itself.
            let Some(bytes) = file::read_optional(dir.join(self.files.name(file)), FILE_LIMIT)? else { continue };
            let first = PemBundle::parse(&bytes).ok().and_then(|bundle| bundle.certificates.into_iter().next());
            leaf = leaf.or(first.filter(|first| entry.fingerprint == Some(first.fingerprint())));
        }
        let mut chain = vec![leaf.ok_or_else(|| lost(&dir.join(self.files.name(self.files.chain_file()))))?];
        if let Some(ca) = CaName::ALL.into_iter().find(|ca| ca.name() == self.issuer_name) {
            chain.extend(ca.certificates(store)?);
        }
        Ok(chain)
    }

    fn identity(&self, key: Option<PrivateKey>, chain: Vec<Certificate>) -> Result<Identity> {
        let mut chain = chain.into_iter();
        let leaf = chain.next().ok_or_else(|| Code::CertificateUnreadable.error("the chain holds no certificate"))?;
        // A root behind the chain is there for those who are sent it; it belongs to the anchors.
        let intermediates = chain.filter(|ca| !ca.is_self_issued()).collect();
        let anchors = self.anchors.clone().unwrap_or_else(|| vec![leaf.clone()]);
        let credential = Credential::X509(Box::new(X509 { key, leaf, intermediates }));
        Ok(Identity { name: self.name.to_owned(), anchors, credential })
    }

    /// A set of files that replaces what is there only if it was asked to.
    fn set_for(&self, dir: &Path, replaces: Option<&Entry>) -> FileSet {
        let set = FileSet::new(dir);
        match (replaces, self.force) {
            (Some(entry), _) => set.replacing(entry.serial.to_string()),
            (None, true) => set.replacing("old"),
            (None, false) => set,
        }
    }

    fn is_delivered(&self, store: &Path, entry: &Entry) -> Result<bool> {
        Ok(self.leaf_on_disk(store)?.is_some_and(|leaf| is_of(&leaf, entry)))
    }

    fn leaf_on_disk(&self, store: &Path) -> Result<Option<Certificate>> {
        let path = identity_dir(store, self.kind, self.name).join(self.files.name(self.files.chain_file()));
        let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? else { return Ok(None) };
        let bundle = PemBundle::parse(&bytes).map_err(|error| error.at(&path))?;
        Ok(bundle.certificates.into_iter().next())
    }
}

/// A directory outside the store that gets copies.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) dir: PathBuf,
    pub(crate) ownership: Ownership,
}

/// Removes what a killed process has left beside a directory that it had just made. Nothing hangs on it: what was left
/// is empty, and whoever may not look into the directory above has left nothing there.
fn sweep_beside(dir: &Path) {
    if let Some(Err(error)) = dir.parent().filter(|_| dir.exists()).map(file::recover) {
        tracing::debug!(%error, "not swept");
    }
}

/// A file is gone and nothing else holds what was in it.
fn lost(path: &Path) -> Error {
    Code::FileUnreadable
        .error("this file of the identity is gone")
        .at(path)
        .fix("restore it from a backup, or use --force to issue a new generation")
}

fn is_of(leaf: &Certificate, entry: &Entry) -> bool {
    ledger::Serial::new(leaf.serial()).is_ok_and(|serial| serial == entry.serial)
}

fn issued(leaf: &Certificate) -> Issued {
    Issued { fingerprint: leaf.fingerprint(), credentials_id: Some(leaf.credentials_id()) }
}
