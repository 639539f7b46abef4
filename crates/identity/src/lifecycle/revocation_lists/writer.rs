//! One file with revocation lists: what goes into it, and the order in which ledger, file and program learn of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::thread;

use base::file::{self, FileSet, Mode, WriteOutcome};
use base::timestamp::rfc3339;
use base::{Code, Error, Result, digest};
use ledger::{Generation, NewList, Role, SerialNumber};
use pki::Certificate;
use pki::armor;
use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use pki::revocation_list::{ListHeader, Reason, RevokedSerial, sign};
use store::ca::generations::{CaGeneration, retired_certificates};
use store::ca::{Ca, KeyLocation, OpenCa};
use store::{Store, Workspace};
use time::{Duration, OffsetDateTime};

use super::list_file::LIMIT;
use super::report::{RevocationListReport, RevocationListsReport};
use super::unmade::{KeptBecause, UnmadeList};
use super::warnings;
use crate::lifecycle::last_lists;
use crate::lifecycle::list_hook::ListHook;
use crate::lifecycle::lost_list;
use crate::report::{FileOutcome, FileReport};

/// The suffix of a file that is replaced, until it is removed.
const REPLACED: &str = "tbpki-replaced";

/// Days until the next list of a root at the latest. A root revokes CAs alone, and its key may be kept elsewhere.
const ROOT_DAYS: i64 = 365;

/// Whether the next list of a CA can be made.
enum Prepared {
    /// With this key.
    Ready(Box<OpenCa>),
    /// In a run that writes.
    Planned,
    /// It cannot.
    Unmade(Error),
}

/// One file on its way.
pub(super) struct Writer<'a, 'w> {
    workspace: &'a mut Workspace<'w>,
    store: &'a mut Store,
    path: PathBuf,
    dry_run: bool,
    /// The program that runs after the file has changed.
    hook: &'a ListHook,
    /// The lists that the ledger has recorded, and that no file has yet.
    begun: Vec<BegunList>,
    report: &'a mut RevocationListsReport,
}

/// A list that the ledger has recorded before it is signed.
struct BegunList {
    /// SHA-256 of the key of its CA.
    key: [u8; 32],
    record: ledger::RevocationList,
    /// The last list of the key before it.
    before: Option<ledger::RevocationList>,
}

impl<'a, 'w> Writer<'a, 'w> {
    /// A writer of the file `path`, which tells `report` what it did. `hook` is the program that has to run afterwards.
    pub(super) fn new(
        workspace: &'a mut Workspace<'w>,
        store: &'a mut Store,
        path: PathBuf,
        dry_run: bool,
        hook: &'a ListHook,
        report: &'a mut RevocationListsReport,
    ) -> Self {
        Self { workspace, store, path, dry_run, hook, begun: Vec::new(), report }
    }
    /// Signs the lists of these CAs, and puts the file in its place.
    pub(super) fn write(mut self, cas: &[Ca]) -> Result<()> {
        let pem = match self.sign_all(cas) {
            Ok(pem) => pem,
            Err(error) => {
                // Otherwise the next run would look for these lists, which are in no file.
                for BegunList { key, record, before } in &self.begun {
                    self.store.ledger.list_failed(key, record, before.as_ref())?;
                }
                return Err(error);
            }
        };
        if self.dry_run {
            self.report.files.push(FileReport::planned(self.path));
            return Ok(());
        }
        if pem.is_empty() {
            // A broker does not start with an empty file. The warnings above name the keys that are elsewhere.
            return Ok(());
        }
        // Before the file: killed in between, a later run makes the broker read it.
        self.hook.open()?;
        self.report.is_hook_due = true;
        let report = replace(&self.path, pem)?;
        self.report.files.push(report);
        // After the file: a number that was signed and not published must not close an open revocation.
        self.begun.iter().try_for_each(|begun| self.store.ledger.published_list(&begun.record))?;
        if self.report.keeps_replaced {
            return Ok(());
        }
        // The lists of CAs that are out of service have left the file, and no further ones are made.
        let names: Vec<String> = cas.iter().map(Ca::name).collect();
        self.store.ledger.end_unlisted(&names)
    }

    /// The lists of these CAs, and those of lost CAs that the file has, in PEM. In a dry run, the report has them instead.
    fn sign_all(&mut self, cas: &[Ca]) -> Result<Vec<u8>> {
        let dir = self.workspace.store_dir().to_owned();
        let mut listed = Vec::new();
        for ca in cas {
            // Those that are prepared have a list, too, so that brokers know it before the first leaf.
            listed.extend(ca.trusted(&dir)?.into_iter().map(|generation| (ca, generation)));
        }
        let certificates: Vec<Certificate> =
            listed.iter().map(|(_, generation)| generation.certificate().cloned()).collect::<Result<_>>()?;
        check_names(&listed, &certificates)?;
        let mut known = certificates.clone();
        for ca in cas {
            // The file may still have the list of a retired generation, which is ours and goes with this run.
            known.extend(retired_certificates(&dir, &ca.name())?);
        }
        let (earlier, lost) = self.earlier(&known)?;
        let in_service = |list: &&Crl| certificates.iter().any(|ca| list.is_issued_by(ca));
        let dropped: Vec<&Crl> = earlier.iter().filter(|list| !in_service(list)).collect();
        if !self.dry_run {
            last_lists::keep(&dir, &dropped)?;
        }
        let mut pem = Vec::new();
        let mut errors = Vec::new();
        for (index, ((ca, generation), certificate)) in listed.iter().zip(&certificates).enumerate() {
            self.warn_without_path(ca, generation)?;
            // Further certificates of one key, as an imported CA has them, share its list.
            let is_same = |other: &&Certificate| other.spki_der() == certificate.spki_der();
            if certificates.iter().take(index).any(|other| is_same(&other)) {
                continue;
            }
            let is_shared = known.iter().filter(is_same).any(|other| other.der() != certificate.der());
            // Once for each CA: it takes a verification of each signature.
            let earlier: Vec<&Crl> = earlier.iter().filter(|list| list.is_issued_by(certificate)).collect();
            let list = match generation.key_place()? {
                // The earlier list of such a CA stays: without one, verifiers of whole chains refuse all below it.
                KeyLocation::Elsewhere => {
                    self.keep(ca, generation, earlier.first().copied(), &KeptBecause::KeyElsewhere)
                }
                _ => {
                    let name = ca.name();
                    let new = self.new_list((ca, &name), (generation, is_shared), certificate, &earlier)?;
                    match self.prepare(ca, generation, &new, &earlier)? {
                        Prepared::Planned => continue,
                        Prepared::Ready(open) => Some(self.make(generation, &new, &open, &earlier)?),
                        Prepared::Unmade(error) => {
                            // Another question for a passphrase would follow the one that was not answered.
                            if self.begun.is_empty() && error.code() == Code::SecretUnavailable {
                                return Err(error);
                            }
                            let because = KeptBecause::Unmade(error.to_string());
                            errors.push(error);
                            self.keep(ca, generation, earlier.first().copied(), &because)
                        }
                    }
                }
            };
            if let Some(list) = list {
                armor::append("X509 CRL", list.der(), &mut pem);
            }
        }
        if self.begun.is_empty() && !self.dry_run && dropped.is_empty() && !errors.is_empty() {
            // Nothing is new, so that the file stays as it is.
            return Err(errors.swap_remove(0));
        }
        self.report.findings.extend(errors.into_iter().map(Error::into_warning));
        // Without its list, brokers would refuse what a lost CA has issued, or accept again what it has revoked.
        lost.iter().for_each(|list| armor::append("X509 CRL", list.der(), &mut pem));
        if let (true, Some(stays)) = (pem.is_empty() && !self.dry_run, dropped.first()) {
            self.report.keeps_replaced = true;
            self.report.findings.push(warnings::out_of_service_stays(&self.path, stays));
        }
        Ok(pem)
    }

    /// The lists that the file has now: those of these CAs, and those of CAs that the store has lost. A file that has none
    /// of these CAs is not ours.
    fn earlier(&mut self, cas: &[Certificate]) -> Result<(Vec<Crl>, Vec<Crl>)> {
        let Some(bytes) = file::read_optional(&self.path, LIMIT)? else { return Ok((Vec::new(), Vec::new())) };
        let path = self.path.clone();
        // The files of a station can have been copied without the certificates of the earlier generations.
        let fix = match self.store.ledger.is_shared() {
            true => {
                "if it has lists of an earlier generation of the CA, bring the certificate of that generation with `tbpki ca \
                 export devices --out DIR --force` where the CA was replaced; otherwise name another file with --out or \
                 `[crl] out`"
            }
            false => "name another file with --out or `[crl] out`, or move this one away",
        };
        let foreign =
            || Code::TargetExists.error("the file is not one with revocation lists of this store").at(&path).fix(fix);
        let lists = PemBundle::parse(&bytes).map_err(|error| foreign().caused_by(error))?.crls;
        let lists: Vec<Crl> = lists.iter().map(|der| Crl::from_der(der)).collect::<Result<_>>()?;
        // By signature too: a file of another store may have CAs of the same names.
        let is_ours = |list: &Crl| cas.iter().any(|ca| list.is_issued_by(ca));
        let (ours, lost): (Vec<Crl>, Vec<Crl>) = lists.into_iter().partition(is_ours);
        if ours.is_empty() {
            let names: Vec<String> = lost.iter().map(Crl::issuer).collect();
            return Err(if names.is_empty() {
                foreign()
            } else {
                foreign().because(format!("it has lists of {}", names.join(", ")))
            });
        }
        for list in &lost {
            let finding = Code::CaLost.warning(lost_list::lost(list)).at(&self.path);
            self.report.findings.push(finding.because(lost_list::WHY).fix(lost_list::REMEDY));
        }
        Ok((ours, lost))
    }

    /// Warns of a CA that no trusted root certifies any more. It still gets a list: that takes its certificate and its key
    /// alone, and the lists of the other CAs must not wait for it.
    fn warn_without_path(&mut self, ca: &Ca, generation: &CaGeneration) -> Result<()> {
        let (name, number) = (ca.name(), generation.number);
        if ca.has_path(self.workspace.store_dir(), generation)? {
            return Ok(());
        }
        self.report.findings.push(
            Code::CaWithoutRoot
                .warning(format!("no trusted root certifies generation {number} of {name}"))
                .because("brokers refuse everything below it since its root was revoked or taken out of service")
                .fix(format!(
                    "run `tbpki ca prepare {0}` and `tbpki ca activate {0}`, and renew what it has issued",
                    ca.word()
                )),
        );
        Ok(())
    }

    /// The list of an earlier run, for a CA of which none can be made now.
    fn keep(&mut self, ca: &Ca, generation: &CaGeneration, list: Option<&Crl>, because: &KeptBecause) -> Option<Crl> {
        let of = format!("generation {} of {}", generation.number, ca.name());
        let now = self.workspace.now;
        let what = match list {
            None => Some(format!("the file has no revocation list of {of}")),
            Some(list) if list.next_update().is_some_and(|next| next < now) => {
                Some(format!("the revocation list of {of} has expired"))
            }
            Some(_) => None,
        };
        self.report.findings.extend(what.map(|what| because.finding(what, &generation.dir).at(&self.path)));
        if let KeptBecause::Unmade(why) = because {
            let (ca, generation, why) = (ca.name(), generation.number, why.clone());
            self.report.unmade.push(UnmadeList { ca, generation, why });
        }
        let list = list?;
        self.report.lists.push(RevocationListReport {
            ca: ca.name(),
            generation: generation.number,
            number: list.number().map(str::to_owned),
            this_update: Some(rfc3339(list.this_update())),
            next_update: list.next_update().map(rfc3339),
            revoked: list.revoked().len(),
            kept: true,
        });
        Some(list.clone())
    }

    /// Fails if the next list of a CA would lack a revocation of the present one that the ledger does not have: brokers would
    /// accept that certificate again. `earlier` are the lists of the CA in the file; `next` are the serial numbers of the next
    /// list.
    fn check_none_lost<'s>(&self, name: &str, earlier: &[&Crl], next: impl Iterator<Item = &'s [u8]>) -> Result<()> {
        let Some(list) = earlier.first() else { return Ok(()) };
        let next: HashSet<&[u8]> = next.collect();
        let mut lost = 0_usize;
        let mut first = None;
        // The ledger is asked only for those that are left out, which are those of expired certificates.
        for entry in list.revoked().iter().filter(|entry| !next.contains(entry.serial.as_slice())) {
            let serial = SerialNumber::new(&entry.serial)?;
            let rows = self.store.ledger.by_serial(&serial)?;
            if !rows.iter().any(|row| row.issuer == name && row.role == Role::Revoked) {
                lost += 1;
                first.get_or_insert(serial);
            }
        }
        let Some(first) = first else { return Ok(()) };
        let others = if lost == 1 { String::new() } else { format!(" and {} more", lost - 1) };
        Err(Code::RevocationsLost
            .error(format!("the published list of {name} revokes {first}{others}, and the ledger does not"))
            .at(&self.path)
            .because("the ledger is an older copy, or was lost: with a list from it, brokers would accept what is revoked")
            .fix("put the newest ledger back; if it is lost, run `tbpki store repair`, which takes these revocations over"))
    }

    /// Adds the next list of a CA to the report of a dry run. `earlier` are its lists in the file.
    fn expect(&mut self, generation: &CaGeneration, new: &NewList<'_>, earlier: &[&Crl]) -> Result<()> {
        let entries = self.store.ledger.revoked_by(new.issuer, new.generation, None)?;
        let serials = entries.iter().map(|entry| entry.serial.octets());
        self.check_none_lost(new.issuer, earlier, serials)?;
        let revoked = entries.len();
        self.report.lists.push(RevocationListReport {
            ca: new.issuer.to_owned(),
            generation: generation.number,
            number: None,
            this_update: None,
            next_update: None,
            revoked,
            kept: false,
        });
        Ok(())
    }

    /// The generation of a CA as the ledger has it. `None` for all of them: `is_shared` is true if others have its key.
    fn ledger_generation(&self, ca: &Ca, generation: &CaGeneration, is_shared: bool) -> Result<Option<Generation>> {
        if is_shared {
            return Ok(None);
        }
        // By the certificate: a wrong number would put revocations on the list of another key.
        Ok(generation.row(&self.store.ledger, &ca.name())?.map(|row| row.generation()))
    }

    /// Finds out whether the next list of a CA, `new`, can be made, before anything is recorded. In a dry run, the report has the
    /// list that would be made.
    ///
    /// # Errors
    /// Those that concern all lists, for example of the ledger.
    fn prepare(&mut self, ca: &Ca, generation: &CaGeneration, new: &NewList<'_>, earlier: &[&Crl]) -> Result<Prepared> {
        match self.store.ledger.next_list(new) {
            Ok(_) => {}
            Err(error) if error.code() == Code::ClockBehind => return Ok(Prepared::Unmade(error)),
            Err(error) => return Err(error),
        }
        if self.dry_run {
            self.expect(generation, new, earlier)?;
            return Ok(Prepared::Planned);
        }
        Ok(match self.workspace.open_generation_for_lists(ca, generation) {
            Ok(open) => Prepared::Ready(Box::new(open)),
            Err(error) => Prepared::Unmade(error),
        })
    }

    /// What is asked of the ledger for the next list of a CA.
    fn new_list<'n>(
        &self,
        (ca, name): (&Ca, &'n str),
        (generation, is_shared): (&CaGeneration, bool),
        certificate: &Certificate,
        earlier: &[&Crl],
    ) -> Result<NewList<'n>> {
        let days = i64::from(self.workspace.config.crl.days.value.number());
        // A root's key is often offline, so its list must live until the next ceremony.
        let days = if ca.is_root() { days.max(ROOT_DAYS) } else { days };
        let published = earlier.iter().map(|list| list.this_update());
        Ok(NewList {
            key: digest::sha256(certificate.spki_der()),
            issuer: name,
            generation: self.ledger_generation(ca, generation, is_shared)?,
            now: self.workspace.now,
            lifetime: Duration::days(days),
            // The ledger may be an older one, restored from a backup: the next list must not go back in time.
            published: published.max(),
            is_clock_accepted: self.workspace.accept_clock,
        })
    }

    /// Signs the next list of a CA. Its number is recorded before. `earlier` are its lists in the file.
    fn make(&mut self, generation: &CaGeneration, new: &NewList<'_>, open: &OpenCa, earlier: &[&Crl]) -> Result<Crl> {
        let (key, name) = (new.key, new.issuer);
        let before = self.store.ledger.last_list(&key)?;
        let last = before.as_ref().map(|last| last.this_update);
        let is_warned = self.report.findings.iter().any(|finding| finding.code == Code::ListInOtherFile);
        // Each store with a shared ledger writes the lists into a file of its own.
        if last > new.published && !is_warned && !self.store.ledger.is_shared() {
            self.report.findings.push(warnings::in_other_file(&self.path, name));
        }
        let (record, entries) = self.store.ledger.begin_list(new)?;
        let last = last.max(new.published);
        if last.is_some_and(|last| record.this_update < last) {
            // The clock can fit the newest entry, which a wrong clock has written as well.
            self.store.ledger.accept_clock(self.workspace.now)?;
            self.report.findings.push(warnings::earlier(name));
        }
        self.begun.push(BegunList { key, record: record.clone(), before });
        self.check_none_lost(name, earlier, entries.iter().map(|entry| entry.serial.octets()))?;
        let revoked = entries.len();
        let entries = entries.into_iter().map(|entry| {
            let reason = entry.revocation.reason.as_deref().map_or(Some(Reason::Unspecified), Reason::named);
            Ok(RevokedSerial {
                serial: entry.serial.octets().to_vec(),
                at: entry.revocation.at,
                reason: reason.ok_or_else(|| Code::LedgerUnreadable.error("the ledger has an unknown reason"))?,
            })
        });
        let header =
            ListHeader { number: record.number, this_update: record.this_update, next_update: record.next_update };
        let crl = sign(open, &header, entries)?;
        // Two lists in one second: the second is dated one second later, and not published before.
        let ahead = record.this_update - OffsetDateTime::now_utc();
        if ahead.is_positive() && record.this_update > self.workspace.now {
            thread::sleep(ahead.unsigned_abs());
        }
        self.report.lists.push(RevocationListReport {
            ca: name.to_owned(),
            generation: generation.number,
            number: crl.number().map(str::to_owned),
            this_update: Some(rfc3339(record.this_update)),
            next_update: Some(rfc3339(record.next_update)),
            revoked,
            kept: false,
        });
        Ok(crl)
    }
}

/// Fails if two keys have one name: verifiers choose lists by the name of their issuer, and take the wrong one.
/// `certificates` are those of the generations, in their order.
fn check_names(listed: &[(&Ca, CaGeneration)], certificates: &[Certificate]) -> Result<()> {
    let all: Vec<(&Ca, u32, &Certificate)> =
        listed.iter().zip(certificates).map(|((ca, generation), own)| (*ca, generation.number, own)).collect();
    for (index, (ca, number, certificate)) in all.iter().enumerate() {
        // Several certificates of one key are the rule after a rollover, and share one list.
        let is_shared = |(_, _, other): &&(&Ca, u32, &Certificate)| {
            other.subject_der() == certificate.subject_der() && other.spki_der() != certificate.spki_der()
        };
        let Some((other, other_number, _)) = all.iter().skip(index + 1).find(is_shared) else { continue };
        let fix = match other == ca {
            // The generations that do not sign come behind the one that does.
            true => format!(
                "`tbpki revoke --ca {word} --generation {number}` takes one of them away (the other is generation {first}); \
                 then `tbpki ca prepare {word}` can make or import one with another subject",
                word = ca.word(),
                number = other_number,
                first = number
            ),
            false => "give one of them another name: import it again under a subject of its own".to_owned(),
        };
        return Err(Code::SharedCaName
            .error(format!("two CAs with different keys are called {}", certificate.subject()))
            .fix(fix));
    }
    Ok(())
}

/// Puts the file in its place. The one before it is not kept: it can be made again.
fn replace(path: &Path, pem: Vec<u8>) -> Result<FileReport> {
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
        Code::FileUnwritable.error("this is not the name of a file").at(path).fix("name a file with --out")
    })?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A killed run may have left the file before.
    file::remove(parent, &format!("{name}.{REPLACED}"))?;
    let mut set = FileSet::new(parent).replacing(REPLACED);
    set.add(name, pem, Mode::Public)?;
    let written = set.commit()?;
    let mut done = FileOutcome::Unchanged;
    for one in written {
        done = match one.outcome {
            WriteOutcome::Written => FileOutcome::Written,
            WriteOutcome::Unchanged => FileOutcome::Unchanged,
            WriteOutcome::Given => FileOutcome::Given,
            WriteOutcome::Replaced(kept) => {
                if let Some(kept) = kept.file_name().and_then(|kept| kept.to_str()) {
                    file::remove(parent, kept)?;
                }
                FileOutcome::Replaced
            }
        };
    }
    Ok(FileReport { path: path.to_owned(), done, kept: None })
}
