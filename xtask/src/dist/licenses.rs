//! The licenses of the libraries in the program.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::error::{Doing, Result};
use crate::workspace::root;

use super::metadata::{Package, packages};
use super::release::Platform;

/// The beginnings of the names of license files.
const NAMES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

/// A list of all libraries with their licenses, then each text once, with the libraries that have it.
pub(super) fn text() -> Result<String> {
    // All platforms link the same libraries.
    render(&packages(&root(), "tbpki", Platform::X86_64Gnu.target())?)
}

fn render(packages: &[Package]) -> Result<String> {
    // The packages of this workspace have no checksum in the lock file.
    let foreign: Vec<&Package> = packages.iter().filter(|package| package.checksum.is_some()).collect();
    let mut page = String::from("tbpki contains these libraries. Their licenses follow the list.\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in foreign {
        let name = format!("{} {}", package.name, package.version);
        let license = package.license.as_deref().unwrap_or("see its text");
        writeln!(page, "{name}: {license}").doing("write the licenses")?;
        for text in license_files(&package.directory)? {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    // In the order of the first library, which is readable and does not change with unrelated texts.
    let mut texts: Vec<(String, Vec<String>)> = texts.into_iter().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (text, names) in texts {
        let line = "-".repeat(80);
        write!(page, "\n{line}\n{}\n{line}\n\n{}\n", names.join(", "), text.trim_end()).doing("write the licenses")?;
    }
    Ok(page)
}

/// The texts of the license files of a package, in the order of their names.
fn license_files(directory: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).doing(format!("list {}", directory.display()))? {
        let path = entry.doing(format!("list {}", directory.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if path.is_file() && NAMES.iter().any(|begin| name.starts_with(begin)) {
            files.push(path);
        }
    }
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let bytes = fs::read(path).doing(format!("read {}", path.display()))?;
        // Normalized, so that the same text with other line ends is printed once.
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_owned())
    };
    files.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(directory: &Path, name: &str, is_foreign: bool) -> Package {
        Package {
            id: name.to_owned(),
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: Some("MIT".to_owned()),
            directory: directory.join(name),
            checksum: is_foreign.then(|| "abc".to_owned()),
            uses: Vec::new(),
        }
    }

    #[test]
    fn a_text_of_two_libraries_is_written_once() {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in [("a", "The text"), ("b", "The text\r\n"), ("ours", "Our text")] {
            fs::create_dir(directory.path().join(name)).unwrap();
            fs::write(directory.path().join(name).join("LICENSE-MIT"), text).unwrap();
        }
        let packages = ["a", "b", "ours"].map(|name| package(directory.path(), name, name != "ours"));
        let page = render(&packages).unwrap_or_default();
        assert_eq!((page.matches("The text").count(), page.matches("Our text").count()), (1, 0), "{page}");
        assert!(page.contains("\na 1.0.0, b 1.0.0\n") && page.contains("\nb 1.0.0: MIT\n"), "{page}");
    }
}
