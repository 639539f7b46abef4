//! The maps of ARCHITECTURE.md: which file of a crate answers which question.
//!
//! A map is a section whose heading has the crate's directory in backticks, as in "### Map of `crates/pki`", with a
//! table whose last column has the files in backticks. They are relative to the crate's directory or to its `src`.
//! Files of other crates are relative to the root. Each folder with modules must be named, by one of its files or as a whole.
//!
//! A walk is a section whose heading ends with its number of stops, as in ": 12 stops", with a block of numbered lines.
//! Each line ends with the stop's file, relative to `crates`.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::error::{Error, Result};
use crate::source::files::{below, packages, read, relative};
use crate::workspace::root;

/// Endings of the names in backticks that are checked everywhere in the page.
const ENDINGS: &[&str] = &[".rs", ".toml", ".md"];

/// Checks ARCHITECTURE.md.
pub(super) fn check() -> Result<()> {
    let root = root();
    let files: BTreeSet<String> = below(&root)?.iter().map(|file| relative(file, &root)).collect();
    let directories = packages(&root)?.into_iter().map(|package| relative(&package.directory, &root));
    let crates: Vec<String> = directories.filter(|directory| is_mapped(directory)).collect();
    let faults = faults(&read(&root.join("ARCHITECTURE.md"))?, &crates, &files);
    if faults.is_empty() { Ok(()) } else { Err(Error::new(faults.join("\n"))) }
}

/// True for the packages that need a map.
fn is_mapped(directory: &str) -> bool {
    directory.strip_prefix("crates/").map_or(["tests", "xtask"].contains(&directory), |name| !name.contains('/'))
}

fn faults(text: &str, crates: &[String], files: &BTreeSet<String>) -> Vec<String> {
    let page = parse(text);
    let mut faults = Vec::new();
    for directory in crates {
        let rows: Vec<&Row> = page.rows.iter().filter(|row| row.section == *directory).collect();
        if rows.is_empty() {
            faults.push(format!(
                "ARCHITECTURE.md has no map of {directory}: add a heading with `{directory}` and a table of questions and \
                 files"
            ));
        }
        for row in rows {
            if row.files.is_empty() {
                faults.push(format!("ARCHITECTURE.md:{}: no file in the last column", row.line));
            }
            let missing = row.files.iter().filter(|file| {
                // A map is read next to the crate, so its paths begin there and leave `src` out.
                let places = [format!("{directory}/{file}"), format!("{directory}/src/{file}"), (*file).clone()];
                !places.iter().any(|place| exists(files, place))
            });
            faults.extend(missing.map(|file| format!("ARCHITECTURE.md:{}: {file} is not in {directory}", row.line)));
        }
        let named = page.rows.iter().filter(|row| row.section == *directory).flat_map(|row| &row.files);
        let named: Vec<String> =
            named.flat_map(|file| ["", "src/"].map(|src| format!("{directory}/{src}{file}"))).collect();
        let unnamed =
            folders(directory, files).into_iter().filter(|folder| !named.iter().any(|file| leads_to(file, folder)));
        faults
            .extend(unnamed.map(|folder| format!("ARCHITECTURE.md: the map of {directory} names no file of {folder}")));
    }
    let other_rows = page.rows.iter().filter(|row| !crates.contains(&row.section));
    let in_other_rows = other_rows.flat_map(|row| row.files.iter().map(|file| (row.line, file)));
    let named = page.named.iter().map(|(line, name)| (*line, name)).chain(in_other_rows);
    faults.extend(named.filter(|(_, name)| is_path(name)).filter_map(|(line, name)| {
        let in_crates = crates.iter().flat_map(|directory| ["", "/src"].map(|src| format!("{directory}{src}/{name}")));
        let mut places = in_crates.chain([name.clone(), format!("crates/{name}")]);
        (!places.any(|place| exists(files, &place))).then(|| format!("ARCHITECTURE.md:{line}: no file {name}"))
    }));
    for walk in &page.walks {
        let stops: Vec<&str> = walk.text.lines().filter(|line| !line.trim().is_empty()).collect();
        if stops.len() != walk.stops {
            faults.push(format!("ARCHITECTURE.md:{}: {} stops, not {}", walk.line, stops.len(), walk.stops));
        }
        for (number, stop) in (1..).zip(stops) {
            let file = stop.rsplit(' ').next().unwrap_or_default();
            if !stop.trim_start().starts_with(&format!("{number} ")) || !exists(files, &format!("crates/{file}")) {
                faults.push(format!("ARCHITECTURE.md:{}: stop {number} has no number or no file", walk.line));
            }
        }
    }
    faults
}

/// The folders with modules of a package, below its `src`. The package of the tests also has them in `tests`.
fn folders(directory: &str, files: &BTreeSet<String>) -> BTreeSet<String> {
    let roots = ["src", "tests"].map(|root| format!("{directory}/{root}/"));
    let roots = if directory == "tests" { &roots[..] } else { &roots[..1] };
    let modules = files.iter().filter(|file| file.ends_with(".rs") && roots.iter().any(|root| file.starts_with(root)));
    let above = modules.filter_map(|file| file.rsplit_once('/').map(|(folder, _)| folder.to_owned()));
    above.filter(|folder| roots.iter().all(|root| *folder != root.trim_end_matches('/'))).collect()
}

/// True if a reader of the map finds `folder` with this entry: a file in it, the folder itself, or the module above it.
fn leads_to(entry: &str, folder: &str) -> bool {
    entry.trim_end_matches('/') == folder
        || entry.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

/// True for a file, and for a directory with files.
fn exists(files: &BTreeSet<String>, place: &str) -> bool {
    let place = place.trim_end_matches('/');
    files.contains(place)
        || files.range(format!("{place}/")..).next().is_some_and(|file| file.starts_with(&format!("{place}/")))
}

/// A row of a table.
struct Row {
    line: usize,
    /// The text in backticks of the heading above.
    section: String,
    /// The texts in backticks of the last column.
    files: Vec<String>,
}

/// The block of a walk, and the number of stops in its heading.
struct Walk {
    line: usize,
    stops: usize,
    text: String,
}

struct Page {
    rows: Vec<Row>,
    walks: Vec<Walk>,
    /// All other texts in backticks, with their lines.
    named: Vec<(usize, String)>,
}

fn parse(text: &str) -> Page {
    let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let mut page = Page { rows: Vec::new(), walks: Vec::new(), named: Vec::new() };
    // The number of stops in the heading above, until its block has come.
    let mut stops: Option<usize> = None;
    let mut in_block = false;
    let mut section = String::new();
    let (mut in_heading, mut in_row) = (false, false);
    // The names of the cell that is read; those of the last cell remain at the end of the row.
    let mut cell: Vec<(usize, String)> = Vec::new();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. }) => (in_heading, section, stops) = (true, String::new(), None),
            Event::Text(heading) if in_heading => {
                let number = heading.strip_suffix(" stops").and_then(|text| text.rsplit(' ').next());
                stops = number.and_then(|number| number.parse().ok()).or(stops);
            }
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Text(block) if in_block => {
                // Taken, so that a second block below one heading is no walk.
                if let Some(stops) = stops.take() {
                    page.walks.push(Walk { line: line(range.start), stops, text: block.to_string() });
                }
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Start(Tag::TableRow) => in_row = true,
            // Names in the questions are checked as other text; only the last column must have files of this crate.
            Event::Start(Tag::TableCell) => page.named.append(&mut cell),
            Event::End(TagEnd::TableRow) => {
                in_row = false;
                let files = std::mem::take(&mut cell);
                if section.is_empty() {
                    page.named.extend(files);
                } else {
                    let files = files.into_iter().map(|(_, name)| name).collect();
                    page.rows.push(Row { line: line(range.start), section: section.clone(), files });
                }
            }
            Event::Code(code) if in_heading => section = code.trim_end_matches('/').to_owned(),
            Event::Code(code) if in_row => cell.push((line(range.start), code.to_string())),
            Event::Code(code) => page.named.push((line(range.start), code.to_string())),
            _ => {}
        }
    }
    page
}

fn is_path(name: &str) -> bool {
    // With a slash: names alone, such as `lib.rs`, fit any crate. A star or a bracket is a place for many files.
    name.contains('/') && !name.contains([' ', '*', '<']) && ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Architecture\n\nSee `docs/a.md`.\n\n### Map of `crates/pki`\n\n| Question | File |\n|---|---|\n\
        | Who reads `x/y.rs`? | `file.rs`, `src/file/`, `x/` |\n\n## Where to add things\n\n| To add | Change |\n|---|---|\n\
        | an error | `pki/src/code.rs` |\n";

    fn of(text: &str, crates: &[&str]) -> Vec<String> {
        let files = [
            "docs/a.md",
            "crates/pki/src/file.rs",
            "crates/pki/src/file/lock.rs",
            "crates/pki/src/code.rs",
            "crates/pki/src/x/y.rs",
        ];
        let crates: Vec<String> = crates.iter().map(|name| (*name).to_owned()).collect();
        faults(text, &crates, &files.map(str::to_owned).into())
    }

    #[test]
    fn a_map_whose_files_exist_passes() {
        assert_eq!(of(PAGE, &["crates/pki"]), Vec::<String>::new());
    }

    #[test]
    fn files_that_do_not_exist_are_named_with_their_lines() {
        let page = PAGE
            .replace("file.rs`", "gone.rs`")
            .replace("docs/a.md", "docs/b.md")
            .replace("x/y.rs", "x/z.rs")
            .replace("code.rs", "coda.rs");
        let expected = [
            "ARCHITECTURE.md:9: gone.rs is not in crates/pki",
            "ARCHITECTURE.md:3: no file docs/b.md",
            "ARCHITECTURE.md:9: no file x/z.rs",
            "ARCHITECTURE.md:15: no file pki/src/coda.rs",
        ];
        assert_eq!(of(&page, &["crates/pki"]), expected);
    }

    #[test]
    fn a_crate_needs_a_map_with_files() {
        assert!(of(PAGE, &["crates/pki", "crates/new"])[0].starts_with("ARCHITECTURE.md has no map of crates/new"));
        assert!(
            of(&PAGE.replace("`file.rs`, `src/file/`, `x/`", "none"), &["crates/pki"])[0]
                .ends_with(":9: no file in the last column")
        );
    }

    #[test]
    fn a_map_names_each_folder() {
        let fault =
            |folder: &str| format!("ARCHITECTURE.md: the map of crates/pki names no file of crates/pki/src/{folder}");
        assert_eq!(of(&PAGE.replace(", `x/`", ""), &["crates/pki"]), [fault("x")]);
        assert_eq!(of(&PAGE.replace("`x/` |", "`x/y.rs` |"), &["crates/pki"]), Vec::<String>::new());
        // The module above a folder is enough, and a file that only begins with the same letters is not.
        assert_eq!(of(&PAGE.replace(", `src/file/`", ""), &["crates/pki"]), Vec::<String>::new());
        assert_eq!(of(&PAGE.replace("`file.rs`, `src/file/`", "`code.rs`"), &["crates/pki"]), [fault("file")]);
    }

    #[test]
    fn tables_below_other_names_are_checked_for_paths() {
        let page = "## `check`\n\n| a | b |\n|---|---|\n| c | `check`, `pki/src/gone.rs` |\n";
        assert_eq!(of(page, &[]), ["ARCHITECTURE.md:5: no file pki/src/gone.rs"]);
    }

    #[test]
    fn a_walk_has_as_many_stops_as_its_heading_and_each_has_a_file() {
        let page =
            "### Through `check`: 2 stops\n\n```text\n 1  parse   pki/src/file.rs\n 2  print   pki/src/code.rs\n```\n";
        assert_eq!(of(page, &[]), Vec::<String>::new());
        assert_eq!(of(&page.replace("2 stops", "3 stops"), &[]), ["ARCHITECTURE.md:4: 2 stops, not 3"]);
        let stop = ["ARCHITECTURE.md:4: stop 2 has no number or no file"];
        assert_eq!(of(&page.replace("code.rs", "gone.rs"), &[]), stop);
        assert_eq!(of(&page.replace("\n 2  print", "\n 3  print"), &[]), stop);
    }

    #[test]
    fn packages_inside_packages_need_no_map() {
        let mapped = ["crates/pki", "xtask", "tests", "crates/firmware/clock", "fuzz"].map(is_mapped);
        assert_eq!(mapped, [true, true, true, false, false]);
    }
}
