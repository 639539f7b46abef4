//! Starting other programs and printing their command lines.

pub(crate) mod git;
pub(crate) mod interrupt;
pub(crate) mod server;

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Doing, Error, Result};
use crate::workspace;
use interrupt::stop_here_if_interrupted;

/// A program to start. It runs in the root of the workspace, if no other directory is set, without standard input.
pub(crate) struct Run {
    command: Command,
    program: OsString,
    echo: bool,
}

/// A program of this name.
pub(crate) fn run(program: impl AsRef<OsStr>) -> Run {
    let mut command = Command::new(program.as_ref());
    // A child that asks a question ends at once instead of waiting for an answer.
    command.current_dir(workspace::root()).stdin(Stdio::null());
    Run { command, program: program.as_ref().to_os_string(), echo: true }
}

/// The cargo that started us.
// The cargo that runs xtask, and not the first in PATH, which may be of another toolchain.
pub(crate) fn cargo() -> Run {
    run(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

impl Run {
    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    /// Adds one argument.
    pub(crate) fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.args([arg])
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it in another directory.
    pub(crate) fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Does not print the command line.
    pub(crate) fn silent(mut self) -> Self {
        self.echo = false;
        self
    }

    /// Runs it with its output on ours.
    ///
    /// # Errors
    /// If the program cannot be started or does not exit with 0.
    pub(crate) fn show(mut self) -> Result<()> {
        self.announce();
        let status = self.command.status().doing(format!("start {}", self.name()))?;
        // Before the status is judged: a child that a signal ended would otherwise be reported as a failure.
        stop_here_if_interrupted();
        if status.success() { Ok(()) } else { Err(Error::new(format!("{} failed: {status}", self.name()))) }
    }

    /// Runs it and returns its standard output. Its output is shown only if it fails.
    ///
    /// # Errors
    /// If the program cannot be started or does not exit with 0.
    pub(crate) fn read(mut self) -> Result<String> {
        self.announce();
        let output = self.command.output().doing(format!("start {}", self.name()))?;
        stop_here_if_interrupted();
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::new(format!(
            "{} failed: {}\n{}{}",
            self.line(),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )))
    }

    fn announce(&self) {
        stop_here_if_interrupted();
        if self.echo {
            eprintln!("$ {}", self.line());
        }
    }

    /// The command line, quoted for a shell.
    fn line(&self) -> String {
        let mut line = self.name();
        for arg in self.command.get_args() {
            let arg = arg.to_string_lossy();
            line.push(' ');
            if arg.is_empty() || arg.contains([' ', '"', '$', '*', ';', '&', '|', '<', '>']) {
                line.push_str(&format!("'{arg}'"));
            } else {
                line.push_str(&arg);
            }
        }
        line
    }

    fn name(&self) -> String {
        Path::new(&self.program).file_name().unwrap_or(&self.program).to_string_lossy().into_owned()
    }
}
