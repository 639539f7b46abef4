//! [`IssueRequest`] issues the identity of a server or device and writes its files: the steps that both have in common.

use std::path::Path;

use base::file::{self, WriteOutcome, WrittenFile};
use base::text::{shell_path, shell_word};
use base::{Code, Finding, Result};
use config::{Days, Keystore, Setting};
use ledger::{Entry, Key, Kind, RenewalStep, View};
use pki::identity::Identity;
use pki::issuer::{Issuer, KeySource, Order, SelfSigned};
use pki::key::PublicKey;
use pki::keystore;
use pki::pem_bundle::PemBundle;
use pki::profile::Profile;
use pki::tbs::Contents;
use pki::{Algorithm, Certificate, PrivateKey, San, Subject};

use crate::delivery::{CopyDestination, StagedCopies};
use crate::files::identity::IdentityView;
use crate::files::keystore::KeystorePlan;
use crate::files::kubernetes_secret;
use crate::files::settings::ServerSettings;
use crate::files::table::{FileRow, FileTable};
use crate::issuance::{CurrentState, Issuance};
use crate::lifecycle::missing_copies;
use crate::lifecycle::renew::checks;
use crate::lifecycle::renew::outdated::remove_outdated;
use crate::report::{CertificateReport, FileOutcome, FileReport, IdentityOutcome, IdentityReport};
use crate::request::issuing_command::issuing_command;
use crate::request::{contents, crl_url};
use store::ca::Ca;
use store::file_names::{keystore_password, keystore_password_of_job};
use store::secrets::{KeptPassword, NewSecret};
use store::{FILE_LIMIT, Store, Workspace, firmware_warning, identity_dir, secrets_dir};
use time::OffsetDateTime;
use zeroize::Zeroizing;

pub mod key_in_use;
mod target;

pub(crate) use target::IssueTarget;

/// One identity to be made.
pub(crate) struct IssueRequest<'a> {
    pub(crate) issuance: Issuance<'a>,
    pub(crate) profile: Profile,
    pub(crate) subject: Subject,
    pub(crate) sans: Vec<San>,
    pub(crate) days: &'a Setting<Days>,
    pub(crate) key: KeySource,
    /// The CA that issues it; none for a self-signed leaf.
    pub(crate) ca: Option<Ca>,
    pub(crate) keystore: KeystoreRequest<'a>,
    pub(crate) out: Option<CopyDestination>,
    /// The directory that must get copies and is not there: the generation waits for it with an open step.
    pub(crate) missing_out: Option<String>,
    /// The settings that go with the files, for a server.
    pub(crate) settings: Option<ServerSettings<'a>>,
    /// The end of the certificate that this one renews; none for what is not a renewal.
    pub(crate) renews: Option<OffsetDateTime>,
}

/// The requested properties of keystores, if any of the files is one.
pub(crate) struct KeystoreRequest<'a> {
    pub(crate) settings: &'a Keystore,
    /// The section of keygen.toml.
    pub(crate) section: &'static str,
    pub(crate) trusted: TrustedEntries,
}

/// The trusted entries of keystores.
pub(crate) enum TrustedEntries {
    /// The trust anchors of the issuance, with which clients verify the server.
    Anchors,
    /// CAs, each with its alias.
    Cas(Vec<(String, Certificate)>),
}

/// The result, before it is reported.
struct Made {
    done: IdentityOutcome,
    identity: Identity,
    files: Vec<FileReport>,
    note: Option<Finding>,
}

impl IssueRequest<'_> {
    /// Makes the identity, or reports what would be made.
    pub(crate) fn carry_out(self, workspace: &mut Workspace<'_>, target: &mut IssueTarget) -> Result<IdentityReport> {
        match target {
            IssueTarget::Store(store) => self.carry_out_in(workspace, store).map(|(report, ..)| report),
            IssueTarget::DryRun(view) => self.dry_run(workspace, view),
        }
    }

    /// Makes the identity in an open store, and returns it with its row in the ledger.
    pub(crate) fn carry_out_in(
        mut self,
        workspace: &mut Workspace<'_>,
        store: &mut Store,
    ) -> Result<(IdentityReport, Identity, Option<Entry>)> {
        // Files that were on their way into the store are in their places before they are looked at.
        file::recover(self.dir_in(store.dir()))?;
        let finishes = self.issuance.is_half_delivered(store.dir(), &store.ledger, self.out_dir())?;
        self.issuance.settle(store)?;
        let standing = self.issuance.standing(store.dir(), &store.ledger, finishes)?;
        let unread = self.check_key(store.dir(), &store.ledger)?;
        let mut made = match standing {
            CurrentState::Present(entry) => {
                let mut made = self.bring_up_to_date(workspace, store, &entry)?;
                made.note = checks::due_warning(workspace, &store.ledger, &entry)?;
                made
            }
            CurrentState::Wanted { replaces } => self.issue(workspace, store, replaces.as_deref())?,
        };
        let mut findings: Vec<Finding> = made.note.take().into_iter().chain(unread).collect();
        findings.extend(self.findings(&made, workspace)?);
        findings.extend(self.warnings_about_copies(workspace.store_dir())?);
        // Read again: settling and issuing have changed the row.
        let entry = match self.issuance.pending {
            true => store.ledger.pending(self.issuance.kind, self.issuance.name)?,
            false => store.ledger.current(self.issuance.kind, self.issuance.name)?,
        };
        let leaf = IdentityView::of(&made.identity).leaf;
        let report = IdentityReport {
            kind: self.issuance.kind.as_str().to_owned(),
            name: self.issuance.name.to_owned(),
            done: made.done,
            generation: entry.as_ref().map(|entry| entry.generation().number()),
            certificate: Some(CertificateReport::of(leaf)),
            names: leaf.sans().iter().map(ToString::to_string).collect(),
            files: made.files,
            findings,
        };
        Ok((report, made.identity, entry))
    }

    /// Writes the files of an identity that is there again as far as they follow from trust anchors and CAs, in its own
    /// place and in that of its copies.
    pub(crate) fn refresh_in(
        mut self,
        workspace: &mut Workspace<'_>,
        store: &mut Store,
        entry: &Entry,
    ) -> Result<Vec<FileReport>> {
        Ok(self.bring_up_to_date(workspace, store, entry)?.files)
    }

    /// Adds missing files to an existing identity, and updates those that follow from anchors and settings.
    // Nothing is signed here, so that a repeated command can never issue a second certificate.
    fn bring_up_to_date(&mut self, workspace: &mut Workspace<'_>, store: &mut Store, entry: &Entry) -> Result<Made> {
        let identity = self.issuance.load(store.dir(), &store.ledger, entry)?;
        let new = self.prepare_keystore(workspace, store.dir(), Some(entry))?;
        let delivery = self.delivery_of(store.dir(), &store.ledger, &identity, entry)?;
        let staged = delivery.stage()?;
        let (written, copies) = NewSecret::kept_for(new, store.dir(), || staged.into_store())?;
        let done = if written.iter().any(|file| matches!(file.outcome, WriteOutcome::Replaced(_))) {
            IdentityOutcome::Refreshed
        } else if written.iter().any(|file| file.outcome == WriteOutcome::Written) {
            IdentityOutcome::Completed
        } else {
            IdentityOutcome::Unchanged
        };
        let files = reports(written, copies)?;
        self.record_copies(store, &entry.key)?;
        if self.out.is_some() {
            // The copies that a renewal could not write are there now, or in the directory that takes the place of theirs.
            store.ledger.end_step(&entry.key, RenewalStep::Install)?;
        }
        Ok(Made { done, identity, files, note: None })
    }

    /// Issues a new generation. Whatever could stop it is looked for before it is recorded.
    fn issue(&mut self, workspace: &mut Workspace<'_>, store: &mut Store, replaces: Option<&Entry>) -> Result<Made> {
        // Obstacles are found before the user is asked for a passphrase.
        let expected = self.expected_delivery(store.dir(), replaces)?;
        expected.check()?;
        let issuer = self.open_issuer(workspace)?;
        let new = self.prepare_keystore(workspace, store.dir(), replaces)?;
        let (order, note) = self.order(workspace, issuer.as_ref())?;
        let dir = store.dir().to_owned();
        // The password, the store and the copies are tried on the disk, since after signing a full disk would waste a
        // serial number.
        new.as_ref().map_or(Ok(()), |new| new.rehearse(&dir))?;
        drop(expected.rehearse()?);

        let mut delivery = None;
        let slot = &mut delivery;
        // From here on the serial number is used, whatever happens.
        let key = self.issuance.record(store, &order)?;
        // Recorded ahead of the copies, so that the same command, and a renewal, find what an interrupted one has left open.
        let has_step = self.begin_copies(store, &key)?;
        // Once the files are in the store the password of their keystores stays there too, whatever fails afterwards.
        let delivered = NewSecret::kept_for(new, &dir, || {
            let identity = self.issuance.sign(issuer.as_ref(), order)?;
            if self.renews.is_some() {
                // A renewal replaces something that works: its chain is tried before a file of the present generation
                // moves.
                checks::prove(&identity, self.issuance.kind, workspace.now)?;
            }
            let delivery = slot.insert(self.delivery_of_new(&dir, &identity, replaces)?);
            Ok((identity, delivery.stage()?.into_store()?))
        });
        let (identity, (written, copies)) = self.issuance.conclude(store, &key, delivered)?;
        if self.issuance.kind == Kind::Device
            && !self.issuance.pending
            // The identity is issued. What is left is reported by `store check`, and no reason to fail.
            && let Err(error) = remove_outdated(&dir, &store.ledger, self.issuance.name)
        {
            tracing::warn!(%error, name = self.issuance.name, "the files of an earlier renewal stay");
        }
        let files = reports(written, copies)?;
        if has_step && self.out.is_some() {
            store.ledger.end_step(&key, RenewalStep::Install)?;
        }
        Ok(Made { done: IdentityOutcome::Issued, identity, files, note })
    }

    fn out_dir(&self) -> Option<&Path> {
        self.out.as_ref().map(|out| out.dir.as_path())
    }

    /// Records where the copies of a new generation go, with a step that is open until they are there. Returns whether
    /// there is such a step.
    fn begin_copies(&self, store: &mut Store, key: &Key) -> Result<bool> {
        let dir = self.copies_dir().or_else(|| self.missing_out.clone());
        let Some(dir) = dir else { return Ok(false) };
        store.ledger.transaction(|transaction| {
            transaction.copied(key, &dir)?;
            transaction.begin_step(key, RenewalStep::Install)?;
            match &self.missing_out {
                Some(missing) => transaction.fail_step(key, RenewalStep::Install, &format!("{missing} is not there")),
                None => Ok(()),
            }
        })?;
        Ok(true)
    }

    /// Records where the copies go, for a renewal.
    fn record_copies(&self, store: &mut Store, key: &Key) -> Result<()> {
        self.copies_dir().map_or(Ok(()), |dir| store.ledger.copied(key, &dir))
    }

    /// The full path of the directory for copies, as the ledger keeps it.
    fn copies_dir(&self) -> Option<String> {
        let dir = std::path::absolute(&self.out.as_ref()?.dir).ok()?;
        // The ledger keeps text. A directory with another path is not remembered, so a renewal writes no copies to it.
        dir.to_str().map(str::to_owned)
    }

    /// The expected result. The store is only read.
    fn dry_run(mut self, workspace: &mut Workspace<'_>, view: &View) -> Result<IdentityReport> {
        let dir = workspace.store_dir().to_owned();
        let finishes = self.issuance.is_half_delivered(&dir, view, self.out_dir())?;
        let standing = self.issuance.standing(&dir, view, finishes)?;
        let unread = self.check_key(&dir, view)?;
        let (done, entry, files, mut findings) = match standing {
            CurrentState::Present(entry) => {
                let files = self.expected_update(workspace, &dir, view, &entry)?;
                let is_complete = files.iter().all(|file| file.done == FileOutcome::Unchanged);
                let done = if is_complete { IdentityOutcome::Unchanged } else { IdentityOutcome::Planned };
                let mut findings = workspace.secrets.take_findings();
                findings.extend(checks::due_warning(workspace, view, &entry)?);
                (done, Some(*entry), files, findings)
            }
            CurrentState::Wanted { replaces } => {
                let files = self.expected_delivery(&dir, replaces.as_deref())?.outlook()?;
                // The key is not opened: a dry run must not ask for a passphrase.
                let issuer = self.ca.as_ref().map(|ca| ca.check_usable(&dir, workspace.now)).transpose()?;
                let (subject, sans) = (self.subject.clone(), self.sans.clone());
                let (contents, note) =
                    contents(self.profile, subject, sans, self.days, issuer.as_ref(), workspace.now)?;
                self.check_lasts(&contents)?;
                (IdentityOutcome::Planned, None, files, note.into_iter().collect())
            }
        };
        findings.extend(unread);
        findings.extend(self.missing_out_warning());
        Ok(IdentityReport {
            kind: self.issuance.kind.as_str().to_owned(),
            name: self.issuance.name.to_owned(),
            done,
            generation: entry.as_ref().map(|entry| entry.generation().number()),
            certificate: None,
            names: self.sans.iter().map(ToString::to_string).collect(),
            files,
            findings,
        })
    }

    /// The expected result for the files of an existing identity. A password that would be made is forgotten again.
    fn expected_update(
        &mut self,
        workspace: &mut Workspace<'_>,
        store: &Path,
        view: &View,
        entry: &Entry,
    ) -> Result<Vec<FileReport>> {
        let identity = self.issuance.load(store, view, entry)?;
        self.prepare_keystore(workspace, store, Some(entry))?;
        self.delivery_of(store, view, &identity, entry)?.outlook()
    }

    /// Fails for the key of a request if a file needs the private key, if another identity has the same key, or if an earlier
    /// generation has left files with a key of ours that nothing would renew.
    fn check_key(&self, store: &Path, view: &View) -> Result<Option<Finding>> {
        let KeySource::Public(key) = &self.key else { return Ok(None) };
        let files = &self.issuance.files;
        files.check_key(false)?;
        // A renewal keeps a key that is known to be its own.
        let unread = match self.renews {
            Some(_) => None,
            None => key_in_use::check(store, view, self.issuance.kind, self.issuance.name, key)?,
        };
        let dir = self.dir_in(store);
        let mut same = Vec::new();
        let mut other = Vec::new();
        for row in files.with_key_in(&dir) {
            match key_of(&dir.join(&row.name), key)? {
                KeyOfFile::Same => {}
                KeyOfFile::SameWithCertificate => same.push(row.name.as_str()),
                KeyOfFile::Other => other.push(row.name.as_str()),
            }
        }
        if !other.is_empty() {
            return Err(Code::TargetExists
                .error(format!("{} of the earlier generation would not fit the key of the request", other.join(", ")))
                .at(dir)
                .fix("move them away first"));
        }
        if same.is_empty() {
            return Ok(unread);
        }
        Err(Code::TargetExists
            .error(format!("{} would keep the earlier certificate", same.join(", ")))
            .because(
                "tbpki has the key of the request in these files, and writes no file with a private key for a request",
            )
            .at(dir)
            .fix("move them away first, or leave --csr out: tbpki then makes a new key and renews all files"))
    }

    fn open_issuer(&self, workspace: &mut Workspace<'_>) -> Result<Box<dyn Issuer>> {
        Ok(match &self.ca {
            Some(ca) => Box::new(workspace.open_ca(ca)?),
            None => Box::new(SelfSigned),
        })
    }

    fn order(&mut self, workspace: &Workspace<'_>, issuer: &dyn Issuer) -> Result<(Order, Option<Finding>)> {
        let (mut contents, note) =
            contents(self.profile, self.subject.clone(), self.sans.clone(), self.days, issuer.period(), workspace.now)?;
        contents.crl_url = self.ca.as_ref().and_then(|ca| crl_url(workspace.config, ca));
        self.check_lasts(&contents)?;
        // The key moves into the order: a private key must not be generated twice for one request.
        let key = std::mem::replace(&mut self.key, KeySource::Generate(Algorithm::default()));
        Ok((Order { contents, key }, note))
    }

    /// Fails for a renewal that would hardly live longer than the present certificate.
    fn check_lasts(&self, contents: &Contents) -> Result<()> {
        match self.renews {
            Some(end) => {
                // What the CA allows can be less than the configuration: a quarter of more than that would never be reached.
                let allowed = contents.validity.not_after() - contents.validity.not_before();
                let allowed = u32::try_from(allowed.whole_days()).unwrap_or(u32::MAX);
                let days = self.days.value.number();
                let ca = self.ca.as_ref().filter(|_| allowed < days).map(Ca::name);
                checks::check_lasts(days.min(allowed), end, contents.validity.not_after(), ca.as_deref())
                    .map_err(|error| error.item(self.issuance.name))
            }
            None => Ok(()),
        }
    }

    /// Fetches or makes the passwords, once it is certain that a keystore will be closed with them.
    fn prepare_keystore(
        &mut self,
        workspace: &mut Workspace<'_>,
        store: &Path,
        present: Option<&Entry>,
    ) -> Result<Option<NewSecret>> {
        let files = &mut self.issuance.files;
        if !files.written().any(|row| row.keystore_format().is_some()) {
            return Ok(None);
        }
        let wish = &self.keystore;
        let name = keystore_password(self.issuance.kind, self.issuance.name);
        let trusted = match &wish.trusted {
            TrustedEntries::Anchors => workspace.named_anchors(self.issuance.anchors.as_deref().unwrap_or_default())?,
            TrustedEntries::Cas(cas) => cas.clone(),
        };
        // All keystores of a job have one password, which each of its devices keeps from then on.
        let of_job = present.and_then(|entry| entry.job).map(|(job, _)| keystore_password_of_job(job.number()));
        let names = KeptPassword { name: &name, earlier: of_job.as_deref() };
        let (passwords, new) = workspace.secrets.keystore(wish.settings, wish.section, store, names)?;
        // With --force the settings of the program are written again, too, with the new password.
        let is_kept = !self.issuance.force || self.renews.is_some();
        if new.as_ref().is_some_and(NewSecret::is_random) && is_kept {
            let own = identity_dir(store, self.issuance.kind, self.issuance.name);
            let dirs = std::iter::once(own.as_path()).chain(self.out.as_ref().map(|out| out.dir.as_path()));
            check_no_keystore(files, dirs, self.issuance.kind, self.issuance.name, &secrets_dir(store).join(&name))?;
        }
        files.keystore = Some(KeystorePlan {
            alias: wish.settings.alias.value.as_str().to_owned(),
            trusted,
            passwords,
            created: workspace.now,
        });
        Ok(new)
    }

    fn findings(&self, made: &Made, workspace: &mut Workspace<'_>) -> Result<Vec<Finding>> {
        let mut findings = workspace.secrets.take_findings();
        let held = IdentityView::of(&made.identity);
        let files = &self.issuance.files;
        let formats: Vec<_> = files.written().filter_map(FileRow::keystore_format).collect();
        // What keystores cannot do is told when they are written, not each time that nothing has changed.
        let is_written = made.done != IdentityOutcome::Unchanged && !formats.is_empty();
        if let Some(plan) = files.keystore.as_ref().filter(|_| is_written) {
            for format in &formats {
                findings.extend(keystore::effective_passwords(*format, &plan.passwords).1);
            }
            if formats.contains(&keystore::KeystoreFormat::Jks) {
                findings.push(keystore::jks_weak());
            }
            findings.extend(held.key().ok().and_then(|key| keystore::algorithm_warning(key.algorithm())));
        }
        findings.extend(held.chain().find_map(firmware_warning));
        Ok(findings)
    }
}

impl IssueRequest<'_> {
    /// Warnings about copies that are not of the present generation.
    fn warnings_about_copies(&self, store: &Path) -> Result<Vec<Finding>> {
        let mut findings: Vec<Finding> = self.missing_out_warning().into_iter().collect();
        let Issuance { kind, name, files, .. } = &self.issuance;
        if *kind != Kind::Server {
            return Ok(findings);
        }
        let word = shell_word(name);
        let command = format!("tbpki server --name {word} --environment kubernetes");
        findings.extend(kubernetes_secret::warning(&self.dir_in(store), &files.chain_file, &command)?);
        if let Some(out) = self.out_dir() {
            let command = format!("tbpki server --name {word} --out {} --environment kubernetes", shell_path(out));
            findings.extend(kubernetes_secret::warning(out, &files.chain_file, &command)?);
        }
        Ok(findings)
    }

    fn missing_out_warning(&self) -> Option<Finding> {
        let dir = self.missing_out.as_ref()?;
        Some(missing_copies::warning(self.issuance.kind, self.issuance.name, dir))
    }
}

/// Fails if a keystore of the identity is there: its password is lost, and the program that reads it knows no other one.
///
/// # Errors
/// [`Code::SecretUnavailable`].
fn check_no_keystore<'a>(
    files: &FileTable,
    mut dirs: impl Iterator<Item = &'a Path>,
    kind: Kind,
    name: &str,
    secret: &Path,
) -> Result<()> {
    let keystores: Vec<&FileRow> = files.rows.iter().filter(|row| row.keystore_format().is_some()).collect();
    let found = dirs.find_map(|dir| keystores.iter().map(|row| dir.join(&row.name)).find(|path| path.exists()));
    let Some(keystore) = found else { return Ok(()) };
    let again = format!("{} --force", issuing_command(kind, name));
    Err(Code::SecretUnavailable
        .error(format!("the password of {} is not in the store any more", keystore.display()))
        .at(secret)
        .because("with a new password, the program that reads the keystore could not open it")
        .fix(format!(
            "restore the file from a backup, or write the password into it that the program has (a server's is in \
             thingsboard.env), with mode 600; `{again}` issues a new generation with a new password"
        )))
}

/// The consequence of a file with a private key for the key of a request.
enum KeyOfFile {
    /// It has the same key and nothing else, so that it stays right.
    Same,
    /// It also has a certificate.
    SameWithCertificate,
    /// It has another key, or cannot be read without a password.
    Other,
}

fn key_of(path: &Path, key: &PublicKey) -> Result<KeyOfFile> {
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)?.map(Zeroizing::new) else { return Ok(KeyOfFile::Other) };
    let held = PrivateKey::from_pem_or_der(&bytes, None).ok();
    if held.is_none_or(|held| held.check_belongs_to(key.spki_der()).is_err()) {
        return Ok(KeyOfFile::Other);
    }
    let has_certificate = PemBundle::parse(&bytes).is_ok_and(|bundle| !bundle.certificates.is_empty());
    Ok(if has_certificate { KeyOfFile::SameWithCertificate } else { KeyOfFile::Same })
}

/// The files in the store, and the copies of them once those are in their places as well.
fn reports(mut written: Vec<WrittenFile>, copies: StagedCopies<'_>) -> Result<Vec<FileReport>> {
    // The copies are the last step: a failure leaves the identity in the store, where the next run finds it.
    let copied = copies.commit().map_err(|error| {
        error.fix("the identity is in the store: see to the directory, then run the same command once more to copy it")
    })?;
    written.extend(copied);
    Ok(written.into_iter().map(FileReport::from).collect())
}

/// The fingerprint of the issuer, as the parameters in the ledger have it.
pub(crate) fn fingerprint_of(workspace: &Workspace<'_>, ca: Option<&Ca>) -> Result<String> {
    let Some(ca) = ca else { return Ok(store::SELF.to_owned()) };
    let certificates = ca.certificates(workspace.store_dir())?;
    let certificate =
        certificates.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))?;
    Ok(certificate.fingerprint_hex())
}
