//! A certificate on its way into the ledger and the store.

use std::path::PathBuf;

use base::file;
use base::timestamp::rfc3339;
use base::{Code, Finding, Result, Secret};
use identity::parameters::{FileTraits, of_certificate};
use ledger::{Generation, Kind, KnownIdentity, NewIdentity, Origin, Role, SerialNumber};
use pki::profile::Profile;
use pki::{Certificate, PrivateKey};
use store::ca::key::open_key;
use store::{FILE_LIMIT, issued_record};
use time::OffsetDateTime;

use super::files::Held;
use super::report::{ImportOutcome, ImportedDevice};
use crate::lifecycle::upkeep::repair::issuers::IssuedBy;

/// A certificate on its way into the ledger and the store.
pub(super) struct Candidate {
    /// A device or a server.
    pub(super) kind: Kind,
    pub(super) name: String,
    /// The name of a server's files before `.pem` and other suffixes.
    pub(super) prefix: String,
    /// The file that it is in.
    pub(super) path: PathBuf,
    pub(super) leaf: Certificate,
    /// The CAs above it, as the file has them.
    pub(super) above: Vec<Certificate>,
    pub(super) key: Option<PrivateKey>,
    /// The CA of this store that issued it; `None` for one of others.
    pub(super) issuer: Option<IssuedBy>,
    /// Where the store has its files.
    pub(super) held: Held,
}

impl Candidate {
    /// The issuer in the ledger: a CA of the store, or the name of another one (RFC 4514).
    pub(super) fn issuer_name(&self) -> String {
        self.issuer.as_ref().map_or_else(|| self.leaf.issuer(), |issuer| issuer.name.clone())
    }

    pub(super) fn serial(&self) -> Result<SerialNumber> {
        SerialNumber::new(self.leaf.serial()).map_err(|error| error.at(&self.path))
    }

    /// The row of the ledger.
    pub(super) fn known(&self, now: OffsetDateTime) -> Result<KnownIdentity> {
        let issuer = self.issuer_name();
        let wanted = self.issuer.as_ref().map_or_else(|| issuer.clone(), |issuer| issuer.fingerprint.clone());
        let generation: Option<Generation> = self.issuer.as_ref().and_then(|issuer| issuer.generation);
        Ok(KnownIdentity {
            identity: NewIdentity {
                kind: self.kind,
                name: self.name.clone(),
                serial: self.serial()?,
                profile: self.profile().name().to_owned(),
                algorithm: self.leaf.algorithm_name(),
                parameters: of_certificate(
                    &self.leaf,
                    &wanted,
                    FileTraits { prefix: self.prefix(), ..FileTraits::default() },
                )?,
                issuer,
                not_before: self.leaf.not_before(),
                not_after: self.leaf.not_after(),
            },
            issued: issued_record(&self.leaf),
            role: Role::Current,
            issuer_generation: generation,
            // The newest entry of the ledger is what clocks are compared with.
            issued_at: now,
            origin: Origin::Imported,
            job: None,
            station: None,
            revocation: None,
        })
    }

    /// A warning about alternative names that a renewal cannot have.
    pub(super) fn lost_names(&self) -> Option<Finding> {
        let lost = self.leaf.general_names().len().saturating_sub(self.leaf.sans().len());
        let what = match lost {
            0 => return None,
            1 => format!("a renewal of {} does not have 1 of its alternative names", self.name),
            lost => format!("a renewal of {} does not have {lost} of its alternative names", self.name),
        };
        let why = "tbpki issues host names, addresses, URIs and e-mail addresses";
        Some(Code::NamesNotRenewed.warning(what).at(&self.path).because(why))
    }

    fn profile(&self) -> Profile {
        if self.kind == Kind::Server { Profile::Server } else { Profile::Device }
    }

    /// The prefix of its files, as the ledger keeps it.
    fn prefix(&self) -> &str {
        if self.kind == Kind::Server { &self.prefix } else { &self.name }
    }

    pub(super) fn report(&self, generation: Option<u32>, done: ImportOutcome, now: OffsetDateTime) -> ImportedDevice {
        ImportedDevice {
            kind: self.kind.as_str().to_owned(),
            name: self.name.clone(),
            file: self.path.clone(),
            done,
            generation,
            serial: self.leaf.serial_hex(),
            issuer: self.issuer_name(),
            not_after: rfc3339(self.leaf.not_after()),
            expired: self.leaf.not_after() < now,
            fingerprint: self.leaf.fingerprint_hex(),
            credentials_id: self.leaf.credentials_id(),
            key: self.key.is_some(),
        }
    }
}

/// Gives each key to the certificate that it belongs to.
///
/// # Errors
/// [`Code::KeyMismatch`] for a key of none of them, and those of reading a key.
pub(super) fn take_keys(
    candidates: &mut [Candidate],
    paths: &[PathBuf],
    ask: &mut dyn FnMut(bool) -> Result<Option<Secret>>,
) -> Result<()> {
    for path in paths {
        let bytes = file::read_secret(path, FILE_LIMIT)?;
        let key = open_key(&bytes, ask).map_err(|error| error.at(path))?;
        let owner = candidates.iter_mut().find(|one| key.check_belongs_to(one.leaf.spki_der()).is_ok());
        let owner = owner.ok_or_else(|| {
            Code::KeyMismatch
                .error("the key belongs to none of the imported certificates")
                .at(path)
                .fix("leave it out, or name its certificate with --cert")
        })?;
        owner.key = Some(key);
    }
    Ok(())
}
