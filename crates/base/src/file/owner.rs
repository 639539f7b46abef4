//! To whom files are given.

pub(super) mod change;
pub(super) mod trust;

use std::io;

use nix::unistd::{Group, User};
use rustix::fs::{self as sys, AtFlags, FileType, Gid, Uid};
use rustix::io::Errno;
use rustix::process;

use super::base::Base;
use crate::code::Code;
use crate::error::{Error, Result};

/// Whose the files of a set become.
///
/// Without a request, files that root creates belong to the owner of their directory: a store
/// stays that of its user, no matter who runs tbpki. Files that an ordinary user creates belong to that user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ownership {
    user: Option<String>,
    group: Option<String>,
    of_server: bool,
}

impl Ownership {
    /// The files are for a server that runs as another user: `user` and `group` are names or numbers. What
    /// is not named is, when root runs this, that of `thingsboard.conf` in the directory, else that of the
    /// directory.
    pub fn of_server(user: Option<&str>, group: Option<&str>) -> Self {
        Self { user: user.map(str::to_owned), group: group.map(str::to_owned), of_server: true }
    }

    /// The user and the group that were named; none of what was not.
    pub(super) fn asked(&self) -> Result<FileOwner> {
        Ok(FileOwner {
            uid: self.user.as_deref().map(user_id).transpose()?,
            gid: self.group.as_deref().map(group_id).transpose()?,
            is_asked_for: self.of_server,
        })
    }

    /// The numbers for files in `base`; none where nothing has to be changed.
    pub(super) fn resolve(&self, base: &Base) -> Result<FileOwner> {
        let mut owner = self.asked()?;
        // Only root can choose the owner of files.
        if process::geteuid().is_root() {
            let dir = sys::fstat(&base.fd).map_err(|errno| super::fault::reading_dir(&base.path, errno))?;
            let server = if self.of_server { server_of(base)? } else { None };
            // New files have our own group, or the one that the directory hands down: either way that of the directory.
            let has_group_anyway = server.is_none() && Gid::from_raw(dir.st_gid) == process::getegid();
            let model = server.unwrap_or(dir);
            // User and group are chosen apart: naming the user alone leaves the group to the model.
            owner.uid = owner.uid.or(Some(Uid::from_raw(model.st_uid)));
            owner.gid = owner.gid.or((!has_group_anyway).then(|| Gid::from_raw(model.st_gid)));
        }
        owner.without_ours().permitted().map_err(|error| error.at(&base.path))
    }
}

/// A user and a group to give files to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FileOwner {
    pub(super) uid: Option<Uid>,
    pub(super) gid: Option<Gid>,
    /// True if a refusal by the file system is an error.
    pub(super) is_asked_for: bool,
}

impl FileOwner {
    /// True if there is nothing to change.
    pub(super) fn is_ours(self) -> bool {
        self.uid.is_none() && self.gid.is_none()
    }

    /// Leaves out what new files have anyway. The group is kept: a directory may hand its own down.
    fn without_ours(mut self) -> Self {
        self.uid = self.uid.filter(|uid| *uid != process::geteuid());
        self
    }

    /// Refuses what the system would refuse, before anything is written.
    fn permitted(self) -> Result<Self> {
        if process::geteuid().is_root() {
            return Ok(self);
        }
        let member =
            |gid: &Gid| *gid == process::getegid() || process::getgroups().is_ok_and(|groups| groups.contains(gid));
        if self.uid.is_some() {
            return Err(refused("only root may give files to another user"));
        }
        if self.gid.as_ref().is_some_and(|gid| !member(gid)) {
            return Err(refused("you are not a member of that group"));
        }
        Ok(self)
    }
}

/// The name of the user who runs this, or its number if it has no name.
pub fn current_user() -> String {
    let uid = process::geteuid();
    let user = User::from_uid(nix::unistd::Uid::from_raw(uid.as_raw())).ok().flatten();
    user.map_or_else(|| uid.as_raw().to_string(), |user| user.name)
}

/// Whose the configuration of ThingsBoard in the directory is, if there is one.
// The owner of `thingsboard.conf` is the user that the server runs as.
fn server_of(base: &Base) -> Result<Option<sys::Stat>> {
    match sys::statat(&base.fd, "thingsboard.conf", AtFlags::SYMLINK_NOFOLLOW) {
        // A symbolic link could name any file, so its owner proves nothing.
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(Some(stat)),
        Ok(_) | Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(super::fault::reading(&base.path, errno)),
    }
}

fn user_id(name: &str) -> Result<Uid> {
    // Numbers first: a container may have no entry in /etc/passwd for its user.
    if let Some(number) = number(name) {
        return Ok(Uid::from_raw(number));
    }
    match User::from_name(name) {
        Ok(Some(user)) => Ok(Uid::from_raw(user.uid.as_raw())),
        Ok(None) => Err(unknown("user", name)),
        Err(errno) => Err(unknown("user", name).because(io::Error::from(errno))),
    }
}

fn group_id(name: &str) -> Result<Gid> {
    if let Some(number) = number(name) {
        return Ok(Gid::from_raw(number));
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(Gid::from_raw(group.gid.as_raw())),
        Ok(None) => Err(unknown("group", name)),
        Err(errno) => Err(unknown("group", name).because(io::Error::from(errno))),
    }
}

/// A number of a user or group. The highest one means "unchanged" to the system and belongs to no user.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number != u32::MAX)
}

fn unknown(kind: &str, name: &str) -> Error {
    Code::Ownership.error(format!("there is no {kind} {name:?} on this machine"))
}

fn refused(why: &str) -> Error {
    Code::Ownership.error("the owner or group of the files cannot be set").because(why)
}
