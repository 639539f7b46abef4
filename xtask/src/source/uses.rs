//! Which file of a crate uses which, from the paths in their code.

use std::collections::{BTreeMap, BTreeSet};

use super::lexer::{Kind, Token, code};
use super::module::{Module, closing, product};

/// The index of the file that uses, the index of the file that is used, and the first line that does.
pub(crate) type Uses = BTreeMap<(usize, usize), usize>;

/// More links than any chain of re-exports has. A circle of re-exports ends here.
const MOST_ALIASES: usize = 16;

/// A path in the code, as written.
struct Path<'a> {
    /// The module in which it is written, inline modules included.
    within: Vec<String>,
    segments: Vec<&'a str>,
    line: usize,
    import: Option<Import<'a>>,
}

/// The properties of a path in a `use` item.
struct Import<'a> {
    /// The name that it introduces; none for `*` and `_`.
    name: Option<&'a str>,
    glob: bool,
    public: bool,
}

/// The names in a crate's modules.
#[derive(Default)]
struct Names<'a> {
    /// Every module, inline ones included, and the file that holds it.
    modules: BTreeMap<Vec<String>, usize>,
    /// The paths behind imported names.
    aliases: BTreeMap<(Vec<String>, &'a str), Vec<&'a str>>,
    globs: BTreeMap<Vec<String>, Vec<Vec<&'a str>>>,
    items: BTreeSet<(Vec<String>, &'a str)>,
}

/// Finds the uses between the files of one crate.
///
/// A re-export is followed to the file that defines the name. That a module re-exports names of its own children is
/// no use: it publishes them. Code for tests is left out.
pub(crate) fn uses(modules: &[Module]) -> Uses {
    let mut names = Names::default();
    for (file, module) in modules.iter().enumerate() {
        names.modules.insert(module.path.clone(), file);
    }
    let mut paths = Vec::new();
    for (file, module) in modules.iter().enumerate() {
        let tokens = product(&code(&module.source)).0;
        paths.push(scan(&tokens, file, module, &mut names));
    }
    // Imports of all files first: a name may be resolved through another file's.
    for path in paths.iter().flatten() {
        let Some(import) = &path.import else { continue };
        if let Some(name) = import.name {
            names.aliases.insert((path.within.clone(), name), path.segments.clone());
        }
        if import.glob {
            names.globs.entry(path.within.clone()).or_default().push(path.segments.clone());
        }
    }
    let mut uses = Uses::new();
    for (from, path) in paths.iter().enumerate().flat_map(|(file, paths)| paths.iter().map(move |path| (file, path))) {
        // Bounded, because two imports may name each other.
        let Some(target) = names.resolve(&path.within, &path.segments, MOST_ALIASES) else { continue };
        // A module that only publishes what is below it does not depend on that.
        let publishes = path.import.as_ref().is_some_and(|import| import.public) && target.starts_with(&path.within);
        if let Some(&to) = names.modules.get(&target).filter(|&&to| to != from && !publishes) {
            uses.entry((from, to)).or_insert(path.line);
        }
    }
    uses
}

impl<'a> Names<'a> {
    /// The module that defines what a path leads to; none outside of this crate.
    fn resolve(&self, within: &[String], segments: &[&'a str], links: usize) -> Option<Vec<String>> {
        let (first, mut rest) = segments.split_first()?;
        let mut module = match *first {
            "crate" => Vec::new(),
            "self" => within.to_vec(),
            "super" => {
                let mut module = within.split_last()?.1.to_vec();
                while let Some((&"super", after)) = rest.split_first() {
                    module.pop()?;
                    rest = after;
                }
                module
            }
            name => {
                let child = [within, &[name.to_owned()]].concat();
                if self.modules.contains_key(&child) {
                    child
                } else {
                    return self.imported(within, name, rest, links.checked_sub(1)?);
                }
            }
        };
        while let Some((name, after)) = rest.split_first() {
            let child = [module.as_slice(), &[(*name).to_owned()]].concat();
            if self.modules.contains_key(&child) {
                (module, rest) = (child, after);
            } else {
                return self.imported(&module, name, after, links.checked_sub(1)?).or(Some(module));
            }
        }
        Some(module)
    }

    /// As [`Self::resolve`], for a name that a `use` item brought into the module.
    fn imported(&self, module: &[String], name: &'a str, rest: &[&'a str], links: usize) -> Option<Vec<String>> {
        if self.items.contains(&(module.to_vec(), name)) {
            return Some(module.to_vec());
        }
        if let Some(path) = self.aliases.get(&(module.to_vec(), name)) {
            return match path.as_slice() {
                // `use name;` of another crate.
                [only] if *only == name => None,
                _ => self.resolve(module, &[path.as_slice(), rest].concat(), links),
            };
        }
        self.globs.get(module)?.iter().find_map(|glob| {
            let from = self.resolve(module, glob, links.checked_sub(1)?)?;
            if self.modules.contains_key(&[from.as_slice(), &[name.to_owned()]].concat()) {
                return self.resolve(&from, &[&["self", name], rest].concat(), links.checked_sub(1)?);
            }
            self.imported(&from, name, rest, links.checked_sub(1)?)
        })
    }
}

/// Collects the paths of a file, and notes its inline modules and items.
fn scan<'a>(tokens: &[Token<'a>], file: usize, module: &Module, names: &mut Names<'a>) -> Vec<Path<'a>> {
    let mut paths = Vec::new();
    let mut within = module.path.clone();
    // The depths of brackets at which inline modules began.
    let (mut depth, mut inline) = (0_usize, Vec::new());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let rest = tokens.get(at..).unwrap_or_default();
        let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
        match rest {
            [_, name, open, ..] if token.is("mod") && open.is("{") => {
                within.push(name.text.to_owned());
                names.modules.insert(within.clone(), file);
                inline.push(depth);
                (depth, at) = (depth + 1, at + 3);
                continue;
            }
            // `use<'a>` in a return type captures lifetimes and imports nothing.
            [_, next, ..] if token.is("use") && !next.is("<") => {
                let public = before(1).is_some_and(|token| token.is("pub") || token.is(")"));
                let end = rest.iter().position(|token| token.is(";")).unwrap_or(rest.len());
                use_tree(rest.get(1..end).unwrap_or_default(), &[], &mut |segments, name, glob| {
                    let import = Some(Import { name, glob, public });
                    paths.push(Path { within: within.clone(), segments, line: token.line, import });
                });
                at += end;
                continue;
            }
            [_, name, ..] if DEFINES.iter().any(|word| token.is(word)) && name.kind == Kind::Word => {
                names.items.insert((within.clone(), name.text));
            }
            _ if token.is("{") => depth += 1,
            _ if token.is("}") => {
                depth = depth.saturating_sub(1);
                if inline.last() == Some(&depth) {
                    inline.pop();
                    within.pop();
                }
            }
            _ => {}
        }
        // A word behind `.` or `::` continues a path or is a method. Behind a single `:` a type begins, which counts.
        let follows = before(1).is_some_and(|token| token.is(".") || token.is(":"))
            && before(2).is_some_and(|token| token.is(":") || !before(1).is_some_and(|token| token.is(":")));
        if token.kind == Kind::Word && !follows {
            let segments = segments(rest);
            let length = segments.len();
            if length > 1 {
                paths.push(Path { within: within.clone(), segments, line: token.line, import: None });
            }
            // A segment after the first is three tokens: two colons and a word.
            at += 3 * (length - 1);
        }
        at += 1;
    }
    paths
}

/// The words that come before the name of an item that a path can lead to.
const DEFINES: &[&str] = &["fn", "struct", "enum", "union", "trait", "type", "const", "static"];

/// The words of `a::b::c` at the beginning.
fn segments<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let mut segments = vec![tokens.first().map(|token| token.text).unwrap_or_default()];
    let mut rest = tokens.get(1..).unwrap_or_default();
    while let [first, second, word, after @ ..] = rest {
        if !first.is(":") || !second.is(":") || word.kind != Kind::Word {
            break;
        }
        segments.push(word.text);
        rest = after;
    }
    segments
}

/// Hands each path of a `use` item to `found`, with the name that it introduces, and whether it ends with `*`.
fn use_tree<'a>(tokens: &[Token<'a>], prefix: &[&'a str], found: &mut impl FnMut(Vec<&'a str>, Option<&'a str>, bool)) {
    let mut path = prefix.to_vec();
    let mut rest = tokens;
    while let Some((token, after)) = rest.split_first() {
        rest = after;
        match token.text {
            ":" => {}
            "{" => {
                let inside = tokens.get(tokens.len() - after.len()..).unwrap_or_default();
                let group = tokens.get(tokens.len() - after.len() - 1..).and_then(closing).unwrap_or(inside.len());
                for branch in branches(inside.get(..group - 1).unwrap_or_default()) {
                    use_tree(branch, &path, &mut *found);
                }
                return;
            }
            "*" => return found(path, None, true),
            "as" => {
                let name = after.first().map(|token| token.text).filter(|name| *name != "_");
                return found(path, name, false);
            }
            // `use a::{self}`
            "self" if !path.is_empty() => {}
            word => path.push(word),
        }
    }
    if path.len() > prefix.len() || !tokens.is_empty() {
        let name = path.last().copied();
        found(path, name, false);
    }
}

/// Splits at the commas that are not inside brackets.
fn branches<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0_usize;
    let branches = tokens.split(|token| {
        match token.text {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is(",")
    });
    branches.filter(|branch| !branch.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::module::of_texts;
    use super::*;

    /// The uses as pairs of file names.
    fn found(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let modules = of_texts(files);
        let name = |file: usize| modules[file].file.trim_end_matches(".rs").to_owned();
        uses(&modules).into_keys().map(|(from, to)| (name(from), name(to))).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    }

    #[test]
    fn imports_and_paths_are_uses() {
        let a = "use crate::{b::{self, B}, c::C as D};\n\
                 fn f() { crate::d::g(&super::e::H); println!(\"{}\", crate::i::J); }";
        let files = [("a.rs", a), ("b.rs", ""), ("c.rs", ""), ("d.rs", ""), ("e.rs", ""), ("i.rs", ""), ("lib.rs", "")];
        assert_eq!(found(&files), pairs(&[("a", "b"), ("a", "c"), ("a", "d"), ("a", "e"), ("a", "i")]));
    }

    #[test]
    fn a_re_export_leads_to_the_file_that_defines_the_name() {
        let files = [
            ("a.rs", "use crate::{B, C};\nuse crate::all::D;"),
            ("all.rs", "pub use d::*;"),
            ("all/d.rs", "pub struct D;"),
            ("b.rs", "pub struct B;"),
            ("lib.rs", "pub use b::B;\npub use e::C;"),
            ("e.rs", "pub use crate::b::C;"),
        ];
        assert_eq!(found(&files), pairs(&[("a", "all/d"), ("a", "b"), ("e", "b")]));
    }

    #[test]
    fn a_parent_uses_its_children_and_they_use_it() {
        let files = [
            ("a.rs", "use b::B;\nstruct A;\nfn f() { c::g() }"),
            ("a/b.rs", "use super::A;"),
            ("a/c.rs", "fn g() { super::super::h() }"),
            ("lib.rs", ""),
        ];
        assert_eq!(found(&files), pairs(&[("a", "a/b"), ("a", "a/c"), ("a/b", "a"), ("a/c", "lib")]));
    }

    #[test]
    fn tests_other_crates_and_inline_modules_are_no_uses() {
        let a = "use std::fmt;\nuse serde::{de, ser};\nmod inside { use super::X; pub(super) fn f() { fmt::write() } }\n\
                 fn g() { inside::f(); T::new::<U>() }\n\
                 #[cfg(test)] mod tests { use crate::b::B; }";
        assert_eq!(found(&[("a.rs", a), ("b.rs", "pub struct B;"), ("lib.rs", "")]), pairs(&[]));
    }
}
