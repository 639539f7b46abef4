//! To whom files are given.

use std::io;

use nix::unistd::{Group, User};
use rustix::fs::{self as sys, AtFlags, FileType, Gid, Uid};
use rustix::process;

use super::base::Base;
use crate::code::Code;
use crate::error::{Error, Result};

/// Whose the files of a set become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ownership {
    user: Option<String>,
    group: Option<String>,
    inherited: bool,
}

impl Ownership {
    /// The files stay with whoever runs this.
    pub fn ours() -> Self {
        Self::default()
    }

    /// The files are for a server that runs as somebody else: `user` and `group` are names or numbers. What
    /// is not named is, when root runs this, that of `thingsboard.conf` in the directory, else that of the
    /// directory.
    pub fn of_server(user: Option<&str>, group: Option<&str>) -> Self {
        Self { user: user.map(str::to_owned), group: group.map(str::to_owned), inherited: true }
    }

    /// The numbers for files in `base`; none where nothing has to be changed.
    pub(super) fn resolve(&self, base: &Base) -> Result<Owner> {
        let mut owner = Owner {
            uid: self.user.as_deref().map(user_id).transpose()?,
            gid: self.group.as_deref().map(group_id).transpose()?,
        };
        if self.inherited && process::geteuid().is_root() {
            let model = match sys::statat(&base.fd, "thingsboard.conf", AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile => Ok(stat),
                _ => sys::fstat(&base.fd),
            };
            let model = model.map_err(|errno| super::fault::reading(&base.path, errno))?;
            owner.uid = owner.uid.or(Some(Uid::from_raw(model.st_uid)));
            owner.gid = owner.gid.or(Some(Gid::from_raw(model.st_gid)));
        }
        owner.without_ours().permitted().map_err(|error| error.at(&base.path))
    }
}

/// A user and a group to give files to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: Option<Uid>,
    pub(super) gid: Option<Gid>,
}

impl Owner {
    /// Whether there is nothing to change.
    pub(super) fn is_ours(self) -> bool {
        self == Self::default()
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

fn user_id(name: &str) -> Result<Uid> {
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

/// A number of a user or group. The highest one means "unchanged" to the system and is nobody's.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number != u32::MAX)
}

fn unknown(kind: &str, name: &str) -> Error {
    Code::Ownership.error(format!("there is no {kind} {name:?} on this machine"))
}

fn refused(why: &str) -> Error {
    Code::Ownership.error("the owner or group of the files cannot be set").because(why)
}
