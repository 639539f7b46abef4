//! The key files of a CA, in all its generations, and their replacement by files with another passphrase.

use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Mode, WriteOutcome};
use base::{Code, Result};
use zeroize::Zeroizing;

use super::Ca;
use super::generations::all_dirs;
use super::key::{KeyLocation, REPLACED};

/// The place of the key of a generation of a CA.
#[derive(Debug, Clone)]
pub struct GenerationKey {
    /// The CA that signs with the key.
    pub ca: Ca,
    /// The number of the generation, from 1.
    pub generation: u32,
    /// The directory of the generation.
    pub dir: PathBuf,
    /// The place of its key.
    pub place: KeyLocation,
}

/// The places of the keys of a CA, those of generations that are out of service included.
///
/// # Errors
/// Those of [`KeyLocation::of`] and of reading the directories.
pub fn keys_of(store: &Path, ca: &Ca) -> Result<Vec<GenerationKey>> {
    let dirs = all_dirs(store, &ca.name())?.into_iter();
    dirs.map(|(generation, dir)| Ok(GenerationKey { ca: ca.clone(), generation, place: KeyLocation::of(&dir)?, dir }))
        .collect()
}

/// Replaces key files, all of them or none. What they held is not kept: it would still open with the earlier passphrase.
/// Killed in between, the next verb that opens the store finishes it.
///
/// # Errors
/// Those of the disk.
pub fn replace(store: &Path, files: Vec<(PathBuf, Zeroizing<String>)>) -> Result<()> {
    let cas = store.join("ca");
    let mut set = FileSet::new(&cas).replacing(REPLACED);
    for (path, mut pem) in files {
        let name = path.strip_prefix(&cas).ok().and_then(Path::to_str);
        let name = name.ok_or_else(|| Code::Internal.error("a CA's key is outside of the store").at(&path))?;
        set.add(name, Zeroizing::new(std::mem::take(&mut *pem).into_bytes()), Mode::Private)?;
    }
    for written in set.commit()? {
        if let WriteOutcome::Replaced(kept) = written.outcome
            && let (Some(dir), Some(name)) = (kept.parent(), kept.file_name().and_then(|name| name.to_str()))
        {
            file::remove(dir, name)?;
        }
    }
    Ok(())
}
