//! The JDK and BouncyCastle.

use std::path::Path;

use serde_json::Value;
use tbpki_tests::oracle::{java, keytool};

use crate::outputs::{Content, Keystore, Output};
use crate::reader::{Reader, Verdict, check, run};

/// The command that people type.
pub(crate) const KEYTOOL: Reader = Reader { name: "keytool", party: "JDK", read: read_with_keytool };
/// The work of clients and servers: key, chain, trusted entries, a signature and its verification.
pub(crate) const JVM: Reader = Reader { name: "jvm", party: "JDK", read: read_with_keystore };
/// The reader of PEM files in ThingsBoard.
pub(crate) const BOUNCY_CASTLE: Reader =
    Reader { name: "bouncycastle", party: "BouncyCastle", read: read_with_bouncy_castle };

fn read_with_keytool(output: &Output) -> Option<Verdict> {
    match &output.content {
        Content::Keystore(keystore) => Some(list(&output.path, keystore)),
        Content::Chain | Content::Der => {
            let print = run(keytool().args(["-printcert", "-file"]).arg(&output.path));
            Some(print.and_then(|outcome| {
                check(outcome.stdout_text().contains("Serial number:"), || format!("no certificate in {outcome}"))
            }))
        }
        _ => None,
    }
}

fn list(path: &Path, keystore: &Keystore) -> Verdict {
    // Without -storetype, as people type it: keytool has to find out the format.
    let list = keytool().args(["-list", "-v", "-storepass:env", "STORE_PASSWORD", "-keystore"]).arg(path);
    let outcome = run(list.env("STORE_PASSWORD", &keystore.store_password))?;
    let text = outcome.stdout_text();
    let count = |what: &str| text.lines().filter(|line| line.trim() == what).count();
    let aliases = keystore.trusted.iter().chain([&keystore.alias]);
    let complete = count("Entry type: PrivateKeyEntry") == 1
        && count("Entry type: trustedCertEntry") == keystore.trusted.len()
        && count(&format!("Certificate chain length: {}", keystore.chain)) == 1
        && aliases.into_iter().all(|alias| count(&format!("Alias name: {alias}")) == 1);
    check(complete, || format!("something else is in {outcome}"))
}

fn read_with_keystore(output: &Output) -> Option<Verdict> {
    let Content::Keystore(keystore) = &output.content else { return None };
    Some(open(&output.path, keystore))
}

/// Opens the keystore in a JVM.
pub(crate) fn open(path: &Path, keystore: &Keystore) -> Verdict {
    let open = java("KeystoreCheck").arg(keystore.kind).arg(path);
    let open = open.env("STORE_PASSWORD", &keystore.store_password).env("KEY_PASSWORD", &keystore.key_password);
    let outcome = run(open)?;
    let found = outcome.json();
    let entries = found["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_kind = |kind: &'static str| entries.iter().filter(move |entry| entry["kind"] == kind);
    let is_right = |entry: &Value| {
        entry["alias"] == keystore.alias.as_str()
            && entry["signs"] == true
            && entry["chain"].as_array().map(Vec::len) == Some(keystore.chain)
    };
    let mut trusted: Vec<&str> = of_kind("trusted").filter_map(|entry| entry["alias"].as_str()).collect();
    trusted.sort_unstable();
    check(found["format"] == keystore.kind, || format!("not {}: {outcome}", keystore.kind))?;
    check(of_kind("key").count() == 1 && of_kind("key").all(is_right), || format!("not the key: {outcome}"))?;
    check(trusted == keystore.trusted, || format!("{trusted:?} are trusted, and not {:?}", keystore.trusted))
}

fn read_with_bouncy_castle(output: &Output) -> Option<Verdict> {
    let (certificates, password) = match &output.content {
        Content::Key => (&output.owner.chain, None),
        Content::KeyAndChain => (&output.path, None),
        Content::EncryptedKey(passphrase) => (&output.owner.leaf, Some(*passphrase)),
        _ => return None,
    };
    let read = java("PemCheck").arg(certificates).arg(&output.path);
    let read = password.into_iter().fold(read, |read, password| read.env("KEY_PASSWORD", password));
    Some(run(read).and_then(|outcome| {
        let found = outcome.json();
        // ThingsBoard ignores keys in encrypted PKCS#8, so that none which it is meant to read may be one.
        check(found["signs"] == true && found["encrypted_pkcs8"] == password.is_some(), || outcome.to_string())
    }))
}
