//! The context of a verb: a configuration, the store that it names, and the secrets.

use std::path::Path;

use base::{Code, Finding, Result, Secret, file};
use config::{Anchors, Config};
use ledger::{Kind, Ledger, View};
use pki::Certificate;
use pki::key::SigningKey;
use pki::pem_bundle::PemBundle;
use time::OffsetDateTime;

use crate::ca::generations::{self, CaGeneration};
use crate::ca::{Ca, Hierarchy, KeyLocation, OpenCa};
use crate::clock;
use crate::location::StoreLocation;
use crate::paths::{FILE_LIMIT, identity_dir};
use crate::rollback;
use crate::secrets::{CaSecret, Secrets};
use crate::store::kept::{KeptStore, ReopenedStore};
use crate::store::{self, Store};

/// A configuration, the store that it names, and the secrets.
pub struct Workspace<'a> {
    /// The configuration of the run, with the layer of each value.
    pub config: &'a Config,
    /// The sources of secrets.
    pub secrets: Secrets<'a>,
    /// The places of the store and of its ledger.
    pub location: StoreLocation,
    /// The moment that counts as now.
    pub now: OffsetDateTime,
    /// Whether an operator has accepted the clock, although it does not fit the newest entry of the ledger.
    pub accept_clock: bool,
}

impl Workspace<'_> {
    /// The directory of the store.
    pub fn store_dir(&self) -> &Path {
        self.location.dir()
    }

    /// The store's ledger, to be looked at only.
    ///
    /// # Errors
    /// Those of [`crate::view`].
    pub fn view(&self) -> Result<View> {
        store::view(&self.location)
    }

    /// As [`Self::view`], for a dry run: fails if the store could not be opened for the run itself, because the ledger must
    /// be checked first or the CAs are outdated.
    ///
    /// # Errors
    /// Those of [`crate::view`]; [`Code::LedgerOlder`], [`Code::LedgerRestored`], [`Code::IdentityChanged`].
    pub fn view_to_plan(&self) -> Result<View> {
        let view = self.view()?;
        store::check_may_write(self.store_dir(), &view)?;
        store::check_cas(self.store_dir(), &view)?;
        Ok(view)
    }

    /// Locks and opens the store for `verb`.
    ///
    /// # Errors
    /// Those of [`Store::open`]; [`Code::ClockImplausible`].
    pub fn open_store(&self, verb: &str) -> Result<Store> {
        let mut store = Store::open(&self.location, verb)?;
        self.check_clock_to_write(&mut store.ledger)?;
        Ok(store)
    }

    /// As [`Self::open_store`] for verbs that only take away or take over files: also with a restored ledger that was not
    /// compared yet.
    ///
    /// # Errors
    /// Those of [`Self::open_store`].
    pub fn open_restored_store(&self, verb: &str) -> Result<Store> {
        let mut store = Store::open_restored(&self.location, verb)?;
        self.check_clock_to_write(&mut store.ledger)?;
        Ok(store)
    }

    /// As [`Self::open_store`], with the connection to the ledger of the opening before.
    ///
    /// # Errors
    /// Those of [`Self::open_store`].
    pub fn reopen_store<'k>(&self, kept: &'k mut KeptStore, verb: &str) -> Result<ReopenedStore<'k>> {
        let mut store = kept.open(&self.location, verb)?;
        // Each time: the clock of this machine can jump without a change of the ledger.
        self.check_clock_to_write(&mut store.ledger)?;
        Ok(store)
    }

    /// Fails if the ledger of this store must be checked or repaired before anything is written.
    ///
    /// # Errors
    /// [`Code::LedgerOlder`], [`Code::LedgerRestored`], and those of the ledger.
    pub fn check_may_write(&self, view: &View) -> Result<()> {
        store::check_may_write(self.store_dir(), view)
    }

    /// Fails if the disk has no room for what a verb writes to the store.
    ///
    /// # Errors
    /// [`Code::DiskFull`], [`Code::FileUnreadable`].
    pub fn check_room(&self) -> Result<()> {
        /// More than the pages of the ledger that a small transaction changes, with its journal.
        const ROOM: u64 = 256 << 10;
        file::check_room(self.store_dir(), ROOM)
    }

    /// The ledger, to be written to while another verb has locked the store. Files of the store must not be changed.
    ///
    /// # Errors
    /// Those of [`crate::view`]; [`Code::LedgerOlder`], [`Code::LedgerRestored`], [`Code::ClockImplausible`].
    pub fn open_ledger(&self) -> Result<Ledger> {
        self.open_ledger_if(store::check_may_write)
    }

    /// As [`Self::open_ledger`] for verbs that only take away: also if it was restored and not compared yet.
    ///
    /// # Errors
    /// Those of [`Self::open_ledger`].
    pub fn open_restored_ledger(&self) -> Result<Ledger> {
        self.open_ledger_if(rollback::check)
    }

    fn open_ledger_if(&self, check: fn(&Path, &View) -> Result<()>) -> Result<Ledger> {
        // The checks of a store, for example that it exists: opening the ledger alone would create one.
        drop(self.view()?);
        let mut ledger = self.location.ledger()?;
        check(self.store_dir(), &ledger)?;
        let listed = generations::listed(self.store_dir(), &ledger, &ledger.cas()?, &[])?;
        ledger.set_listed(listed);
        ledger.count_change()?;
        self.check_clock_to_write(&mut ledger)?;
        Ok(ledger)
    }

    /// Fails if the clock does not fit the newest entry of the ledger and the last use of the store, unless an operator
    /// accepts it. A clock that fits is noted as a use.
    ///
    /// # Errors
    /// [`Code::ClockImplausible`].
    pub fn check_clock(&self, view: &View) -> Result<()> {
        self.clock_fits(view).map(drop)
    }

    /// As [`Self::check_clock`]; the ledger records the acceptance.
    fn check_clock_to_write(&self, ledger: &mut Ledger) -> Result<()> {
        // Recorded once for all: the next verbs compare the clock with this entry.
        if self.clock_fits(ledger)? { Ok(()) } else { ledger.accept_clock(self.now) }
    }

    /// Whether the clock fits; false if it does not and an operator accepts it.
    fn clock_fits(&self, view: &View) -> Result<bool> {
        let Some(newest) = view.newest()? else { return Ok(true) };
        let used = clock::last_use(self.store_dir(), self.now);
        match clock::fault(self.now, newest, used) {
            Some(error) if !self.accept_clock => Err(error),
            Some(_) => Ok(false),
            None => {
                clock::note_use(self.store_dir(), self.now, newest, used);
                Ok(true)
            }
        }
    }

    /// A CA of the store, ready to issue.
    pub fn open_ca(&mut self, ca: &Ca) -> Result<OpenCa> {
        let store = self.config.general.store.resolved();
        let settings = &self.config.ca;
        ca.open(store, &mut |which| self.secrets.of_ca(settings, which))
    }

    /// A CA of the store, ready to issue, and the passphrase of its key if it has one: a CA that it certifies gets the
    /// same.
    ///
    /// # Errors
    /// Those of [`Ca::open`].
    pub fn open_ca_with_passphrase(&mut self, ca: &Ca) -> Result<(OpenCa, Option<Secret>)> {
        let store = self.config.general.store.resolved();
        let settings = &self.config.ca;
        let mut passphrase = None;
        let open = ca.open(store, &mut |which| {
            let secret = self.secrets.of_ca(settings, which)?;
            // A PIN belongs to its token and must not encrypt a file.
            if which != CaSecret::Pin {
                passphrase.clone_from(&secret);
            }
            Ok(secret)
        })?;
        Ok((open, passphrase))
    }

    /// The key of the generation of a CA that signs, also of one that is revoked, and the passphrase that opened its file.
    /// `None` for a key that is kept elsewhere.
    ///
    /// # Errors
    /// Those of [`KeyLocation::open`].
    ///
    pub fn open_key_with_passphrase(&mut self, ca: &Ca) -> Result<KeyAndPassphrase> {
        let dir = ca.dir(self.store_dir());
        let settings = &self.config.ca;
        let mut passphrase = None;
        let key = KeyLocation::of(&dir)?.open(&dir, &mut |which| {
            let secret = self.secrets.of_ca(settings, which)?;
            // A PIN belongs to its token and must not encrypt a file.
            if which != CaSecret::Pin {
                passphrase.clone_from(&secret);
            }
            Ok(secret)
        })?;
        Ok(KeyAndPassphrase { key, passphrase })
    }

    /// A generation of a CA of the store, ready to issue.
    pub fn open_generation(&mut self, ca: &Ca, generation: &CaGeneration) -> Result<OpenCa> {
        let store = self.config.general.store.resolved();
        let settings = &self.config.ca;
        ca.open_generation(store, generation, &mut |which| self.secrets.of_ca(settings, which))
    }

    /// A generation of a CA of the store, to sign its revocation lists and nothing else.
    ///
    /// # Errors
    /// Those of [`Ca::open_generation_for_lists`].
    pub fn open_generation_for_lists(&mut self, ca: &Ca, generation: &CaGeneration) -> Result<OpenCa> {
        let store = self.config.general.store.resolved();
        let settings = &self.config.ca;
        ca.open_generation_for_lists(store, generation, &mut |which| self.secrets.of_ca(settings, which))
    }

    /// The root and the issuing CA of a hierarchy that sign.
    pub fn ca_certificates(&self, hierarchy: Hierarchy) -> Result<Vec<Certificate>> {
        let store = self.store_dir();
        let mut certificates = hierarchy.root().certificates(store)?;
        certificates.extend(hierarchy.issuing().certificates(store)?);
        Ok(certificates)
    }

    /// The roots and the issuing CAs of a hierarchy that its peers trust, in all generations, each with an alias for
    /// keystores.
    pub fn trusted_cas(&self, hierarchy: Hierarchy) -> Result<Vec<(String, Certificate)>> {
        let mut trusted = Vec::new();
        for ca in hierarchy.cas() {
            for generation in ca.trusted_by_number(self.store_dir())? {
                let alias = alias_of(&ca.name(), generation.number);
                let above = |index: usize| if index == 0 { alias.clone() } else { format!("{alias}-above-{index}") };
                let numbered = generation.certificates.iter().cloned().enumerate();
                trusted.extend(numbered.map(|(index, certificate)| (above(index), certificate)));
            }
        }
        Ok(trusted)
    }

    /// The trust anchors of clients: the root of our servers and our self-signed servers, or those of
    /// `server.anchors`. Empty if clients trust their system.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`], and those of the files and the ledger.
    pub fn client_anchors(&self) -> Result<Vec<Certificate>> {
        self.anchors_with(|| self.view().and_then(|view| self.self_signed_servers(&view)))
    }

    /// As [`Self::client_anchors`], with a ledger that is open.
    ///
    /// # Errors
    /// Those of [`Self::client_anchors`].
    pub fn client_anchors_in(&self, view: &View) -> Result<Vec<Certificate>> {
        self.anchors_with(|| self.self_signed_servers(view))
    }

    fn anchors_with(&self, self_signed_servers: impl FnOnce() -> Result<Vec<Certificate>>) -> Result<Vec<Certificate>> {
        match &self.config.server.anchors.value {
            Anchors::System => Ok(Vec::new()),
            Anchors::File(path) => {
                let bytes = file::read(path.resolved(), FILE_LIMIT)?;
                let bundle = PemBundle::parse(&bytes).map_err(|error| error.at(path.resolved()))?;
                if bundle.certificates.is_empty() {
                    return Err(Code::CertificateUnreadable
                        .error("the file that server.anchors names contains no certificate")
                        .at(path.resolved())
                        .fix("fetch the server's anchor with `tbpki trust HOST --out FILE`"));
                }
                Ok(bundle.certificates)
            }
            Anchors::Ours => {
                let mut anchors = Hierarchy::Server.root().trusted_certificates(self.store_dir())?;
                anchors.extend(self_signed_servers()?);
                Ok(anchors)
            }
        }
    }

    /// The trust anchors of clients as entries of a keystore. Those of our root have the alias of the server's keystore, from
    /// the second generation on with its number; others are numbered.
    ///
    /// # Errors
    /// Those of the files of the CAs.
    pub fn named_anchors(&self, anchors: &[Certificate]) -> Result<Vec<(String, Certificate)>> {
        let alias = self.config.server_keystore.alias.value.as_str();
        let roots = match &self.config.server.anchors.value {
            Anchors::Ours => Hierarchy::Server.root().trusted_by_number(self.store_dir())?,
            Anchors::System | Anchors::File(_) => Vec::new(),
        };
        let roots: Vec<(u32, &Certificate)> = roots
            .iter()
            .flat_map(|generation| generation.certificates.iter().map(|certificate| (generation.number, certificate)))
            .collect();
        // Further generations of our root have names of their own and do not count in the numbers of the others.
        let extra = roots.len().saturating_sub(1);
        let alias_at = |index: usize| match (roots.get(index), index.saturating_sub(extra)) {
            (Some((generation, _)), _) => alias_of(alias, *generation),
            (None, 0) => alias.to_owned(),
            (None, further) => format!("{alias}-{}", further + 1),
        };
        Ok(anchors.iter().enumerate().map(|(index, anchor)| (alias_at(index), anchor.clone())).collect())
    }

    fn self_signed_servers(&self, view: &View) -> Result<Vec<Certificate>> {
        let servers = ledger::Filter { kind: Some(Kind::Server), current_only: true, ..ledger::Filter::default() };
        let mut leaves = Vec::new();
        for entry in view.list(&servers) {
            let entry = entry?;
            if entry.issuer != SELF {
                continue;
            }
            let dir = identity_dir(self.store_dir(), Kind::Server, &entry.key.name);
            let path = dir.join(crate::file_names::CA_FILE);
            if let Some(bytes) = file::read_optional(&path, FILE_LIMIT)? {
                leaves.extend(PemBundle::parse(&bytes).map_err(|error| error.at(&path))?.certificates);
            }
        }
        Ok(leaves)
    }
}

/// The key of a CA, and what opened it.
pub struct KeyAndPassphrase {
    /// The key; `None` if it is kept elsewhere.
    pub key: Option<Box<dyn SigningKey>>,
    /// The passphrase of its file; `None` if it has none, and for a key in a token.
    pub passphrase: Option<Secret>,
}

/// The alias of a CA in keystores: from the second generation on with its number.
pub fn alias_of(ca: &str, generation: u32) -> String {
    if generation == 1 { ca.to_owned() } else { format!("{ca}-g{generation}") }
}

/// The issuer of a self-signed leaf in the ledger.
pub const SELF: &str = "self";

/// Warns where the firmware could not verify what is about to be issued.
pub fn firmware_warning(certificate: &Certificate) -> Option<Finding> {
    // Mbed TLS 3.6 has no Ed25519, and rejects a chain with critical name constraints.
    let limited = certificate.name_constraints().is_some() || certificate.algorithm_name() == "ed25519";
    limited.then(|| {
        Code::FirmwareLimit
            .warning(format!("our firmware cannot verify {}", certificate.subject()))
            .fix("use ec-p256 and no name constraints where ESP32 devices connect")
    })
}
