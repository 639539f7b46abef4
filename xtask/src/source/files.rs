//! The files of a checkout and its packages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};

/// Directories that hold no source: build output, and what only tools read.
const SKIPPED: &[&str] = &["target", ".git", "node_modules", "__pycache__"];

/// All files below `directory`, sorted, without those of [`SKIPPED`] directories. Symbolic links are not followed.
pub(crate) fn below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).doing(format!("list {}", next.display()))? {
            let entry = entry.doing(format!("list {}", next.display()))?;
            let kind = entry.file_type().doing(format!("look at {}", entry.path().display()))?;
            // Links are not followed: a target directory of another worktree may be linked.
            if kind.is_file() {
                files.push(entry.path());
            } else if kind.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                open.push(entry.path());
            }
        }
    }
    files.sort();
    // The order of a directory differs between file systems, and the output must not.
    Ok(files)
}

/// A directory with a `Cargo.toml` that describes a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// The package's name, such as `tbpki-pki`.
    pub(crate) name: String,
    /// The package's directory.
    pub(crate) directory: PathBuf,
}

/// The packages of a checkout, those outside the workspace included, sorted by directory.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>> {
    let mut packages = Vec::new();
    for manifest in below(root)?.into_iter().filter(|file| file.ends_with("Cargo.toml")) {
        let text = read(&manifest)?;
        let table: toml::Table = text.parse().doing(format!("read {}", manifest.display()))?;
        let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        if let (Some(name), Some(directory)) = (name, manifest.parent()) {
            packages.push(Package { name: name.to_owned(), directory: directory.to_path_buf() });
        }
    }
    Ok(packages)
}

/// The text of a file, with the bytes that are not UTF-8 replaced.
pub(crate) fn read(file: &Path) -> Result<String> {
    let bytes = fs::read(file).doing(format!("read {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The path of a file from `root`, with `/` between its parts.
pub(crate) fn relative(file: &Path, root: &Path) -> String {
    file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/")
}
