//! The generations of a CA in the store: the one that signs, and those that others also trust during a rollover.
//!
//! ```text
//! ca/server-root/cert.pem, key.pem      the generation that signs
//! ca/server-root/generation             its number; 1 if there is no such file
//! ca/server-root/generation-2/..        another generation that is trusted: prepared, or replaced and not retired
//! ca/server-issuing/cross-2.pem         the same key, certified by generation 2 of the root
//! ca/retired/server-root-1/..           a generation that is out of service, with a file `revoked` if it is revoked
//! ca/server-issuing/revoked             the number of the generation that signed, once it is revoked
//! ```

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Mode};
use base::text::shell_word;
use base::{Code, Error, Result};
use ledger::{Entry, Key, Kind, Role, View, ca_revoked, cross_name};
use pki::Certificate;

use super::Ca;
use super::generation_number::{self, NUMBER_FILE, REPLACED, is_same_key, number_in, row_with, signing_number};
pub use super::generation_number::{certificates_in, generation_dir};
use super::key::{self, KEY_FILE, KeyLocation, URI_FILE};
use crate::file_names::{CERT, RETIRED};
use crate::paths::FILE_LIMIT;

/// The file with the number of a generation that signed and is revoked. Another one signs later.
const REVOKED_FILE: &str = "revoked";

/// A generation of a CA in the store.
#[derive(Debug, Clone)]
pub struct CaGeneration {
    /// The number, from 1: that of the ledger.
    pub number: u32,
    /// The directory of its files.
    pub dir: PathBuf,
    /// Its certificate, and behind it those between it and the root.
    pub certificates: Vec<Certificate>,
}

impl CaGeneration {
    /// Its certificate.
    ///
    /// # Errors
    /// [`Code::CertificateUnreadable`] if it has none.
    pub fn certificate(&self) -> Result<&Certificate> {
        self.certificates.first().ok_or_else(|| Code::CertificateUnreadable.error("the CA has no certificate"))
    }

    /// Its row in the ledger as a generation of the CA `name`: the one with its certificate, whatever its number is in the
    /// files. `None` if the ledger does not have the certificate.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn row(&self, ledger: &View, name: &str) -> Result<Option<Entry>> {
        if let Some(row) = row_with(ledger, name, self.certificate()?)? {
            return Ok(Some(row));
        }
        // The certificate of a generation that is not delivered completely is not recorded yet.
        let is_it = |row: &Entry| row.fingerprint.is_none() && row.generation().number() == self.number;
        Ok(ledger.history(Kind::Ca, name)?.into_iter().find(is_it))
    }

    /// Where its key is.
    ///
    /// # Errors
    /// Those of [`KeyLocation::of`].
    pub fn key_place(&self) -> Result<KeyLocation> {
        KeyLocation::of(&self.dir)
    }

    /// The certificates of the same key by other generations of its root, each with the generation.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn crosses(&self) -> Result<Vec<(u32, Certificate)>> {
        let mut crosses = Vec::new();
        for number in numbered(&self.dir, "cross-", ".pem")? {
            let certificate = certificates_in(&self.dir.join(cross_file(number)))?.into_iter().next();
            crosses.extend(certificate.map(|certificate| (number, certificate)));
        }
        Ok(crosses)
    }
}

/// The name of the file with the certificate of a CA's key by a generation of its root.
pub fn cross_file(root: u32) -> String {
    format!("cross-{root}.pem")
}

/// The generations of the CA in `dir` that others trust: the one that signs first, then the others by number. One that
/// is revoked is not among them.
///
/// # Errors
/// Those of reading the files.
pub fn trusted_in(dir: &Path) -> Result<Vec<CaGeneration>> {
    let signing = signing_number(dir)?;
    let mut all = Vec::new();
    if !is_revoked(dir)? {
        let certificates = certificates_in(&dir.join(CERT))?;
        all.push(CaGeneration { number: signing, dir: dir.to_owned(), certificates });
    }
    for number in numbered(dir, "generation-", "")? {
        // A rollover that was interrupted has the generation that signs in both places.
        if number != signing {
            let dir = dir.join(generation_dir(number));
            let certificates = certificates_in(&dir.join(CERT))?;
            all.push(CaGeneration { number, dir, certificates });
        }
    }
    Ok(all)
}

/// The certificates of the generations of a CA that are retired or revoked.
///
/// # Errors
/// Those of reading the files.
pub fn retired_certificates(store: &Path, name: &str) -> Result<Vec<Certificate>> {
    let retired = store.join("ca").join(RETIRED);
    let dir = store.join("ca").join(name);
    let mut certificates = if is_revoked(&dir)? { certificates_in(&dir.join(CERT))? } else { Vec::new() };
    for number in numbered(&retired, &format!("{name}-"), "")? {
        certificates.extend(certificates_in(&retired.join(format!("{name}-{number}")).join(CERT))?);
    }
    Ok(certificates)
}

/// The directories of all generations of a CA in the store, those out of service included, each with its number: the one
/// that signs first.
///
/// # Errors
/// Those of reading the directories.
pub(super) fn all_dirs(store: &Path, name: &str) -> Result<Vec<(u32, PathBuf)>> {
    let (dir, retired) = (store.join("ca").join(name), store.join("ca").join(RETIRED));
    let mut dirs = vec![(signing_number(&dir)?, dir.clone())];
    dirs.extend(
        numbered(&dir, "generation-", "")?.into_iter().map(|number| (number, dir.join(generation_dir(number)))),
    );
    let out = numbered(&retired, &format!("{name}-"), "")?;
    dirs.extend(out.into_iter().map(|number| (number, retired.join(format!("{name}-{number}")))));
    Ok(dirs)
}

/// A generation of a CA, in service or not, with the role that the place of its files shows.
#[derive(Debug, Clone)]
pub struct PlacedGeneration {
    /// The generation.
    pub generation: CaGeneration,
    /// The role.
    pub role: Role,
}

/// The generations of a CA in the store, those out of service included, by number.
///
/// # Errors
/// Those of reading the files.
pub fn placed(store: &Path, name: &str) -> Result<Vec<PlacedGeneration>> {
    let dir = store.join("ca").join(name);
    let (signing, retired) = (signing_number(&dir)?, store.join("ca").join(RETIRED));
    let mut all: Vec<PlacedGeneration> = Vec::new();
    for (number, of) in all_dirs(store, name)? {
        let is_out = of.starts_with(&retired);
        // A rollover that was interrupted has a generation in two places. The place of the one that signs, and that of
        // those out of service, are written from the ledger and count.
        let earlier = all.iter().position(|one| one.generation.number == number);
        if earlier.is_some() && !(is_out && number != signing) || !of.join(CERT).exists() {
            continue;
        }
        let is_revoked = if is_out { of.join(REVOKED_FILE).exists() } else { number == signing && is_revoked(&of)? };
        let role = match number.cmp(&signing) {
            _ if is_revoked => Role::Revoked,
            _ if is_out => Role::Retired,
            Ordering::Equal => Role::Current,
            Ordering::Greater => Role::Pending,
            Ordering::Less => Role::Superseded,
        };
        if let Some(earlier) = earlier {
            all.remove(earlier);
        }
        let certificates = certificates_in(&of.join(CERT))?;
        all.push(PlacedGeneration { generation: CaGeneration { number, dir: of, certificates }, role });
    }
    all.sort_by_key(|one| one.generation.number);
    Ok(all)
}

/// The generations of CAs that are out of service, or are to be (`leaving`), although a generation that stays in service has the
/// same key, as further certificates of an imported CA have: for [`set_listed`](ledger::Ledger::set_listed). `cas` are the
/// rows of [`View::cas`].
///
/// # Errors
/// Those of the ledger. Files that cannot be read are left out: a revocation must not wait for them.
pub fn listed(store: &Path, view: &View, cas: &[Entry], leaving: &[Key]) -> Result<Vec<Key>> {
    let is_out = |row: &Entry| matches!(row.role, Role::Retired | Role::Revoked) || leaving.contains(&row.key);
    let out = cas.iter().filter(|row| is_out(row)).map(|row| row.key.name.as_str());
    let names: BTreeSet<&str> = out.filter(|name| Ca::named(name).is_some()).collect();
    let mut listed = Vec::new();
    for name in names {
        let placed = match placed(store, name) {
            Ok(placed) => placed,
            Err(error) => {
                tracing::warn!(%error, name, "the generations of a CA cannot be read");
                continue;
            }
        };
        let mut rows = Vec::new();
        for one in &placed {
            // By the role in the ledger: the files follow it.
            let row = one.generation.row(view, name)?;
            rows.extend(row.map(|row| (row, one.generation.certificates.first().map(Certificate::spki_der))));
        }
        let is_in_service = |row: &Entry| !is_out(row) && (row.role.is_in_use() || row.role == Role::Superseded);
        let (out, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(row, _)| is_out(row));
        let is_shared = |key| others.iter().any(|(row, other)| is_in_service(row) && *other == key);
        listed.extend(out.into_iter().filter(|(_, key)| is_shared(*key)).map(|(row, _)| row.key));
    }
    Ok(listed)
}

/// Fails if the files of a CA are of a later generation than the one that the ledger has as the one that signs: the ledger
/// is an older one, or the files are those of another store, and a certificate would be recorded below the wrong generation.
///
/// # Errors
/// [`Code::CaNotInLedger`], and those of the ledger and of reading the files.
pub fn check_not_behind(store: &Path, ledger: &View) -> Result<()> {
    let ca = store.join("ca");
    for name in file::BulkDir::open(&ca)?.names()? {
        let dir = ca.join(&name);
        let Some(number) = number_in(&dir.join(NUMBER_FILE))? else { continue };
        let Some(current) = ledger.current(Kind::Ca, &name)?.filter(|one| one.generation().number() < number) else {
            continue;
        };
        let certificates = certificates_in(&dir.join(CERT))?;
        let is_it = |row: &Entry| certificates.iter().any(|one| row.fingerprint == Some(one.fingerprint()));
        // A store that was made with a later generation, as that of a station, can count from 1.
        if is_it(&current) || ledger.history(Kind::Ca, &cross_name(&name))?.iter().any(is_it) {
            continue;
        }
        return Err(not_in_ledger(&dir, &name, number, &current));
    }
    Ok(())
}

/// Whether the certificate in the place of the one that signs is that of the generation that signs in the ledger. If not, it is
/// that of another generation: a verb is moving the files, or a killed one has left that to the next. True for a CA that the
/// ledger does not have, or whose files are elsewhere.
///
/// # Errors
/// [`Code::CaNotInLedger`] if the ledger does not know the certificate; those of the ledger and of reading the files.
pub fn signs_as_recorded(store: &Path, ledger: &View, ca: &Ca) -> Result<bool> {
    let (name, dir) = (ca.name(), ca.dir(store));
    let Some(current) = ledger.current(Kind::Ca, &name)?.filter(|one| one.fingerprint.is_some()) else {
        return Ok(true);
    };
    if !dir.join(CERT).exists() {
        return Ok(true);
    }
    let certificates = certificates_in(&dir.join(CERT))?;
    let Some(certificate) = certificates.first() else { return Ok(true) };
    if current.fingerprint == Some(certificate.fingerprint()) {
        return Ok(true);
    }
    match row_with(ledger, &name, certificate)? {
        Some(row) => Ok(row.key == current.key),
        None => Err(not_in_ledger(&dir, &name, signing_number(&dir)?, &current)),
    }
}

/// The error for a CA whose files have another generation in the place of the one that signs than the ledger.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn signs_with_other(store: &Path, ledger: &View, ca: &Ca) -> Result<Error> {
    let (name, dir) = (ca.name(), ca.dir(store));
    let number = signing_number(&dir)?;
    Ok(match ledger.current(Kind::Ca, &name)? {
        Some(current) => not_in_ledger(&dir, &name, number, &current),
        None => ca_revoked(&name),
    })
}

fn not_in_ledger(dir: &Path, name: &str, number: u32, current: &Entry) -> Error {
    Code::CaNotInLedger
        .error(format!("the certificate of {name} in the store is not the one that signs in the ledger"))
        .at(dir)
        .because(format!(
            "generation {number} signs here, and generation {} in the ledger: the ledger is an older copy, or the files were \
             copied here",
            current.generation()
        ))
        .fix(format!(
            "if the ledger is an older copy, put the newest one back; if the files were copied here, put the earlier ones \
             back, and take the next generation with `tbpki ca prepare {word} --import CERTIFICATE KEY` and `tbpki ca \
             activate {word}`; if neither is possible, run `tbpki store repair`",
            word = shell_word(name)
        ))
}

/// Whether the generation in the place of the one that signs is revoked.
fn is_revoked(dir: &Path) -> Result<bool> {
    // The file may still be there when another generation signs already; then its number is an earlier one.
    let Some(revoked) = number_in(&dir.join(REVOKED_FILE))? else { return Ok(false) };
    Ok(revoked == signing_number(dir)?)
}

/// Fails if the CA in `dir` is revoked.
///
/// # Errors
/// [`Code::CaRevoked`], and those of reading the files.
pub fn check_not_revoked(dir: &Path) -> Result<()> {
    match (is_revoked(dir)?, dir.file_name()) {
        (true, Some(name)) => Err(ca_revoked(&name.to_string_lossy())),
        _ => Ok(()),
    }
}

/// The numbers in the names of files that begin and end so, in their order.
fn numbered(dir: &Path, prefix: &str, suffix: &str) -> Result<Vec<u32>> {
    let names = match file::BulkDir::open(dir) {
        Ok(bulk) => bulk.names()?,
        Err(error) if !dir.exists() => {
            tracing::debug!(%error, "no directory of a CA");
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    Ok(numbers(&names, prefix, suffix))
}

/// The numbers in those of the names that begin and end so, in their order.
fn numbers(names: &[String], prefix: &str, suffix: &str) -> Vec<u32> {
    let number = |name: &String| name.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok();
    let mut numbers: Vec<u32> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Brings the files of all CAs to what the ledger has: it is written first when a generation begins to sign, is retired
/// or is revoked. What an interrupted rollover or change of passphrases left over is removed. `rows` are those of
/// [`View::cas`].
///
/// # Errors
/// Those of the ledger and of the disk.
pub fn settle(store: &Path, ledger: &View, rows: &[Entry]) -> Result<()> {
    let ca = store.join("ca");
    let revoked: Vec<&Entry> = rows.iter().filter(|row| row.role == Role::Revoked).collect();
    for name in file::recover_and_list(&ca)?.unwrap_or_default() {
        let dir = ca.join(&name);
        if !dir.is_dir() {
            continue;
        }
        let files = tidied(&dir)?;
        if name == RETIRED {
            files
                .iter()
                .map(|name| dir.join(name))
                .filter(|dir| dir.is_dir())
                .try_for_each(|dir| tidied(&dir).map(drop))?;
            continue;
        }
        // Before anything is moved: the number tells which generation the files in the place of the one that signs are of.
        generation_number::settle(&dir, &name, rows)?;
        let others = numbers(&files, "generation-", "");
        others.iter().try_for_each(|number| tidied(&dir.join(generation_dir(*number))).map(drop))?;
        let is_revoked = revoked.iter().any(|entry| entry.key.name == name);
        // No rollover was ever begun here, as in most stores: nothing is read from the ledger.
        if others.is_empty() && !dir.join(NUMBER_FILE).exists() && !is_revoked {
            continue;
        }
        match ledger.current(Kind::Ca, &name)? {
            Some(current) => sign_with(store, &name, &current)?,
            None => stop_signing(&dir, revoked.iter().copied().filter(|entry| entry.key.name == name))?,
        }
        let is_out = |entry: &&Entry| matches!(entry.role, Role::Retired | Role::Revoked);
        for entry in ledger.history(Kind::Ca, &name)?.iter().filter(is_out) {
            put_away(store, &name, entry)?;
        }
        tidy(store, &name)?;
    }
    Ok(())
}

/// The files of a generation, after what interrupted commands left over of them is finished or removed.
fn tidied(dir: &Path) -> Result<Vec<String>> {
    let files = file::recover_and_list(dir)?.unwrap_or_default();
    key::remove_left(dir, &files)?;
    Ok(files)
}

/// Marks the generation in the place of the one that signs as revoked, if it is: no other one can take its place yet.
fn stop_signing<'a>(dir: &Path, revoked: impl Iterator<Item = &'a Entry>) -> Result<()> {
    let number = signing_number(dir)?;
    let mut numbers = revoked.map(|entry| entry.generation().number());
    if is_revoked(dir)? || !numbers.any(|revoked| revoked == number) {
        return Ok(());
    }
    let mut set = FileSet::new(dir).replacing(REPLACED);
    set.add(REVOKED_FILE, format!("{number}\n").into_bytes(), Mode::Public)?;
    set.commit().map(drop)
}

/// Puts the generation that the ledger has as the current one in the place of the one that signs, if it is not there.
fn sign_with(store: &Path, name: &str, current: &Entry) -> Result<()> {
    let dir = store.join("ca").join(name);
    // The ledger decides; the number in the file tells how far an interrupted run has come.
    let (before, next) = (signing_number(&dir)?, current.generation().number());
    let from = dir.join(generation_dir(next));
    // A later one in the files than in the ledger: the ledger is an older one, and the generation that it has was replaced.
    if before >= next || !from.exists() {
        return Ok(());
    }
    check_holds_same(&dir.join(generation_dir(before)), &dir)?;
    // One set for both generations and for the CA below, so that no reader finds a key without its certificate.
    let mut set = FileSet::new(store.join("ca")).replacing(REPLACED);
    for (file, mode) in files_of(&dir)? {
        let bytes = file::read(dir.join(&file), FILE_LIMIT)?;
        set.add(format!("{name}/{}/{file}", generation_dir(before)), bytes.to_vec(), mode)?;
    }
    for (file, mode) in files_of(&from)? {
        let bytes = file::read(from.join(&file), FILE_LIMIT)?;
        set.add(format!("{name}/{file}"), bytes.to_vec(), mode)?;
    }
    set.add(format!("{name}/{NUMBER_FILE}"), format!("{next}\n").into_bytes(), Mode::Public)?;
    turn_crosses(store, &mut set, name, before, next)?;
    set.commit()?;
    Ok(())
}

/// The generations of the CA whose key the generations of this root certify; none if `name` is not that of a root.
fn certified_by(store: &Path, name: &str) -> Result<Vec<CaGeneration>> {
    match Ca::named(name).and_then(|ca| ca.cross_certified()) {
        Some(below) => below.trusted(store),
        None => Ok(Vec::new()),
    }
}

/// Puts the certificate by the new generation of the root in the place of the one by the generation before, for every
/// generation of the CA below it.
fn turn_crosses(store: &Path, set: &mut FileSet, root: &str, before: u32, next: u32) -> Result<()> {
    let ca = store.join("ca");
    for generation in certified_by(store, root)? {
        let cross = generation.dir.join(cross_file(next));
        let Some(bytes) = file::read_optional(&cross, FILE_LIMIT)? else { continue };
        let inside = generation.dir.strip_prefix(&ca).unwrap_or(&generation.dir).to_string_lossy().into_owned();
        let old = file::read(generation.dir.join(CERT), FILE_LIMIT)?;
        set.add(format!("{inside}/{}", cross_file(before)), old.to_vec(), Mode::Public)?;
        set.add(format!("{inside}/{CERT}"), bytes.to_vec(), Mode::Public)?;
    }
    Ok(())
}

/// Moves a generation that is out of service away from those that are trusted.
fn put_away(store: &Path, name: &str, retired: &Entry) -> Result<()> {
    let number = retired.generation().number();
    let dir = store.join("ca").join(name).join(generation_dir(number));
    if !dir.exists() {
        return Ok(());
    }
    check_holds_same(&store.join("ca").join(RETIRED).join(format!("{name}-{number}")), &dir)?;
    let mut set = FileSet::new(store.join("ca")).replacing(REPLACED);
    for (file, mode) in files_of(&dir)? {
        let bytes = file::read(dir.join(&file), FILE_LIMIT)?;
        set.add(format!("{RETIRED}/{name}-{number}/{file}"), bytes.to_vec(), mode)?;
    }
    if retired.role == Role::Revoked {
        // For a ledger that is rebuilt from the files.
        set.add(format!("{RETIRED}/{name}-{number}/{REVOKED_FILE}"), format!("{number}\n").into_bytes(), Mode::Public)?;
    }
    set.commit()?;
    for generation in certified_by(store, name)? {
        file::remove(&generation.dir, &cross_file(number))?;
    }
    // Last: while it is there, the rest is not done.
    file::remove(store, &format!("ca/{name}/{}", generation_dir(number)))?;
    Ok(())
}

/// Fails if the directory has files of another generation than that in `dir`: its key would be overwritten.
///
/// # Errors
/// [`Code::TargetExists`], and those of reading the files.
fn check_holds_same(target: &Path, dir: &Path) -> Result<()> {
    let is_free = if target.join(CERT).exists() && dir.join(CERT).exists() {
        is_same_key(target, dir)?
    } else {
        // Without certificates only the same bytes are known to be the same key.
        let is_free = |file| -> Result<bool> {
            let is_there = target.join(file).exists() && dir.join(file).exists();
            Ok(!is_there || is_same_file(&target.join(file), &dir.join(file))?)
        };
        is_free(KEY_FILE)? && is_free(URI_FILE)?
    };
    if is_free {
        return Ok(());
    }
    Err(Code::TargetExists
        .error("the directory has the files of another generation of the CA, which would be overwritten")
        .at(target)
        .fix("move this directory out of the store and keep it, then run the command again"))
}

/// Whether everything in the directory of a generation is in `dir`, too: what `activate` has copied from it. Never the files of
/// another key or certificate, whatever its number is.
fn is_doubled(dir: &Path, doubled: &Path) -> Result<bool> {
    let certificate = doubled.join(CERT);
    // `activate` of a root moves the certificate by the root before to a file of its own.
    let mut copies = vec![dir.join(CERT)];
    copies.extend(numbered(dir, "cross-", ".pem")?.into_iter().map(|root| dir.join(cross_file(root))));
    for copy in copies {
        if is_same_file(&certificate, &copy)? {
            return is_same_key(dir, doubled);
        }
    }
    Ok(files_of(doubled)?.is_empty())
}

/// Removes what is left over of rollovers that are done.
fn tidy(store: &Path, name: &str) -> Result<()> {
    let dir = store.join("ca").join(name);
    let number = signing_number(&dir)?;
    let doubled = dir.join(generation_dir(number));
    if doubled.exists() && is_doubled(&dir, &doubled)? {
        file::remove(&dir, &generation_dir(number))?;
    }
    if !is_revoked(&dir)? {
        file::remove(&dir, REVOKED_FILE)?;
    }
    remove_copied(&dir)?;
    let below = certified_by(store, name)?;
    // The certificate by the generation of the root that signs is in `cert.pem`.
    let doubled = format!(".{REPLACED}");
    for dir in std::iter::once(dir.clone()).chain(below.into_iter().map(|generation| generation.dir)) {
        for left in file::BulkDir::open(&dir)?.names()?.iter().filter(|file| file.contains(&doubled)) {
            file::remove(&dir, left)?;
        }
        if is_same_file(&dir.join(cross_file(number)), &dir.join(CERT))? {
            file::remove(&dir, &cross_file(number))?;
        }
    }
    Ok(())
}

/// Removes files of the generation before from the place of the one that signs: a file set replaces files, and removes
/// none.
fn remove_copied(dir: &Path) -> Result<()> {
    let mut others: Vec<PathBuf> = Vec::new();
    for number in numbered(dir, "generation-", "")? {
        let other = dir.join(generation_dir(number));
        // Generations of one key, as an imported CA has them, have the same key file, and each needs it.
        if !is_same_key(dir, &other)? {
            others.push(other);
        }
    }
    for (file, _) in files_of(dir)?.iter().filter(|(file, _)| file != CERT) {
        for other in &others {
            // By content: a file of the same name that differs is of the generation that signs.
            if is_same_file(&dir.join(file), &other.join(file))? {
                file::remove(dir, file)?;
            }
        }
    }
    Ok(())
}

fn is_same_file(one: &Path, other: &Path) -> Result<bool> {
    let (one, other) = (file::read_optional(one, FILE_LIMIT)?, file::read_optional(other, FILE_LIMIT)?);
    Ok(one.is_some() && one == other)
}

/// The files of a generation, the key first.
fn files_of(dir: &Path) -> Result<Vec<(String, Mode)>> {
    let mut files = vec![(KEY_FILE.to_owned(), Mode::Private), (URI_FILE.to_owned(), Mode::Public)];
    files.push((CERT.to_owned(), Mode::Public));
    files.extend(numbered(dir, "cross-", ".pem")?.into_iter().map(|root| (cross_file(root), Mode::Public)));
    files.retain(|(file, _)| dir.join(file).exists());
    Ok(files)
}
