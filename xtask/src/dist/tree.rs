//! The files of an installation, by their paths below its prefix, for example `bin/tbpki`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, Result};
use crate::run::run;
use crate::workspace::{root, target};

use super::licenses;

/// The units of systemd that a user can enable, and that must not outlive the program.
pub(super) const UNITS: &str = "tbpki-serve.service tbpki-renew.timer tbpki-renew-host.timer tbpki-crl.timer";

/// The template among these units, of which a user enables instances. To disable it disables all of them.
pub(super) const TEMPLATE: &str = "tbpki-renew@.timer";

/// All instances of the template that run.
pub(super) const INSTANCES: &str = "tbpki-renew@*.timer";

/// A file of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
}

/// Files by their paths, in the order of the paths.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree(BTreeMap<String, Entry>);

/// The completion script of each shell, and the file in which packages install it.
const COMPLETIONS: [(&str, &str); 4] = [
    ("bash", "share/bash-completion/completions/tbpki"),
    ("zsh", "share/zsh/site-functions/_tbpki"),
    ("fish", "share/fish/vendor_completions.d/tbpki.fish"),
    ("elvish", "share/elvish/lib/tbpki.elv"),
];

/// Pages of the repository that every installation contains.
const PAGES: [(&str, &str); 5] = [
    ("README.md", "README.md"),
    ("CHANGELOG.md", "CHANGELOG.md"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("keygen.toml.example", "examples/keygen.toml"),
];

impl Tree {
    /// The tree of a release with `program`. `runnable` is the same version of tbpki, for this machine.
    pub(super) fn of_release(program: &Path, runnable: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.add("bin/tbpki", read(program)?, 0o755);
        tree.add_manual(runnable)?;
        for (from, to) in PAGES {
            tree.add(format!("share/doc/tbpki/{to}"), read(&root().join(from))?, 0o644);
        }
        // The README links to these pages.
        for page in list_below(&root().join("docs/src"))? {
            let name = page.strip_prefix(root()).unwrap_or(&page).display().to_string();
            tree.add(format!("share/doc/tbpki/{name}"), read(&page)?, 0o644);
        }
        // Most licenses of libraries want their text with every copy of the program.
        tree.add("share/doc/tbpki/THIRD-PARTY-LICENSES.txt", licenses::of_program()?, 0o644);
        tree.add("share/doc/tbpki/THIRD-PARTY-LICENSES-FIRMWARE.txt", licenses::of_firmware()?, 0o644);
        tree.add_units()?;
        tree.add_firmware()?;
        Ok(tree)
    }

    /// Adds a file, or replaces it.
    pub(super) fn add(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>, mode: u32) {
        self.0.insert(path.into(), Entry { bytes: bytes.into(), mode });
    }

    /// Moves a file, or fails if it is not there.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<()> {
        let entry = self.0.remove(from).ok_or_else(|| Error::new(format!("the tree does not contain {from}")))?;
        self.0.insert(to.to_owned(), entry);
        Ok(())
    }

    /// The files in the order of their paths.
    pub(super) fn files(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.0.iter()
    }

    /// A copy with `prefix` in front of every path.
    pub(super) fn below(&self, prefix: &str) -> Self {
        Self(self.0.iter().map(|(path, entry)| (format!("{prefix}/{path}"), entry.clone())).collect())
    }

    /// A copy of the files for which `keep` is true.
    pub(super) fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(path, _)| keep(path)).map(|(path, entry)| (path.clone(), entry.clone())).collect())
    }

    /// Writes the files below an empty directory, which is made.
    pub(super) fn write(&self, directory: &Path) -> Result<()> {
        if directory.exists() {
            fs::remove_dir_all(directory).doing(format!("remove {}", directory.display()))?;
        }
        make_directory(directory)?;
        for (path, Entry { bytes, mode }) in &self.0 {
            let file = directory.join(path);
            // Each directory gets its mode, whatever the umask is.
            let mut above: Vec<&Path> = file.ancestors().skip(1).take_while(|path| *path != directory).collect();
            above.reverse();
            above.into_iter().try_for_each(make_directory)?;
            fs::write(&file, bytes).doing(format!("write {}", file.display()))?;
            set_mode(&file, *mode)?;
        }
        Ok(())
    }

    /// Man pages, compressed as Debian's policy requires, and completions.
    fn add_manual(&mut self, runnable: &Path) -> Result<()> {
        let directory = target()?.join("dist/manual");
        if directory.exists() {
            fs::remove_dir_all(&directory).doing(format!("remove {}", directory.display()))?;
        }
        // By the program itself: its pages are those of its flags, and need no second source.
        run(runnable).args(["man", "--install"]).env("XDG_DATA_HOME", &directory).silent().read()?;
        let pages = directory.join("man/man1");
        for page in list(&pages)? {
            // Without the name and the time of the file.
            run("gzip").args(["-9", "--no-name"]).arg(&page).silent().read()?;
            let name = format!("{}.gz", page.file_name().unwrap_or_default().display());
            let bytes = read(&pages.join(&name))?;
            self.add(format!("share/man/man1/{name}"), bytes, 0o644);
        }
        for (shell, path) in COMPLETIONS {
            let script = run(runnable).args(["completions", shell]).silent().read()?;
            self.add(path, script.into_bytes(), 0o644);
        }
        Ok(())
    }

    /// The units of systemd, and the user that runs them.
    fn add_units(&mut self) -> Result<()> {
        for unit in list(&root().join("crates/tbpki/units"))? {
            let name = unit.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let directory = match unit.extension().and_then(|extension| extension.to_str()) {
                Some("service" | "timer" | "socket" | "path") => "lib/systemd/system",
                Some("conf") => "lib/sysusers.d",
                _ => return Err(Error::new(format!("{} is no unit of systemd", unit.display()))),
            };
            self.add(format!("{directory}/{name}"), read(&unit)?, 0o644);
        }
        Ok(())
    }

    /// Every firmware file that was built, with its hash.
    fn add_firmware(&mut self) -> Result<()> {
        let directory = target()?.join("firmware");
        let mut count = 0;
        for file in list(&directory)? {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".elf") || name.ends_with(".elf.sha256") {
                self.add(format!("share/tbpki/firmware/{name}"), read(&file)?, 0o644);
                count += 1;
            }
        }
        if count == 0 {
            // A release without it would be noticed only by the user who makes a first image.
            return Err(Error::new("there is no firmware to include").fix("cargo xtask firmware --all"));
        }
        Ok(())
    }
}

/// The files of a directory, in the order of their names; none if it does not exist.
pub(super) fn list(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(directory).doing(format!("list {}", directory.display()))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()).doing(format!("list {}", directory.display())))
        .collect::<Result<Vec<_>>>()?;
    // A file system lists in an order of its own, and two builds of a commit have to be the same.
    files.sort();
    Ok(files)
}

/// The files of a directory and of those in it, in the order of their paths.
fn list_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in list(directory)? {
        match entry.is_dir() {
            true => files.extend(list_below(&entry)?),
            false => files.push(entry),
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).doing(format!("read {}", path.display()))
}

fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).doing(format!("make {}", path.display()))?;
    set_mode(path, 0o755)
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).doing(format!("set the mode of {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_of_packages_know_every_unit_that_a_user_can_enable() {
        for unit in list(&root().join("crates/tbpki/units")).unwrap() {
            let name = unit.file_name().unwrap().to_string_lossy().into_owned();
            let can_be_enabled = fs::read_to_string(&unit).unwrap().contains("[Install]");
            let is_known = UNITS.split(' ').any(|known| known == name) || name == TEMPLATE;
            assert_eq!(is_known, can_be_enabled, "{name}");
        }
    }

    #[test]
    fn directories_and_files_get_their_modes() {
        let directory = tempfile::tempdir().unwrap();
        let mut tree = Tree::default();
        tree.add("bin/tbpki", "program", 0o755);
        tree.add("share/doc/x", "text", 0o644);
        tree.rename("share/doc/x", "share/doc/y").unwrap();
        assert!(tree.rename("share/doc/x", "z").is_err());
        let place = directory.path().join("tree");
        tree.below("usr").write(&place).unwrap();
        let mode = |path: &str| fs::metadata(place.join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode("usr/bin/tbpki"), mode("usr/share/doc"), mode("usr/share/doc/y")], [0o755, 0o755, 0o644]);
        assert_eq!(tree.only(|path| path.starts_with("bin/")).files().count(), 1);
    }
}
