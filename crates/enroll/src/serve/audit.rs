//! The audit log: one JSON object for each request that concerns a certificate, on a line of its own.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use base::file::Log;
use base::{Code, Result};
use store::file_names::SERVICE;
use time::OffsetDateTime;

use crate::audit_line::AuditLine;

/// The log.
#[derive(Debug)]
pub(crate) struct Audit(Mutex<Log>);

impl Audit {
    /// Opens the log, or makes it (mode 0600). `others` are files that it must not be, whatever they contain.
    ///
    /// # Errors
    /// [`Code::TargetExists`] for a file that is not a log, and for one in the store outside of its own directory.
    pub(crate) fn open(path: &Path, store: &Path, others: &[&Path]) -> Result<Self> {
        check_target(path, store, others)?;
        Log::open(path).map(|log| Self(Mutex::new(log)))
    }

    /// Whether a line can be written now.
    pub(crate) fn check(&self) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).check()
    }

    /// Appends a line.
    pub(crate) fn write(&self, line: &AuditLine<'_>, now: OffsetDateTime) -> Result<()> {
        // A poisoned lock is used all the same: a line is appended as a whole or not at all, so a panic leaves no half
        // state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).append(line.render(now).as_bytes())
    }
}

/// The largest part of a log that is read, in bytes. A line is far shorter.
const END: u64 = 64 << 10;

/// Fails if lines would be appended to another kind of file, which they would damage.
fn check_target(path: &Path, store: &Path, others: &[&Path]) -> Result<()> {
    let taken = |what: &str| {
        Err(Code::TargetExists.error(what).at(path).fix("name a new file, or an earlier audit log, with --audit"))
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (parent, store) = (fs::canonicalize(parent), fs::canonicalize(store));
    if let (Ok(parent), Ok(store)) = (parent, store)
        && parent.starts_with(&store)
        && !parent.starts_with(store.join(SERVICE))
    {
        return taken("the audit log cannot be among the files of the store");
    }
    // A pipe or a terminal has no contents. What cannot be opened for reading is left to the opening of the log.
    let Ok(stat) = fs::symlink_metadata(path) else { return Ok(()) };
    if !stat.is_file() || stat.len() == 0 {
        return Ok(());
    }
    let is_same = |other: &&Path| fs::metadata(other).is_ok_and(|it| (it.dev(), it.ino()) == (stat.dev(), stat.ino()));
    if others.iter().any(is_same) {
        return taken("the audit log cannot be the certificate or the key of the service");
    }
    let unreadable = |error| Code::FileUnreadable.error("the audit log cannot be read").at(path).caused_by(error);
    let mut file = fs::File::open(path).map_err(unreadable)?;
    file.seek(SeekFrom::Start(stat.len().saturating_sub(END))).map_err(unreadable)?;
    let mut end = Vec::new();
    file.take(END).read_to_end(&mut end).map_err(unreadable)?;
    if is_log(&end) { Ok(()) } else { taken("the file for the audit log contains something else") }
}

/// Whether the end of a file is that of a log: its last whole line is a JSON object. After a full disk, that line or what is
/// behind it can be a part of one.
fn is_log(end: &[u8]) -> bool {
    let mut lines = end.split(|byte| *byte == b'\n').rev();
    let last = lines.next().unwrap_or_default();
    let is_object = |line: &[u8]| {
        line.starts_with(b"{\"time\":") || serde_json::from_slice::<serde_json::Map<_, serde_json::Value>>(line).is_ok()
    };
    (last.is_empty() || last.starts_with(b"{")) && lines.find(|line| !line.is_empty()).is_none_or(is_object)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the tests make files of others")]
mod tests {
    use super::*;

    #[test]
    fn only_a_log_is_taken() {
        for (end, takes) in [
            ("{\"a\":1}\n", true),
            ("{\"a\":1}\n{\"b", true),
            ("{\"a", true),
            ("{\"time\":\"2026\n", true),
            ("-----END PRIVATE KEY-----\n", false),
            ("SQLite format 3\0", false),
            ("[1]\n", false),
            ("{\"a\":1}\nx", false),
        ] {
            assert_eq!(is_log(end.as_bytes()), takes, "{end}");
        }
    }

    #[test]
    fn the_files_of_the_store_and_of_the_service_are_not_logs() {
        let dir = tempfile::tempdir().unwrap();
        let (store, key) = (dir.path().join("pki"), dir.path().join("key.pem"));
        for made in [store.clone(), store.join("serve")] {
            fs::create_dir(made).unwrap();
        }
        fs::write(&key, "{}\n").unwrap();
        let check = |path: &Path| check_target(path, &store, &[&key]).map_err(|error| error.code());
        assert_eq!(check(&store.join("ledger.db")), Err(Code::TargetExists));
        assert_eq!(check(&key), Err(Code::TargetExists));
        assert_eq!(check(&store.join("serve/audit.jsonl")), Ok(()));
        assert_eq!(check(&dir.path().join("new")), Ok(()));
    }
}
