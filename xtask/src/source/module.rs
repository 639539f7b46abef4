//! The modules of a crate, one a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::files::{below, read, relative};
use super::lexer::{Token, code};
use crate::error::Result;

/// A file of a crate, as a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    /// The path from the crate root: `["file", "lock"]` for `src/file/lock.rs`, empty for `src/lib.rs`.
    pub(crate) path: Vec<String>,
    /// The file, relative to the package's `src`.
    pub(crate) file: String,
    /// The source text.
    pub(crate) source: String,
}

/// Reads the modules below a package's `src`, without those that exist for tests alone.
///
/// The tree follows from the files' places, as Rust's own rules have it. A program next to a library (`src/main.rs`,
/// `src/bin`) is another crate, which cannot be part of a circle in this one, and is left out.
pub(crate) fn modules(src: &Path) -> Result<Vec<Module>> {
    let root = if src.join("lib.rs").is_file() { "lib.rs" } else { "main.rs" };
    let mut modules = Vec::new();
    for file in below(src)? {
        let name = relative(&file, src);
        if let Some(path) = module_path(&name, root) {
            modules.push(Module { path, file: name, source: read(&file)? });
        }
    }
    Ok(without_tests(modules))
}

/// The modules of a crate from pairs of file name and text, for tests.
#[cfg(test)]
pub(crate) fn of_texts(files: &[(&str, &str)]) -> Vec<Module> {
    let module = |(name, source): &(&str, &str)| {
        let path = module_path(name, "lib.rs").unwrap();
        Module { path, file: (*name).to_owned(), source: (*source).to_owned() }
    };
    without_tests(files.iter().map(module).collect())
}

fn module_path(file: &str, root: &str) -> Option<Vec<String>> {
    if file == root {
        return Some(Vec::new());
    }
    let stem = file.strip_suffix(".rs")?;
    if matches!(file, "lib.rs" | "main.rs") || file.starts_with("bin/") {
        return None;
    }
    Some(stem.trim_end_matches("/mod").split('/').map(str::to_owned).collect())
}

/// Leaves out the files of modules that are declared behind `#[cfg(test)]`.
fn without_tests(modules: Vec<Module>) -> Vec<Module> {
    let mut tests: BTreeSet<Vec<String>> = BTreeSet::new();
    for module in &modules {
        for name in product(&code(&module.source)).1 {
            tests.insert([module.path.as_slice(), &[name]].concat());
        }
    }
    let for_tests =
        |path: &[String]| (0..=path.len()).any(|length| path.get(..length).is_some_and(|of| tests.contains(of)));
    modules.into_iter().filter(|module| !for_tests(&module.path)).collect()
}

/// The tokens without the items behind `#[cfg(test)]`, and the names of the file modules among those items.
pub(crate) fn product<'a>(tokens: &[Token<'a>]) -> (Vec<Token<'a>>, Vec<String>) {
    let (mut kept, mut modules) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    // By tokens and not by lines: an attribute and its item may be in one line or in ten.
    while let Some((first, after)) = rest.split_first() {
        match attribute(rest) {
            Some((inside, behind)) if is_test(inside) => {
                let (item, behind) = item(behind);
                if let [.., keyword, name, end] = item
                    && keyword.is("mod")
                    && end.is(";")
                {
                    modules.push(name.text.to_owned());
                }
                rest = behind;
            }
            _ => {
                kept.push(*first);
                rest = after;
            }
        }
    }
    (kept, modules)
}

/// The tokens inside `#[..]` at the beginning, and those behind it.
fn attribute<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(&'t [Token<'a>], &'t [Token<'a>])> {
    // An inner attribute, `#![..]`, has an exclamation mark there and is none of these.
    let [hash, bracket, ..] = tokens else { return None };
    if !hash.is("#") || !bracket.is("[") {
        return None;
    }
    let end = closing(tokens.get(1..)?)? + 1;
    Some((tokens.get(2..end)?, tokens.get(end + 1..)?))
}

fn is_test(attribute: &[Token<'_>]) -> bool {
    let words: Vec<&str> = attribute.iter().map(|token| token.text).collect();
    // Not `any(test, ..)`, which is in the product too.
    matches!(words.as_slice(), ["cfg", "(", "test", ")"] | ["cfg", "(", "all", "(", "test", ..])
}

/// Splits one item, with the attributes before it, from what follows.
fn item<'t, 'a>(tokens: &'t [Token<'a>]) -> (&'t [Token<'a>], &'t [Token<'a>]) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.is(";") || token.is("}") {
            break;
        }
        let rest = tokens.get(at..).unwrap_or_default();
        match closing(rest) {
            Some(end) if token.is("{") => {
                at += end;
                // `use a::{b};` and `static X: T = T { .. };` go on behind the bracket.
                if !tokens.get(at + 1).is_some_and(|next| next.is(";")) {
                    break;
                }
            }
            Some(end) => at += end,
            None => {}
        }
        at += 1;
    }
    tokens.split_at((at + 1).min(tokens.len()))
}

/// The index of the bracket that closes the one at the beginning.
pub(crate) fn closing(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if ["(", "[", "{"].iter().any(|open| token.is(open)) {
            depth += 1;
        } else if [")", "]", "}"].iter().any(|close| token.is(close)) {
            depth = depth.checked_sub(1)?;
        }
        if depth == 0 {
            return (at > 0).then_some(at);
        }
    }
    None
}

/// Each folder and the number of modules in it, counted as files side by side; the root file is none.
pub(crate) fn folders(src: &Path) -> Result<BTreeMap<String, usize>> {
    let files = below(src)?;
    Ok(count_folders(files.iter().map(|file| relative(file, src))))
}

/// As [`folders`], from the files' names relative to `src`.
pub(crate) fn count_folders(files: impl IntoIterator<Item = String>) -> BTreeMap<String, usize> {
    let mut folders = BTreeMap::new();
    for file in files {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", &file));
        if name.ends_with(".rs") && !matches!(name, "lib.rs" | "main.rs" | "mod.rs") && folder != "bin" {
            *folders.entry(folder.to_owned()).or_insert(0) += 1;
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_for_tests_are_left_out() {
        let source = "use a::b;\n#[cfg(test)]\nuse c::{d};\n#[cfg(test)]\n#[path = \"x\"]\nmod e;\nfn f() {}\n\
                      #[cfg(test)]\nmod g { fn h() {} }\n#[derive(I)] struct J;";
        let tokens = code(source);
        let (kept, modules) = product(&tokens);
        let words: Vec<&str> = kept
            .iter()
            .map(|token| token.text)
            .filter(|text| text.len() == 1 && text.starts_with(char::is_alphabetic))
            .collect();
        assert_eq!(words, ["a", "b", "f", "I", "J"]);
        assert_eq!(modules, ["e"]);
    }

    #[test]
    fn a_file_behind_cfg_test_is_no_module() {
        let modules = of_texts(&[("lib.rs", "mod a;"), ("a.rs", "#[cfg(test)] mod tests;"), ("a/tests.rs", "")]);
        assert_eq!(modules.iter().map(|module| module.file.as_str()).collect::<Vec<_>>(), ["lib.rs", "a.rs"]);
    }

    #[test]
    fn a_folder_counts_the_files_in_it() {
        let files = ["lib.rs", "a.rs", "a/b.rs", "a/c.rs", "a/mod.rs", "main.rs", "bin/d.rs", "a/e.txt"];
        let folders = count_folders(files.map(str::to_owned));
        assert_eq!(folders, BTreeMap::from([(String::new(), 1), ("a".to_owned(), 2)]));
    }
}
