//! Names with `*` and `?` in them.
//!
//! Written by hand because two wildcards need no crate, and a name is not a path.

/// A pattern for whole names: `*` matches any text, `?` one character, everything else itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameGlob(Vec<char>);

impl NameGlob {
    /// The pattern that this text is; every text is one.
    pub fn new(text: &str) -> Self {
        Self(text.chars().collect())
    }

    /// True if the whole name fits.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut done) = (0, 0);
        // The position of the latest star, and the length of the name that it matches so far.
        let mut star: Option<(usize, usize)> = None;
        while done < name.len() {
            match self.0.get(at) {
                Some('*') => {
                    star = Some((at, done));
                    at += 1;
                }
                Some(wanted) if *wanted == '?' || name.get(done) == Some(wanted) => {
                    at += 1;
                    done += 1;
                }
                // Only the latest star needs to be tried longer: what an earlier one could do, it can do too. So the
                // work is bounded by the product of the lengths.
                _ => match star {
                    Some((place, swallowed)) => {
                        star = Some((place, swallowed + 1));
                        at = place + 1;
                        done = swallowed + 1;
                    }
                    None => return false,
                },
            }
        }
        self.0.iter().skip(at).all(|c| *c == '*')
    }

    /// The text with which every name begins that fits.
    pub(super) fn literal_prefix(&self) -> String {
        self.0.iter().take_while(|c| !is_wild(**c)).collect()
    }

    /// True if one name alone fits.
    pub(super) fn is_literal(&self) -> bool {
        !self.0.iter().any(|c| is_wild(*c))
    }
}

fn is_wild(c: char) -> bool {
    matches!(c, '*' | '?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_stand_for_text() {
        for (glob, name, fits) in [
            ("pump-1", "pump-1", true),
            ("pump-1", "pump-11", false),
            ("pump-*", "pump-", true),
            ("pump-*", "pum", false),
            ("*-1", "pump-1-1", true),
            ("*-1", "pump-1-2", false),
            ("p*m*1", "pump-mm-1", true),
            ("p?mp", "pümp", true),
            ("p?mp", "pmp", false),
            ("*", "", true),
            ("?", "", false),
            ("**a**", "bab", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(NameGlob::new(glob).matches(name), fits, "{glob} {name}");
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let glob = NameGlob::new(&format!("{}b", "*a".repeat(60)));
        assert!(!glob.matches(&"a".repeat(255)));
    }

    #[test]
    fn the_ledger_is_told_what_the_names_begin_with() {
        let glob = NameGlob::new("pump-?-*");
        assert_eq!((glob.literal_prefix().as_str(), glob.is_literal()), ("pump-", false));
        let glob = NameGlob::new("pump");
        assert_eq!((glob.literal_prefix().as_str(), glob.is_literal()), ("pump", true));
    }
}
