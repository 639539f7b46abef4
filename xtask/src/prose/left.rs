//! The banned words that are left, folder by folder: numbers that only go down.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::error::{Doing, Result};
use crate::workspace::root;

/// The number of banned words in each folder.
pub(super) type Counts = BTreeMap<String, usize>;

const HEAD: &str = "# Words of xtask/src/prose/words.rs that are left in each folder. A folder without a line has none.\n\
    # `cargo xtask prose --update` lowers these numbers; they are never raised.\n\n";

fn file() -> PathBuf {
    root().join("xtask/prose.toml")
}

/// Reads the numbers.
pub(super) fn read() -> Result<Counts> {
    let text = fs::read_to_string(file()).doing("read xtask/prose.toml")?;
    toml::from_str(&text).doing("read xtask/prose.toml")
}

/// Writes the numbers.
pub(super) fn write(left: &Counts) -> Result<()> {
    let lines: String = left.iter().map(|(folder, count)| format!("\"{folder}\" = {count}\n")).collect();
    fs::write(file(), format!("{HEAD}{lines}")).doing("write xtask/prose.toml")
}

/// The folders with more words than are left to them: folder, found, left.
pub(super) fn compare(found: &Counts, left: &Counts) -> Vec<(String, usize, usize)> {
    let left = |folder: &str| left.get(folder).copied().unwrap_or_default();
    let more = found.iter().filter(|(folder, count)| **count > left(folder));
    more.map(|(folder, count)| (folder.clone(), *count, left(folder))).collect()
}

/// The numbers, lowered to what was found.
pub(super) fn lowered(found: &Counts, left: &Counts) -> Counts {
    let found = |folder: &str| found.get(folder).copied().unwrap_or_default();
    let counts = left.iter().map(|(folder, count)| (folder.clone(), found(folder).min(*count)));
    // A folder without a line has none, so a count of 0 is left out.
    counts.filter(|(_, count)| *count > 0).collect()
}

/// The numbers as found, unless their sum is higher than before.
pub(super) fn moved(found: &Counts, left: &Counts) -> Option<Counts> {
    let counts: Counts = found.clone().into_iter().filter(|(_, count)| *count > 0).collect();
    (counts.values().sum::<usize>() <= left.values().sum()).then_some(counts)
}
