//! The licenses of the libraries in the program and in the firmware.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::error::{Doing, Error, Result};
use crate::workspace::root;

use super::metadata::{FIRMWARE, Package, TBPKI, packages};

/// The beginnings of the names of license files.
const NAMES: [&str; 5] = ["license", "licence", "copying", "notice", "unlicense"];

/// The terms of licenses whose texts are the same for everyone, below a line with the copyright.
const MIT: &str = include_str!("licenses/mit.txt");
const ISC: &str = include_str!("licenses/isc.txt");
const ZERO_BSD: &str = include_str!("licenses/0bsd.txt");

/// A library that is no package of cargo.
struct Runtime {
    name: &'static str,
    license: &'static str,
    copyright: &'static str,
}

/// The library of the compiler, which is part of every program.
const RUST: Runtime = Runtime {
    name: "The Rust standard library",
    license: "MIT OR Apache-2.0",
    copyright: "The Rust Project Contributors",
};

/// The C library of static programs.
const MUSL: Runtime = Runtime { name: "musl", license: "MIT", copyright: "2005-2020 Rich Felker, et al." };

/// The licenses of the program's libraries.
pub(super) fn of_program() -> Result<String> {
    render("tbpki", &packages(&TBPKI)?, &[RUST, MUSL])
}

/// The licenses of the libraries of all firmware files together.
pub(super) fn of_firmware() -> Result<String> {
    render("The firmware", &packages(&FIRMWARE)?, &[RUST])
}

/// A list of all libraries with their licenses, then each text once, with the libraries that have it.
fn render(program: &str, packages: &[Package], runtimes: &[Runtime]) -> Result<String> {
    let mut page = format!("{program} contains these libraries. Their licenses follow the list.\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // The packages of this workspace have no checksum in the lock file.
    for package in packages.iter().filter(|package| package.checksum.is_some()) {
        let name = format!("{} {}", package.name, package.version);
        let license = package.license.as_deref().unwrap_or("see its text");
        writeln!(page, "{name}: {license}").doing("write the licenses")?;
        let files = match license_files(&package.directory)? {
            none if none.is_empty() => vec![standard(&name, license, &package.authors.join(", "))?],
            files => files,
        };
        for text in files {
            texts.entry(text).or_default().push(name.clone());
        }
    }
    for Runtime { name, license, copyright } in runtimes {
        writeln!(page, "{name}: {license}").doing("write the licenses")?;
        texts.entry(standard(name, license, copyright)?).or_default().push((*name).to_owned());
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

/// The text for a library that comes without one.
///
/// # Errors
/// An error if the text of the license is not known: a release must not contain the library then.
fn standard(name: &str, license: &str, copyright: &str) -> Result<String> {
    let offers = |wanted: &str| license.split([' ', '/', '(', ')']).any(|word| word == wanted);
    // Without the authors in its manifest, this is all that is known about them.
    let copyright = if copyright.is_empty() { format!("the authors of {name}") } else { copyright.to_owned() };
    let line = |terms: &str| format!("Copyright (c) {copyright}\n\n{}", terms.trim());
    if offers("Apache-2.0") {
        let file = root().join("LICENSE-APACHE");
        let text = fs::read_to_string(&file).doing(format!("read {}", file.display()))?;
        return Ok(text.trim().to_owned());
    }
    let known = [("MIT", MIT), ("ISC", ISC), ("0BSD", ZERO_BSD)];
    match known.into_iter().find(|(name, _)| offers(name)) {
        Some((_, terms)) => Ok(line(terms)),
        None => Err(Error::new(format!("{name} has the license {license:?} and no file with its text"))
            .fix("add the text to xtask/src/dist/licenses")),
    }
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
            authors: vec!["A. Author".to_owned()],
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
        let page = render("tbpki", &packages, &[]).unwrap_or_default();
        assert_eq!((page.matches("The text").count(), page.matches("Our text").count()), (1, 0), "{page}");
        assert!(page.contains("\na 1.0.0, b 1.0.0\n") && page.contains("\nb 1.0.0: MIT\n"), "{page}");
    }

    #[test]
    fn a_library_without_a_text_gets_that_of_its_license() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("a")).unwrap();
        let page = |license: &str| {
            let package = Package { license: Some(license.to_owned()), ..package(directory.path(), "a", true) };
            render("tbpki", &[package], &[])
        };
        let has = |license: &str, text: &str| page(license).unwrap_or_default().contains(text);
        assert!(has("MIT", "Copyright (c) A. Author\n\nPermission is hereby granted"));
        assert!(has("ISC", "Copyright (c) A. Author\n\nPermission to use, copy"));
        assert!(has("0BSD", "with or without fee is hereby granted."));
        assert!(has("BSL-1.0/Apache-2.0", "Apache License"));
        assert!(page("MPL-2.0").is_err_and(|error| error.to_string().contains("a 1.0.0")));
    }
}
