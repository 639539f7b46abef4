//! The files of one operation.

use std::path::{Path, PathBuf};

use rustix::fs::{self as sys, AtFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::base::Base;
use super::name::Name;
use super::{Mode, Ownership, fault, staging};
use crate::code::Code;
use crate::error::Result;
use crate::random;

/// The files of one operation, all for one directory, which appear together or not at all.
///
/// The directory may be missing as long as its parent exists; it is made with mode 0700, and so are
/// directories inside it that the files' names mention. A file that is there already with the same contents
/// counts as done, and its mode and owner are left to the user who set them, unless [`owned_by`](FileSet::owned_by)
/// names another owner.
pub struct FileSet {
    dir: PathBuf,
    pub(super) files: Vec<NewFile>,
    pub(super) old_suffix: Option<String>,
    pub(super) ownership: Ownership,
    pub(super) related: Vec<String>,
    /// Whether a file that replaces another one takes over its readers.
    pub(super) keeps_readers: bool,
}

/// A file to be written.
pub(super) struct NewFile {
    pub(super) name: Name,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) mode: Mode,
    /// As [`FileSet::old_suffix`], for this file alone.
    pub(super) old_suffix: Option<String>,
}

/// The result for one file of a set, or the expected result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// The file.
    pub path: PathBuf,
    /// The action taken.
    pub outcome: WriteOutcome,
}

/// An action on a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteOutcome {
    /// It was not there and is now.
    Written,
    /// It was there with the same contents.
    Unchanged,
    /// It was there with the same contents, and has the owner now that was asked for.
    Given,
    /// It was there with other contents, which are kept under this name.
    Replaced(PathBuf),
}

impl FileSet {
    /// An empty set for a directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            files: Vec::new(),
            old_suffix: None,
            ownership: Ownership::default(),
            related: Vec::new(),
            keeps_readers: false,
        }
    }

    /// Adds a file. `name` is relative to the directory of the set and may hold slashes. Where files cannot
    /// appear in one step they do in the order in which they were added: the key first, the certificate
    /// right behind it.
    ///
    /// # Errors
    /// [`Code::BadValue`] for a name that leads elsewhere or is taken twice.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        contents: impl Into<Zeroizing<Vec<u8>>>,
        mode: Mode,
    ) -> Result<&mut Self> {
        self.push(name.into(), contents.into(), mode, None)
    }

    /// Adds a file that may replace one with other contents, which is kept as set by [`replacing`](Self::replacing).
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    pub fn add_over(
        &mut self,
        name: impl Into<String>,
        contents: impl Into<Zeroizing<Vec<u8>>>,
        mode: Mode,
        old_suffix: impl Into<String>,
    ) -> Result<&mut Self> {
        self.push(name.into(), contents.into(), mode, Some(old_suffix.into()))
    }

    /// Adds a stand-in for a file of about `size` bytes whose contents are not known yet. It is random: whatever is
    /// there differs from it, and no file system makes less of it.
    ///
    /// # Errors
    /// Those of [`add`](Self::add).
    pub fn add_unknown(&mut self, name: impl Into<String>, size: usize, mode: Mode) -> Result<&mut Self> {
        let mut bytes = vec![0; size];
        // Random bytes, because a file system that compresses would store zeros in no room.
        random::fill(&mut bytes)?;
        self.push(name.into(), Zeroizing::new(bytes), mode, None)
    }

    fn push(
        &mut self,
        name: String,
        bytes: Zeroizing<Vec<u8>>,
        mode: Mode,
        old_suffix: Option<String>,
    ) -> Result<&mut Self> {
        let name = Name::new(name)?;
        // Two files of one name would make the second replace the first.
        if self.files.iter().any(|file| file.name == name) {
            return Err(Code::BadValue.error(format!("two files would be called {:?}", name.as_str())).at(&self.dir));
        }
        self.files.push(NewFile { name, bytes, mode, old_suffix });
        Ok(self)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Lets files with other contents be replaced. Each is kept as `FILE.old_suffix`, with mode 0600; where
    /// that name is taken, as `FILE.old_suffix-2` and so on.
    #[must_use]
    pub fn replacing(mut self, old_suffix: impl Into<String>) -> Self {
        self.old_suffix = Some(old_suffix.into());
        self
    }

    /// Lets a file that replaces another one belong to the same user and group, with the same mode, as far as this user may
    /// do that: the programs that have read the earlier file read the new one. A [private](Mode::Private) file is never
    /// open to more than its owner and, for reading, its group.
    #[must_use]
    pub fn keeping_readers(mut self) -> Self {
        self.keeps_readers = true;
        self
    }

    /// Gives the files to another owner.
    #[must_use]
    pub fn owned_by(mut self, ownership: Ownership) -> Self {
        self.ownership = ownership;
        self
    }

    /// Names files that can be in the directory because earlier commands have written them with files of this set. A
    /// directory with other files stays with its owner.
    #[must_use]
    pub fn related(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.related.extend(names.into_iter().map(Into::into));
        self
    }

    /// The directory to work in: that of the set, or while it is missing its parent, and then the name that
    /// it will have in there.
    pub(super) fn base(&self) -> Result<(Base, Option<String>)> {
        // An existing directory is the base itself; otherwise its parent is, and the directory is made by the move.
        if let Some(base) = Base::open(&self.dir)? {
            return Ok((base, None));
        }
        let missing = || fault::writing(&self.dir, Errno::NOENT).fix("make the directory above it first");
        let name = self.dir.file_name().and_then(|name| name.to_str()).ok_or_else(missing)?;
        let parent = self.dir.parent().ok_or_else(missing)?;
        Ok((Base::open(parent)?.ok_or_else(missing)?, Some(name.to_owned())))
    }
}

/// Makes a directory that only we may enter (0700), and those above it that are missing. One that is there
/// already is left as it is.
///
/// # Errors
/// [`Code::NotADirectory`], [`Code::FileUnwritable`], [`Code::DiskFull`].
pub fn create_dir(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    if Base::open(path)?.is_some() {
        return Ok(());
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(fault::writing(path, Errno::NOENT));
    };
    // From the outside in. Each call finds an existing parent or makes it.
    create_dir(parent)?;
    let failed = |errno| fault::writing(path, errno);
    let Some(base) = Base::open(parent)? else { return Err(failed(Errno::NOENT)) };
    match staging::make_dir(&base.fd, name) {
        Ok(made) => {
            staging::give(&made, Ownership::default().resolve(&base)?, path)?;
            sys::fsync(&base.fd).map_err(failed)
        }
        // Another process has made it in between.
        Err(Errno::EXIST) => Base::open(path).map(|_| ()),
        Err(errno) => Err(failed(errno)),
    }
}

/// Makes an empty file that its owner alone may read (0600), durably. `false` where something of that name is there.
///
/// # Errors
/// [`Code::FileUnwritable`], [`Code::DiskFull`].
pub fn create_empty(path: impl AsRef<Path>) -> Result<bool> {
    let path = path.as_ref();
    let failed = |errno| fault::writing(path, errno);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(failed(Errno::NOENT));
    };
    let Some(base) = Base::open(parent)? else { return Err(failed(Errno::NOENT)) };
    // A link counts as an existing file.
    match sys::statat(&base.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => return Ok(false),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(failed(errno)),
    }
    let owner = Ownership::default().resolve(&base)?;
    staging::write(&base.fd, name, &[], Mode::Private, owner, path)?.sync()?;
    // The name must be durable before a ledger is written into the file.
    sys::fsync(&base.fd).map_err(failed)?;
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the test looks at the directory behind our back")]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    /// The identity of a device.
    fn identity(dir: impl Into<PathBuf>, generation: &str) -> FileSet {
        let mut set = FileSet::new(dir);
        set.add("key.pem", format!("key {generation}").into_bytes(), Mode::Private).unwrap();
        set.add("cert.pem", format!("certificate {generation}").into_bytes(), Mode::Public).unwrap();
        set.add("anchors.pem", b"anchors".to_vec(), Mode::Public).unwrap();
        set
    }

    /// Every file below a directory, with its mode and what it holds.
    fn tree(dir: &Path) -> BTreeMap<String, (u32, String)> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.extend(tree(&path).into_iter().map(|(inner, file)| (format!("{name}/{inner}"), file)));
            } else {
                let mode = fs::metadata(&path).unwrap().mode() & 0o777;
                found.insert(name, (mode, fs::read_to_string(&path).unwrap()));
            }
        }
        found
    }

    fn expect<const N: usize>(files: [(&str, u32, &str); N]) -> BTreeMap<String, (u32, String)> {
        files.into_iter().map(|(name, mode, text)| (name.to_owned(), (mode, text.to_owned()))).collect()
    }

    #[test]
    fn a_new_directory_appears_with_all_its_files() {
        let store = tempfile::tempdir().unwrap();
        let dir = store.path().join("pump");
        let written = identity(&dir, "1").commit().unwrap();
        assert!(written.iter().all(|file| file.outcome == WriteOutcome::Written));
        assert_eq!(written[0].path, dir.join("key.pem"));
        assert_eq!(
            tree(store.path()),
            expect([
                ("pump/anchors.pem", 0o644, "anchors"),
                ("pump/cert.pem", 0o644, "certificate 1"),
                ("pump/key.pem", 0o600, "key 1"),
            ])
        );
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn names_may_lead_into_directories_old_and_new() {
        let here = tempfile::tempdir().unwrap();
        fs::create_dir(here.path().join("pki")).unwrap();
        let mut set = FileSet::new(here.path());
        set.add("pki/ca/root/key.pem", b"k".to_vec(), Mode::Private).unwrap();
        set.add("pki/ca/issuing/key.pem", b"l".to_vec(), Mode::Private).unwrap();
        set.add("keygen.toml", b"version = 1".to_vec(), Mode::Public).unwrap();
        set.commit().unwrap();
        assert_eq!(
            tree(here.path()),
            expect([
                ("keygen.toml", 0o644, "version = 1"),
                ("pki/ca/issuing/key.pem", 0o600, "l"),
                ("pki/ca/root/key.pem", 0o600, "k"),
            ])
        );
    }

    #[test]
    fn what_is_there_already_is_done_and_what_is_missing_is_added() {
        let store = tempfile::tempdir().unwrap();
        let dir = store.path().join("pump");
        identity(&dir, "1").commit().unwrap();
        // As after a run that was interrupted: one file is missing, and the others are there.
        fs::remove_file(dir.join("cert.pem")).unwrap();
        fs::set_permissions(dir.join("key.pem"), fs::Permissions::from_mode(0o640)).unwrap();

        let outcomes: Vec<WriteOutcome> =
            identity(&dir, "1").commit().unwrap().into_iter().map(|file| file.outcome).collect();
        assert_eq!(outcomes, [WriteOutcome::Unchanged, WriteOutcome::Written, WriteOutcome::Unchanged]);
        // The user has let a group read the key; tbpki does not override that decision.
        assert_eq!(fs::metadata(dir.join("key.pem")).unwrap().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_file_that_replaces_another_one_has_its_readers() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |file: &str| fs::metadata(dir.path().join(file)).unwrap().mode() & 0o777;
        let readable = |file: &str, bits| {
            fs::set_permissions(dir.path().join(file), fs::Permissions::from_mode(bits)).unwrap();
        };
        for (key, wanted) in [(0o640, 0o640), (0o666, 0o640), (0o400, 0o400)] {
            for file in fs::read_dir(dir.path()).unwrap() {
                fs::remove_file(file.unwrap().path()).unwrap();
            }
            identity(dir.path(), "1").commit().unwrap();
            readable("key.pem", key);
            readable("cert.pem", 0o664);
            identity(dir.path(), "2").replacing("old").keeping_readers().commit().unwrap();
            assert_eq!((mode("key.pem"), mode("cert.pem")), (wanted, 0o664), "{key:o}");
            identity(dir.path(), "3").replacing("old").commit().unwrap();
            assert_eq!((mode("key.pem"), mode("cert.pem")), (0o600, 0o644));
        }
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(dir.path().join("key.pem"), Some(1), Some(2)).unwrap();
            identity(dir.path(), "4").replacing("old").keeping_readers().commit().unwrap();
            let key = fs::metadata(dir.path().join("key.pem")).unwrap();
            assert_eq!((key.uid(), key.gid()), (1, 2));
        }
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let dir = tempfile::tempdir().unwrap();
        identity(dir.path(), "1").commit().unwrap();
        let before = tree(dir.path());
        let set = identity(dir.path(), "2");
        for error in [set.check().unwrap_err(), set.commit().unwrap_err()] {
            assert_eq!(error.code(), Code::TargetExists);
            assert!(error.to_string().contains("key.pem, cert.pem are there already"), "{error}");
        }
        assert_eq!(tree(dir.path()), before);
    }

    #[test]
    fn what_is_replaced_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        identity(dir.path(), "1").commit().unwrap();
        let written = identity(dir.path(), "2").replacing("0A1B").commit().unwrap();
        assert_eq!(written[1].outcome, WriteOutcome::Replaced(dir.path().join("cert.pem.0A1B")));
        // The same suffix again, as when a renewal is repeated: no copy may overwrite an older one.
        identity(dir.path(), "3").replacing("0A1B").commit().unwrap();
        assert_eq!(
            tree(dir.path()),
            expect([
                ("anchors.pem", 0o644, "anchors"),
                ("cert.pem", 0o644, "certificate 3"),
                ("cert.pem.0A1B", 0o600, "certificate 1"),
                ("cert.pem.0A1B-2", 0o600, "certificate 2"),
                ("key.pem", 0o600, "key 3"),
                ("key.pem.0A1B", 0o600, "key 1"),
                ("key.pem.0A1B-2", 0o600, "key 2"),
            ])
        );
    }

    #[test]
    fn a_symbolic_link_is_replaced_itself_and_kept_as_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "not ours").unwrap();
        // A mode that `make_private` would change if it followed the link.
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o644)).unwrap();
        symlink(&elsewhere, dir.path().join("key.pem")).unwrap();
        identity(dir.path(), "1").replacing("old").commit().unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("key.pem")).unwrap(), "key 1");
        assert_eq!(fs::read_link(dir.path().join("key.pem.old")).unwrap(), elsewhere);
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "not ours");
        assert_eq!(fs::metadata(&elsewhere).unwrap().mode() & 0o777, 0o644);
    }

    #[test]
    fn directories_behind_symbolic_links_are_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), dir.path().join("devices")).unwrap();
        let mut set = FileSet::new(dir.path());
        set.add("devices/key.pem", b"k".to_vec(), Mode::Private).unwrap();
        assert_eq!(set.commit().unwrap_err().code(), Code::NotADirectory);
        assert!(tree(elsewhere.path()).is_empty());
    }

    #[test]
    fn a_target_that_is_no_directory_or_no_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(identity(dir.path().join("file"), "1").commit().unwrap_err().code(), Code::NotADirectory);
        // A set makes its own directory, and not those above it.
        let deep = identity(dir.path().join("a/b"), "1").commit().unwrap_err();
        assert_eq!(deep.code(), Code::FileUnwritable);
        assert!(deep.to_string().contains("No such file or directory"), "{deep}");

        // A directory in the place of a file is not moved aside: it may hold anything.
        fs::create_dir(dir.path().join("key.pem")).unwrap();
        let occupied = identity(dir.path(), "1").replacing("old").commit().unwrap_err();
        assert_eq!(occupied.code(), Code::FileUnwritable);
        assert_eq!(tree(dir.path()), expect([("file", 0o644, "")]));
    }

    #[test]
    fn a_name_can_only_be_used_once_and_only_inside() {
        let mut set = identity("x", "1");
        assert_eq!(set.add("key.pem", Vec::new(), Mode::Private).err().unwrap().code(), Code::BadValue);
        assert_eq!(set.add("../key.pem", Vec::new(), Mode::Private).err().unwrap().code(), Code::BadValue);
    }

    #[test]
    fn directories_of_ours_are_for_us_alone() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        create_dir(&deep).unwrap();
        create_dir(&deep).unwrap();
        assert_eq!(fs::metadata(dir.path().join("a")).unwrap().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(&deep).unwrap().mode() & 0o777, 0o700);
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(create_dir(dir.path().join("file")).unwrap_err().code(), Code::NotADirectory);
        assert_eq!(create_dir(dir.path().join("file/x")).unwrap_err().code(), Code::NotADirectory);
    }
}
