//! What an identity keeps when it is asked for again: values that are not given now come from the ledger, not from defaults.

use std::path::Path;

use base::{Code, Finding, Result, file};
use config::{Days, Origin, Setting};
use ledger::{Entry, Kind, Role, View};
use pki::csr::Csr;
use pki::pem_bundle::PemBundle;
use pki::{Algorithm, Certificate, San, Subject};
use serde::Deserialize;
use store::ca::Ca;
use store::{FILE_LIMIT, SELF};

use crate::delivery::{CopyDestination, destination};
use crate::request::IdentityRequest;

/// The earlier generation of a name, with the values that it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Earlier {
    entry: Option<Entry>,
    asked: RequestBefore,
    /// Whether the holder has fetched the generation over the network.
    is_fetched: bool,
    /// All generations, if the last one has copies.
    history: Vec<Entry>,
}

/// Where the copies of a generation go.
#[derive(Debug, Default)]
pub(crate) struct CopyPlan {
    /// The directory that gets them now.
    pub(crate) out: Option<CopyDestination>,
    /// The recorded directory that is not there: the generation waits for it with an open step.
    pub(crate) missing: Option<String>,
}

/// The parameters that the ledger has, as far as they are kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RequestBefore {
    san: Vec<String>,
    days: u32,
    subject: String,
    csr: Option<String>,
    single_file: bool,
    include_root: bool,
}

/// The signing request that the present certificate was issued for.
#[derive(Debug, Clone, Copy)]
struct KeptCsr<'a> {
    /// The identifier of its key.
    key: &'a str,
    /// The subject of the certificate.
    subject: &'a str,
    /// The algorithm of its key.
    algorithm: &'a str,
}

/// The key of a certificate, as the parameters in the ledger describe it: that of the request at hand, of an earlier request
/// that is kept, or one that tbpki makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestedKey<'a> {
    csr: Option<&'a Csr>,
    kept: Option<KeptCsr<'a>>,
    /// The name of its algorithm.
    pub(crate) algorithm: &'a str,
}

impl RequestedKey<'_> {
    /// Whether the store holds the key.
    pub(crate) fn is_held(&self) -> bool {
        self.csr.is_none() && self.kept.is_none()
    }

    /// Whether it is the key of an earlier request, and none is given now.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// The subject that is asked for: with the key of an earlier request, that of its certificate.
    pub(crate) fn subject(&self, subject: &Subject) -> String {
        self.kept.map_or_else(|| subject.to_string(), |kept| kept.subject.to_owned())
    }

    /// The identifier of the key of a request.
    pub(crate) fn csr(&self) -> Option<String> {
        let given = self.csr.map(|csr| csr.key().fingerprint_hex());
        given.or_else(|| self.kept.map(|kept| kept.key.to_owned()))
    }
}

/// Whether an identity was imported whose CA is not in this store.
pub fn is_of_others(entry: &Entry) -> bool {
    entry.origin == Some(ledger::Origin::Imported) && entry.issuer != SELF && Ca::named(&entry.issuer).is_none()
}

impl Earlier {
    /// The generation in use, or the last one that was issued; nothing for a new name, and for one that was forgotten.
    ///
    /// # Errors
    /// Those of the ledger.
    pub(crate) fn of(view: &View, kind: Kind, name: &str) -> Result<Self> {
        let entry = match view.current(kind, name)? {
            // A forgotten name is free: the next one to have it can be another device.
            None => {
                view.latest(kind, name)?.filter(|entry| entry.fingerprint.is_some() && entry.forgotten_at.is_none())
            }
            current => current,
        };
        let Some(entry) = entry else { return Ok(Self::default()) };
        let asked = serde_json::from_str(entry.parameters.as_str()).map_err(|error| {
            Code::LedgerUnreadable.error("the parameters of an identity are damaged").caused_by(error).item(name)
        })?;
        let is_fetched = view.enrolled(&entry.key)?.is_some();
        // Most identities have no copies, and their history would be read for nothing.
        let history = if entry.copies.is_some() { view.history(kind, name)? } else { Vec::new() };
        Ok(Self { entry: Some(entry), asked, is_fetched, history })
    }

    /// True if the name had no certificate before.
    pub(crate) fn is_none(&self) -> bool {
        self.entry.is_none()
    }

    /// A note if the name comes back into service: its last certificate was revoked.
    pub(crate) fn revoked(&self) -> Option<Finding> {
        let entry = self.entry.as_ref().filter(|entry| !entry.role.is_in_use())?;
        let revocation = entry.revocation.as_ref()?;
        let reason = revocation.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let note =
            Code::Revoked.note(format!("the certificate before was revoked on {}{reason}", revocation.at.date()));
        Some(note.because("the new one puts the name into service again").item(entry.key.name.clone()))
    }

    /// The directory that got copies of the earlier generation.
    pub(crate) fn copies(&self) -> Option<&Path> {
        self.entry.as_ref()?.copies.as_deref().map(Path::new)
    }

    /// Whether key and chain are in one PEM file.
    pub(crate) fn single_file(&self, asked: &Setting<bool>) -> bool {
        if asked.is_explicit() || self.entry.is_none() { asked.value } else { self.asked.single_file }
    }

    /// Whether the server sent its root.
    pub(crate) fn includes_root(&self) -> bool {
        self.asked.include_root
    }

    /// The CA that signs, or `None` for a self-signed leaf: the one that is asked for, then the earlier one, then `default`.
    pub(crate) fn issuer(&self, request: &IdentityRequest, default: Ca) -> Option<Ca> {
        if request.self_signed {
            return None;
        }
        if let Some(profile) = &request.profile {
            return Some(Ca::Profile(profile.clone()));
        }
        match &self.entry {
            Some(entry) if !request.default_ca && entry.issuer == SELF => None,
            Some(entry) if !request.default_ca => Some(Ca::named(&entry.issuer).unwrap_or(default)),
            _ => Some(default),
        }
    }

    /// The signing request that the present certificate was issued for, if none is given now. Its holder has the key, so a
    /// command without a request asks for the same certificate. A holder that fetches its certificates over the network is
    /// none that a command of this store serves.
    fn kept_csr(&self, request: &IdentityRequest) -> Option<KeptCsr<'_>> {
        if self.is_fetched {
            return None;
        }
        let entry = self.entry.as_ref().filter(|entry| entry.role == Role::Current && request.csr.is_none())?;
        let key = self.asked.csr.as_deref()?;
        Some(KeptCsr { key, subject: &self.asked.subject, algorithm: &entry.algorithm })
    }

    /// The key of the certificate that is asked for. `algorithm` is that of the request, or of the key that would be made.
    pub(crate) fn requested_key<'a>(
        &'a self,
        request: &IdentityRequest,
        csr: Option<&'a Csr>,
        asked: &Setting<Algorithm>,
        algorithm: Algorithm,
    ) -> RequestedKey<'a> {
        let kept = self.kept_csr(request);
        // An algorithm that was named is a difference from the key of the earlier request.
        let of_kept = kept.filter(|_| !asked.is_explicit()).map(|kept| kept.algorithm);
        RequestedKey { csr, kept, algorithm: of_kept.unwrap_or(algorithm.name()) }
    }

    /// The key algorithm.
    pub(crate) fn algorithm(&self, asked: &Setting<Algorithm>) -> Algorithm {
        match &self.entry {
            // A key of a request can have an algorithm that tbpki does not make itself.
            Some(entry) if !asked.is_explicit() => entry.algorithm.parse().unwrap_or(asked.value),
            _ => asked.value,
        }
    }

    /// The lifetime. The one that another CA has chosen for an imported certificate binds nothing.
    pub(crate) fn days(&self, asked: &Setting<Days>) -> Result<Setting<Days>> {
        let is_of_others = self.entry.as_ref().is_some_and(is_of_others);
        if asked.is_explicit() || is_of_others || self.asked.days == 0 {
            return Ok(asked.clone());
        }
        Ok(Setting { value: Days::nearest(self.asked.days), origin: Origin::Default })
    }

    /// The alternative names that were asked for.
    pub(crate) fn sans(&self, asked: &Setting<Vec<San>>) -> Result<Vec<San>> {
        if asked.is_explicit() || self.entry.is_none() {
            return Ok(asked.value.clone());
        }
        self.asked.san.iter().map(|san| san.parse()).collect()
    }

    /// True if the earlier leaf has the names that were asked for and no others: names of this host were not wanted.
    /// `chain_file` has the leaf.
    pub(crate) fn has_only_given_names(&self, chain_file: &Path) -> bool {
        let Some(leaf) = self.leaf_in(chain_file) else { return false };
        leaf.sans().iter().all(|san| self.asked.san.contains(&san.to_string()))
    }

    /// The leaf of the earlier generation in a file; `None` if the file has another one or cannot be read.
    fn leaf_in(&self, chain_file: &Path) -> Option<Certificate> {
        let entry = self.entry.as_ref()?;
        let bytes = file::read_optional(chain_file, FILE_LIMIT).ok().flatten()?;
        let leaf = PemBundle::parse(&bytes).ok()?.certificates.into_iter().next()?;
        (entry.fingerprint == Some(leaf.fingerprint())).then_some(leaf)
    }

    /// The directory that gets copies: the one that is asked for, else, for a new generation, the one that has the copies
    /// of the earlier one. `chain_file` is the file with the chain there.
    ///
    /// # Errors
    /// [`Code::TargetExists`] if the recorded directory has a certificate of another program, or one of this name that the
    /// ledger does not know.
    pub(crate) fn destination(&self, request: &IdentityRequest, chain_file: &str) -> Result<CopyPlan> {
        if request.out.is_some() {
            return Ok(CopyPlan { out: destination(request.out.clone(), &request.ownership), missing: None });
        }
        // The present generation keeps the directory in its own row. Every other generation would lose it.
        let replaced = self.entry.as_ref().filter(|entry| request.force || !entry.is_current());
        let Some(entry) = replaced else { return Ok(CopyPlan::default()) };
        let Some(recorded) = &entry.copies else { return Ok(CopyPlan::default()) };
        let dir = Path::new(recorded);
        if !dir.is_dir() {
            return Ok(CopyPlan { out: None, missing: Some(recorded.clone()) });
        }
        check_copies(&self.history, &entry.key.name, &dir.join(chain_file))?;
        Ok(CopyPlan { out: destination(Some(dir.to_owned()), &request.ownership), missing: None })
    }
}

/// Fails if another program may have put its own files into the directory with copies of an identity since: `chain_file` is
/// there, and has none of the certificates in `history`.
///
/// # Errors
/// [`Code::TargetExists`], and those of reading the file.
pub(crate) fn check_copies(history: &[Entry], name: &str, chain_file: &Path) -> Result<()> {
    let Some(bytes) = file::read_optional(chain_file, FILE_LIMIT)? else { return Ok(()) };
    let found = PemBundle::parse(&bytes).ok().and_then(|bundle| bundle.certificates.into_iter().next());
    if found.as_ref().is_some_and(|leaf| history.iter().any(|known| known.fingerprint == Some(leaf.fingerprint()))) {
        return Ok(());
    }
    let is_of_this_name = found.and_then(|leaf| leaf.common_name()).as_deref() == Some(name);
    let (why, fix) = if is_of_this_name {
        (
            "the certificate there has the name of this identity, and the ledger does not know it",
            "run `tbpki store check`; if it lists the certificate, `tbpki store repair` takes it over; otherwise move the \
             file away",
        )
    } else {
        (
            "the ledger has recorded the directory for the copies, and the certificate there is not of this identity",
            "move the file away, or name another directory with --out",
        )
    };
    Err(Code::TargetExists
        .error("the directory for copies has another certificate")
        .at(chain_file)
        .item(name)
        .because(why)
        .fix(fix))
}
