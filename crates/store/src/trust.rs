//! Trust in a store: its owner, and the users who may change it.

use std::path::Path;

use base::file::{self, OwnerTrust};
use base::{Finding, Result};

use crate::ca::key::{KEY_FILE, URI_FILE};

/// The parts of a store besides its CAs.
const PARTS: [&str; 6] = ["ca", "ledger.db", "devices", "servers", "secrets", "places"];

/// Fails if the store in `dir`, its parts or the keys of its CAs belong to another user, or if every user may write to
/// them. Warnings if a group may write to them, or others may read the key of a CA. A missing store is no fault.
///
/// # Errors
/// [`Code::OtherOwner`], [`Code::WritableByOthers`].
///
/// [`Code::OtherOwner`]: base::Code::OtherOwner
/// [`Code::WritableByOthers`]: base::Code::WritableByOthers
pub fn check_trust(dir: &Path, trust: &OwnerTrust) -> Result<Vec<Finding>> {
    let mut findings: Vec<Finding> = trust.check(dir)?.into_iter().collect();
    for part in PARTS {
        findings.extend(trust.check(&dir.join(part))?);
    }
    // A directory that cannot be read is reported by the verb that needs it.
    let cas = dir.join("ca");
    for ca in file::list_dir(&cas).ok().flatten().unwrap_or_default() {
        for file in [KEY_FILE, URI_FILE] {
            findings.extend(trust.check(&cas.join(&ca).join(file))?);
        }
        findings.extend(file::loose_permissions(cas.join(&ca).join(KEY_FILE)));
    }
    Ok(findings)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test changes modes")]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use base::Code;

    use super::*;

    #[test]
    fn keys_that_others_may_change_are_refused_and_those_they_may_read_are_told() {
        let trust = OwnerTrust { any_owner: false, sudo_user: None };
        let store = tempfile::tempdir().unwrap();
        let dir = store.path().join("ca/devices-issuing");
        fs::create_dir_all(&dir).unwrap();
        let key = dir.join(KEY_FILE);
        fs::write(&key, "").unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        mode(&key, 0o600);
        assert_eq!(check_trust(store.path(), &trust).unwrap(), []);
        for (bits, codes) in [
            (0o640, vec![Code::LoosePermissions]),
            (0o644, vec![Code::LoosePermissions]),
            (0o660, vec![Code::WritableByOthers, Code::LoosePermissions]),
        ] {
            mode(&key, bits);
            let found: Vec<_> = check_trust(store.path(), &trust).unwrap().iter().map(|finding| finding.code).collect();
            assert_eq!(found, codes, "{bits:o}");
        }
        mode(&key, 0o602);
        assert_eq!(check_trust(store.path(), &trust).unwrap_err().code(), Code::WritableByOthers);
        mode(&key, 0o600);
        // A user who may write to a directory can replace what is in it.
        mode(&store.path().join("ca"), 0o777);
        assert_eq!(check_trust(store.path(), &trust).unwrap_err().code(), Code::WritableByOthers);
        assert_eq!(check_trust(&store.path().join("none"), &trust).unwrap(), []);
    }
}
