//! Tests, apart from the code because they hold banned words.

use super::find::{Finding, count, count_words, find};
use super::left::{Counts, compare, lowered, moved};
use super::passage::{Sort, passages};

fn words(text: &str) -> Vec<(usize, String)> {
    find(text).into_iter().map(|Finding { line, word, .. }| (line, word)).collect()
}

fn found(name: &str, text: &str) -> Vec<(usize, String)> {
    let passages = passages(name, text);
    let findings = passages
        .iter()
        .flat_map(|passage| find(&passage.text).into_iter().map(|finding| (passage.line + finding.line, finding.word)));
    findings.collect()
}

#[test]
fn words_and_phrases_are_found_with_their_lines() {
    let text = "Nobody's key.\nIt is not\nknown; to do: run it. To do it\nkinds of recommended stands.";
    let expected = [(0, "nobody"), (1, "it is not known"), (2, "to do"), (3, "stands")];
    assert_eq!(words(text), expected.map(|(line, word)| (line, word.to_owned())));
}

#[test]
fn british_spellings_are_found_and_look_alikes_are_not() {
    let finding = find("An unrecognised colour.");
    assert_eq!(finding[0].plain, "unrecognized");
    assert_eq!(finding[1].plain, "color");
    assert!(find("Otherwise promise an optimistic, precise, realistic analysis of the emphasis.").is_empty());
}

#[test]
fn code_is_no_prose() {
    assert!(find("the_file_says is a name").is_empty());
    assert!(found("a.md", "Use `anew` and [this](licence.md).").is_empty());
    assert!(
        found("a.rs", "fn f(said: &str) { f(\"nobody\", \"{said} and {said:?}\", \"x\\nkindle \\\"y\") }").is_empty()
    );
}

#[test]
fn comments_and_literals_are_prose() {
    let source = "//! It is not\n//! known.\n// A file\n// says so.\nfn f() { g(\"\n  a file \\\n  stands \\nsaid\") }";
    let expected = [(1, "it is not known"), (4, "says"), (7, "stands"), (7, "said")];
    assert_eq!(found("a.rs", source), expected.map(|(line, word)| (line, word.to_owned())));
    let sorts: Vec<Sort> = passages("a.rs", source).into_iter().map(|passage| passage.sort).collect();
    assert_eq!(sorts, [Sort::Doc, Sort::Comment, Sort::Name, Sort::Literal]);
}

#[test]
fn names_of_items_are_prose() {
    let source =
        "const fn it_says_so(said: u8) {}\nstruct WhoeverAsks;\nmod colour;\nconst BESIDE_IT: u8 = 0;\nenum HTTPKin {}";
    let expected = [(1, "says"), (2, "whoever"), (3, "colour"), (4, "beside")];
    assert_eq!(found("a.rs", source), expected.map(|(line, word)| (line, word.to_owned())));
}

#[test]
fn words_are_counted() {
    assert_eq!(count_words("It's 3 o'clock, RFC 5280."), 5);
    assert_eq!(count("What is it? And what was\nit?", "what is|what was"), 2);
}

fn counts(pairs: &[(&str, usize)]) -> Counts {
    pairs.iter().map(|(folder, count)| ((*folder).to_owned(), *count)).collect()
}

#[test]
fn a_folder_may_not_have_more_than_is_left_and_a_new_one_none() {
    let left = counts(&[("a", 2)]);
    assert!(compare(&counts(&[("a", 1), ("b", 0)]), &left).is_empty());
    assert_eq!(compare(&counts(&[("a", 3), ("b", 1)]), &left), [("a".to_owned(), 3, 2), ("b".to_owned(), 1, 0)]);
}

#[test]
fn an_update_only_lowers() {
    let left = counts(&[("a", 2), ("b", 5), ("c", 1), ("gone", 4)]);
    assert_eq!(lowered(&counts(&[("a", 3), ("b", 4), ("c", 0), ("d", 1)]), &left), counts(&[("a", 2), ("b", 4)]));
}

#[test]
fn a_move_keeps_the_sum() {
    let left = counts(&[("a", 5)]);
    assert_eq!(moved(&counts(&[("a", 2), ("b", 3), ("c", 0)]), &left), Some(counts(&[("a", 2), ("b", 3)])));
    assert_eq!(moved(&counts(&[("a", 2), ("b", 4)]), &left), None);
}
