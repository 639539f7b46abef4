//! The book: it builds, and its links and those of all other pages lead somewhere.

use super::links;
use crate::error::{Error, Result};
use crate::run::run;
use crate::setup::tool::MDBOOK;
use crate::source::files::{below, read, relative};
use crate::workspace::{root, target};

/// Builds the book into target/book and checks the links.
pub(super) fn check() -> Result<()> {
    run(MDBOOK.program()?).args(["build", "docs", "--dest-dir"]).arg(target()?.join("book")).show()?;
    let root = root();
    let mut pages = links::Pages::default();
    for file in below(&root)? {
        let name = relative(&file, &root);
        let text = if name.ends_with(".md") { Some(read(&file)?) } else { None };
        // Files that are no pages too, because pages link to them.
        pages.add(&name, text.as_deref());
    }
    let faults = pages.faults();
    if faults.is_empty() { Ok(()) } else { Err(Error::new(faults.join("\n"))) }
}
