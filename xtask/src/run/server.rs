//! A program that listens, in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Doing, Error, Result};

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// The address that clients connect to.
    pub(crate) address: String,
}

impl Server {
    /// Starts a program that is ready as soon as it has printed a line that begins with `prefix` and ends with its address.
    /// One of its outputs must be a pipe.
    pub(crate) fn start(command: &mut Command, prefix: &str) -> Result<Self> {
        let mut child = command.stdin(Stdio::null()).spawn().doing("start a server")?;
        let output: Option<Box<dyn Read + Send>> = match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), _) => Some(Box::new(stdout)),
            (None, Some(stderr)) => Some(Box::new(stderr)),
            (None, None) => None,
        };
        // From here on, the program is ended in every case, when `this` is dropped.
        let mut this = Self { child, address: String::new() };
        let mut lines = BufReader::new(output.ok_or_else(|| Error::new("a server without output"))?).lines();
        let line = lines.find_map(|line| line.ok().and_then(|line| line.strip_prefix(prefix).map(str::to_owned)));
        this.address = line.ok_or_else(|| Error::new(format!("{command:?} did not start")))?;
        // Read to the end: a full pipe would block the server at its next message.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(this)
    }

    /// A process that listens at an address.
    pub(crate) fn of(child: Child, address: String) -> Self {
        Self { child, address }
    }

    /// Fails if the process has ended.
    pub(crate) fn expect_running(&mut self) -> Result<()> {
        match self.child.try_wait().doing("look at a server")? {
            None => Ok(()),
            Some(status) => Err(Error::new(format!("the server at {} has ended: {status}", self.address))),
        }
    }

    /// Asks the process to end, and waits for it.
    ///
    /// # Errors
    /// If it has ended already, or ends with another status than 0.
    pub(crate) fn end(mut self) -> Result<()> {
        self.expect_running()?;
        let process = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let process = process.ok_or_else(|| Error::new("a server without a process"))?;
        kill_process(process, Signal::TERM).doing("end a server")?;
        let status = self.child.wait().doing("wait for a server")?;
        if status.success() { Ok(()) } else { Err(Error::new(format!("the server ended with {status}"))) }
    }

    /// The id of the process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that has ended already cannot be killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
