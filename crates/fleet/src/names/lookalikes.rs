//! Names that look the same and are not: two spellings of one character, letters of another script, and names that differ
//! in capital letters alone, such as MAC addresses from two programs.
//!
//! The registry, the certificate and the platform compare names octet by octet. A person who types the name, or reads
//! it from a label, cannot tell such names apart.

use std::collections::HashMap;

use base::text::quote;
use base::{Code, Finding};
use ledger::StagedName;
use unicode_normalization::is_nfc;
use unicode_security::{MixedScript, skeleton};

use super::NameFault;

/// The number of names that are remembered for comparison: a bound on memory.
const REMEMBERED: usize = 50_000;

/// The number of findings that are kept.
const SHOWN: usize = 10;

/// The look-alikes among accepted names (Unicode Technical Standard 39, sections 4 and 5).
#[derive(Debug, Default)]
pub struct Lookalikes {
    /// The first names, each with its line.
    remembered: Vec<(u64, String)>,
    /// The first of the remembered names of each look. Made for the first name that is not ASCII: most lists have none.
    looks: Option<Index>,
    /// The first of the remembered names of each spelling in small letters. Made for the first name with a capital letter.
    spellings: Option<Index>,
    shown: Vec<(u64, String)>,
    total: u64,
}

/// The places of names in the list of the remembered ones.
type Index = HashMap<String, usize>;

impl Lookalikes {
    /// Lets names through, and looks at each.
    pub fn watch<'a>(
        &'a mut self,
        names: impl Iterator<Item = Result<StagedName, NameFault>> + 'a,
    ) -> impl Iterator<Item = Result<StagedName, NameFault>> + 'a {
        names.inspect(|name| {
            if let Ok(name) = name {
                self.look(name);
            }
        })
    }

    /// Warnings about what was noticed: each with its lines, and how many there are if there are many.
    pub fn findings(&self) -> Vec<Finding> {
        let warning = |(line, text): &(u64, String)| {
            let mut finding = Code::NamesAlike
                .warning(text.as_str())
                .fix("type such names again with plain letters, unless they are meant to differ");
            finding.location.line = usize::try_from(*line).ok();
            finding
        };
        let mut findings: Vec<Finding> = self.shown.iter().map(warning).collect();
        let more = self.total - self.shown.len() as u64;
        if more > 0 {
            findings.push(Code::NamesAlike.warning(format!("{more} more names look like others")));
        }
        findings
    }

    fn look(&mut self, StagedName { line, name, .. }: &StagedName) {
        if let Some((first, other)) = self.twin(name) {
            let how = if is_nfc(name) == is_nfc(&other) { "" } else { " in another Unicode normalization form" };
            self.note(*line, format!("the name {} looks like {}{how} on line {first}", shown(name), shown(&other)));
        } else if let Some((first, other)) = self.in_other_case(name) {
            let (name, other) = (quote(name), quote(&other));
            self.note(*line, format!("the name {name} differs from {other} on line {first} in capital letters alone"));
        } else if let Some(c) = foreign_letter(name) {
            self.note(
                *line,
                format!(
                    "the name {} mixes scripts: {c:?} (U+{:04X}) looks like an ASCII letter",
                    quote(name),
                    u32::from(c)
                ),
            );
        }
        self.remember(*line, name);
    }

    /// An earlier name of the same look, of which at least one is not ASCII: `l` and `1` in serial numbers are common.
    fn twin(&mut self, name: &str) -> Option<(u64, String)> {
        // Two ASCII names never look alike in the sense of this check: l and 1 are a matter of the font.
        if name.is_ascii() && (self.looks.is_none() || self.is_full()) {
            return None;
        }
        let looks = self.looks.get_or_insert_with(|| index(&self.remembered, look_of));
        let first = self.remembered.get(*looks.get(&look_of(name))?)?;
        let is_twin = first.1 != name && !(first.1.is_ascii() && name.is_ascii());
        is_twin.then(|| first.clone())
    }

    /// An earlier name with the same letters, of which some are capital letters in one of the two.
    fn in_other_case(&mut self, name: &str) -> Option<(u64, String)> {
        if self.spellings.is_none() && !has_capitals(name) {
            return None;
        }
        let spellings = self.spellings.get_or_insert_with(|| index(&self.remembered, str::to_lowercase));
        let first = self.remembered.get(*spellings.get(&name.to_lowercase())?)?;
        (first.1 != name).then(|| first.clone())
    }

    fn remember(&mut self, line: u64, name: &str) {
        if self.is_full() {
            return;
        }
        let place = self.remembered.len();
        if let Some(looks) = &mut self.looks {
            looks.entry(look_of(name)).or_insert(place);
        }
        if let Some(spellings) = &mut self.spellings {
            spellings.entry(name.to_lowercase()).or_insert(place);
        }
        self.remembered.push((line, name.to_owned()));
    }

    fn is_full(&self) -> bool {
        self.remembered.len() >= REMEMBERED
    }

    fn note(&mut self, line: u64, text: String) {
        self.total += 1;
        if self.shown.len() < SHOWN {
            self.shown.push((line, text));
        }
    }
}

/// The place of the first name of each `form`.
fn index(names: &[(u64, String)], form: impl Fn(&str) -> String) -> Index {
    let mut index = Index::new();
    for (place, (_, name)) in names.iter().enumerate() {
        index.entry(form(name)).or_insert(place);
    }
    index
}

fn look_of(name: &str) -> String {
    skeleton(name).collect()
}

fn has_capitals(name: &str) -> bool {
    // `to_lowercase` also changes letters that are not capital, such as U+01C5.
    if name.is_ascii() { name.contains(|c: char| c.is_ascii_uppercase()) } else { name.to_lowercase() != name }
}

/// A letter of another script that looks like an ASCII letter, in a name that also has ASCII letters.
fn foreign_letter(name: &str) -> Option<char> {
    // A name that is completely Cyrillic is no imitation, and a mixture with ASCII letters may be one.
    if name.is_ascii() || name.is_single_script() || !name.contains(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let looks_ascii = |c: &char| {
        let mut buffer = [0; 4];
        !c.is_ascii()
            && c.is_alphabetic()
            && skeleton(c.encode_utf8(&mut buffer)).all(|seen| seen.is_ascii_alphanumeric())
    };
    name.chars().find(looks_ascii)
}

/// The name, and its code points where it has others than ASCII: two names of one look must differ in a message.
fn shown(name: &str) -> String {
    let codes: Vec<String> =
        name.chars().filter(|c| !c.is_ascii()).take(4).map(|c| format!("U+{:04X}", u32::from(c))).collect();
    if codes.is_empty() { quote(name).to_string() } else { format!("{} ({})", quote(name), codes.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the warnings about these names, the first one on line 2.
    fn warnings(names: &[&str]) -> Vec<(Option<usize>, String)> {
        let staged = names
            .iter()
            .zip(2..)
            .map(|(name, line)| Ok(StagedName { line, name: (*name).to_owned(), ..StagedName::default() }));
        let mut lookalikes = Lookalikes::default();
        assert_eq!(lookalikes.watch(staged).count(), names.len());
        lookalikes.findings().into_iter().map(|finding| (finding.location.line, finding.what)).collect()
    }

    #[test]
    fn ordinary_names_of_any_script_are_no_finding() {
        let names = [
            "pump-1",
            "pump-l",
            "pump-I",
            "O0",
            "00",
            "Pumpe 7 (Süd)",
            "ışık",
            "温度-1",
            // Mixed as people write: Chinese with Latin letters, and below a Greek letter that looks like no ASCII
            // letter.
            "水泵A1",
            "センサー1",
            "насос-1",
            "αισθητήρας",
            "pump-1",
            "Ωmega-x",
        ];
        assert_eq!(warnings(&names), []);
    }

    #[test]
    fn twins_are_told_with_both_lines() {
        let found = warnings(&["Süd", "Nord", "Su\u{308}d"]);
        let [(Some(4), text)] = found.as_slice() else { panic!("{found:?}") };
        assert!(text.contains("normalization form on line 2"), "{text}");
        assert!(text.contains("U+00FC") && text.contains("U+0308"), "{text}");
        let found = warnings(&["coco", "\u{441}\u{43e}\u{441}\u{43e}"]);
        let [(Some(3), text)] = found.as_slice() else { panic!("{found:?}") };
        assert!(text.ends_with("looks like \"coco\" on line 2"), "{text}");
    }

    #[test]
    fn names_that_differ_in_capital_letters_alone_are_told() {
        let found = warnings(&["aa:bb:cc", "Süd", "AA:BB:CC", "SÜD", "aa:bb:cc"]);
        let [(Some(4), text), (Some(5), _)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(text, "the name \"AA:BB:CC\" differs from \"aa:bb:cc\" on line 2 in capital letters alone");
    }

    #[test]
    fn a_letter_of_another_script_is_told() {
        let found = warnings(&["pump-1", "p\u{443}mp-2", "\u{440}ump-3"]);
        let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [Some(3), Some(4)]);
        assert!(found[1].1.contains("U+0440"), "{found:?}");
    }

    #[test]
    fn many_are_counted() {
        let names: Vec<String> = (0..25).map(|number| format!("\u{440}ump-{number}")).collect();
        let found = warnings(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.len(), 11);
        assert_eq!(found[10], (None, "15 more names look like others".to_owned()));
    }
}
