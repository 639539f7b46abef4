//! The prose of a file: pages, comments, string literals and names of items.

use crate::source::lexer::{Kind, Token, tokens};

/// A piece of prose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) sort: Sort,
    /// The line of the file on which it begins, counted from 1.
    pub(crate) line: usize,
    /// The text, one line for each line of the file, with code blanked out.
    pub(crate) text: String,
}

/// The sorts of prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Page,
    Doc,
    Comment,
    Literal,
    /// The name of an item, split into words.
    Name,
}

/// Names of source files whose comments and string literals look like Rust's.
const LIKE_RUST: &[&str] = &[".rs", ".go", ".java", ".c", ".js"];

/// The words before the names of items.
const DEFINES: &[&str] = &["fn", "struct", "enum", "trait", "type", "mod", "const", "static"];

/// The prose of a file of this name.
pub(crate) fn passages(name: &str, text: &str) -> Vec<Passage> {
    if LIKE_RUST.iter().any(|ending| name.ends_with(ending)) {
        return source(text);
    }
    let text = if name.ends_with(".md") { without_links(&without_code(text)) } else { text.to_owned() };
    vec![Passage { sort: Sort::Page, line: 1, text }]
}

fn source(source: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let (mut end, mut is_name) = (0, false);
    for token in tokens(source) {
        let (sort, text) = match token.kind {
            Kind::Doc => (Sort::Doc, comment(&token)),
            Kind::Comment => (Sort::Comment, comment(&token)),
            Kind::Text => (Sort::Literal, literal(token.text)),
            // `const fn` has two such words.
            Kind::Word if is_name && !DEFINES.contains(&token.text) => (Sort::Name, words_of(token.text)),
            Kind::Word | Kind::Other | Kind::Mark => {
                is_name = DEFINES.iter().any(|word| token.is(word));
                continue;
            }
        };
        is_name = false;
        match passages.last_mut() {
            // Consecutive lines are one text, in which a phrase may be broken.
            Some(last) if is_comment(sort) && last.sort == sort && token.line == end + 1 => {
                last.text.push('\n');
                last.text.push_str(&text);
            }
            _ => passages.push(Passage { sort, line: token.line, text }),
        }
        end = token.line + token.text.matches('\n').count();
    }
    for passage in &mut passages {
        passage.text = without_code(&passage.text);
    }
    // A literal without white space is a name or a path.
    passages.retain(|passage| passage.sort != Sort::Literal || passage.text.trim().contains(char::is_whitespace));
    passages
}

fn is_comment(sort: Sort) -> bool {
    matches!(sort, Sort::Doc | Sort::Comment)
}

/// The words of a name in snake case or camel case.
fn words_of(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        // `HTTPKin` has an abbreviation: a space before each of its letters would make words of one letter.
        if letter.is_uppercase() && !words.ends_with(char::is_uppercase) {
            words.push(' ');
        }
        words.push(if letter == '_' { ' ' } else { letter });
    }
    words
}

/// The text of a comment, without the slashes of its first line.
fn comment(token: &Token<'_>) -> String {
    let text = token.text.trim_start_matches('/').trim_start_matches(['!', '*']);
    text.trim_end_matches('/').trim_end_matches('*').to_owned()
}

/// The text of a string literal, with escapes and placeholders blanked out.
fn literal(token: &str) -> String {
    let raw = token.split('"').next().is_some_and(|prefix| prefix.contains('r'));
    let inside = token.split_once('"').and_then(|(_, after)| after.rsplit_once('"')).map_or("", |(inside, _)| inside);
    let mut text = String::with_capacity(inside.len());
    let mut letters = inside.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if !raw => {
                // `\` before a line end is followed by that line end.
                text.push(if letters.peek() == Some(&'\n') { '\n' } else { ' ' });
                letters.next();
            }
            '{' => {
                let name = letters.clone().take_while(|letter| *letter != '}').collect::<String>();
                // JSON in a string has braces too, and its texts are prose.
                let is_name = name.chars().all(|letter| letter.is_alphanumeric() || "_.:#?<>$".contains(letter));
                text.push('{');
                if is_name {
                    letters.by_ref().take(name.chars().count()).for_each(drop);
                }
            }
            _ => text.push(letter),
        }
    }
    text
}

/// Blanks out what is between backticks within a line. Fenced blocks stay: they show what programs print.
fn without_code(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        if line.trim_start().starts_with("```") {
            return String::new();
        }
        let parts: Vec<&str> = line.split('`').collect();
        // A single backtick on a line begins nothing that ends here; the line is then all prose.
        let closed = parts.len() % 2 == 1;
        let text = parts.iter().enumerate().map(|(at, part)| if at % 2 == 1 && closed { "``" } else { part });
        text.collect::<String>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Blanks out the targets of links.
fn without_links(text: &str) -> String {
    let mut parts = text.split("](");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("](");
        kept.push_str(part.find(')').and_then(|end| part.get(end..)).unwrap_or(part));
    }
    kept
}
