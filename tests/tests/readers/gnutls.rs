//! GnuTLS's certtool.

use std::path::Path;

use tbpki_tests::Tool;
use tbpki_tests::oracle::certtool;

use crate::outputs::{Content, Keystore, Output, Owner, Purpose};
use crate::reader::{Reader, Verdict, check, run, same};

pub(crate) const CERTTOOL: Reader = Reader { name: "certtool", party: "GnuTLS", read };

fn read(output: &Output) -> Option<Verdict> {
    let (path, owner) = (output.path.as_path(), &output.owner);
    Some(match &output.content {
        Content::Chain => verify(owner, &owner.anchors, path),
        Content::Anchors => verify(owner, path, &owner.chain),
        Content::Der => der(path, &owner.leaf),
        Content::Key | Content::KeyAndChain => key(certtool().arg("--load-privkey").arg(path), owner),
        Content::EncryptedKey(passphrase) => {
            key(certtool().arg("--load-privkey").arg(path).args(["--password", passphrase]), owner)
        }
        Content::Keystore(keystore) if keystore.kind == "PKCS12" => pkcs12(path, keystore),
        Content::Keystore(_) => return None,
    })
}

fn verify(owner: &Owner, anchors: &Path, chain: &Path) -> Verdict {
    let purpose: &[&str] = match owner.purpose {
        // id-kp-serverAuth and id-kp-clientAuth (RFC 5280, section 4.2.1.12).
        Purpose::Server => &["--verify-purpose", "1.3.6.1.5.5.7.3.1", "--verify-hostname", "localhost"],
        Purpose::Device => &["--verify-purpose", "1.3.6.1.5.5.7.3.2"],
    };
    let verify = certtool().args(["--verify", "--load-ca-certificate"]).arg(anchors).args(purpose);
    run(verify.arg("--infile").arg(chain)).map(drop)
}

fn der(path: &Path, leaf: &Path) -> Verdict {
    // After the text about each certificate it prints the certificate as PEM.
    let first = |tool: Tool| -> Result<String, String> {
        let text = run(tool.arg("--certificate-info"))?.stdout_text();
        let certificate = text.split_inclusive("-----END CERTIFICATE-----").next().unwrap_or_default();
        Ok(certificate.split("-----BEGIN").nth(1).unwrap_or_default().to_owned())
    };
    let ours = first(certtool().args(["--inder", "--infile"]).arg(path))?;
    same("the certificate", &ours, &first(certtool().arg("--infile").arg(leaf))?)
}

/// The public key of what the tool loads is the leaf's.
fn key(load: Tool, owner: &Owner) -> Verdict {
    let public = |tool: Tool| -> Result<String, String> {
        let text = run(tool.arg("--pubkey-info"))?.stdout_text();
        Ok(text.find("-----BEGIN").and_then(|start| text.get(start..)).unwrap_or_default().to_owned())
    };
    same("the public key", &public(load)?, &public(certtool().arg("--load-certificate").arg(&owner.leaf))?)
}

fn pkcs12(path: &Path, keystore: &Keystore) -> Verdict {
    let info = certtool().args(["--p12-info", "--inder", "--infile"]).arg(path);
    let outcome = run(info.args(["--password", &keystore.key_password]))?;
    let text = outcome.stdout_text();
    let (certificates, expected) = (text.matches("BEGIN CERTIFICATE").count(), keystore.chain + keystore.trusted.len());
    check(certificates == expected, || format!("{certificates} certificates and not {expected}: {outcome}"))?;
    check(text.contains("PRIVATE KEY-----"), || format!("no key in {outcome}"))
}
