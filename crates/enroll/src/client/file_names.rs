//! The names of a host's files. No two of them may be the same: a run would write one over the other, or remove it at its
//! end.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{self, Path, PathBuf};

use base::{Code, Error, Result};
use store::ca::KeyLocation;

use super::keys::in_token::reference_name;
use super::keys::staged_name;
use super::request::{HostRequest, Proof};

/// The files of a certificate and its key, in one directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileNames {
    pub(super) dir: PathBuf,
    /// The file of the certificate.
    pub(super) cert: String,
    /// The file of the key, or the file that names the key in its token.
    pub(super) key: String,
}

impl FileNames {
    /// The names of a request.
    ///
    /// # Errors
    /// [`Code::BadValue`] for paths in different directories, and for names of which a run would use one for two files.
    pub(super) fn of(request: &HostRequest) -> Result<Self> {
        let (dir, cert) = split(&request.cert)?;
        let key = match &request.key.location {
            KeyLocation::File(path) => {
                let (key_dir, key) = split(path)?;
                if !is_same_dir(&dir, &key_dir) || cert == key {
                    return Err(Code::BadValue
                        .error("certificate and key must be two files in one directory")
                        .because("they are replaced together, in one step")
                        .fix("name two files in one directory with --cert and --key"));
                }
                key
            }
            KeyLocation::Token(_) => reference_name(&cert),
            KeyLocation::Elsewhere => return Err(no_key()),
        };
        let names = Self { dir, cert, key };
        names.check_staged(request)?;
        names.check_read(request)?;
        Ok(names)
    }

    /// Fails if a file that was named is a staged one, as a run writes and removes it.
    fn check_staged(&self, request: &HostRequest) -> Result<()> {
        let named = [Some((&self.cert, request.cert.as_path())), request.key.file().map(|path| (&self.key, path))];
        for (name, path) in named.into_iter().flatten() {
            if name.ends_with(STAGED) {
                return Err(Code::BadValue
                    .error("a certificate and its key cannot have a name that ends in .new")
                    .at(path)
                    .because("a renewal writes FILE.new before it replaces FILE, and removes it at its end")
                    .fix("use another name with --cert or --key; rename a file that exists already"));
            }
        }
        Ok(())
    }

    /// Fails if a file that is only read is a staged one.
    fn check_read(&self, request: &HostRequest) -> Result<()> {
        let staged = [&self.cert, &self.key].map(|name| staged_name(name));
        let proof = match &request.proof {
            Proof::Certificate { cert, key, .. } => [Some(cert.as_path()), key.file(), key.pin_source.as_deref()],
            Proof::Present | Proof::Password { .. } => [None; 3],
        };
        let read = [request.cafile.as_deref(), request.key.pin_source.as_deref()].into_iter().chain(proof);
        for path in read.flatten() {
            // A path that cannot be split is not that of a file, and reading it fails.
            let Ok((dir, name)) = split(path) else { continue };
            if staged.contains(&name) && is_same_dir(&self.dir, &dir) {
                return Err(Code::BadValue
                    .error("the file is an input, and the command would write and remove it, too")
                    .at(path)
                    .because(format!("the command writes {}, and removes them at its end", staged.join(" and ")))
                    .fix("copy the file to another name, and name the copy"));
            }
        }
        Ok(())
    }
}

/// The end of the name of a staged file.
const STAGED: &str = ".new";

/// The directory and the name of a file.
///
/// # Errors
/// [`Code::BadValue`] for a path that cannot be that of a file, or whose name is not UTF-8.
pub(super) fn split(path: &Path) -> Result<(PathBuf, String)> {
    let unusable = || -> Error { Code::BadValue.error("this is not the name of a file").at(path) };
    let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unusable)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok((parent.to_owned(), name.to_owned()))
}

/// The error for a request without a key.
pub(super) fn no_key() -> Error {
    Code::BadValue.error("no key is named").fix("name a file or a pkcs11: URI with --key")
}

/// Whether two paths lead to one directory.
fn is_same_dir(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        // A first certificate makes its directory. Without "." in it, each path to it has one form only.
        (Err(_), Err(_)) => {
            matches!((path::absolute(one), path::absolute(other)), (Ok(one), Ok(other)) if one == other)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::request::HostKeyName;

    const TOKEN: &str = "pkcs11:token=host;object=mqtt?module-path=/usr/lib/softhsm/libsofthsm2.so";

    fn request(cert: impl Into<PathBuf>, key: &str) -> HostRequest {
        HostRequest {
            url: "https://localhost".to_owned(),
            label: None,
            cafile: None,
            cert: cert.into(),
            key: key.parse().unwrap(),
            same_key: false,
            proof: Proof::Present,
            after: None,
            keep: 1,
            dry_run: false,
        }
    }

    fn refused(request: &HostRequest) -> String {
        let error = FileNames::of(request).unwrap_err();
        assert_eq!(error.code(), Code::BadValue, "{error}");
        error.to_string()
    }

    #[test]
    fn no_file_is_the_staged_one_of_another() {
        for (cert, key) in [("c", "c.new"), ("k.new", "k"), ("c.new", "k"), ("c", "k.new"), ("c.key.new", TOKEN)] {
            assert!(refused(&request(cert, key)).contains("ends in .new"), "{cert} {key}");
        }
        for (cert, key) in [("c", "c"), ("c", "./c")] {
            assert!(refused(&request(cert, key)).contains("two files"), "{cert} {key}");
        }
        for (cert, key, file) in [("c", "k", "k"), ("c", "c.key", "c.key"), ("c.news", "k", "k"), ("c", TOKEN, "c.key")]
        {
            let names = FileNames::of(&request(cert, key)).unwrap();
            assert_eq!((names.cert.as_str(), names.key.as_str()), (cert, file));
        }
    }

    #[test]
    fn no_input_is_a_staged_file() {
        let maker = |cert: &str, key: &str| Proof::Certificate {
            name: "pump-1".to_owned(),
            cert: cert.into(),
            key: Box::new(key.parse::<HostKeyName>().unwrap()),
            algorithm: pki::Algorithm::EcP256,
        };
        for (cert, key) in [("c.new", "mk"), ("mc", "k.new"), ("mc", "./c.new")] {
            assert!(refused(&HostRequest { proof: maker(cert, key), ..request("c", "k") }).contains("is an input"));
        }
        FileNames::of(&HostRequest { proof: maker("mc", "mk"), ..request("c", "k") }).unwrap();
        refused(&HostRequest { cafile: Some("./c.new".into()), ..request("c", "k") });
        FileNames::of(&HostRequest { cafile: Some("tls/c.new".into()), ..request("c", "k") }).unwrap();
        let key = HostKeyName { pin_source: Some("c.key.new".into()), ..TOKEN.parse().unwrap() };
        refused(&HostRequest { key, ..request("c", TOKEN) });
    }

    #[test]
    fn one_directory_has_several_paths() {
        let sandbox = tempfile::tempdir().unwrap();
        let dir = sandbox.path().join("tls");
        let key = |path: PathBuf| path.to_str().unwrap().to_owned();
        // Before it is made, and after.
        for _ in 0..2 {
            for other in [dir.clone(), sandbox.path().join("./tls"), sandbox.path().join("tls/.")] {
                let names = FileNames::of(&request(dir.join("chain.pem"), &key(other.join("key.pem")))).unwrap();
                assert_eq!(names.dir, dir);
            }
            let elsewhere = key(sandbox.path().join("keys/key.pem"));
            assert!(refused(&request(dir.join("chain.pem"), &elsewhere)).contains("in one directory"));
            base::file::create_dir(&dir).unwrap();
        }
        std::os::unix::fs::symlink(&dir, sandbox.path().join("link")).unwrap();
        FileNames::of(&request(dir.join("chain.pem"), &key(sandbox.path().join("link/../tls/key.pem")))).unwrap();
        FileNames::of(&request(dir.join("chain.pem"), &key(sandbox.path().join("link/key.pem")))).unwrap();
    }
}
