//! The Secret for Kubernetes of a directory, which has copies of the files: each renewal replaces them in it.

use std::path::Path;

use base::{Code, Finding, Result, file};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use store::FILE_LIMIT;
use zeroize::Zeroizing;

use crate::files::output::{OutputFile, into_bytes};
use crate::files::settings::{is_untouched, resealed};
use crate::thingsboard::SettingsForm;

/// The name of the file.
pub(crate) const SECRET: &str = SettingsForm::Kubernetes.file_name();

/// Whether a directory has a Secret as tbpki wrote it.
///
/// # Errors
/// Those of the disk.
pub(crate) fn is_ours(dir: &Path) -> Result<bool> {
    is_untouched(&dir.join(SECRET))
}

/// The Secret of a directory with `files` in place of those that it has. `None` if there is none, or a user has edited it.
/// Everything else in it stays, because the variables name files and not their contents.
///
/// # Errors
/// Those of the disk.
pub(crate) fn with_files(dir: &Path, files: &[&OutputFile]) -> Result<Option<OutputFile>> {
    if !is_ours(dir)? {
        return Ok(None);
    }
    let bytes = file::read_secret(dir.join(SECRET), FILE_LIMIT)?;
    let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(None) };
    let mut renewed = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.lines() {
        let entry = line.strip_prefix("  ").and_then(|entry| entry.split_once(": "));
        match entry.and_then(|(name, _)| files.iter().find(|file| file.name == name)) {
            Some(file) => {
                let encoded = Zeroizing::new(STANDARD.encode(&*file.contents));
                renewed.push_str("  ");
                renewed.push_str(&file.name);
                renewed.push_str(": ");
                renewed.push_str(&encoded);
            }
            None => renewed.push_str(line),
        }
        renewed.push('\n');
    }
    Ok(resealed(&renewed).map(|text| OutputFile::private(SECRET, into_bytes(text))))
}

/// A warning if the Secret of a directory does not have the chain that is in `chain_file` of it: a user has edited it, so
/// that tbpki does not replace it. `command` writes a new one.
///
/// # Errors
/// Those of the disk.
pub(crate) fn warning(dir: &Path, chain_file: &str, command: &str) -> Result<Option<Finding>> {
    let path = dir.join(SECRET);
    let Some(secret) = file::read_optional(&path, FILE_LIMIT)? else { return Ok(None) };
    let Some(chain) = file::read_optional(dir.join(chain_file), FILE_LIMIT)? else {
        return Ok(None);
    };
    let encoded = Zeroizing::new(STANDARD.encode(&*chain));
    // An editor may have folded the value.
    let text: Zeroizing<String> =
        Zeroizing::new(String::from_utf8_lossy(&secret).chars().filter(|c| !c.is_whitespace()).collect());
    if text.contains(encoded.as_str()) {
        return Ok(None);
    }
    Ok(Some(
        Code::SecretOutdated
            .warning("the Secret for Kubernetes does not have the present certificate and key")
            .because("it was edited, and tbpki does not replace what a user has edited")
            .at(path)
            .fix(format!("move it away, run `{command}`, and edit the new file")),
    ))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test edits the file")]
mod tests {
    use super::*;
    use crate::files::settings::sealed;

    /// A Secret with two files and a variable.
    fn secret(dir: &Path, key: &[u8], chain: &[u8]) -> String {
        let text = format!(
            "data:\n  a_key.pem: {}\n  a.pem: {}\n---\ndata:\n  A: {}\n",
            STANDARD.encode(key),
            STANDARD.encode(chain),
            STANDARD.encode("a.pem")
        );
        let text = sealed(Zeroizing::new(text));
        std::fs::write(dir.join(SECRET), text.as_bytes()).unwrap();
        text.to_string()
    }

    #[test]
    fn files_are_replaced_and_the_rest_stays_as_tbpki_wrote_it() {
        let dir = tempfile::tempdir().unwrap();
        let key = OutputFile::private("a_key.pem", Zeroizing::new(b"second key".to_vec()));
        let chain = OutputFile::private("a.pem", Zeroizing::new(b"second chain".to_vec()));
        assert!(with_files(dir.path(), &[&key]).unwrap().is_none());
        let second = secret(dir.path(), b"second key", b"second chain");
        secret(dir.path(), b"first key", b"first chain");
        let renewed = with_files(dir.path(), &[&key, &chain]).unwrap().unwrap();
        assert_eq!(std::str::from_utf8(&renewed.contents).unwrap(), second);
    }

    #[test]
    fn an_edited_secret_stays_and_is_reported_once_it_is_outdated() {
        let dir = tempfile::tempdir().unwrap();
        let edited = secret(dir.path(), b"key", b"chain").replace("data:", "data: # mine");
        std::fs::write(dir.path().join(SECRET), &edited).unwrap();
        std::fs::write(dir.path().join("a.pem"), "chain").unwrap();
        let chain = OutputFile::private("a.pem", Zeroizing::new(b"other".to_vec()));
        assert!(with_files(dir.path(), &[&chain]).unwrap().is_none());
        assert_eq!(warning(dir.path(), "a.pem", "tbpki server").unwrap(), None);
        std::fs::write(dir.path().join("a.pem"), "other").unwrap();
        let finding = warning(dir.path(), "a.pem", "tbpki server --environment kubernetes").unwrap().unwrap();
        assert_eq!(finding.code, Code::SecretOutdated);
        let fix = finding.fix.unwrap_or_default();
        assert!(fix.contains("run `tbpki server --environment kubernetes`"), "{fix}");
    }
}
