//! A directory of its own for each test, and tbpki running in it.

use std::cell::RefCell;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::binary::tbpki;
use crate::clock::Clock;
use crate::tool::{Outcome, Tool};

/// The end of the first line of every PEM private key, whatever its format.
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// A temporary directory, removed when it is dropped, in which tbpki runs with a clean environment.
pub struct Sandbox {
    directory: TempDir,
    secrets: RefCell<Vec<String>>,
    clock: Option<Clock>,
}

/// The directories in which the stores of 0.1.0 were made.
const MADE_IN: [&str; 2] = ["/tmp/fx/one", "/tmp/fx/doubled"];

impl Sandbox {
    /// An empty one.
    #[track_caller]
    pub fn new() -> Self {
        Self::in_directory(&env::temp_dir())
    }

    /// An empty one in memory, where waiting for the disk would take too long.
    #[track_caller]
    pub fn in_memory() -> Self {
        // Tests that write thousands of files wait for the disk's fsync otherwise.
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::in_directory(memory) } else { Self::new() }
    }

    #[track_caller]
    fn in_directory(directory: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("tbpki-test-").tempdir_in(directory).unwrap();
        Self { directory, secrets: RefCell::new(vec![PRIVATE_KEY.to_owned()]), clock: None }
    }

    /// The same sandbox, in which tbpki has the date of this clock.
    #[must_use]
    pub fn at(self, clock: &Clock) -> Self {
        Self { clock: Some(clock.clone()), ..self }
    }

    /// The clock that its programs have; `None` for that of this machine.
    pub(crate) fn clock(&self) -> Option<&Clock> {
        self.clock.as_ref()
    }

    /// One with a store in it, made by `tbpki init` without questions and without a passphrase.
    #[track_caller]
    pub fn with_store() -> Self {
        Self::new().make_store()
    }

    /// The same sandbox with such a store in it.
    #[track_caller]
    #[must_use]
    pub fn make_store(self) -> Self {
        self.ok(["init", "--no-input", "--insecure-no-passphrase"]);
        self
    }

    /// The same sandbox with the files of a fixture of tbpki 0.1.0 in it.
    #[track_caller]
    #[must_use]
    pub fn made_by_0_1_0(self, fixture: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/0.1.0").join(fixture);
        // Not the owner of the machine on which the archive was made: root would otherwise refuse the store of another
        // user.
        let unpack = ["--zstd", "--no-same-owner", "-xf"];
        Tool::new("tar").args(unpack).arg(path).directory(self.path()).run().ok();
        // The store has recorded where its shards are: below the directory of which the archive was made, now this one.
        if let Ok(places) = fs::read_dir(self.join("pki/places")) {
            for place in places {
                let path = place.unwrap().path();
                let text = fs::read_to_string(&path).unwrap();
                fs::write(&path, MADE_IN.iter().fold(text, |text, made_in| text.replace(made_in, ".."))).unwrap();
            }
        }
        self
    }

    /// A copy of it with the same files, modes and times.
    #[track_caller]
    pub fn copy(&self) -> Self {
        // In the same place: a copy to another file system would not be the same test.
        let mut copy = Self::in_directory(self.path().parent().unwrap());
        copy.secrets = self.secrets.clone();
        copy.clock = self.clock.clone();
        // cp keeps modes and times, which std::fs::copy does not do for directories.
        Tool::new("cp").arg("-a").arg(self.join(".")).arg(copy.path()).run().ok();
        copy
    }

    /// Puts back everything that was in it when `saved` was copied from it. For tests of settings, which contain the
    /// full path of their directory and differ in a copy.
    #[track_caller]
    pub fn restore(&self, saved: &Self) {
        for entry in fs::read_dir(self.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        Tool::new("cp").arg("-a").arg(saved.join(".")).arg(self.path()).run().ok();
    }

    /// The directory of the sandbox.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The path of a file in it.
    pub fn join(&self, file: impl AsRef<Path>) -> PathBuf {
        self.path().join(file)
    }

    /// Writes a file, and the directories above it.
    #[track_caller]
    pub fn write(&self, file: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Lets only the owner enter a directory.
    #[track_caller]
    pub fn private(&self, directory: impl AsRef<Path>) {
        fs::set_permissions(self.join(directory), fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// A file's octets.
    #[track_caller]
    pub fn read(&self, file: impl AsRef<Path>) -> Vec<u8> {
        let path = self.join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}\n{}", path.display(), self.listing()))
    }

    /// A file's text.
    #[track_caller]
    pub fn text(&self, file: impl AsRef<Path>) -> String {
        String::from_utf8(self.read(file)).unwrap()
    }

    /// Every file below the directory, by its path from there, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut open = vec![self.path().to_path_buf()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push(path.strip_prefix(self.path()).unwrap().to_path_buf());
                }
            }
        }
        files.sort();
        files
    }

    /// From now on a test stops when tbpki prints this text.
    pub fn hides(&self, secret: &str) {
        self.secrets.borrow_mut().push(secret.to_owned());
    }

    /// tbpki with these arguments, about to run here: with a `PATH`, a `HOME` of its own, and nothing else in its
    /// environment.
    pub fn tbpki<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Tool {
        let tool = Tool::new(tbpki())
            // The caller's own variables, such as those of TBPKI_, would change results.
            .args(args)
            .directory(self.path())
            .clean_env()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            // The state directory with the notes of ledgers is below HOME.
            .env("HOME", self.path())
            .env("LANG", "C.UTF-8")
            .hides(self.secrets.borrow().iter().cloned());
        self.clock.iter().fold(tool, Tool::at)
    }

    /// Runs tbpki and stops the test unless it ends with 0.
    #[track_caller]
    pub fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Outcome {
        self.tbpki(args).run().ok()
    }

    /// Runs tbpki and stops the test unless it fails with this status and names this code (`TBPKI-0034`).
    #[track_caller]
    pub fn fails<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>, status: i32, code: &str) -> Outcome {
        self.tbpki(args).run().ends(status).prints(code)
    }

    fn listing(&self) -> String {
        self.files().iter().map(|file| format!("  {}\n", file.display())).collect()
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_in_order_and_by_their_relative_paths() {
        let sandbox = Sandbox::new();
        sandbox.write("b", "2");
        sandbox.write("a/x", "1");
        assert_eq!(sandbox.files(), [PathBuf::from("a/x"), PathBuf::from("b")]);
        assert_eq!(sandbox.text("a/x"), "1");
    }

    #[test]
    #[should_panic(expected = "a secret was printed")]
    fn a_printed_secret_stops_the_test() {
        Tool::new("echo").arg("hunter2").hides(["hunter2".to_owned()]).run();
    }
}
