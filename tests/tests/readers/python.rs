//! Packages of PyPI: cryptography, and pyjks, which reads a JKS without Java.

use std::path::Path;

use tbpki_tests::oracle::python;

use crate::outputs::{Content, Keystore, Output, Owner, Purpose};
use crate::reader::{Reader, Verdict, check, run};

pub(crate) const CRYPTOGRAPHY: Reader =
    Reader { name: "cryptography", party: "Python cryptography", read: read_with_cryptography };
/// The verifier of chains of this library, which is stricter than the rest of it.
pub(crate) const CRYPTOGRAPHY_VERIFIER: Reader =
    Reader { name: "cryptography-verifier", party: "Python cryptography", read: verify_with_cryptography };
pub(crate) const PYJKS: Reader = Reader { name: "pyjks", party: "pyjks", read: read_with_pyjks };

const SCRIPT: &str = "read_with_cryptography.py";

fn read_with_cryptography(output: &Output) -> Option<Verdict> {
    let (path, owner) = (output.path.as_path(), &output.owner);
    Some(match &output.content {
        Content::Key | Content::KeyAndChain => key(path, owner, None),
        Content::EncryptedKey(passphrase) => key(path, owner, Some(passphrase)),
        Content::Keystore(keystore) if keystore.kind == "PKCS12" => pkcs12(path, keystore, owner),
        // Chains and anchors have the library's verifier below, which is a reader of its own.
        Content::Keystore(_) | Content::Der | Content::Chain | Content::Anchors => return None,
    })
}

fn verify_with_cryptography(output: &Output) -> Option<Verdict> {
    let (path, owner) = (output.path.as_path(), &output.owner);
    match &output.content {
        Content::Chain | Content::KeyAndChain => Some(verify(owner, &owner.anchors, path)),
        Content::Anchors => Some(verify(owner, path, &owner.chain)),
        _ => None,
    }
}

fn verify(owner: &Owner, anchors: &Path, chain: &Path) -> Verdict {
    let (verb, name) = match owner.purpose {
        Purpose::Server => ("server", Some("localhost")),
        Purpose::Device => ("client", None),
    };
    run(python(SCRIPT).arg(verb).arg(anchors).arg(chain).args(name)).map(drop)
}

fn key(path: &Path, owner: &Owner, password: Option<&str>) -> Verdict {
    let read = python(SCRIPT).arg("key").arg(path);
    let outcome = run(password.into_iter().fold(read, |read, password| read.env("KEY_PASSWORD", password)))?;
    check(outcome.json()["public_key"] == public_key(owner)?.as_str(), || format!("not the leaf's key: {outcome}"))
}

fn pkcs12(path: &Path, keystore: &Keystore, owner: &Owner) -> Verdict {
    let outcome = run(python(SCRIPT).arg("pkcs12").arg(path).env("STORE_PASSWORD", &keystore.key_password))?;
    let found = outcome.json();
    // The name that it shows is that of the leaf's bag, not the key's, which is the alias.
    let public_key = public_key(owner)?;
    let belongs = found["public_key"] == public_key.as_str() && found["leaf"]["public_key"] == public_key.as_str();
    check(belongs, || format!("not the leaf's key: {outcome}"))?;
    let others = found["others"].as_array().map(Vec::len);
    check(others == Some(keystore.chain - 1 + keystore.trusted.len()), || format!("not all certificates: {outcome}"))
}

fn public_key(owner: &Owner) -> Result<String, String> {
    let outcome = run(python(SCRIPT).arg("certificates").arg(&owner.leaf))?;
    Ok(outcome.json()["certificates"][0]["public_key"].as_str().unwrap_or_default().to_owned())
}

fn read_with_pyjks(output: &Output) -> Option<Verdict> {
    let Content::Keystore(keystore) = &output.content else { return None };
    (keystore.kind == "JKS").then(|| {
        let read = python("read_with_pyjks.py").arg(&output.path);
        let read = read.env("STORE_PASSWORD", &keystore.store_password).env("KEY_PASSWORD", &keystore.key_password);
        let outcome = run(read)?;
        let found = outcome.json();
        let key = &found["keys"][0];
        check(key["alias"] == keystore.alias.as_str() && key["chain"] == keystore.chain, || {
            format!("not the key: {outcome}")
        })?;
        check(found["trusted"] == serde_json::json!(keystore.trusted), || format!("not what is trusted: {outcome}"))
    })
}
