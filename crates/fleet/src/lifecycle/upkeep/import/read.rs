//! The certificates in the files of an import.

use std::path::{Path, PathBuf};

use base::file::{self, BulkDir};
use base::{Code, Error, Result};
use config::HostName;
use ledger::Kind;
use pki::certificate::ExtendedKeyUsage;
use pki::device_name::DeviceName;
use pki::keystore::find_keystore;
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey, San};
use store::FILE_LIMIT;
use store::secrets::imported_keystore::{self, AskForImported};

use super::ImportRequest;
use super::candidate::Candidate;
use super::files::Held;
use super::report::SkippedFile;

/// The certificates of a request, each once, and the files that have none.
///
/// # Errors
/// [`Code::NotImportable`], [`Code::DuplicateNames`], [`Code::DeviceName`], and those of reading a file that was named.
pub(super) fn candidates(
    request: &ImportRequest,
    prefix: &str,
    ask: &mut AskForImported<'_>,
) -> Result<(Vec<Candidate>, Vec<SkippedFile>)> {
    let (mut candidates, mut skipped) = (Vec::new(), Vec::new());
    let kind = if request.servers { Kind::Server } else { Kind::Device };
    for path in &request.certs {
        let found = read(path, kind, request.name.is_some(), ask)?;
        add(&mut candidates, &mut skipped, candidate(found, path, kind, prefix, request.name.as_deref())?)?;
    }
    if let Some(dir) = &request.dir {
        for path in files_in(dir)? {
            match read(&path, kind, false, ask) {
                Ok(found) => add(&mut candidates, &mut skipped, candidate(found, &path, kind, prefix, None)?)?,
                // Without a password, no keystore of the directory would be imported, and none would be missed.
                Err(error) if error.code() == Code::NeedsAnswer => return Err(error.at(path)),
                Err(error) => skipped.push(SkippedFile { file: path, why: error.finding().what.clone() }),
            }
        }
    }
    if candidates.is_empty() {
        let dir = request.dir.as_deref().unwrap_or(Path::new(""));
        return Err(Code::NotImportable
            .error(format!("no file of the directory has the certificate of a {kind}"))
            .at(dir)
            .fix("name the files with --cert"));
    }
    Ok((candidates, skipped))
}

/// The files of a directory, by name.
fn files_in(dir: &Path) -> Result<Vec<PathBuf>> {
    if !dir.exists() {
        return Err(Code::FileUnreadable.error("there is no such directory").at(dir));
    }
    let mut names = BulkDir::open(dir)?.names()?;
    names.sort();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

/// A certificate of a device or server, those of the CAs above it in the same file, and its key if the file is a keystore.
struct Found {
    leaf: Certificate,
    above: Vec<Certificate>,
    key: Option<PrivateKey>,
}

/// The certificates of a file in their order, and the key of a keystore.
fn contents(path: &Path, ask: &mut AskForImported<'_>) -> Result<(Vec<Certificate>, Option<PrivateKey>)> {
    let bytes = file::read_secret(path, FILE_LIMIT)?;
    let Some(octets) = find_keystore(&bytes) else {
        return Ok((PemBundle::parse(&bytes).map_err(|error| error.at(path))?.certificates, None));
    };
    let (keystore, _) = imported_keystore::open(&octets, ask).map_err(|error| error.at(path))?;
    let entry = keystore.key(None).map_err(|error| error.at(path))?;
    let certificates: Result<Vec<Certificate>> = entry.chain.iter().map(|der| Certificate::from_der(der)).collect();
    let key = PrivateKey::from_pkcs8_der(&entry.key).map_err(|error| error.at(path))?;
    Ok((certificates.map_err(|error| error.at(path))?, Some(key)))
}

/// Reads a file. With `is_named`, a person has stated that a certificate with the mark of a CA is that of a device: OpenSSL
/// makes self-signed certificates with this mark unless it is told otherwise.
fn read(path: &Path, kind: Kind, is_named: bool, ask: &mut AskForImported<'_>) -> Result<Found> {
    if path.is_dir() {
        return Err(Code::NotImportable.error("this is a directory").at(path).fix("name it with --dir"));
    }
    let (certificates, key) = contents(path, ask)?;
    let mut certificates = certificates.into_iter();
    let refused = |what: &str, fix: &str| Err(Code::NotImportable.error(what).at(path).fix(fix));
    let Some(leaf) = certificates.next() else {
        return refused("the file has no certificate", "name the file with the certificate; keys are named with --key");
    };
    let may_have_mark = kind == Kind::Device && is_named;
    if leaf.is_ca() && !(may_have_mark && leaf.is_self_signed() && certificates.len() == 0) {
        return refused(
            "the certificate is that of a CA",
            match kind {
                Kind::Server => {
                    "put the server's certificate first; one that is marked as a CA cannot be imported: issue another with \
                     `tbpki server --name NAME`"
                }
                Kind::Device | Kind::Ca => {
                    "put the device's certificate first; if this one is self-signed and the device's, give the device a \
                     name with --name"
                }
            },
        );
    }
    match kind {
        Kind::Server if !allows(&leaf, &ExtendedKeyUsage::ServerAuth) => {
            return refused(
                "the certificate is not that of a server: its extended key usage does not allow it",
                "leave --server out for certificates of devices",
            );
        }
        // Clients look at these names alone (RFC 9525, section 6.3).
        Kind::Server if !leaf.sans().iter().any(|san| matches!(san, San::Dns(_) | San::Ip(_))) => {
            return refused(
                "the certificate of the server has no host name and no address among its alternative names",
                "clients refuse it: make another one with `tbpki server`",
            );
        }
        Kind::Device
            if !allows(&leaf, &ExtendedKeyUsage::ClientAuth) && allows(&leaf, &ExtendedKeyUsage::ServerAuth) =>
        {
            return refused(
                "the certificate is that of a server: its extended key usage does not allow clients",
                "import certificates of servers with --server",
            );
        }
        _ => {}
    }
    let above: Vec<Certificate> = certificates.collect();
    if above.iter().any(|certificate| !certificate.is_ca()) {
        return refused("the file has several certificates that are not of CAs", "write each to a file of its own");
    }
    Ok(Found { leaf, above, key })
}

fn candidate(found: Found, path: &Path, kind: Kind, prefix: &str, name: Option<&str>) -> Result<Candidate> {
    let Found { leaf, above, key } = found;
    if let Some(key) = &key {
        key.check_belongs_to(leaf.spki_der()).map_err(|error| error.at(path))?;
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => own_name(&leaf, kind, path)?,
    };
    Ok(Candidate {
        kind,
        name,
        prefix: prefix.to_owned(),
        path: path.to_owned(),
        leaf,
        above,
        key,
        issuer: None,
        held: Held::Nowhere,
    })
}

/// The name that a certificate has: the common name of a device; of a server the first host name among its alternative
/// names, or else the common name.
fn own_name(leaf: &Certificate, kind: Kind, path: &Path) -> Result<String> {
    let fix = format!("give the {kind} a name with --cert FILE --name NAME");
    let host = leaf.sans().into_iter().find_map(|san| if let San::Dns(host) = san { Some(host) } else { None });
    let name = host
        .filter(|_| kind == Kind::Server)
        .or_else(|| leaf.common_name())
        .ok_or_else(|| Code::NotImportable.error("the certificate has no common name").at(path).fix(fix.clone()))?;
    match kind {
        Kind::Server => name.parse::<HostName>().map(|name| name.to_string()),
        _ => name.parse::<DeviceName>().map(|name| name.to_string()),
    }
    .map_err(|error: Error| error.at(path).fix(fix))
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
            .error(format!("two certificates have the name {:?}", new.name))
            .because(format!("the other one is in {}", other.path.display()))
            .at(&new.path)
            .item(new.name.as_str())
            .fix("import them one by one, each with --cert FILE --name NAME"));
    }
    candidates.push(new);
    Ok(())
}

/// Whether the extended key usage allows a use. A certificate without one may be used for all, as those of ThingsBoard's
/// scripts.
fn allows(leaf: &Certificate, wanted: &ExtendedKeyUsage) -> bool {
    let Some(usages) = leaf.extended_key_usages() else { return true };
    usages.contains(wanted) || usages.contains(&ExtendedKeyUsage::Any)
}
