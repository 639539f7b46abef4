//! The verbs that messages and comments name: each one exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tbpki_tests::Sandbox;
use tbpki_tests::binary::workspace;

/// The Rust files below a directory.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A source as one text: without the line breaks in its strings and comments.
fn flowing(source: &str) -> String {
    let mut text = String::new();
    for line in source.lines() {
        let line = line.trim_start().trim_start_matches("///").trim_start_matches("//!").trim_start_matches("//");
        match line.strip_suffix('\\') {
            Some(begun) => text.push_str(begun),
            None => text = text + line + " ",
        }
    }
    text
}

/// The words of each command of tbpki in a text, up to the first that is no word of a verb.
fn commands(text: &str) -> impl Iterator<Item = Vec<String>> {
    let is_verb = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-') && !word.is_empty();
    text.split("`tbpki ").skip(1).map(move |rest| {
        let command = rest.split('`').next().unwrap_or_default();
        command.split(' ').take_while(|word| is_verb(word) && !word.starts_with('-')).map(str::to_owned).collect()
    })
}

#[test]
fn every_verb_that_a_message_or_a_comment_names_exists() {
    let mut files = Vec::new();
    for krate in fs::read_dir(workspace().join("crates")).unwrap() {
        let source = krate.unwrap().path().join("src");
        if source.is_dir() {
            sources(&source, &mut files);
        }
    }
    let mut named = BTreeSet::new();
    for file in files {
        let text = flowing(&fs::read_to_string(&file).unwrap());
        named.extend(commands(&text).filter(|words| !words.is_empty()));
    }
    assert!(named.len() > 50, "{named:?}");
    let sandbox = Sandbox::new();
    let help = |words: &[&str]| sandbox.tbpki([&["help"][..], words].concat()).run();
    let mut unknown = Vec::new();
    for words in &named {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let first = help(&words[..1]);
        // Only the first word is a verb, unless that one has verbs of its own.
        let has_verbs = first.status == 0 && first.stdout_text().contains("<COMMAND>");
        let is_known = first.status == 0 && (!has_verbs || words.len() == 1 || help(&words[..2]).status == 0);
        if !is_known {
            unknown.push(words.join(" "));
        }
    }
    assert_eq!(unknown, [""; 0]);
}
