//! SHA256SUMS, and its signature.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::{on_path, target};

use super::release::Release;

/// The variable with the path of the key that signs releases, an unencrypted minisign key.
const KEY: &str = "TBPKI_MINISIGN_KEY";

/// The public key, in a file that any minisign reads.
const PUBLIC: &str = "minisign.pub";

/// Writes SHA256SUMS, SHA256SUMS.minisig, and minisign.pub, the public half of the key that signed.
pub(super) fn write(files: &[PathBuf], release: &Release, out: &Path) -> Result<()> {
    let sums = out.join("SHA256SUMS");
    let mut text = String::new();
    for file in files {
        let bytes = fs::read(file).doing(format!("read {}", file.display()))?;
        let name = file.file_name().unwrap_or_default().display();
        text.push_str(&format!("{}  {name}\n", sha256(&bytes)));
    }
    fs::write(&sums, text).doing(format!("write {}", sums.display()))?;
    sign(&sums, release, out)
}

fn sign(sums: &Path, release: &Release, out: &Path) -> Result<()> {
    if on_path("minisign").is_none() {
        eprintln!("dist: SHA256SUMS is not signed, because minisign is not installed: `cargo xtask setup-dist`");
        return Ok(());
    }
    let key = match env::var_os(KEY) {
        Some(key) => PathBuf::from(key),
        None => test_key()?,
    };
    // Of every key: a file that a test key has left there would not verify the signature.
    run("minisign").args(["-R", "-f", "-s"]).arg(&key).arg("-p").arg(out.join(PUBLIC)).silent().read()?;
    run("minisign")
        .args(["-S", "-W", "-m"])
        .arg(sums)
        .arg("-s")
        .arg(&key)
        .args(["-t", &format!("tbpki {} {}", release.version, release.commit)])
        .silent()
        .read()
        .map(drop)
}

/// A key for this run, which proves nothing but that the files can be verified.
fn test_key() -> Result<PathBuf> {
    eprintln!("dist: {KEY} is not set: SHA256SUMS is signed with a test key, and {PUBLIC} next to it verifies it");
    let key = target()?.join("dist/minisign.key");
    let public = key.with_extension("pub");
    run("minisign").args(["-G", "-W", "-f", "-p"]).arg(public).arg("-s").arg(&key).silent().read()?;
    Ok(key)
}

/// The names of the files of this run, with those that are written here.
pub(super) fn names(files: &[PathBuf]) -> Vec<String> {
    let named = files.iter().map(|file| file.file_name().unwrap_or_default().to_string_lossy().into_owned());
    named.chain(["SHA256SUMS", "SHA256SUMS.minisig", PUBLIC].map(str::to_owned)).collect()
}

/// The SHA-256 in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
