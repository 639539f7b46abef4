//! `cargo xtask prose`: the words that our texts do without.

pub(crate) mod find;
mod left;
pub(crate) mod passage;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

use clap::Args;

use crate::error::{Error, Result};
use crate::source::files::{below, read, relative};
use crate::workspace::root;
use find::find;
use left::{Counts, compare, lowered, moved};
use passage::passages;

/// Check pages, comments, messages and names for words that are not plain technical English
#[derive(Args)]
#[command(long_about = "Check pages, comments, messages and names for words that are not plain technical English.\n\n\
    The words are in xtask/src/prose/words.rs, each with the plain word. xtask/prose.toml counts those that are left \
    in each folder; a folder must not have more.")]
pub(crate) struct Prose {
    /// Lower the numbers in xtask/prose.toml to what is left now
    #[arg(long)]
    update: bool,

    /// Like --update after files moved to other folders: set all numbers, unless the sum is higher
    #[arg(long, conflicts_with = "update")]
    moved: bool,

    /// List the words below this path, with line and plain word
    #[arg(long, value_name = "PATH", conflicts_with_all = ["update", "moved"])]
    list: Option<String>,
}

/// Names of files that hold prose: endings, and whole paths.
const READ: &[&str] =
    &[".rs", ".md", ".toml", ".sh", ".py", ".go", ".java", ".c", ".js", ".css", ".txt", ".yml", ".ci/run"];

/// Files that are not checked, by the beginnings of their paths.
const LEFT_OUT: &[(&str, &str)] = &[
    ("docs/src/design/messages.md", "compares old messages with the new ones"),
    ("docs/src/reference/", "generated from doc comments and tables, which are checked"),
    ("fuzz/corpus/", "input of parsers"),
    ("xtask/prose.toml", "names of folders"),
    ("xtask/src/prose/words.rs", "the banned words themselves"),
    ("xtask/src/prose/tests.rs", "tests of the banned words"),
];

/// A banned word with its place.
struct Place {
    file: String,
    line: usize,
    word: String,
    plain: String,
}

/// Shows at most this many places of a folder that has too many.
const MOST_SHOWN: usize = 40;

impl Prose {
    /// The check without changing or listing anything.
    pub(crate) fn check() -> Self {
        Self { update: false, moved: false, list: None }
    }

    pub(crate) fn run(&self) -> Result<()> {
        let places = places(&root())?;
        if let Some(path) = &self.list {
            // Places have paths from the root, as a shell completes them but for these.
            let path = if path == "." { "" } else { path.trim_start_matches("./") };
            for place in places.iter().filter(|place| Path::new(&place.file).starts_with(path)) {
                println!("{}", line(place));
            }
            return Ok(());
        }
        // By folder, and not by file: a file that is cut in two must not need a new number.
        let mut found = Counts::new();
        for place in &places {
            *found.entry(folder(&place.file)).or_insert(0) += 1;
        }
        let mut left = left::read()?;
        if self.moved {
            // The sum must not grow, or moving files would be a way to bring banned words in.
            left = moved(&found, &left).ok_or_else(|| {
                let sum = |counts: &Counts| counts.values().sum::<usize>();
                Error::new(format!("{} words, but only {} are left in xtask/prose.toml", sum(&found), sum(&left)))
                    .fix("list them with `cargo xtask prose --list PATH` and write the plain words")
            })?;
            left::write(&left)?;
        }
        if self.update {
            left = lowered(&found, &left);
            left::write(&left)?;
        }
        report(&found, &left, &places)
    }
}

fn report(found: &Counts, left: &Counts, places: &[Place]) -> Result<()> {
    let more = compare(found, left);
    if more.is_empty() {
        if lowered(found, left) != *left {
            eprintln!("prose: fewer words than in xtask/prose.toml: run `cargo xtask prose --update` and commit it");
        }
        return Ok(());
    }
    let mut message = String::new();
    for (folder_name, count, left) in more {
        message.push_str(&format!("{folder_name}: {count} banned words, {left} are allowed\n"));
        for place in places.iter().filter(|place| folder(&place.file) == folder_name).take(MOST_SHOWN) {
            message.push_str(&format!("  {}\n", line(place)));
        }
        if count > MOST_SHOWN {
            message.push_str(&format!("  and {} more: cargo xtask prose --list {folder_name}\n", count - MOST_SHOWN));
        }
    }
    Err(Error::new(message.trim_end()).fix(
        "write the plain word, and put code in backticks; after moving files to other folders, run \
         `cargo xtask prose --moved`",
    ))
}

fn line(place: &Place) -> String {
    format!("{}:{}: \"{}\" -> {}", place.file, place.line, place.word, place.plain)
}

/// All files of a checkout that hold prose, with their paths from its root.
pub(crate) fn files(root: &Path) -> Result<Vec<(String, String)>> {
    let mut texts = Vec::new();
    for file in below(root)? {
        let name = relative(&file, root);
        let is_read = READ.iter().any(|ending| name.ends_with(ending));
        if is_read && !LEFT_OUT.iter().any(|(start, _)| name.starts_with(start)) {
            texts.push((name, read(&file)?));
        }
    }
    Ok(texts)
}

fn places(root: &Path) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for (file, text) in files(root)? {
        for passage in passages(&file, &text) {
            for found in find(&passage.text) {
                let line = passage.line + found.line;
                places.push(Place { file: file.clone(), line, word: found.word, plain: found.plain });
            }
        }
    }
    Ok(places)
}

/// The folder that a file is counted in: a crate, a part of the book, or the folder at the top.
fn folder(file: &str) -> String {
    let parts: Vec<&str> = file.split('/').collect();
    let length = match parts.as_slice() {
        ["docs", "src", _, _, ..] => 3,
        ["docs" | "crates" | "tests", _, _, ..] => 2,
        _ => 1,
    };
    parts.get(..length.min(parts.len())).unwrap_or_default().join("/")
}
