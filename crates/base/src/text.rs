//! Text from outside, on its way into names and messages.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// Whether a character must not stand in a name: control characters, and those that are invisible and
/// make a terminal show something else than what is there (line separators, changes of direction, BOM).
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Whether a character is shown as nothing. Two names that differ in such characters only cannot be told apart.
pub fn is_invisible(c: char) -> bool {
    // The blank pattern of Braille, marks of annotations and of hieroglyphs, and noncharacters.
    is_default_ignorable(c)
        || matches!(c,
            '\u{2800}' | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// The code points with the property Default_Ignorable_Code_Point of Unicode (Standard Annex 44).
fn is_default_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A number with the noun that it counts: "1 device", "2 devices".
pub fn counted<N: Copy + PartialEq + From<u8> + fmt::Display>(count: N, one: &str, many: &str) -> String {
    format!("{count} {}", if count == N::from(1) { one } else { many })
}

/// Text as a word of a command that a user can copy into a POSIX shell: in single quotes if it contains more than plain
/// characters.
pub fn shell_word(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

/// A device's name as arguments of a command that a user can copy: the name, or `--device=NAME` if it would be taken for an
/// option. For verbs that take devices both as NAME and as `--device NAME`.
pub fn device_words(name: &str) -> Cow<'_, str> {
    match name.starts_with('-') {
        true => Cow::Owned(device_option(name)),
        false => shell_word(name),
    }
}

/// The option `--device` with a device's name, for a command that a user can copy.
pub fn device_option(name: &str) -> String {
    // Behind an equals sign, a name that begins with a hyphen is still a value.
    let separator = if name.starts_with('-') { '=' } else { ' ' };
    format!("--device{separator}{}", shell_word(name))
}

/// A path as a word of a command that a user can copy into a POSIX shell (POSIX.1-2024 for a path that is not UTF-8).
pub fn shell_path(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    // A command would take it for an option.
    let here = if bytes.starts_with(b"-") { "./" } else { "" };
    if let Some(text) = path.to_str() {
        return format!("{here}{}", shell_word(text));
    }
    let mut word = format!("{here}$'");
    for byte in bytes {
        let _ = match byte {
            b'\'' | b'\\' => write!(word, "\\{}", char::from(*byte)),
            b' '..=b'~' => write!(word, "{}", char::from(*byte)),
            // Octal has at most three digits, so that a digit behind it is not a part of it.
            _ => write!(word, "\\{byte:03o}"),
        };
    }
    word.push('\'');
    word
}

/// Text from outside as a terminal shows it: what could deceive is escaped, everything else stays.
pub fn printable(text: &str) -> Printable<'_> {
    Printable(text)
}

/// See [`printable`].
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if is_deceptive(c) => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}

/// Text from outside as a message shows it: in quotes, as it was typed, cut where it is long. Only characters that cannot be
/// seen are escaped.
pub fn quote(text: &str) -> Quoted<'_> {
    Quoted(text)
}

/// See [`quote`].
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a>(&'a str);

/// The number of characters of a text that a message shows.
const SHOWN: usize = 80;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, end) = match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => (self.0.get(..end).unwrap_or_default(), "..."),
            None => (self.0, ""),
        };
        f.write_str("\"")?;
        shown.chars().try_for_each(|c| match c {
            '\'' | '"' | '\\' => write!(f, "{c}"),
            // Rust's own form leaves some characters as they are that no terminal shows.
            c if is_invisible(c) || (is_deceptive(c) && !c.is_control()) => write!(f, "{}", c.escape_unicode()),
            // It escapes combining marks at the beginning of a text only, so that they are put behind a letter.
            c => ['a', c].iter().collect::<String>().escape_debug().skip(1).try_for_each(|c| write!(f, "{c}")),
        })?;
        write!(f, "\"{end}")
    }
}

/// The name of a variant of a library's error in words: `CertNotValidForName(..)` is "cert not valid for name". What the
/// variant contains is left out, because it is in the form of Rust's source code.
pub fn variant_words(error: &impl fmt::Debug) -> String {
    let debug = format!("{error:?}");
    let end = debug.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(debug.len());
    let mut words = String::new();
    let mut after_small = false;
    for c in debug.get(..end).unwrap_or_default().chars() {
        if c.is_ascii_uppercase() && after_small {
            words.push(' ');
        }
        after_small = c.is_ascii_lowercase() || c.is_ascii_digit();
        words.push(c.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_a_shell_stay_one_word() {
        for (text, word) in [("pump-1", "pump-1"), ("", "''"), ("a b", "'a b'"), ("it's $x", r"'it'\''s $x'")] {
            assert_eq!(shell_word(text), word);
        }
    }

    #[test]
    fn names_of_devices_are_no_options_and_paths_are_one_word() {
        for (name, words, option) in [
            ("pump-1", "pump-1", "--device pump-1"),
            ("a b", "'a b'", "--device 'a b'"),
            ("p;touch x", "'p;touch x'", "--device 'p;touch x'"),
            ("-x", "--device=-x", "--device=-x"),
            ("--all now", "--device='--all now'", "--device='--all now'"),
        ] {
            assert_eq!((device_words(name).as_ref(), device_option(name).as_str()), (words, option));
        }
        use std::ffi::OsStr;
        let rows: [(&[u8], &str); 4] =
            [(b"/a/b", "/a/b"), (b"my fleet/pw", "'my fleet/pw'"), (b"-x", "./-x"), (b"a'\xff9", r"$'a\'\3779'")];
        for (path, word) in rows {
            assert_eq!(shell_path(Path::new(OsStr::from_bytes(path))), word);
        }
    }

    #[test]
    fn variants_become_words() {
        #[derive(Debug)]
        #[allow(dead_code, reason = "only its Debug output counts")]
        enum Error {
            CertNotValidForName(&'static str),
            UnknownCA,
            BadDer { at: usize },
        }
        assert_eq!(variant_words(&Error::CertNotValidForName("DnsName")), "cert not valid for name");
        assert_eq!(variant_words(&Error::UnknownCA), "unknown ca");
        assert_eq!(variant_words(&Error::BadDer { at: 1 }), "bad der");
    }

    #[test]
    fn invisible_characters_are_those_of_unicode() {
        let oracle = icu_properties::CodePointSetData::new::<icu_properties::props::DefaultIgnorableCodePoint>();
        // All characters, because the table in the code is a copy that a new Unicode version can make stale.
        for c in '\0'..=char::MAX {
            assert_eq!(is_default_ignorable(c), oracle.contains(c), "{:?}", c.escape_unicode().to_string());
        }
        assert!("\u{200b}\u{2800}\u{fffb}\u{ffff}\u{10fffe}".chars().all(is_invisible));
        assert!(!"a \u{fffd}\u{2801}\u{e000}".chars().any(is_invisible));
    }

    #[test]
    fn terminals_are_told_nothing_but_text() {
        assert_eq!(printable("pump \u{1b}[2J ä").to_string(), "pump \\u{1b}[2J ä");
    }

    #[test]
    fn messages_show_what_cannot_be_seen_and_stay_short() {
        assert_eq!(quote("a\0b\u{202e}").to_string(), r#""a\0b\u{202e}""#);
        assert_eq!(quote("a\u{3164}\u{200b}ä\"").to_string(), r#""a\u{3164}\u{200b}ä"""#);
        // As they were typed, with combining marks: names are looked up as messages show them.
        assert_eq!(quote("a\\b 'c' u\u{308}").to_string(), "\"a\\b 'c' u\u{308}\"");
        assert_eq!(quote("\u{308}\n\t\u{feff}\u{7f}").to_string(), "\"\u{308}\\n\\t\\u{feff}\\u{7f}\"");
        assert_eq!(quote(&"ä".repeat(300)).to_string(), format!("\"{}\"...", "ä".repeat(80)));
    }
}
