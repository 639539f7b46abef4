//! Words of pages and comments.

use super::{percent, ratio};
use crate::prose::find::{count, count_words, find};
use crate::prose::passage::{Sort, passages};

/// The groups of words that are counted.
const GROUPS: &[&str] = &[
    "nobody|somebody|whoever",
    "stands",
    "says|said",
    "what is|what was",
    "anew|bears|beside|foretell|kin|mend",
    "must|should|need to",
    "for example|such as",
];

/// The words with which a doc comment should not begin: it should begin with the noun.
const NO_NOUNS: &[&str] = &["Its", "What", "Where", "Whether", "How"];

/// Pages on one side, comments of Rust code on the other.
#[derive(Default)]
struct Side {
    words: usize,
    banned: usize,
    groups: Vec<usize>,
}

/// The numbers of each group for 10,000 words of pages and of comments, and the beginnings of doc comments.
pub(super) fn report(texts: &[(String, String)]) -> String {
    let (mut pages, mut comments) = (Side::new(), Side::new());
    let (mut short, mut no_noun) = (0, 0);
    for (file, text) in texts {
        for passage in passages(file, text) {
            match passage.sort {
                Sort::Page if file.ends_with(".md") => pages.add(&passage.text),
                Sort::Doc | Sort::Comment if file.ends_with(".rs") => comments.add(&passage.text),
                Sort::Page | Sort::Doc | Sort::Comment | Sort::Literal | Sort::Name => continue,
            }
            // Only docs of one line: a longer one may open with such a word and still explain.
            if passage.sort == Sort::Doc && !passage.text.contains('\n') {
                short += 1;
                no_noun +=
                    usize::from(passage.text.split_whitespace().next().is_some_and(|word| NO_NOUNS.contains(&word)));
            }
        }
    }
    let mut report = format!("{:<40}{:>12}{:>12}\n", "for 10,000 words", "pages", "comments");
    for (at, group) in GROUPS.iter().enumerate() {
        let of = |side: &Side| side.groups.get(at).copied().unwrap_or_default();
        report.push_str(&row(&group.replace('|', ", "), of(&pages), &pages, of(&comments), &comments));
    }
    report.push_str(&row("all banned words", pages.banned, &pages, comments.banned, &comments));
    report.push_str(&format!("{:<40}{:>12}{:>12}\n", "words", pages.words, comments.words));
    report.push_str(&format!(
        "one-line doc comments that begin with {}: {no_noun} of {short}, {}\n",
        NO_NOUNS.join("/"),
        percent(no_noun, short)
    ));
    report
}

fn row(name: &str, in_pages: usize, pages: &Side, in_comments: usize, comments: &Side) -> String {
    let of = |count: usize, side: &Side| 10_000.0 * ratio(count, side.words);
    format!("{name:<40}{:>12.1}{:>12.1}\n", of(in_pages, pages), of(in_comments, comments))
}

impl Side {
    fn new() -> Self {
        Self { groups: vec![0; GROUPS.len()], ..Self::default() }
    }

    fn add(&mut self, text: &str) {
        self.words += count_words(text);
        self.banned += find(text).len();
        for (sum, group) in self.groups.iter_mut().zip(GROUPS) {
            *sum += count(text, group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_by_side() {
        let texts = [
            ("a.md".to_owned(), "The user must run it, for example here.".to_owned()),
            (
                "a.rs".to_owned(),
                "/// What it is.\nstruct A;\n/// The chain.\n/// What else.\nfn f() { g(\"must be\") }".to_owned(),
            ),
        ];
        let report = report(&texts);
        let line = |start: &str| {
            report
                .lines()
                .find(|line| line.starts_with(start))
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(line("must"), "must, should, need to 1250.0 0.0");
        assert_eq!(line("words"), "words 8 7");
        assert!(line("one-line").ends_with("1 of 1, 100.0 %"));
    }
}
