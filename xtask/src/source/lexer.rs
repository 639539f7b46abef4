//! A lexer for Rust, as far as comments, literals, words and brackets go.
//!
//! The checks need comments, which `syn` drops, and the paths inside macro calls, which `syn` does not parse. Tokens
//! are enough for both.

/// The kinds of token that the checks tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier or keyword; without `r#`.
    Word,
    /// A lifetime, character or number.
    Other,
    /// A string literal of any sort, with its quotes.
    Text,
    /// A comment that is not a doc comment, with its slashes.
    Comment,
    /// A doc comment, with its slashes.
    Doc,
    /// One character of punctuation.
    Mark,
}

/// A piece of source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// The line on which it begins, counted from 1.
    pub(crate) line: usize,
}

impl Token<'_> {
    /// True for this word or this mark.
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Mark) && self.text == text
    }
}

/// The tokens of a source file, comments included.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = if first.is_whitespace() { (None, first.len_utf8()) } else { next(rest, first) };
        let (text, after) = rest.split_at(length.min(rest.len()));
        if let Some(kind) = kind {
            // A raw word is the same name as the word without the prefix.
            let text = if kind == Kind::Word { text.trim_start_matches("r#") } else { text };
            tokens.push(Token { kind, text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The tokens without comments.
pub(crate) fn code(source: &str) -> Vec<Token<'_>> {
    let mut tokens = tokens(source);
    tokens.retain(|token| !matches!(token.kind, Kind::Comment | Kind::Doc));
    tokens
}

fn next(rest: &str, first: char) -> (Option<Kind>, usize) {
    if rest.starts_with("//") {
        return (Some(comment_kind(rest)), rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Some(comment_kind(rest)), block_comment(rest));
    }
    // Strings before words, because a prefix such as `br` looks like the start of a word.
    if let Some(length) = string(rest) {
        return (Some(Kind::Text), length);
    }
    // Before lifetimes, which begin with the same mark.
    if let Some(length) = character(rest) {
        return (Some(Kind::Other), length);
    }
    if first.is_alphabetic() || first == '_' {
        let start = if rest.starts_with("r#") { 2 } else { 0 };
        return (Some(Kind::Word), start + run(rest.get(start..).unwrap_or_default()));
    }
    if first.is_ascii_digit() {
        return (Some(Kind::Other), number(rest));
    }
    if first == '\'' {
        return (Some(Kind::Other), 1 + run(rest.get(1..).unwrap_or_default()));
    }
    (Some(Kind::Mark), first.len_utf8())
}

fn comment_kind(rest: &str) -> Kind {
    let outer = |mark: &str| {
        let plain = mark.chars().last().unwrap_or_default();
        // `////` and `/***` are ordinary comments, as the Rust reference has it.
        rest.strip_prefix(mark).is_some_and(|after| !after.starts_with(plain) && !after.starts_with('/'))
    };
    if rest.starts_with("//!") || rest.starts_with("/*!") || outer("///") || outer("/**") {
        Kind::Doc
    } else {
        Kind::Comment
    }
}

/// The length of a block comment. They nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a string literal, raw or not, if one begins here.
fn string(rest: &str) -> Option<usize> {
    let prefix = rest.find(|c: char| !matches!(c, 'b' | 'c' | 'r')).unwrap_or(rest.len());
    let (letters, after) = rest.split_at(prefix);
    if !matches!(letters, "" | "b" | "c" | "r" | "br" | "cr") {
        return None;
    }
    let hashes = if letters.ends_with('r') { after.len() - after.trim_start_matches('#').len() } else { 0 };
    let inside = after.get(hashes..)?.strip_prefix('"')?;
    let start = prefix + hashes + 1;
    if letters.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(inside.find(&end).map_or(rest.len(), |at| start + at + end.len()));
    }
    Some(quoted(inside, '"').map_or(rest.len(), |length| start + length))
}

/// The length of a character or byte literal, if one begins here; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let (start, inside) = match rest.strip_prefix("b'") {
        Some(inside) => (2, inside),
        None => (1, rest.strip_prefix('\'')?),
    };
    let mut letters = inside.chars();
    let (first, second) = (letters.next()?, letters.next());
    // `'a'` is a character and `'a` a lifetime: only the second mark after it tells them apart.
    (first == '\\' || second == Some('\'')).then(|| quoted(inside, '\'').map_or(rest.len(), |length| start + length))
}

/// The length up to and including the closing quote.
fn quoted(inside: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in inside.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The length of the letters, digits and underscores at the beginning.
fn run(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// The length of a number: `1.5` is one, `1..5` holds two.
fn number(rest: &str) -> usize {
    let whole = run(rest);
    let fraction = rest.get(whole..).and_then(|after| after.strip_prefix('.')).unwrap_or_default();
    // `1..2` is a range and not a number with a fraction.
    if fraction.starts_with(|c: char| c.is_ascii_digit()) { whole + 1 + run(fraction) } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str, kind: Kind) -> Vec<&str> {
        tokens(source).into_iter().filter(|token| token.kind == kind).map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_doc_comments_are_told_apart() {
        let source = "//! a\n/// b\n// c\n//// d\n/* e /* nested */ */ /** f */ /**/ x";
        assert_eq!(texts(source, Kind::Doc), ["//! a", "/// b", "/** f */"]);
        assert_eq!(texts(source, Kind::Comment), ["// c", "//// d", "/* e /* nested */ */", "/**/"]);
        assert_eq!(texts(source, Kind::Word), ["x"]);
    }

    #[test]
    fn strings_of_every_sort_end_where_they_end() {
        let source = r###"a("b\"c", r"d\", r#"e"f"#, b"g", br##"h"#"##, c"i") // j"###;
        assert_eq!(
            texts(source, Kind::Text),
            [r#""b\"c""#, r#"r"d\""#, r##"r#"e"f"#"##, r#"b"g""#, r###"br##"h"#"##"###, r#"c"i""#]
        );
        assert_eq!(texts(source, Kind::Comment), ["// j"]);
    }

    #[test]
    fn characters_lifetimes_and_raw_words_are_told_apart() {
        let source = r"fn r#type<'a>(c: &'a str) { ('\'', 'x', b'\\', '\u{41}', 1..2, 1.5) }";
        assert_eq!(texts(source, Kind::Other), ["'a", "'a", r"'\''", "'x'", r"b'\\'", r"'\u{41}'", "1", "2", "1.5"]);
        assert_eq!(texts(source, Kind::Word), ["fn", "type", "c", "str"]);
    }

    #[test]
    fn lines_are_counted_inside_literals_too() {
        let found = tokens("\"a\nb\"\n/* c\n */ d");
        assert_eq!(found.iter().map(|token| token.line).collect::<Vec<_>>(), [1, 3, 4]);
    }
}
