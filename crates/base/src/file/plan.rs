//! The effect of a set of files on the directory in its present state.

use rustix::fs::{self as sys, AtFlags, FileType, OFlags};
use rustix::io::Errno;

use super::base::Base;
use super::journal::{Journal, Move};
use super::name::Name;
use super::owner::{FileOwner, change};
use super::set::{FileSet, NewFile, WriteOutcome, WrittenFile};
use super::staging::Attributes;
use super::{fault, staging};
use crate::code::Code;
use crate::error::Result;

/// The highest number of kept versions of one file with the same suffix.
const KEPT: usize = 99;

/// The moves that a set takes, and what it will report.
pub(super) struct MovePlan<'a> {
    pub(super) moves: Vec<Move>,
    pub(super) files: Vec<PlannedFile<'a>>,
    pub(super) owner: FileOwner,
    /// The owner that was asked for; files that replace an older version of themselves keep theirs otherwise.
    pub(super) asked: FileOwner,
    /// The files that stay as they are, and get the owner that was asked for.
    pub(super) given: Vec<Name>,
    /// Whether the directory gets that owner, too.
    pub(super) gives_directory: bool,
    pub(super) report: Vec<WrittenFile>,
}

/// A file that has to be written.
pub(super) struct PlannedFile<'a> {
    pub(super) new: &'a NewFile,
    /// The owner and mode that it takes over from an older version of itself.
    pub(super) before: Option<Attributes>,
    /// The place of the file, relative to the base.
    pub(super) target: Name,
    /// The path at which it is staged: that of its move, or below that where a whole directory moves.
    pub(super) staged: Name,
}

/// The present content of a file's place.
enum Found {
    Nothing,
    Same(Box<sys::Stat>),
    Other,
}

impl<'a> MovePlan<'a> {
    /// Plans for `base`; the names of the set are relative to the directory `outer` in it, if given, which is
    /// missing.
    pub(super) fn new(base: &Base, set: &'a FileSet, outer: Option<&str>) -> Result<Self> {
        let mut plan = Self {
            moves: Vec::new(),
            files: Vec::new(),
            owner: set.ownership.resolve(base)?,
            asked: set.ownership.asked()?,
            given: Vec::new(),
            gives_directory: false,
            report: Vec::new(),
        };
        // All obstacles are collected, so that the user can move all files away at once.
        let mut in_the_way = Vec::new();
        for new in &set.files {
            // `outer` is the new directory itself, when the base is its parent.
            let target = outer.map_or_else(|| Ok(new.name.clone()), |dir| new.name.below(dir))?;
            // The files of a new directory need no look at the disk each.
            let found = if plan.new_dir_of(&target).is_some() { Found::Nothing } else { find(base, &target, new)? };
            let outcome = match (found, new.old_suffix.as_ref().or(set.old_suffix.as_ref())) {
                // Before any suffix is looked at: the same command run twice must not make a second backup.
                (Found::Same(stat), _) if change::differs(&stat, plan.asked) => {
                    plan.given.push(target.clone());
                    WriteOutcome::Given
                }
                (Found::Same(_), _) => WriteOutcome::Unchanged,
                (Found::Nothing, _) => {
                    plan.put(base, (new, false), &target, None)?;
                    WriteOutcome::Written
                }
                (Found::Other, Some(suffix)) => {
                    // The old file keeps its content under a free name: nothing is deleted.
                    let keep = free_name(base, &target, suffix)?;
                    plan.put(base, (new, set.keeps_readers), &target, Some(keep.clone()))?;
                    WriteOutcome::Replaced(base.path_of(keep.as_str()))
                }
                (Found::Other, None) => {
                    in_the_way.push(target.last().to_owned());
                    continue;
                }
            };
            plan.report.push(WrittenFile { path: base.path_of(target.as_str()), outcome });
        }
        if in_the_way.is_empty() {
            if outer.is_none() {
                let own = set.files.iter().map(|file| file.name.as_str());
                let names: Vec<&str> = own.chain(set.related.iter().map(String::as_str)).collect();
                plan.gives_directory = change::takes_directory(base, plan.asked, &names)?;
            }
            return Ok(plan);
        }
        let (what, fix) = match in_the_way.as_slice() {
            [one] => (format!("{one} is there already, with other contents"), "move it away"),
            more => (format!("{} are there already, with other contents", more.join(", ")), "move them away"),
        };
        Err(Code::TargetExists
            .error(what)
            .at(outer.map_or_else(|| base.path.clone(), |dir| base.path_of(dir)))
            .fix(format!("{fix} and run the same command once more")))
    }

    /// The directory that one of the moves brings into being, if the file is in it.
    fn new_dir_of(&self, target: &Name) -> Option<&Name> {
        let is_above = |step: &&Move| target.ancestors().any(|dir| dir == step.to.as_str());
        self.moves.iter().find(is_above).map(|step| &step.to)
    }

    /// True if no reader could see a part of it only, without a journal and without a lock.
    pub(super) fn is_one_new_directory(&self) -> bool {
        // Files inside of one new directory: its place differs from the targets of the files.
        matches!((self.moves.as_slice(), self.files.first()),
            ([step], Some(first)) if !step.replaces && first.target != step.to)
    }

    /// Checks that we may create files in all their places.
    pub(super) fn writable(&self, base: &Base) -> Result<()> {
        if !self.moves.is_empty() {
            base.writable("")?;
        }
        self.moves.iter().try_for_each(|step| base.writable(step.to.dir()))
    }

    /// Gives what stays as it is to the owner that was asked for.
    pub(super) fn give(&self, base: &Base) -> Result<()> {
        change::give_files(base, &self.given, self.asked)?;
        // Last: afterwards this process may not be allowed to open the files.
        match self.gives_directory {
            true => staging::give(&base.fd, self.asked, &base.path),
            false => Ok(()),
        }
    }

    /// Adds a file to the move that brings its place into being: its own, or that of the outermost directory
    /// that is missing. `keeps_readers` is [`FileSet::keeps_readers`].
    fn put(
        &mut self,
        base: &Base,
        (new, keeps_readers): (&'a NewFile, bool),
        target: &Name,
        keep: Option<Name>,
    ) -> Result<()> {
        let place = match self.new_dir_of(target) {
            Some(dir) => dir.clone(),
            None => outermost_missing(base, target)?.unwrap_or_else(|| target.clone()),
        };
        // Files of one new directory share its move.
        let index = self.moves.iter().position(|step| step.to == place).unwrap_or_else(|| {
            self.moves.push(Move { to: place.clone(), replaces: keep.is_some(), keep });
            self.moves.len() - 1
        });
        let inner = target.as_str().get(place.as_str().len()..).unwrap_or_default();
        let staged = Name::new(format!("{}{inner}", Journal::staged(index)))?;
        let is_older_version = new.old_suffix.is_some() && self.moves.get(index).is_some_and(|step| step.replaces);
        // Only a file that the caller names for replacement is an older version of itself, for example a
        // renewed server key that a service reads under its own user. Other files get the owner of the set.
        let before = if is_older_version {
            attributes(base, target)?
        } else if keeps_readers {
            attributes(base, target)?.and_then(|before| before.for_readers_of(new.mode))
        } else {
            None
        };
        self.files.push(PlannedFile { new, before, target: target.clone(), staged });
        Ok(())
    }
}

/// The outermost directory above a file that is missing. It is moved as a whole, with everything inside.
fn outermost_missing(base: &Base, target: &Name) -> Result<Option<Name>> {
    for dir in target.ancestors() {
        if base.dir(dir)?.is_none() {
            return Name::new(dir).map(Some);
        }
    }
    Ok(None)
}

/// The owner and the mode of a file; none for a symbolic link, because the file that takes its place is a new one.
fn attributes(base: &Base, target: &Name) -> Result<Option<Attributes>> {
    let dir = base.existing_dir(target.dir())?;
    let stat = sys::statat(&dir, target.last(), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| fault::reading(&base.path_of(target.as_str()), errno))?;
    let attributes = Attributes {
        uid: sys::Uid::from_raw(stat.st_uid),
        gid: sys::Gid::from_raw(stat.st_gid),
        mode: sys::Mode::from_raw_mode(stat.st_mode & 0o777),
    };
    Ok((FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(attributes))
}

/// Compares a file's place with its new content. A symbolic link is never the same: its target is not ours.
fn find(base: &Base, target: &Name, new: &NewFile) -> Result<Found> {
    let path = base.path_of(target.as_str());
    // A missing directory contains nothing.
    let Some(dir) = base.dir(target.dir())? else { return Ok(Found::Nothing) };
    let kind = match sys::statat(&dir, target.last(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode),
        Err(Errno::NOENT) => return Ok(Found::Nothing),
        Err(errno) => return Err(fault::writing(&path, errno)),
    };
    match kind {
        FileType::RegularFile => {}
        // Never equal: the link's target belongs to another place, and replacing it would change that place.
        FileType::Symlink => return Ok(Found::Other),
        FileType::Directory => return Err(Code::FileUnwritable.error("there is a directory of this name").at(path)),
        _ => return Err(Code::FileUnwritable.error("this is a device or a pipe, not a file").at(path)),
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let fd = match sys::openat(&dir, target.last(), flags, sys::Mode::empty()) {
        Ok(fd) => fd,
        // Not ours to read, so not what we would have written.
        Err(Errno::ACCESS) => return Ok(Found::Other),
        Err(errno) => return Err(fault::reading(&path, errno)),
    };
    // Compared by size first: most files that differ have another size.
    let found = staging::contents(&fd, new.bytes.len()).map_err(|errno| fault::reading(&path, errno))?;
    if found.is_none_or(|found| *found != *new.bytes) {
        return Ok(Found::Other);
    }
    let stat = sys::fstat(&fd).map_err(|errno| fault::reading(&path, errno))?;
    Ok(Found::Same(Box::new(stat)))
}

/// A name next to `target` for the file that is replaced there.
pub(super) fn free_name(base: &Base, target: &Name, suffix: &str) -> Result<Name> {
    let dir = base.existing_dir(target.dir())?;
    // Bounded, because a mistake in a script could otherwise fill the directory with backups.
    for count in 1..=KEPT {
        let name = match count {
            1 => target.with_suffix(suffix)?,
            _ => target.with_suffix(&format!("{suffix}-{count}"))?,
        };
        match sys::statat(&dir, name.last(), AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(name),
            Ok(_) => {}
            Err(errno) => return Err(fault::writing(&base.path_of(name.as_str()), errno)),
        }
    }
    Err(Code::TargetExists
        .error("too many replaced versions of this file are kept")
        .at(base.path_of(target.as_str()))
        .fix("move the old ones away"))
}
