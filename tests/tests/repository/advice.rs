//! Commands in messages: a user can copy each, whatever the names and paths in it contain.

use std::fs;
use std::path::{Path, PathBuf};

use tbpki_tests::binary::workspace;

/// The beginnings of commands that end with the name of a device, a server, a CA or a file.
const COMMANDS: &[&str] = &[
    "tbpki client ",
    "tbpki server --name ",
    "tbpki register ",
    "tbpki unregister ",
    "tbpki renew ",
    "tbpki revoke ",
    "tbpki forget ",
    "tbpki token ",
    "tbpki profile create ",
    "tbpki profile show ",
    "tbpki ca prepare ",
    "tbpki ca confirm ",
    "tbpki ca activate ",
    "tbpki ca retire ",
    "chmod ",
    "chown ",
];

/// The functions whose result is a word of a shell, or several.
const WORDS: &[&str] =
    &["device_words(", "device_option(", "shell_word(", "shell_path(", ".word()", "issuing_command("];

/// The names of variables that hold the result of one of [`WORDS`], or a number.
const SAFE: &[&str] = &["device", "option", "word", "words", "command", "job", "number", "kind", "verb"];

/// The files of a directory and below it.
fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => sources(&path, into),
            false if path.extension().is_some_and(|end| end == "rs") => into.push(path),
            false => {}
        }
    }
}

/// The placeholders of a command in a format string that can insert a name as it is.
fn bare(command: &str, behind: &str) -> Vec<String> {
    let placeholders = command.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(inner, _)| inner);
    let has_words = WORDS.iter().any(|word| behind.contains(word));
    placeholders
        .filter(|inner| match inner.chars().next() {
            None | Some('0'..='9') => !has_words,
            Some(_) => !SAFE.contains(inner),
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn names_in_commands_of_messages_are_words_of_a_shell() {
    let mut files = Vec::new();
    for one in fs::read_dir(workspace().join("crates")).unwrap() {
        let src = one.unwrap().path().join("src");
        if src.is_dir() {
            sources(&src, &mut files);
        }
    }
    assert!(files.len() > 400, "the sources are elsewhere");
    let mut faults = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for start in COMMANDS.iter().flat_map(|command| text.match_indices(command)).map(|(start, _)| start) {
            let rest = &text[start..];
            let (command, behind) = rest.split_at(rest.find(['`', '"']).unwrap_or(rest.len()));
            // The arguments of the format string follow it.
            let end = behind.char_indices().nth(300).map_or(behind.len(), |(end, _)| end);
            for inner in bare(command, &behind[..end]) {
                let line = text[..start].matches('\n').count() + 1;
                faults.push(format!("{}:{line}: {{{inner}}} in {command}", file.display()));
            }
        }
    }
    assert!(
        faults.is_empty(),
        "use base::text::device_words, device_option, shell_word or shell_path:\n{}",
        faults.join("\n")
    );
}

#[test]
fn a_bare_name_is_found() {
    assert_eq!(bare("tbpki client {name} --force", ""), ["name"]);
    assert_eq!(bare("tbpki client {} --force", "`\", name)"), [""]);
    assert!(bare("tbpki client {} --force", "`\", device_words(name))").is_empty());
    assert!(bare("tbpki client {device} --force", "").is_empty());
}
