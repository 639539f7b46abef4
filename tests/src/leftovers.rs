//! The files that a process left on disk: secrets must be private, and files whole and consistent.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use base::Secret;
use pki::keystore::{Keystore, KeystoreFormat, Passwords};
use pki::pem_bundle::PemBundle;
use pki::{Certificate, PrivateKey};

use crate::snapshot::Snapshot;

/// Files that contain a secret, among other things.
const SECRET_FILES: &[&str] = &["thingsboard.env", "docker-compose.tls.yml", "kubernetes-secret.yml"];

/// Files whose certificates are those of others.
const ANCHOR_FILES: &[&str] = &["cafile.pem", "clients-ca.pem", "tb-server-chain.pem"];

/// Stops the test if users other than the owner may read a secret below `root` or enter a directory in it. `root`
/// itself is the user's affair.
#[track_caller]
pub fn assert_private(root: &Path, after: impl Display) {
    let found = Snapshot::of(root);
    for (name, mode) in found.directories().filter(|(name, _)| *name != Path::new("")) {
        assert!(mode & 0o077 == 0, "others may enter {} (mode {mode:04o})\nafter {after}", name.display());
    }
    for (name, mode, bytes) in found.files() {
        // A file is judged by its content and not only by its name: a new file with a key must be found too.
        let private = mode & 0o077 == 0;
        assert!(
            private || !holds_secret(name, bytes),
            "others may read {} ({mode:04o})\nafter {after}",
            name.display()
        );
    }
}

/// True if a file is one that only its owner may read.
pub fn holds_secret(name: &Path, bytes: &[u8]) -> bool {
    let is_called = |files: &[&str]| {
        name.file_name().is_some_and(|last| files.iter().any(|file| last.to_string_lossy().starts_with(file)))
    };
    let is_kept = name.parent().is_some_and(|directory| directory.ends_with("secrets"));
    // The end of the label, which PKCS#8, SEC 1, PKCS#1 and encrypted keys have in common.
    let is_key = bytes.windows(b"PRIVATE KEY-----".len()).any(|window| window == b"PRIVATE KEY-----");
    is_key || is_kept || is_called(SECRET_FILES) || is_called(&["ledger.db"]) || KeystoreFormat::detect(bytes).is_some()
}

/// Stops the test unless every file of an identity or CA in `directory` can be read to its end, and all keys and
/// leaves of one generation are of one pair. `password` opens the keystores.
#[track_caller]
pub fn assert_whole(directory: &Path, password: Option<&str>, after: impl Display) {
    let mut pairs: BTreeMap<String, (Vec<Certificate>, Vec<PrivateKey>)> = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let (plain, serial) = without_serial(&name);
        if path.is_dir() || plain.starts_with('.') || SECRET_FILES.contains(&plain) || plain == "thingsboard.conf" {
            continue;
        }
        let fault = |error: &dyn Display| -> ! { panic!("{}: {error}\nafter {after}", path.display()) };
        let bytes = fs::read(&path).unwrap();
        let (certificates, keys) = contents(plain, &bytes, password).unwrap_or_else(|error| fault(&error));
        if certificates.is_empty() && keys.is_empty() {
            fault(&"there is nothing in it");
        }
        // By generation: replaced files have the serial number of their certificate, and a key of the next one must not
        // fit.
        let pair = pairs.entry(serial.to_owned()).or_default();
        if !ANCHOR_FILES.contains(&plain) {
            pair.0.extend(certificates.into_iter().next());
            pair.1.extend(keys);
        }
    }
    for (serial, (leaves, keys)) in pairs {
        for leaf in &leaves {
            assert!(leaf.der() == leaves[0].der(), "two leaves {serial} in {}\nafter {after}", directory.display());
            for key in &keys {
                let fits = key.check_belongs_to(leaf.spki_der());
                assert!(fits.is_ok(), "a key and a leaf {serial} of {} differ\nafter {after}", directory.display());
            }
        }
    }
}

/// The certificates and keys in a file.
fn contents(name: &str, bytes: &[u8], password: Option<&str>) -> base::Result<(Vec<Certificate>, Vec<PrivateKey>)> {
    if [".p12", ".jks"].iter().any(|suffix| name.ends_with(suffix)) {
        let password = password.unwrap_or_else(|| panic!("no password is known for {name}"));
        let keystore = Keystore::read(bytes, &Passwords::same(Secret::from(password)))?;
        let entry = keystore.key(None)?;
        let chain = entry.chain.iter().map(|der| Certificate::from_der(der)).collect::<base::Result<_>>()?;
        return Ok((chain, vec![PrivateKey::from_pkcs8_der(&entry.key)?]));
    }
    let bundle = PemBundle::parse(bytes)?;
    let keys = bundle.keys.iter().map(|key| key.open(None)).collect::<base::Result<_>>()?;
    Ok((bundle.certificates, keys))
}

/// A name without the serial number that replaced files have behind it (`key.pem.3F..`, `key.pem.3F..-2`), and that
/// serial number.
pub fn without_serial(name: &str) -> (&str, &str) {
    let is_serial = |text: &str| {
        let hex = text.split('-').next().unwrap_or_default();
        hex.len() >= 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    name.rsplit_once('.').filter(|(_, last)| is_serial(last)).unwrap_or((name, ""))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::foreign::ForeignCa;
    use crate::sandbox::Sandbox;

    #[test]
    fn a_key_that_others_may_read_is_found() {
        let sandbox = Sandbox::new();
        let key = sandbox.write("key.pem", "-----BEGIN PRIVATE KEY-----\n");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        assert_private(sandbox.path(), "nothing");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| assert_private(sandbox.path(), "nothing"))).is_err());
    }

    #[test]
    fn pairs_that_do_not_fit_and_halves_are_found() {
        let sandbox = Sandbox::new();
        let (ca, one) = (ForeignCa::new(sandbox.path(), "ca"), sandbox.join("one"));
        fs::create_dir(&one).unwrap();
        let pair = ca.client("pump");
        fs::copy(&pair.certificate, one.join("cert.pem")).unwrap();
        fs::copy(&pair.key, one.join("key.pem")).unwrap();
        assert_whole(&one, None, "nothing");
        fs::copy(ca.client("other").key, one.join("key.pem")).unwrap();
        assert!(catch_unwind(|| assert_whole(&one, None, "nothing")).is_err());
        // A replaced file is compared with those that were replaced along with it.
        fs::rename(one.join("key.pem"), one.join("key.pem.6CC97B92A5233A277713962E0D7166FC")).unwrap();
        assert_whole(&one, None, "nothing");
        let half = fs::read(&pair.key).unwrap();
        fs::write(one.join("key.pem"), &half[..half.len() / 2]).unwrap();
        assert!(catch_unwind(|| assert_whole(&one, None, "nothing")).is_err());
    }

    #[test]
    fn serial_numbers_are_taken_off() {
        let serial = "6CC97B92A5233A277713962E0D7166FC";
        assert_eq!(without_serial(&format!("key.pem.{serial}")), ("key.pem", serial));
        assert_eq!(without_serial(&format!("a.p12.{serial}-2")).0, "a.p12");
        assert_eq!(without_serial("key.pem"), ("key.pem", ""));
        assert_eq!(without_serial("mqttserver.cer"), ("mqttserver.cer", ""));
    }
}
