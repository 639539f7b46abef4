//! Lines, comments, circles and folders of each package.

use std::collections::BTreeSet;
use std::path::Path;

use super::percent;
use crate::error::Result;
use crate::source::circles::{groups, long_circles};
use crate::source::files::{Package, relative};
use crate::source::lexer::{Kind, tokens};
use crate::source::module::{folders, modules};
use crate::source::uses::uses;

/// The lines of a source file.
#[derive(Default)]
struct Lines {
    all: usize,
    /// Lines with code, whether or not a comment follows.
    code: usize,
    /// Lines with a comment that is not a doc comment.
    comment: usize,
}

/// One line for each package.
pub(super) fn report(root: &Path, packages: &[Package], texts: &[(String, String)]) -> Result<String> {
    let mut report = format!(
        "{:<22}{:>8}{:>8}{:>10}{:>10}{:>10}{:>9}{:>8}  {}\n",
        "package",
        "lines",
        "code",
        "comments",
        "modules",
        "fullest",
        "circles",
        "longest",
        "files on circles of 3 or more"
    );
    let mut total = Lines::default();
    let (mut circles, mut longest, mut on_circles) = (0, 0, 0);
    for package in packages {
        let directory = relative(&package.directory, root);
        // `crates/firmware/clock` is inside of `crates/firmware`, and its lines count once.
        let nested = |file: &str| {
            packages.iter().any(|other| {
                other.directory != package.directory
                    && other.directory.starts_with(&package.directory)
                    && Path::new(file).starts_with(relative(&other.directory, root))
            })
        };
        let own = texts
            .iter()
            .filter(|(file, _)| file.ends_with(".rs") && Path::new(file).starts_with(&directory) && !nested(file));
        let lines = own.fold(Lines::default(), |sum, (_, text)| sum.plus(&count(text)));
        let src = package.directory.join("src");
        let (modules, folders) = if src.is_dir() { (modules(&src)?, folders(&src)?) } else { Default::default() };
        let uses = uses(&modules);
        let groups = groups(&uses);
        let largest = groups.first().map(BTreeSet::len).unwrap_or_default();
        let on_long = long_circles(&uses).len();
        report.push_str(&format!(
            "{:<22}{:>8}{:>8}{:>10}{:>10}{:>10}{:>9}{:>8}  {}\n",
            package.name,
            lines.all,
            lines.code,
            percent(lines.comment, lines.all),
            modules.len(),
            folders.values().max().copied().unwrap_or_default(),
            groups.len(),
            largest,
            on_long
        ));
        total = total.plus(&lines);
        circles += groups.len();
        longest = longest.max(largest);
        on_circles += on_long;
    }
    report.push_str(&format!(
        "{:<22}{:>8}{:>8}{:>10}{:>10}{:>10}{:>9}{:>8}  {}\n",
        "all",
        total.all,
        total.code,
        percent(total.comment, total.all),
        "",
        "",
        circles,
        longest,
        on_circles
    ));
    report.push_str(
        "comments: lines with a comment that is not a doc comment; fullest: modules in the fullest folder;\n\
         circles: groups of files that reach each other; longest: files in the largest group\n",
    );
    Ok(report)
}

impl Lines {
    fn plus(&self, other: &Self) -> Self {
        Self { all: self.all + other.all, code: self.code + other.code, comment: self.comment + other.comment }
    }
}

fn count(text: &str) -> Lines {
    // Lines in sets: a line with code and a comment counts for both.
    let (mut code, mut comment) = (BTreeSet::new(), BTreeSet::new());
    for token in tokens(text) {
        let lines = token.line..=token.line + token.text.matches('\n').count();
        match token.kind {
            Kind::Comment => comment.extend(lines),
            Kind::Doc => {}
            Kind::Word | Kind::Other | Kind::Text | Kind::Mark => code.extend(lines),
        }
    }
    Lines { all: text.lines().count(), code: code.len(), comment: comment.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_by_what_they_hold() {
        let lines =
            count("//! Doc.\n\n// One.\n/* Two\n   lines. */\nfn f() {} // Behind code.\nconst X: &str = \"a\nb\";\n");
        assert_eq!((lines.all, lines.code, lines.comment), (8, 3, 4));
    }
}
