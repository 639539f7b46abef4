//! What must hold before a generation of a CA begins to sign.

use base::file;
use base::{Code, Result};
use pki::crl::Crl;
use pki::pem_bundle::PemBundle;
use store::ca::generations::CaGeneration;
use store::ca::{Hierarchy, SigningCa};
use store::{Store, Workspace};

use crate::lifecycle::revocation_lists::{SERVERS_FILE, devices_file};

/// The largest file with revocation lists that is read, in bytes.
const LIMIT: usize = 64 << 20;

/// Fails if a gate is closed. Returns those who are left behind.
///
/// # Errors
/// [`Code::ListMissing`] if the file with the revocation lists has none of the new key.
pub(super) fn check(
    workspace: &Workspace<'_>,
    _store: &Store,
    ca: &SigningCa,
    next: &CaGeneration,
    _leave_behind: bool,
) -> Result<Vec<String>> {
    check_list(workspace, ca, next)?;
    Ok(Vec::new())
}

/// Brokers that read a file with revocation lists refuse every certificate below a CA that has none in it.
fn check_list(workspace: &Workspace<'_>, ca: &SigningCa, next: &CaGeneration) -> Result<()> {
    let is_devices = ca.root().hierarchy() == Hierarchy::Devices;
    let path = if is_devices { devices_file(workspace) } else { workspace.store_dir().join(SERVERS_FILE) };
    let is_wanted = is_devices && workspace.config.crl.out.value.is_some();
    let bytes = file::read_optional(&path, LIMIT)?;
    if bytes.is_none() && !is_wanted {
        return Ok(());
    }
    let lists = match &bytes {
        Some(bytes) => PemBundle::parse(bytes).map_err(|error| error.at(&path))?.crls,
        None => Vec::new(),
    };
    let certificate = next.certificate()?;
    for list in &lists {
        if Crl::from_der(list)?.verify_signed_by(certificate).is_ok() {
            return Ok(());
        }
    }
    Err(Code::ListMissing
        .error(format!("the file has no revocation list of generation {} of {}", next.number, ca.name()))
        .at(path)
        .because("brokers that read this file would refuse every device below the new CA")
        .fix("run `tbpki crl`, make the brokers read the file, then activate"))
}
