//! The shape of a crate: circles of files, and modules in a folder.

use std::collections::BTreeMap;

use super::allowance::Measure;
use crate::source::circles::long_circles;
use crate::source::module::Module;
use crate::source::uses::Uses;

/// The most modules in one folder.
const MOST_MODULES: usize = 15;

/// Counts the files of a crate that are on a circle of three or more files.
pub(super) fn circles(package: &str, modules: &[Module], uses: &Uses) -> Measure {
    let mut shortest: Vec<Vec<usize>> = long_circles(uses).into_values().collect();
    let count = shortest.len();
    shortest.sort_by_key(Vec::len);
    let name = |file: &usize| modules.get(*file).map(|module| module.file.as_str()).unwrap_or_default();
    let found = shortest.iter().map(|circle| {
        let names: Vec<&str> = circle.iter().chain(circle.first()).map(name).collect();
        format!("src/{}", names.join(" -> "))
    });
    Measure {
        rule: format!("{package}: files on circles of three or more"),
        count,
        limit: 0,
        found: found.collect(),
        reason: "files that use each other in a circle cannot be read or changed one at a time".to_owned(),
    }
}

/// Counts the modules in each folder of a crate.
pub(super) fn folders(package: &str, folders: &BTreeMap<String, usize>) -> Vec<Measure> {
    let measure = |(folder, count): (&String, &usize)| {
        let place = if folder.is_empty() { "src".to_owned() } else { format!("src/{folder}") };
        Measure {
            rule: format!("{package}: modules in {place}"),
            count: *count,
            limit: MOST_MODULES,
            found: Vec::new(),
            reason: format!("a folder holds at most {MOST_MODULES} modules"),
        }
    };
    folders.iter().map(measure).collect()
}

#[cfg(test)]
mod tests {
    use super::super::allowance::judge;
    use super::*;
    use crate::source::module::{count_folders, of_texts};
    use crate::source::uses::uses;

    #[test]
    fn a_circle_of_three_files_is_found() {
        let modules = of_texts(&[("a.rs", "use crate::b;"), ("b.rs", "use crate::c;"), ("c.rs", "use crate::a;")]);
        let measure = circles("x", &modules, &uses(&modules));
        assert_eq!((measure.count, measure.found[0].as_str()), (3, "src/a.rs -> b.rs -> c.rs -> a.rs"));
    }

    #[test]
    fn two_files_that_use_each_other_are_allowed() {
        let modules = of_texts(&[("a.rs", "use crate::b;"), ("b.rs", "use crate::a; use crate::c;"), ("c.rs", "")]);
        assert_eq!(circles("x", &modules, &uses(&modules)).count, 0);
    }

    #[test]
    fn sixteen_modules_in_a_folder_are_found() {
        let of = |count: usize| folders("x", &count_folders((0..count).map(|number| format!("a/m{number}.rs"))));
        assert!(judge(&of(15), &[]).is_empty());
        let faults = judge(&of(16), &[]);
        assert!(faults[0].starts_with("x: modules in src/a: 16, allowed: 15"), "{faults:?}");
    }
}
