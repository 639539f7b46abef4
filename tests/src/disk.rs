//! Small disks: a tmpfs of a few pages, in a mount namespace of its own.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::binary::tbpki;
use crate::tool::Tool;

/// The unit in which a tmpfs gives away room.
const PAGE: u64 = 4096;
/// The file that takes up room.
const FILLER: &str = "filler";

/// A small disk. It is gone, with all that is on it, when this is dropped, and also when the test is killed: nothing but
/// one process holds its namespace, and that ends with its standard input.
pub struct Disk {
    holder: Child,
    mounted_at: PathBuf,
    _place: TempDir,
}

impl Disk {
    /// A disk of this size in bytes, mounted where only [`Disk::tbpki`] sees it.
    ///
    /// # Panics
    /// Where this user may not mount anything, not even in a namespace of its own. What the tests hold about full disks
    /// cannot be shown there.
    #[track_caller]
    pub fn of(bytes: u64) -> Self {
        let place = tempfile::Builder::new().prefix("tbpki-test-").tempdir().unwrap();
        let mounted_at = place.path().join("disk");
        fs::create_dir(&mounted_at).unwrap();
        // `cat` waits for the end of this process's pipe, so the namespace ends with the test however it ends.
        let script = format!("mount -t tmpfs -o size={bytes},mode=700 none \"$0\" && echo mounted && exec cat");
        let mut unshare = Command::new("unshare");
        // A user may mount only in a user namespace of their own, where they count as root.
        unshare.args(if as_root() { &[][..] } else { &["--user", "--map-root-user"] });
        unshare.args(["--mount", "--", "sh", "-c", &script]).arg(&mounted_at);
        let mut holder = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        // The line shows that the mount is there; without it the first files would go to the disk below.
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let disk = Self { holder, mounted_at, _place: place };
        assert!(
            line == "mounted\n",
            "a small disk cannot be mounted here: run the tests as root, or where users may have namespaces \
             (`unshare --user --map-root-user --mount true`)"
        );
        disk
    }

    /// The path, as a test sees it.
    pub fn path(&self) -> PathBuf {
        // Other processes do not see the mount; the path through /proc leads into the namespace.
        let inside = self.mounted_at.strip_prefix("/").unwrap();
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }

    /// The path, as tbpki sees it.
    pub fn mounted_at(&self) -> &Path {
        &self.mounted_at
    }

    /// tbpki where the disk is mounted, working in `directory`.
    pub fn tbpki<A: AsRef<OsStr>>(&self, directory: &Path, args: impl IntoIterator<Item = A>) -> Tool {
        self.run(directory, tbpki()).args(args)
    }

    /// Makes it read-only.
    #[track_caller]
    pub fn make_read_only(&self) {
        // The mount, not the file system: that one has options that mean nothing to an ordinary user's namespace.
        self.run(Path::new("/"), "mount").args(["-o", "remount,bind,ro"]).arg(&self.mounted_at).run().ok();
    }

    /// Fills it up to so many pages.
    #[track_caller]
    pub fn leave_pages(&self, pages: u64) {
        let path = self.path().join(FILLER);
        let mut filler = File::create(&path).unwrap();
        // Whole pages until nothing fits: tmpfs gives space in pages only.
        while filler.write_all(&[0; PAGE as usize]).is_ok() {}
        drop(filler);
        let size = fs::metadata(&path).unwrap().len() / PAGE * PAGE;
        assert!(size >= pages * PAGE, "the disk never has {pages} pages free");
        // Cut from the end: a tmpfs gives the pages of a shortened file back, and the rest stays taken.
        OpenOptions::new().write(true).open(&path).unwrap().set_len(size - pages * PAGE).unwrap();
    }

    /// Takes away what fills it.
    #[track_caller]
    pub fn make_room(&self) {
        let path = self.path().join(FILLER);
        fs::remove_file(&path).unwrap();
        // The kernel counts the pages of a tmpfs for each processor, so that the room is not always there at once.
        for _ in 0..1_000 {
            let is_there = fs::write(&path, [0; PAGE as usize]).is_ok();
            fs::remove_file(&path).unwrap();
            if is_there {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        panic!("the disk has no room after the filler was removed");
    }

    /// True if a file is the one that fills the disk.
    pub fn is_filler(path: &Path) -> bool {
        path.ends_with(FILLER)
    }

    fn run(&self, directory: &Path, program: impl AsRef<OsStr>) -> Tool {
        let mut directory_of = std::ffi::OsString::from("--wdns=");
        directory_of.push(directory);
        let entering = Tool::new("nsenter").args(["--target", &self.holder.id().to_string(), "--mount"]);
        let entering = if as_root() { entering } else { entering.args(["--user", "--preserve-credentials"]) };
        entering.arg(directory_of).arg("--").arg(program)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, and need not be.
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

/// True if the tests run as root.
pub fn as_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_as_much_room_as_it_was_left() {
        let disk = Disk::of(64 << 10);
        disk.leave_pages(2);
        fs::write(disk.path().join("two"), [0; 2 * PAGE as usize]).unwrap();
        assert!(fs::write(disk.path().join("three"), [0]).is_err());
        disk.make_room();
        fs::write(disk.path().join("three"), [0]).unwrap();
        disk.make_read_only();
        assert!(fs::write(disk.path().join("four"), [0]).is_err());
        assert!(!disk.mounted_at().join("two").exists());
    }
}
