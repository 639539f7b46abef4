//! From an order to files in their places, the same for servers and for devices.
//!
//! What will be signed is recorded before it is signed, and recorded as issued once it is in the store. What
//! was recorded and never delivered is voided and issued again under a new serial number.

mod load;

use std::path::Path;

use base::text::{device_option, shell_path, shell_word};
use base::{Code, Error, Result, file};
use ledger::{Difference, Entry, Key, Kind, NewIdentity, Parameters, RenewalStep, View};
use pki::identity::{Identity, X509};
use pki::issuer::{Issuer, Order};
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};

use crate::files::identity::IdentityView;
use crate::files::table::FileTable;
use crate::request::issuing_command::issuing_command_to;
use store::file_names::PENDING;
use store::{FILE_LIMIT, Store, identity_dir, issued_record};
use time::OffsetDateTime;

/// One identity on its way into the store.
#[derive(Debug)]
pub(crate) struct Issuance<'a> {
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) files: FileTable,
    /// The trust anchors of the holder; none for a self-signed server, which is its own anchor.
    pub(crate) anchors: Option<Vec<Certificate>>,
    /// The request, as the ledger keeps it.
    pub(crate) parameters: Parameters,
    /// The same as the ledger keeps it of a device that was issued with a fleet; none for servers.
    pub(crate) of_fleet: Option<Parameters>,
    /// The same as earlier versions kept it of a request with a subject of its own.
    pub(crate) of_earlier_version: Option<Parameters>,
    /// The name of the CA that issues it, as the ledger keeps it.
    pub(crate) issuer_name: &'a str,
    /// True if an identity that is there already is replaced.
    pub(crate) force: bool,
    /// True if the present certificate was issued for a signing request, and none is given now.
    pub(crate) keeps_csr: bool,
    /// Whether it is a renewal that is not used yet: its files are in [`PENDING`], and the present generation stays.
    pub(crate) pending: bool,
    /// Whether a program must run once the files are in their places.
    pub(crate) hook: bool,
}

/// The state of an identity in the store before it is issued.
#[derive(Debug)]
pub(crate) enum CurrentState {
    /// Nothing, or an earlier generation that is to be replaced.
    Wanted {
        /// The generation that goes.
        replaces: Option<Box<Entry>>,
    },
    /// The very same.
    Present(Box<Entry>),
}

impl Issuance<'_> {
    /// What there is to do. Nothing is written. `finishes` is the result of [`is_half_delivered`](Self::is_half_delivered).
    ///
    /// # Errors
    /// [`Code::OtherParameters`] where the identity exists with other parameters, unless it is to be replaced.
    /// [`Code::NameReserved`] where the name waits in a job.
    pub(crate) fn standing(&self, store: &Path, ledger: &View, finishes: bool) -> Result<CurrentState> {
        let entry = match ledger.unfinished_of(self.kind, self.name)? {
            // Killed after its files were in the store and before the ledger had recorded it. A dry run meets such a
            // row, because it settles nothing.
            Some(entry) if self.is_delivered(store, &entry)? => Some(entry),
            _ => ledger.current(self.kind, self.name)?,
        };
        let Some(entry) = entry else {
            ledger.check_not_reserved(self.kind, self.name)?;
            if !self.force {
                ledger.check_no_open_password(self.kind, self.name, OffsetDateTime::now_utc()).map_err(|error| {
                    error.fix(
                        "let the device fetch its certificate, or end its password and issue one here with --force",
                    )
                })?;
            }
            // A revoked generation has left its files behind.
            let earlier = ledger.latest(self.kind, self.name)?.filter(|earlier| earlier.fingerprint.is_some());
            return Ok(CurrentState::Wanted { replaces: earlier.map(Box::new) });
        };
        // `--force` repeated after an interruption completes the generation that it has begun. Otherwise each attempt
        // would use one more serial number.
        if self.force && !(finishes && self.is_as_wanted(&entry)) {
            if self.keeps_csr {
                return Err(self.would_replace_foreign_key());
            }
            ledger.check_not_reserved(self.kind, self.name)?;
            return Ok(CurrentState::Wanted { replaces: Some(Box::new(entry)) });
        }
        if self.is_as_wanted(&entry) {
            return Ok(CurrentState::Present(Box::new(entry)));
        }
        let differences = self.differences(&entry, self.wanted(&entry));
        let mut texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
        if ledger.enrolled(&entry.key)?.is_some() {
            texts.push("its holder has fetched the present certificate over the network".to_owned());
        }
        Err(Code::OtherParameters
            .error(format!("the {} {} exists with other parameters", self.kind, self.name))
            .because(texts.join("; "))
            .fix(match self.keeps_csr {
                true => {
                    "use another name, or repeat `--csr FILE` with --force to issue a new generation for the same key"
                }
                false => "use another name, or --force to issue a new generation",
            }))
    }

    /// The error about a new key for a holder that made its own: the platform would then reject the one that it has.
    fn would_replace_foreign_key(&self) -> Error {
        let (kind, name) = (self.kind, self.name);
        let option = match kind {
            Kind::Device => device_option(name),
            _ => format!("--{kind} {}", shell_word(name)),
        };
        Code::OtherParameters
            .error(format!("the {kind} {name} was issued for a signing request, and --force would make another key"))
            .because("its key is not in this store, and its holder could not use the new certificate")
            .fix(format!(
                "repeat `--csr FILE` with --force; to give it a key of tbpki, first run `tbpki revoke {option}`"
            ))
    }

    /// What differs from the parameters in the ledger. An earlier generation of the same CA is the same CA: what it issued
    /// stays until it is renewed.
    fn differences(&self, entry: &Entry, wanted: &Parameters) -> Vec<Difference> {
        let mut differences = entry.parameters.differences(wanted);
        if entry.issuer == self.issuer_name && entry.issuer != store::SELF {
            differences.retain(|difference| difference.key != "issuer");
        }
        // The parameters have fingerprints, which tell a person nothing, or the name of a CA that is not in this store.
        for difference in differences.iter_mut().filter(|difference| difference.key == "issuer") {
            difference.recorded = Some(format!("{:?}", entry.issuer));
            difference.wanted = Some(format!("{:?}", self.issuer_name));
        }
        differences
    }

    /// The parameters that an entry must have to be the identity that is asked for.
    fn wanted(&self, entry: &Entry) -> &Parameters {
        match &self.of_fleet {
            Some(shared) if entry.job.is_some() => shared,
            _ => &self.parameters,
        }
    }

    fn is_as_wanted(&self, entry: &Entry) -> bool {
        self.differences(entry, self.wanted(entry)).is_empty()
            || self.of_earlier_version.as_ref().is_some_and(|own| self.differences(entry, own).is_empty())
    }

    /// True if the last run with `--force` was interrupted after its generation reached the store: the same command then
    /// finishes it and does not issue another one. `out` is the directory for copies.
    ///
    /// # Errors
    /// Those of the ledger and of files that cannot be read.
    pub(crate) fn is_half_delivered(&self, store: &Path, ledger: &View, out: Option<&Path>) -> Result<bool> {
        if let Some(entry) = ledger.unfinished_of(self.kind, self.name)? {
            return self.is_delivered(store, &entry);
        }
        let (Some(entry), Some(out)) = (ledger.current(self.kind, self.name)?, out) else { return Ok(false) };
        let full = std::path::absolute(out).ok();
        // The directory and its step are recorded before its files are written. Without the step, the files of an earlier
        // generation are there because the user has copied them back.
        let is_recorded = entry.copies.as_ref().is_some_and(|copies| full.as_deref() == Some(Path::new(copies)));
        let is_open = is_recorded && ledger.is_step_open(&entry.key, RenewalStep::Install)?;
        Ok(is_open && self.holds_earlier(ledger, &entry, out)?)
    }

    /// True if a directory has the files of an earlier generation of this identity, which its copies may replace.
    ///
    /// # Errors
    /// As [`is_half_delivered`](Self::is_half_delivered).
    pub(crate) fn holds_earlier(&self, ledger: &View, entry: &Entry, dir: &Path) -> Result<bool> {
        let Some(leaf) = self.leaf_in(dir)? else { return Ok(false) };
        let history = ledger.history(self.kind, self.name)?;
        let is_it = |earlier: &Entry| earlier.fingerprint == Some(leaf.fingerprint());
        Ok(history.iter().any(|earlier| is_it(earlier) && earlier.generation() < entry.generation()))
    }

    /// Fails if a directory has a certificate of this name that is later than the present one, or that the ledger does not
    /// know: a backup was restored, and the program there goes on with the certificate.
    ///
    /// # Errors
    /// [`Code::TargetExists`], and those of [`holds_earlier`](Self::holds_earlier).
    pub(crate) fn check_not_later(&self, ledger: &View, entry: &Entry, dir: &Path) -> Result<()> {
        let Some(leaf) = self.leaf_in(dir)?.filter(|leaf| leaf.common_name().as_deref() == Some(self.name)) else {
            return Ok(());
        };
        let history = ledger.history(self.kind, self.name)?;
        let known = history.iter().find(|known| known.fingerprint == Some(leaf.fingerprint()));
        let (why, fix) = match known {
            Some(known) if known.generation() <= entry.generation() => return Ok(()),
            Some(known) => (
                format!(
                    "it has generation {}, and the store has generation {}",
                    known.generation(),
                    entry.generation()
                ),
                format!(
                    "issue a new generation for both, which keeps the files there as FILE.SERIAL: `{} --force`",
                    issuing_command_to(self.kind, self.name, &shell_path(dir))
                ),
            ),
            None => (
                "the ledger does not know the certificate, for example because a backup was restored".to_owned(),
                "run `tbpki store check`; if it lists the certificate, `tbpki store repair` takes it over".to_owned(),
            ),
        };
        Err(Code::TargetExists
            .error(format!("the directory has another certificate of the {} {}", self.kind, self.name))
            .because(why)
            .at(dir)
            .item(self.name)
            .fix(fix))
    }

    /// Settles what an interrupted walk has left: what reached the store counts as issued, the rest is void.
    pub(crate) fn settle(&self, store: &mut Store) -> Result<()> {
        settle(store, self.kind, self.name, &self.files.chain_file).map(drop)
    }

    /// Records what is about to be signed.
    pub(crate) fn record(&self, store: &mut Store, order: &Order) -> Result<Key> {
        let contents = &order.contents;
        let new = NewIdentity {
            kind: self.kind,
            name: self.name.to_owned(),
            serial: ledger::SerialNumber::new(contents.serial.octets())?,
            profile: contents.profile.name().to_owned(),
            algorithm: order.key.algorithm().name().to_owned(),
            parameters: self.parameters.clone(),
            issuer: self.issuer_name.to_owned(),
            not_before: contents.validity.not_before(),
            not_after: contents.validity.not_after(),
        };
        // One transaction: a crash between the two would leave a generation whose hook never runs.
        let key = store.ledger.transaction(|transaction| {
            // With the password, the device could get a second identity of this name.
            if self.force && self.kind == Kind::Device && transaction.current(self.kind, self.name)?.is_none() {
                transaction.end_enrolment(self.name)?;
            }
            let generation = transaction.intend(&new)?;
            let key = Key { kind: self.kind, name: self.name.to_owned(), generation };
            // Also with `--force`: what was taken from the platform stays away until `register --again`.
            transaction.stay_unregistered(&key)?;
            if self.hook {
                transaction.begin_step(&key, RenewalStep::Hook)?;
            }
            Ok(key)
        })?;
        tracing::info!(kind = %self.kind, name = self.name, generation = %key.generation, serial = %contents.serial, "recorded");
        Ok(key)
    }

    /// Records what became of it.
    pub(crate) fn conclude<T>(
        &self,
        store: &mut Store,
        key: &Key,
        delivered: Result<(Identity, T)>,
    ) -> Result<(Identity, T)> {
        match delivered {
            Ok((identity, more)) => {
                let issued = issued_record(IdentityView::of(&identity).leaf);
                match self.pending {
                    true => store.ledger.issued_pending(key, &issued)?,
                    false => store.ledger.issued(key, &issued)?,
                }
                tracing::info!(kind = %self.kind, name = self.name, generation = %key.generation, "issued and stored");
                Ok((identity, more))
            }
            Err(error) => {
                // What stopped the delivery may stop this as well. Then the next issuance voids it.
                if let Err(second) = store.ledger.void(key, &error.to_string()) {
                    tracing::warn!(name = self.name, error = %second, "not voided yet");
                }
                Err(error)
            }
        }
    }

    /// Has it signed.
    pub(crate) fn sign(&self, issuer: &dyn Issuer, order: Order) -> Result<Identity> {
        let issued = issuer.issue(order)?;
        tracing::debug!(name = self.name, "signed");
        self.identity(issued.key, issued.chain)
    }

    fn identity(&self, key: Option<PrivateKey>, chain: Vec<Certificate>) -> Result<Identity> {
        let mut chain = chain.into_iter();
        let leaf =
            chain.next().ok_or_else(|| Code::CertificateUnreadable.error("the chain contains no certificate"))?;
        // A root behind the chain is there for those who are sent it; it belongs to the anchors.
        let intermediates = chain.filter(|ca| !ca.is_root()).collect();
        let anchors = self.anchors.clone().unwrap_or_else(|| vec![leaf.clone()]);
        Ok(Identity { name: self.name.to_owned(), anchors, x509: X509 { key, leaf, intermediates } })
    }

    fn is_delivered(&self, store: &Path, entry: &Entry) -> Result<bool> {
        let dir = identity_dir(store, self.kind, self.name);
        Ok(self.leaf_in(&dir)?.is_some_and(|leaf| is_of(&leaf, entry)))
    }

    /// The leaf of the identity in the store or of a copy of it.
    pub(crate) fn leaf_in(&self, dir: &Path) -> Result<Option<Certificate>> {
        first_in(&dir.join(&self.files.chain_file))
    }
}

/// Settles an interrupted generation of a name: it counts as issued if its leaf is in `chain_file` of the store, and is
/// void otherwise. Returns the generation that counts as issued by this.
pub(crate) fn settle(store: &mut Store, kind: Kind, name: &str, chain_file: &str) -> Result<Option<Key>> {
    // A file set that was cut off is moved into place before its files are read.
    let dir = identity_dir(store.dir(), kind, name);
    // Under the lock of the store: no other process can be delivering this identity.
    let pending = dir.join(PENDING);
    file::recover(&dir)?;
    file::recover(&pending)?;
    let Some(entry) = store.ledger.unfinished_of(kind, name)? else { return Ok(None) };
    let delivered = |dir: &Path| Ok::<_, Error>(first_in(&dir.join(chain_file))?.filter(|leaf| is_of(leaf, &entry)));
    match (delivered(&dir)?, delivered(&pending)?) {
        (Some(leaf), _) => store.ledger.issued(&entry.key, &issued_record(&leaf)).map(|()| Some(entry.key)),
        (None, Some(leaf)) => store.ledger.issued_pending(&entry.key, &issued_record(&leaf)).map(|()| Some(entry.key)),
        (None, None) => store.ledger.void(&entry.key, "interrupted before it was delivered").map(|()| None),
    }
}

/// The first certificate of a file; none if there is no file.
pub(crate) fn first_in(path: &Path) -> Result<Option<Certificate>> {
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)? else { return Ok(None) };
    let bundle = PemBundle::parse(&bytes).map_err(|error| error.at(path))?;
    Ok(bundle.certificates.into_iter().next())
}

/// Whether two chains have the same leaf and the same CAs above it, by names and keys: their certificates may differ.
pub(crate) fn is_same_path(one: &[Certificate], other: &[Certificate]) -> bool {
    let is_same = |(one, other): (&Certificate, &Certificate)| {
        one.subject_der() == other.subject_der() && one.spki_der() == other.spki_der()
    };
    one.first() == other.first() && one.len() == other.len() && one.iter().zip(other).all(is_same)
}

fn is_of(leaf: &Certificate, entry: &Entry) -> bool {
    ledger::SerialNumber::new(leaf.serial()).is_ok_and(|serial| serial == entry.serial)
}
