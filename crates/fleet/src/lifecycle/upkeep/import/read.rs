//! The certificates in the files of an import.

use std::path::{Path, PathBuf};

use base::file::{self, BulkDir};
use base::{Code, Error, Result};
use pki::Certificate;
use pki::certificate::ExtendedKeyUsage;
use pki::device_name::DeviceName;
use pki::pem_bundle::PemBundle;
use store::FILE_LIMIT;

use super::ImportRequest;
use super::candidate::Candidate;
use super::report::SkippedFile;

/// The certificates of a request, each once, and the files that have none.
///
/// # Errors
/// [`Code::NotImportable`], [`Code::DuplicateNames`], [`Code::DeviceName`], and those of reading a file that was named.
pub(super) fn candidates(request: &ImportRequest) -> Result<(Vec<Candidate>, Vec<SkippedFile>)> {
    let (mut candidates, mut skipped) = (Vec::new(), Vec::new());
    for path in &request.certs {
        let found = read(path, request.name.is_some())?;
        add(&mut candidates, &mut skipped, candidate(found, path, request.name.as_ref())?)?;
    }
    if let Some(dir) = &request.dir {
        for path in files_in(dir)? {
            match read(&path, false) {
                Ok(found) => add(&mut candidates, &mut skipped, candidate(found, &path, None)?)?,
                Err(error) => skipped.push(SkippedFile { file: path, why: error.finding().what.clone() }),
            }
        }
    }
    if candidates.is_empty() {
        let dir = request.dir.as_deref().unwrap_or(Path::new(""));
        return Err(Code::NotImportable
            .error("no file of the directory has the certificate of a device")
            .at(dir)
            .fix("name the files with --cert"));
    }
    Ok((candidates, skipped))
}

/// The files of a directory, by name.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut names = BulkDir::open(dir)?.names()?;
    names.sort();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

/// A certificate of a device, and those of the CAs above it in the same file.
struct Found {
    leaf: Certificate,
    above: Vec<Certificate>,
}

/// Reads a file. With `is_named`, a person has stated that a certificate with the mark of a CA is that of a device: OpenSSL
/// makes self-signed certificates with this mark unless it is told otherwise.
fn read(path: &Path, is_named: bool) -> Result<Found> {
    if path.is_dir() {
        return Err(Code::NotImportable.error("this is a directory").at(path).fix("name it with --dir"));
    }
    let bytes = file::read(path, FILE_LIMIT)?;
    let certificates = PemBundle::parse(&bytes).map_err(|error| error.at(path))?.certificates;
    let mut certificates = certificates.into_iter();
    let refused = |what: &str, fix: &str| Err(Code::NotImportable.error(what).at(path).fix(fix));
    let Some(leaf) = certificates.next() else {
        return refused("the file has no certificate", "name the file with the certificate; keys are named with --key");
    };
    if leaf.is_ca() && !(is_named && leaf.is_self_signed() && certificates.len() == 0) {
        return refused(
            "the certificate is that of a CA",
            "put the device's certificate first; if this one is self-signed and the device's, give the device a name with --name",
        );
    }
    if is_server_only(&leaf) {
        return refused(
            "the certificate is that of a server: its extended key usage does not allow clients",
            "import certificates of devices alone; make the server's with `tbpki server`",
        );
    }
    let above: Vec<Certificate> = certificates.collect();
    if above.iter().any(|certificate| !certificate.is_ca()) {
        return refused("the file has the certificates of several devices", "write each to a file of its own");
    }
    Ok(Found { leaf, above })
}

fn candidate(found: Found, path: &Path, name: Option<&DeviceName>) -> Result<Candidate> {
    let Found { leaf, above } = found;
    let name = match name {
        Some(name) => name.clone(),
        None => own_name(&leaf, path)?,
    };
    Ok(Candidate { name, path: path.to_owned(), leaf, above, key: None, issuer: None })
}

/// The common name of a certificate.
fn own_name(leaf: &Certificate, path: &Path) -> Result<DeviceName> {
    let fix = "give the device a name with --cert FILE --name NAME";
    let name = leaf
        .common_name()
        .ok_or_else(|| Code::NotImportable.error("the certificate has no common name").at(path).fix(fix))?;
    name.parse::<DeviceName>().map_err(|error: Error| error.at(path).fix(fix))
}

/// Adds a certificate, unless another file has it too.
fn add(candidates: &mut Vec<Candidate>, skipped: &mut Vec<SkippedFile>, new: Candidate) -> Result<()> {
    if let Some(same) = candidates.iter().find(|one| one.leaf == new.leaf) {
        let why = format!("the same certificate as in {}", same.path.display());
        skipped.push(SkippedFile { file: new.path, why });
        return Ok(());
    }
    if let Some(other) = candidates.iter().find(|one| one.name == new.name) {
        return Err(Code::DuplicateNames
            .error(format!("two certificates have the name {:?}", new.name.as_str()))
            .because(format!("the other one is in {}", other.path.display()))
            .at(&new.path)
            .item(new.name.as_str())
            .fix("import them one by one, each with --cert FILE --name NAME"));
    }
    candidates.push(new);
    Ok(())
}

/// Whether the extended key usage allows servers and no clients. A certificate without one may be used for both, as those
/// of ThingsBoard's scripts.
fn is_server_only(leaf: &Certificate) -> bool {
    let Some(usages) = leaf.extended_key_usages() else { return false };
    let allows = |wanted: &ExtendedKeyUsage| usages.contains(wanted);
    allows(&ExtendedKeyUsage::ServerAuth) && !allows(&ExtendedKeyUsage::ClientAuth) && !allows(&ExtendedKeyUsage::Any)
}
