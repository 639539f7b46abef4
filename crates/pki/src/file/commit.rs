//! Writing a set of files: staging, the point of no return, and the moves.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs as sys;

use super::base::Base;
use super::journal::{JOURNAL, Journal};
use super::moves::{self, Moves};
use super::name::Name;
use super::owner::Owner;
use super::plan::{Plan, Planned};
use super::set::{FileSet, Written};
use super::staging::{self, Staging};
use super::{Mode, fault, recover};
use crate::digest;
use crate::error::{Error, Result};

/// How many files are open at a time.
const OPEN: usize = 64;

pub(super) fn commit(mut base: Base, set: &FileSet, outer: Option<&str>) -> Result<Vec<Written>> {
    recover::settle(&mut base)?;
    let mut plan = Plan::new(&base, set, outer)?;
    if !plan.moves.is_empty() && !plan.is_one_new_directory() {
        base.lock()?;
        // Somebody may have been at work until now.
        recover::settle(&mut base)?;
        plan = Plan::new(&base, set, outer)?;
    }
    if plan.moves.is_empty() {
        return Ok(plan.report);
    }
    let staging = Staging::create(&base)?;
    let journal = Journal::new(plan.moves, hashes(&plan.files));
    stage_files(&base, &staging, &plan.files, plan.owner)?;
    if journal.is_one_step() {
        move_at_once(&base, &staging, &journal)?;
    } else {
        move_journaled(&base, staging, &journal)?;
    }
    Ok(plan.report)
}

/// Makes the only move there is.
fn move_at_once(base: &Base, staging: &Staging<'_>, journal: &Journal) -> Result<()> {
    let mut done = Vec::new();
    let moves = Moves::new(base, staging.fd(), journal);
    let Err(error) = moves.forward(&mut done) else { return Ok(()) };
    match moves.back(&done, &BTreeMap::new()) {
        Ok(()) => Err(error),
        Err(second) => Err(neither_way(error, &second)),
    }
}

/// Makes the moves such that whoever comes next can finish them, and undoes them if one fails.
fn move_journaled(base: &Base, mut staging: Staging<'_>, journal: &Journal) -> Result<()> {
    let bytes = journal.to_bytes()?;
    let fd = staging.fd();
    let modes = moves::hold_replaced(base, fd, journal)?;
    staging::write(fd, JOURNAL, &bytes, Mode::Private, Owner::default(), &base.path)?.sync()?;
    sys::fsync(fd).map_err(|errno| fault::writing(&base.path, errno))?;
    staging.commit()?;

    let mut done = Vec::new();
    let moves = Moves::new(base, staging.fd(), journal);
    let Err(error) = moves.forward(&mut done) else { return Ok(()) };
    match moves.back(&done, &modes).and_then(|()| staging.uncommit()) {
        Ok(()) => Err(error),
        Err(second) => {
            // The journal stays, and the next process to come here goes forward.
            staging.abandon();
            Err(neither_way(error, &second))
        }
    }
}

/// The error that stopped us, where another then stopped us from undoing what had been done until then.
fn neither_way(error: Error, second: &Error) -> Error {
    error.fix(format!("it cannot be undone either ({second}): see to that, then run the same command once more"))
}

/// Writes every file into the staging directory, and waits until all are on the disk.
fn stage_files(base: &Base, staging: &Staging<'_>, files: &[Planned<'_>], owner: Owner) -> Result<()> {
    let mut dirs: BTreeMap<&str, OwnedFd> = BTreeMap::new();
    for file in files {
        for dir in file.staged.ancestors() {
            if !dirs.contains_key(dir) {
                let (outer, name) = dir.rsplit_once('/').unwrap_or(("", dir));
                let outer = dirs.get(outer).map_or(staging.fd(), AsFd::as_fd);
                let made = staging::make_dir(outer, name);
                dirs.insert(dir, made.map_err(|errno| fault::writing(&base.path_of(file.target.dir()), errno))?);
            }
        }
    }
    for files in files.chunks(OPEN) {
        let paths: Vec<PathBuf> = files.iter().map(|file| base.path_of(file.target.as_str())).collect();
        let mut unsynced = Vec::with_capacity(files.len());
        for (file, path) in files.iter().zip(&paths) {
            let dir = dirs.get(file.staged.dir()).map_or(staging.fd(), AsFd::as_fd);
            unsynced.push(staging::write(dir, file.staged.last(), &file.new.bytes, file.new.mode, owner, path)?);
        }
        unsynced.into_iter().try_for_each(staging::Unsynced::sync)?;
    }
    for dir in dirs.values() {
        staging::give(dir, owner, &base.path)?;
        sys::fsync(dir).map_err(|errno| fault::writing(&base.path, errno))?;
    }
    Ok(())
}

fn hashes(files: &[Planned<'_>]) -> BTreeMap<Name, String> {
    files.iter().map(|file| (file.staged.clone(), digest::hex(&digest::sha256(&file.new.bytes)))).collect()
}
