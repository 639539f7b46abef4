//! One line that a user types on the terminal.

use std::io::{self, Write as _};

use base::text::printable;
use base::{Code, Error, Result};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::hidden::EchoOff;

/// The most bytes of a line: a terminal of Linux passes on 4,095 and a line break.
const MAX_BYTES: usize = 64 * 1024;

/// Prints `question` and reads the answer. `None` if the input ends instead (Ctrl-D).
pub(super) fn ask(question: &str) -> Result<Option<Zeroizing<String>>> {
    print(question)?;
    let answer = read()?;
    if answer.is_none() {
        // The cursor is behind the question, where the error would follow.
        print("\n")?;
    }
    Ok(answer)
}

/// As [`ask`], while the terminal does not show what is typed.
pub(super) fn ask_hidden(question: &str) -> Result<Option<Zeroizing<String>>> {
    // Before the question, so that an answer that is typed quickly is not shown either.
    let echo = EchoOff::new().map_err(broken)?;
    print(question)?;
    let answer = read();
    drop(echo);
    // The terminal has not shown the line break either.
    print("\n")?;
    answer
}

/// Prints the reason why a question is asked again.
pub(super) fn tell(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

fn print(text: &str) -> Result<()> {
    let mut terminal = io::stderr().lock();
    let lines: Vec<String> = text.split('\n').map(|line| printable(line).to_string()).collect();
    write!(terminal, "{}", lines.join("\n")).and_then(|()| terminal.flush()).map_err(broken)
}

/// A line of standard input without its line break.
fn read() -> Result<Option<Zeroizing<String>>> {
    // Without the buffer of the standard library, which would keep a copy of the secret.
    let stdin = io::stdin();
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    let mut piece = Zeroizing::new([0; 4096]);
    while line.last() != Some(&b'\n') {
        let got = match rustix::io::read(&stdin, piece.as_mut_slice()) {
            Ok(0) if line.is_empty() => return Ok(None),
            Ok(0) => break,
            Ok(got) => got,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(broken(errno.into())),
        };
        if line.len() + got > MAX_BYTES {
            return Err(Code::NeedsAnswer
                .error("the answer to the prompt is too long")
                .because("at most 64 KiB are read"));
        }
        line.extend_from_slice(piece.get(..got).unwrap_or_default());
    }
    let text = std::str::from_utf8(&line)
        .map_err(|_| Code::NeedsAnswer.error("the answer to the prompt is not UTF-8").fix("use a UTF-8 terminal"))?;
    Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
}

fn broken(error: io::Error) -> Error {
    Code::NeedsAnswer.error("no answer to the prompt").caused_by(error)
}
