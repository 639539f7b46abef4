//! `cargo xtask metrics`: numbers that tell how readable the code and its texts are.

mod layout;
mod texts;
mod types;

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::prose::files;
use crate::source::files::packages;
use crate::workspace::root;

/// Print numbers about the code and its texts, to compare two commits
#[derive(Args)]
#[command(long_about = "Print numbers about the code and its texts, to compare two commits.\n\n\
    For each package: lines, comments, circles of files, modules in a folder. For the whole checkout: type names that \
    several types share, and words in pages and comments. Nothing is built.")]
pub(crate) struct Metrics {
    /// Measure the checkout in this directory instead
    #[arg(long, value_name = "DIRECTORY")]
    root: Option<PathBuf>,
}

impl Metrics {
    pub(crate) fn run(&self) -> Result<()> {
        let root = self.root.clone().unwrap_or_else(root);
        let packages = packages(&root)?;
        let texts = files(&root)?;
        println!("{}", layout::report(&root, &packages, &texts)?);
        println!("{}", types::report(&texts));
        print!("{}", texts::report(&texts));
        Ok(())
    }
}

/// A share in percent, with one digit; 0.0 of nothing.
fn percent(part: usize, whole: usize) -> String {
    format!("{:.1} %", 100.0 * ratio(part, whole))
}

/// `part` divided by `whole`; 0 if `whole` is 0.
#[allow(clippy::cast_precision_loss, reason = "counts of lines and words are far below 2^52")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
