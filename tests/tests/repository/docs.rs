//! The documentation is true: its `console` blocks are run, and every page can be found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use tbpki_tests::binary::workspace;
use tbpki_tests::console;

/// Every page of the book below `directory`, sorted.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages.extend(self::pages(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

fn book() -> PathBuf {
    workspace().join("docs/src")
}

fn shown(page: &Path) -> String {
    page.strip_prefix(workspace()).unwrap().display().to_string()
}

#[test]
fn what_the_pages_show_is_what_happens() {
    let mut pages = pages(&book());
    pages.push(workspace().join("README.md"));
    let (todo, results) = (Mutex::new(pages), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(page) = todo.lock().unwrap().pop() else { return };
                    let result = console::run(&fs::read_to_string(&page).unwrap());
                    results.lock().unwrap().push((shown(&page), result));
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let lies: Vec<String> =
        results.iter().filter_map(|(page, result)| Some(format!("{page}: {}", result.as_ref().err()?))).collect();
    assert!(lies.is_empty(), "{}", lies.join("\n\n"));
    let commands: usize = results.iter().filter_map(|(_, result)| result.as_ref().ok()).sum();
    println!("{} pages, {commands} commands", results.len());
    assert!(commands > 60, "only {commands} commands were found");
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = fs::read_to_string(book().join("SUMMARY.md")).unwrap();
    for page in pages(&book()) {
        let name = page.strip_prefix(book()).unwrap().display().to_string();
        assert!(name == "SUMMARY.md" || summary.contains(&format!("({name})")), "{name} is not in SUMMARY.md");
    }
}
