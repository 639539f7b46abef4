//! The openssl command.

use std::path::Path;

use tbpki_tests::oracle::openssl;
use tbpki_tests::{Outcome, Tool};

use crate::outputs::{Content, Keystore, Output, Owner, Purpose};
use crate::reader::{Reader, Verdict, check, run, same};

pub(crate) const OPENSSL: Reader = Reader { name: "openssl", party: "OpenSSL", read };

fn read(output: &Output) -> Option<Verdict> {
    let (path, owner) = (output.path.as_path(), &output.owner);
    Some(match &output.content {
        Content::Chain => verify(owner, &owner.anchors, path),
        Content::Anchors => verify(owner, path, &owner.chain),
        Content::Der => der(path, &owner.leaf),
        Content::Key => key(path, owner, None),
        Content::KeyAndChain => key(path, owner, None).and_then(|()| verify(owner, &owner.anchors, path)),
        Content::EncryptedKey(passphrase) => key(path, owner, Some(passphrase)),
        Content::Keystore(keystore) if keystore.kind == "PKCS12" => pkcs12(path, keystore, owner),
        Content::Keystore(_) => return None,
    })
}

fn verify(owner: &Owner, anchors: &Path, chain: &Path) -> Verdict {
    let purpose: &[&str] = match owner.purpose {
        Purpose::Server => &["-purpose", "sslserver", "-verify_hostname", "localhost"],
        Purpose::Device => &["-purpose", "sslclient"],
    };
    let verify = openssl().args(["verify", "-x509_strict", "-CAfile"]).arg(anchors).args(purpose);
    run(verify.arg("-untrusted").arg(chain).arg(chain)).map(drop)
}

fn der(path: &Path, leaf: &Path) -> Verdict {
    let ours = run(openssl().args(["x509", "-inform", "DER", "-in"]).arg(path))?;
    let leaf = run(openssl().args(["x509", "-in"]).arg(leaf))?;
    same("the certificate", &ours.stdout_text(), &leaf.stdout_text())
}

/// The key's public half is the leaf's, and the commands for its kind take it as well.
fn key(path: &Path, owner: &Owner, passphrase: Option<&str>) -> Verdict {
    let open = |tool: Tool| {
        run(tool.arg("-in").arg(path).args(["-passin", "env:PASSWORD"]).env("PASSWORD", passphrase.unwrap_or_default()))
    };
    let public = open(openssl().args(["pkey", "-check", "-pubout"]))?;
    same_public_key(&public, owner)?;
    let text = open(openssl().args(["pkey", "-noout", "-text"]))?.stdout_text();
    if text.contains("ASN1 OID:") {
        // Guides still use these older commands, which read PKCS#8 too.
        open(openssl().args(["ec", "-check", "-noout"]))?;
    } else if text.contains("modulus:") {
        open(openssl().args(["rsa", "-check", "-noout"]))?;
    }
    Ok(())
}

fn pkcs12(path: &Path, keystore: &Keystore, owner: &Owner) -> Verdict {
    let open = openssl().args(["pkcs12", "-noenc", "-passin", "env:PASSWORD", "-in"]).arg(path);
    // The key's password: in PKCS#12 there is no other one.
    let opened = run(open.env("PASSWORD", &keystore.key_password))?.stdout_text();
    same_public_key(&run(openssl().args(["pkey", "-pubout"]).stdin(opened.clone()))?, owner)?;
    let certificates = opened.matches("BEGIN CERTIFICATE").count();
    let expected = keystore.chain + keystore.trusted.len();
    check(certificates == expected, || format!("{certificates} certificates and not {expected}: {opened}"))?;
    check(opened.contains(&format!("friendlyName: {}", keystore.alias)), || format!("the alias is not in {opened}"))
}

fn same_public_key(public: &Outcome, owner: &Owner) -> Verdict {
    let of_leaf = run(openssl().args(["x509", "-noout", "-pubkey", "-in"]).arg(&owner.leaf))?;
    // `pkey -check` prints before the key that it is valid.
    let text = public.stdout_text();
    let key = text.find("-----BEGIN").and_then(|start| text.get(start..)).unwrap_or_default();
    same("the public key", key, &of_leaf.stdout_text())
}
