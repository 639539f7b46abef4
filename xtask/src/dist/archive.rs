//! Archives that are the same, byte for byte, if their files are.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};
use crate::run::run;
use crate::workspace::target;

use super::release::{Platform, Release};
use super::tree::Tree;

/// Writes the tree as `tbpki-VERSION-PLATFORM.tar.zst`, in one directory of this name.
pub(super) fn write(tree: &Tree, platform: Platform, release: &Release, out: &Path) -> Result<PathBuf> {
    let name = release.name(platform);
    let staged = target()?.join("dist/archive");
    tree.below(&name).write(&staged)?;
    let tar = staged.with_extension("tar");
    tar_of(&staged, &[&name], ROOT, release.time, &tar)?;
    let archive = out.join(format!("{name}.tar.zst"));
    compress(&tar, &archive)?;
    fs::remove_file(&tar).doing(format!("remove {}", tar.display()))?;
    Ok(archive)
}

/// The owner of most files.
pub(super) const ROOT: u32 = 0;

/// Writes a tar file of `paths` below `directory`: sorted, with one time and one owner.
pub(super) fn tar_of(directory: &Path, paths: &[&str], owner: u32, time: u64, tar: &Path) -> Result<()> {
    run("tar")
        // ustar, because the format of POSIX would also store the times of access and of change, which differ.
        .args(["--create", "--format=ustar", "--sort=name", "--numeric-owner", "--mode=go-w"])
        .args([format!("--owner={owner}"), format!("--group={owner}")])
        .arg(format!("--mtime=@{time}"))
        .arg("--file")
        .arg(tar)
        .arg("--directory")
        .arg(directory)
        .args(paths)
        // The order of names depends on the language otherwise.
        .env("LC_ALL", "C")
        .silent()
        .read()
        .map(drop)
}

/// Compresses with one thread, because the number of threads changes the bytes.
fn compress(tar: &Path, archive: &Path) -> Result<()> {
    run("zstd")
        .args(["-19", "--single-thread", "--quiet", "--force", "-o"])
        .arg(archive)
        .arg(tar)
        .silent()
        .read()
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(directory: &Path, reversed: bool) -> Vec<u8> {
        let mut files = vec![("name/bin/tbpki", 0o755), ("name/share/b", 0o644), ("name/share/B", 0o644)];
        if reversed {
            files.reverse();
        }
        // Written one by one, so that their order on disk and their times differ.
        for (path, mode) in files {
            let mut tree = Tree::default();
            tree.add(path, path, mode);
            let place = directory.join("one");
            tree.write(&place).unwrap();
            let to = directory.join("tree").join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(place.join(path), to).unwrap();
        }
        let (tar, zst) = (directory.join("tar"), directory.join("zst"));
        tar_of(&directory.join("tree"), &["name"], ROOT, 1_700_000_000, &tar).unwrap();
        compress(&tar, &zst).unwrap();
        fs::read(zst).unwrap()
    }

    #[test]
    fn two_archives_of_one_tree_are_the_same_bytes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let bytes = archive(one.path(), false);
        assert!(!bytes.is_empty());
        assert_eq!(bytes, archive(two.path(), true));
    }
}
