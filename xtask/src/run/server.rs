//! A program that listens, in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

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
