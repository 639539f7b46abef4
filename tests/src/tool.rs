//! Running a program to its end, or until it has taken too long.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::clock::Clock;

/// Few programs here have any business taking longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// A program that is about to run.
pub struct Tool {
    command: Command,
    stdin: Option<Vec<u8>>,
    secrets: Vec<String>,
    patience: Duration,
}

impl Tool {
    /// The program with nothing on its standard input and our own environment.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { command: Command::new(program), stdin: None, secrets: Vec::new(), patience: PATIENCE }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Moves its date to that of this clock. After [`Tool::clean_env`], which would take that away.
    #[must_use]
    pub fn at(mut self, clock: &Clock) -> Self {
        self.command.envs(clock.variables());
        self
    }

    /// Takes everything out of its environment.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Starts it in this directory.
    #[must_use]
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Writes this to its standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Makes [`Tool::run`] stop the test if this text turns up in what the program prints.
    #[must_use]
    pub fn hides(mut self, secrets: impl IntoIterator<Item = String>) -> Self {
        self.secrets.extend(secrets);
        self
    }

    /// Lets it take so long before it is stopped, and the test with it.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The command as the standard library has it, for what a test wants to do to it by itself.
    pub fn command(self) -> Command {
        self.command
    }

    /// Runs it.
    ///
    /// # Panics
    /// Where it cannot be started, takes longer than two minutes or prints a secret.
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        let line = line(&self.command);
        // Never that of the test: a program that prompts would wait for the developer's terminal.
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = self
            .command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {line}: {error}"));
        if let (Some(text), Some(mut pipe)) = (self.stdin.take(), child.stdin.take()) {
            // A program that ends without reading all of it is no fault of the test's.
            thread::spawn(move || drop(pipe.write_all(&text)));
        }
        // Both pipes at the same time: a program that fills one while the other is read would wait for ever.
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let status = wait(&mut child, self.patience, &line);
        let outcome = Outcome { line, status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap() };
        for secret in &self.secrets {
            let shown = outcome.stdout_text().contains(secret) || outcome.stderr_text().contains(secret);
            assert!(!shown, "a secret was printed by {outcome}");
        }
        outcome
    }
}

/// The exit status and the output of a program.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The command line.
    pub line: String,
    /// The exit status; minus the signal's number for one that a signal ended.
    pub status: i32,
    /// The standard output.
    pub stdout: Vec<u8>,
    /// The standard error.
    pub stderr: Vec<u8>,
}

impl Outcome {
    /// The standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Stops the test unless the program ended with 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.ends(0)
    }

    /// Stops the test unless the program ended with this status.
    #[track_caller]
    pub fn ends(self, status: i32) -> Self {
        assert!(self.status == status, "expected exit status {status} from {self}");
        self
    }

    /// Stops the test unless the program printed this, on either of its outputs.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        let printed = self.stdout_text().contains(text) || self.stderr_text().contains(text);
        assert!(printed, "expected {text:?} from {self}");
        self
    }

    /// The standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}) from {self}"))
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.line)?;
        writeln!(f, "  exit status: {}", self.status)?;
        writeln!(f, "--- stdout\n{}", self.stdout_text())?;
        writeln!(f, "--- stderr\n{}", self.stderr_text())
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).unwrap();
        }
        bytes
    })
}

#[track_caller]
fn wait(child: &mut Child, patience: Duration, line: &str) -> i32 {
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            // A program that a signal ended has no status; the negative number keeps it apart from every true one.
            return status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("stopped after {patience:?}: {line}");
        }
        // Short at first, because most runs of tbpki take few milliseconds.
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn line(command: &Command) -> String {
    let words: Vec<OsString> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(OsStr::to_os_string).collect();
    words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}
