//! One line of keygen.properties.

use std::fmt;
use std::iter::Peekable;
use std::str::CharIndices;

use base::Code;
use base::text::quote;
use zeroize::Zeroizing;

/// A line that sets a variable.
pub(super) struct Assignment<'a> {
    /// The variable.
    pub(super) name: &'a str,
    pub(super) value: LegacyValue,
}

/// A value, before the host name is put in. It may be a password, so `Debug` does not show it.
#[derive(Clone, Default)]
pub(super) struct LegacyValue {
    pieces: Vec<Piece>,
}

#[derive(Clone)]
enum Piece {
    Text(Zeroizing<String>),
    HostName,
}

impl LegacyValue {
    /// The text on a host of this name; nothing when the value needs the name and there is none.
    pub(super) fn expand(&self, host_name: Option<&str>) -> Option<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::new());
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::HostName => text.push_str(host_name?),
            }
        }
        Some(text)
    }

    fn push(&mut self, c: char) {
        if let Some(Piece::Text(text)) = self.pieces.last_mut() {
            text.push(c);
        } else {
            self.pieces.push(Piece::Text(Zeroizing::new(c.to_string())));
        }
    }
}

impl fmt::Debug for LegacyValue {
    // A password may be in the pieces.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LegacyValue(..)")
    }
}

/// Why a line cannot be taken.
#[derive(Debug)]
pub(super) struct LineError {
    /// The position in the line, in bytes.
    pub(super) offset: usize,
    /// The code for it.
    pub(super) code: Code,
    /// The problem, without any part of a password.
    pub(super) what: String,
    /// The remedy.
    pub(super) fix: Option<&'static str>,
    /// The variable that the line sets.
    pub(super) name: Option<String>,
}

impl LineError {
    fn syntax(offset: usize, what: impl Into<String>) -> Self {
        Self { offset, code: Code::PropertiesSyntax, what: what.into(), fix: None, name: None }
    }

    fn shell(offset: usize, what: impl Into<String>) -> Self {
        let fix = Some("write the value that it gives");
        Self { offset, code: Code::NeedsShell, what: what.into(), fix, name: None }
    }
}

/// Reads a line; nothing when it sets nothing.
pub(super) fn read(line: &str) -> Result<Option<Assignment<'_>>, LineError> {
    let mut rest = line.trim_start();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(None);
    }
    // `export` is a word only with white space behind it; `exported=1` is a variable.
    if let Some(exported) = rest.strip_prefix("export").filter(|exported| exported.starts_with([' ', '\t'])) {
        rest = exported.trim_start();
    }
    let start = line.len() - rest.len();
    let length = rest.find(|c: char| !is_name_char(c)).unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
    let Some(value) = after.strip_prefix('=').filter(|_| is_name(name)) else {
        return Err(no_assignment(rest, name, after, start));
    };
    match read_value(line, line.len() - value.len(), name) {
        Ok(value) => Ok(Some(Assignment { name, value })),
        Err(mut trouble) => {
            trouble.name = Some(name.to_owned());
            Err(trouble)
        }
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(is_name_char)
}

fn no_assignment(rest: &str, name: &str, after: &str, start: usize) -> LineError {
    // The shell would run the name as a command; what was meant is clear enough to say so.
    if is_name(name) && after.trim_start().starts_with('=') {
        return LineError {
            fix: Some("remove the space"),
            ..LineError::syntax(start, format!("there is a space between {} and its =", quote(name)))
        };
    }
    let word = rest.split_whitespace().next().unwrap_or_default();
    if word.contains('=') {
        return LineError::syntax(start, "the name in front of the = is not the name of a variable");
    }
    let fix = Some("remove it, or write the variables that it would set");
    LineError { fix, ..LineError::shell(start, format!("the line runs the command {}", quote(word))) }
}

/// A reader of the value that begins at `start` of the line.
struct Reader<'a> {
    line: &'a str,
    chars: Peekable<CharIndices<'a>>,
    value: LegacyValue,
    /// True if messages may show expressions.
    show: bool,
}

fn read_value(line: &str, start: usize, name: &str) -> Result<LegacyValue, LineError> {
    let text = line.get(start..).unwrap_or_default();
    // Offsets stay those of the whole line.
    let mut chars = line.char_indices().peekable();
    while chars.next_if(|(offset, _)| *offset < start).is_some() {}
    // A message goes to logs, and an expression inside a password is a part of it.
    let show = !name.to_ascii_uppercase().contains("PASS");
    let mut reader = Reader { line, chars, value: LegacyValue::default(), show };
    if text.trim_start().starts_with('~') {
        return Err(LineError::shell(start, "the value begins with ~, a user's directory"));
    }
    reader.unquoted()?;
    Ok(reader.value)
}

impl Reader<'_> {
    /// Everything, with the quoted parts on the way.
    fn unquoted(&mut self) -> Result<(), LineError> {
        let mut quotes_seen = false;
        while let Some((offset, c)) = self.chars.next() {
            match c {
                '\'' => {
                    self.single_quoted(offset)?;
                    quotes_seen = true;
                }
                '"' => {
                    self.double_quoted(offset)?;
                    quotes_seen = true;
                }
                '$' => self.dollar(offset, false)?,
                '`' => return Err(self.command(offset)),
                '\\' => match self.chars.next() {
                    Some((_, escaped)) => self.value.push(escaped),
                    None => return Err(LineError::shell(offset, "the line continues on the next one")),
                },
                // Unquoted, these end the assignment in bash, so the old scripts had another value than the eye reads.
                ';' | '&' | '|' | '<' | '>' | '(' | ')' => {
                    let fix = Some("put quotes around the value if the character belongs to it");
                    return Err(LineError { fix, ..LineError::shell(offset, format!("a {c} is outside quotes")) });
                }
                c if c.is_whitespace() => {
                    let rest = self.line.get(offset..).unwrap_or_default();
                    let behind = rest.trim_start();
                    if behind.is_empty() || behind.starts_with('#') {
                        return Ok(());
                    }
                    if quotes_seen {
                        return Err(LineError::syntax(offset, "there is text behind the closing quote"));
                    }
                    // Bash sets both; here a value may have spaces without quotes, and must not swallow the second
                    // variable.
                    let word = behind.find(|c: char| !is_name_char(c)).and_then(|end| behind.split_at_checked(end));
                    if word.is_some_and(|(name, after)| is_name(name) && after.starts_with('=')) {
                        return Err(LineError::syntax(offset, "the line sets two variables"));
                    }
                    // White space in front of the value does not belong to it.
                    if !self.value.pieces.is_empty() {
                        self.value.push(c);
                    }
                }
                c => self.value.push(c),
            }
        }
        Ok(())
    }

    fn single_quoted(&mut self, start: usize) -> Result<(), LineError> {
        loop {
            match self.chars.next() {
                // Nothing else has a meaning in single quotes, not even a backslash.
                Some((_, '\'')) => return Ok(()),
                Some((_, c)) => self.value.push(c),
                None => return Err(LineError::syntax(start, "the quote is not closed on this line")),
            }
        }
    }

    fn double_quoted(&mut self, start: usize) -> Result<(), LineError> {
        while let Some((offset, c)) = self.chars.next() {
            match c {
                '"' => return Ok(()),
                '$' => self.dollar(offset, true)?,
                '`' => return Err(self.command(offset)),
                // Inside double quotes, bash takes a backslash literally before all other characters.
                '\\' => match self.chars.next_if(|(_, escaped)| matches!(escaped, '"' | '\\' | '$' | '`')) {
                    Some((_, escaped)) => self.value.push(escaped),
                    None if self.chars.peek().is_none() => {
                        return Err(LineError::shell(offset, "the line continues on the next one"));
                    }
                    None => self.value.push('\\'),
                },
                c => self.value.push(c),
            }
        }
        Err(LineError::syntax(start, "the quote is not closed on this line"))
    }

    /// The text after a `$`.
    fn dollar(&mut self, offset: usize, in_quotes: bool) -> Result<(), LineError> {
        let rest = self.line.get(offset + 1..).unwrap_or_default();
        let next = rest.chars().next();
        match next {
            // The one command that the template of the old file used; others cannot be known here.
            Some('(') => {
                let inside = rest.get(1..).and_then(|inside| inside.split_once(')'));
                match inside {
                    Some((command, _)) if command.trim() == "hostname" => {
                        self.value.pieces.push(Piece::HostName);
                        // The `$`, the `(`, the command and the `)`.
                        let end = offset + 1 + 1 + command.len() + 1;
                        while self.chars.next_if(|(at, _)| *at < end).is_some() {}
                        Ok(())
                    }
                    _ => Err(self.command(offset)),
                }
            }
            // In bash, `$'..'` has escapes like those of C, and `$".."` is translated.
            Some('\'' | '"') if !in_quotes => Err(LineError::shell(offset, "a $ is in front of a quote")),
            Some('{' | '@' | '*' | '#' | '?' | '-' | '$' | '!') => Err(self.expression(offset, "a variable")),
            Some(c) if is_name_char(c) => Err(self.expression(offset, "a variable")),
            _ => {
                // A lone dollar is itself in bash.
                self.value.push('$');
                Ok(())
            }
        }
    }

    fn command(&self, offset: usize) -> LineError {
        self.expression(offset, "the output of a command")
    }

    /// The error for something that only a shell can work out.
    fn expression(&self, offset: usize, kind: &str) -> LineError {
        let rest = self.line.get(offset..).unwrap_or_default();
        let end = match rest.chars().nth(1) {
            Some('(') => rest.find(')').map(|end| end + 1),
            Some('{') => rest.find('}').map(|end| end + 1),
            _ if rest.starts_with('`') => rest.match_indices('`').nth(1).map(|(end, _)| end + 1),
            // The `$` and one character belong to it in any case: bash has names of a single sign, such as `$?`.
            _ => rest.char_indices().skip(2).find(|(_, c)| !is_name_char(*c)).map(|(end, _)| end),
        };
        let expression = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
        let what = match self.show {
            true => format!("{} is {kind}", quote(expression)),
            false => format!("a part of the value is {kind}"),
        };
        let fix = Some("write the resulting value, or put single quotes around the value if it is literal");
        LineError { fix, ..LineError::shell(offset, what) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> String {
        let assignment = read(line).unwrap_or_else(|trouble| panic!("{line}: {trouble:?}")).unwrap();
        assignment.value.expand(Some("vm")).unwrap().to_string()
    }

    #[test]
    fn a_value_is_the_rest_of_the_line_without_its_quotes() {
        for (line, expected) in [
            ("CITY=San Francisco", "San Francisco"),
            ("CITY=\"San Francisco\"", "San Francisco"),
            ("CITY='San Francisco'", "San Francisco"),
            ("CITY=San\\ Francisco", "San Francisco"),
            ("CITY= \t San Francisco \t ", "San Francisco"),
            ("  export\tCITY=SF", "SF"),
            ("CITY=", ""),
            ("CITY=\"\"", ""),
            ("CITY=\"  \"", "  "),
            ("CITY=München", "München"),
            ("O=\"AT&T; (a|b) <c> # d\"", "AT&T; (a|b) <c> # d"),
            ("O='$HOME `x` \\'", "$HOME `x` \\"),
            ("O=\"a\\\"b\\\\c\\$d\\`e\\f\"", "a\"b\\c$d`e\\f"),
            ("O=a#b", "a#b"),
            ("O=#b", "#b"),
            ("O=5$ or 5$%", "5$ or 5$%"),
            ("O=\"5$\"", "5$"),
            ("O=a=b", "a=b"),
            ("O=\"a\"'b'c", "abc"),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn what_follows_a_hash_behind_white_space_is_a_comment() {
        assert_eq!(value("CITY=San Francisco # or is it?"), "San Francisco");
        assert_eq!(value("CITY=\"SF\"\t# `rm -rf /`"), "SF");
        assert_eq!(value("CITY= # nothing"), "");
        assert!(read("  # CITY=SF").unwrap().is_none());
        assert!(read(" \t").unwrap().is_none());
    }

    #[test]
    fn the_host_name_is_the_one_expansion() {
        assert_eq!(value("DOMAIN_SUFFIX=\"$(hostname)\""), "vm");
        assert_eq!(value("DOMAIN_SUFFIX=$( hostname ).example # x"), "vm.example");
        assert_eq!(value("DOMAIN_SUFFIX=mqtt-\"$(hostname)\".example"), "mqtt-vm.example");
        assert_eq!(value("DOMAIN_SUFFIX='$(hostname)'"), "$(hostname)");
        assert!(read("D=$(hostname)").unwrap().unwrap().value.expand(None).is_none());
    }

    #[test]
    fn what_needs_a_shell_is_refused_by_name() {
        for (line, offset, shown) in [
            ("D=$(hostname -f)", 2, "\"$(hostname -f)\""),
            ("D=\"x$(rm -rf /)y\"", 4, "\"$(rm -rf /)\""),
            ("D=$(unclosed", 2, "\"$(unclosed\""),
            ("D=$((1+1))", 2, "$((1+1)"),
            ("D=`hostname`", 2, "\"`hostname`\""),
            ("D=\"`id\"", 3, "`id"),
            ("D=$HOME/x", 2, "\"$HOME\""),
            ("D=\"${HOME:-x}/y\"", 3, "\"${HOME:-x}\""),
            ("D=$1", 2, "\"$1\""),
            ("D=$$", 2, "\"$$\""),
            ("D=$'a'", 2, "$"),
            ("D=~/conf", 2, "~"),
            ("D=a; rm -rf /", 3, ";"),
            ("D=a && b", 4, "&"),
            // A shell would run `D=AT` in the background and then `T`.
            ("D=AT&T", 4, "&"),
            ("D=a | b", 4, "|"),
            ("D=a > /etc/passwd", 4, ">"),
            ("D=(a b)", 2, "("),
            ("D=a \\", 4, "continues"),
            ("D=\"a \\", 5, "continues"),
            ("source other.properties", 0, "\"source\""),
            (". ./other", 0, "\".\""),
            ("  rm -rf /", 2, "\"rm\""),
            ("export D", 7, "\"D\""),
        ] {
            let trouble = read(line).err().unwrap_or_else(|| panic!("{line}"));
            assert_eq!((trouble.code, trouble.offset), (Code::NeedsShell, offset), "{line}: {trouble:?}");
            assert!(trouble.what.contains(shown), "{line}: {trouble:?}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        for line in [
            // A shell takes this for a command CITY.
            "CITY =SF",
            "=x",
            "1A=x",
            "A-B=x",
            "A+=x",
            "A[0]=x",
            "A=\"x",
            "A='x",
            "A=O'Brien",
            "A=\"x\" y",
            "A=x B=y",
            "\u{a0}=x",
        ] {
            let trouble = read(line).err().unwrap_or_else(|| panic!("{line}"));
            assert_eq!(trouble.code, Code::PropertiesSyntax, "{line}: {trouble:?}");
        }
    }

    #[test]
    fn no_part_of_a_password_is_shown() {
        for line in [
            // The error points at the expansion, whose name is a part of the password here.
            "SERVER_KEY_PASSWORD=a$hunter2",
            "SERVER_KEY_PASSWORD=`hunter2`",
            "P_PASSWORD=\"hunter2",
            "PASSWORD=x hunter2=y",
            "PASSWORD=\"x\" hunter2",
        ] {
            let trouble = read(line).err().unwrap_or_else(|| panic!("{line}"));
            assert!(!format!("{trouble:?}").contains("hunter2"), "{trouble:?}");
        }
        let assignment = read("SERVER_KEY_PASSWORD=hunter2").unwrap().unwrap();
        assert!(!format!("{:?}", assignment.value).contains("hunter2"));
    }
}
