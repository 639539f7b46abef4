//! The examples of the documentation: `console` blocks, as CONTRIBUTING.md describes them, read and run.
//!
//! A page is run from top to bottom in one empty directory and in one shell, so that a reader who types it sees what
//! the page shows. What differs from run to run (serial numbers, fingerprints, dates) is compared by its form alone.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::binary::tbpki;
use crate::sandbox::Sandbox;
use crate::tool::Tool;

/// Something of a page that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The first line of the block, from 1.
    pub line: usize,
    /// The typed text, several lines for one that is continued, and for the hidden preparations.
    pub script: String,
    /// The output on the page; empty if the page shows none.
    pub output: Vec<String>,
    /// The exit status that it ends with.
    pub status: i32,
    /// True for blocks that readers do not see.
    pub hidden: bool,
}

/// The steps of a page.
///
/// # Errors
/// What is wrong with the page, and in which line.
pub fn parse(page: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut lines = page.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
    let mut exit: Option<(usize, i32)> = None;
    while let Some((number, line)) = lines.next() {
        if let Some(status) = line.strip_prefix("<!-- exit ") {
            let status = status.strip_suffix(" -->").and_then(|status| status.parse().ok());
            exit = Some((number, status.ok_or_else(|| format!("line {number}: no exit status: {line}"))?));
        } else if line == "<!-- setup" {
            let script: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "-->").collect();
            steps.push(Step { line: number, script: script.join("\n"), output: Vec::new(), status: 0, hidden: true });
        } else if let Some(language) = line.trim_start().strip_prefix("```") {
            let block: Vec<(usize, &str)> =
                lines.by_ref().take_while(|(_, line)| !line.trim_start().starts_with("```")).collect();
            // Taken, so that a status is for the next block alone, and a forgotten one does not reach a later block.
            let status = exit.take().map(|(_, status)| status);
            match language {
                "console" => steps.extend(commands(&block, status.unwrap_or(0))?),
                _ if status.is_some() => return Err(format!("line {number}: only console blocks end with a status")),
                "text" => {}
                _ => {
                    if let Some((number, line)) = block.iter().find(|(_, line)| line.starts_with("$ ")) {
                        return Err(format!("line {number}: commands are in console or text blocks: {line}"));
                    }
                }
            }
        }
    }
    match exit {
        Some((number, _)) => Err(format!("line {number}: no block follows this status")),
        None => Ok(steps),
    }
}

/// The commands of a block, the last of which ends with `status`.
fn commands(block: &[(usize, &str)], status: i32) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in block {
        if let Some(command) = line.strip_prefix("$ ") {
            let script = command.to_owned();
            steps.push(Step { line: *number, script, output: Vec::new(), status: 0, hidden: false });
            continue;
        }
        let step = steps.last_mut().ok_or_else(|| format!("line {number}: a block begins with a command: {line}"))?;
        match line.strip_prefix("> ") {
            // A command that a backslash continues looks like output otherwise.
            Some(rest) if step.output.is_empty() && step.script.ends_with('\\') => {
                step.script = format!("{}\n{rest}", step.script);
            }
            _ => step.output.push((*line).to_owned()),
        }
    }
    let last = steps.last_mut().ok_or("an empty console block")?;
    last.status = status;
    Ok(steps)
}

/// Runs a page in a directory of its own.
///
/// # Errors
/// The first command whose status or output differs from the page, with its line.
pub fn run(page: &str) -> Result<usize, String> {
    let steps = parse(page)?;
    // Every page has a directory of its own, so that none depends on the files of another.
    let sandbox = Sandbox::new();
    // Pages may leave files next to the directory that they work in.
    let (work, out) = (sandbox.join("work"), sandbox.join("out"));
    [&work, &out].into_iter().for_each(|directory| fs::create_dir(directory).unwrap());
    let script = script(&steps, &out);
    let path = std::env::join_paths(
        std::iter::once(tbpki().parent().unwrap().to_path_buf())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    Tool::new("sh")
        .args(["-c", &script])
        .directory(&work)
        .clean_env()
        .env("PATH", path.unwrap())
        .env("HOME", sandbox.path())
        .env("LANG", "C.UTF-8")
        // The shell's own status means nothing here: each step wrote its own.
        .run();
    for (index, step) in steps.iter().enumerate() {
        let read = |what: &str| fs::read_to_string(out.join(format!("{index}.{what}"))).unwrap_or_default();
        let (printed, status) = (read("out"), read("status"));
        let fault = |what: String| format!("line {}: $ {}\n{what}\nit prints:\n{printed}", step.line, step.script);
        if status.trim() != step.status.to_string() {
            return Err(fault(format!("exit status {} and not {}", status.trim(), step.status)));
        }
        if !step.output.is_empty() {
            matches(&step.output, &printed).map_err(fault)?;
        }
    }
    Ok(steps.iter().filter(|step| !step.hidden).count())
}

/// One script for the whole page, which notes what each step prints and ends with, and stops at the first that ends
/// otherwise than it should.
fn script(steps: &[Step], out: &Path) -> String {
    let mut script = String::new();
    for (index, Step { script: typed, status, hidden, .. }) in steps.iter().enumerate() {
        let file = out.join(index.to_string());
        let file = file.display();
        // Preparations stop where one of them fails; commands of the page run in the shell itself.
        let (open, close) = if *hidden { ("( set -e", ")") } else { ("{", "}") };
        writeln!(script, "{open}\n{typed}\n{close} >'{file}.out' 2>&1 </dev/null\nstatus=$?").unwrap();
        // The rest would only fail because of this step and hide the first reason.
        writeln!(script, "echo $status >'{file}.status'\n[ $status = {status} ] || exit").unwrap();
    }
    script
}

/// Compares what is printed with the page: a line `...` matches any lines, and `...` at the end of a line
/// for any rest of it.
///
/// # Errors
/// The first line of the page that is not printed.
pub fn matches(said: &[String], printed: &str) -> Result<(), String> {
    let printed: Vec<String> = printed.lines().map(form).collect();
    let mut rest = printed.as_slice();
    let mut skipping = false;
    for line in said {
        if line == "..." {
            skipping = true;
            continue;
        }
        // Without "..." only the very next line may match; else any may.
        let reach = if skipping { rest.len() } else { rest.len().min(1) };
        let Some(at) = rest[..reach].iter().position(|printed| is_like(&form(line), printed)) else {
            return Err(format!("it does not print: {line}"));
        };
        rest = &rest[at + 1..];
        skipping = false;
    }
    match rest.first() {
        Some(line) if !skipping => Err(format!("it prints more: {line}")),
        _ => Ok(()),
    }
}

fn is_like(said: &str, printed: &str) -> bool {
    match said.strip_suffix("...") {
        Some(beginning) => printed.starts_with(beginning),
        None => said == printed,
    }
}

/// A line with the form of its numbers in their place: `#` for serial numbers and digests, `@` for dates and times.
/// Columns count as columns, however wide they are.
fn form(line: &str) -> String {
    let indented = line.len() - line.trim_start().len();
    let words: Vec<&str> = line.split_whitespace().collect();
    let line = format!("{}{}", &line[..indented], words.join(" "));
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-:".contains(c);
    let mut shown = String::new();
    let mut rest = line.as_str();
    while !rest.is_empty() {
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length.max(rest.chars().next().map_or(1, char::len_utf8)));
        let digits = |word: &str| word.bytes().filter(u8::is_ascii_digit).count();
        let is_date = word.len() >= 10
            && word.as_bytes()[4] == b'-'
            && word.as_bytes()[7] == b'-'
            && digits(&word[..4]) == 4
            && digits(&word[5..7]) == 2;
        let is_time = word.len() == 8 && word.as_bytes()[2] == b':' && word.as_bytes()[5] == b':' && digits(word) == 6;
        // Sixteen digits are 64 random bits: shorter numbers such as ports and counts must be the same in every run.
        let is_number = word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        shown.push_str(if is_date || is_time {
            "@"
        } else if is_number {
            "#"
        } else {
            word
        });
        rest = after;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# A page

<!-- setup
echo one > file
cd .
-->

```console
$ cat file \\
>     file
one
one
$ true
```

```toml
key = 1
```

<!-- exit 3 -->
```console
$ sh -c 'echo no; exit 3'
no
```

```text
$ ssh somewhere
```
";

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_page_is_taken_apart() {
        let steps = parse(PAGE).unwrap();
        let scripts: Vec<&str> = steps.iter().map(|step| step.script.as_str()).collect();
        assert_eq!(scripts, ["echo one > file\ncd .", "cat file \\\n    file", "true", "sh -c 'echo no; exit 3'"]);
        assert_eq!(steps.iter().map(|step| step.status).collect::<Vec<_>>(), [0, 0, 0, 3]);
        assert_eq!(steps[1].output, ["one", "one"]);
        assert_eq!(steps[1].line, 9);
        assert!(steps[0].hidden && !steps[1].hidden);
    }

    #[test]
    fn a_page_is_run() {
        assert_eq!(run(PAGE), Ok(3));
        let wrong = [
            ("one\none\n$", "one\ntwo\n$", "it does not print: two"),
            ("exit 3 -->", "exit 4 -->", "exit status 3 and not 4"),
            ("$ true", "$ false", "exit status 1 and not 0"),
            ("one\none\n$", "one\n$", "it prints more: one"),
            ("echo one > file", "false\necho one > file", "exit status 1 and not 0"),
        ];
        for (right, lie, fault) in wrong {
            let said = run(&PAGE.replace(right, lie)).unwrap_err();
            assert!(said.contains(fault), "{said}");
        }
    }

    #[test]
    fn pages_that_are_none_are_refused() {
        for (page, fault) in [
            ("<!-- exit x -->\n```console\n$ true\n```\n", "line 1: no exit status"),
            ("<!-- exit 3 -->\n", "line 1: no block follows"),
            ("<!-- exit 3 -->\n```text\n```\n", "line 2: only console blocks"),
            ("```console\nout\n```\n", "line 2: a block begins with a command"),
            ("```sh\n$ true\n```\n", "line 2: commands are in console or text blocks"),
        ] {
            let said = parse(page).unwrap_err();
            assert!(said.contains(fault), "{said}");
        }
    }

    #[test]
    fn what_differs_from_run_to_run_is_compared_by_its_form() {
        let said = lines(
            "  serial  6CC97B92A5233A277713962E0D7166FC\n  valid   2026-11-23T08:24:03Z to 2036-11-20T09:24:03Z\n...",
        );
        let printed = "  serial  00C97B92A5233A277713962E0D7166FD\n  valid   2030-01-01T00:00:00Z to 2031-01-01T00:00:00Z\nmore\n";
        matches(&said, printed).unwrap();
        assert!(matches(&said, &printed.replace("serial", "number")).is_err());
        matches(&lines("a\n...\nz"), "a\nb\nc\nz\n").unwrap();
        assert!(matches(&lines("a\n...\nz"), "a\nb\n").is_err());
        matches(&lines("fingerprint 5445..."), "fingerprint 5445b8c1\n").unwrap();
        assert!(matches(&lines("ä 1"), "ö 1\n").is_err());
    }
}
