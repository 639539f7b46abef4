//! The number of the generation of a CA: in the files of a store, and in the ledger.
//!
//! The ledger decides. Its row is found by the certificate and never by the number, because the file with the number can be
//! lost, and stores of stations can count in another way.

use std::path::Path;

use base::file::{self, FileSet, Mode};
use base::{Code, Error, Result};
use ledger::{CrossParameters, Entry, Kind, View, cross_name};
use pki::Certificate;
use pki::pem_bundle::PemBundle;

use crate::file_names::{CERT, RETIRED};
use crate::paths::FILE_LIMIT;

/// The file with the number of the generation that signs.
pub const NUMBER_FILE: &str = "generation";
/// The suffix of files that a rollover has replaced, until they are removed.
pub(super) const REPLACED: &str = "rolled-over";

/// The name of the directory of a generation that does not sign.
pub fn generation_dir(number: u32) -> String {
    format!("generation-{number}")
}

/// The certificates in a CA's file, of which there has to be one.
///
/// # Errors
/// [`Code::CertificateUnreadable`], and those of reading the file.
pub fn certificates_in(path: &Path) -> Result<Vec<Certificate>> {
    let bytes = file::read(path, FILE_LIMIT)?;
    let certificates = PemBundle::parse(&bytes).map_err(|error| error.at(path))?.certificates;
    if certificates.is_empty() {
        return Err(Code::CertificateUnreadable.error("there is no certificate in the file").at(path));
    }
    Ok(certificates)
}

/// The number of the generation that signs, as the files of the CA in `dir` show it.
///
/// # Errors
/// [`Code::FileUnreadable`], and those of reading the files.
pub fn signing_number(dir: &Path) -> Result<u32> {
    match number_in(&dir.join(NUMBER_FILE))? {
        Some(number) => Ok(number),
        None => number_without_file(dir),
    }
}

/// The number of a generation in a file; `None` if there is no such file.
///
/// # Errors
/// [`Code::FileUnreadable`].
pub fn number_in(path: &Path) -> Result<Option<u32>> {
    let Some(bytes) = file::read_optional(path, FILE_LIMIT)? else { return Ok(None) };
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| {
        Code::FileUnreadable
            .error("the file does not contain the number of a generation")
            .at(path)
            .fix("move the file away, and run `tbpki store repair`: it writes the number that the ledger has")
    })
}

/// The number if there is no file with it: 1, unless the files of another key show that generation 1 does not sign any
/// more. Then the file is lost.
fn number_without_file(dir: &Path) -> Result<u32> {
    let is_taken = |number: u32| -> Result<bool> {
        for place in [Some(dir.join(generation_dir(number))), retired_dir(dir, number)].into_iter().flatten() {
            if place.join(CERT).exists() && !is_same_key(dir, &place)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    if !is_taken(1)? {
        return Ok(1);
    }
    // As `ca prepare` names it. An imported CA has a name of another form.
    let named = match file::read_optional(dir.join(CERT), FILE_LIMIT)? {
        Some(_) => certificates_in(&dir.join(CERT))?.first().and_then(number_in_name),
        None => None,
    };
    if let Some(number) = named.filter(|number| *number > 1)
        && !is_taken(number)?
    {
        return Ok(number);
    }
    let mut number: u32 = 2;
    while is_taken(number)? {
        number = number.saturating_add(1);
    }
    Ok(number)
}

/// The number of the generation in the name of a certificate, as `ca prepare` writes it: "Acme devices issuing CA G2".
/// `None` if the name has none.
pub fn number_in_name(certificate: &Certificate) -> Option<u32> {
    number_of_name(&certificate.common_name()?)
}

/// [`number_in_name`] of a common name.
pub fn number_of_name(common_name: &str) -> Option<u32> {
    common_name.rsplit_once(" CA G").and_then(|(_, number)| number.parse().ok())
}

/// The directory of a generation that is out of service.
pub(super) fn retired_dir(dir: &Path, number: u32) -> Option<std::path::PathBuf> {
    let name = dir.file_name()?.to_str()?;
    Some(dir.parent()?.join(RETIRED).join(format!("{name}-{number}")))
}

/// Whether two directories have the certificate of one key. The certificates can differ: other generations of the root
/// certify the key, too.
///
/// # Errors
/// Those of reading the files.
pub(super) fn is_same_key(one: &Path, other: &Path) -> Result<bool> {
    let key = |dir: &Path| -> Result<Option<Vec<u8>>> {
        if !dir.join(CERT).exists() {
            return Ok(None);
        }
        Ok(certificates_in(&dir.join(CERT))?.first().map(|certificate| certificate.spki_der().to_vec()))
    };
    Ok(key(one)? == key(other)?)
}

/// The row of the generation of the CA `name` that has this certificate, or whose key another generation of the root
/// certifies with it. `rows` are rows of CAs.
///
/// # Errors
/// Those of the ledger.
pub fn find_row<'a>(rows: &'a [Entry], name: &str, certificate: &Certificate) -> Result<Option<&'a Entry>> {
    let fingerprint = Some(certificate.fingerprint());
    let mut of_ca = rows.iter().filter(|row| row.key.name == name);
    if let Some(row) = of_ca.clone().find(|row| row.fingerprint == fingerprint) {
        return Ok(Some(row));
    }
    let cross = cross_name(name);
    let Some(cross) = rows.iter().find(|row| row.key.name == cross && row.fingerprint == fingerprint) else {
        return Ok(None);
    };
    let of = CrossParameters::of_row(cross)?.map(CrossParameters::generation);
    Ok(of_ca.find(|row| Some(row.generation()) == of))
}

/// The row of the generation that has this certificate, as [`find_row`].
///
/// # Errors
/// Those of the ledger.
pub fn row_with(view: &View, name: &str, certificate: &Certificate) -> Result<Option<Entry>> {
    let mut rows = view.history(Kind::Ca, name)?;
    rows.extend(view.history(Kind::Ca, &cross_name(name))?);
    Ok(find_row(&rows, name, certificate)?.cloned())
}

/// The number that the ledger has for the generation that signs in `dir`, if the files have another one, or if the file
/// with it is lost. `None` if the ledger does not know the certificate, or if nothing is wrong.
///
/// # Errors
/// Those of the ledger and of reading the files.
pub fn wrong_number(dir: &Path, name: &str, rows: &[Entry]) -> Result<Option<u32>> {
    let has_file = dir.join(NUMBER_FILE).exists();
    // No other generation was ever made, as in most stores: the certificate is not read.
    if !has_file && !rows.iter().any(|row| row.key.name == name && row.generation().number() != 1) {
        return Ok(None);
    }
    if !dir.join(CERT).exists() {
        return Ok(None);
    }
    let certificates = certificates_in(&dir.join(CERT))?;
    let Some(certificate) = certificates.first() else { return Ok(None) };
    let Some(row) = find_row(rows, name, certificate)? else { return Ok(None) };
    let number = row.generation().number();
    let is_right = match number_in(&dir.join(NUMBER_FILE))? {
        Some(there) => there == number,
        None => number == 1,
    };
    Ok((!is_right).then_some(number))
}

/// Writes the number that the ledger has for the generation that signs, if the file with it is lost or wrong.
///
/// # Errors
/// Those of the ledger and of the disk.
pub(super) fn settle(dir: &Path, name: &str, rows: &[Entry]) -> Result<()> {
    let number = match wrong_number(dir, name, rows) {
        Ok(Some(number)) => number,
        Ok(None) => return Ok(()),
        // A damaged file must not keep the verbs closed that do not need this CA; `store check` reports it.
        Err(error) if is_damage(&error) => {
            tracing::debug!(%error, name, "the number of the generation cannot be compared");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    tracing::info!(name, number, "wrote the number of the generation that signs");
    let mut set = FileSet::new(dir).replacing(REPLACED);
    set.add(NUMBER_FILE, format!("{number}\n").into_bytes(), Mode::Public)?;
    set.commit().map(drop)
}

fn is_damage(error: &Error) -> bool {
    error.code() != Code::LedgerUnreadable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_in_a_name_is_the_one_of_a_prepared_generation() {
        assert_eq!(number_of_name("Acme devices issuing CA G2"), Some(2));
        assert_eq!(number_of_name("line issuing CA G12"), Some(12));
        for name in ["Acme devices issuing CA", "Acme G2", "CA G", "CA Gx", "G2"] {
            assert_eq!(number_of_name(name), None, "{name}");
        }
    }
}
