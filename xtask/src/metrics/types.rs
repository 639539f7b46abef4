//! Types that share their names with others.
//!
//! Counted are the types that other modules can see, in the crates of the product. The simulator and the firmware use
//! the words of other projects and are left out.

use std::collections::BTreeMap;

use super::percent;
use crate::source::lexer::{Kind, code};
use crate::source::module::product;

/// The most names that are listed.
const LISTED: usize = 40;

/// The shared names and their share of all types, in the sources of the product.
pub(super) fn report(texts: &[(String, String)]) -> String {
    let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    // The simulator and the firmware are programs of their own, and their names meet no one of the product's.
    let others = ["crates/tb-sim/", "crates/firmware/"];
    let in_product = |file: &str| {
        let is_source = file.starts_with("crates/") && file.contains("/src/") && file.ends_with(".rs");
        is_source && !others.iter().any(|other| file.starts_with(other))
    };
    for (file, text) in texts.iter().filter(|(file, _)| in_product(file)) {
        for name in defined(text) {
            names.entry(name).or_default().push(file);
        }
    }
    let all: usize = names.values().map(Vec::len).sum();
    let mut shared: Vec<(String, Vec<&str>)> = names.into_iter().filter(|(_, files)| files.len() > 1).collect();
    // Descending; the sort is stable, so names of the same count stay in alphabetical order.
    shared.sort_by_key(|(_, files)| usize::MAX - files.len());
    let types: usize = shared.iter().map(|(_, files)| files.len()).sum();
    let mut report = format!(
        "visible types of the product: {all}; {} names are shared by {types} types: {} of all types\n",
        shared.len(),
        percent(types, all)
    );
    let listed: Vec<String> =
        shared.iter().take(LISTED).map(|(name, files)| format!("{name} {}", files.len())).collect();
    report.push_str(&format!("  {}\n", listed.join(", ")));
    report
}

/// The names of the visible types that a file defines outside of its tests.
fn defined(text: &str) -> Vec<String> {
    let tokens = code(text);
    let tokens = product(&tokens).0;
    let types = tokens.windows(3).filter_map(|three| match three {
        [visible, keyword, name] if name.kind == Kind::Word => {
            let is_type = ["struct", "enum", "union", "trait"].iter().any(|word| keyword.is(word));
            (is_type && (visible.is("pub") || visible.is(")"))).then_some(name.text)
        }
        _ => None,
    });
    types.filter(|name| name.starts_with(char::is_uppercase)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_the_same_name_are_counted() {
        let file = |name: &str, text: &str| (format!("crates/{name}/src/lib.rs"), text.to_owned());
        let texts = [
            file("a", "pub struct Plan; pub enum Kind {} struct Other; #[cfg(test)] mod tests { pub struct Plan; }"),
            file("b", "pub(crate) struct Plan<T>(T); pub trait Other {}"),
            ("tests/src/lib.rs".to_owned(), "pub struct Plan;".to_owned()),
        ];
        let report = report(&texts);
        assert!(
            report.starts_with("visible types of the product: 4; 1 names are shared by 2 types: 50.0 %"),
            "{report}"
        );
    }
}
