//! Files for the programs of one user: completion scripts for a shell, pages for man.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base::file::{self, FileSet, Mode, WriteOutcome};
use base::text::{counted, printable};
use base::{Code, Error, Result};
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Report;

/// The longest file that is compared.
const LIMIT: usize = 1 << 20;

/// Files to install into one directory.
#[derive(Debug)]
pub(super) struct Install {
    directory: PathBuf,
    /// A text that all our files contain, and no files of other programs.
    mark: &'static str,
    files: Vec<(String, String)>,
}

/// The installed files.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InstallReport {
    /// The directory of the files.
    pub(crate) directory: String,
    /// The files that were written, or would be.
    pub(crate) files: Vec<InstalledFile>,
    /// The step that is left to the user.
    pub(crate) next: String,
}

/// An installed file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InstalledFile {
    /// The name in the directory.
    pub(crate) file: String,
    /// `written` or `unchanged`
    pub(crate) done: InstallDone,
}

/// What was done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum InstallDone {
    /// It is new, or replaced the file of another version of tbpki.
    Written,
    /// It was there.
    Unchanged,
}

impl Install {
    pub(super) fn new(directory: impl Into<PathBuf>, mark: &'static str) -> Self {
        Self { directory: directory.into(), mark, files: Vec::new() }
    }

    pub(super) fn add(&mut self, name: impl Into<String>, text: String) {
        self.files.push((name.into(), text));
    }

    /// Writes the files. Files of other versions of tbpki are replaced.
    ///
    /// # Errors
    /// [`Code::TargetExists`] if a file is not from tbpki, and those of [`FileSet::commit`]; nothing is changed then.
    pub(super) fn write(self, next: impl Into<String>) -> Result<InstallReport> {
        file::create_dir(&self.directory)?;
        let mut outdated = Vec::new();
        let mut set = FileSet::new(&self.directory);
        for (name, text) in self.files {
            let path = self.directory.join(&name);
            match file::read_optional(&path, LIMIT)? {
                Some(there) if *there == text.as_bytes() => {}
                // By a mark in the text: the file of an older version has other contents, and is ours all the same.
                Some(there) if contains(&there, self.mark) => outdated.push(name.clone()),
                Some(_) => return Err(foreign(&path)),
                None => {}
            }
            // Also what is unchanged, so that the report names every file.
            set.add(name, text.into_bytes(), Mode::Public)?;
        }
        for name in outdated {
            // Only after all files were compared: a foreign file leaves the old ones in place. The set replaces none by
            // itself.
            file::remove(&self.directory, &name)?;
        }
        let files = set.commit()?.into_iter().map(|written| InstalledFile {
            file: written.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            done: match written.outcome {
                WriteOutcome::Unchanged | WriteOutcome::Given => InstallDone::Unchanged,
                WriteOutcome::Written | WriteOutcome::Replaced(_) => InstallDone::Written,
            },
        });
        let files = files.collect();
        Ok(InstallReport { directory: self.directory.to_string_lossy().into_owned(), files, next: next.into() })
    }
}

fn contains(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark.as_bytes())
}

fn foreign(path: &Path) -> Error {
    Code::TargetExists
        .error("a file that is not from tbpki is in the way")
        .at(path)
        .fix("move it away, or print the text without `--install` and save it elsewhere")
}

/// The user's home directory.
pub(super) fn home() -> Result<PathBuf> {
    directory("HOME").ok_or_else(|| {
        no_place("the environment variable HOME is not an absolute path")
            .fix("set HOME, or print the text without `--install` and save it where your system reads it")
    })
}

/// The directory of the user's data files, by the XDG base directory specification.
pub(super) fn data_home() -> Result<PathBuf> {
    directory("XDG_DATA_HOME").map_or_else(|| Ok(home()?.join(".local/share")), Ok)
}

/// The directory of the user's configuration files, by the XDG base directory specification.
pub(super) fn config_home() -> Result<PathBuf> {
    directory("XDG_CONFIG_HOME").map_or_else(|| Ok(home()?.join(".config")), Ok)
}

/// The directory that a variable names. The specification tells programs to ignore relative paths.
pub(super) fn directory(variable: &str) -> Option<PathBuf> {
    absolute(std::env::var_os(variable)?)
}

fn absolute(value: OsString) -> Option<PathBuf> {
    let path = PathBuf::from(value);
    path.is_absolute().then_some(path)
}

/// An error about a missing place.
pub(super) fn no_place(what: impl Into<String>) -> Error {
    Code::InstallPlaceUnknown.error(what)
}

impl Report for InstallReport {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let directory = printable(&self.directory).to_string();
        let written = self.files.iter().filter(|file| file.done == InstallDone::Written).count();
        match self.files.as_slice() {
            [file] => {
                let done = if written == 1 { "written" } else { "unchanged" };
                writeln!(out, "{done:<10} {directory}/{}", printable(&file.file))?;
            }
            files => {
                let unchanged = files.len() - written;
                writeln!(out, "{} written, {unchanged} unchanged, in {directory}", counted(written, "file", "files"))?;
            }
        }
        writeln!(out, "next       {}", self.next)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the tests look at the directory behind our back")]
mod tests {
    use std::fs;

    use super::*;

    fn install(directory: &Path, text: &str) -> Install {
        let mut install = Install::new(directory, "MARK");
        install.add("tbpki.1", text.to_owned());
        install
    }

    fn done(report: &InstallReport) -> Vec<InstallDone> {
        report.files.iter().map(|file| file.done).collect()
    }

    #[test]
    fn files_of_tbpki_are_replaced_and_others_are_left() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("a/b");
        let report = install(&place, "MARK 1").write("next").unwrap();
        assert_eq!((done(&report), report.files[0].file.as_str()), (vec![InstallDone::Written], "tbpki.1"));
        assert_eq!(done(&install(&place, "MARK 1").write("").unwrap()), [InstallDone::Unchanged]);
        assert_eq!(done(&install(&place, "MARK 2").write("").unwrap()), [InstallDone::Written]);
        assert_eq!(fs::read_to_string(place.join("tbpki.1")).unwrap(), "MARK 2");

        fs::write(place.join("tbpki.1"), "mine").unwrap();
        let error = install(&place, "MARK 3").write("").unwrap_err();
        assert_eq!(error.code(), Code::TargetExists);
        let names: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!((fs::read_to_string(place.join("tbpki.1")).unwrap().as_str(), names.len()), ("mine", 1));
    }

    #[test]
    fn relative_directories_of_the_environment_are_ignored() {
        assert_eq!(absolute("/home/a".into()), Some(PathBuf::from("/home/a")));
        assert_eq!(absolute("home/a".into()), None);
        assert_eq!(absolute("".into()), None);
    }
}
