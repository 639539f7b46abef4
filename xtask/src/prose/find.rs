//! Finding banned words in a text.

use super::words::{ISE_ENDINGS, ISE_VERBS, WORDS};

/// A banned word in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The line of the text, counted from 0.
    pub(crate) line: usize,
    /// The word as written, in lower case.
    pub(crate) word: String,
    /// The plain word.
    pub(crate) plain: String,
}

/// A word of a text.
struct Spoken<'a> {
    text: &'a str,
    line: usize,
    /// True if only white space is between this word and the next.
    joined: bool,
    /// True if a colon follows.
    colon: bool,
}

/// Finds the banned words of a text in their order.
pub(crate) fn find(text: &str) -> Vec<Finding> {
    let lower = text.to_lowercase();
    let words = words(&lower);
    let mut findings = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let rest = words.get(at..).unwrap_or_default();
        if let Some((written, plain)) = banned(rest).or_else(|| british(word.text)) {
            findings.push(Finding { line: word.line, word: written, plain });
        }
    }
    findings
}

/// The number of words of a text.
pub(crate) fn count_words(text: &str) -> usize {
    words(text).len()
}

/// The number of places at which one of these words or phrases is, separated by `|`.
pub(crate) fn count(text: &str, phrases: &str) -> usize {
    let lower = text.to_lowercase();
    let words = words(&lower);
    (0..words.len())
        .filter(|&at| phrases.split('|').any(|phrase| begins(words.get(at..).unwrap_or_default(), phrase)))
        .count()
}

fn banned(rest: &[Spoken<'_>]) -> Option<(String, String)> {
    WORDS.iter().find_map(|word| {
        let phrase = word.banned.split('|').find(|phrase| begins(rest, phrase))?;
        let written: Vec<&str> = rest.iter().take(phrase.split(' ').count()).map(|word| word.text).collect();
        Some((written.join(" "), word.plain.to_owned()))
    })
}

/// The American spelling of a verb that is written with `-ise`.
fn british(word: &str) -> Option<(String, String)> {
    let ending =
        ISE_ENDINGS.iter().find(|ending| word.strip_suffix(**ending).is_some_and(|stem| ISE_VERBS.contains(&stem)))?;
    let stem = word.strip_suffix(ending).unwrap_or_default();
    Some((word.to_owned(), format!("{stem}{}", ending.replacen('s', "z", 1))))
}

fn begins(words: &[Spoken<'_>], phrase: &str) -> bool {
    // The first letter decides for nearly all words.
    if words.first().and_then(|word| word.text.chars().next()) != phrase.chars().next() {
        return false;
    }
    let mut wanted = phrase.split(' ').peekable();
    let mut words = words.iter();
    while let Some(want) = wanted.next() {
        let Some(word) = words.next() else { return false };
        let (want, colon) = want.strip_suffix(':').map_or((want, false), |want| (want, true));
        let same = match want.strip_suffix('*') {
            Some(start) => word.text.starts_with(start),
            None => word.text == want,
        };
        if !same || (colon && !word.colon) || (wanted.peek().is_some() && !word.joined) {
            return false;
        }
    }
    true
}

/// Splits a text into words. Names with underscores are one word, which is like no English one.
fn words(text: &str) -> Vec<Spoken<'_>> {
    let mut words = Vec::new();
    let (mut rest, mut line) = (text, 0);
    while let Some(start) = rest.find(is_part) {
        let (gap, from) = rest.split_at(start);
        line += gap.matches('\n').count();
        let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        let gap = after.split(is_part).next().unwrap_or_default();
        if word.contains(char::is_alphabetic) {
            // Words of a phrase have only white space between them; a comma or a bracket ends the phrase.
            let joined = !gap.is_empty() && gap.chars().all(char::is_whitespace);
            words.push(Spoken { text: word, line, joined, colon: gap.starts_with(':') });
        }
        rest = after;
    }
    words
}

fn is_part(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}
